package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// Tokens are what programs show instead of a password; people.Tokens makes them.
type Tokens interface {
	Mint(ctx context.Context, w people.Wish) (people.Minted, error)
	MintKey(ctx context.Context, w people.Wish) (people.Minted, error)
	List(ctx context.Context, person string) ([]people.Token, error)
	Revoke(ctx context.Context, id string) error
}

// Token is what can be known of a token afterwards.
type Token struct {
	ID      string           `json:"id" doc:"Its public half."`
	Kind    people.TokenKind `json:"kind" enum:"api,key"`
	Name    string           `json:"name" doc:"What it is for."`
	Grants  []string         `json:"grants" nullable:"false" doc:"What it may do, as far as its owner may."`
	At      time.Time        `json:"at"`
	Expires *time.Time       `json:"expires,omitempty"`
	Used    *time.Time       `json:"used,omitempty" doc:"When it was shown last, to the minute."`
	Revoked *time.Time       `json:"revoked,omitempty"`
	Secret  string           `json:"secret,omitempty" doc:"Of one that was just made: what is shown. It is answered once and cannot be found out again."`
}

type mintInput struct {
	Body struct {
		Kind   string        `json:"kind,omitempty" enum:"api,key" doc:"api, a bearer token, or key, an App Mesh access key; left out: api."`
		Name   string        `json:"name" required:"true" maxLength:"320" doc:"What it is for."`
		Grants []string      `json:"grants" required:"true" minItems:"1" maxItems:"100" nullable:"false" doc:"What it may do: none more than the caller may."`
		For    mesh.Duration `json:"for,omitempty" doc:"How long it is good: 90 days if left out, a year at most."`
	}
}

type tokenInput struct {
	ID string `path:"id" maxLength:"64"`
}

// tokenRoutes adds the addresses of the caller's tokens.
func (a *API) tokenRoutes() {
	huma.Register(a.huma, operation("list-tokens", http.MethodGet, "/tokens", "List the caller's API tokens and access keys, newest first; those that are over for 90 days"), a.listTokens)
	mint := operation("mint-token", http.MethodPost, "/tokens", "Make an API token or an access key of the caller's")
	mint.DefaultStatus = http.StatusCreated
	huma.Register(a.huma, mint, a.mintToken)
	revoke := operation("revoke-token", http.MethodDelete, "/tokens/{id}", "Revoke a token: it counts no more from the next request on")
	revoke.DefaultStatus = http.StatusNoContent
	huma.Register(a.huma, revoke, a.revokeToken)
}

func (a *API) listTokens(ctx context.Context, _ *struct{}) (*answer[list[Token]], error) {
	if a.o.Tokens == nil {
		return nil, noSignIn()
	}
	id, _ := auth.From(ctx)
	found, err := a.o.Tokens.List(ctx, id.Person)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	items := make([]Token, len(found))
	for i, t := range found {
		items[i] = tokenOf(t)
	}
	return &answer[list[Token]]{Status: http.StatusOK, Body: list[Token]{Items: items}}, nil
}

func (a *API) mintToken(ctx context.Context, in *mintInput) (*answer[Token], error) {
	if a.o.Tokens == nil {
		return nil, noSignIn()
	}
	grants, err := grantsOf(in.Body.Grants)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	mint := a.o.Tokens.Mint
	if in.Body.Kind == string(people.KindKey) {
		mint = a.o.Tokens.MintKey
	}
	made, err := mint(ctx, people.Wish{Name: in.Body.Name, Grants: grants, For: time.Duration(in.Body.For)})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := tokenOf(made.Token)
	out.Secret = made.Secret
	return &answer[Token]{Status: http.StatusCreated, Body: out}, nil
}

func (a *API) revokeToken(ctx context.Context, in *tokenInput) (*struct{}, error) {
	if a.o.Tokens == nil {
		return nil, noSignIn()
	}
	if err := a.o.Tokens.Revoke(ctx, in.ID); err != nil {
		return nil, a.fail(ctx, err)
	}
	return nil, nil
}

func tokenOf(t people.Token) Token {
	return Token{
		ID: t.ID, Kind: t.Kind, Name: t.Name, Grants: grantWords(t.Grants), At: t.At,
		Expires: moment(t.Expires), Used: moment(t.Used), Revoked: moment(t.Revoked),
	}
}
