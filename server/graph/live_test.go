package graph

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// world is what a Live looks at.
type world struct {
	mu       sync.Mutex
	meshes   []mesh.Mesh
	rate     float64
	burns    map[string][]mesh.Burn
	observed int
}

func (w *world) Meshes() []mesh.Mesh {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.meshes
}

func (w *world) Observe(name string, window time.Duration, now time.Time) mesh.Observation {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.observed++
	t := mesh.Traffic{RequestRate: w.rate, Requests: w.rate * window.Seconds()}
	return mesh.Observation{
		Mesh: name, At: now, Window: window, Fresh: true, Reporting: 1, Oldest: now,
		Edges: []mesh.Edge{{From: "a", To: "b", Traffic: t, At: now}},
		Burns: w.burns,
	}
}

func (w *world) set(rate float64, meshes ...mesh.Mesh) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.rate, w.meshes = rate, meshes
}

func start(t *testing.T, w *world) *Live {
	t.Helper()
	l := New(Options{Meshes: w.Meshes, Observer: w})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

// wait takes pictures from the subscription until one is as wanted.
func wait(t *testing.T, c <-chan Graph, want func(Graph) bool) Graph {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case g := <-c:
			if want(g) {
				return g
			}
		case <-deadline:
			t.Fatal("no such picture")
		}
	}
}

func TestRun(t *testing.T) {
	a, b := mesh.Mesh{Name: "m"}, mesh.Mesh{Name: "n"}
	w := &world{}
	w.set(5, a, b)
	l := start(t, w)
	sub := l.Updates().Subscribe(64)
	defer sub.Close()
	g := wait(t, sub.C, func(g Graph) bool { return g.Mesh == "m" })
	if len(g.Edges) != 1 || g.Edges[0].RequestRate != 5 || g.Window != "10s" || !g.Fresh {
		t.Errorf("%+v", g)
	}
	if got, ok := l.Graph("m"); !ok || len(got.Edges) != 1 {
		t.Errorf("%v %+v", ok, got)
	}

	w.set(9, a)
	l.Wake()
	wait(t, sub.C, func(g Graph) bool { return g.Mesh == "m" && g.Edges[0].RequestRate == 9 })
	deadline := time.Now().Add(20 * time.Second)
	for {
		if _, ok := l.Graph("n"); !ok {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("a mesh that is gone still has a picture")
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestWindowAndRebuild(t *testing.T) {
	w := &world{}
	w.set(5, mesh.Mesh{Name: "m"})
	l := New(Options{Meshes: w.Meshes, Observer: w})
	now := time.UnixMilli(1_700_000_000_000)
	if _, ok := l.Graph("m"); ok {
		t.Error("a picture that nobody drew")
	}
	if g, ok := l.At("m", 30*time.Second, now); !ok || g.Window != "30s" {
		t.Errorf("%v %+v", ok, g)
	}
	if _, ok := l.Graph("m"); ok {
		t.Error("a picture of another window was kept")
	}
	if _, ok := l.At("other", 30*time.Second, now); ok {
		t.Error("a picture of a mesh that does not exist")
	}
	if g, ok := l.Rebuild("m", now); !ok || g.Window != "10s" {
		t.Errorf("%v %+v", ok, g)
	}
	if _, ok := l.Rebuild("m", now.Add(-time.Minute)); !ok {
		t.Error("not drawn")
	}
	if g, _ := l.Graph("m"); !g.At.Equal(now) {
		t.Errorf("an older picture replaced a newer one: %s", g.At)
	}
}

// TestPlanIsKept says that a mesh which did not change is planned once, and one that did again.
func TestPlanIsKept(t *testing.T) {
	l := New(Options{Observer: &world{}, Meshes: (&world{}).Meshes})
	m, _, _ := large(5, 10)
	first := l.plan(m)
	if l.plan(m) != first {
		t.Error("planned again without a change")
	}
	changed := m
	changed.Routes = append([]mesh.Route(nil), m.Routes...)
	changed.Routes[0].Targets = []mesh.WeightedTarget{{Node: "svc-0000-v1", Weight: 1}, {Node: "svc-0001-v1", Weight: 1}}
	second := l.plan(changed)
	if second == first {
		t.Error("a change was missed")
	}
	if len(second.edges) <= len(first.edges) {
		t.Errorf("%d edges, then %d", len(first.edges), len(second.edges))
	}
	share := 0.5
	limited := changed
	limited.Health = &mesh.HealthLimits{UnhealthyErrors: &share}
	if third := l.plan(limited); third == second || third.whole.FailingErrors != 0.5 {
		t.Error("a change of the mesh's limits was missed")
	}
}

// TestBurns says that a service's verdict counts how fast it uses up its objective.
func TestBurns(t *testing.T) {
	w := &world{}
	w.set(5, mesh.Mesh{Name: "m", Nodes: []mesh.VirtualNode{{Name: "b"}}, Services: []mesh.VirtualService{{Name: "s", Node: "b"}}})
	w.burns = map[string][]mesh.Burn{"s": {{
		Objective: "availability", Long: time.Hour, Short: 5 * time.Minute, LongRate: 20, ShortRate: 20, Limit: 14.4, Severe: true,
	}}}
	l := New(Options{Meshes: w.Meshes, Observer: w})
	g, ok := l.At("m", 10*time.Second, time.UnixMilli(1_700_000_000_000))
	i := slices.IndexFunc(g.Nodes, func(n Node) bool { return n.ID == "service/s" })
	if !ok || i < 0 || g.Nodes[i].Health != mesh.Unhealthy || g.Nodes[i].Causes[0].Code != health.ErrorBudget {
		t.Errorf("%+v", g.Nodes)
	}
}

// TestWhatChangedLately compares the picture with one of some minutes ago, once there is one.
func TestWhatChangedLately(t *testing.T) {
	m, seen, proxies := large(100, 300)
	live := New(Options{
		Meshes: func() []mesh.Mesh { return []mesh.Mesh{m} }, Proxies: func(string) map[string]int { return proxies },
		Observer: observed(func(now time.Time) mesh.Observation {
			o := seen
			o.At, o.Oldest = now, now
			return o
		}),
	})
	begin := time.UnixMilli(1_800_000_000_000)
	draw := func(after time.Duration) Scene {
		t.Helper()
		if _, ok := live.Rebuild("big", begin.Add(after)); !ok {
			t.Fatal("no picture")
		}
		g, _ := live.Graph("big")
		return Choose(g, Wish{View: ViewProblems}, nil)
	}
	for second := range 90 {
		if s := draw(time.Duration(second) * time.Second); len(s.Shifts) > 0 {
			t.Fatalf("second %d: %+v changed, and nothing did", second, s.Shifts)
		}
	}
	seen.Edges = slices.Clone(seen.Edges)
	e := &seen.Edges[7]
	e.RequestRate, e.Requests = 3*e.RequestRate, 3*e.Requests
	changed := func(s Scene) bool {
		return len(s.Shifts) == 1 && s.Shifts[0].From == e.From && s.Shifts[0].To == e.To && s.Shifts[0].What == "rate" && s.Shifts[0].Before == 20
	}
	if s := draw(91 * time.Second); !changed(s) {
		t.Errorf("%+v, want the rate of %s > %s", s.Shifts, e.From, e.To)
	}
	for minute := 2; minute < 20; minute++ {
		s := draw(time.Duration(minute) * time.Minute)
		if lately := minute <= 4; changed(s) != lately {
			t.Errorf("minute %d: %+v; what changed then is still news: %v", minute, s.Shifts, lately)
		}
	}
	if n := len(live.past["big"]); n != baselineCount {
		t.Errorf("%d pictures are kept to compare with, want %d", n, baselineCount)
	}
}

// observed is an observer that says the same of every mesh and window.
type observed func(now time.Time) mesh.Observation

func (o observed) Observe(_ string, _ time.Duration, now time.Time) mesh.Observation { return o(now) }
