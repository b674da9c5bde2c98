package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// knobsOn gives the links of the first problem on the overview, when that is a cause of an edge to a box.
func knobsOn(t *testing.T, to string, cause graph.Cause) []string {
	t.Helper()
	w := newWorld()
	g := graph.Graph{Mesh: "sample_app", At: noon(), Fresh: true}
	for _, e := range picture().Edges {
		if e.To == to {
			e.Health, e.Causes, e.Why = mesh.Unhealthy, []graph.Cause{cause}, []string{health.Text(cause)}
			g.Edges = append(g.Edges, e)
			break
		}
	}
	for _, n := range picture().Nodes {
		n.Health = mesh.Healthy
		g.Nodes = append(g.Nodes, n)
	}
	w.graphs["sample_app"] = g
	b := open(t, w)
	var links []string
	list := b.get("/", http.StatusOK).Find(id("problem")).First().Find("a.knob")
	for i := range list.Length() {
		to := list.Eq(i).AttrOr("href", "")
		links = append(links, to)
		page, part, ok := strings.Cut(to, "#")
		if doc := b.get(page, http.StatusOK); ok && doc.Find("#"+part).Length() != 1 {
			t.Errorf("%s leads to a part of the page that is not there", to)
		}
	}
	return links
}

// TestKnobs follows every knob of every cause to a page that is there.
func TestKnobs(t *testing.T) {
	limits := map[string]string{"ratio": "6 %", "failed": "3", "requests": "50", "limit": "5 %"}
	at := func(where string) map[string]string {
		return map[string]string{"ratio": "6 %", "failed": "3", "requests": "50", "limit": "5 %", "where": where}
	}
	for _, c := range []struct {
		to    string
		cause graph.Cause
		want  []string
	}{
		{"ratings", graph.Cause{Code: health.PoolOverflow, Knob: health.KnobPool}, []string{"/services/ratings/pool#pool"}},
		{"reviews-v2", graph.Cause{Code: health.PoolOverflow, Knob: health.KnobPool, At: "node/reviews-v2"}, []string{"/services/reviews/pool#pool"}},
		{"mobile-api", graph.Cause{Code: health.PoolOverflow, Knob: health.KnobPool, At: "node/mobile-api"}, []string{"/topology?focus=mobile-api&view=focus"}},
		{"ratings", graph.Cause{Code: health.Ejected, Knob: health.KnobOutliers}, []string{"/services/ratings/pool#pool"}},
		{"ratings", graph.Cause{Code: health.Timeouts, Knob: health.KnobTimeout, At: "route/reviews/primary"}, []string{"/services/reviews#routes"}},
		{"ratings", graph.Cause{Code: health.RetriesExhausted, Knob: health.KnobRetry}, []string{"/services/ratings"}},
		{"ratings", graph.Cause{Code: health.NoRoute, Knob: health.KnobBackends, At: "node/reviews-v1"}, []string{"/topology?focus=reviews-v1&view=focus"}},
		{"ratings", graph.Cause{Code: health.NoInstances, Knob: health.KnobInstances}, []string{"/proxies"}},
		{
			"reviews-v2",
			graph.Cause{Code: health.Errors, Knob: health.KnobWeights, At: "route/reviews/primary", Values: limits},
			[]string{"/services/reviews/traffic?route=primary#traffic", "/services/reviews/health#health"},
		},
		{"ratings", graph.Cause{Code: health.Errors, Values: at("service/ratings")}, []string{"/services/ratings/health#health"}},
		{"ratings", graph.Cause{Code: health.Latency, Values: at("mesh/sample_app")}, []string{"/settings#health"}},
		{"reviews-v2", graph.Cause{Code: health.Errors, Values: at("route/reviews/primary")}, []string{"/services/reviews/health#limits-route-reviews-primary"}},
		{"mobile-api", graph.Cause{Code: health.Latency, Values: limits}, []string{"/settings#health"}},
		{"ratings", graph.Cause{Code: health.ErrorBudget, Values: at("service/ratings")}, []string{"/services/ratings/health#health"}},
	} {
		got := knobsOn(t, c.to, c.cause)
		if len(got) != len(c.want) {
			t.Errorf("%s at %s: %q, want %q", c.cause.Code, c.to, got, c.want)
			continue
		}
		for i := range got {
			if got[i] != c.want[i] {
				t.Errorf("%s at %s: %q, want %q", c.cause.Code, c.to, got, c.want)
			}
		}
	}
}
