package oidc

import (
	"context"
	"net/url"

	"github.com/weirmesh/weir/server/auth/people"
)

// A session that began here holds its ID token, by which the provider knows what to end, unless it is longer than a session
// keeps values: then the provider asks.
const (
	tokenKey = "oidc.id"
	maxHint  = 3500 // bytes
	noHint   = "-"
)

func (p *Provider) remember(ctx context.Context, cookie people.Cookie, raw string) people.Cookie {
	if len(raw) > maxHint {
		raw = noHint
	}
	kept, err := p.o.Sessions.Put(ctx, tokenKey, raw)
	if err != nil {
		p.o.Logger.WarnContext(ctx, "signing out will not reach the identity provider", "issuer", p.o.Issuer, "error", err)
		return cookie
	}
	return kept
}

// Logout signs the context's browser out here and gives the address at which it is signed out at the provider too (OpenID
// Connect RP-Initiated Logout 1.0), which sends it on to SignInPath; empty when it signed in otherwise, or the provider has
// none or does not answer. The cookie is to be thrown away in any case. Browsers let a form lead there only from a page whose
// form-action names Origins.
func (p *Provider) Logout(ctx context.Context) (redirectURL string, cookie people.Cookie, err error) {
	hint, err := p.o.Sessions.Pop(ctx, tokenKey)
	if err != nil {
		return "", people.Cookie{}, err
	}
	if cookie, err = p.o.Sessions.End(ctx); err != nil || hint == "" {
		return "", cookie, err
	}
	m, err := p.metadata(ctx)
	if err != nil || m.endSession == "" {
		return "", cookie, nil //nolint:nilerr // who wants to leave is out here, whatever the provider does
	}
	at, err := url.Parse(m.endSession)
	if err != nil {
		return "", cookie, err
	}
	query := at.Query()
	query.Set("client_id", p.o.ClientID)
	query.Set("post_logout_redirect_uri", p.o.PublicURL+SignInPath)
	if hint != noHint {
		query.Set("id_token_hint", hint)
	}
	at.RawQuery = query.Encode()
	return at.String(), cookie, nil
}
