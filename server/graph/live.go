package graph

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// Tick is how often the pictures are drawn anew without anything else happening.
const Tick = time.Second

// settle is the shortest time between two rounds: what changes several times within it is drawn once.
const settle = 100 * time.Millisecond

// Observer says what was seen of a mesh; the live aggregator is one.
type Observer interface {
	// Observe gives what was seen in the window that ends now.
	Observe(mesh string, window time.Duration, now time.Time) mesh.Observation
}

// Options says where pictures come from. Meshes and Observer are required.
type Options struct {
	// Meshes gives the meshes as configured now. A mesh that did not change shares its slices with the one before.
	Meshes   func() []mesh.Mesh
	Observer Observer
	// Proxies counts a mesh's connected proxies by graph id of their node or gateway. Nil: none are known.
	Proxies func(mesh string) map[string]int
	Limits  health.Thresholds // where the mesh does not say; zero: health.Default
	Window  time.Duration     // of the live picture: 10 s
}

// Live keeps the newest picture of every mesh. It is safe for concurrent use; a picture is never changed once it is out.
type Live struct {
	opts  Options
	wake  chan struct{}
	bus   event.Bus[Graph]
	mu    sync.Mutex
	plans map[string]planned
	last  map[string]Graph
	past  map[string][]*Baseline // of every mesh, the oldest first
}

// The rhythm of the baselines, which pictures are compared with to say what changed lately: kept is one every
// baselineEvery, and the oldest of baselineCount is what the present is compared with.
const (
	baselineEvery = time.Minute
	baselineCount = 4
)

// planned is a plan with the mesh it was made from.
type planned struct {
	mesh mesh.Mesh
	plan *plan
}

// New makes a holder without pictures; Run or Rebuild draws them.
func New(opts Options) *Live {
	if opts.Window <= 0 {
		opts.Window = 10 * time.Second
	}
	if opts.Limits == (health.Thresholds{}) {
		opts.Limits = health.Default()
	}
	if opts.Proxies == nil {
		opts.Proxies = func(string) map[string]int { return nil }
	}
	return &Live{
		opts: opts, wake: make(chan struct{}, 1),
		plans: make(map[string]planned), last: make(map[string]Graph), past: make(map[string][]*Baseline),
	}
}

// Run draws every mesh each second, and sooner after Wake, until the context ends. It returns nil then.
func (l *Live) Run(ctx context.Context) error {
	tick := time.NewTicker(Tick)
	defer tick.Stop()
	l.round(time.Now())
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-l.wake:
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(settle):
			}
		}
		l.round(time.Now())
	}
}

// Wake asks for new pictures soon, since something changed. It never blocks.
func (l *Live) Wake() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// Updates carries every picture that Run and Rebuild draw.
func (l *Live) Updates() *event.Bus[Graph] { return &l.bus }

// Graph gives the newest picture of a mesh; ok is false when there is no such mesh, or no picture of it yet. Its At says
// when it was drawn.
func (l *Live) Graph(name string) (g Graph, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g, ok = l.last[name]
	return g, ok
}

// At draws a mesh with another window and does not keep the picture; ok is false when there is no such mesh.
func (l *Live) At(name string, window time.Duration, now time.Time) (g Graph, ok bool) {
	for _, m := range l.opts.Meshes() {
		if m.Name == name {
			return l.draw(m, window, now), true
		}
	}
	return Graph{}, false
}

// Rebuild draws a mesh now, keeps the picture and publishes it; ok is false when there is no such mesh.
func (l *Live) Rebuild(name string, now time.Time) (g Graph, ok bool) {
	if g, ok = l.At(name, l.opts.Window, now); ok {
		l.keep(g)
	}
	return g, ok
}

// round draws every mesh and forgets those that are gone.
func (l *Live) round(now time.Time) {
	meshes := l.opts.Meshes()
	for _, m := range meshes {
		l.keep(l.draw(m, l.opts.Window, now))
	}
	known := func(name string) bool {
		return slices.ContainsFunc(meshes, func(m mesh.Mesh) bool { return m.Name == name })
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	maps.DeleteFunc(l.last, func(name string, _ Graph) bool { return !known(name) })
	maps.DeleteFunc(l.past, func(name string, _ []*Baseline) bool { return !known(name) })
	maps.DeleteFunc(l.plans, func(name string, _ planned) bool { return !known(name) })
}

// keep keeps a picture unless there is a newer one, and publishes it.
func (l *Live) keep(g Graph) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if last, ok := l.last[g.Mesh]; ok && last.At.After(g.At) {
		return
	}
	g.before = l.baseline(g)
	l.last[g.Mesh] = g
	l.bus.Publish(g)
}

// baseline gives what a picture is to be compared with, and keeps the picture for later when it is time. The caller holds
// l.mu.
func (l *Live) baseline(g Graph) *Baseline {
	list := l.past[g.Mesh]
	if n := len(list); g.Fresh && (n == 0 || g.At.Sub(list[n-1].At) >= baselineEvery) {
		if n == baselineCount {
			list = slices.Delete(list, 0, 1)
		}
		list = append(list, newBaseline(g))
		l.past[g.Mesh] = list
	}
	if len(list) == 0 || g.At.Sub(list[0].At) < baselineEvery {
		return nil
	}
	return list[0]
}

func (l *Live) draw(m mesh.Mesh, window time.Duration, now time.Time) Graph {
	proxies := l.opts.Proxies(m.Name)
	seen := l.opts.Observer.Observe(m.Name, window, now)
	if seen.Release != nil {
		defer seen.Release() // a picture keeps nothing of it but names
	}
	return l.plan(m).draw(&seen, proxies)
}

// plan gives the plan of a mesh, the one from before if the mesh is the same.
func (l *Live) plan(m mesh.Mesh) *plan {
	l.mu.Lock()
	p, ok := l.plans[m.Name]
	l.mu.Unlock()
	if ok && same(p.mesh, m) {
		return p.plan
	}
	p = planned{m, newPlan(m, l.opts.Limits)}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.plans[m.Name] = p
	return p.plan
}

// same says whether two meshes share all that they are made of. Nobody changes a mesh that somebody else holds, so
// sharing is being equal; meshes that are equal and share nothing are only planned once more.
func same(a, b mesh.Mesh) bool {
	return a.Name == b.Name && a.EgressFilter == b.EgressFilter && a.Health == b.Health &&
		shared(a.Nodes, b.Nodes) && shared(a.Services, b.Services) && shared(a.Routers, b.Routers) && shared(a.Splits, b.Splits) && shared(a.Routes, b.Routes) &&
		shared(a.Gateways, b.Gateways) && shared(a.GatewayRoutes, b.GatewayRoutes)
}

func shared[T any](a, b []T) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}
