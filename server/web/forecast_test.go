package web_test

import (
	"bytes"
	"cmp"
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/forecast"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
	"github.com/weirmesh/weir/server/provider"
)

// plan forecasts as the product does, of the world's own picture. w.mu is held.
func (w *world) plan(before, after mesh.Mesh, dry bool) *plan.Plan {
	i := change.Intent{Before: before, After: after, DryRun: dry}
	steps := mesh.Diff(before, after)
	for _, o := range steps.Put {
		was, _ := before.Get(o.Ref())
		i.Edits = append(i.Edits, change.Edit{Ref: o.Ref(), Before: was, After: o})
	}
	for _, ref := range steps.Delete {
		was, _ := before.Get(ref)
		i.Edits = append(i.Edits, change.Edit{Ref: ref, Before: was})
	}
	f := foreseen{pictures: w.graphs, proxies: w.proxies[before.Name], edits: i.Edits, before: before}
	return forecast.New(forecast.Options{Graphs: f, Preview: f, Highest: f.highest, Validate: f.validate, Now: noon}).Plan(context.Background(), i)
}

// foreseen is what the world knows of a change that is not made yet.
type foreseen struct {
	pictures map[string]graph.Graph
	proxies  []provider.Proxy
	edits    []change.Edit
	before   mesh.Mesh
}

func (f foreseen) Graph(name string) (graph.Graph, bool) {
	g, ok := f.pictures[name]
	g.Edges, g.Nodes = slices.Clone(g.Edges), slices.Clone(g.Nodes) // as the product has them
	slices.SortFunc(g.Edges, func(a, b graph.Edge) int { return cmp.Or(strings.Compare(a.From, b.From), strings.Compare(a.To, b.To)) })
	slices.SortFunc(g.Nodes, func(a, b graph.Node) int { return strings.Compare(a.ID, b.ID) })
	return g, ok
}

// Preview takes a proxy to change when its node does, or calls a router whose routes do.
func (f foreseen) Preview(_ context.Context, after mesh.Mesh, _ int) (provider.Preview, error) {
	var out provider.Preview
	config, err := after.Objects(), error(nil)
	for _, p := range f.proxies {
		if !p.Connected() {
			continue
		}
		out.Connected++
		end, kind := p.Node, "node "+p.Node
		if p.Gateway != "" {
			end, kind = mesh.GatewayID(p.Gateway), "gateway "+p.Gateway
		}
		touched := slices.ContainsFunc(f.edits, func(e change.Edit) bool {
			router, _, _ := strings.Cut(e.Ref.Name, "/")
			return e.Ref.Name == p.Node || slices.ContainsFunc(f.before.Backends(end), func(s string) bool {
				v, _ := f.before.Service(s)
				return e.Ref.Kind == mesh.KindRoute && v.Router == router
			})
		})
		if !touched {
			continue
		}
		out.Changed = append(out.Changed, p.ID)
		if !slices.ContainsFunc(out.Drafts, func(d provider.Draft) bool { return d.For == kind }) {
			var text bytes.Buffer
			for _, o := range config {
				if r, ok := o.(mesh.Route); ok {
					for _, h := range r.Match.Headers {
						text.WriteString(h.Regex)
					}
				}
			}
			out.Drafts = append(out.Drafts, provider.Draft{For: kind, Config: append([]byte(kind), text.Bytes()...)})
		}
	}
	return out, err
}

func (f foreseen) highest(_ context.Context, _ string, nodes []string) (map[string]plan.Peak, error) {
	out := make(map[string]plan.Peak)
	for i, n := range nodes {
		if i%3 != 2 { // of every third nothing was recorded
			out[n] = plan.Peak{Rate: 40, At: noon().Add(-7 * time.Hour)}
		}
	}
	return out, nil
}

// validate refuses a class of characters that Envoy does not know.
func (foreseen) validate(_ context.Context, config []byte) (string, error) {
	if bytes.Contains(config, []byte(`\p{ASCII}`)) {
		return `invalid character class range: \p{ASCII}`, nil
	}
	return "", nil
}

// TestReviewForecasts shows what moves, what it does to the receiving side, who is touched, and what Envoy says.
func TestReviewForecasts(t *testing.T) {
	b := open(t, newWorld())
	action, form := submit(t, b.weightsForm(), map[string]string{"weight.reviews-v2": "50"})
	review := b.post(action, form, http.StatusOK)
	for _, c := range []struct{ where, want string }{
		{"shift", "reviews-v1 75 % → 50 %"},
		{"shifts", "reviews/primary"},
		{"load", "reviews-v1"},
		{"loads", "Highest in 24 h"},
		{"pool-headroom", "of 100 9 → 17.9"},
		{"touched", "2 of "},
		{"touched", "storefront-1"},
		{"envoy", "takes it"},
		{"steps", "weight of reviews-v2 25 % 50 %"},
	} {
		if got := text(review.Find(id(c.where))); !strings.Contains(got, c.want) {
			t.Errorf("%s shows %q, want %q in it", c.where, got, c.want)
		}
	}
}
