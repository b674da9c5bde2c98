package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// ProxyTokens makes, lists and revokes the tokens by which proxies are let in; people.Tokens does. It asks for the rights of
// whoever the context names.
type ProxyTokens interface {
	MintProxy(ctx context.Context, w people.ProxyWish) (people.Minted, error)
	Proxies(ctx context.Context, meshName string) ([]people.Token, error)
	Revoke(ctx context.Context, id string) error
}

// ProxyToken is what can be known of a proxy's token afterwards.
type ProxyToken struct {
	ID      string     `json:"id" doc:"Its name, which is no secret."`
	Mesh    string     `json:"mesh"`
	Node    string     `json:"node,omitempty" doc:"The virtual node that whoever shows it may be."`
	Gateway string     `json:"gateway,omitempty" doc:"Or the virtual gateway."`
	Name    string     `json:"name" doc:"What it is for."`
	At      time.Time  `json:"at" doc:"When it was made."`
	Expires *time.Time `json:"expires,omitempty" doc:"Left out: it is good until it is revoked."`
	Used    *time.Time `json:"used,omitempty" doc:"When it was shown last, to the minute."`
	Revoked *time.Time `json:"revoked,omitempty"`
}

// MintedProxyToken is a proxy's token with its secret.
type MintedProxyToken struct {
	ProxyToken
	Token string `json:"token" doc:"What the proxy shows as authorization: Bearer. It is answered once and cannot be found out again."`
}

// proxyTokenBody says what a token is to be.
type proxyTokenBody struct {
	Node    string        `json:"node,omitempty" maxLength:"255" doc:"The virtual node: either this or gateway."`
	Gateway string        `json:"gateway,omitempty" maxLength:"255" doc:"The virtual gateway."`
	Name    string        `json:"name,omitempty" maxLength:"320" doc:"What it is for; left out, the node's name."`
	For     mesh.Duration `json:"for,omitempty" doc:"How long it is good; left out, until it is revoked."`
}

type mintProxyInput struct {
	InMesh
	Body proxyTokenBody
}

type proxyTokenInput struct {
	InMesh
	ID string `path:"id" maxLength:"64"`
}

// proxyTokenRoutes adds the addresses of the proxies' tokens.
func (a *API) proxyTokenRoutes() {
	const path = "/meshes/{mesh}/proxy-tokens"
	mint := operation("mint-proxy-token", http.MethodPost, path, "Make a token by which proxies may be one virtual node or gateway")
	mint.DefaultStatus = http.StatusCreated
	huma.Register(a.huma, mint, a.mintProxyToken)
	huma.Register(a.huma, operation("list-proxy-tokens", http.MethodGet, path, "List the tokens of a mesh's proxies, newest first; those that are over for 90 days"), a.listProxyTokens)
	revoke := operation("revoke-proxy-token", http.MethodDelete, path+"/{id}", "Revoke a proxy's token")
	revoke.Description = "The streams that were opened with it end within five seconds; the proxy goes on with the configuration that it has."
	huma.Register(a.huma, revoke, a.revokeProxyToken)
}

func (a *API) mintProxyToken(ctx context.Context, in *mintProxyInput) (*answer[MintedProxyToken], error) {
	tokens, err := a.proxyTokens(ctx, in.Mesh)
	if err != nil {
		return nil, err
	}
	b := in.Body
	if (b.Node == "") == (b.Gateway == "") {
		return nil, a.fail(ctx, mesh.Errorf(mesh.Invalid, "name either the virtual node or the virtual gateway that the token is for"))
	}
	ref := mesh.Ref{Kind: mesh.KindNode, Name: b.Node}
	if b.Gateway != "" {
		ref = mesh.Ref{Kind: mesh.KindGateway, Name: b.Gateway}
	}
	if _, err := a.o.Meshes.Object(in.Mesh, ref); err != nil { // a name that is misspelt would show only at the proxy
		return nil, a.fail(ctx, err)
	}
	made, err := tokens.MintProxy(ctx, people.ProxyWish{Mesh: in.Mesh, Node: ref, Name: b.Name, For: time.Duration(b.For)})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[MintedProxyToken]{Status: http.StatusCreated, Body: MintedProxyToken{ProxyToken: proxyTokenOf(made.Token), Token: made.Secret}}, nil
}

func (a *API) listProxyTokens(ctx context.Context, in *InMesh) (*answer[list[ProxyToken]], error) {
	tokens, err := a.proxyTokens(ctx, in.Mesh)
	if err != nil {
		return nil, err
	}
	found, err := tokens.Proxies(ctx, in.Mesh)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	items := make([]ProxyToken, len(found))
	for i, t := range found {
		items[i] = proxyTokenOf(t)
	}
	return &answer[list[ProxyToken]]{Status: http.StatusOK, Body: list[ProxyToken]{Items: items}}, nil
}

func (a *API) revokeProxyToken(ctx context.Context, in *proxyTokenInput) (*answer[ProxyToken], error) {
	tokens, err := a.proxyTokens(ctx, in.Mesh)
	if err != nil {
		return nil, err
	}
	if _, err := findProxyToken(ctx, tokens, *in); err != nil { // it may be of another mesh, or no proxy's
		return nil, a.fail(ctx, err)
	}
	if err := tokens.Revoke(ctx, in.ID); err != nil {
		return nil, a.fail(ctx, err)
	}
	revoked, err := findProxyToken(ctx, tokens, *in)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[ProxyToken]{Status: http.StatusOK, Body: proxyTokenOf(revoked)}, nil
}

// findProxyToken gives a mesh's token.
func findProxyToken(ctx context.Context, tokens ProxyTokens, in proxyTokenInput) (people.Token, error) {
	found, err := tokens.Proxies(ctx, in.Mesh)
	if err != nil {
		return people.Token{}, err
	}
	for _, t := range found {
		if t.ID == in.ID {
			return t, nil
		}
	}
	return people.Token{}, mesh.Errorf(mesh.NotFound, "mesh %s has no proxy's token %q: list them with weir proxies tokens", in.Mesh, mesh.Shorten(in.ID))
}

// proxyTokens gives who keeps the tokens of a mesh that exists.
func (a *API) proxyTokens(ctx context.Context, meshName string) (ProxyTokens, error) {
	if a.o.ProxyTokens == nil {
		return nil, problem(http.StatusNotImplemented, "this Weir has no sign-in: proxies connect without a token")
	}
	if err := a.known(ctx, meshName); err != nil {
		return nil, err
	}
	return a.o.ProxyTokens, nil
}

func proxyTokenOf(t people.Token) ProxyToken {
	out := ProxyToken{ID: t.ID, Mesh: t.Mesh, Name: t.Name, At: t.At, Expires: moment(t.Expires), Used: moment(t.Used), Revoked: moment(t.Revoked)}
	switch kind, name, _ := strings.Cut(t.Node, "/"); mesh.Kind(kind) {
	case mesh.KindGateway:
		out.Gateway = name
	default:
		out.Node = name
	}
	return out
}

// moment is nil for one that never was.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}
