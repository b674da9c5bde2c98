package xds

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	"github.com/weirmesh/weir/server/authority"
	certfiles "github.com/weirmesh/weir/server/certificate"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
)

// book keeps an authority's roots.
type book struct {
	mu    sync.Mutex
	roots []authority.Root
}

func (b *book) Authorities(context.Context) ([]authority.Root, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.roots), nil
}

func (b *book) AddAuthority(_ context.Context, r authority.Root, _ string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roots = append(b.roots, r)
	return nil
}

func (b *book) RemoveAuthority(_ context.Context, id string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.roots = slices.DeleteFunc(b.roots, func(r authority.Root) bool { return r.ID == id })
	return nil
}

// certifying is a server whose proxies show certificates of its own authority, as it does itself.
type certifying struct{ guarded }

func serveCertifying(t testing.TB, only bool) certifying {
	t.Helper()
	a := newAuthority(t)
	shown, err := a.Serve(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g := guarded{doorman: newDoorman()}
	g.doorman.authority, g.doorman.ends = a, make(map[string]time.Time)
	g.served = serve(t, Options{TLS: certfiles.Config(shown, "h2"), Passes: g.doorman, Certificates: only})
	return certifying{g}
}

func newAuthority(t testing.TB) *authority.Authority {
	t.Helper()
	a, err := authority.New(authority.Options{Store: &book{}, Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// certify makes what a proxy shows that is a node, with the token of that name.
func certify(t testing.TB, a *authority.Authority, node string) Certificates {
	t.Helper()
	key, request, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	issued, err := a.Issue(t.Context(), authority.Name{Mesh: "shop", Node: mesh.Ref{Kind: mesh.KindNode, Name: node}, Token: node}, request)
	if err != nil {
		t.Fatal(err)
	}
	return Certificates{Certificate: issued.Certificate, Key: key, Authorities: issued.Authorities}
}

// serial is a certificate's number.
func (c Certificates) serial(t testing.TB) string {
	t.Helper()
	block, _ := pem.Decode(c.Certificate)
	cert, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return cert.SerialNumber.String()
}

// credentials show what get gives, at each connection anew.
func (c certifying) credentials(get func() Certificates) credentials.TransportCredentials {
	trusted, err := c.doorman.authority.Trusted(c.t.Context())
	if err != nil {
		c.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(trusted)
	return credentials.NewTLS(&tls.Config{
		RootCAs: roots, ServerName: authority.ControlPlane, MinVersion: tls.VersionTLS12,
		GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
			has := get()
			if len(has.Key) == 0 {
				return &tls.Certificate{}, nil
			}
			pair, err := tls.X509KeyPair(has.Certificate, has.Key)
			return &pair, err
		},
	})
}

// show is an Envoy of mesh shop that shows certificates, and a token if there is one.
func (c certifying) show(node string, get func() Certificates, token ...string) *xdstest.Envoy {
	c.t.Helper()
	dial := append(c.dial(token...), grpc.WithTransportCredentials(c.credentials(get)))
	return xdstest.Start(c.t, xdstest.Options{Addr: c.Addr().String(), Node: envoyNode(node, "a"), Dial: dial})
}

func always(c Certificates) func() Certificates { return func() Certificates { return c } }

func TestWhoMayConnectByCertificate(t *testing.T) {
	for _, only := range []bool{false, true} {
		g := serveCertifying(t, only)
		g.apply(1, shop{weights: map[string]int{"v1": 1, "v2": 1}}.mesh())
		own := g.doorman.authority
		g.show("web", always(certify(t, own, "web")))
		g.synced("shop", "web-a")
		stranger := newAuthority(t)
		ended := certify(t, own, "v1")
		g.doorman.set(func() { g.doorman.ends[ended.serial(t)] = time.Now().Add(-time.Second) })
		for name, c := range map[string]struct {
			node  string
			shows Certificates
			token []string
			code  codes.Code
			want  string
		}{
			"another node's":        {"v1", certify(t, own, "web"), nil, codes.PermissionDenied, "the certificate is for virtual node web of mesh shop, and not for the proxy's node id"},
			"another authority's":   {"v1", certify(t, stranger, "v1"), []string{"Bearer v1"}, codes.Unauthenticated, "of another authority than this Weir's"},
			"ended":                 {"v1", ended, []string{"Bearer v1"}, codes.Unauthenticated, "ended"},
			"nothing":               {"v2", Certificates{}, nil, codes.Unauthenticated, map[bool]string{false: "shows no token", true: "shows no certificate"}[only]},
			"another node's as web": {"v2", certify(t, own, "web"), []string{"Bearer v2"}, codes.PermissionDenied, "weir bootstrap"},
		} {
			e := g.show(c.node, always(c.shows), c.token...)
			id := envoyNode(c.node, "a").GetId()
			e.Wait("the refusal", func() bool { return status.Code(e.Err()) == c.code })
			if !strings.Contains(e.Err().Error(), c.want) {
				t.Errorf("%s: refused with %v, want %q", name, e.Err(), c.want)
			}
			if p := g.proxy("shop", id); p.State != provider.Refused || !strings.Contains(p.Message, c.want) {
				t.Errorf("%s: shown as %+v", name, p)
			}
			if !slices.ContainsFunc(g.doorman.told(), func(p provider.Proxy) bool { return p.NodeID == id && strings.Contains(p.Message, c.want) }) {
				t.Errorf("%s: the security log is not told", name)
			}
		}
		token := g.show("v1", always(Certificates{}), "Bearer v1")
		if only {
			token.Wait("the refusal", func() bool { return strings.Contains(status.Convert(token.Err()).Message(), "by a token alone") })
		} else {
			g.synced("shop", "v1-a")
		}
	}
}

// TestCertificateEnds: a proxy whose certificate has ended is hung up on, and comes again with the next one over a new
// connection; one whose token is revoked stays out, whatever it shows.
func TestCertificateEnds(t *testing.T) {
	g := serveCertifying(t, true)
	g.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	var mu sync.Mutex
	has := certify(t, g.doorman.authority, "web")
	first := has.serial(t)
	// Only this certificate ends; its stream is let in until then.
	g.doorman.set(func() { g.doorman.ends[first] = time.Now().Add(time.Hour) })
	e := g.show("web", func() Certificates {
		mu.Lock()
		defer mu.Unlock()
		return has
	})
	g.synced("shop", "web-a")
	since := g.proxy("shop", "web-a").Since
	mu.Lock()
	has = certify(t, g.doorman.authority, "web")
	mu.Unlock()
	g.staysMu.Lock()
	for st := range g.stays {
		st.pass.Until = time.Now().Add(-time.Second)
	}
	g.staysMu.Unlock()
	e.Wait("the end of the stream", func() bool { return e.Err() != nil })
	g.doorman.set(func() { g.doorman.ends[first] = time.Now().Add(-time.Second) })
	e.Connect()
	eventually(t, "it is back", func() bool {
		p := g.proxy("shop", "web-a")
		return p.State == provider.Synced && p.Since.After(since)
	})
	g.doorman.set(func() { g.doorman.over["web"] = true })
	e.Wait("the end", func() bool {
		return status.Code(e.Err()) == codes.Unauthenticated && strings.Contains(e.Err().Error(), "revoked")
	})
	e.Connect()
	eventually(t, "it is refused", func() bool { return g.proxy("shop", envoyNode("web", "a").GetId()).State == provider.Refused })
}

// TestDistrustedRoot: a proxy whose certificate is under a root that is distrusted is hung up on and refused from then on, until
// it enrols again.
func TestDistrustedRoot(t *testing.T) {
	g := serveCertifying(t, true)
	g.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	var mu sync.Mutex
	has := certify(t, g.doorman.authority, "web")
	e := g.show("web", func() Certificates {
		mu.Lock()
		defer mu.Unlock()
		return has
	})
	g.synced("shop", "web-a")
	leaked, err := g.doorman.authority.Signers(t.Context())
	if err != nil || len(leaked) != 1 {
		t.Fatal(leaked, err)
	}
	if err := g.doorman.authority.Distrust(t.Context(), leaked[0]); err != nil {
		t.Fatal(err)
	}
	forged := g.show("v1", always(has)) // whatever else is made with the key
	forged.Wait("the refusal", func() bool {
		return status.Code(forged.Err()) == codes.Unauthenticated && strings.Contains(forged.Err().Error(), "distrusted")
	})
	e.Wait("the end of the stream", func() bool { return e.Err() != nil })
	mu.Lock()
	has = certify(t, g.doorman.authority, "web")
	mu.Unlock()
	again := g.show("web", always(has))
	g.synced("shop", "web-a")
	if err := again.Err(); err != nil {
		t.Error(err)
	}
}

func TestCertificatesOnDisk(t *testing.T) {
	a := newAuthority(t)
	dir := filepath.Join(t.TempDir(), "made", "here")
	if _, err := ReadCertificates(dir); mesh.CodeOf(err) != mesh.NotFound {
		t.Error(err)
	}
	for range 2 {
		want := certify(t, a, "web")
		if err := want.Write(dir); err != nil {
			t.Fatal(err)
		}
		got, err := ReadCertificates(dir)
		if err != nil || string(got.Certificate) != string(want.Certificate) || string(got.Key) != string(want.Key) || string(got.Authorities) != string(want.Authorities) {
			t.Errorf("%+v, %v", got, err)
		}
	}
	for _, wrong := range []string{"", "x: [", "resources: []", "resources: [{'@type': type.googleapis.com/envoy.config.core.v3.Node}]"} {
		if err := writeWhole(secretFile(dir, certificateSecret), []byte(wrong)); err != nil {
			t.Fatal(err)
		}
		if _, err := ReadCertificates(dir); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}
