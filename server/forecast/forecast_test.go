package forecast_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/forecast"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
	"github.com/weirmesh/weir/server/provider"
)

type pictures struct{ g graph.Graph }

func (p pictures) Graph(name string) (graph.Graph, bool) { return p.g, p.g.Mesh == name }

func texts(notes []plan.Note) string {
	var b strings.Builder
	for _, n := range notes {
		b.WriteString(n.Text + "\n")
	}
	return b.String()
}

type previewer struct {
	found provider.Preview
	err   error
}

func (p previewer) Preview(context.Context, mesh.Mesh, int) (provider.Preview, error) {
	return p.found, p.err
}

func weights(v1, v2 int) mesh.Route {
	return mesh.Route{
		Router: "reviews", Name: "primary", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"},
		Targets: []mesh.WeightedTarget{{Node: "v1", Weight: v1}, {Node: "v2", Weight: v2}},
	}
}

func shop(route mesh.Route) mesh.Mesh {
	return mesh.Mesh{
		Name: "shop", Nodes: []mesh.VirtualNode{{Name: "v1"}, {Name: "v2"}, {Name: "web", Backends: []mesh.Backend{{Service: "reviews"}}}},
		Services: []mesh.VirtualService{{Name: "reviews", Router: "reviews"}},
		Routers:  []mesh.VirtualRouter{{Name: "reviews"}}, Routes: []mesh.Route{route},
	}
}

func intent(dry bool) change.Intent {
	before, after := weights(95, 5), weights(75, 25)
	return change.Intent{
		Before: shop(before), After: shop(after), DryRun: dry,
		Edits: []change.Edit{{Ref: after.Ref(), Before: before, After: after, Version: 2}},
	}
}

func picture() graph.Graph {
	return graph.Graph{
		Mesh:  "shop",
		Nodes: []graph.Node{{ID: "v1", RequestRate: 95, Proxies: 2}, {ID: "v2", RequestRate: 5, Proxies: 1}, {ID: "web"}},
		Edges: []graph.Edge{{From: "unknown", To: "web", RequestRate: 50}, {From: "web", To: "v1", RequestRate: 95}, {From: "web", To: "v2", RequestRate: 5}},
	}
}

// TestPlan gathers everything for a dry run, and only what is in memory for any other change; but what Envoy refused in a
// dry run is remembered of the very same change.
func TestPlan(t *testing.T) {
	var asked atomic.Int64
	now := time.Date(2026, time.November, 23, 3, 0, 0, 0, time.UTC)
	g := forecast.New(forecast.Options{
		Graphs: pictures{picture()},
		Preview: previewer{found: provider.Preview{Connected: 9, Changed: []string{"web-1", "web-2"}, Drafts: []provider.Draft{
			{For: "node web", Config: []byte("bad")}, {For: "gateway front", Config: []byte("good")}, {For: "node odd", Refusal: "cannot be translated"},
		}}},
		Highest: func(_ context.Context, _ string, nodes []string) (map[string]plan.Peak, error) {
			if !slices.Contains(nodes, "v2") {
				t.Errorf("asked for %q", nodes)
			}
			return map[string]plan.Peak{"v2": {Rate: 12, At: now}}, nil
		},
		Validate: func(_ context.Context, config []byte) (string, error) {
			asked.Add(1)
			return map[string]string{"bad": "no such thing"}[string(config)], nil
		},
		Now: func() time.Time { return now },
	})
	if p := g.Plan(t.Context(), intent(false)); p.Proxies != nil || len(p.DryRun) != 0 || len(p.Shifts) != 2 || asked.Load() != 0 {
		t.Errorf("a change: %+v", p)
	}
	p := g.Plan(t.Context(), intent(true))
	if p.Proxies.Total != 2 || p.Proxies.Connected != 9 || p.Shifts[1].RateAfter != 25 {
		t.Errorf("dry run: %+v %+v", p.Proxies, p.Shifts)
	}
	if l := p.Loads[1]; l.Node != "v2" || l.Highest == nil || *l.Highest != 12 || !l.Over {
		t.Errorf("loads %+v", p.Loads)
	}
	if r := p.Refused(); len(r) != 2 || r[0].For != "node odd" || r[1] != (plan.DryRun{For: "node web", Message: "no such thing"}) || len(p.DryRun) != 3 {
		t.Errorf("dry run by Envoy: %+v", p.DryRun)
	}
	if g.Plan(t.Context(), intent(true)); asked.Load() != 2 {
		t.Errorf("Envoy was asked %d times about two configurations", asked.Load())
	}
	if p := g.Plan(t.Context(), intent(false)); len(p.Refused()) != 2 {
		t.Errorf("what Envoy refused is forgotten: %+v", p.DryRun)
	}
	other := intent(false)
	other.Edits[0].Version = 3
	if p := g.Plan(t.Context(), other); len(p.DryRun) != 0 {
		t.Errorf("another change is refused: %+v", p.DryRun)
	}
	now = now.Add(time.Hour)
	if p := g.Plan(t.Context(), intent(false)); len(p.DryRun) != 0 {
		t.Errorf("what was found out an hour ago still counts: %+v", p.DryRun)
	}
}

// TestWhatIsNotKnown is said, and keeps nothing else from being forecast.
func TestWhatIsNotKnown(t *testing.T) {
	broken := errors.New("the disk is on fire")
	g := forecast.New(forecast.Options{
		Graphs:  pictures{picture()},
		Preview: previewer{found: provider.Preview{Drafts: []provider.Draft{{For: "node web", Config: []byte("x")}}, More: 3}},
		Highest: func(context.Context, string, []string) (map[string]plan.Peak, error) { return nil, broken },
		Validate: func(context.Context, []byte) (string, error) {
			return "", mesh.Errorf(mesh.Unavailable, "Envoy's dry run did not end in time")
		},
	})
	p := g.Plan(t.Context(), intent(true))
	notes := texts(p.Notes)
	for _, want := range []string{"highest loads could not be read", "did not end in time", "some kinds of proxies only"} {
		if !strings.Contains(notes, want) {
			t.Errorf("%q is not in the notes:\n%s", want, notes)
		}
	}
	if len(p.Shifts) != 2 || len(p.DryRun) != 0 {
		t.Errorf("%+v", p)
	}
	g = forecast.New(forecast.Options{
		Graphs: pictures{}, Preview: previewer{err: mesh.Errorf(mesh.Unavailable, "not in time")}, Unchecked: "Envoy is not installed",
	})
	p = g.Plan(t.Context(), intent(true))
	if notes := texts(p.Notes); !strings.Contains(notes, "no requests were seen lately") || !strings.Contains(notes, "not in time") || len(p.Steps) != 2 {
		t.Errorf("%+v", p)
	}
	deleted := intent(true)
	deleted.After = mesh.Mesh{}
	if p := g.Plan(t.Context(), deleted); p == nil {
		t.Error("no plan for a mesh that goes")
	}
}
