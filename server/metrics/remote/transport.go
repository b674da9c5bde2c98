package remote

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/version"
	"github.com/prometheus/sigv4"
)

// tenantHeader names a tenant to Mimir, and to whatever copied it.
const tenantHeader = "X-Scope-OrgID"

// newClient builds the client of a validated source: its own headers, then those of the configuration, then the
// signature, then the wire.
func newClient(s Source) (client *http.Client, idle func(), err error) {
	cfg := s.HTTP
	cfg.OAuth2 = nil // below, with a limit of time
	base, err := config.NewRoundTripperFromConfig(cfg, s.Name, config.WithUserAgent("Weir/"+version.Version))
	if err != nil {
		return nil, nil, err
	}
	next := base
	if s.HTTP.OAuth2 != nil {
		if next, err = newTokens(s.HTTP.OAuth2, next, time.Duration(s.Timeout)); err != nil {
			return nil, nil, err
		}
	}
	end := next // closes base too
	if s.SigV4 != nil {
		next = &signer{config: *s.SigV4, next: next, turn: make(chan struct{}, 1)}
	}
	if s.Tenant != "" {
		next = tenant{s.Tenant, next}
	}
	idle = (&http.Client{Transport: end}).CloseIdleConnections
	return &http.Client{Transport: next, CheckRedirect: redirect(s.HTTP.FollowRedirects)}, idle, nil
}

// errElsewhere says that a server sends callers to another one, which must not see the credentials.
type errElsewhere struct{ host string }

func (e errElsewhere) Error() string { return "it sends callers on to " + e.host }

// redirect follows redirects on the same host, and to TLS there. A POST that would become a GET loses the question: such
// an answer is given back, and the question is asked again in the URL.
func redirect(follow bool) func(*http.Request, []*http.Request) error {
	return func(req *http.Request, via []*http.Request) error {
		from := via[0].URL
		switch {
		case req.URL.Hostname() != from.Hostname() || from.Scheme == "https" && req.URL.Scheme != "https":
			return errElsewhere{req.URL.Scheme + "://" + req.URL.Host}
		case !follow, via[0].Method == http.MethodPost && req.Method != http.MethodPost:
			return http.ErrUseLastResponse
		case len(via) >= 5:
			return errors.New("it redirects in a circle")
		}
		return nil
	}
}

type tenant struct {
	name string
	next http.RoundTripper
}

func (t tenant) RoundTrip(req *http.Request) (*http.Response, error) {
	req = req.Clone(req.Context())
	req.Header.Set(tenantHeader, t.name)
	return t.next.RoundTrip(req)
}

// errCredentials says that a request could not be given its credentials.
type errCredentials struct {
	field string
	err   error
}

func (e errCredentials) Error() string { return e.err.Error() }
func (e errCredentials) Unwrap() error { return e.err }

// signer signs requests with AWS' Signature Version 4. It looks for credentials when they are first needed: a machine
// that cannot have them yet can still start, and tries again with the next question.
type signer struct {
	config SigV4
	next   http.RoundTripper
	turn   chan struct{} // held by whoever looks for credentials
	ready  http.RoundTripper
}

func (s *signer) RoundTrip(req *http.Request) (*http.Response, error) {
	rt, err := s.signing(req.Context())
	if err != nil {
		return nil, errCredentials{"sigv4", err}
	}
	// A header without values is not sent, but would be signed: the signature would never match.
	signed := req.Clone(req.Context())
	for name, values := range signed.Header {
		if len(values) == 0 {
			delete(signed.Header, name)
		}
	}
	return rt.RoundTrip(signed)
}

func (s *signer) signing(ctx context.Context) (http.RoundTripper, error) {
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.ready != nil {
		return s.ready, nil
	}
	secret, err := s.config.secretKey()
	if err != nil {
		return nil, err
	}
	s.ready, err = sigv4.NewSigV4RoundTripper(&sigv4.SigV4Config{
		Region: s.config.Region, AccessKey: s.config.AccessKey, SecretKey: secret, Profile: s.config.Profile,
		RoleARN: s.config.RoleARN, ServiceName: s.config.ServiceName,
	}, s.next, sigv4.WithContext(ctx))
	if err != nil {
		s.ready = nil
		return nil, err
	}
	return s.ready, nil
}

// newTokens adds OAuth2. The library fetches tokens without regard to the question's deadline, so connections to the
// token server end by themselves, and callers do not wait for them.
func newTokens(o *config.OAuth2, next http.RoundTripper, timeout time.Duration) (http.RoundTripper, error) {
	var secret config.SecretReader
	switch {
	case o.ClientSecretRef != "" || o.ClientCertificateKeyRef != "":
		return nil, errors.New("oauth2: references to a secret manager are not supported: give a file")
	case o.ClientSecret != "":
		secret = config.NewInlineSecret(string(o.ClientSecret))
	case o.ClientSecretFile != "":
		secret = config.NewFileSecret(o.ClientSecretFile)
	case o.ClientCertificateKey != "":
		secret = config.NewInlineSecret(string(o.ClientCertificateKey))
	case o.ClientCertificateKeyFile != "":
		secret = config.NewFileSecret(o.ClientCertificateKeyFile)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		deadline := time.Now().Add(timeout)
		conn, err := (&net.Dialer{Deadline: deadline}).DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if err := conn.SetDeadline(deadline); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		return conn, nil
	}
	rt := config.NewOAuth2RoundTripper(secret, o, next, config.WithDialContextFunc(dial), config.WithKeepAlivesDisabled())
	return &impatient{next: rt}, nil
}

// impatient gives up on the next one when the request's time is over, even if that one does not.
type impatient struct {
	next    http.RoundTripper
	waiting sync.WaitGroup // for the next one
}

// RoundTrip asks the next one.
func (i *impatient) RoundTrip(req *http.Request) (*http.Response, error) {
	type outcome struct {
		resp *http.Response
		err  error
	}
	done := make(chan outcome, 1)
	i.waiting.Go(func() {
		resp, err := i.next.RoundTrip(req)
		if resp != nil && req.Context().Err() != nil {
			_ = resp.Body.Close() // nobody may be there to read it
		}
		done <- outcome{resp, err}
	})
	select {
	case got := <-done:
		return got.resp, got.err
	case <-req.Context().Done():
		return nil, fmt.Errorf("waiting for its OAuth2 token: %w", req.Context().Err())
	}
}

// CloseIdleConnections closes those of the next one, once nobody waits for it any longer: its connections to the token
// server end by themselves.
func (i *impatient) CloseIdleConnections() {
	i.waiting.Wait()
	(&http.Client{Transport: i.next}).CloseIdleConnections()
}
