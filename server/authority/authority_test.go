package authority_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
)

// book keeps roots in memory, as a database does for replicas; away, it answers nobody.
type book struct {
	mu    sync.Mutex
	roots []authority.Root
	away  bool
	asked int
}

var errAway = mesh.Errorf(mesh.Unavailable, "the database is away")

func (b *book) Authorities(context.Context) ([]authority.Root, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.away {
		return nil, errAway
	}
	return slices.Clone(b.roots), nil
}

func (b *book) AddAuthority(_ context.Context, r authority.Root, after string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	newest := ""
	if len(b.roots) > 0 {
		newest = b.roots[len(b.roots)-1].ID
	}
	switch {
	case b.away:
		return errAway
	case newest != after:
		return mesh.Errorf(mesh.Conflict, "another replica was first")
	}
	b.roots = append(b.roots, r)
	return nil
}

func (b *book) gone(away bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.away = away
}

// clock is a moment that tests move.
type clock struct {
	mu sync.Mutex
	at time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

func open(t testing.TB, b *book, c *clock, key byte) *authority.Authority {
	t.Helper()
	a, err := authority.New(authority.Options{Store: b, Key: bytes.Repeat([]byte{key}, 32), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func begin() *clock { return &clock{at: time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)} }

var cart = authority.Name{Mesh: "shop", Node: mesh.Ref{Kind: mesh.KindNode, Name: "cart-v1"}, Token: "3jd9c0x2ma"}

// enrol gives a new key, its request and the certificate for it.
func enrol(t testing.TB, a *authority.Authority, n authority.Name) (key []byte, issued authority.Issued, cert *x509.Certificate) {
	t.Helper()
	key, request, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	issued, err = a.Issue(t.Context(), n, request)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tls.X509KeyPair(issued.Certificate, key); err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(issued.Certificate)
	cert, err = x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key, issued, cert
}

func TestCertificatesOfProxies(t *testing.T) {
	b, c := &book{}, begin()
	a := open(t, b, c, 1)
	_, issued, cert := enrol(t, a, cart)
	if got := fmt.Sprint(cert.URIs); got != "[spiffe://weir/mesh/shop/virtualNode/cart-v1]" || cert.IsCA || len(cert.DNSNames)+len(cert.IPAddresses) > 0 {
		t.Errorf("it names %s, %v, %v, CA %v", got, cert.DNSNames, cert.IPAddresses, cert.IsCA)
	}
	now := c.now()
	if life := cert.NotAfter.Sub(now); life > authority.Lifetime || life < authority.Lifetime*22/24 || !now.After(cert.NotBefore.Add(59*time.Minute)) {
		t.Errorf("it is good from %s to %s, and it is %s", cert.NotBefore, cert.NotAfter, now)
	}
	if left := issued.Until.Sub(issued.Renew); left != issued.Until.Sub(now)/3 || !issued.Until.Equal(cert.NotAfter) {
		t.Errorf("it ends at %s and is renewed at %s", issued.Until, issued.Renew)
	}
	if v, err := a.Verify(t.Context(), cert); err != nil || v.Name != cart || !v.Until.After(cert.NotAfter) {
		t.Errorf("%+v, %v", v, err)
	}
	gateway := authority.Name{Mesh: "shop", Node: mesh.Ref{Kind: mesh.KindGateway, Name: "edge_1"}, Token: "x"}
	_, _, edge := enrol(t, a, gateway)
	if v, err := a.Verify(t.Context(), edge); err != nil || v.Name != gateway {
		t.Errorf("%+v, %v", v, err)
	}
	if edge.NotAfter.Equal(cert.NotAfter) && edge.SerialNumber.Cmp(cert.SerialNumber) == 0 {
		t.Error("two certificates are the same")
	}

	// Clocks that disagree a little, and time.
	c.pass(-30 * time.Minute)
	if _, err := a.Verify(t.Context(), cert); err != nil {
		t.Errorf("for a clock that is half an hour behind: %v", err)
	}
	c.pass(30*time.Minute + cert.NotAfter.Sub(now) + time.Minute)
	if _, err := a.Verify(t.Context(), cert); err != nil {
		t.Errorf("for a clock that is a minute ahead: %v", err)
	}
	c.pass(10 * time.Minute)
	if _, err := a.Verify(t.Context(), cert); mesh.CodeOf(err) != mesh.Unauthenticated || !strings.Contains(err.Error(), "ended at "+cert.NotAfter.Format(time.RFC3339)) {
		t.Errorf("after its end: %v", err)
	}
	c.pass(-48 * time.Hour)
	if _, err := a.Verify(t.Context(), cert); mesh.CodeOf(err) != mesh.Unauthenticated || !strings.Contains(err.Error(), "set the clocks") {
		t.Errorf("before its time: %v", err)
	}
	if n := len(b.roots); n != 1 || bytes.Contains(b.roots[0].Key, []byte("\x06\x08*\x86H\xce=\x03\x01\x07")) {
		t.Errorf("%d roots, whose key is sealed", n)
	}
}

// TestStrangersCertificates are those of another authority, and those that are not for a proxy.
func TestStrangersCertificates(t *testing.T) {
	c := begin()
	mine := open(t, &book{}, c, 1)
	_, _, good := enrol(t, mine, cart)
	_, _, others := enrol(t, open(t, &book{}, c, 1), cart)
	serve, err := mine.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own, err := serve(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	forged := *good
	forged.SerialNumber, forged.PublicKey = big.NewInt(7), &key.PublicKey
	der, err := x509.CreateCertificate(rand.Reader, &forged, &forged, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	self, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	for want, cert := range map[string]*x509.Certificate{
		"is of another authority": others, "is of another authority than": self, "is not one that Weir makes for proxies": own.Leaf,
	} {
		if _, err := mine.Verify(t.Context(), cert); mesh.CodeOf(err) != mesh.Unauthenticated || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "weir bootstrap") {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

func TestNamesThatCannotBe(t *testing.T) {
	a := open(t, &book{}, begin(), 1)
	_, request, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"", ".", "..", "a/b", "a b", "a%2fb", "<img onerror=x>", "회원", "a\x00b", "a?b", "a#b", strings.Repeat("x", 300)} {
		for _, n := range []authority.Name{
			{Mesh: name, Node: cart.Node, Token: "t"}, {Mesh: "shop", Node: mesh.Ref{Kind: mesh.KindNode, Name: name}, Token: "t"},
		} {
			if _, err := a.Issue(t.Context(), n, request); mesh.CodeOf(err) != mesh.Invalid {
				t.Errorf("%q is certified: %v", name, err)
			}
		}
	}
	if _, err := a.Issue(t.Context(), authority.Name{Mesh: "shop", Node: mesh.Ref{Kind: mesh.KindService, Name: "cart"}}, request); mesh.CodeOf(err) != mesh.Invalid {
		t.Errorf("a service is certified: %v", err)
	}
}

// requestOf is a request for the key of a signer, naming what it may not have.
func requestOf(t *testing.T, key any) []byte {
	t.Helper()
	evil := &url.URL{Scheme: "spiffe", Host: "weir", Path: "/mesh/bank/virtualNode/vault"}
	der, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{
		Subject: pkix.Name{CommonName: "evil", SerialNumber: "other-token"}, DNSNames: []string{authority.ControlPlane}, URIs: []*url.URL{evil},
	}, key)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: der})
}

func TestRequests(t *testing.T) {
	a := open(t, &book{}, begin(), 1)
	p256, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	weak, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	_, edwards, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	greedy := requestOf(t, p256)
	issued, err := a.Issue(t.Context(), cart, greedy)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(issued.Certificate)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil || len(cert.DNSNames) > 0 || cert.Subject.CommonName != "" || cert.Subject.SerialNumber != cart.Token || cert.URIs[0].Path != "/mesh/shop/virtualNode/cart-v1" {
		t.Errorf("it got what it asked for: %+v, %v", cert.Subject, err)
	}
	damaged := bytes.Clone(greedy)
	if der, _ := pem.Decode(damaged); der != nil {
		der.Bytes[len(der.Bytes)-1] ^= 1
		damaged = pem.EncodeToMemory(der)
	}
	for name, request := range map[string][]byte{
		"nothing": nil, "nonsense": []byte("x"), "two": append(bytes.Clone(greedy), greedy...), "damaged": damaged, "another curve": requestOf(t, p384),
		"RSA": requestOf(t, weak), "Ed25519": requestOf(t, edwards), "a certificate": issued.Certificate, "long": bytes.Repeat([]byte("x"), 1<<20),
	} {
		if _, err := a.Issue(t.Context(), cart, request); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestRenewal(t *testing.T) {
	c := begin()
	a := open(t, &book{}, c, 1)
	key, issued, cert := enrol(t, a, cart)
	otherKey, request, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	prove := func(key, request []byte) []byte {
		proof, err := authority.Prove(key, request)
		if err != nil {
			t.Fatal(err)
		}
		return proof
	}
	proof := prove(key, request)
	if v, err := a.Renewal(t.Context(), issued.Certificate, proof, request); err != nil || v.Name != cart {
		t.Errorf("%+v, %v", v, err)
	}
	_, another, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	for name, err := range map[string]error{
		"another's key":           second(a.Renewal(t.Context(), issued.Certificate, prove(otherKey, request), request)),
		"for another request":     second(a.Renewal(t.Context(), issued.Certificate, proof, another)),
		"without proof":           second(a.Renewal(t.Context(), issued.Certificate, nil, request)),
		"an authority's own root": second(a.Renewal(t.Context(), issued.Authorities, proof, request)),
	} {
		if mesh.CodeOf(err) != mesh.Unauthenticated {
			t.Errorf("%s: %v", name, err)
		}
	}
	c.pass(cert.NotAfter.Sub(c.now()) + time.Hour)
	if _, err := a.Renewal(t.Context(), issued.Certificate, proof, request); mesh.CodeOf(err) != mesh.Unauthenticated || !strings.Contains(err.Error(), "ended at") {
		t.Errorf("after its end: %v", err)
	}
	if _, err := a.Renewal(t.Context(), []byte("x"), proof, request); mesh.CodeOf(err) != mesh.Invalid {
		t.Error(err)
	}
}

func second(_ authority.Verified, err error) error { return err }

// TestReplicasShareARoot: of two that make the first root at once one wins, and each takes the other's certificates.
func TestReplicasShareARoot(t *testing.T) {
	b, c := &book{}, begin()
	var certs [8]*x509.Certificate
	var all [8]*authority.Authority
	var group sync.WaitGroup
	for i := range all {
		all[i] = open(t, b, c, 1)
		group.Go(func() {
			_, request, err := authority.NewKey()
			if err != nil {
				t.Error(err)
				return
			}
			issued, err := all[i].Issue(t.Context(), cart, request)
			if err != nil {
				t.Error(err)
				return
			}
			block, _ := pem.Decode(issued.Certificate)
			certs[i], err = x509.ParseCertificate(block.Bytes)
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if t.Failed() {
		return
	}
	if len(b.roots) != 1 {
		t.Errorf("there are %d roots", len(b.roots))
	}
	for i, a := range all {
		if _, err := a.Verify(t.Context(), certs[(i+1)%len(certs)]); err != nil {
			t.Error(err)
		}
	}
	late := open(t, b, c, 1) // it has made none itself
	if _, err := late.Verify(t.Context(), certs[0]); err != nil {
		t.Error(err)
	}
	b.gone(true)
	c.pass(time.Hour)
	if _, err := late.Verify(t.Context(), certs[0]); err != nil {
		t.Errorf("while the database is away: %v", err)
	}
	if _, err := open(t, b, c, 1).Verify(t.Context(), certs[0]); !errors.Is(err, errAway) {
		t.Errorf("a replica that never saw a root says %v", err)
	}
}

func TestKeyOfAnotherInstallation(t *testing.T) {
	b, c := &book{}, begin()
	enrol(t, open(t, b, c, 1), cart)
	_, request, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := open(t, b, c, 2).Issue(t.Context(), cart, request); mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), "key file") {
		t.Error(err)
	}
	if _, err := authority.New(authority.Options{Store: b, Key: []byte("short")}); mesh.CodeOf(err) != mesh.Invalid {
		t.Error(err)
	}
}
