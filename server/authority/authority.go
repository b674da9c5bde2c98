// Package authority is Weir's own certificate authority for proxies: its roots are kept in the database, their keys sealed
// with the installation's key. It signs certificates for a day that name a virtual node or gateway as SPIFFE does, and the
// token that they stand under, so that revoking the token ends them; and those that the control plane serves.
package authority

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"log/slog"
	"math/big"
	"net/url"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/auth/seal"
	"github.com/weirmesh/weir/server/mesh"
)

const (
	// Lifetime is how long a proxy's certificate is good unless Options say otherwise.
	Lifetime = 24 * time.Hour
	// behind is how far a clock that checks may be behind the one that signs.
	behind = time.Hour
	// leeway is how far a clock that checks may be ahead.
	leeway = 5 * time.Minute
	// lookEvery is how old what is known of the roots may be. Another replica may have made one.
	lookEvery = time.Minute
	// lookAgain is how old it may be where certificates are checked: so soon a root that another replica distrusts counts no
	// more here.
	lookAgain = 2 * time.Second
)

// Store keeps the roots.
type Store interface {
	// Authorities gives all roots, oldest first.
	Authorities(ctx context.Context) ([]Root, error)
	// AddAuthority records a root, unless the newest one is another than after, by its ID; empty: there is none
	// (mesh.Conflict).
	AddAuthority(ctx context.Context, r Root, after string) error
	// RemoveAuthority forgets a root (mesh.NotFound).
	RemoveAuthority(ctx context.Context, id string) error
}

// Options are what an Authority needs.
type Options struct {
	Store    Store        // required
	Key      []byte       // required: 32 bytes that seal the roots' keys; the same on every replica
	Logger   *slog.Logger // nil: silent
	Lifetime time.Duration
	Now      func() time.Time // nil: the clock
}

// Authority signs certificates and checks them. The first root is made when the first certificate is asked for. It may be
// used by many goroutines.
type Authority struct {
	store    Store
	sealer   *seal.Sealer
	log      *slog.Logger
	lifetime time.Duration
	now      func() time.Time

	mu      sync.Mutex
	roots   []root          // oldest first
	gone    map[string]bool // roots that were distrusted here: what was read before that brings none back
	looked  time.Time
	looking bool
}

// New makes an Authority. Error: mesh.Invalid for a key of the wrong length.
func New(o Options) (*Authority, error) {
	sealer, err := seal.New(o.Key)
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "the key that seals the authority's keys: %w", err)
	}
	a := &Authority{store: o.Store, sealer: sealer, log: o.Logger, lifetime: cmp.Or(o.Lifetime, Lifetime), now: o.Now, gone: make(map[string]bool)}
	if a.log == nil {
		a.log = slog.New(slog.DiscardHandler)
	}
	if a.now == nil {
		a.now = time.Now
	}
	return a, nil
}

// Issued is a certificate that was signed just now.
type Issued struct {
	Certificate []byte    // in PEM
	Authorities []byte    // in PEM: all roots that are trusted now
	Until       time.Time // the end of the certificate
	Renew       time.Time // when to ask for the next one
}

// Issue signs a certificate for whoever has the key of a request (PKCS #10, in PEM). What names the request asks for does not
// matter. Errors: mesh.Invalid for a request or a name that cannot be, mesh.Unavailable.
func (a *Authority) Issue(ctx context.Context, n Name, request []byte) (Issued, error) {
	uri, err := n.URI()
	if err != nil {
		return Issued{}, err
	}
	public, err := readRequest(request)
	if err != nil {
		return Issued{}, err
	}
	now := a.now().UTC()
	template := leaf(now, a.lifetime)
	template.Subject = pkix.Name{SerialNumber: n.Token}
	template.URIs = []*url.URL{uri}
	template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	der, err := a.sign(ctx, template, public)
	if err != nil {
		return Issued{}, err
	}
	roots, err := a.Trusted(ctx)
	if err != nil {
		return Issued{}, err
	}
	return Issued{
		Certificate: pemOf(der), Authorities: roots, Until: template.NotAfter, Renew: RenewAt(now, template.NotAfter),
	}, nil
}

// RenewAt is when a third of the time between two moments is left: time enough for a night in which nobody can renew.
func RenewAt(from, until time.Time) time.Time { return until.Add(-until.Sub(from) / 3) }

// leaf begins a certificate. Those that are made at once do not end at once: up to a 24th of their life is taken off.
func leaf(now time.Time, life time.Duration) *x509.Certificate {
	serial := newSerial()
	spread := new(big.Int).Mod(serial, big.NewInt(int64(life/24)+1)).Int64()
	return &x509.Certificate{
		SerialNumber: serial, NotBefore: now.Add(-behind), NotAfter: now.Add(life - time.Duration(spread)).Truncate(time.Second),
		KeyUsage: x509.KeyUsageDigitalSignature, BasicConstraintsValid: true,
	}
}

// sign signs with the root whose turn it is.
func (a *Authority) sign(ctx context.Context, template *x509.Certificate, public crypto.PublicKey) ([]byte, error) {
	roots, err := a.ready(ctx)
	if err != nil {
		return nil, err
	}
	by := signer(roots, template.NotAfter)
	key, err := a.open(by)
	if err != nil {
		return nil, err
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.cert, public, key)
	if err != nil {
		return nil, mesh.Errorf(mesh.Internal, "sign a certificate: %w", err)
	}
	return der, nil
}

// Trusted gives the roots that certificates are checked against now, in PEM; there is at least one.
func (a *Authority) Trusted(ctx context.Context) ([]byte, error) {
	roots, err := a.ready(ctx)
	if err != nil {
		return nil, err
	}
	now := a.now()
	var out []byte
	for _, r := range roots {
		if now.Before(r.cert.NotAfter) {
			out = append(out, pemOf(r.cert.Raw)...)
		}
	}
	return out, nil
}

// pemOf writes a certificate.
func pemOf(der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}) }

// newSerial is a random number of 127 bits (RFC 5280 allows 159).
func newSerial() *big.Int {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails: it ends the program instead
	b[0] &= 0x7f
	b[15] |= 1 // not zero
	return new(big.Int).SetBytes(b[:])
}
