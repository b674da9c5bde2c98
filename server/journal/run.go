package journal

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// Ledger is where changes are told from; the change door is one.
type Ledger interface {
	Changes(ctx context.Context, q change.Query) ([]change.Change, error)
	Events() *event.Bus[change.Change]
}

// Proxies is where proxies are told from; a provider is one.
type Proxies interface {
	Proxies(mesh string) []provider.Proxy
	Watch() (changed <-chan struct{}, stop func())
}

// Options are what a Journal needs. Store and Changes are required.
type Options struct {
	Store    Store
	Changes  Ledger
	Rollouts *event.Bus[canary.Rollout] // nil: there are none
	Proxies  Proxies                    // nil: proxies are not told
	Health   *event.Bus[graph.Graph]    // nil: health is not told
	Meshes   func() []string            // whose proxies are told
	Logger   *slog.Logger               // nil: silent
	Now      func() time.Time           // nil: time.Now
}

// How the loop works: events are recorded every so often; proxies are looked at when nothing has changed about them for
// a while, or when changes have gone on for long; so many events wait at most for a store that does not answer.
const (
	recordEach  = 250 * time.Millisecond
	quietFor    = time.Second
	busyFor     = 10 * time.Second
	maxWaiting  = 5000
	maxBatch    = 500
	storeFor    = 10 * time.Second
	restored    = 4000 // events of earlier processes that are read to tell nothing twice
	roomFor     = 2048
	catchUpPage = 500
)

// Journal records what happens. Its methods may be called by many goroutines.
type Journal struct {
	o      Options
	bus    event.Bus[Event]
	reads  chan Event // events that other parts hand in
	done   chan struct{}
	ends   []func() // of the subscriptions
	moved  *event.Subscription[change.Change]
	turned <-chan canary.Rollout
	drawn  <-chan graph.Graph
	last   atomic.Int64
	begun  time.Time
	failed bool // the store refused the last batch

	// The rest is Run's alone.
	changes   *changes
	rollouts  rollouts
	proxies   map[string]map[string]presence
	health    map[string]conditions
	waiting   []Event
	stirred   time.Time // proxies changed first, and
	stirredAt time.Time // last; zero: looked at
}

// New makes a journal that goes on where the store's ends. Error: mesh.Unavailable when the store cannot be read.
func New(ctx context.Context, o Options) (*Journal, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	j := &Journal{
		o: o, reads: make(chan Event, 256), done: make(chan struct{}), begun: o.Now(), changes: newChanges(), rollouts: make(rollouts),
		proxies: make(map[string]map[string]presence), health: make(map[string]conditions),
	}
	newest, err := o.Store.Events(ctx, Query{Limit: restored})
	if err != nil {
		return nil, err
	}
	// What happens before Run begins waits for it.
	j.moved = o.Changes.Events().Subscribe(roomFor)
	turned, stopTurned := subscribe(o.Rollouts)
	drawn, stopDrawn := subscribe(o.Health)
	j.turned, j.drawn, j.ends = turned, drawn, []func(){j.moved.Close, stopTurned, stopDrawn}
	if len(newest) > 0 {
		j.last.Store(newest[0].ID)
	}
	slices.Reverse(newest)
	for _, e := range newest {
		j.recall(e)
	}
	if len(newest) > 0 {
		j.catchUp(ctx, newest[len(newest)-1].At)
	}
	return j, nil
}

// recall takes over what an earlier process told.
func (j *Journal) recall(e Event) {
	if e.Change != "" && e.Kind != KindRollout && e.What != "guard.holds" {
		what := e.What
		if what == "change.pending" || what == "change.rollout" {
			what = "change.made"
		}
		j.changes.know(e.Change, what)
	}
	if e.Kind == KindHealth && e.Subject != "" {
		told := mesh.Health(e.What[len("health."):])
		if rank(told) >= 0 {
			j.conditions(e.Mesh)[e.Subject] = &condition{told: told, is: told, since: e.At}
		}
	}
}

func (j *Journal) conditions(meshName string) conditions {
	if j.health[meshName] == nil {
		j.health[meshName] = make(conditions)
	}
	return j.health[meshName]
}

// Published carries every event when it is recorded.
func (j *Journal) Published() *event.Bus[Event] { return &j.bus }

// Last gives the ID of the newest event that was recorded; zero: there is none.
func (j *Journal) Last() int64 { return j.last.Load() }

// Events finds recorded events.
func (j *Journal) Events(ctx context.Context, q Query) ([]Event, error) {
	return j.o.Store.Events(ctx, q)
}

// Add hands in an event that the journal cannot find out by itself. It never blocks: where too many come in, it is lost.
func (j *Journal) Add(e Event) {
	select {
	case j.reads <- e.said():
	default:
	}
}

// Done is closed when Run has ended.
func (j *Journal) Done() <-chan struct{} { return j.done }

// Run tells what happens until ctx ends, and then records what is known.
func (j *Journal) Run(ctx context.Context) error {
	defer close(j.done)
	defer func() {
		for _, end := range j.ends {
			end()
		}
	}()
	var stirred <-chan struct{}
	if j.o.Proxies != nil {
		watch, stop := j.o.Proxies.Watch()
		defer stop()
		stirred = watch
		j.stirred, j.stirredAt = j.o.Now(), j.o.Now()
	}
	tick := time.NewTicker(recordEach)
	defer tick.Stop()
	for {
		now := j.o.Now()
		select {
		case <-ctx.Done():
			j.record(context.WithoutCancel(ctx))
			return nil
		case c := <-j.moved.C:
			j.wait(j.changes.take(c, now)...)
		case r := <-j.turned:
			j.wait(j.rollouts.take(r, j.begun, now)...)
		case g := <-j.drawn:
			j.wait(j.conditions(g.Mesh).take(g, now)...)
		case e := <-j.reads:
			j.wait(e)
		case <-stirred:
			if j.stirredAt.IsZero() {
				j.stirred = now
			}
			j.stirredAt = now
		case <-tick.C:
			if j.moved.Missed() {
				j.catchUp(ctx, j.begun)
			}
			j.look(now)
			j.record(ctx)
		}
	}
}

// subscribe listens to a bus that there may be; nil channels never give anything.
func subscribe[T any](bus *event.Bus[T]) (<-chan T, func()) {
	if bus == nil {
		return nil, func() {}
	}
	s := bus.Subscribe(roomFor)
	return s.C, s.Close
}

// catchUp tells of the changes since a moment that nobody told of: they were missed, or made just before the process
// before this one ended.
func (j *Journal) catchUp(ctx context.Context, since time.Time) {
	var all []change.Change
	for q := (change.Query{After: since.Add(-time.Minute), Limit: catchUpPage}); len(all) < maxWaiting; q.Before = all[len(all)-1].ID {
		list, err := j.o.Changes.Changes(ctx, q)
		if err != nil {
			j.o.Logger.Warn("the ledger cannot be read for its events", "error", err)
			return
		}
		all = append(all, list...)
		if len(list) < catchUpPage {
			break
		}
	}
	for i := len(all) - 1; i >= 0; i-- {
		j.wait(j.changes.take(all[i], j.o.Now())...)
	}
}

// look compares the proxies with those of the last look, when nothing has changed about them for a while.
func (j *Journal) look(now time.Time) {
	if j.stirredAt.IsZero() || now.Sub(j.stirredAt) < quietFor && now.Sub(j.stirred) < busyFor {
		return
	}
	j.stirredAt = time.Time{}
	for _, name := range j.o.Meshes() {
		is, events := compareProxies(name, j.proxies[name], j.o.Proxies.Proxies(name), now)
		j.proxies[name] = is
		j.wait(events...)
	}
}

// wait keeps events until they are recorded. When a store does not answer for long, the oldest are lost.
func (j *Journal) wait(list ...Event) {
	j.waiting = append(j.waiting, list...)
	if over := len(j.waiting) - maxWaiting; over > 0 {
		j.o.Logger.Warn("events were lost, since they cannot be recorded", "count", over)
		j.waiting = slices.Delete(j.waiting, 0, over)
	}
}

// record writes what waits and publishes it after that, so that whoever reads the store after the bus misses nothing.
func (j *Journal) record(ctx context.Context) {
	if j.failed && !j.settle(ctx) {
		return
	}
	for len(j.waiting) > 0 {
		batch := slices.Clone(j.waiting[:min(len(j.waiting), maxBatch)])
		next := j.last.Load()
		for i := range batch {
			next++
			batch[i].ID = next
		}
		within, cancel := context.WithTimeout(ctx, storeFor)
		err := j.o.Store.RecordEvents(within, batch)
		cancel()
		if err != nil {
			if !j.failed {
				j.o.Logger.Warn("events cannot be recorded, trying again", "error", err)
			}
			j.failed = true
			return
		}
		j.recorded(batch)
	}
}

// recorded publishes what is in the store now.
func (j *Journal) recorded(batch []Event) {
	j.failed = false
	j.waiting = slices.Delete(j.waiting, 0, len(batch))
	j.last.Store(batch[len(batch)-1].ID)
	for _, e := range batch {
		j.bus.Publish(e)
	}
}

// settle finds out whether a batch was recorded although the store gave an error, as when its answer took too long.
func (j *Journal) settle(ctx context.Context) bool {
	within, cancel := context.WithTimeout(ctx, storeFor)
	defer cancel()
	list, err := j.o.Store.Events(within, Query{After: j.last.Load(), Forward: true, Limit: maxBatch})
	if err != nil {
		return false
	}
	if n := len(list); n > 0 && n <= len(j.waiting) {
		j.recorded(list)
	}
	return true
}
