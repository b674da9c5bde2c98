package authority_test

import (
	"crypto/x509"
	"encoding/pem"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/authority"
)

// count gives how many certificates are in a text, and a pool of them.
func count(text []byte) (n int, pool *x509.CertPool) {
	pool = x509.NewCertPool()
	pool.AppendCertsFromPEM(text)
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		n++
	}
	return n, pool
}

// TestRootsFollowEachOther walks through ten years with certificates of ten days, as a proxy that renews them in time: at any
// moment it trusts what the control plane shows, and the control plane trusts it, with what it got the time before.
func TestRootsFollowEachOther(t *testing.T) {
	const day = 24 * time.Hour
	b, c := &book{}, begin()
	a, err := authority.New(authority.Options{Store: b, Key: make([]byte, 32), Now: c.now, Lifetime: 10 * day})
	if err != nil {
		t.Fatal(err)
	}
	serve, err := a.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	key, before, cert := enrol(t, a, cart)
	together, step := 0, 10*day*2/3
	for passed := time.Duration(0); passed < 10*365*day; passed += step {
		c.pass(step)
		shown, err := serve(nil)
		if err != nil {
			t.Fatal(err)
		}
		n, pool := count(before.Authorities)
		if n > 1 {
			together++
		}
		if _, err := shown.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: authority.ControlPlane, CurrentTime: c.now()}); err != nil {
			t.Fatalf("on %s the proxy does not trust the control plane: %v", c.now(), err)
		}
		if _, err := a.Verify(t.Context(), cert); err != nil {
			t.Fatalf("on %s the control plane does not trust the proxy: %v", c.now(), err)
		}
		_, request, err := authority.NewKey()
		if err != nil {
			t.Fatal(err)
		}
		proof, err := authority.Prove(key, request)
		if err != nil {
			t.Fatal(err)
		}
		v, err := a.Renewal(t.Context(), before.Certificate, proof, request)
		if err != nil {
			t.Fatal(err)
		}
		key, before, cert = enrol(t, a, v.Name)
	}
	if len(b.roots) < 2 || len(b.roots) > 4 || together < 40 {
		t.Errorf("in ten years there were %d roots, and two at a time at %d renewals", len(b.roots), together)
	}
}

// TestControlPlaneKeepsItsCertificate while it cannot get another, and gets one when it can.
func TestControlPlaneKeepsItsCertificate(t *testing.T) {
	b, c := &book{}, begin()
	a := open(t, b, c, 1)
	serve, err := a.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	first, err := serve(nil)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := serve(nil); err != nil || again != first {
		t.Error("each connection gets another certificate", err)
	}
	c.pass(17 * time.Hour)
	b.gone(true)
	if second, err := serve(nil); err != nil || second == first || !second.Leaf.NotAfter.After(first.Leaf.NotAfter) {
		t.Error("it is not renewed while the database is away, though the root is known", err)
	}
	if _, err := open(t, b, c, 1).Serve(t.Context()); err == nil {
		t.Error("without a root it serves")
	}
}
