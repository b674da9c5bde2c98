package timeline

import (
	"context"
	"log/slog"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// noon is when mesh shop is first recorded.
var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// recorder is a reader whose numbers follow from the moment: front calls v1 with as many requests a second as minutes
// have passed since noon, and every tenth of them fails from 12:30 on.
type recorder struct {
	asked   atomic.Int32
	partial bool
	refused float64       // of the film's first edge, per second, from which retries recover
	edges   int           // of the film; zero: two, the second of which never carries anything
	least   time.Duration // of windows and of the film's steps
	err     error
}

func rateAt(at time.Time) float64 { return at.Sub(noon).Minutes() }

func ratioAt(at time.Time) float64 {
	if at.Before(noon.Add(30 * time.Minute)) {
		return 0
	}
	return 0.1
}

func (r *recorder) Observe(_ context.Context, _ string, at time.Time, window time.Duration) (mesh.Observation, error) {
	r.asked.Add(1)
	window = max(window, r.least)
	rate := rateAt(at)
	t := mesh.Traffic{Requests: rate * window.Seconds(), RequestRate: rate, ErrorRatio: ratioAt(at), P95: 20 * time.Millisecond, PoolUse: mesh.PoolUse{Instances: 1}}
	seen := mesh.Observation{
		At: at, Window: window, Fresh: true, Partial: r.partial,
		Edges:     []mesh.Edge{{From: "front", To: "v1", Protocol: mesh.HTTP, Traffic: t, At: at}},
		Proxies:   map[string]int{"front": 1, "v1": 1},
		Reporting: 2, Oldest: at,
	}
	if r.partial {
		seen.Notes = []string{"one store did not answer"}
	}
	return seen, r.err
}

func moments(over mesh.Span) []time.Time {
	var all []time.Time
	for at := over.Start; !at.After(over.End); at = at.Add(over.Step) {
		all = append(all, at)
	}
	return all
}

func (r *recorder) Plot(_ context.Context, _ string, _ mesh.Subject, over mesh.Span) (mesh.Plot, error) {
	r.asked.Add(1)
	p := mesh.Plot{At: moments(over), Notes: nil}
	for _, at := range p.At {
		p.RequestRate = append(p.RequestRate, rateAt(at))
		p.ErrorRatio = append(p.ErrorRatio, ratioAt(at))
		p.P50, p.P95, p.P99 = append(p.P50, 0.01), append(p.P95, 0.02), append(p.P99, math.Inf(1))
		p.BytesRate, p.Connections = append(p.BytesRate, math.NaN()), append(p.Connections, 1)
		p.Pending, p.Overflow = append(p.Pending, 0), append(p.Overflow, 0)
	}
	return p, r.err
}

func (r *recorder) Film(_ context.Context, _ string, over mesh.Span) (mesh.Film, error) {
	r.asked.Add(1)
	over.Step, over.Window = max(over.Step, r.least), max(over.Window, r.least)
	f := mesh.Film{At: moments(over), Window: over.Window, Edges: []mesh.FilmEdge{{From: "front", To: "v1", Protocol: mesh.HTTP}, {From: "front", To: "v2", Protocol: mesh.HTTP}}}
	for len(f.Edges) < r.edges {
		f.Edges = append(f.Edges, mesh.FilmEdge{From: "front", To: "w", Protocol: mesh.HTTP})
	}
	for _, at := range f.At {
		rates, ratios, p95s := make([]float64, len(f.Edges)), make([]float64, len(f.Edges)), make([]float64, len(f.Edges))
		for i := range f.Edges {
			rates[i], ratios[i], p95s[i] = math.NaN(), math.NaN(), math.NaN()
		}
		rates[0], ratios[0], p95s[0] = rateAt(at), ratioAt(at), 0.0123456
		f.RequestRate, f.ErrorRatio, f.P95 = append(f.RequestRate, rates), append(f.ErrorRatio, ratios), append(f.P95, p95s)
		refused := make([]float64, len(f.Edges))
		refused[0] = r.refused
		f.Refused = append(f.Refused, refused)
	}
	return f, r.err
}

// rig is a timeline over a real ledger whose clock the test turns.
type rig struct {
	*Timeline
	door   *change.Door
	reader *recorder
	now    time.Time
}

// idle is a provider without proxies.
type idle struct{}

func (idle) Name() string                                     { return "idle" }
func (idle) Apply(context.Context, provider.Desired) error    { return nil }
func (idle) Delivery(string, int64) (provider.Delivery, bool) { return provider.Delivery{}, false }
func (idle) Proxies(string) []provider.Proxy                  { return nil }
func (idle) Watch() (changed <-chan struct{}, release func()) { return nil, func() {} }

func route(v1, v2 int) mesh.Route {
	return mesh.Route{
		Router: "reviews", Name: "primary", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"},
		Targets: []mesh.WeightedTarget{{Node: "v1", Weight: v1}, {Node: "v2", Weight: v2}},
	}
}

// newRig records mesh shop at noon, another node that has nothing to do with the rest at 12:10, and a split at 12:20; then it is 13:00.
func newRig(t *testing.T) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{now: noon, reader: &recorder{}}
	if r.door, err = change.New(change.Options{Store: s, Provider: idle{}, Now: func() time.Time { return r.now }}); err != nil {
		t.Fatal(err)
	}
	listeners := []mesh.Listener{{Port: 8080, Protocol: mesh.HTTP}}
	at := &mesh.ServiceDiscovery{Endpoints: []mesh.Endpoint{{Address: "127.0.0.1"}}}
	r.propose(t, mesh.Settings{Name: "shop"},
		mesh.VirtualNode{Name: "front", Backends: []mesh.Backend{{Service: "reviews"}}},
		mesh.VirtualNode{Name: "v1", Listeners: listeners, ServiceDiscovery: at}, mesh.VirtualNode{Name: "v2", Listeners: listeners, ServiceDiscovery: at},
		mesh.VirtualRouter{Name: "reviews", Listeners: []mesh.RouterListener{{Port: 8080, Protocol: mesh.HTTP}}},
		route(100, 0), mesh.VirtualService{Name: "reviews", Router: "reviews"})
	r.now = noon.Add(10 * time.Minute)
	r.propose(t, mesh.VirtualNode{Name: "aside"})
	r.now = noon.Add(20 * time.Minute)
	r.propose(t, route(50, 50))
	r.now = noon.Add(time.Hour)
	r.Timeline = New(Options{
		Ledger: r.door, Readers: func(string) (Reader, error) { return r.reader, nil }, Now: func() time.Time { return r.now },
		Oldest: func(string) time.Time { return noon.Add(-time.Hour) },
	})
	return r
}

func (r *rig) propose(t *testing.T, objects ...mesh.Object) {
	t.Helper()
	if _, err := r.door.Propose(t.Context(), change.Proposal{Mesh: "shop", Author: "ann", Patch: mesh.Patch{Put: objects}}); err != nil {
		t.Fatal(err)
	}
}
