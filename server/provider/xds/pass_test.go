package xds

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	metricsv3 "github.com/envoyproxy/go-control-plane/envoy/service/metrics/v3"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/weirmesh/weir/server/authority"
	certfiles "github.com/weirmesh/weir/server/certificate"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
)

// doorman knows the tokens of a test: a token's ID is what is shown.
type doorman struct {
	mu      sync.Mutex
	passes  map[string]Pass
	over    map[string]bool
	broken  bool
	refused []provider.Proxy

	authority *authority.Authority
	ends      map[string]time.Time // of certificates, by serial number, sooner than they say
}

func newDoorman() *doorman {
	return &doorman{over: make(map[string]bool), passes: map[string]Pass{
		"web":   {Token: "web", Mesh: "shop", Node: "web"},
		"v1":    {Token: "v1", Mesh: "shop", Node: "v1"},
		"bank":  {Token: "bank", Mesh: "bank", Node: "web"},
		"edge":  {Token: "edge", Mesh: "shop", Gateway: "web"},
		"spent": {Token: "spent", Mesh: "shop", Node: "web"},
	}}
}

func (d *doorman) Pass(_ context.Context, bearer string) (Pass, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return Pass{}, errors.New("the database is away")
	}
	p, ok := d.passes[bearer]
	if !ok || d.over[bearer] {
		return Pass{}, mesh.Errorf(mesh.Unauthenticated, "the token does not count")
	}
	return p, nil
}

func (d *doorman) Certified(ctx context.Context, cert *x509.Certificate) (Pass, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return Pass{}, errors.New("the database is away")
	}
	v, err := d.authority.Verify(ctx, cert)
	if err != nil {
		return Pass{}, err
	}
	if end, ok := d.ends[cert.SerialNumber.String()]; ok {
		if v.Until = end; time.Now().After(end) {
			return Pass{}, mesh.Errorf(mesh.Unauthenticated, "the proxy's certificate ended")
		}
	}
	if d.over[v.Token] {
		return Pass{}, mesh.Errorf(mesh.Unauthenticated, "the token that the proxy's certificate stands under was revoked")
	}
	pass := Pass{Token: v.Token, Mesh: v.Mesh, Node: v.Node.Name, Root: v.Root, Until: v.Until}
	if v.Node.Kind == mesh.KindGateway {
		pass.Node, pass.Gateway = "", v.Node.Name
	}
	return pass, nil
}

func (d *doorman) Over(_ context.Context, meshName string, tokens []string) (over []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return nil, errors.New("the database is away")
	}
	for _, id := range tokens {
		if d.passes[id].Mesh != meshName || d.over[id] {
			over = append(over, id)
		}
	}
	return over, nil
}

func (d *doorman) Signers(ctx context.Context) ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return nil, errors.New("the database is away")
	}
	if d.authority == nil {
		return nil, nil
	}
	return d.authority.Signers(ctx)
}

func (d *doorman) Refused(_ context.Context, p provider.Proxy, from string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if from == "" {
		p.Message = "from nowhere: " + p.Message
	}
	d.refused = append(d.refused, p)
}

func (d *doorman) set(f func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f()
}

func (d *doorman) told() []provider.Proxy {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]provider.Proxy(nil), d.refused...)
}

// ownAuthority makes a certificate for 127.0.0.1 that is its own authority, and gives its two files.
func ownAuthority(t testing.TB, dir, name string) (certFile, keyFile string, ca []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"weir.test"},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	for file, text := range map[string][]byte{certFile: ca, keyFile: pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})} {
		if err := os.WriteFile(file, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile, ca
}

// guarded is a server over TLS that lets in whom a doorman knows.
type guarded struct {
	*served
	doorman *doorman
	ca      []byte
	roots   *x509.CertPool
}

func serveGuarded(t testing.TB) guarded {
	t.Helper()
	certFile, keyFile, ca := ownAuthority(t, t.TempDir(), "weir")
	pair, err := certfiles.Load(certfiles.Files{Cert: certFile, Key: keyFile})
	if err != nil {
		t.Fatal(err)
	}
	g := guarded{doorman: newDoorman(), ca: ca, roots: x509.NewCertPool()}
	g.roots.AppendCertsFromPEM(ca)
	g.served = serve(t, Options{TLS: pair.Config("h2"), Passes: g.doorman})
	return g
}

// dial are the options of a connection that shows something as its authorization.
func (g guarded) dial(shown ...string) []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithTransportCredentials(credentials.NewTLS(&tls.Config{RootCAs: g.roots, MinVersion: tls.VersionTLS12})),
		grpc.WithStreamInterceptor(func(ctx context.Context, desc *grpc.StreamDesc, cc *grpc.ClientConn, method string, next grpc.Streamer, o ...grpc.CallOption) (grpc.ClientStream, error) {
			var pairs []string
			for _, s := range shown {
				pairs = append(pairs, "authorization", s)
			}
			return next(metadata.AppendToOutgoingContext(ctx, pairs...), desc, cc, method, o...)
		}),
	}
}

func (g guarded) envoy(node *corev3.Node, shown ...string) *xdstest.Envoy {
	g.t.Helper()
	return xdstest.Start(g.t, xdstest.Options{Addr: g.Addr().String(), Node: node, Dial: g.dial(shown...)})
}

// push opens a stream of numbers and gives how it ended.
func (g guarded) push(node *corev3.Node, shown ...string) <-chan error {
	g.t.Helper()
	conn, err := grpc.NewClient(g.Addr().String(), g.dial(shown...)...)
	if err != nil {
		g.t.Fatal(err)
	}
	g.t.Cleanup(func() { _ = conn.Close() })
	stream, err := metricsv3.NewMetricsServiceClient(conn).StreamMetrics(g.t.Context())
	if err != nil {
		g.t.Fatal(err)
	}
	// What went wrong with sending is said when receiving.
	_ = stream.Send(&metricsv3.StreamMetricsMessage{Identifier: &metricsv3.StreamMetricsMessage_Identifier{Node: node}})
	ended := make(chan error, 1)
	go func() { ended <- stream.RecvMsg(&metricsv3.StreamMetricsResponse{}) }()
	return ended
}

func TestWhoMayConnect(t *testing.T) {
	g := serveGuarded(t)
	g.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	g.doorman.set(func() { g.doorman.over["spent"] = true })
	long := &corev3.Node{Id: strings.Repeat("x", 5000)}
	for name, c := range map[string]struct {
		node  *corev3.Node
		shown []string
		code  codes.Code
		want  string
	}{
		"no token":            {envoyNode("web", "none"), nil, codes.Unauthenticated, "shows no token"},
		"another scheme":      {envoyNode("web", "basic"), []string{"Basic web"}, codes.Unauthenticated, "shows no token"},
		"the token alone":     {envoyNode("web", "bare"), []string{"web"}, codes.Unauthenticated, "shows no token"},
		"two tokens":          {envoyNode("web", "two"), []string{"Bearer web", "Bearer v1"}, codes.Unauthenticated, "shows no token"},
		"garbage":             {envoyNode("web", "garbage"), []string{"Bearer <img onerror=alert(1)>" + strings.Repeat("x", 4000)}, codes.Unauthenticated, "does not count"},
		"revoked, expired":    {envoyNode("web", "spent"), []string{"Bearer spent"}, codes.Unauthenticated, "does not count"},
		"another node's":      {envoyNode("web", "other"), []string{"Bearer v1"}, codes.PermissionDenied, "is for virtual node v1 of mesh shop"},
		"another mesh's":      {envoyNode("web", "mesh"), []string{"Bearer bank"}, codes.PermissionDenied, "is for virtual node web of mesh bank"},
		"a gateway's":         {envoyNode("web", "edge"), []string{"Bearer edge"}, codes.PermissionDenied, "is for virtual gateway web of mesh shop"},
		"no token, no node":   {&corev3.Node{Id: "garbage"}, nil, codes.Unauthenticated, "shows no token"},
		"a token, no node":    {long, []string{"Bearer web"}, codes.InvalidArgument, "is longer than"},
		"a stranger's lookup": {&corev3.Node{Id: "mesh/secret/virtualNode/web"}, nil, codes.Unauthenticated, "shows no token"},
	} {
		t.Run(name, func(t *testing.T) {
			e := g.envoy(c.node, c.shown...)
			e.Wait("the refusal", func() bool { return status.Code(e.Err()) == c.code })
			if !strings.Contains(e.Err().Error(), c.want) || strings.Contains(e.Err().Error(), "Bearer") {
				t.Errorf("refused with %v, want %q", e.Err(), c.want)
			}
			if err := <-g.push(c.node, c.shown...); status.Code(err) != c.code {
				t.Errorf("numbers are refused with %v, want %v", err, c.code)
			}
			if p := g.proxy("shop", shorten(c.node.GetId())); p.State != provider.Refused || !strings.Contains(p.Message, c.want) {
				t.Errorf("it is shown as %+v, want refused: %q", p, c.want)
			}
			told := 0
			for _, p := range g.doorman.told() {
				if p.NodeID == shorten(c.node.GetId()) && p.Message == g.proxy("shop", p.NodeID).Message {
					told++
				}
			}
			if told != 1 {
				t.Errorf("a row of refusals was told %d times, want once", told)
			}
		})
	}
	if len(g.stays) != 0 {
		t.Errorf("%d streams are held of proxies that were not let in", len(g.stays))
	}
	g.envoy(envoyNode("web", "spent"), "bearer web")
	g.synced("shop", "web-spent")
	if p := g.proxy("shop", envoyNode("web", "spent").GetId()); p.State == provider.Refused {
		t.Errorf("it was let in and is still shown as refused: %+v", p)
	}
}

func TestRevokedTokenEndsItsStreams(t *testing.T) {
	g := serveGuarded(t)
	g.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	one, other := g.envoy(envoyNode("web", "a"), "Bearer web"), g.envoy(envoyNode("v1", "a"), "Bearer v1")
	g.synced("shop", "web-a", "v1-a")
	numbers, otherNumbers := g.push(envoyNode("web", "a"), "Bearer web"), g.push(envoyNode("v1", "a"), "Bearer v1")
	eventually(t, "both report", func() bool {
		return !g.proxy("shop", "web-a").MetricsAt.IsZero() && !g.proxy("shop", "v1-a").MetricsAt.IsZero()
	})
	runs := one.Running(ClusterType)

	// While nobody can say whether tokens count, whoever is connected stays, and whoever comes is told to come again.
	g.doorman.set(func() { g.doorman.broken = true; g.doorman.over["web"] = true })
	g.checkPasses(t.Context())
	late := g.envoy(envoyNode("web", "late"), "Bearer web")
	late.Wait("come again", func() bool { return status.Code(late.Err()) == codes.Unavailable })
	if one.Err() != nil || g.proxy("shop", envoyNode("web", "late").GetId()).State == provider.Refused {
		t.Errorf("without an answer: %v, %+v", one.Err(), g.Proxies("shop"))
	}

	g.doorman.set(func() { g.doorman.broken = false })
	one.Wait("the end", func() bool { return status.Code(one.Err()) == codes.Unauthenticated })
	if err := <-numbers; status.Code(err) != codes.Unauthenticated {
		t.Errorf("numbers ended with %v", err)
	}
	if !strings.Contains(one.Err().Error(), "was revoked") || len(one.Running(ClusterType)) != len(runs) {
		t.Errorf("it ended with %v and runs %v, had %v", one.Err(), one.Running(ClusterType), runs)
	}
	one.Connect()
	one.Wait("the refusal", func() bool { return g.proxy("shop", envoyNode("web", "a").GetId()).State == provider.Refused })
	select {
	case err := <-otherNumbers:
		t.Errorf("another token's numbers ended: %v", err)
	default:
	}
	if other.Err() != nil || g.proxy("shop", "v1-a").State != provider.Synced {
		t.Errorf("another token's proxy: %v, %+v", other.Err(), g.proxy("shop", "v1-a"))
	}
}

func TestManyStrangers(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	d := newDoorman()
	s, err := New(Options{Passes: d, Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	defer s.listener.Close()
	(&served{Server: s, t: t}).apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	for i := range 10 * tellAtOnce {
		if _, _, err := s.identify(t.Context(), &corev3.Node{Id: fmt.Sprintf("mesh/shop/virtualNode/web/%d", i)}); status.Code(err) != codes.Unauthenticated {
			t.Fatal(err)
		}
	}
	if told := len(d.told()); told != tellAtOnce {
		t.Errorf("%d refusals were told at once, want %d", told, tellAtOnce)
	}
	if listed := len(s.Proxies("shop")); listed != maxRefused {
		t.Errorf("%d are listed, want %d", listed, maxRefused)
	}
}

func TestPlainTextIsNotServedOverTLS(t *testing.T) {
	g := serveGuarded(t)
	g.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	old := &tls.Config{RootCAs: g.roots, MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11} //nolint:gosec // what is refused
	if c, err := tls.Dial("tcp", g.Addr().String(), old); err == nil {                               //nolint:noctx // of this machine
		_ = c.Close()
		t.Error("TLS 1.1 is let in")
	}
	plain := fake(t, g.served, "web", "plain")
	plain.Wait("no connection", func() bool { return status.Code(plain.Err()) == codes.Unavailable })
}
