package mesh_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	. "github.com/weirmesh/weir/server/mesh"
)

func TestObjectsAndGet(t *testing.T) {
	m := sample()
	var refs []string
	for _, o := range m.Objects() {
		refs = append(refs, o.Ref().String())
		got, ok := m.Get(o.Ref())
		if !ok || !cmp.Equal(got, o) {
			t.Errorf("Get(%s) = %v, %v", o.Ref(), got, ok)
		}
	}
	want := []string{
		"mesh shop", "node front", "node reviews-v1", "node reviews-v2", "node store", "router reviews",
		"route reviews/admin", "route reviews/primary", "service empty.example", "service reviews", "service store",
		"gateway ingress", "gateway-route ingress/all",
	}
	if diff := cmp.Diff(want, refs); diff != "" {
		t.Errorf("objects (-want +got):\n%s", diff)
	}
	for _, ref := range []Ref{{KindNode, "nope"}, {KindMesh, "other"}, {"thing", "front"}, {KindRoute, "primary"}} {
		if got, ok := m.Get(ref); ok || got != nil && ref.Kind != KindMesh {
			t.Errorf("Get(%s) = %v, %v", ref, got, ok)
		}
	}
}

func TestGetInAnUnsortedMesh(t *testing.T) {
	m := Mesh{Nodes: []VirtualNode{{Name: "c"}, {Name: "a"}, {Name: "b"}}}
	for _, name := range []string{"a", "b", "c"} {
		if n, ok := m.Node(name); !ok || n.Name != name {
			t.Errorf("Node(%q) = %v, %v", name, n, ok)
		}
	}
}

func TestWith(t *testing.T) {
	route, _ := sample().Route("reviews", "primary")
	route.Targets = []WeightedTarget{{Node: "reviews-v1", Weight: 1}}
	cases := []struct {
		name  string
		patch Patch
		code  Code
		text  string
	}{
		{"put", Patch{Put: []Object{route, VirtualNode{Name: "b"}}}, "", ""},
		{"delete what is missing", Patch{Delete: []Ref{{KindNode, "nope"}}}, NotFound, "there is no node nope in mesh shop"},
		{
			"delete a node in use",
			Patch{Delete: []Ref{{KindNode, "reviews-v1"}}},
			Conflict,
			"node reviews-v1 is in use by route reviews/admin and route reviews/primary: change that first, or with it",
		},
		{"delete a target and its route's weight", Patch{Put: []Object{route}, Delete: []Ref{{KindNode, "reviews-v2"}}}, "", ""},
		{
			"delete a service in use",
			Patch{Delete: []Ref{{KindService, "reviews"}}},
			Conflict,
			"service reviews is in use by gateway-route ingress/all: change that first, or with it",
		},
		{
			"delete a mesh with children",
			Patch{Delete: []Ref{{KindMesh, "shop"}}},
			Conflict,
			"mesh shop is in use by node front, node reviews-v1, node reviews-v2, node store, router reviews and others: change that first, or with it",
		},
		{"delete and put", Patch{Put: []Object{route}, Delete: []Ref{route.Ref()}}, Invalid, "the patch deletes route reviews/primary and sets or deletes it a second time"},
		{"put twice", Patch{Put: []Object{route, route}}, Invalid, "the patch sets route reviews/primary twice"},
		{"another mesh", Patch{Put: []Object{Settings{Name: "other"}}}, Invalid, "the patch is for mesh other, not for mesh shop"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			before := sample()
			next, err := before.With(c.patch)
			if diff := cmp.Diff(sample(), before); diff != "" {
				t.Errorf("the mesh was changed:\n%s", diff)
			}
			if CodeOf(err) != c.code {
				t.Fatalf("got %v, want code %q", err, c.code)
			}
			if err != nil {
				if err.Error() != c.text {
					t.Errorf("got %q, want %q", err, c.text)
				}
				return
			}
			for _, o := range c.patch.Put {
				if got, ok := next.Get(o.Ref()); !ok || !cmp.Equal(got, o) {
					t.Errorf("%s is %v after the patch", o.Ref(), got)
				}
			}
			for _, ref := range c.patch.Delete {
				if _, ok := next.Get(ref); ok {
					t.Errorf("%s is there after the patch", ref)
				}
			}
			if !slices.IsSortedFunc(next.Nodes, func(a, b VirtualNode) int { return cmpNames(a.Name, b.Name) }) {
				t.Error("nodes are not sorted")
			}
		})
	}
}

func cmpNames(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// meshes draws valid meshes: a few nodes, routers, routes and services from small sets of names, so that two draws
// have much in common.
func meshes() *rapid.Generator[Mesh] {
	return rapid.Custom(func(t *rapid.T) Mesh {
		m := Mesh{Name: rapid.SampledFrom([]string{"shop", "shop", "other"}).Draw(t, "mesh")}
		m.EgressFilter = rapid.SampledFrom([]EgressFilter{"", DropAll, AllowAll}).Draw(t, "filter")
		m.Health = drawLimits(t, true)
		nodes := names(t, "node")
		for _, name := range nodes {
			m.Nodes = append(m.Nodes, drawNode(t, name))
		}
		if len(nodes) > 0 {
			drawRouters(t, &m, nodes)
		}
		if err := m.Sorted().Validate(); err != nil {
			t.Fatalf("the generator made an invalid mesh: %v", err)
		}
		return m.Sorted()
	})
}

// drawLimits draws limits of which none contradicts another, whatever is taken together.
func drawLimits(t *rapid.T, objective bool) *HealthLimits {
	if !rapid.Bool().Draw(t, "limited") {
		return nil
	}
	share := func(low, high float64, what string) *float64 {
		return rapid.Ptr(rapid.Float64Range(low, high), true).Draw(t, what)
	}
	span := func(low, high time.Duration, what string) *Duration {
		return rapid.Ptr(rapid.Map(rapid.Int64Range(int64(low), int64(high)), func(d int64) Duration { return Duration(d) }), true).Draw(t, what)
	}
	h := &HealthLimits{
		DegradedErrors: share(0, 0.05, "degraded errors"), UnhealthyErrors: share(0.05, 1, "unhealthy errors"),
		DegradedP95: span(time.Millisecond, time.Second, "degraded p95"), UnhealthyP95: span(time.Second, time.Hour, "unhealthy p95"),
		Saturation:  share(0, 1, "saturation"),
		MinRequests: rapid.Ptr(rapid.IntRange(0, 1000), true).Draw(t, "requests"),
		MinFailures: rapid.Ptr(rapid.IntRange(0, 1000), true).Draw(t, "failures"),
	}
	if objective && rapid.Bool().Draw(t, "objective") {
		h.Objective = &Objective{
			Availability: rapid.Float64Range(0.5, 0.99999).Draw(t, "availability"),
			Period:       Duration(rapid.IntRange(1, 90).Draw(t, "days")) * Duration(24*time.Hour),
		}
		if h.Objective.Latency = span(time.Millisecond, time.Minute, "latency"); h.Objective.Latency != nil {
			h.Objective.LatencyShare = rapid.Float64Range(0.5, 0.99999).Draw(t, "share")
		}
	}
	return h
}

func names(t *rapid.T, what string) []string {
	letters := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "a-b"}), 0, 5, rapid.ID).Draw(t, what+"s")
	for i := range letters {
		letters[i] = what + "-" + letters[i]
	}
	return letters
}

func drawNode(t *rapid.T, name string) VirtualNode {
	n := VirtualNode{
		Name:             name,
		Listeners:        []Listener{{Port: rapid.IntRange(8080, 8082).Draw(t, "port"), Protocol: HTTP}},
		ServiceDiscovery: &ServiceDiscovery{Registration: &Registration{}},
	}
	if rapid.Bool().Draw(t, "pool") {
		limit := rapid.IntRange(1, 3).Draw(t, "limit")
		idle := Duration(time.Duration(limit) * time.Second)
		n.Listeners[0].ConnectionPool = &ConnectionPool{MaxConnections: &limit}
		n.Listeners[0].Timeout = &Timeout{Idle: &idle}
	}
	for _, b := range rapid.SliceOfNDistinct(rapid.IntRange(0, 3), 0, 3, rapid.ID).Draw(t, "backends") {
		n.Backends = append(n.Backends, Backend{Service: fmt.Sprintf("service-%d", b)})
	}
	return n
}

func drawRouters(t *rapid.T, m *Mesh, nodes []string) {
	for i, router := range names(t, "router") {
		m.Routers = append(m.Routers, VirtualRouter{Name: router, Listeners: []RouterListener{{Port: 8080, Protocol: HTTP}}})
		m.Services = append(m.Services, VirtualService{Name: fmt.Sprintf("service-%d", i), Router: router, Health: drawLimits(t, true)})
		for _, route := range names(t, "route") {
			targets := rapid.SliceOfNDistinct(rapid.SampledFrom(nodes), 1, len(nodes), rapid.ID).Draw(t, "targets")
			r := Route{Router: router, Name: route, Protocol: HTTP, Match: Match{Prefix: "/" + route}, Health: drawLimits(t, false)}
			for _, n := range targets {
				r.Targets = append(r.Targets, WeightedTarget{Node: n, Weight: rapid.IntRange(1, 100).Draw(t, "weight")})
			}
			m.Routes = append(m.Routes, r)
		}
	}
	m.Services = append(m.Services, VirtualService{Name: "direct.example", Node: rapid.SampledFrom(nodes).Draw(t, "direct")})
}

// Routes are in order by their router and then by name, whatever letters come before a slash.
func TestOrder(t *testing.T) {
	name := rapid.StringOfN(rapid.SampledFrom([]rune("ab-./")), 0, 6, -1)
	rapid.Check(t, func(t *rapid.T) {
		var m Mesh
		for _, n := range rapid.SliceOfN(name, 2, 5).Draw(t, "names") {
			m.Nodes = append(m.Nodes, VirtualNode{Name: n})
		}
		list := m.Sorted().Nodes
		for i := 1; i < len(list); i++ {
			a, b := list[i-1].Ref(), list[i].Ref()
			ap, an := a.Split()
			bp, bn := b.Split()
			if ap > bp || ap == bp && an > bn {
				t.Fatalf("%s is before %s", a, b)
			}
		}
	})
}

func TestDiffTurnsOneIntoTheOther(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b := meshes().Draw(t, "a"), meshes().Draw(t, "b")
		got, err := a.With(Diff(a, b))
		if err != nil {
			t.Fatalf("the difference does not apply: %v", err)
		}
		if diff := cmp.Diff(b, got); diff != "" {
			t.Fatalf("a with the difference is not b (-b +got):\n%s", diff)
		}
		if p := Diff(b, got); len(p.Put)+len(p.Delete) > 0 {
			t.Fatalf("there is a difference between equals: %+v", p)
		}
	})
}

func TestDiffFromAndToNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := meshes().Draw(t, "mesh")
		made, err := Mesh{}.With(Diff(Mesh{}, m))
		if err != nil || !cmp.Equal(made, m) {
			t.Fatalf("from nothing: %v\n%s", err, cmp.Diff(m, made))
		}
		gone, err := m.With(Diff(m, Mesh{}))
		if err != nil || !cmp.Equal(gone, Mesh{}, cmpopts.EquateEmpty()) {
			t.Fatalf("to nothing: %v %v", err, gone)
		}
	})
}

// Diffs of a patched mesh name what the patch named and nothing else.
func TestDiffIsSmall(t *testing.T) {
	m := sample()
	route, _ := m.Route("reviews", "primary")
	route.Targets = []WeightedTarget{{Node: "reviews-v1", Weight: 50}, {Node: "reviews-v2", Weight: 50}}
	p := Patch{Put: []Object{route}, Delete: []Ref{{KindService, "empty.example"}}}
	next, err := m.With(p)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(p, Diff(m, next)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
