package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// maxSubject is the length of who somebody is to the provider, in bytes (OpenID Connect Core 1.0, section 2).
const maxSubject = 255

// Finish takes the provider's answer, the query of the request to CallbackPath, and signs the browser in: it is to keep the
// cookie and go to next. Where the sign-in is known, next is given with an error too, so that it can be tried again. Each
// sign-in and each answer counts once. Errors, all recorded in the security log: mesh.Unauthenticated when the answer proves
// nothing, or for whoever is disabled here; mesh.Denied for whoever is in no group that may use Weir, or changed their mind;
// mesh.Conflict when somebody else has their name here; mesh.Invalid when the provider says too little of them;
// mesh.Unavailable when it does not answer.
func (p *Provider) Finish(ctx context.Context, query url.Values) (who people.Person, cookie people.Cookie, next string, err error) {
	one, err := p.take(ctx, query)
	if err != nil {
		return p.failed(ctx, "/", "", err)
	}
	proof, err := p.prove(ctx, one, query)
	if err != nil {
		return p.failed(ctx, one.Next, "", err)
	}
	claim, err := p.rules.claim(p.o.Issuer, proof.claims)
	if err != nil {
		return p.unwelcome(ctx, one.Next, claim.Name, err)
	}
	who, err = p.o.Directory.Recognise(ctx, claim)
	switch {
	case mesh.CodeOf(err) == mesh.Unauthenticated: // it is recorded already
		return people.Person{}, people.Cookie{}, one.Next, err
	case err != nil:
		return p.unwelcome(ctx, one.Next, claim.Name, err)
	}
	if cookie, err = p.o.Sessions.Start(ctx, who); err != nil {
		return people.Person{}, people.Cookie{}, one.Next, err
	}
	return who, p.remember(ctx, cookie, proof.raw), one.Next, nil
}

func (p *Provider) failed(ctx context.Context, next, name string, err error) (people.Person, people.Cookie, string, error) {
	note := err.Error()
	var why *mesh.Error
	if errors.As(err, &why) && why.Err != nil {
		note = why.Err.Error() // people are told less than the log
	}
	p.o.Audit.Record(ctx, people.Entry{Event: people.SignInFailed, Who: name, Note: "oidc: " + note})
	return people.Person{}, people.Cookie{}, next, err
}

// unwelcome is failed for somebody who has proved who they are and may not come in. The provider would say the same again
// without asking, so the next sign-in of the browser lets them say who they are there anew.
func (p *Provider) unwelcome(ctx context.Context, next, name string, err error) (people.Person, people.Cookie, string, error) {
	if _, lost := p.o.Sessions.Put(ctx, anewKey, "1"); lost != nil {
		p.o.Logger.WarnContext(ctx, "the next sign-in will not ask who it is", "issuer", p.o.Issuer, "error", lost)
	}
	return p.failed(ctx, next, name, err)
}

// proof is what the provider has said of somebody, verified.
type proof struct {
	raw    string // the ID token
	claims map[string]any
}

// prove turns an answer into what the provider says.
func (p *Provider) prove(ctx context.Context, one pending, query url.Values) (proof, error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return proof{}, err
	}
	code, err := p.code(m, query)
	if err != nil {
		return proof{}, err
	}
	ctx = p.calling(ctx)
	token, err := p.exchange(ctx, m, code, one.Verifier)
	if err != nil {
		return proof{}, err
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" {
		return proof{}, mesh.Errorf(mesh.Invalid, "the identity provider %s sent no ID token: whoever runs Weir has to allow the scope openid there", p.host)
	}
	claims, err := p.verify(ctx, m, one, raw, token)
	if err != nil {
		return proof{}, err
	}
	if !p.rules.needs(claims) {
		return proof{raw, claims}, nil
	}
	more, err := p.ask(ctx, m, token, claims["sub"])
	if err != nil {
		return proof{}, err
	}
	maps.Copy(more, claims) // the token's word goes before
	return proof{raw, more}, nil
}

// code reads the answer (RFC 6749, section 4.1.2; RFC 9207).
func (p *Provider) code(m *metadata, query url.Values) (string, error) {
	if issuer := query["iss"]; len(issuer) > 1 || len(issuer) == 1 && issuer[0] != p.o.Issuer || len(issuer) == 0 && m.namesItself {
		return "", mesh.Errorf(mesh.Unauthenticated, "the answer is not of the identity provider %s: begin again", p.host)
	}
	switch why := query.Get("error"); why {
	case "":
	case "access_denied":
		return "", mesh.Errorf(mesh.Denied, "the identity provider %s did not let you in, or you cancelled it there", p.host)
	case "server_error", "temporarily_unavailable":
		return "", mesh.Errorf(mesh.Unavailable, "the identity provider %s is out of order (%s): try again in a moment", p.host, why)
	default:
		return "", mesh.Errorf(mesh.Unauthenticated, "the identity provider %s refused: %s", p.host, mesh.Shorten(strings.ToValidUTF8(why, "")))
	}
	code := query["code"]
	if len(code) != 1 || code[0] == "" {
		return "", mesh.Errorf(mesh.Unauthenticated, "the answer of the identity provider %s holds no code: begin again", p.host)
	}
	return code[0], nil
}

// exchange gives the code back for tokens.
func (p *Provider) exchange(ctx context.Context, m *metadata, code, verifier string) (*oauth2.Token, error) {
	secret, err := p.secret()
	if err != nil {
		return nil, &mesh.Error{Code: mesh.Unavailable, Message: "Weir has no secret to show to the identity provider " + p.host + ": whoever runs it has to look at oidc.clientSecretFile", Err: err}
	}
	config := m.config
	config.ClientSecret = secret
	token, err := config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	var refused *oauth2.RetrieveError
	switch {
	case err == nil:
		return token, nil
	case errors.As(err, &refused) && refused.ErrorCode == "invalid_grant":
		return nil, mesh.Errorf(mesh.Unauthenticated, "the identity provider %s takes its code back no more: begin again", p.host)
	case errors.As(err, &refused) && (refused.ErrorCode == "invalid_client" || refused.ErrorCode == "unauthorized_client" || refused.Response.StatusCode == http.StatusUnauthorized):
		p.o.Logger.ErrorContext(ctx, "the identity provider refuses Weir itself", "issuer", p.o.Issuer, "error", err)
		return nil, mesh.Errorf(mesh.Unavailable, "the identity provider %s refuses Weir itself: whoever runs it has to look at oidc.clientId and oidc.clientSecretFile", p.host)
	}
	return nil, p.away(ctx, err)
}

// verify checks an ID token (OpenID Connect Core 1.0, section 3.1.3.7) and gives its claims.
func (p *Provider) verify(ctx context.Context, m *metadata, one pending, raw string, token *oauth2.Token) (map[string]any, error) {
	id, err := m.verifier.Verify(ctx, raw)
	if err != nil {
		if strings.Contains(err.Error(), "fetching keys") {
			return nil, p.away(ctx, err)
		}
		return nil, p.untrue(ctx, err)
	}
	var times struct {
		NotBefore float64 `json:"nbf"`
		Party     string  `json:"azp"`
	}
	claims := make(map[string]any)
	if err := errors.Join(id.Claims(&claims), id.Claims(&times)); err != nil {
		return nil, p.untrue(ctx, err)
	}
	late := p.o.Now().Add(skew)
	switch {
	case subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(one.Nonce)) != 1:
		err = errors.New("its nonce is another one")
	case times.Party != "" && times.Party != p.o.ClientID, times.Party == "" && len(id.Audience) > 1:
		err = errors.New("it was given to another client")
	case id.IssuedAt.After(late), times.NotBefore > float64(late.Unix()):
		err = errors.New("it is of a time to come: one of the clocks is wrong")
	case id.Subject == "", len(id.Subject) > maxSubject:
		err = errors.New("it does not say who it is of")
	case id.AccessTokenHash != "":
		err = id.VerifyAccessToken(token.AccessToken)
	}
	if err != nil {
		return nil, p.untrue(ctx, err)
	}
	return claims, nil
}

// untrue is the error for an ID token that proves nothing.
func (p *Provider) untrue(ctx context.Context, cause error) error {
	p.o.Logger.WarnContext(ctx, "an ID token does not count", "issuer", p.o.Issuer, "error", cause)
	text := "what the identity provider " + p.host + " sent does not prove who you are: begin again"
	var expired *coreos.TokenExpiredError
	if errors.As(cause, &expired) {
		text = "what the identity provider " + p.host + " sent expired at " + expired.Expiry.UTC().Format(time.RFC3339) + ": begin again; if it goes on so, one of the clocks is wrong"
	}
	return &mesh.Error{Code: mesh.Unauthenticated, Message: text, Err: cause}
}

// ask asks for what the ID token left out (OpenID Connect Core 1.0, section 5.3).
func (p *Provider) ask(ctx context.Context, m *metadata, token *oauth2.Token, subject any) (map[string]any, error) {
	more := make(map[string]any)
	if m.provider.UserInfoEndpoint() == "" {
		return more, nil
	}
	info, err := m.provider.UserInfo(ctx, oauth2.StaticTokenSource(token))
	if err != nil {
		return nil, p.away(ctx, err)
	}
	if err := info.Claims(&more); err != nil {
		return nil, p.away(ctx, err)
	}
	if info.Subject != subject {
		return nil, p.untrue(ctx, errors.New("its userinfo endpoint speaks of somebody else"))
	}
	for _, name := range []string{"iss", "aud", "_claim_names", "_claim_sources"} {
		delete(more, name)
	}
	return more, nil
}

// names lists claims for whoever has to choose one.
func names(claims map[string]any) string {
	list := slices.Sorted(maps.Keys(claims))
	return mesh.Shorten(strings.Join(list, ", "))
}
