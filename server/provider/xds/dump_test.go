package xds

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	tlsv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/transport_sockets/tls/v3"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// dump asks for a type, and fails the test when there is an error.
func (s *served) dump(id string, ask provider.Ask) provider.Dump {
	s.t.Helper()
	d, err := s.Dump("shop", id, ask)
	if err != nil {
		s.t.Fatal(err)
	}
	return d
}

func TestDump(t *testing.T) {
	s := serve(t, Options{})
	timeout := mesh.Duration(2 * time.Second)
	s.apply(1, shop{weights: map[string]int{"v1": 3, "v2": 1}, ports: map[string]int{"v1": 9001, "v2": 9002}, outliers: 5, timeout: timeout}.mesh())
	web := fake(t, s, "web", "a")
	s.synced("shop", "web-a")

	clusters := s.dump("web-a", provider.Ask{Type: "cluster"})
	if clusters.Total != 2 || clusters.Behind != 0 || len(clusters.Resources) != 2 {
		t.Fatalf("clusters = %+v", clusters)
	}
	c := clusters.Resources[0]
	if c.Name != "cds_egress_shop_v1_http_8080" || c.Progress != provider.Running || c.Running != c.Wanted || c.AckedAt.IsZero() ||
		c.Cluster.Kind != "EDS" || c.Cluster.Node != "v1" || c.Cluster.Protocol != "http" || c.Cluster.Outliers.MaxServerErrors != 5 ||
		c.Cluster.Limits.MaxConnections != nil || c.Raw != nil || c.Certificates != nil {
		t.Errorf("cluster = %+v", c)
	}
	endpoints := s.dump("web-a", provider.Ask{Type: "endpoint", Text: "V2"})
	if endpoints.Total != 1 || len(endpoints.Resources[0].Endpoints) != 1 || endpoints.Resources[0].Endpoints[0].Port != 9002 {
		t.Errorf("endpoints = %+v", endpoints)
	}
	listeners := s.dump("web-a", provider.Ask{Type: "listener"})
	if l := listeners.Resources[0].Listener; l.Port != 15001 || l.Kind != "http" || l.Routes != "rds_egress_http_15001" {
		t.Errorf("listener = %+v", l)
	}
	routes := s.dump("web-a", provider.Ask{Type: "route", Raw: true})
	host := routes.Resources[0].Hosts[slices.IndexFunc(routes.Resources[0].Hosts, func(h provider.VirtualHost) bool { return slices.Contains(h.Domains, "reviews") })]
	if r := host.Routes[0]; len(r.Targets) != 2 || r.Targets[0].Share != 0.75 || *r.Timeout != timeout || r.Match[0] != (provider.Condition{On: "path", How: "prefix", Value: "/"}) {
		t.Errorf("route = %+v", r)
	}
	if !strings.Contains(string(routes.Resources[0].Raw), `"validateClusters":true`) {
		t.Errorf("the raw text is %s", routes.Resources[0].Raw)
	}
	if page := s.dump("web-a", provider.Ask{Type: "cluster", Offset: 1, Limit: 1}); page.Total != 2 || len(page.Resources) != 1 || page.Resources[0].Name != "cds_egress_shop_v2_http_8080" {
		t.Errorf("the second page is %+v", page)
	}
	if far := s.dump("web-a", provider.Ask{Type: "cluster", Offset: 7, Limit: 1}); far.Total != 2 || far.Resources == nil || len(far.Resources) != 0 {
		t.Errorf("beyond the end there is %+v", far)
	}

	web.Stop()
	eventually(t, "gone", func() bool { return s.proxy("shop", "web-a").State == provider.Gone })
	if gone := s.dump("web-a", provider.Ask{Type: "cluster"}); gone.Left.IsZero() || gone.Total != 2 {
		t.Errorf("of a proxy that is gone there is %+v", gone)
	}
}

func TestDumpOfStrangers(t *testing.T) {
	s := serve(t, Options{})
	s.apply(1, shop{weights: map[string]int{"v1": 1}}.mesh())
	fake(t, s, "nobody", "a")
	eventually(t, "refused", func() bool {
		return slices.ContainsFunc(s.Proxies("shop"), func(p provider.Proxy) bool { return p.State == provider.Refused })
	})
	refused := refusedID("mesh/shop/virtualNode/nobody/a")
	if d := s.dump(refused, provider.Ask{Type: "cluster"}); d.Total != 0 || d.Resources == nil {
		t.Errorf("a proxy that was not let in has %+v", d)
	}
	for id, code := range map[string]mesh.Code{"web-z": mesh.NotFound, "": mesh.NotFound} {
		if _, err := s.Dump("shop", id, provider.Ask{Type: "cluster"}); mesh.CodeOf(err) != code {
			t.Errorf("%q: %v", id, err)
		}
	}
	if _, err := s.Dump("shop", refused, provider.Ask{Type: "secret"}); mesh.CodeOf(err) != mesh.Invalid {
		t.Errorf("an unknown type: %v", err)
	}
}

// TestDumpLeavesSecretsOut gives a cluster a certificate with its key.
func TestDumpLeavesSecretsOut(t *testing.T) {
	until := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)
	chain, key := selfSigned(t, until)
	s := serve(t, Options{Translate: func(in Input) (*Snapshot, error) {
		snap, err := Translate(in)
		if err == nil {
			encrypt(t, snap, chain, key)
		}
		return snap, err
	}})
	s.apply(1, shop{weights: map[string]int{"v1": 1, "v2": 1}}.mesh())
	fake(t, s, "web", "a")
	s.synced("shop", "web-a")
	d := s.dump("web-a", provider.Ask{Type: "cluster", Secure: true, Raw: true})
	if d.Total != 1 || len(d.Resources[0].Certificates) != 3 {
		t.Fatalf("secure clusters = %+v", d)
	}
	r := d.Resources[0]
	if strings.Contains(string(r.Raw), "PRIVATE KEY") || !strings.Contains(string(r.Raw), redacted) {
		t.Errorf("the key is shown: %s", r.Raw)
	}
	slices.SortFunc(r.Certificates, func(a, b provider.Certificate) int { return strings.Compare(a.Source, b.Source) })
	if c := r.Certificates[0]; c.Source != "file" || c.Use != "trusted" || c.Name != "/run/ca.pem" {
		t.Errorf("the file is %+v", c)
	}
	if c := r.Certificates[1]; c.Use != "own" || !c.NotAfter.Equal(until) || !slices.Equal(c.Names, []string{"web.shop", "spiffe://shop/web"}) {
		t.Errorf("the certificate is %+v", c)
	}
	if c := r.Certificates[2]; c.Source != "secret" || c.Name != "other" {
		t.Errorf("the secret is %+v", c)
	}
	if plain := s.dump("web-a", provider.Ask{Type: "listener", Secure: true}); plain.Total != 0 {
		t.Errorf("plain text is called secure: %+v", plain)
	}
}

// selfSigned makes a certificate and its key.
func selfSigned(t testing.TB, until time.Time) (chain, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "web"}, NotAfter: until,
		DNSNames: []string{"web.shop"}, URIs: []*url.URL{{Scheme: "spiffe", Host: "shop", Path: "/web"}},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

// encrypt makes the calls to v1 encrypted.
func encrypt(t testing.TB, snap *Snapshot, chain, key []byte) {
	const name = "cds_egress_shop_v1_http_8080"
	r, ok := snap.Resources[ClusterType][name]
	if !ok {
		return
	}
	var c clusterv3.Cluster
	if err := r.Body.UnmarshalTo(&c); err != nil {
		t.Error(err)
		return
	}
	inline := func(data []byte) *corev3.DataSource {
		return &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: string(data)}}
	}
	socket, err := anypb.New(&tlsv3.UpstreamTlsContext{CommonTlsContext: &tlsv3.CommonTlsContext{
		TlsCertificates:                []*tlsv3.TlsCertificate{{CertificateChain: inline(chain), PrivateKey: inline(key)}},
		TlsCertificateSdsSecretConfigs: []*tlsv3.SdsSecretConfig{{Name: "other"}},
		ValidationContextType: &tlsv3.CommonTlsContext_ValidationContext{ValidationContext: &tlsv3.CertificateValidationContext{
			TrustedCa: &corev3.DataSource{Specifier: &corev3.DataSource_Filename{Filename: "/run/ca.pem"}},
		}},
	}})
	if err != nil {
		t.Error(err)
		return
	}
	c.TransportSocket = &corev3.TransportSocket{Name: "envoy.transport_sockets.tls", ConfigType: &corev3.TransportSocket_TypedConfig{TypedConfig: socket}}
	body, err := anypb.New(&c)
	if err != nil {
		t.Error(err)
		return
	}
	snap.Resources[ClusterType][name] = Resource{Name: name, Body: body}
}

// TestEnvoyDump looks into a real Envoy's configuration, before and after it refused a part of it.
func TestEnvoyDump(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	s := serve(t, Options{Translate: func(in Input) (*Snapshot, error) {
		snap, err := Translate(in)
		if err == nil && broken.Load() {
			spoilRoutes(t, snap)
		}
		return snap, err
	}})
	ports := map[string]int{"v1": upstream(t, "v1"), "v2": upstream(t, "v2")}
	s.apply(1, shop{weights: map[string]int{"v1": 1}, ports: ports}.mesh())
	envoy := startEnvoy(t, s.Addr().String(), BootstrapOptions{Mesh: "shop", Node: "web", Instance: "a"})
	s.synced("shop", envoy.id)
	for _, kind := range provider.Types() {
		if d := s.dump(envoy.id, provider.Ask{Type: kind}); d.Total != 1 || d.Behind != 0 || d.Resources[0].Progress != provider.Running {
			t.Errorf("%s: %+v", kind, d)
		}
	}
	if e := s.dump(envoy.id, provider.Ask{Type: "endpoint"}).Resources[0].Endpoints; len(e) != 1 || e[0].Port != ports["v1"] {
		t.Errorf("endpoints = %+v", e)
	}

	broken.Store(true)
	s.applied(2, shop{weights: map[string]int{"v2": 1}, ports: ports})
	var r provider.Resource
	eventually(t, "the refused route is shown", func() bool {
		r = s.dump(envoy.id, provider.Ask{Type: "route", Raw: true}).Resources[0]
		return r.Progress == provider.Declined
	})
	if !strings.Contains(r.Message, "unknown cluster 'nope'") || r.Running == r.Wanted || r.Running == "" {
		t.Errorf("the route is %+v, want Envoy's words and two versions", r)
	}
	if strings.Contains(string(r.RunningRaw), "nope") || !strings.Contains(string(r.Raw), "nope") {
		t.Errorf("runs %s\nshould run %s", r.RunningRaw, r.Raw)
	}
	p := s.proxy("shop", envoy.id)
	types := p.Resources[slices.IndexFunc(p.Resources, func(r provider.ResourceType) bool { return r.Type == "route" })]
	if types.Wanted == types.Acked || types.RejectedAt.IsZero() || !strings.Contains(types.Message, "nope") {
		t.Errorf("the type is %+v", types)
	}
}
