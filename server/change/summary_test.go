package change

import (
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

func route(targets ...mesh.WeightedTarget) mesh.Route {
	return mesh.Route{Router: "reviews", Name: "primary", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"}, Targets: targets}
}

func target(node string, weight int) mesh.WeightedTarget {
	return mesh.WeightedTarget{Node: node, Weight: weight}
}

// pooled is a node with one listener per maximum; zero means no pool.
func pooled(maxima ...int) mesh.VirtualNode {
	n := mesh.VirtualNode{Name: "ratings"}
	for i, m := range maxima {
		l := mesh.Listener{Port: 8080 + i, Protocol: mesh.HTTP}
		if m > 0 {
			l.ConnectionPool = &mesh.ConnectionPool{MaxConnections: &m}
		}
		n.Listeners = append(n.Listeners, l)
	}
	return n
}

func step(before, after mesh.Object) Edit {
	e := Edit{Before: before, After: after, Version: 2}
	if after != nil {
		e.Ref = after.Ref()
	} else {
		e.Ref = before.Ref()
	}
	return e
}

func TestSummaries(t *testing.T) {
	two := pooled(100)
	pending := 10
	two.Listeners[0].ConnectionPool.MaxPendingRequests = &pending
	two.Listeners[0].Protocol = mesh.HTTP
	priority := route(target("v1", 1), target("v2", 1))
	priority.Priority = 5
	match := route(target("v1", 1))
	match.Match.Method = "GET"
	for want, edits := range map[string][]Edit{
		"reviews/primary: v2 25 % → 50 %":                                    {step(route(target("v1", 75), target("v2", 25)), route(target("v1", 50), target("v2", 50)))},
		"reviews/primary: v2 33.3 % → 66.7 %":                                {step(route(target("v1", 2), target("v2", 1)), route(target("v1", 1), target("v2", 2)))},
		"reviews/primary: v1 100 % → 90 %, v3 0 % → 10 %":                    {step(route(target("v1", 1), target("v2", 0)), route(target("v1", 9), target("v2", 0), target("v3", 1)))},
		"reviews/primary: v1 50 % → 100 %, v2 50 % → 0 %":                    {step(route(target("v1", 1), target("v2", 1)), route(target("v1", 1)))},
		"reviews/primary: other weights for the same shares":                 {step(route(target("v1", 1), target("v2", 1)), route(target("v1", 50), target("v2", 50)))},
		"route reviews/primary: priority 0 → 5":                              {step(route(target("v1", 1), target("v2", 1)), priority)},
		"route reviews/primary: match":                                       {step(route(target("v1", 1)), match)},
		"ratings: maxConnections 100 → 50":                                   {step(pooled(100), pooled(50))},
		"ratings: maxConnections no limit → 50":                              {step(pooled(0), pooled(50))},
		"ratings: maxConnections 100 → no limit":                             {step(pooled(100), pooled(0))},
		"ratings: maxConnections 50 → 100, maxPendingRequests no limit → 10": {step(pooled(50), two)},
		"ratings: port 8081 maxConnections 7 → 8":                            {step(pooled(7, 7), pooled(7, 8))},
		"node ratings: listeners":                                            {step(pooled(7), pooled(7, 8))},
		"creates node ratings":                                               {step(nil, pooled(1))},
		"deletes node ratings":                                               {step(pooled(1), nil)},
		"mesh m: egressFilter none → ALLOW_ALL":                              {step(mesh.Settings{Name: "m"}, mesh.Settings{Name: "m", EgressFilter: mesh.AllowAll})},
		"service s: node a → none, router none → r":                          {step(mesh.VirtualService{Name: "s", Node: "a"}, mesh.VirtualService{Name: "s", Router: "r"})},
		"creates 2 nodes, router r; changes route reviews/primary; deletes node ratings": {
			step(nil, mesh.VirtualNode{Name: "a"}), step(nil, mesh.VirtualNode{Name: "b"}), step(nil, mesh.VirtualRouter{Name: "r"}),
			step(route(target("v1", 1)), match), step(pooled(1), nil),
		},
	} {
		if got := summarise(edits); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestUnifiedDiff(t *testing.T) {
	got, err := unified([]Edit{
		step(mesh.VirtualService{Name: "s", Node: "a"}, mesh.VirtualService{Name: "s", Router: "r"}),
		step(nil, mesh.VirtualService{Name: "new"}), step(mesh.VirtualService{Name: "old"}, nil),
	})
	want := `--- service s (version 1)
+++ service s (version 2)
@@ -1,2 +1,2 @@
 name: s
-node: a
+router: r
--- /dev/null
+++ service new (version 2)
@@ -0,0 +1,1 @@
+name: new
--- service old (version 1)
+++ /dev/null
@@ -1,1 +0,0 @@
-name: old
`
	if err != nil || got != want {
		t.Errorf("%v\n%s", err, got)
	}
}

func TestLongDiffIsCutAtALine(t *testing.T) {
	var edits []Edit
	for range 3000 {
		edits = append(edits, step(nil, mesh.VirtualService{Name: "a-service-with-a-name"}))
	}
	got, err := unified(edits)
	if err != nil || len(got) > maxDiff+100 {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if !strings.HasSuffix(got, " more lines are not shown\n") || strings.Contains(got, "\n\n") {
		t.Errorf("it ends %q", got[len(got)-100:])
	}
}

func TestSummaryOfASplit(t *testing.T) {
	targets := func(one, two int) []mesh.WeightedTarget {
		return []mesh.WeightedTarget{{Node: "v1", Weight: one}, {Node: "v2", Weight: two}}
	}
	route := func(name string, one, two int) mesh.Route {
		return mesh.Route{Router: "r", Name: name, Split: "both", Targets: targets(one, two)}
	}
	edits := []Edit{
		step(mesh.Split{Name: "both", Targets: targets(9, 1)}, mesh.Split{Name: "both", Targets: targets(1, 1)}),
		step(route("a", 9, 1), route("a", 1, 1)),
		step(route("b", 9, 1), route("b", 1, 1)),
	}
	if got, want := summarise(edits), "split both: v2 10 % → 50 % (2 routes)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	other := route("b", 1, 1)
	other.Priority = 3
	edits[2] = step(route("b", 9, 1), other)
	if _, ok := leader(edits); ok {
		t.Error("a route whose priority moved as well does not only follow")
	}
}
