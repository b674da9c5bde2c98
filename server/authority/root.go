package authority

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/auth/seal"
	"github.com/weirmesh/weir/server/mesh"
)

const (
	// rootLife is how long a root is trusted.
	rootLife = 5 * 365 * 24 * time.Hour
	// rootEarly is how long before a root's end the next one is made. Until it is its turn to sign, everybody has it: proxies
	// get all roots with each renewal.
	rootEarly = 365 * 24 * time.Hour
	// rootRest is how long before its end a root signs no more.
	rootRest = 30 * 24 * time.Hour
	// rootTries is how often it is tried to make a root that another replica makes at the same time.
	rootTries = 3
)

// Root is a key that signs, as it is kept.
type Root struct {
	ID          string // the certificate's serial number in hexadecimal
	Certificate []byte // DER
	Key         []byte // PKCS #8, sealed
	NotAfter    time.Time
	At          time.Time // when it was made
}

// root is a Root that was read.
type root struct {
	Root
	cert *x509.Certificate
}

// signer is the root whose turn it is to sign what ends at a moment: the oldest that lasts long enough, so that who has the
// newest has had time to learn of it. There is at least one root.
func signer(roots []root, until time.Time) root {
	for _, r := range roots {
		if r.cert.NotAfter.After(until.Add(rootRest)) {
			return r
		}
	}
	return roots[len(roots)-1]
}

// due tells whether a new root has to be made.
func due(roots []root, now time.Time) bool {
	return len(roots) == 0 || roots[len(roots)-1].cert.NotAfter.Before(now.Add(rootEarly))
}

// ready gives the roots, of which the newest lasts for a while: one is made if need be.
func (a *Authority) ready(ctx context.Context) ([]root, error) {
	roots, err := a.known(ctx, lookEvery)
	if err != nil {
		return nil, err
	}
	for range rootTries {
		if !due(roots, a.now()) {
			return roots, nil
		}
		made, after := Root{}, ""
		if len(roots) > 0 {
			after = roots[len(roots)-1].ID
		}
		if made, err = a.newRoot(); err != nil {
			return nil, err
		}
		err = a.store.AddAuthority(ctx, made, after)
		switch {
		case mesh.CodeOf(err) == mesh.Conflict: // another replica was first: its root is as good
		case err != nil && len(roots) > 0:
			a.log.Warn("a new root of the authority cannot be recorded; it is tried again", "err", err)
			return roots, nil
		case err != nil:
			return nil, err
		default:
			a.log.Info("the authority for proxies has a new root", "root", made.ID, "until", made.NotAfter)
		}
		if roots, err = a.known(ctx, 0); err != nil {
			return nil, err
		}
	}
	if len(roots) == 0 {
		return nil, mesh.Errorf(mesh.Unavailable, "the authority for proxies has no root yet: try again")
	}
	return roots, nil
}

// newRoot makes a root for rootLife.
func (a *Authority) newRoot() (Root, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return Root{}, fmt.Errorf("make the authority's key: %w", err)
	}
	now := a.now().UTC()
	serial := newSerial()
	id := serial.Text(16) // as ID
	template := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{Organization: []string{"Weir"}, CommonName: "Weir proxies " + id[:8]},
		NotBefore: now.Add(-behind), NotAfter: now.Add(rootLife).Truncate(time.Second),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return Root{}, fmt.Errorf("make the authority's certificate: %w", err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return Root{}, fmt.Errorf("write the authority's key: %w", err)
	}
	return Root{ID: id, Certificate: der, Key: a.sealer.Seal(sealedAs(id), private), NotAfter: template.NotAfter, At: now}, nil
}

// sealedAs is the name under which a root's key is sealed.
func sealedAs(id string) string { return "authority " + id }

// open gives a root's key.
func (a *Authority) open(r root) (*ecdsa.PrivateKey, error) {
	private, err := a.sealer.Open(sealedAs(r.ID), r.Key)
	switch {
	case errors.Is(err, seal.ErrOtherKey):
		return nil, mesh.Errorf(mesh.Unavailable, "the key of the authority for proxies was sealed with another key than this Weir has: "+
			"give every replica the same key file (people.keyFile), or restore secret.key from a backup")
	case err != nil:
		return nil, mesh.Errorf(mesh.Unavailable, "the key of the authority for proxies is damaged: restore the database from a backup: %w", err)
	}
	key, err := x509.ParsePKCS8PrivateKey(private)
	if own, ok := key.(*ecdsa.PrivateKey); ok && err == nil {
		return own, nil
	}
	return nil, mesh.Errorf(mesh.Unavailable, "the key of the authority for proxies cannot be read: restore the database from a backup")
}

// known gives the roots as they were known at most so long ago. Where the database does not answer, those of before count.
func (a *Authority) known(ctx context.Context, age time.Duration) ([]root, error) {
	a.mu.Lock()
	if len(a.roots) > 0 && (a.looking || a.now().Sub(a.looked) < age) {
		defer a.mu.Unlock()
		return a.roots, nil
	}
	a.looking = true
	a.mu.Unlock()
	kept, err := a.store.Authorities(ctx)
	var roots []root
	if err == nil {
		roots, err = readRoots(kept)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looking, a.looked = false, a.now()
	switch {
	case err == nil:
		a.roots = slices.DeleteFunc(roots, func(r root) bool { return a.gone[r.ID] })
	case len(a.roots) > 0:
		a.log.Warn("the roots of the authority for proxies cannot be read; those of before count", "err", err)
	default:
		return nil, err
	}
	return a.roots, nil
}

func readRoots(kept []Root) ([]root, error) {
	roots := make([]root, len(kept))
	for i, r := range kept {
		cert, err := x509.ParseCertificate(r.Certificate)
		if err != nil {
			return nil, mesh.Errorf(mesh.Unavailable, "root %s of the authority for proxies cannot be read: restore the database from a backup: %w", r.ID, err)
		}
		roots[i] = root{r, cert}
	}
	return roots, nil
}
