package evidence_test

import (
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	. "github.com/weirmesh/weir/server/evidence"
	"github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
)

type traffic struct {
	mu     sync.Mutex
	counts map[[2]string]float64
}

func (f *traffic) add(from, to string, n float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.counts[[2]string{from, to}] += n
}

func (f *traffic) Counts(string) []mesh.EdgeCount {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []mesh.EdgeCount
	for key, n := range f.counts {
		list = append(list, mesh.EdgeCount{From: key[0], To: key[1], Requests: n})
	}
	return list
}

type rollouts map[mesh.Ref]string

func (r rollouts) Holds(_ string, ref mesh.Ref) (string, bool) {
	id, ok := r[ref]
	return id, ok
}

func ptr[T any](v T) *T { return &v }

func route(v1, v2 int) mesh.Route {
	return mesh.Route{Router: "reviews", Name: "primary", Targets: []mesh.WeightedTarget{{Node: "v1", Weight: v1}, {Node: "v2", Weight: v2}}}
}

func shop(v1, v2 int) mesh.Mesh {
	return mesh.Mesh{
		Name: "m", Guard: &mesh.Guard{MinRequests: ptr(100), HealthyOnly: ptr(true)},
		Routes: []mesh.Route{route(v1, v2)}, Services: []mesh.VirtualService{{Name: "reviews", Router: "reviews"}},
	}
}

// step is the change from one pair of weights to another.
func step(v1, v2, w1, w2 int) change.Intent {
	before, after := shop(v1, v2), shop(w1, w2)
	return change.Intent{Before: before, After: after, Edits: []change.Edit{{Ref: before.Routes[0].Ref(), Before: before.Routes[0], After: after.Routes[0]}}}
}

func rules(list []guard.Breach) (rules []guard.Rule) {
	for _, b := range list {
		rules = append(rules, b.Rule)
	}
	return rules
}

// Requests count since the share moved; what edges had counted before anybody looked is no evidence, since it may be of
// before a restart, and what a caller that is new sends is.
func TestRequestsSinceTheStep(t *testing.T) {
	f := &traffic{counts: make(map[[2]string]float64)}
	f.add("web", "v2", 5000)
	now := time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	g := New(Options{Traffic: f, Meshes: func() []mesh.Mesh { return []mesh.Mesh{shop(90, 10)} }, Now: func() time.Time { return now }})
	g.Look()
	expect := func(what string, i change.Intent, wants ...guard.Rule) {
		t.Helper()
		if diff := cmp.Diff(wants, rules(g.Breaches(t.Context(), i))); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}
	more := step(90, 10, 80, 20)
	expect("before anything was counted", more, guard.MinRequests)
	f.add("web", "v2", 60)
	expect("60", more, guard.MinRequests)
	f.add("mobile", "v2", 40) // noted with 40, which are from before for all that is known
	expect("a caller that was not seen before", more, guard.MinRequests)
	f.add("mobile", "v2", 40)
	expect("100", more)
	g.Recorded(more)
	again := step(80, 20, 70, 30)
	expect("after the step", again, guard.MinRequests)
	f.add("web", "v2", 100)
	expect("and 100 more", again)
	expect("back", step(80, 20, 90, 10), guard.MinRequests) // v1 grows, and nobody calls it
}

func TestHealthAndRollouts(t *testing.T) {
	primary := route(1, 1).Ref()
	held := rollouts{primary: "r1"}
	g := New(Options{Health: func(string) map[string]mesh.Health { return map[string]mesh.Health{"v2": mesh.Unhealthy} }, Rollouts: held})
	i := step(100, 0, 90, 10)
	if diff := cmp.Diff([]guard.Rule{guard.OneRollout, guard.HealthyOnly}, rules(g.Breaches(t.Context(), i))); diff != "" {
		t.Error(diff)
	}
	i.Rollout = "r1"
	if diff := cmp.Diff([]guard.Rule{guard.HealthyOnly}, rules(g.Breaches(t.Context(), i))); diff != "" {
		t.Error(diff)
	}
	split := mesh.Ref{Kind: mesh.KindSplit, Name: "shared"}
	delete(held, primary)
	held[split] = "r2"
	before, after := route(90, 10), route(50, 50)
	before.Split, after.Split = "shared", "shared"
	i = change.Intent{Before: mesh.Mesh{Name: "m"}, After: mesh.Mesh{Name: "m"}, Edits: []change.Edit{{Ref: primary, Before: before, After: after}}}
	if diff := cmp.Diff([]guard.Rule{guard.OneRollout}, rules(g.Breaches(t.Context(), i))); diff != "" {
		t.Error(diff)
	}
}

// A mesh that asks for no evidence is forgotten, and without a source nobody has served anything.
func TestNothingToAsk(t *testing.T) {
	none := New(Options{})
	none.Look()
	none.Recorded(step(90, 10, 80, 20))
	if diff := cmp.Diff([]guard.Rule{guard.MinRequests}, rules(none.Breaches(t.Context(), step(90, 10, 80, 20)))); diff != "" {
		t.Error(diff)
	}
}

// The health of a whole mesh is only read for changes of a mesh in which a guard rail asks for it, wherever that is set.
func TestHealthIsReadWhereARailAsks(t *testing.T) {
	asked := 0
	g := New(Options{Health: func(string) map[string]mesh.Health {
		asked++
		return map[string]mesh.Health{"v2": mesh.Unhealthy}
	}})
	i := step(90, 10, 80, 20)
	i.Before.Guard = nil
	if list := g.Breaches(t.Context(), i); len(list) != 0 || asked != 0 {
		t.Errorf("without rails: %v, health was read %d times", list, asked)
	}
	i.Before.Services[0].Guard = &mesh.Guard{HealthyOnly: ptr(true)}
	if diff := cmp.Diff([]guard.Rule{guard.HealthyOnly}, rules(g.Breaches(t.Context(), i))); diff != "" || asked != 1 {
		t.Errorf("a service's rail: health was read %d times (-want +got):\n%s", asked, diff)
	}
}
