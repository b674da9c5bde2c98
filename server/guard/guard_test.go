package guard_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	. "github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
)

var (
	now     = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC) // a Monday
	primary = mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}
	shared  = mesh.Ref{Kind: mesh.KindSplit, Name: "shared"}
)

func ptr[T any](v T) *T { return &v }

func route(name string, weights ...int) mesh.Route {
	r := mesh.Route{Router: "reviews", Name: name}
	for i, w := range weights {
		r.Targets = append(r.Targets, mesh.WeightedTarget{Node: []string{"v1", "v2", "v3", "v4"}[i], Weight: w})
	}
	return r
}

func node(name string) mesh.VirtualNode { return mesh.VirtualNode{Name: name} }

// shop is a mesh with two services of one router, and the rails of a case.
func shop(whole, service, own *mesh.Guard, weights ...int) mesh.Mesh {
	r := route("primary", weights...)
	r.Guard = own
	return mesh.Mesh{
		Name: "m", Guard: whole,
		Nodes:    []mesh.VirtualNode{node("other"), node("v1"), node("v2")},
		Services: []mesh.VirtualService{{Name: "other", Node: "other"}, {Name: "reviews", Router: "reviews", Guard: service}},
		Routers:  []mesh.VirtualRouter{{Name: "reviews"}},
		Routes:   []mesh.Route{r},
	}
}

// to is the change of the route to other weights.
func to(m mesh.Mesh, weights ...int) []Edit {
	after := route("primary", weights...)
	after.Guard = m.Routes[0].Guard
	return []Edit{{Ref: primary, Before: m.Routes[0], After: after}}
}

func said(list []Breach) []string {
	var out []string
	for _, b := range list {
		out = append(out, string(b.Rule)+": "+b.Message)
	}
	return out
}

func check(t *testing.T, in Input, wants ...string) {
	t.Helper()
	in.Now = now
	if diff := cmp.Diff(wants, said(Breaches(in))); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestSteps(t *testing.T) {
	m := shop(&mesh.Guard{LargestStep: ptr(10.0)}, nil, nil, 90, 10)
	check(t, Input{Before: m, Edits: to(m, 80, 20)})
	check(t, Input{Before: m, Edits: to(m, 90, 10)})
	check(t, Input{Before: m, Edits: to(m, 60, 40)},
		"largestStep: route reviews/primary: 30 points would move, v2 10 % → 40 %; mesh m allows 10 in one change: take smaller steps")
	check(t, Input{Before: m, Edits: to(m, 75, 15, 10)},
		"largestStep: route reviews/primary: 15 points would move, v3 0 % → 10 %; mesh m allows 10 in one change: take smaller steps")
	off := shop(&mesh.Guard{LargestStep: ptr(10.0)}, nil, &mesh.Guard{LargestStep: ptr(0.0)}, 90, 10)
	check(t, Input{Before: off, Edits: to(off, 0, 100)})
	nearer := shop(&mesh.Guard{LargestStep: ptr(10.0)}, &mesh.Guard{LargestStep: ptr(50.0)}, nil, 90, 10)
	check(t, Input{Before: nearer, Edits: to(nearer, 45, 55)})
	check(t, Input{Before: nearer, Edits: to(nearer, 30, 70)},
		"largestStep: route reviews/primary: 60 points would move, v2 10 % → 70 %; service reviews allows 50 in one change: take smaller steps")
	created := Input{Before: m, Edits: []Edit{{Ref: primary, After: route("primary", 1, 1)}}}
	check(t, created)
}

func TestEvidence(t *testing.T) {
	m := shop(nil, &mesh.Guard{MinRequests: ptr(100)}, nil, 90, 10, 0)
	arm := Arm{primary, "v2"}
	enough := map[Arm]Served{arm: {100, now.Add(-time.Minute)}}
	check(t, Input{Before: m, Edits: to(m, 80, 20, 0), Served: enough})
	check(t, Input{Before: m, Edits: to(m, 80, 20, 0), Served: map[Arm]Served{arm: {99, now.Add(-time.Minute)}}},
		"minRequests: route reviews/primary: v2 has served 99 of the 100 requests that service reviews asks for before it gets more (counted for 1m0s): wait for them")
	check(t, Input{Before: m, Edits: to(m, 80, 20, 0)},
		"minRequests: route reviews/primary: v2 has served 0 of the 100 requests that service reviews asks for before it gets more (nothing is counted here): wait for them")
	check(t, Input{Before: m, Edits: to(m, 80, 10, 10)}) // the first step of v3
}

func TestFloor(t *testing.T) {
	m := shop(nil, nil, &mesh.Guard{StableFloor: ptr(50.0)}, 60, 40)
	check(t, Input{Before: m, Edits: to(m, 50, 50)})
	check(t, Input{Before: m, Edits: to(m, 100, 0)})
	check(t, Input{Before: m, Edits: to(m, 40, 60)},
		"stableFloor: route reviews/primary: v1 would keep 40 %; route reviews/primary has the largest target keep 50 % unless a rollout promotes: start one, or move less")
	check(t, Input{Before: m, Edits: to(m, 0, 100), Rollout: "r1", Held: map[mesh.Ref]string{primary: "r1"}})
}

func TestHealthy(t *testing.T) {
	m := shop(&mesh.Guard{HealthyOnly: ptr(true)}, nil, nil, 90, 10)
	for verdict, refused := range map[mesh.Health]bool{mesh.Unknown: false, mesh.Idle: false, mesh.Healthy: false, mesh.Degraded: true, mesh.Unhealthy: true} {
		in := Input{Before: m, Edits: to(m, 80, 20), Health: map[string]mesh.Health{"v2": verdict}, Now: now}
		if got := Breaches(in); (len(got) == 1) != refused {
			t.Errorf("%s: %v", verdict, got)
		}
		in.Edits = to(m, 95, 5)
		if got := Breaches(in); len(got) != 0 {
			t.Errorf("less for what is %s: %v", verdict, got)
		}
	}
}

func TestFreezeAndProtected(t *testing.T) {
	freeze := &mesh.Freeze{Windows: []mesh.Window{
		{Reason: "past", From: "2026-11-01T00:00:00Z", Until: "2026-11-02T00:00:00Z"},
		{Reason: "mondays", Days: []string{"mon"}, Start: "08:00", End: "18:00"},
	}}
	m := shop(nil, &mesh.Guard{Freeze: freeze}, nil, 90, 10)
	const frozen = " is frozen by service reviews until 2026-11-23 18:00 UTC (mondays)"
	for _, e := range []Edit{
		to(m, 80, 20)[0],
		{Ref: primary, Before: m.Routes[0]},
		{Ref: mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/new"}, After: route("new", 1)},
		{Ref: m.Routers[0].Ref(), Before: m.Routers[0], After: m.Routers[0]},
		{Ref: node("v1").Ref(), Before: node("v1"), After: node("v1")},
	} {
		check(t, Input{Before: m, Edits: []Edit{e}}, "freeze: "+e.Ref.String()+frozen)
	}
	own := Edit{Ref: m.Services[1].Ref(), Before: m.Services[1], After: mesh.VirtualService{Name: "reviews", Router: "reviews"}}
	check(t, Input{Before: m, Edits: []Edit{own}}, "freeze: service reviews is frozen until 2026-11-23 18:00 UTC (mondays)")
	for _, o := range []mesh.Object{m.Settings(), m.Services[0], m.Nodes[0]} {
		check(t, Input{Before: m, Edits: []Edit{{Ref: o.Ref(), Before: o, After: o}}})
	}
	later := Input{Before: m, Edits: to(m, 80, 20), Now: now.Add(6 * time.Hour)}
	if got := Breaches(later); len(got) != 0 {
		t.Errorf("after the freeze: %v", got)
	}
	if got := Breaches(Input{Before: m, Edits: to(m, 80, 20), Now: now}); len(got) != 1 || got[0].Until == nil || got[0].From != m.Services[1].Ref() {
		t.Errorf("%+v", got)
	}

	whole := shop(&mesh.Guard{Protected: ptr(true)}, &mesh.Guard{Protected: ptr(false)}, nil, 90, 10)
	check(t, Input{Before: whole, Edits: to(whole, 80, 20)})
	check(t, Input{Before: whole, Edits: []Edit{{Ref: node("other").Ref(), Before: node("other")}}}, "protected: node other is protected by mesh m")
	settings := Edit{Ref: whole.Settings().Ref(), Before: whole.Settings(), After: mesh.Settings{Name: "m"}}
	check(t, Input{Before: whole, Edits: []Edit{settings}}, "protected: mesh m is protected")
	// Whoever takes the rail away and goes over it in one change goes over it.
	check(t, Input{Before: whole, Edits: []Edit{settings, {Ref: node("other").Ref(), Before: node("other")}}},
		"protected: mesh m is protected", "protected: node other is protected by mesh m")
}

func TestOneRollout(t *testing.T) {
	m := shop(nil, nil, nil, 90, 10)
	held := map[mesh.Ref]string{primary: "r1"}
	const refusal = "oneRollout: rollout r1 holds the weights of route reviews/primary: abort it first, or let it finish"
	check(t, Input{Before: m, Edits: to(m, 80, 20), Held: held}, refusal)
	check(t, Input{Before: m, Edits: []Edit{{Ref: primary, Before: m.Routes[0]}}, Held: held}, refusal)
	check(t, Input{Before: m, Edits: to(m, 80, 20), Held: held, Rollout: "r2"}, refusal)
	check(t, Input{Before: m, Edits: to(m, 80, 20), Held: held, Rollout: "r1"})
	patient := to(m, 90, 10)
	changed := patient[0].After.(mesh.Route)
	changed.Priority = 3
	patient[0].After = changed
	check(t, Input{Before: m, Edits: patient, Held: held}) // everything else may change
}

// A split is spoken of once, not once for every route that shares it, under the rails of each.
func TestSplit(t *testing.T) {
	m := shop(&mesh.Guard{LargestStep: ptr(10.0)}, nil, nil, 90, 10)
	before, after := mesh.Split{Name: "shared", Targets: route("", 90, 10).Targets}, mesh.Split{Name: "shared", Targets: route("", 50, 50).Targets}
	edits := []Edit{{Ref: shared, Before: before, After: after}}
	m.Routes = nil
	for _, name := range []string{"a", "b", "c"} {
		was, is := route(name, 90, 10), route(name, 50, 50)
		was.Split, is.Split = "shared", "shared"
		m.Routes = append(m.Routes, was)
		edits = append(edits, Edit{Ref: was.Ref(), Before: was, After: is})
	}
	check(t, Input{Before: m, Edits: edits, Held: map[mesh.Ref]string{shared: "r1"}, Rollout: "r1"},
		"largestStep: split shared: 40 points would move, v2 10 % → 50 %; mesh m allows 10 in one change: take smaller steps")
	check(t, Input{Before: m, Edits: edits, Held: map[mesh.Ref]string{shared: "r1"}},
		"oneRollout: rollout r1 holds the weights of split shared: abort it first, or let it finish",
		"largestStep: split shared: 40 points would move, v2 10 % → 50 %; mesh m allows 10 in one change: take smaller steps")
}

// Without rails nothing is ever in the way, and a smaller step is never refused where a larger one in the same direction
// is not.
func TestSmallerStepsAreEasier(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weight := rapid.IntRange(0, 100)
		from := weight.Draw(t, "from")
		far := weight.Draw(t, "far")
		near := from + (far-from)/2
		g := &mesh.Guard{LargestStep: ptr(float64(weight.Draw(t, "step"))), StableFloor: ptr(float64(weight.Draw(t, "floor")))}
		if len(Breaches(Input{Before: shop(nil, nil, nil, 100-from, from), Edits: to(shop(nil, nil, nil, 100-from, from), 100-far, far), Now: now})) > 0 {
			t.Fatal("refused without rails")
		}
		m := shop(g, nil, nil, 100-from, from)
		rules := func(weight int) (list []string) {
			for _, b := range Breaches(Input{Before: m, Edits: to(m, 100-weight, weight), Now: now}) {
				list = append(list, string(b.Rule))
			}
			return list
		}
		larger := rules(far)
		for _, rule := range rules(near) {
			if !slices.Contains(larger, rule) {
				t.Fatalf("%d → %d is refused by %s, %d → %d by %s", from, near, rule, from, far, strings.Join(larger, ", "))
			}
		}
	})
}
