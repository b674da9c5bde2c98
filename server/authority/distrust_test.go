package authority_test

import (
	"context"
	"crypto/x509"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
)

func (b *book) RemoveAuthority(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.away {
		return errAway
	}
	b.roots = slices.DeleteFunc(b.roots, func(r authority.Root) bool { return r.ID == id })
	return nil
}

// TestDistrust: once a root is distrusted no certificate under it counts, here at once and at another replica when it looks;
// the control plane shows another certificate, and proxies enrol again under another root.
func TestDistrust(t *testing.T) {
	b, c := &book{}, begin()
	here, there := open(t, b, c, 1), open(t, b, c, 1)
	key, issued, cert := enrol(t, here, cart)
	serve, err := there.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own, err := serve(nil)
	if err != nil {
		t.Fatal(err)
	}
	leaked := b.roots[0].ID
	v, err := there.Verify(t.Context(), cert)
	if err != nil || v.Root != leaked {
		t.Fatalf("%+v, %v", v, err)
	}
	if err := here.Distrust(t.Context(), "c0ffee"); mesh.CodeOf(err) != mesh.NotFound || !strings.Contains(err.Error(), "--ids") {
		t.Errorf("a root that is none: %v", err)
	}
	b.gone(true)
	if err := here.Distrust(t.Context(), leaked); mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("without a database: %v", err)
	}
	b.gone(false)
	if err := here.Distrust(t.Context(), " "+strings.ToUpper(leaked)); err != nil {
		t.Fatal(err)
	}
	_, request, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	proof, err := authority.Prove(key, request)
	if err != nil {
		t.Fatal(err)
	}
	c.pass(3 * time.Second)
	for name, a := range map[string]*authority.Authority{"here": here, "there": there} {
		if _, err := a.Verify(t.Context(), cert); mesh.CodeOf(err) != mesh.Unauthenticated || !strings.Contains(err.Error(), "distrusted") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := a.Renewal(t.Context(), issued.Certificate, proof, request); mesh.CodeOf(err) != mesh.Unauthenticated {
			t.Errorf("%s: it is renewed: %v", name, err)
		}
		if ids, err := a.Signers(t.Context()); err != nil || len(ids) != 1 || ids[0] == leaked {
			t.Errorf("%s: it trusts %v, %v", name, ids, err)
		}
	}
	shown, err := serve(nil)
	if err != nil || shown == own {
		t.Fatalf("the control plane shows what it did: %v", err)
	}
	_, issued, next := enrol(t, here, cart)
	if v, err := there.Verify(t.Context(), next); err != nil || v.Root == leaked {
		t.Errorf("%+v, %v", v, err)
	}
	n, pool := count(issued.Authorities)
	if _, err := shown.Leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: authority.ControlPlane, CurrentTime: c.now()}); err != nil || n != 1 {
		t.Errorf("who enrolled again is given %d roots, and: %v", n, err)
	}
	if err := here.Distrust(t.Context(), leaked); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("a second time: %v", err)
	}
}

// slow is a database whose answers are from before.
type slow struct {
	*book
	asked, answer chan struct{}
}

func (s slow) Authorities(ctx context.Context) ([]authority.Root, error) {
	roots, err := s.book.Authorities(ctx)
	if ctx.Value(s) != nil {
		s.asked <- struct{}{}
		<-s.answer
	}
	return roots, err
}

// TestDistrustedStaysSo: what was read before a root was distrusted does not bring it back.
func TestDistrustedStaysSo(t *testing.T) {
	s, c := slow{&book{}, make(chan struct{}), make(chan struct{})}, begin()
	a, err := authority.New(authority.Options{Store: s, Key: make([]byte, 32), Now: c.now})
	if err != nil {
		t.Fatal(err)
	}
	_, _, cert := enrol(t, a, cart)
	leaked := s.roots[0].ID
	c.pass(time.Hour)
	done := make(chan error)
	go func() {
		_, err := a.Verify(context.WithValue(context.Background(), s, true), cert)
		done <- err
	}()
	<-s.asked
	if err := a.Distrust(t.Context(), leaked); err != nil {
		t.Fatal(err)
	}
	close(s.answer)
	if err := <-done; err == nil {
		t.Error("it counts by what was read before")
	}
	if ids, err := a.Signers(t.Context()); err != nil || slices.Contains(ids, leaked) {
		t.Errorf("it trusts %v, %v", ids, err)
	}
}
