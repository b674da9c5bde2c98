package server

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/dialect"
	"github.com/weirmesh/weir/server/metrics/remote"
	"github.com/weirmesh/weir/server/metrics/remote/prometheustest"
)

// A real Prometheus that scrapes the same Envoys gives, read as somebody else's store, the same edges and rates as the
// embedded one that the Envoys push to: within 2 %, or within the two requests that fall between two looks at a counter.
func TestPrometheusAgreesWithTheEmbeddedStore(t *testing.T) {
	s := openShop(t)
	url := prometheustest.Start(t, prometheustest.Config{YAML: s.scrapedBy(t)})
	source, err := remote.FromURL(url)
	if err != nil {
		t.Fatal(err)
	}
	backend, err := remote.New(source)
	if err != nil {
		t.Fatal(err)
	}
	defer backend.Close()
	theirs, err := dialect.New(backend, dialect.Options{Step: time.Second, Known: s.server.known})
	if err != nil {
		t.Fatal(err)
	}
	const window = 40 * time.Second
	var ours, other mesh.Observation
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("%d edges, theirs %d, %v:\n%s", len(ours.Edges), len(other.Edges), err, strings.Join(differences(ours, other), "\n"))
		}
	})
	within(t, 3*time.Minute, "both know every edge", func() bool {
		at := time.Now().Add(-2 * time.Second).Truncate(time.Second) // what is under way has arrived
		if ours, err = s.server.seeing.past.Observe(t.Context(), sample, at, window); err != nil {
			return false
		}
		if other, err = theirs.Observe(t.Context(), sample, at, window); err != nil {
			return false
		}
		return len(other.Edges) > 10 && len(differences(ours, other)) == 0
	})
	t.Logf("%d edges agree", len(ours.Edges))
	found, err := theirs.Detect(t.Context(), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range found {
		if f.Used != (f.Dialect == "envoy") {
			t.Errorf("%s: used %v: %s", f.Dialect, f.Used, f.Why)
		}
	}
}

// differences says in which edges two observations differ by more than they may.
func differences(ours, theirs mesh.Observation) []string {
	type ends struct{ from, to string }
	all := make(map[ends][2]mesh.Traffic)
	for side, o := range []mesh.Observation{ours, theirs} {
		for _, e := range o.Edges {
			if e.Requests < 1 {
				continue // idle
			}
			key := ends{e.From, e.To}
			pair := all[key]
			pair[side] = e.Traffic
			all[key] = pair
		}
	}
	var list []string
	for key, pair := range all {
		a, b := pair[0], pair[1]
		switch {
		case math.Abs(a.Requests-b.Requests) > max(2, 0.02*a.Requests):
			list = append(list, fmt.Sprintf("%s → %s: %.1f requests, theirs %.1f", key.from, key.to, a.Requests, b.Requests))
		case math.Abs(a.ErrorRatio-b.ErrorRatio) > 0.02:
			list = append(list, fmt.Sprintf("%s → %s: error ratio %.3f, theirs %.3f", key.from, key.to, a.ErrorRatio, b.ErrorRatio))
		case a.Requests > 100 && math.Abs((a.P50-b.P50).Seconds()) > 0.001+0.1*a.P50.Seconds():
			list = append(list, fmt.Sprintf("%s → %s: p50 %v, theirs %v", key.from, key.to, a.P50, b.P50))
		}
	}
	return list
}

// scrapedBy makes the Envoys' statistics pages reachable for a Prometheus, and gives its configuration.
func (s *shop) scrapedBy(t *testing.T) string {
	t.Helper()
	mux := http.NewServeMux()
	var groups []map[string]any
	pages := httptest.NewServer(mux)
	t.Cleanup(pages.Close)
	for _, p := range s.demo.Proxies() {
		path := "/" + p.Name() + "/stats/prometheus"
		mux.HandleFunc(path, page(s.socket(t, p.Name())))
		end := p.Node
		if p.Gateway != "" {
			end = mesh.GatewayID(p.Gateway)
		}
		groups = append(groups, map[string]any{
			"targets": []string{strings.TrimPrefix(pages.URL, "http://")},
			"labels":  map[string]string{"__metrics_path__": path, "mesh": sample, "source_node": end, "proxy": p.Name()},
		})
	}
	config, err := json.Marshal(map[string]any{ // which is YAML
		"global":         map[string]any{"scrape_interval": "1s", "scrape_timeout": "1s"},
		"scrape_configs": []any{map[string]any{"job_name": "envoy", "static_configs": groups}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(config)
}

// page fetches the statistics page of the Envoy behind a socket.
func page(socket string) http.HandlerFunc {
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}}
	return func(w http.ResponseWriter, r *http.Request) {
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, "http://envoy/stats/prometheus?usedonly", http.NoBody)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		resp, err := client.Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
		_, _ = io.Copy(w, resp.Body)
	}
}
