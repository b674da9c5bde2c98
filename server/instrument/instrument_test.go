package instrument_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/instrument"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/provider"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// world plays the parts that are read.
type world struct {
	mu      sync.Mutex
	mesh    mesh.Mesh
	proxies []provider.Proxy
	graph   graph.Graph
	events  event.Bus[change.Change]
	changed chan struct{}
}

func (w *world) Meshes() []string { return []string{"shop"} }
func (w *world) Mesh(string) (change.Current, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return change.Current{Name: "shop", Mesh: w.mesh, Revision: 7}, nil
}
func (w *world) Events() *event.Bus[change.Change] { return &w.events }
func (w *world) Proxies(string) []provider.Proxy {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proxies
}
func (w *world) Watch() (<-chan struct{}, func()) { return w.changed, func() {} }
func (w *world) Graph(string) (graph.Graph, bool) { return w.graph, true }
func (w *world) set(f func(*world))               { w.mu.Lock(); f(w); w.mu.Unlock(); w.changed <- struct{}{} }

func route(v1, v2 int) []mesh.Route {
	return []mesh.Route{{Router: "reviews", Name: "primary", Targets: []mesh.WeightedTarget{{Node: "reviews-v1", Weight: v1}, {Node: "reviews-v2", Weight: v2}}}}
}

func (w *world) run(t *testing.T) func() string {
	t.Helper()
	registry := prometheus.NewRegistry()
	i, err := instrument.New(instrument.Options{
		Registry: registry, Version: "v1", Meshes: w, Proxies: w, Graphs: w,
		Sources: func() []query.Source {
			return []query.Source{{Name: "embedded", Kind: "embedded", State: query.OK, LastSuccess: epoch.Add(-3 * time.Second)}}
		},
		Targets: func() []query.Target {
			down := query.Target{Job: "old", URL: "http://10.0.0.1:9901", Mesh: "shop", State: query.Down}
			broken := query.Target{Job: "old", URL: "http://\xff", Mesh: "shop", State: query.Down}
			return []query.Target{down, down, broken} // an address twice, and one that no page can show
		},
		Now: func() time.Time { return epoch },
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = i.Run(ctx) })
	t.Cleanup(func() { cancel(); running.Wait() })
	return func() string {
		answer := httptest.NewRecorder()
		i.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", nil))
		if answer.Code != 200 {
			t.Errorf("status %d: %s", answer.Code, answer.Body)
		}
		return answer.Body.String()
	}
}

// until waits for a page with all the lines.
func until(t *testing.T, page func() string, lines ...string) {
	t.Helper()
	var missing []string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		got := page()
		missing = missing[:0]
		for _, line := range lines {
			if !strings.Contains(got, line+"\n") {
				missing = append(missing, line)
			}
		}
		if len(missing) == 0 {
			return
		}
	}
	t.Fatalf("never on the page:\n%s\nthe page:\n%s", strings.Join(missing, "\n"), page())
}

// TestThreeTruths follows a weight from the request to the traffic, and a refusal.
func TestThreeTruths(t *testing.T) {
	w := &world{
		mesh: mesh.Mesh{Name: "shop", Routes: route(75, 25)}, changed: make(chan struct{}, 8),
		proxies: []provider.Proxy{{ID: "a", State: provider.Synced, Resources: []provider.ResourceType{{Type: "route"}}}},
		graph: graph.Graph{Mesh: "shop", At: epoch.Add(-time.Second), Age: 2, Edges: []graph.Edge{
			{From: "web", To: "reviews-v1", RequestRate: 60, Health: mesh.Healthy}, {From: "web", To: "reviews-v2", RequestRate: 40, Health: mesh.Unhealthy},
		}},
	}
	page := w.run(t)
	until(t, page,
		`weir_route_weight_ratio{mesh="shop",node="reviews-v2",route="reviews/primary",truth="requested"} 0.25`,
		`weir_route_weight_ratio{mesh="shop",node="reviews-v2",route="reviews/primary",truth="programmed"} 0.25`,
		`weir_route_weight_ratio{mesh="shop",node="reviews-v2",route="reviews/primary",truth="observed"} 0.4`,
		`weir_mesh_age_seconds{mesh="shop"} 3`, `weir_graph_edges{health="unhealthy",mesh="shop"} 1`,
		`weir_source_age_seconds{kind="embedded",source="embedded"} 3`, `weir_target_up{job="old",mesh="shop",target="http://10.0.0.1:9901"} 0`,
		`weir_mesh_revision{mesh="shop"} 7`, `weir_build_info{version="v1"} 1`)

	w.set(func(w *world) {
		w.mesh.Routes = route(50, 50)
		w.proxies = []provider.Proxy{{ID: "a", State: provider.Rejected, Resources: []provider.ResourceType{{Type: "route", Rejected: "abc"}}}}
	})
	until(t, page,
		`weir_route_weight_ratio{mesh="shop",node="reviews-v2",route="reviews/primary",truth="requested"} 0.5`,
		`weir_route_weight_ratio{mesh="shop",node="reviews-v2",route="reviews/primary",truth="programmed"} 0.25`,
		`weir_nacks_total{mesh="shop",type="route"} 1`, `weir_proxies{mesh="shop",state="rejected"} 1`)

	w.set(func(w *world) { // the same refusal, told again, is none
		w.proxies = []provider.Proxy{{ID: "a", State: provider.Rejected, Resources: []provider.ResourceType{{Type: "route", Rejected: "abc"}}}}
	})
	w.set(func(w *world) {
		w.proxies = []provider.Proxy{{ID: "a", State: provider.Rejected, Resources: []provider.ResourceType{{Type: "route", Rejected: "abd"}}}}
	})
	until(t, page, `weir_nacks_total{mesh="shop",type="route"} 2`)
}

// TestPropagation times a change's way once, however often it is announced.
func TestPropagation(t *testing.T) {
	w := &world{mesh: mesh.Mesh{Name: "shop"}, changed: make(chan struct{}, 8)}
	page := w.run(t)
	programmed, agrees := epoch.Add(20*time.Millisecond), true
	c := change.Change{ID: "1", Mesh: "shop", Kind: mesh.KindRoute, Accepted: &change.Accepted{At: epoch}}
	tell := func() string { // again and again: nobody may have listened yet, and what is told twice counts once
		w.events.Publish(c)
		return page()
	}
	until(t, tell, `weir_changes_total{kind="route",mesh="shop"} 1`)
	c.Programmed = &change.Programmed{Acked: 1, Total: 1, At: &programmed}
	until(t, tell, `weir_change_propagation_seconds_count{mesh="shop",truth="programmed"} 1`, `weir_change_propagation_seconds_sum{mesh="shop",truth="programmed"} 0.02`)
	c.Observed = &change.Observed{Window: "4s", Agrees: &agrees}
	until(t, tell, `weir_change_propagation_seconds_count{mesh="shop",truth="observed"} 1`, `weir_change_propagation_seconds_sum{mesh="shop",truth="observed"} 4.02`)
	until(t, page, `weir_changes_total{kind="route",mesh="shop"} 1`)
	problems, err := promlint.New(strings.NewReader(page())).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("names: %v, %v", problems, err)
	}
}
