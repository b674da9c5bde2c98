package drift_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/drift"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// shop: web calls reviews, which a router splits over v1 and v2; the gateway leads to web; lone calls nobody.
func shop() change.Current {
	m := mesh.Mesh{
		Name: "shop",
		Nodes: []mesh.VirtualNode{
			{Name: "lone"}, {Name: "v1"}, {Name: "v2"}, {Name: "web", Backends: []mesh.Backend{{Service: "reviews"}}},
		},
		Services: []mesh.VirtualService{{Name: "reviews", Router: "reviews"}, {Name: "web", Node: "web"}},
		Routers:  []mesh.VirtualRouter{{Name: "reviews"}},
		Routes: []mesh.Route{{
			Router: "reviews", Name: "primary", Targets: []mesh.WeightedTarget{{Node: "v1", Weight: 1}, {Node: "v2", Weight: 1}},
		}},
		Gateways:      []mesh.VirtualGateway{{Name: "edge"}},
		GatewayRoutes: []mesh.GatewayRoute{{Gateway: "edge", Name: "all", Target: mesh.GatewayTarget{Service: "web"}}},
	}
	c := change.Current{Name: "shop", Mesh: m, Revision: 20, Versions: map[mesh.Ref]int64{}, Changed: map[mesh.Ref]string{}}
	for _, o := range m.Objects() {
		c.Versions[o.Ref()] = 1
	}
	return c
}

func noon() time.Time { return time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC) }

func proxy(id, node string, state provider.ProxyState, revision int64) provider.Proxy {
	return provider.Proxy{ID: id, Mesh: "shop", Node: node, State: state, Revision: revision, AckedAt: noon(), Since: noon().Add(-time.Hour)}
}

// entry is a ledger entry that touched objects.
func entry(revision int64, refs ...mesh.Ref) change.Change {
	return change.Change{ID: fmt.Sprintf("c%d", revision), Mesh: "shop", Objects: refs, Accepted: &change.Accepted{Revision: revision}}
}

func ref(kind mesh.Kind, name string) mesh.Ref { return mesh.Ref{Kind: kind, Name: name} }

// TestConcerns says for each kind of object which proxies have to run it.
func TestConcerns(t *testing.T) {
	in := drift.Input{Current: shop(), Proxies: []provider.Proxy{
		proxy("web-1", "web", provider.Synced, 20), proxy("web-2", "web", provider.Synced, 20), proxy("v1-1", "v1", provider.Synced, 20),
		proxy("v2-1", "v2", provider.Synced, 20), proxy("lone-1", "lone", provider.Synced, 20), proxy("x", "lone", provider.Refused, 0),
		{ID: "edge-1", Mesh: "shop", Gateway: "edge", State: provider.Synced, Revision: 20},
	}}
	s := drift.New(in)
	for of, want := range map[mesh.Ref]int{
		ref(mesh.KindMesh, "shop"): 6, ref(mesh.KindNode, "v1"): 3, ref(mesh.KindNode, "lone"): 1, ref(mesh.KindNode, "web"): 3,
		ref(mesh.KindService, "reviews"): 2, ref(mesh.KindService, "web"): 1, ref(mesh.KindRouter, "reviews"): 2,
		ref(mesh.KindRoute, "reviews/primary"): 2, ref(mesh.KindGateway, "edge"): 1, ref(mesh.KindGatewayRoute, "edge/all"): 1,
	} {
		if o := s.Object(of); o.Total != want || o.Programmed != want || len(o.Missing) != 0 {
			t.Errorf("%s: %+v, want %d", of, o, want)
		}
	}
	if r := s.Report(); !r.Clean() || r.Connected != 6 || r.Synced != 6 || len(r.Unrun) != 0 {
		t.Errorf("the report is %+v", r)
	}
}

// TestBehind finds who lacks what: a refusal, a proxy that is late, one that left before it had it.
func TestBehind(t *testing.T) {
	refused := proxy("web-1", "web", provider.Rejected, 18)
	refused.Message = "unknown cluster"
	gone := proxy("v1-1", "v1", provider.Gone, 19)
	in := drift.Input{
		Current: shop(),
		Recent: []change.Change{
			entry(20, ref(mesh.KindNode, "v1"), ref(mesh.KindService, "removed")),
			entry(19, ref(mesh.KindRoute, "reviews/primary"), ref(mesh.KindNode, "lone")),
		},
		Proxies: []provider.Proxy{
			refused, proxy("web-2", "web", provider.Synced, 20), proxy("lone-1", "lone", provider.Synced, 20), gone,
			proxy("web-3", "web", provider.Gone, 20), proxy("v2-1", "v2", provider.Pending, 20),
		},
	}
	r := drift.New(in).Report()
	var got []string
	for _, o := range r.Objects {
		line := fmt.Sprintf("%s %d/%d %s", o.Ref(), o.Programmed, o.Total, o.Change)
		for _, p := range o.Missing {
			line += fmt.Sprintf(" %s:%s:%s", p.ID, p.Reason, p.Message)
		}
		got = append(got, line)
	}
	want := []string{
		"node v1 1/3 c20 web-1:rejected:unknown cluster v1-1:gone:",
		"service removed 0/2 c20 web-1:rejected:unknown cluster v1-1:gone:",
		"route reviews/primary 1/2 c19 web-1:rejected:unknown cluster",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	var behind []string
	for _, p := range r.Behind {
		behind = append(behind, p.ID)
	}
	if diff := cmp.Diff([]string{"web-1", "v2-1", "v1-1"}, behind); diff != "" {
		t.Errorf("behind (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]mesh.Ref{ref(mesh.KindNode, "v1"), ref(mesh.KindGateway, "edge")}, r.Unrun); diff != "" {
		t.Errorf("unrun (-want +got):\n%s", diff)
	}
	if r.Clean() || r.Traffic {
		t.Errorf("the report is %+v", r)
	}
}

// TestFarBehind takes a proxy that is further behind than the entries reach to lack all that concerns it.
func TestFarBehind(t *testing.T) {
	in := drift.Input{
		Current: shop(), Recent: []change.Change{entry(20, ref(mesh.KindNode, "lone"))},
		Proxies: []provider.Proxy{proxy("web-1", "web", provider.Pending, 0)},
	}
	if got := drift.New(in).Object(ref(mesh.KindRoute, "reviews/primary")); got.Programmed != 0 || got.Total != 1 {
		t.Errorf("the route is %+v", got)
	}
	if got := drift.New(in).Object(ref(mesh.KindNode, "lone")); got.Total != 0 {
		t.Errorf("the node is %+v", got)
	}
}

func TestTraffic(t *testing.T) {
	in := drift.Input{Current: shop(), Graph: graph.Graph{Window: "30s", Edges: []graph.Edge{
		{From: "web", To: "v1", Declared: true, Used: true, RequestRate: 3},
		{From: "web", To: "v2", Declared: true, Services: []string{"reviews"}},
		{From: "unknown", To: "v1", Used: true, RequestRate: 1},
		{From: "lone", To: "v1", Used: true, RequestRate: 2},
	}}}
	r := drift.New(in).Report()
	if !r.Traffic || r.Window != "30s" {
		t.Errorf("the report is %+v", r)
	}
	if diff := cmp.Diff([]drift.Call{{From: "web", To: "v2", Services: []string{"reviews"}}}, r.Unused); diff != "" {
		t.Error(diff)
	}
	want := []drift.Call{{From: "lone", To: "v1", Services: []string{}, RequestRate: 2}, {From: "unknown", To: "v1", Services: []string{}, RequestRate: 1}}
	if diff := cmp.Diff(want, r.Undeclared); diff != "" {
		t.Error(diff)
	}
}

type ledger struct {
	asked []change.Query
	list  []change.Change
}

func (l *ledger) Changes(_ context.Context, q change.Query) ([]change.Change, error) {
	l.asked = append(l.asked, q)
	return l.list, nil
}

// TestRecent reads the ledger only when somebody is behind, and only as far back.
func TestRecent(t *testing.T) {
	l := &ledger{list: []change.Change{entry(20), entry(19), entry(18), {ID: "not accepted"}}}
	got, err := drift.Recent(t.Context(), l, shop(), []provider.Proxy{proxy("a", "web", provider.Synced, 20), proxy("b", "web", provider.Refused, 0)})
	if err != nil || got != nil || l.asked != nil {
		t.Errorf("with nobody behind %v, %v were read by %v", got, err, l.asked)
	}
	got, err = drift.Recent(t.Context(), l, shop(), []provider.Proxy{proxy("a", "web", provider.Pending, 18)})
	if err != nil || len(got) != 2 || got[1].ID != "c19" || l.asked[0].Limit != 2 {
		t.Errorf("%v, %v were read by %+v", got, err, l.asked)
	}
	if _, err := drift.Recent(t.Context(), l, shop(), []provider.Proxy{proxy("a", "web", provider.Pending, -1000)}); err != nil || l.asked[1].Limit != 200 {
		t.Errorf("%v: %+v", err, l.asked)
	}
}
