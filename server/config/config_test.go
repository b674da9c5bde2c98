package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/config"
	"github.com/weirmesh/weir/server/mesh"
)

const whole = `
listen: 127.0.0.1:8080
xdsListen: 127.0.0.1:18000
tls: {cert: tls/console.pem, key: /etc/weir/console.key}
xdsTls: {cert: tls/xds.pem, key: /etc/weir/xds.key, mode: on, requireCertificates: true}
metricsListen: "off"
data: /var/lib/weir
history: {retention: 30d, maxSize: 2GB, step: 5s, seriesLimit: 200000, rollupsOnly: true}
scrape:
  - name: edge
    mesh: shop
    node: gateway/edge
    targets: ["10.0.0.1:9901"]
    files: [targets/*.json]
    interval: 5s
    http: {basic_auth: {username: weir, password: hunter2-of-the-proxy}}
sources:
  - name: prod
    kind: thanos
    url: https://thanos.example.com
    meshes: [shop]
    interval: 15s
    http: {authorization: {credentials: hunter2-of-thanos}}
webhooks:
  - {name: pager, url: "https://pager.example.com/weir", kinds: [rollout, rejected], meshes: [shop], secret: hunter2-of-the-pager, timeout: 5s, retries: 3}
rollouts: {loopback: true, secret: hunter2-of-rollouts}
people: {keyFile: weir.key, idle: 1h, lifetime: 8h, trustedProxies: [127.0.0.1, 10.1.2.3/8]}
`

func TestWhole(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "weir.yaml")
	if err := os.WriteFile(path, []byte(whole), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if h := c.History; time.Duration(h.Retention) != 720*time.Hour || h.MaxSize != 2<<30 || time.Duration(h.Step) != 5*time.Second || h.SeriesLimit != 200000 || !h.RollupsOnly {
		t.Errorf("history %+v", h)
	}
	if len(c.Scrape) != 1 || c.Scrape[0].Node != "gateway/edge" || c.Scrape[0].Files[0] != filepath.Join(dir, "targets/*.json") {
		t.Errorf("scrape %+v: files are relative to the configuration", c.Scrape)
	}
	if x := c.TLS; x.Cert != filepath.Join(dir, "tls/console.pem") || x.Key != "/etc/weir/console.key" || c.InsecureHTTP {
		t.Errorf("tls %+v", x)
	}
	if x := c.XDSTLS; x.Cert != filepath.Join(dir, "tls/xds.pem") || x.Key != "/etc/weir/xds.key" || x.Mode != "on" || !x.RequireCertificates {
		t.Errorf("xdsTls %+v", x)
	}
	if len(c.Sources) != 1 || c.Sources[0].Kind != "thanos" || c.Sources[0].Meshes[0] != "shop" {
		t.Errorf("sources %+v", c.Sources)
	}
	if w := c.Webhooks; len(w) != 1 || w[0].Name != "pager" || len(w[0].Kinds) != 2 || w[0].Secret != "hunter2-of-the-pager" || w[0].Retries != 3 {
		t.Errorf("webhooks %+v", w)
	}
	if r := c.Rollouts; !r.Loopback || r.Secret != "hunter2-of-rollouts" {
		t.Errorf("rollouts %+v", r)
	}
	if p := c.People; p.KeyFile != filepath.Join(dir, "weir.key") || time.Duration(p.Idle) != time.Hour || time.Duration(p.Lifetime) != 8*time.Hour {
		t.Errorf("people %+v", p)
	}
	text := c.String()
	if strings.Contains(text, "hunter2") {
		t.Errorf("secrets are printed:\n%s", text)
	}
	for _, want := range []string{"retention: 30d", "maxSize: 2GiB", "xdsListen: 127.0.0.1:18000", "kind: thanos"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not printed:\n%s", want, text)
		}
	}
	if again, err := config.Parse([]byte(strings.ReplaceAll(text, "<secret>", "x"))); err != nil || again.History != c.History {
		t.Errorf("what is printed cannot be read: %v", err)
	}
}

func TestEmptyIsDefaults(t *testing.T) {
	if c, err := config.Parse(nil); err != nil || c.Listen != "" || c.History != (config.History{}) {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestRefused(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"webhook's kind":     {"webhooks: [{name: a, url: 'http://x', kinds: [chnage]}]", `no kind of events "chnage": there is change, approval, rollout`},
		"webhook's address":  {"webhooks: [{name: a, url: x}]", "http:// or https://"},
		"webhook's name":     {"webhooks: [{url: 'http://x'}]", "no name"},
		"webhook's retries":  {"webhooks: [{name: a, url: 'http://x', retries: 11}]", "from 0 to 10"},
		"webhook's timeout":  {"webhooks: [{name: a, url: 'http://x', timeout: 2m}]", "at most 1m"},
		"webhook's key":      {"webhooks: [{name: a, url: 'http://x', kind: [change]}]", "field kind not found"},
		"webhooks of a name": {"webhooks: [{name: a, url: 'http://x'}, {name: a, url: 'http://y'}]", "already"},
		"half a pair":        {"xdsTls: {cert: a.pem}", "xdsTls: give both"},
		"unknown key":        {"histroy: {}", "field histroy not found"},
		"unknown inner key":  {"history: {retain: 1d}", "field retain not found"},
		"no YAML":            {"listen: [", "line 1"},
		"wrong type":         {"history: {seriesLimit: many}", "line 1"},
		"size without unit":  {"history: {maxSize: lots}", `size "lots": write it as in 512MB or 2GB`},
		"too small":          {"history: {maxSize: 1MB}", "history.maxSize 1MiB: at least 64MiB"},
		"too short":          {"history: {retention: 1m}", "history.retention 1m: at least 1h"},
		"step":               {"history: {step: 5m}", "history.step 5m: from 1s to 1m"},
		"split second":       {"history: {step: 1500ms}", "history.step 1s500ms: whole seconds, such as 1s"},
		"few series":         {"history: {seriesLimit: 5}", "history.seriesLimit 5: at least 1000"},
		"source without url": {"sources: [{name: prod}]", "prod"},
		"job without mesh":   {"scrape: [{name: edge, targets: ['a:1']}]", "edge"},
		"idle for a minute":  {"people: {idle: 1m}", "people.idle 1m: from 5m to 30d"},
		"no proxy":           {"people: {trustedProxies: [everybody]}", `people.trustedProxies "everybody": an address or a network`},
		"idle for ever":      {"people: {idle: 1y}", "people.idle 1y: from 5m to 30d"},
		"lifetime":           {"people: {lifetime: 1y}", "people.lifetime 1y: from 5m to 30d"},
		"idle past the end":  {"people: {idle: 2h, lifetime: 1h}", "no longer than people.lifetime"},
		"twice": {
			"sources: [{name: x, url: 'http://a'}]\nscrape: [{name: x, mesh: m, node: n, targets: ['a:1']}]",
			`scrape job "x": there is a source of that name already`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]byte(c.text))
			if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want %q in one line", err, c.want)
			}
		})
	}
}

func TestNoFile(t *testing.T) {
	for _, path := range []string{filepath.Join(t.TempDir(), "weir.yaml"), t.TempDir()} {
		if _, err := config.Load(path); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), path) {
			t.Errorf("%v", err)
		}
	}
}
