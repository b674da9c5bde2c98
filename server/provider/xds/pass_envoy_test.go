package xds

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// TestEnvoyShowsItsToken is a real Envoy over TLS with a token: it is configured, reports, and when its token is revoked it
// goes on serving what it has.
func TestEnvoyShowsItsToken(t *testing.T) {
	t.Parallel()
	g := serveGuarded(t)
	g.apply(1, shop{weights: map[string]int{"v1": 1}, ports: map[string]int{"v1": upstream(t, "v1")}}.mesh())
	envoy := startEnvoy(t, g.Addr().String(), BootstrapOptions{Mesh: "shop", Node: "web", Instance: "a", Token: "web", CA: g.ca})
	g.synced("shop", envoy.id)
	eventually(t, "its numbers", func() bool { return !g.proxy("shop", envoy.id).MetricsAt.IsZero() })
	load, stop := startLoad(t, envoy, 200)
	load.answered(50)

	g.doorman.set(func() { g.doorman.over["web"] = true })
	id := "mesh/shop/virtualNode/web/a"
	eventually(t, "shown as refused", func() bool {
		p := g.proxy("shop", id)
		return p.State == provider.Refused && strings.Contains(p.Message, "revoked")
	})
	eventually(t, "shown as gone", func() bool { return g.proxy("shop", envoy.id).State == provider.Gone })
	load.answered(100)

	// It is let in again with the same file when its token counts again: nobody has to restart it.
	g.doorman.set(func() { delete(g.doorman.over, "web") })
	g.synced("shop", envoy.id)
	load.answered(50)
	stop()
	load.noFailures(200)
}

// TestEnvoyRenewsItsCertificate is a real Envoy over mutual TLS whose files are replaced while it runs: when its first
// certificate ends it comes back with the second one by itself, configuration goes on to reach it, and no request fails.
func TestEnvoyRenewsItsCertificate(t *testing.T) {
	t.Parallel()
	g := serveCertifying(t, true)
	g.apply(1, shop{weights: map[string]int{"v1": 1}, ports: map[string]int{"v1": upstream(t, "v1")}}.mesh())
	dir := t.TempDir()
	first := certify(t, g.doorman.authority, "web")
	if err := first.Write(dir); err != nil {
		t.Fatal(err)
	}
	envoy := startEnvoy(t, g.Addr().String(), BootstrapOptions{Mesh: "shop", Node: "web", Instance: "a", Certificates: dir, ServerName: authority.ControlPlane})
	g.synced("shop", envoy.id)
	eventually(t, "its numbers", func() bool { return !g.proxy("shop", envoy.id).MetricsAt.IsZero() })
	load, stop := startLoad(t, envoy, 200)
	load.answered(50)

	second := certify(t, g.doorman.authority, "web")
	if err := second.Write(dir); err != nil {
		t.Fatal(err)
	}
	since := g.proxy("shop", envoy.id).Since
	g.doorman.set(func() { g.doorman.ends[first.serial(t)] = time.Now() })
	g.staysMu.Lock()
	for st := range g.stays {
		st.pass.Until = time.Now()
	}
	g.staysMu.Unlock()
	eventually(t, "it is back with its second certificate", func() bool {
		p := g.proxy("shop", envoy.id)
		return p.State == provider.Synced && p.Since.After(since)
	})
	if delivery, _ := g.applied(2, shop{weights: map[string]int{"v1": 1, "v2": 1}, ports: map[string]int{"v1": upstream(t, "v1"), "v2": upstream(t, "v2")}}); len(delivery.Rejected) > 0 {
		t.Errorf("%+v", delivery)
	}
	load.answered(100)
	stop()
	load.noFailures(150)
}

func TestBootstrapOverTLSLoadsInEnvoy(t *testing.T) {
	_, _, ca := ownAuthority(t, t.TempDir(), "weir")
	dir := t.TempDir()
	if err := certify(t, newAuthority(t), "web").Write(dir); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		o    BootstrapOptions
		want []string
	}{
		"by name":        {BootstrapOptions{XDS: "weir.test:18000", CA: ca}, []string{"sni: weir.test", "exact: weir.test", "san_type: DNS", "STRICT_DNS"}},
		"by address":     {BootstrapOptions{XDS: "10.0.0.1:18000", CA: ca}, []string{"exact: 10.0.0.1", "san_type: IP_ADDRESS"}},
		"by other name":  {BootstrapOptions{XDS: "10.0.0.1:18000", CA: ca, ServerName: "weir.test"}, []string{"sni: weir.test", "exact: weir.test"}},
		"certificates":   {BootstrapOptions{XDS: "weir.test:18000", Certificates: dir}, []string{"sni: weir.test", "exact: weir.test", dir + "/certificate.yaml", dir + "/authority.yaml", "watched_directory"}},
		"both":           {BootstrapOptions{XDS: "weir.test:18000", Certificates: dir, CA: ca}, []string{"BEGIN CERTIFICATE", dir + "/certificate.yaml"}},
		"Unix socket":    {BootstrapOptions{XDS: "unix:/run/weir/xds.sock", Token: "t"}, []string{"path: /run/weir/xds.sock", "STATIC"}},
		"plain loopback": {BootstrapOptions{XDS: "[::1]:18000", Token: "t"}, []string{"authorization"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.o.Mesh, c.o.Node = "shop", "web"
			text, err := Bootstrap(c.o)
			if err != nil {
				t.Fatal(err)
			}
			envoyValidates(t, text)
			for _, want := range c.want {
				if !strings.Contains(string(text), want) {
					t.Errorf("%q is missing:\n%s", want, text)
				}
			}
			if got := strings.Count(string(text), "Bearer t"); c.o.Token != "" && got != 2 {
				t.Errorf("the token is shown by %d streams, want both", got)
			}
		})
	}
}

func TestBootstrapRefusesToLeakOrTrustNobody(t *testing.T) {
	dir := t.TempDir()
	_, keyFile, ca := ownAuthority(t, dir, "weir")
	key, err := os.ReadFile(filepath.Clean(keyFile))
	if err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]BootstrapOptions{
		"in plain text":             {XDS: "10.0.0.1:18000", Token: "t"},
		"needs --ca":                {XDS: "10.0.0.1:18000", ServerName: "weir.test"},
		"no certificate in PEM":     {XDS: "10.0.0.1:18000", CA: []byte("nonsense")},
		`holds a "PRIVATE KEY"`:     {XDS: "10.0.0.1:18000", CA: append(key, ca...)},
		"cannot be read":            {XDS: "10.0.0.1:18000", CA: []byte("-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n")},
		"the whole path of the":     {XDS: "10.0.0.1:18000", Certificates: "here"},
		"whole path of a socket":    {XDS: "unix:weir.sock"},
		"a Unix socket has no name": {XDS: "unix:/run/weir.sock", CA: ca},
	} {
		o.Mesh, o.Node = "shop", "web"
		if _, err := Bootstrap(o); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
