package mesh

import (
	"errors"
	"strings"
	"testing"
)

// splitMesh has two routes that share a split and one that does not.
func splitMesh(t *testing.T) Mesh {
	t.Helper()
	listener := []Listener{{Port: 8080, Protocol: HTTP}}
	found := &ServiceDiscovery{Registration: &Registration{}}
	route := func(name, split string) Route {
		r := Route{Router: "shop", Name: name, Protocol: HTTP, Match: Match{Prefix: "/" + name}, Split: split}
		if split == "" {
			r.Targets = []WeightedTarget{{Node: "v1", Weight: 1}}
		}
		return r
	}
	m, err := (Mesh{}).With(Patch{Put: []Object{
		Settings{Name: "m"},
		VirtualNode{Name: "v1", Listeners: listener, ServiceDiscovery: found},
		VirtualNode{Name: "v2", Listeners: listener, ServiceDiscovery: found},
		VirtualRouter{Name: "shop", Listeners: []RouterListener{{Port: 8080, Protocol: HTTP}}},
		Split{Name: "both", Targets: []WeightedTarget{{Node: "v1", Weight: 9}, {Node: "v2", Weight: 1}}},
		route("a", "both"), route("b", "both"), route("c", ""),
	}})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Validate(); err != nil {
		t.Fatal(err)
	}
	return m
}

func TestRoutesFollowTheirSplit(t *testing.T) {
	m := splitMesh(t)
	next, err := m.With(Patch{Put: []Object{Split{Name: "both", Targets: []WeightedTarget{{Node: "v1", Weight: 1}, {Node: "v2", Weight: 1}}}}})
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Validate(); err != nil {
		t.Fatal(err)
	}
	var moved []string
	for _, o := range Diff(m, next).Put {
		moved = append(moved, o.Ref().String())
	}
	if got, want := strings.Join(moved, ", "), "split both, route shop/a, route shop/b"; got != want {
		t.Errorf("one change moves %s, want %s", got, want)
	}
	if got := next.RoutesBy("both")[1].Shares()["v2"]; got != 0.5 {
		t.Errorf("shop/b sends v2 %v, want 0.5", got)
	}
	if was := m.RoutesBy("both")[0].Shares()["v2"]; was != 0.1 {
		t.Errorf("the mesh before was changed: v2 gets %v of shop/a", was)
	}
	back, err := next.With(Diff(next, m))
	if err != nil {
		t.Fatal(err)
	}
	if d := Diff(m, back); len(d.Put)+len(d.Delete) > 0 {
		t.Errorf("taken back, %v differ", d.Put)
	}
}

func TestRouteOfASplitKeepsItsOwnFields(t *testing.T) {
	m := splitMesh(t)
	r := m.RoutesBy("both")[0]
	r.Priority = 7
	next, err := m.With(Patch{Put: []Object{r, Split{Name: "both", Targets: []WeightedTarget{{Node: "v2", Weight: 1}}}}})
	if err != nil {
		t.Fatalf("the rest of a route, edited with its targets as read: %v", err)
	}
	if got := next.RoutesBy("both")[0]; got.Priority != 7 || got.Shares()["v2"] != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestSplitRefusals(t *testing.T) {
	m := splitMesh(t)
	r := m.RoutesBy("both")[0]
	r.Targets = []WeightedTarget{{Node: "v1", Weight: 3}}
	lost := m.RoutesBy("both")[0]
	lost.Split, lost.Targets = "nowhere", nil
	for name, c := range map[string]struct {
		patch Patch
		want  string
	}{
		"other targets":  {Patch{Put: []Object{r}}, "takes its targets from split both"},
		"in use":         {Patch{Delete: []Ref{{KindSplit, "both"}}}, "in use by route shop/a"},
		"no such split":  {Patch{Put: []Object{lost}}, "is a split of the mesh"},
		"nothing":        {Patch{Put: []Object{Split{Name: "both", Targets: []WeightedTarget{{Node: "v1"}}}}}, "more than 0"},
		"unknown target": {Patch{Put: []Object{Split{Name: "both", Targets: []WeightedTarget{{Node: "v9", Weight: 1}}}}}, "is a virtual node of the mesh"},
		"node in use":    {Patch{Delete: []Ref{{KindNode, "v2"}}}, "split both"},
	} {
		next, err := m.With(c.patch)
		if err == nil {
			err = next.Validate()
		}
		var e *Error
		if !errors.As(err, &e) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", name, err, c.want)
		}
	}
}
