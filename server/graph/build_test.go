package graph

import (
	"bytes"
	"encoding/json"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// TestBuildIsPure says that the same input gives the same picture, whatever the order in which edges were reported, and
// that the input stays as it was.
func TestBuildIsPure(t *testing.T) {
	m, seen, proxies := large(40, 170)
	want := encode(t, Build(m, seen, proxies, health.Default()))
	random := rand.New(rand.NewPCG(1, 2))
	for range 5 {
		shuffled := seen
		shuffled.Edges = slices.Clone(seen.Edges)
		random.Shuffle(len(shuffled.Edges), func(i, j int) {
			shuffled.Edges[i], shuffled.Edges[j] = shuffled.Edges[j], shuffled.Edges[i]
		})
		before := slices.Clone(shuffled.Edges)
		if got := encode(t, Build(m, shuffled, proxies, health.Default())); !bytes.Equal(got, want) {
			t.Fatalf("another order, another picture: %s", cmp.Diff(string(want), string(got)))
		}
		if d := cmp.Diff(before, shuffled.Edges); d != "" {
			t.Fatalf("the observation was changed: %s", d)
		}
	}
	again, _, _ := large(40, 170)
	if d := cmp.Diff(again, m); d != "" {
		t.Errorf("the mesh was changed: %s", d)
	}
}

// TestPlanAgrees holds the plan's edges against mesh.Reach, which says the same the slow way.
func TestPlanAgrees(t *testing.T) {
	m, _, _ := large(30, 120)
	m.Routes[3].Targets = append(m.Routes[3].Targets, mesh.WeightedTarget{Node: "svc-0007-v1", Weight: 300})
	m.Services = append(m.Services, mesh.VirtualService{Name: "svc-9999", Router: "svc-0003"})
	m.Nodes[5].Backends = append(m.Nodes[5].Backends, mesh.Backend{Service: "svc-9999"}, mesh.Backend{Service: "svc-0003"})
	g := Build(m, mesh.Observation{Mesh: m.Name}, nil, health.Default())
	type way struct{ from, to, service string }
	got, want := map[way]bool{}, map[way]bool{}
	for _, e := range g.Edges {
		for _, s := range e.Services {
			got[way{e.From, e.To, s}] = true
		}
	}
	for _, n := range m.Nodes {
		for _, h := range m.Reach(n.Name) {
			want[way{n.Name, h.Node, h.Service}] = true
		}
	}
	if len(want) < 120 {
		t.Fatalf("%d ways", len(want))
	}
	if !maps.Equal(got, want) {
		t.Errorf("the picture has %v, Reach says %v", got, want)
	}
}

// TestEmpty says that a picture of nothing is a picture: lists, not nulls.
func TestEmpty(t *testing.T) {
	g := Build(mesh.Mesh{Name: "new"}, mesh.Observation{Mesh: "new", Window: 5 * time.Minute}, nil, health.Default())
	if s := string(encode(t, g)); !strings.Contains(s, `"nodes":[]`) || !strings.Contains(s, `"edges":[]`) || g.Window != "5m" {
		t.Error(s)
	}
	m, seen, proxies := large(3, 6)
	if s := string(encode(t, Build(m, seen, proxies, health.Default()))); strings.Contains(s, "null") {
		t.Error(s)
	}
}

// TestStale says that old numbers are not judged, and are said to be old.
func TestStale(t *testing.T) {
	m, seen, proxies := large(3, 6)
	seen.At = seen.At.Add(20 * time.Second)
	seen.Fresh = false
	g := Build(m, seen, proxies, health.Default())
	if g.Fresh || g.Age != 20 {
		t.Errorf("fresh %v, age %v", g.Fresh, g.Age)
	}
	for _, n := range g.Nodes {
		if n.Kind == KindUnknown && n.Health == mesh.Unknown {
			continue
		}
		if n.Health != mesh.Unknown || len(n.Why) == 0 || !strings.Contains(n.Why[0], "20 s ago") {
			t.Errorf("%s is %s: %v", n.ID, n.Health, n.Why)
		}
	}
	for _, e := range g.Edges {
		if e.Health != mesh.Unknown || e.Causes[0].Code != health.Stale {
			t.Errorf("%s → %s is %s: %v", e.From, e.To, e.Health, e.Why)
		}
	}
}

// TestOutside says when calls are taken to come from outside the mesh.
func TestOutside(t *testing.T) {
	m := mesh.Mesh{Name: "m", Nodes: []mesh.VirtualNode{{Name: "a"}, {Name: "b"}}}
	for _, c := range []struct {
		name                   string
		sent, retries, arrived float64
		want                   float64
	}{
		{"nobody in the mesh calls", 0, 0, 4, 4},
		{"a tick apart", 10, 0, 10.4, 0},
		{"many, and a tick apart", 1000, 0, 1040, 0},
		{"few, but one of them is not ours", 1, 0, 1.4, 0},
		{"retries are ours", 10, 5, 15, 0},
		{"others call too", 10, 0, 15, 5},
		{"fewer arrive than were sent", 10, 0, 3, 0},
	} {
		seen := mesh.Observation{Mesh: "m", Window: 10 * time.Second, Nodes: arrived("b", traffic(c.arrived, 0.1))}
		if c.sent > 0 {
			sent := traffic(c.sent, 0)
			sent.Retries = c.retries
			seen.Edges = []mesh.Edge{{From: "a", To: "b", Traffic: sent}}
		}
		got := 0.0
		for _, e := range Build(m, seen, nil, health.Default()).Edges {
			if e.From == mesh.UnknownID {
				got += e.RequestRate
			}
		}
		if got < c.want-1e-6 || got > c.want+1e-6 {
			t.Errorf("%s: %v a second from outside, want %v", c.name, got, c.want)
		}
	}
}

// TestOutsideOfAYoungProxy says that a node which began a moment ago, and so divides by less time than its callers, has
// no callers outside for that.
func TestOutsideOfAYoungProxy(t *testing.T) {
	m := mesh.Mesh{Name: "m", Nodes: []mesh.VirtualNode{{Name: "a"}, {Name: "b"}}}
	in := mesh.Traffic{Requests: 100, RequestRate: 50}
	sent := mesh.Traffic{Requests: 100, RequestRate: 10}
	seen := mesh.Observation{
		Mesh: "m", Window: 10 * time.Second, Nodes: arrived("b", in),
		Edges: []mesh.Edge{{From: "a", To: "b", Traffic: sent}},
	}
	if g := Build(m, seen, nil, health.Default()); len(g.Edges) != 1 {
		t.Errorf("%+v", g.Edges)
	}
}

func arrived(id string, t mesh.Traffic) []mesh.Arrival {
	return []mesh.Arrival{{ID: id, Traffic: t, Received: true}}
}

func encode(t *testing.T, g Graph) []byte {
	t.Helper()
	data, err := json.Marshal(g)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestPast says that a moment which has passed brings its own proxies, and is fresh when its reader says so.
func TestPast(t *testing.T) {
	m, seen, proxies := large(3, 6)
	seen.Reporting, seen.Proxies = 0, map[string]int{"svc-0000-v1": 7}
	seen.Partial, seen.Notes = true, []string{"one of two stores did not answer"}
	g := Build(m, seen, proxies, health.Default())
	i := slices.IndexFunc(g.Nodes, func(n Node) bool { return n.ID == "svc-0000-v1" })
	j := slices.IndexFunc(g.Nodes, func(n Node) bool { return n.ID == "svc-0001-v1" })
	if g.Nodes[i].Proxies != 7 || g.Nodes[j].Proxies != 0 || !g.Fresh || !g.Partial || !slices.Equal(g.Notes, seen.Notes) {
		t.Errorf("%d and %d proxies, fresh %v, partial %v: %v", g.Nodes[i].Proxies, g.Nodes[j].Proxies, g.Fresh, g.Partial, g.Notes)
	}
}

// TestPicturesShareNothing says that a picture stays as it is while the same plan draws others, at the same time too.
func TestPicturesShareNothing(t *testing.T) {
	m, seen, proxies := large(40, 170)
	p := newPlan(m, health.Default())
	other := seen
	other.Edges = slices.Clone(seen.Edges[:100])
	other.Edges = append(other.Edges, mesh.Edge{From: "svc-0039-v1", To: "external/stranger", Traffic: traffic(3, 2), At: seen.At})
	other.Nodes = arrived("svc-0001-v1", traffic(500, 400))
	first, second := p.draw(&seen, proxies), p.draw(&other, nil)
	want := [][]byte{encode(t, first), encode(t, second)}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 20 {
				p.draw(&other, nil)
				p.draw(&seen, proxies)
			}
		})
	}
	wg.Wait()
	for i, g := range []Graph{first, second} {
		if d := cmp.Diff(string(want[i]), string(encode(t, g))); d != "" {
			t.Errorf("picture %d was changed by later ones: %s", i+1, d)
		}
	}
	for i, g := range []Graph{p.draw(&seen, proxies), p.draw(&other, nil)} {
		if d := cmp.Diff(string(want[i]), string(encode(t, g))); d != "" {
			t.Errorf("picture %d is another after others were drawn: %s", i+1, d)
		}
	}
	if d := cmp.Diff(string(want[1]), string(encode(t, Build(m, other, nil, health.Default())))); d != "" {
		t.Errorf("drawn from a plan of its own: %s", d)
	}
}

// TestAllocations says that what a picture takes does not grow in pieces with its edges.
func TestAllocations(t *testing.T) {
	m, seen, proxies := large(100, 400)
	p := newPlan(m, health.Default())
	if n := testing.AllocsPerRun(10, func() { p.draw(&seen, proxies) }); n > 60 {
		t.Errorf("%v allocations for 400 edges", n)
	}
}
