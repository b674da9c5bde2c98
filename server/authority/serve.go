package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"sync"
	"time"
)

// ControlPlane is the name in the control plane's certificates. Proxies look for it wherever they reach Weir, so that no
// address has to be known when a certificate is made: nobody else gets one of this authority with that name.
const ControlPlane = "control-plane.weir.internal"

// renewWithin is how long a connection waits for a new certificate before it gets the one of before.
const renewWithin = 2 * time.Second

// served is the control plane's certificate, of which each process has its own.
type served struct {
	authority *Authority

	mu    sync.Mutex
	cert  *tls.Certificate
	renew time.Time
}

// Serve gives the control plane's certificate, as tls.Config.GetCertificate asks for it: one that is renewed in time, with the
// next connection. Error: that of the first one.
func (a *Authority) Serve(ctx context.Context) (func(*tls.ClientHelloInfo) (*tls.Certificate, error), error) {
	s := &served{authority: a}
	if err := s.make(ctx); err != nil {
		return nil, err
	}
	return s.certificate, nil
}

func (s *served) certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now := s.authority.now(); !now.Before(s.renew) || !s.authority.stillSigns(s.cert.Leaf) {
		ctx, cancel := context.WithTimeout(context.Background(), renewWithin) // not the connection's, which may be gone
		defer cancel()
		if err := s.make(ctx); err != nil {
			s.renew = now.Add(lookEvery)
			s.authority.log.Error("the control plane's certificate cannot be renewed; it is tried again", "until", s.cert.Leaf.NotAfter, "err", err)
		}
	}
	return s.cert, nil
}

// make makes the next certificate. The lock is held, but for the first time.
func (s *served) make(ctx context.Context) error {
	a := s.authority
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("make a key: %w", err)
	}
	now := a.now().UTC()
	template := leaf(now, a.lifetime)
	template.Subject = pkix.Name{CommonName: ControlPlane}
	template.DNSNames = []string{ControlPlane}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	der, err := a.sign(ctx, template, &key.PublicKey)
	if err != nil {
		return err
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		return fmt.Errorf("read a new certificate: %w", err)
	}
	s.cert = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: parsed}
	s.renew = RenewAt(now, template.NotAfter)
	return nil
}
