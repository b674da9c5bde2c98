package canary

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// shelf is a store in memory that keeps what a database would: text.
type shelf struct {
	mu   sync.Mutex
	rows map[string]row
	away bool // every use fails
}

type row struct {
	rollout, evidence []byte
	version           int64
	active            string
}

func (s *shelf) put(r Rollout, evidence json.RawMessage) error {
	on := ""
	if r.Active() {
		on = r.Mesh + r.Spec.Target.Path()
	}
	for id, other := range s.rows {
		if on != "" && other.active == on && id != r.ID {
			return mesh.Errorf(mesh.Conflict, "rollout %s is active there", id)
		}
	}
	data, err := json.Marshal(r)
	s.rows[r.ID] = row{data, evidence, r.Version, on}
	return err
}

func (s *shelf) CreateRollout(_ context.Context, r Rollout) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.put(r, nil)
}

func (s *shelf) UpdateRollout(_ context.Context, r Rollout, evidence json.RawMessage) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.away {
		return mesh.Errorf(mesh.Unavailable, "the disk is full")
	}
	if was, ok := s.rows[r.ID]; !ok || was.version != r.Version-1 {
		return mesh.Errorf(mesh.Conflict, "rollout %s is in version %d, not %d", r.ID, was.version, r.Version-1)
	}
	return s.put(r, evidence)
}

func (s *shelf) Rollout(_ context.Context, id string) (Rollout, json.RawMessage, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	found, ok := s.rows[id]
	if !ok {
		return Rollout{}, nil, mesh.Errorf(mesh.NotFound, "there is no rollout %s", id)
	}
	var r Rollout
	err := json.Unmarshal(found.rollout, &r)
	return r, found.evidence, err
}

func (s *shelf) Rollouts(ctx context.Context, q Query) (list []Rollout, err error) {
	for id, row := range s.rows {
		if q.Active && row.active == "" {
			continue
		}
		r, _, err := s.Rollout(ctx, id)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// bench is a controller with a mesh, a door, proxies and traffic that do what the test says.
type bench struct {
	t     *testing.T
	c     *Controller
	store *shelf
	opts  Options

	mu      sync.Mutex
	now     time.Time
	mesh    mesh.Mesh
	version int64
	made    []Order // changes
	denied  bool
	silent  bool // proxies do not answer
	refused []string
	stable  behaviour
	canary  behaviour
	counts  Counts
	random  *rand.Rand
	meshes  bool // the mesh is there
}

// behaviour is what a version does with its requests.
type behaviour struct {
	rate   float64 // of both, divided by the weights, per second
	errors float64 // share
}

func newBench(t *testing.T, o Options) *bench {
	t.Helper()
	b := &bench{
		t: t, store: &shelf{rows: make(map[string]row)}, now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), mesh: shop(100, 0), version: 1,
		random: rand.New(rand.NewPCG(1, 2)), meshes: true, stable: behaviour{200, 0.005}, canary: behaviour{200, 0.005},
		counts: Counts{Instances: []string{"v1-1", "v1-2", "v2-1"}},
	}
	o.Store, o.Hands, o.Evidence, o.Now = b.store, b, b, func() time.Time { b.mu.Lock(); defer b.mu.Unlock(); return b.now }
	b.opts = o
	b.restart()
	return b
}

// restart is a new process with the same store.
func (b *bench) restart() {
	b.t.Helper()
	c, err := New(b.t.Context(), b.opts)
	if err != nil {
		b.t.Fatal(err)
	}
	b.c = c
	b.counts = Counts{Instances: b.counts.Instances} // counters begin anew
}

// pass lets time pass a second at a time, with traffic and a look each.
func (b *bench) pass(seconds int) {
	for range seconds {
		b.second()
		for _, t := range b.c.all() {
			t.mu.Lock()
			b.c.look(b.t.Context(), t)
			t.mu.Unlock()
		}
		b.c.asking.Wait()
	}
}

func (b *bench) second() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.now = b.now.Add(time.Second)
	targets := b.mesh.Routes[0].Targets
	share := exactShare(targets, "v1", "v2") / 100
	b.counts.Stable = b.serve(b.counts.Stable, "v1", b.stable, 1-share)
	b.counts.Canary = b.serve(b.counts.Canary, "v2", b.canary, share)
	b.counts.Parts = slices.Clone(b.counts.Stable)
	b.counts.At = b.now
}

// serve counts a second of two callers.
func (b *bench) serve(counters []Counter, node string, does behaviour, share float64) []Counter {
	next := make([]Counter, 2)
	for i := range next {
		if i < len(counters) {
			next[i] = counters[i]
		}
		next[i].Key = fmt.Sprint(node, " ", i)
		for range int(does.rate / 2) {
			if b.random.Float64() < share {
				next[i].Requests++
				if b.random.Float64() < does.errors {
					next[i].Errors++
				}
			}
		}
	}
	return next
}

func (b *bench) Counts(Arms) (Counts, error) { b.mu.Lock(); defer b.mu.Unlock(); return b.counts, nil }

func (b *bench) Traffic(Arms) (rate, errors float64) { return b.stable.rate, b.stable.errors }

func (b *bench) Mesh(string) (mesh.Mesh, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.meshes {
		return mesh.Mesh{}, mesh.Errorf(mesh.NotFound, "there is no mesh shop")
	}
	return b.mesh, nil
}

func (b *bench) Held(name string, _ mesh.Ref) (Held, error) {
	m, err := b.Mesh(name)
	if err != nil {
		return Held{}, err
	}
	return Held{Targets: m.Routes[0].Targets, Version: b.version, Change: "newest"}, nil
}

func (b *bench) Move(_ context.Context, o Order) (string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if i := slices.IndexFunc(b.made, func(m Order) bool { return m.Key == o.Key }); i >= 0 {
		return fmt.Sprint("change-", i), nil
	}
	if b.denied && !o.Back {
		return "", mesh.Errorf(mesh.Denied, "the freeze lasts until Monday")
	}
	if o.Base != b.version {
		return "", mesh.Errorf(mesh.Conflict, "the route changed")
	}
	b.made = append(b.made, o)
	b.set(o.Targets)
	return fmt.Sprint("change-", len(b.made)-1), nil
}

func (b *bench) set(targets []mesh.WeightedTarget) {
	b.mesh.Routes = slices.Clone(b.mesh.Routes)
	b.mesh.Routes[0].Targets = targets
	b.version++
}

func (b *bench) State(context.Context, string) (Delivery, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case len(b.refused) > 0:
		return Delivery{Acked: 1, Total: 2, Rejected: b.refused}, nil
	case b.silent:
		return Delivery{Acked: 1, Total: 2}, nil
	}
	return Delivery{At: b.now, Acked: 2, Total: 2}, nil
}

func (b *bench) Setter(context.Context, string) string { return "ben, by hand" }

// weights lists the weights that were moved to.
func (b *bench) weights() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := []int{}
	for _, o := range b.made {
		list = append(list, o.Weight)
	}
	return list
}

// start begins a rollout that steps over 10 and 50 percent.
func (b *bench) start(s Spec) Rollout {
	b.t.Helper()
	r, err := b.c.Start(b.t.Context(), "shop", filled(s), By{Author: "ann", Reason: "v2"})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// filled gives a spec its target, and steps over 10 and 50 percent.
func filled(s Spec) Spec {
	s.Target = reviews
	if s.Steps == nil {
		s.Steps = []Step{weight(10), analysed(), weight(50), analysed()}
	}
	s.Analysis.IgnoreLatency = true
	s.Analysis.Judge.Tolerance = 0.02
	return s
}

func (b *bench) get(id string) Rollout {
	b.t.Helper()
	r, err := b.c.Get(b.t.Context(), id)
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

// when lets time pass until something holds of a rollout, for an hour at most.
func (b *bench) when(id, what string, holds func(Rollout) bool) Rollout {
	b.t.Helper()
	for range 3600 {
		if r := b.get(id); holds(r) {
			return r
		}
		b.pass(1)
	}
	r := b.get(id)
	b.t.Fatalf("in an hour it did not come true that %s: it is %s, step %d: %s; notes %q", what, r.Phase, r.Step, r.Why, r.Notes)
	return r
}

// until lets time pass until a rollout is in a phase.
func (b *bench) until(id string, p Phase) Rollout {
	b.t.Helper()
	return b.when(id, "it is "+string(p), func(r Rollout) bool { return r.Phase == p && !r.Restoring })
}
