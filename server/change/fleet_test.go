package change_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/lease"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/store"
	"github.com/weirmesh/weir/server/store/postgrestest"
)

// patience is how long a busy machine may take for what is awaited.
const patience = 40 * time.Second

// replica is a door on a store of its own, which hears what others write.
type replica struct {
	*change.Door
	name     string
	store    *store.Store
	gate     *gated
	provider *fakeProvider
	skew     time.Duration // its clock is off by that
	elapsed  atomic.Int64  // that its other clock is ahead by
	stop     func()        // it does not follow changes any more; nil: it does not
	deaf     func()        // it hears nothing any more
}

// fleet is a few replicas on one database.
type fleet struct {
	t   *testing.T
	all []*replica
}

// gated is a store whose writes can be held up, as if the process was frozen.
type gated struct {
	change.Store
	mu     sync.Mutex
	closed chan struct{} // nil: open
	held   int           // how many writes wait
	errs   []error       // of writes that had been held up
}

func (g *gated) freeze() (thaw func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	c := make(chan struct{})
	g.closed = c
	return sync.OnceFunc(func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		close(c)
		g.closed = nil
	})
}

func (g *gated) through(do func() error) error {
	g.mu.Lock()
	wait := g.closed
	if wait != nil {
		g.held++
	}
	g.mu.Unlock()
	if wait == nil {
		return do()
	}
	<-wait
	err := do()
	g.mu.Lock()
	defer g.mu.Unlock()
	g.held--
	g.errs = append(g.errs, err)
	return err
}

func (g *gated) waiting() int { g.mu.Lock(); defer g.mu.Unlock(); return g.held }
func (g *gated) late() []error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]error(nil), g.errs...)
}

func (g *gated) Append(ctx context.Context, base int64, r change.Record) (moved []change.Change, err error) {
	err = g.through(func() error { moved, err = g.Store.Append(ctx, base, r); return err })
	return moved, err
}

func (g *gated) Update(ctx context.Context, list ...change.Change) error {
	return g.through(func() error { return g.Store.Update(ctx, list...) })
}

// summed is a replica's provider, which knows how far the others are.
type summed struct {
	*fakeProvider
	fleet *fleet
}

func (s summed) Delivery(name string, revision int64) (sum provider.Delivery, ok bool) {
	sum.Revision = revision
	done := true
	for _, r := range s.fleet.all {
		got, known := r.provider.Delivery(name, revision)
		if !known {
			if newer := r.provider.newest(name); newer.Revision < revision {
				return sum, false // it has yet to hear of it
			}
			continue
		}
		sum.Acked, sum.Total = sum.Acked+got.Acked, sum.Total+got.Total
		sum.Rejected = append(sum.Rejected, got.Rejected...)
		done = done && got.Done()
		if got.At.After(sum.At) {
			sum.At = got.At
		}
	}
	if !done {
		sum.At = time.Time{}
	}
	return sum, true
}

// newFleet opens replicas whose clocks are off by as much. Nobody follows changes until somebody is told to act.
func newFleet(t *testing.T, server *postgrestest.Server, skews ...time.Duration) *fleet {
	t.Helper()
	f := &fleet{t: t}
	url := server.Database(t, "")
	for i, skew := range skews {
		s, err := store.Open(t.Context(), store.Options{DatabaseURL: url, Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		name := fmt.Sprintf("replica %d", i)
		r := &replica{name: name, store: s, gate: &gated{Store: s}, provider: newProvider("proxy of " + name), skew: skew}
		f.all = append(f.all, r)
	}
	for _, r := range f.all {
		f.open(r)
	}
	return f
}

func (f *fleet) open(r *replica) {
	f.t.Helper()
	begin := time.Now()
	since, err := r.store.Newest(f.t.Context())
	if err != nil {
		f.t.Fatal(err)
	}
	r.Door, err = change.New(change.Options{
		Store: r.gate, Provider: summed{r.provider, f}, Traffic: &fakeTraffic{}, Logger: slog.New(slog.DiscardHandler),
		Now:     func() time.Time { return time.Now().Add(r.skew) },
		Elapsed: func() time.Duration { return time.Since(begin) + time.Duration(r.elapsed.Load()) },
	})
	if err != nil {
		f.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	hearing, deaf := context.WithCancel(ctx)
	r.deaf = deaf
	var running sync.WaitGroup
	running.Go(func() { _ = r.Serve(ctx) })
	running.Go(func() {
		_ = r.store.Follow(hearing, since, func(n store.Notice) {
			if err := f.tell(hearing, r, n); err != nil && hearing.Err() == nil {
				f.t.Errorf("%s cannot hear %s: %v", r.name, n.Subject, err)
			}
		})
	})
	f.t.Cleanup(func() {
		if r.stop != nil {
			r.stop()
		}
		cancel()
		running.Wait()
		_ = r.store.Close()
	})
}

func (f *fleet) tell(ctx context.Context, r *replica, n store.Notice) error {
	switch n.Kind {
	case store.NoticeChange:
		return r.Hear(ctx, n.Subject)
	case store.NoticeMissed:
		return r.Hear(ctx, "")
	}
	return nil
}

// act has a replica take the lease, which the next one to act takes from it, and follow the changes.
func (f *fleet) act(r *replica) {
	f.t.Helper()
	var epoch int64
	f.until(r.name+" has the lease", func() bool {
		var err error
		if epoch, err = r.store.TakeLease(f.t.Context(), "steward", r.name, time.Millisecond); err != nil {
			f.t.Fatal(err)
		}
		return epoch > 0
	})
	ctx, cancel := context.WithCancel(lease.With(context.Background(), lease.Token{Name: "steward", Epoch: epoch}))
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := r.Run(ctx); err != nil {
			f.t.Error(err)
		}
	}()
	r.stop = sync.OnceFunc(func() { cancel(); <-done })
}

func (f *fleet) until(what string, ok func() bool) {
	f.t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if ok() {
			return
		}
	}
	f.t.Fatalf("never: %s", what)
}

// agreed waits until every replica has the same, and checks that the ledger is one line that leads there.
func (f *fleet) agreed(revision int64) {
	f.t.Helper()
	for _, r := range f.all {
		f.until(fmt.Sprintf("%s is at revision %d", r.name, revision), func() bool {
			m, err := r.Mesh("m")
			return err == nil && m.Revision == revision && r.provider.newest("m").Revision == revision
		})
	}
	want, err := f.all[0].Mesh("m")
	if err != nil {
		f.t.Fatal(err)
	}
	for _, r := range f.all {
		got, err := r.Mesh("m")
		if err != nil {
			f.t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			f.t.Errorf("%s has something else (-first +it):\n%s", r.name, diff)
		}
		if diff := cmp.Diff(want.Mesh, r.provider.newest("m").Mesh); diff != "" {
			f.t.Errorf("the proxies of %s have something else (-first +it):\n%s", r.name, diff)
		}
		v, err := r.Verify(f.t.Context(), "m")
		if err != nil || !v.OK || int64(v.Entries) != revision {
			f.t.Errorf("%s verifies %+v, %v", r.name, v, err)
		}
	}
	records, err := f.all[0].store.Records(f.t.Context(), change.Query{Mesh: "m", Oldest: true, Limit: 10_000})
	if err != nil {
		f.t.Fatal(err)
	}
	for i, r := range records {
		if r.Change.Accepted.Revision != int64(i+1) {
			f.t.Errorf("entry %d by ID is revision %d", i+1, r.Change.Accepted.Revision)
		}
	}
}

// recorded reads an entry past every door.
func (f *fleet) recorded(id string) change.Change {
	f.t.Helper()
	found, err := f.all[0].store.Records(f.t.Context(), change.Query{ID: id})
	if err != nil || len(found) != 1 {
		f.t.Fatalf("%d entries %s, %v", len(found), id, err)
	}
	return found[0].Change
}

func (f *fleet) create() {
	f.t.Helper()
	if _, err := f.all[0].Propose(f.t.Context(), change.Proposal{Mesh: "m", Author: "ann", Patch: sample()}); err != nil {
		f.t.Fatal(err)
	}
	for _, r := range f.all {
		f.until(r.name+" heard of the mesh", func() bool { _, err := r.Mesh("m"); return err == nil })
	}
}
