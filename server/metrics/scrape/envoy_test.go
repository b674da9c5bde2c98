package scrape

import (
	"context"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
)

// bootstrap is an Envoy whose listener calls the mesh's cluster for the service cart, and that reports what it did.
const bootstrap = `
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
stats_flush_interval: 0.2s
stats_config:
  histogram_bucket_settings:
  - {match: {suffix: _rq_time}, buckets: [1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000]}
static_resources:
  listeners:
  - name: egress
    address: {socket_address: {address: 127.0.0.1, port_value: 0}}
    filter_chains:
    - filters:
      - name: envoy.filters.network.http_connection_manager
        typed_config:
          "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
          stat_prefix: egress
          route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: CLUSTER}}]}]}
          http_filters: [{name: router, typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}}]
  clusters:
  - name: CLUSTER
    type: STATIC
    load_assignment: {cluster_name: cart, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: HOST, port_value: PORT}}}}]}]}
`

// findEnvoy finds the Envoy that the tests run.
func findEnvoy(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("ENVOY"); path != "" {
		return path
	}
	if path, err := exec.LookPath("envoy"); err == nil {
		return path
	}
	path, err := filepath.Abs("../../../.tools/envoy/bin/envoy")
	if err == nil {
		_, err = os.Stat(path)
	}
	if err != nil {
		t.Fatal("there is no Envoy for this test: run `make envoy`, or set ENVOY to one")
	}
	return path
}

// envoy starts one that calls the application, and gives the addresses of its admin interface and its listener.
func envoy(t testing.TB, application string) (admin, listener string) {
	t.Helper()
	dir := t.TempDir()
	host, port, _ := strings.Cut(application, ":")
	text := strings.NewReplacer("CLUSTER", mesh.EgressCluster("demo", "cart", mesh.HTTP, 8080), "HOST", host, "PORT", port).Replace(bootstrap)
	config, address := filepath.Join(dir, "envoy.yaml"), filepath.Join(dir, "admin")
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, findEnvoy(t), "-c", config, "--use-dynamic-base-id", "--admin-address-path", address, "--concurrency", "1", "-l", "error")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	eventually(t, "Envoy listens", func() bool {
		a, err := os.ReadFile(address)
		if err != nil {
			return false
		}
		admin = string(a)
		list, err := get("http://" + admin + "/listeners")
		if err != nil {
			return false
		}
		_, listener, _ = strings.Cut(strings.TrimSpace(list), "::")
		return listener != ""
	})
	return admin, listener
}

func get(address string) (string, error) {
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Get(address)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	return string(b), err
}

// TestEnvoy scrapes a real Envoy in each format: the live graph and the store have what was asked of it.
func TestEnvoy(t *testing.T) {
	t.Parallel()
	application := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/bad" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	admin, listener := envoy(t, application)
	plain := serve(t, func(w http.ResponseWriter, r *http.Request) { // the same, as an Envoy that knows text alone
		page, err := get("http://" + admin + r.URL.RequestURI())
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		w.Header().Set("Content-Type", "text/plain; charset=UTF-8")
		io.WriteString(w, page)
	})
	native := quick("native", admin)
	native.Params = url.Values{"usedonly": {""}, "histogram_buckets": {"prometheusnative"}}
	jobs := []Job{quick("protobuf", admin), quick("text", plain), native}
	db := store(t)
	lives := make([]*metrics.Live, len(jobs))
	for i := range jobs {
		jobs[i].Node = "front"
		lives[i] = metrics.New(metrics.Options{})
		j := jobs[i]
		s := begin(t, Options{Jobs: []Job{j}, Appendable: db, Live: lives[i]})
		eventually(t, j.Name+" is scraped", func() bool {
			got := target(s, j.Name)
			want := j.Name
			if want == "native" {
				want = "protobuf"
			}
			return got.State == query.OK && got.Format == want && got.Samples > 10
		})
		eventually(t, "the proxy is known", func() bool {
			return lives[i].Observe("demo", time.Minute, time.Now()).Reporting == 1
		})
	}
	for i := range 40 {
		path := "/good"
		if i%4 == 0 {
			path = "/bad"
		}
		if _, err := get("http://" + listener + path); err != nil {
			t.Fatal(err)
		}
	}
	for i, live := range lives {
		eventually(t, jobs[i].Name+" shows the calls", func() bool { return edge(live).Requests == 40 && edge(live).P95 > 0 })
		e := edge(live)
		if e.From != "front" || e.To != "cart" || e.Protocol != mesh.HTTP || math.Abs(e.ErrorRatio-0.25) > 1e-9 || e.Healthy != 1 || e.Members != 1 || e.BytesRate == 0 {
			t.Errorf("%s: %+v", jobs[i].Name, e)
		}
	}
	for _, j := range jobs {
		cluster := labels.MustNewMatcher(labels.MatchEqual, "envoy_cluster_name", mesh.EgressCluster("demo", "cart", mesh.HTTP, 8080))
		eventually(t, j.Name+" is stored", func() bool {
			_, _, newest := series(t, db, named("envoy_cluster_upstream_rq_time"), job(j.Name), cluster)
			return newest.H != nil && newest.H.Count == 40 && (newest.H.Schema == -53) == (j.Name != "native")
		})
		if n, _, newest := series(t, db, named("envoy_cluster_upstream_rq_xx"), job(j.Name), cluster,
			labels.MustNewMatcher(labels.MatchEqual, "envoy_response_code_class", "5")); n != 1 || newest.V != 10 {
			t.Errorf("%s: %d series of the fifth class, %v", j.Name, n, newest.V)
		}
	}
	for _, address := range []string{admin, plain} {
		r, err := CheckTarget(t.Context(), quick("check", address), address)
		if err != nil || len(r.Problems) > 0 || r.Kept < 10 || len(r.Dialects) != 1 || r.Dialects[0].Dialect != "envoy" {
			t.Errorf("%+v, %v", r, err)
		}
	}
}
