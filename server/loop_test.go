package server

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// weightsPath is where a script moves the weights of the route primary.
const weightsPath = "/api/v1/meshes/" + sample + "/routers/reviews/routes/primary/weights"

// The callers of reviews are front's proxy and the gateway; both run the route.
const callersOfReviews = 2

// A script moves weights by REST while people are served: the change is accepted, programmed by every proxy that has the
// route and observed in the traffic; the traffic has moved; an undo brings it back; nobody noticed.
func TestWeightsByREST(t *testing.T) {
	s := openShop(t)
	s.sameMesh(t)
	const visits = 160
	finish := s.undisturbed(t)
	was := s.ask(t, "GET", "/api/v1/meshes/"+sample+"/routes/reviews/primary", "")
	revision := s.current(t).Revision
	answer := s.ask(t, "PUT", weightsPath, `{"weights":{"reviews-v1":20,"reviews-v2":80},"reason":"try v2"}`,
		"Content-Type", "application/json", "If-Match", was.header.Get("ETag"), "X-Weir-Author", "ann")
	c := read[change.Change](t, answer, http.StatusAccepted)
	if answer.header.Get("Location") != "/api/v1/changes/"+c.ID || c.Accepted == nil || c.Accepted.Revision != revision+1 ||
		c.Author != "ann" || c.Reason != "try v2" || c.State != change.Kept || c.Kind != mesh.KindRoute || c.Name != "reviews/primary" ||
		!strings.Contains(c.Diff, "+  weight: 80") {
		t.Errorf("accepted as %s", answer.body)
	}
	s.programmed(t, c.ID, callersOfReviews)
	if got := share(t, s.reviews(), "reviews-v2", visits); !near(got, 0.8, visits) {
		t.Errorf("reviews-v2 gets %.2f of the visits, want 0.8", got)
	}
	s.inInterval(t, c.ID, map[string]float64{"reviews-v1": 0.2, "reviews-v2": 0.8})
	is := read[map[string]any](t, s.ask(t, "GET", "/api/v1/meshes/"+sample+"/routes/reviews/primary", ""), http.StatusOK)
	if fmt.Sprint(is["targets"]) != "[map[node:reviews-v1 weight:20] map[node:reviews-v2 weight:80]]" {
		t.Errorf("the route's targets are %v", is["targets"])
	}
	s.undo(t, c.ID, callersOfReviews)
	if got := share(t, s.reviews(), "reviews-v2", visits); !near(got, 0.25, visits) {
		t.Errorf("after the undo reviews-v2 gets %.2f of the visits, want 0.25", got)
	}
	finish()
}

// inInterval waits until a change is observed to agree and each target's interval holds what is wanted. An interval that
// holds it 95 % of the time may miss it at first; it tightens around the truth while the minute of measuring goes on.
func (s *shop) inInterval(t *testing.T, id string, want map[string]float64) {
	t.Helper()
	s.observed(t, id)
	var o *change.Observed
	eventually(t, "the observed intervals hold the wanted shares", func() bool {
		o = s.observed(t, id).Observed
		for node, part := range want {
			if got := o.Shares[node]; got.Want != part || got.Low > part || part > got.High {
				return false
			}
		}
		return len(o.Shares) == len(want)
	})
	t.Logf("observed in %s over %d requests: %+v", o.Window, o.Requests, o.Shares)
}

// The command line's client does the same, and its conditions hold: a stale version, a used key, a dry run, a wish for
// what is so already.
func TestWeightsByClient(t *testing.T) {
	s := openShop(t)
	s.sameMesh(t)
	finish := s.undisturbed(t)
	const visits = 160
	half := map[string]int{"reviews-v1": 1, "reviews-v2": 1}
	weights := func(w map[string]int, a client.Ask) (client.Answer, error) {
		return s.client.Weights(t.Context(), sample, "reviews/primary", w, a)
	}
	before := s.current(t)
	version := strconv.FormatInt(before.Versions[primary], 10)

	dry, err := weights(half, client.Ask{DryRun: true})
	if err != nil || !dry.Change.DryRun || dry.Change.ID != "" || !strings.Contains(dry.Change.Summary, "25 % → 50 %") {
		t.Errorf("the dry run answered %+v, %v", dry.Change, err)
	}
	if now := s.current(t); now.Revision != before.Revision {
		t.Errorf("the dry run made revision %d of %d", now.Revision, before.Revision)
	}
	first, err := weights(half, client.Ask{Reason: "half", IfMatch: version, IdempotencyKey: "half-" + version})
	if err != nil {
		t.Fatal(err)
	}
	again, err := weights(half, client.Ask{Reason: "half", IfMatch: version, IdempotencyKey: "half-" + version})
	if err != nil || again.Change.ID != first.Change.ID {
		t.Errorf("the repeat answered %s, %v, want %s", again.Change.ID, err, first.Change.ID)
	}
	if _, err := weights(map[string]int{"reviews-v1": 9, "reviews-v2": 1}, client.Ask{IdempotencyKey: "half-" + version}); mesh.CodeOf(err) != mesh.Conflict {
		t.Errorf("another change under the same key: %v", err)
	}
	if so, err := weights(half, client.Ask{}); err != nil || !so.Unchanged || so.Change.ID != first.Change.ID {
		t.Errorf("what is so already answered %+v, %v", so, err)
	}
	_, err = weights(map[string]int{"reviews-v1": 9, "reviews-v2": 1}, client.Ask{IfMatch: version})
	if mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), "ann") {
		t.Errorf("a stale version: %v, want who changed it", err)
	}
	if now := s.current(t); now.Revision != before.Revision+1 {
		t.Errorf("revision %d, want %d", now.Revision, before.Revision+1)
	}
	s.programmed(t, first.Change.ID, callersOfReviews)
	if got := share(t, s.reviews(), "reviews-v1", visits); !near(got, 0.5, visits) {
		t.Errorf("reviews-v1 gets %.2f of the visits, want half", got)
	}
	s.undo(t, first.Change.ID, callersOfReviews)
	finish()
}

// A pool is changed at the node's own proxy and nowhere else; Envoy runs it and the graph shows it.
func TestPool(t *testing.T) {
	s := openShop(t)
	s.sameMesh(t)
	finish := s.undisturbed(t)
	limit := 73
	was := s.proxies(t)
	answer, err := s.client.Pool(t.Context(), sample, "ratings", client.Pool{Limits: map[string]*int{"maxConnections": &limit}}, client.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	s.programmed(t, answer.Change.ID, 1)
	for id, p := range s.proxies(t) {
		if moved := fmt.Sprint(versions(p)) != fmt.Sprint(versions(was[id])); moved != (p.Node == "ratings") {
			t.Errorf("proxy %s runs %v, before %v", id, versions(p), versions(was[id]))
		}
	}
	const inEnvoy = "cds_ingress_sample_app_ratings_http_9080::default_priority::max_connections::"
	if text := s.admin(t, "ratings", "/clusters"); !strings.Contains(text, inEnvoy+"73\n") {
		t.Errorf("Envoy runs %s", text)
	}
	s.poolInGraph(t, "ratings", 73)
	s.observed(t, answer.Change.ID)
	s.undo(t, answer.Change.ID, 1)
	if text := s.admin(t, "ratings", "/clusters"); !strings.Contains(text, inEnvoy+"100\n") {
		t.Errorf("after the undo Envoy runs %s", text)
	}
	s.poolInGraph(t, "ratings", 100)
	finish()
}

// poolInGraph waits until the graph shows a node's limit of connections, and their use below it.
func (s *shop) poolInGraph(t *testing.T, node string, limit float64) {
	t.Helper()
	eventually(t, fmt.Sprintf("the graph shows %v connections for %s", limit, node), func() bool {
		n, ok := box(s.graph(t), node)
		return ok && n.Pool != nil && n.Pool.MaxConnections == limit && n.Pool.Connections > 0 && n.Pool.Connections <= limit
	})
}

// A pool that is too small overflows: callers get an error, and the graph says where and why. A larger one cures it.
func TestPoolOverflows(t *testing.T) {
	s := openShop(t)
	s.sameMesh(t)
	usual := s.demo.Knobs("payment").Behaviour()
	if err := s.demo.Knobs("payment").Set(demo.Behaviour{Latency: mesh.Duration(400 * time.Millisecond)}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.demo.Knobs("payment").Set(usual); err != nil {
			t.Error(err)
		}
	})
	one := 1
	small := client.Pool{Limits: map[string]*int{"maxConnections": &one, "maxPendingRequests": &one}}
	answer, err := s.client.Pool(t.Context(), sample, "payment", small, client.Ask{})
	if err != nil {
		t.Fatal(err)
	}
	s.programmed(t, answer.Change.ID, 1)
	var g graph.Graph
	eventually(t, "the graph shows the overflow at payment", func() bool {
		g = s.graph(t)
		n, _ := box(g, "payment")
		e, _ := edge(g, "cart", "payment")
		return n.Pool != nil && n.Pool.OverflowRate > 0 && e.ErrorRatio > 0 && (e.Health == mesh.Degraded || e.Health == mesh.Unhealthy) && len(e.Why) > 0
	})
	e, _ := edge(g, "cart", "payment")
	t.Logf("cart → payment is %s: %q", e.Health, e.Why)
	if err := s.demo.Knobs("payment").Set(usual); err != nil {
		t.Fatal(err)
	}
	s.undo(t, answer.Change.ID, 1)
	v := newVisitor()
	defer v.http.CloseIdleConnections()
	good := 0
	eventually(t, "twenty visits to cart in a row are answered", func() bool {
		if status, _, err := v.ask(s.visits()[2]); err != nil || status != http.StatusOK {
			good = 0
			return false
		}
		good++
		return good == 20
	})
}

// The graph has what is declared and what is seen: versions under their services, a caller outside the mesh, a call that
// is declared and never made.
func TestGraph(t *testing.T) {
	s := openShop(t)
	var g graph.Graph
	eventually(t, "the graph is fresh and every declared call but one is seen", func() bool {
		g = s.graph(t)
		idle := slices.DeleteFunc(slices.Clone(g.Edges), func(e graph.Edge) bool { return e.Used })
		return g.Fresh && len(idle) == 1 && len(g.Edges) > 10
	})
	type ends struct{ from, to string }
	for _, want := range []struct {
		ends
		declared, used bool
	}{
		{ends{"unknown", "gateway/ingress"}, true, true},
		{ends{"unknown", "inventory"}, false, true},
		{ends{"catalog", "ratings"}, true, false},
		{ends{"catalog", "inventory"}, true, true},
		{ends{"gateway/ingress", "front"}, true, true},
		{ends{"gateway/ingress", "reviews-v1"}, true, true},
		{ends{"front", "reviews-v1"}, true, true},
		{ends{"front", "reviews-v2"}, true, true},
		{ends{"a", "b"}, true, true},
		{ends{"a", "b-prime"}, true, true},
		{ends{"cart", "payment"}, true, true},
	} {
		e, ok := edge(g, want.from, want.to)
		if !ok || e.Declared != want.declared || e.Used != want.used || (e.RequestRate > 0) != want.used || (e.P50 > 0) != want.used {
			t.Errorf("%s → %s: %+v (there: %v), want declared %v, used %v", want.from, want.to, e, ok, want.declared, want.used)
		}
	}
	for _, want := range []graph.Node{
		{ID: "reviews-v1", Kind: graph.KindNode, Service: "reviews", Version: "v1", Proxies: 1},
		{ID: "reviews-v2", Kind: graph.KindNode, Service: "reviews", Version: "v2", Proxies: 1},
		{ID: "b-prime", Kind: graph.KindNode, Service: "b", Version: "prime", Proxies: 1},
		{ID: "service/reviews", Kind: graph.KindService, Proxies: 2},
		{ID: "gateway/ingress", Kind: graph.KindGateway, Proxies: 1},
		{ID: "unknown", Kind: graph.KindUnknown},
	} {
		n, ok := box(g, want.ID)
		if !ok || n.Kind != want.Kind || n.Service != want.Service || n.Version != want.Version || n.Proxies != want.Proxies {
			t.Errorf("%s is %+v (there: %v)", want.ID, n, ok)
		}
	}
	over := read[graph.Graph](t, s.ask(t, "GET", "/api/v1/meshes/"+sample+"/graph?window=5s", ""), http.StatusOK)
	if e, ok := edge(over, "front", "reviews-v1"); over.Window != "5s" || !ok || !e.Used {
		t.Errorf("over 5 s: window %s, front → reviews-v1 %+v", over.Window, e)
	}
}

func box(g graph.Graph, id string) (graph.Node, bool) {
	for _, n := range g.Nodes {
		if n.ID == id {
			return n, true
		}
	}
	return graph.Node{}, false
}

func edge(g graph.Graph, from, to string) (graph.Edge, bool) {
	for _, e := range g.Edges {
		if e.From == from && e.To == to {
			return e, true
		}
	}
	return graph.Edge{}, false
}
