package authority

import (
	"context"
	"crypto/x509"
	"errors"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Verified is whom a certificate is for, and until when.
type Verified struct {
	Name
	Root  string // the ID of the root that signed it
	Until time.Time
}

// Verify says whom a certificate is for whose key somebody has shown to have; more of the chain than the first is not needed.
// Whether the token that it stands under still counts is another question. Errors: mesh.Unauthenticated in words for whoever
// runs the proxy, mesh.Unavailable when this cannot be said now.
func (a *Authority) Verify(ctx context.Context, cert *x509.Certificate) (Verified, error) {
	roots, err := a.known(ctx, lookAgain)
	if err != nil {
		return Verified{}, err
	}
	now := a.now()
	by, err := check(cert, roots, now)
	if err != nil {
		return Verified{}, mesh.Errorf(mesh.Unauthenticated, "%s", refusal(cert, err, now))
	}
	n, ok := nameOf(cert)
	if !ok {
		return Verified{}, mesh.Errorf(mesh.Unauthenticated, "the proxy's certificate names no virtual node or gateway; make another with weir bootstrap --certificates")
	}
	return Verified{Name: n, Root: by, Until: cert.NotAfter.Add(leeway)}, nil
}

// check verifies a certificate as of a moment, with leeway for clocks, and gives the root that signed it.
func check(cert *x509.Certificate, roots []root, now time.Time) (by string, err error) {
	pool := x509.NewCertPool()
	for _, r := range roots {
		pool.AddCert(r.cert)
	}
	if now.After(cert.NotAfter) && !now.After(cert.NotAfter.Add(leeway)) {
		now = cert.NotAfter
	}
	chains, err := cert.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	if err != nil {
		return "", err
	}
	chain := chains[0]
	return ID(chain[len(chain)-1]), nil
}

// refusal says what is wrong with a certificate, and what to do.
func refusal(cert *x509.Certificate, err error, now time.Time) string {
	invalid, _ := errors.AsType[x509.CertificateInvalidError](err)
	_, stranger := errors.AsType[x509.UnknownAuthorityError](err)
	at := func(t time.Time) string { return t.UTC().Format(time.RFC3339) }
	switch {
	case invalid.Reason == x509.Expired && now.Before(cert.NotBefore):
		return "the proxy's certificate is good from " + at(cert.NotBefore) + " on, and here it is " + at(now) + "; set the clocks"
	case invalid.Reason == x509.Expired:
		return "the proxy's certificate ended at " + at(cert.NotAfter) + "; renew it with weir certificate renew, and see that its timer runs"
	case stranger:
		return "the proxy's certificate is of another authority than this Weir's, or of a root that is distrusted; make one with weir bootstrap --certificates"
	}
	return "the proxy's certificate is not one that Weir makes for proxies; make one with weir bootstrap --certificates"
}
