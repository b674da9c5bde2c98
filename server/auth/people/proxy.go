package people

import (
	"context"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
)

// ProxyWish is what a proxy's token is to be.
type ProxyWish struct {
	Mesh string
	Node mesh.Ref      // the virtual node or gateway that whoever shows it may be
	Name string        // what it is for; empty: its node
	For  time.Duration // how long it is good; 0: until it is revoked, since a proxy that cannot come back is an outage
}

// MintProxy makes a token by which a proxy may be one node of one mesh, for whoever may steer that node. Errors: mesh.Invalid,
// mesh.Denied, mesh.Conflict for too many.
func (t *Tokens) MintProxy(ctx context.Context, w ProxyWish) (Minted, error) {
	if w.Mesh == "" || w.Node.Name == "" || w.Node.Kind != mesh.KindNode && w.Node.Kind != mesh.KindGateway {
		return Minted{}, mesh.Errorf(mesh.Invalid, "a proxy's token is for a mesh and one of its virtual nodes or gateways, as in node/reviews-v1 or gateway/edge")
	}
	if w.Name == "" {
		w.Name = string([]rune(w.Node.Name)[:min(len([]rune(w.Node.Name)), maxTokenName)])
	}
	name, err := tokenName(w.Name)
	if err != nil {
		return Minted{}, err
	}
	if w.For < 0 || w.For > 0 && w.For < time.Minute {
		return Minted{}, mesh.Errorf(mesh.Invalid, "a proxy's token is good for at least a minute, or without end: not for %s", w.For)
	}
	if err := t.steer(ctx, w.Mesh, w.Node); err != nil {
		return Minted{}, err
	}
	id, _ := auth.From(ctx)
	now, secret := t.now().UTC(), newSecret(tokenSecret)
	token := Token{ID: t.directory.ids.next(now), Kind: KindProxy, Hash: hashOf(secret), Name: name, Owner: id.Person, Mesh: w.Mesh, Node: w.Node.Path(), At: now}
	if w.For > 0 {
		token.Expires = now.Add(w.For)
	}
	if err := t.keep(ctx, token, maxProxyTokens); err != nil {
		return Minted{}, err
	}
	return Minted{Token: token, Secret: join(proxyPrefix, token.ID, secret)}, nil
}

// Proxy gives the mesh and the node that whoever shows a proxy's token may be. Error: mesh.Unauthenticated, in the same words
// whatever is wrong with it.
func (t *Tokens) Proxy(ctx context.Context, bearer string) (meshName string, node mesh.Ref, err error) {
	token, err := t.find(ctx, KindProxy, proxyPrefix, bearer)
	if err != nil {
		return "", mesh.Ref{}, err
	}
	t.touch(token)
	return token.Mesh, parseNode(token.Node), nil
}

// Standing gives the mesh and the node of the proxy's token under which a certificate stands, by its ID. Error:
// mesh.Unauthenticated when the token counts no more, and the certificate with it.
func (t *Tokens) Standing(ctx context.Context, id string) (meshName string, node mesh.Ref, err error) {
	token, err := t.store.Token(ctx, id)
	switch {
	case mesh.CodeOf(err) == mesh.NotFound || err == nil && (token.Kind != KindProxy || !token.Valid(t.now())):
		return "", mesh.Ref{}, mesh.Errorf(mesh.Unauthenticated, "the token that the proxy's certificate stands under is unknown, has expired or was revoked; make another with weir bootstrap --certificates")
	case err != nil:
		return "", mesh.Ref{}, err
	}
	t.touch(token)
	return token.Mesh, parseNode(token.Node), nil
}

// parseNode reads Ref.Path.
func parseNode(path string) mesh.Ref {
	kind, name, _ := strings.Cut(path, "/")
	return mesh.Ref{Kind: mesh.Kind(kind), Name: name}
}
