package xds

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

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

func TestBootstrapOverTLSLoadsInEnvoy(t *testing.T) {
	_, _, ca := authority(t, t.TempDir(), "weir")
	for name, c := range map[string]struct {
		o    BootstrapOptions
		want []string
	}{
		"by name":        {BootstrapOptions{XDS: "weir.test:18000", CA: ca}, []string{"sni: weir.test", "exact: weir.test", "san_type: DNS", "STRICT_DNS"}},
		"by address":     {BootstrapOptions{XDS: "10.0.0.1:18000", CA: ca}, []string{"exact: 10.0.0.1", "san_type: IP_ADDRESS"}},
		"by other name":  {BootstrapOptions{XDS: "10.0.0.1:18000", CA: ca, ServerName: "weir.test"}, []string{"sni: weir.test", "exact: weir.test"}},
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
	_, keyFile, ca := authority(t, dir, "weir")
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
		"whole path of a socket":    {XDS: "unix:weir.sock"},
		"a Unix socket has no name": {XDS: "unix:/run/weir.sock", CA: ca},
	} {
		o.Mesh, o.Node = "shop", "web"
		if _, err := Bootstrap(o); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
}
