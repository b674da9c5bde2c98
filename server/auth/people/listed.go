package people

import (
	"context"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
)

// List gives a person's API tokens and access keys, the newest first, to them and to whoever manages people; everybody's for
// an empty person. Tokens that are over stay for 90 days. Error: mesh.Denied.
func (t *Tokens) List(ctx context.Context, person string) ([]Token, error) {
	if !owns(ctx, person) {
		if err := t.audit.manage(ctx, "list tokens"); err != nil {
			return nil, err
		}
	}
	return t.seen(t.store.Tokens(ctx, TokenQuery{Kinds: []TokenKind{KindAPI, KindKey}, Owner: person}))
}

// Proxies gives the proxies' tokens of a mesh, the newest first, to whoever may steer it. Error: mesh.Denied.
func (t *Tokens) Proxies(ctx context.Context, meshName string) ([]Token, error) {
	if err := t.steer(ctx, meshName, mesh.Ref{}); err != nil {
		return nil, err
	}
	return t.seen(t.store.Tokens(ctx, TokenQuery{Kinds: []TokenKind{KindProxy}, Mesh: meshName}))
}

// seen adds uses that are not written down yet.
func (t *Tokens) seen(list []Token, err error) ([]Token, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range list {
		list[i].Hash, list[i].Sealed = nil, nil
		if at := t.used[list[i].ID]; at.After(list[i].Used) {
			list[i].Used = at
		}
	}
	return list, err
}

// Revoke ends a token: one's own, a proxy's for whoever may steer its mesh, anybody's for whoever manages people, and a token
// itself. It counts no more from the next request on. Errors: mesh.NotFound, mesh.Denied.
func (t *Tokens) Revoke(ctx context.Context, id string) error {
	token, err := t.store.Token(ctx, id)
	if err != nil {
		return err
	}
	switch who, _ := auth.From(ctx); {
	case token.Kind == KindSetup || token.Kind == KindInvite:
		return mesh.Errorf(mesh.NotFound, "there is no token %s", mesh.Shorten(id))
	case token.Kind == KindProxy:
		err = t.steer(ctx, token.Mesh, parseNode(token.Node))
	case owns(ctx, token.Owner), who.ID == token.ID:
	default:
		err = t.audit.manage(ctx, "revoke token "+token.ID)
	}
	if err != nil {
		return err
	}
	n, err := t.store.RevokeTokens(ctx, TokenQuery{ID: token.ID}, actor(ctx), t.now().UTC())
	if err == nil && n > 0 {
		t.audit.Record(ctx, Entry{Event: TokenRevoked, Of: token.ID, Note: token.Name})
	}
	return err
}

// owns tells whether the context names that person.
func owns(ctx context.Context, person string) bool {
	id, ok := auth.From(ctx)
	return ok && id.Kind == auth.Person && id.ID == person && person != ""
}

// steer asks for the right to steer an object of a mesh, and writes down when it is not there.
func (t *Tokens) steer(ctx context.Context, meshName string, of mesh.Ref) error {
	err := auth.Can(ctx, auth.Steer, auth.Resource{Mesh: meshName, Of: of})
	if err != nil {
		t.audit.Record(ctx, Entry{Event: Denied, Of: "proxies' tokens of " + meshName, Note: err.Error()})
	}
	return err
}
