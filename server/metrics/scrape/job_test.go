package scrape

import (
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v2"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

func TestCheck(t *testing.T) {
	good := func() Job { return quick("envoys", "10.0.0.7:9901") }
	if err := good().Check(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		change func(j *Job)
		words  []string
	}{
		{func(j *Job) { j.Name = "" }, []string{"no name", `"demo"`}},
		{func(j *Job) { j.Mesh = "" }, []string{"mesh is missing"}},
		{func(j *Job) { j.NodeLabel = "app" }, []string{"node and nodeLabel"}},
		{func(j *Job) { j.Node = "service/cart" }, []string{"node", "gateway/"}},
		{func(j *Job) { j.Node, j.NodeLabel = "", "a-b" }, []string{"nodeLabel", `"a-b"`}},
		{func(j *Job) { j.Dialect = "esperanto" }, []string{"dialect", "istio, linkerd"}},
		{func(j *Job) { j.Labels = map[string]string{"mesh": "other"} }, []string{"labels", "mesh"}},
		{func(j *Job) { j.Targets = nil }, []string{"targets are missing"}},
		{func(j *Job) { j.Targets = []string{"10.0.0.7"} }, []string{"targets", "host:port"}},
		{func(j *Job) { j.Targets = []string{"http://10.0.0.7:9901/x"} }, []string{"targets", "host:port"}},
		{func(j *Job) { j.DNS = []DNS{{Type: "A", Port: 1}} }, []string{"dns[0] has no name"}},
		{func(j *Job) { j.DNS = []DNS{{Name: "x", Type: "MX"}} }, []string{"dns[0] type", "MX"}},
		{func(j *Job) { j.DNS = []DNS{{Name: "x"}} }, []string{"dns[0] port 0"}},
		{func(j *Job) { j.DNS = []DNS{{Name: "x", Type: "SRV", Port: 5}} }, []string{"dns[0] port"}},
		{func(j *Job) { j.DNS = []DNS{{Name: "x", Port: 5, Refresh: 1}} }, []string{"dns[0] refresh"}},
		{func(j *Job) { j.Interval = time.Millisecond }, []string{"interval 1ms", "1s"}},
		{func(j *Job) { j.Interval = 30 * time.Second }, []string{"interval 30s", "live graph", "15s"}},
		{func(j *Job) { j.Timeout = time.Minute }, []string{"timeout 1m0s"}},
		{func(j *Job) { j.Limits.BodyBytes = 5 }, []string{"limits.bodyBytes 5"}},
		{func(j *Job) { j.Limits.Samples = -1 }, []string{"limits"}},
		{func(j *Job) { j.Limits.NewSeries = 10 }, []string{"limits.newSeries 10"}},
		{func(j *Job) { j.Scheme = "ftp" }, []string{"scheme", "ftp"}},
		{func(j *Job) { j.Path = "/metrics?x=1" }, []string{"path", "params"}},
		{func(j *Job) { j.Keep = []string{"ok", "("} }, []string{"keep[1]"}},
		{func(j *Job) { j.HTTP.BearerToken, j.HTTP.BearerTokenFile = "x", "y" }, []string{"http", "bearer_token"}},
	} {
		j := good()
		c.change(&j)
		err := j.Check()
		if mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%v: %v is not Invalid", c.words, err)
			continue
		}
		words := append(c.words, "scrape job")
		if j.Name != "" {
			words = append(words, `"envoys"`)
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%q does not say %q", err, w)
			}
		}
	}
	slow := good()
	slow.Node, slow.Interval = "", time.Minute
	if err := slow.Check(); err != nil {
		t.Errorf("a job that does not feed the live graph may be slow: %v", err)
	}
	if _, err := New(Options{Jobs: []Job{good(), good()}}); err == nil || !strings.Contains(err.Error(), "two jobs") {
		t.Errorf("two jobs of one name: %v", err)
	}
	missing := good()
	missing.HTTP.TLSConfig.CAFile = filepath.Join(t.TempDir(), "none.pem")
	if _, err := New(Options{Jobs: []Job{missing}}); err == nil || !strings.Contains(err.Error(), "none.pem") {
		t.Errorf("a certificate that is missing: %v", err)
	}
}

func TestDefaults(t *testing.T) {
	j := Job{Name: "x", Mesh: "demo", Targets: []string{"a:1"}}.withDefaults()
	l := j.Limits
	if j.Interval != 5*time.Second || j.Timeout != 4*time.Second || j.Scheme != "http" || j.Path != "/stats/prometheus" || !j.Params.Has("usedonly") ||
		l.BodyBytes != 16<<20 || l.Samples != 20000 || min(l.Labels, l.LabelNameLength, l.LabelValueLength, l.NewSeries, l.Buckets) <= 0 || len(j.Keep) == 0 {
		t.Errorf("%+v", j)
	}
	other := Job{Path: "/metrics"}.withDefaults()
	if other.Params != nil {
		t.Errorf("a page that is not Envoy's is asked for with %v", other.Params)
	}
}

// TestYAML decodes a job strictly, and reads a page over TLS with a password.
func TestYAML(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, _ := r.BasicAuth(); user != "weir" || password != "secret" || r.Header.Get("X-Tenant") != "shop" || r.URL.Path != "/metrics" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		w.Header().Set("Content-Type", text)
		io.WriteString(w, "istio_requests_total{x=\"1\"} 5\nother_total 3\n")
	}))
	server.Config.ErrorLog = quiet()
	server.StartTLS()
	t.Cleanup(server.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(ca, block, 0o600); err != nil {
		t.Fatal(err)
	}
	text := fmt.Sprintf(`
name: sidecars
mesh: demo
targets: [%s]
labels: {zone: a}
scheme: https
path: /metrics
interval: 1s
timeout: 1s
dialect: istio
limits: {samples: 100, labelValueLength: 50}
dns: []
http:
  basic_auth: {username: weir, password: secret}
  tls_config: {ca_file: %s, server_name: example.com}
  http_headers: {X-Tenant: {values: [shop]}}
`, server.Listener.Addr(), ca)
	var j Job
	if err := yaml.UnmarshalStrict([]byte(text), &j); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict([]byte(text+"tarets: []\n"), &Job{}); err == nil {
		t.Error("a field that does not exist is accepted")
	}
	db := store(t)
	s := begin(t, Options{Jobs: []Job{j}, Appendable: db})
	eventually(t, "the page is read", func() bool { return target(s, "sidecars").State == query.OK })
	if n, ls, _ := series(t, db, named("istio_requests_total")); n != 1 || ls.Get("zone") != "a" {
		t.Errorf("%d series, %v", n, ls)
	}
	if n, _, _ := series(t, db, named("other_total")); n != 0 {
		t.Error("what no dialect reads is stored")
	}
	if _, ls, _ := series(t, db, named("up")); ls.Has("source_node") {
		t.Errorf("%v: a job without a node names one", ls)
	}
}
