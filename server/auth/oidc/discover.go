package oidc

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sync/atomic"
	"time"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/weirmesh/weir/server/mesh"
)

// What the provider says of itself is believed for an hour. When it cannot be asked again after that, what it said last
// still counts; when it never could be, it is asked again after a second, so that nobody makes Weir knock all the time.
const (
	believe = time.Hour
	again   = time.Second
)

// skew is how far the provider's clock may be from Weir's.
const skew = 30 * time.Second

// metadata is what the provider says of itself (OpenID Connect Discovery 1.0, section 3).
type metadata struct {
	provider    *coreos.Provider
	verifier    *coreos.IDTokenVerifier
	config      oauth2.Config // without the secret
	endSession  string        // empty: it has none
	namesItself bool          // its answers say whose they are (RFC 9207)
}

// discovery holds what was found last. Whoever asks holds the turn meanwhile.
type discovery struct {
	turn chan struct{}
	kept *atomic.Pointer[metadata]
	next time.Time // when it is asked again; belongs to whoever has the turn
	err  error     // of the last time, likewise
}

func newDiscovery() discovery {
	return discovery{turn: make(chan struct{}, 1), kept: new(atomic.Pointer[metadata])}
}

func (d *discovery) last() *metadata { return d.kept.Load() }

// Check tells whether the provider can be asked, for whoever watches Weir. Error: mesh.Unavailable.
func (p *Provider) Check(ctx context.Context) error {
	_, err := p.metadata(ctx)
	return err
}

// metadata gives what the provider says of itself. Error: mesh.Unavailable.
func (p *Provider) metadata(ctx context.Context) (*metadata, error) {
	d := &p.found
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return nil, p.away(ctx, ctx.Err())
	}
	kept := d.last()
	if now := p.o.Now(); now.Before(d.next) {
		return kept, d.err
	}
	found, err := p.discover(ctx)
	now := p.o.Now()
	switch {
	case err == nil:
		d.kept.Store(found)
		d.next, d.err = now.Add(believe), nil
		return found, nil
	case kept != nil:
		p.o.Logger.WarnContext(ctx, "the identity provider could not be asked again, what it said last still counts", "issuer", p.o.Issuer, "error", err)
		d.next = now.Add(time.Minute)
		return kept, nil
	}
	d.next, d.err = now.Add(again), p.away(ctx, err)
	return nil, d.err
}

// discover asks. It goes on when the browser that made it ask is gone, since others wait for the answer.
func (p *Provider) discover(ctx context.Context) (*metadata, error) {
	ctx, cancel := context.WithTimeout(p.calling(context.WithoutCancel(ctx)), p.o.Timeout)
	defer cancel()
	provider, err := coreos.NewProvider(ctx, p.o.Issuer)
	if err != nil {
		return nil, err
	}
	var says struct {
		Keys        string   `json:"jwks_uri"`
		EndSession  string   `json:"end_session_endpoint"`
		NamesItself bool     `json:"authorization_response_iss_parameter_supported"`
		Methods     []string `json:"token_endpoint_auth_methods_supported"`
	}
	if err := provider.Claims(&says); err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	if err := p.checkEndpoints(endpoint.AuthURL, endpoint.TokenURL, says.Keys); err != nil {
		return nil, err
	}
	for _, optional := range []string{says.EndSession, provider.UserInfoEndpoint()} {
		if err := p.checkEndpoints(optional); err != nil && optional != "" {
			return nil, err
		}
	}
	endpoint.AuthStyle = oauth2.AuthStyleInHeader // what a provider that does not say understands
	if p.o.SecretFile == "" || len(says.Methods) > 0 && !slices.Contains(says.Methods, "client_secret_basic") {
		endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	return &metadata{
		provider: provider, endSession: says.EndSession, namesItself: says.NamesItself,
		verifier: provider.Verifier(&coreos.Config{ClientID: p.o.ClientID, Now: func() time.Time { return p.o.Now().Add(-skew) }}),
		config:   oauth2.Config{ClientID: p.o.ClientID, Endpoint: endpoint, RedirectURL: p.o.PublicURL + CallbackPath, Scopes: p.o.Scopes},
	}, nil
}

// checkEndpoints refuses addresses that a provider cannot have: whoever has its word to trust has no use for plain text.
func (p *Provider) checkEndpoints(list ...string) error {
	for _, s := range list {
		u, err := url.Parse(s)
		plain := err == nil && u.Scheme == "http" && loopback(u.Hostname()) && p.o.Issuer[:5] == "http:"
		if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || u.Scheme != "https" && !plain {
			return refusal("it names " + mesh.Shorten(s) + " as one of its addresses, which is none that begins with https://")
		}
	}
	return nil
}

// calling has whatever is called through the context be called by the provider's own client.
func (p *Provider) calling(ctx context.Context) context.Context {
	return coreos.ClientContext(ctx, p.client)
}

// away is the error for whoever wants to sign in; the log is told the cause.
func (p *Provider) away(ctx context.Context, cause error) error {
	p.o.Logger.WarnContext(ctx, "the identity provider cannot be asked", "issuer", p.o.Issuer, "error", cause)
	text := "the identity provider " + p.host + " does not answer as it should: try again in a moment, or sign in with a password"
	var mismatch *coreos.IssuerMismatchError
	var refused refusal
	switch {
	case errors.As(cause, &mismatch):
		text = "the identity provider " + p.host + " calls itself " + mesh.Shorten(mismatch.Discovered) + ": whoever runs Weir has to write oidc.issuer exactly so"
	case errors.As(cause, &refused):
		text = "the identity provider " + p.host + " cannot be used: " + refused.Error()
	}
	return &mesh.Error{Code: mesh.Unavailable, Message: text, Err: cause}
}
