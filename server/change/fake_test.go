package change_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/store"
)

// fakeProvider is a provider whose proxies answer when the test says so.
type fakeProvider struct {
	mu       sync.Mutex
	proxies  []string
	auto     bool // proxies answer at once
	refuse   error
	desired  map[string]provider.Desired
	applied  []int64
	progress map[string]map[int64]provider.Delivery
	watchers []chan struct{}
}

func newProvider(proxies ...string) *fakeProvider {
	return &fakeProvider{
		proxies: proxies, auto: true,
		desired: make(map[string]provider.Desired), progress: make(map[string]map[int64]provider.Delivery),
	}
}

func (p *fakeProvider) Name() string                    { return "fake" }
func (p *fakeProvider) Proxies(string) []provider.Proxy { return nil }

func (p *fakeProvider) Apply(_ context.Context, d provider.Desired) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.refuse != nil {
		return p.refuse
	}
	if d.Revision <= p.desired[d.Mesh.Name].Revision {
		return nil
	}
	p.desired[d.Mesh.Name] = d
	p.applied = append(p.applied, d.Revision)
	if p.progress[d.Mesh.Name] == nil {
		p.progress[d.Mesh.Name] = make(map[int64]provider.Delivery)
	}
	got := provider.Delivery{Revision: d.Revision, Total: len(p.proxies), Proxies: p.proxies}
	if p.auto || got.Total == 0 {
		got.Acked, got.At = got.Total, time.Now()
	}
	p.progress[d.Mesh.Name][d.Revision] = got
	p.tell()
	return nil
}

// join lets proxies connect that have a revision of mesh m still to acknowledge.
func (p *fakeProvider) join(revision int64, total int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.progress["m"][revision] = provider.Delivery{Revision: revision, Total: total}
	p.tell()
}

// answer lets that many proxies acknowledge a revision of mesh m; refusals come on top.
func (p *fakeProvider) answer(revision int64, acked int, refusals ...provider.Rejection) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d := p.progress["m"][revision]
	d.Acked, d.Rejected = acked, refusals
	if d.Done() {
		d.At = time.Now()
	}
	p.progress["m"][revision] = d
	p.tell()
}

func (p *fakeProvider) tell() {
	for _, w := range p.watchers {
		select {
		case w <- struct{}{}:
		default:
		}
	}
}

func (p *fakeProvider) Delivery(name string, revision int64) (provider.Delivery, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	d, ok := p.progress[name][revision]
	return d, ok
}

func (p *fakeProvider) Watch() (<-chan struct{}, func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := make(chan struct{}, 1)
	p.watchers = append(p.watchers, w)
	return w, func() {}
}

func (p *fakeProvider) setRefuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refuse = err
}

func (p *fakeProvider) newest(name string) provider.Desired {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.desired[name]
}

// fakeTraffic counts requests as the test sends them.
type fakeTraffic struct {
	mu     sync.Mutex
	counts map[[2]string]mesh.EdgeCount
}

func (f *fakeTraffic) send(at time.Time, from, to string, requests, errors float64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.counts == nil {
		f.counts = make(map[[2]string]mesh.EdgeCount)
	}
	c := f.counts[[2]string{from, to}]
	f.counts[[2]string{from, to}] = mesh.EdgeCount{From: from, To: to, Requests: c.Requests + requests, Errors: c.Errors + errors, At: at}
}

func (f *fakeTraffic) Counts(string) []mesh.EdgeCount {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]mesh.EdgeCount, 0, len(f.counts))
	for _, c := range f.counts {
		out = append(out, c)
	}
	return out
}

// rig is a door on a real store, with everything around it.
type rig struct {
	*change.Door
	store    *store.Store
	provider *fakeProvider
	traffic  *fakeTraffic
	dir      string
	stop     func()
}

// newRig opens a door on a directory and runs it until the test is over.
func newRig(t *testing.T, dir string, p *fakeProvider) *rig {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{store: s, provider: p, traffic: &fakeTraffic{}, dir: dir}
	if r.Door, err = change.New(change.Options{Store: s, Provider: p, Traffic: r.traffic, Logger: slog.New(slog.DiscardHandler)}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	for _, run := range []func(context.Context) error{r.Serve, r.Run} {
		running.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			running.Wait()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

// sample is mesh m: web calls reviews, whose route primary sends 75 % to reviews-v1 and 25 % to reviews-v2.
func sample() mesh.Patch {
	listener := func(port int) []mesh.Listener { return []mesh.Listener{{Port: port, Protocol: mesh.HTTP}} }
	fixed := func(address string) *mesh.ServiceDiscovery {
		return &mesh.ServiceDiscovery{Endpoints: []mesh.Endpoint{{Address: address}}}
	}
	return mesh.Patch{Put: []mesh.Object{
		mesh.Settings{Name: "m"},
		mesh.VirtualNode{Name: "web", Backends: []mesh.Backend{{Service: "reviews"}}},
		mesh.VirtualNode{Name: "reviews-v1", Listeners: listener(8080), ServiceDiscovery: fixed("127.0.0.2")},
		mesh.VirtualNode{Name: "reviews-v2", Listeners: listener(8080), ServiceDiscovery: fixed("127.0.0.3")},
		mesh.VirtualRouter{Name: "reviews", Listeners: []mesh.RouterListener{{Port: 8080, Protocol: mesh.HTTP}}},
		weights(75, 25),
		mesh.VirtualService{Name: "reviews", Router: "reviews"},
	}}
}

func weights(v1, v2 int) mesh.Route {
	return mesh.Route{
		Router: "reviews", Name: "primary", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"},
		Targets: []mesh.WeightedTarget{{Node: "reviews-v1", Weight: v1}, {Node: "reviews-v2", Weight: v2}},
	}
}

var primary = mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}

// put is a proposal to set objects of mesh m.
func put(objects ...mesh.Object) change.Proposal {
	return change.Proposal{Mesh: "m", Author: "ann", Reason: "because", Patch: mesh.Patch{Put: objects}}
}

func (r *rig) must(t *testing.T, p change.Proposal) change.Change {
	t.Helper()
	c, err := r.Propose(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// create proposes the sample mesh.
func (r *rig) create(t *testing.T) change.Change {
	t.Helper()
	return r.must(t, change.Proposal{Mesh: "m", Author: "ann", Patch: sample()})
}

func (r *rig) get(t *testing.T, id string) change.Change {
	t.Helper()
	c, err := r.Change(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// until waits for a change to satisfy a condition.
func (r *rig) until(t *testing.T, id string, what string, ok func(change.Change) bool) change.Change {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if c := r.get(t, id); ok(c) {
			return c
		}
	}
	t.Fatalf("change %s never was %s: %+v", id, what, r.get(t, id))
	return change.Change{}
}
