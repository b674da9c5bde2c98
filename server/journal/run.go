package journal

import (
	"context"
	"log/slog"
	"slices"
	"sync"
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
	overlap     = time.Minute // changes so much older than the newest event may not have been told
)

// Journal records what happens. Its methods may be called by many goroutines. Of several replicas, one finds out what
// happens and records it (Run); every one tells what was recorded (Follow).
type Journal struct {
	o     Options
	bus   event.Bus[Event]
	reads chan Event    // events that other parts hand in
	heard chan struct{} // capacity one: something was recorded elsewhere
	done  chan struct{}
	last  atomic.Int64 // the newest that was published
	moved *event.Subscription[change.Change]
	tell  sync.Mutex // held while events are published, so that each is once

	// The rest is Run's alone.
	begun     time.Time
	tried     int64 // after which event the batch was to come that the store refused; -1: it refused none
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
	j := &Journal{o: o, reads: make(chan Event, 256), heard: make(chan struct{}, 1), done: make(chan struct{}), begun: o.Now()}
	newest, err := o.Store.Events(ctx, Query{Limit: 1})
	if err != nil {
		return nil, err
	}
	if len(newest) > 0 {
		j.last.Store(newest[0].ID)
	}
	j.moved = o.Changes.Events().Subscribe(roomFor) // what happens before Run begins waits for it
	return j, nil
}

// begin forgets what an earlier Run knew, and takes over what was told so far. Error: mesh.Unavailable.
func (j *Journal) begin(ctx context.Context) error {
	newest, err := j.o.Store.Events(ctx, Query{Limit: restored})
	if err != nil {
		return err
	}
	j.begun, j.tried, j.waiting = j.o.Now(), -1, nil
	j.changes, j.rollouts = newChanges(), make(rollouts)
	j.proxies, j.health = make(map[string]map[string]presence), make(map[string]conditions)
	slices.Reverse(newest)
	j.publish(newest)
	for _, e := range newest {
		j.recall(e)
	}
	if len(newest) == 0 {
		return nil
	}
	since := newest[len(newest)-1].At
	j.catchUp(ctx, since)
	for range len(j.moved.C) { // others told of what is older
		if c := <-j.moved.C; c.At.After(since.Add(-overlap)) {
			j.wait(j.changes.take(c, j.begun)...)
		}
	}
	return nil
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

// Done is closed when nothing is told any more: when Follow has ended.
func (j *Journal) Done() <-chan struct{} { return j.done }

// Hear says that somebody recorded events.
func (j *Journal) Hear() {
	select {
	case j.heard <- struct{}{}:
	default:
	}
}

// Follow tells what is recorded, here or on another replica, until ctx ends.
func (j *Journal) Follow(ctx context.Context) error {
	defer close(j.done)
	defer j.moved.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-j.heard:
		}
		for {
			list, err := j.o.Store.Events(ctx, Query{After: j.Last(), Forward: true, Limit: maxBatch})
			if err != nil {
				j.o.Logger.Warn("events cannot be read", "error", err)
			}
			if j.publish(list); len(list) < maxBatch {
				break
			}
		}
	}
}

// publish tells events, unless they were told.
func (j *Journal) publish(list []Event) {
	j.tell.Lock()
	defer j.tell.Unlock()
	for _, e := range list {
		if e.ID > j.last.Load() {
			j.last.Store(e.ID)
			j.bus.Publish(e)
		}
	}
}

// Run finds out what happens until ctx ends, and then records what is known. It may run again, after others did.
func (j *Journal) Run(ctx context.Context) error {
	turned, stopTurned := subscribe(j.o.Rollouts)
	defer stopTurned()
	drawn, stopDrawn := subscribe(j.o.Health)
	defer stopDrawn()
	tick := time.NewTicker(recordEach)
	defer tick.Stop()
	for err := j.begin(ctx); err != nil; err = j.begin(ctx) {
		j.o.Logger.Warn("the events cannot be read, trying again", "error", err)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(quietFor):
		}
	}
	var stirred <-chan struct{}
	if j.o.Proxies != nil {
		watch, stop := j.o.Proxies.Watch()
		defer stop()
		stirred = watch
		j.stirred, j.stirredAt = j.o.Now(), j.o.Now()
	}
	for {
		now := j.o.Now()
		select {
		case <-ctx.Done():
			j.record(context.WithoutCancel(ctx))
			return nil
		case c := <-j.moved.C:
			j.wait(j.changes.take(c, now)...)
		case r := <-turned:
			j.wait(j.rollouts.take(r, j.begun, now)...)
		case g := <-drawn:
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
	for q := (change.Query{After: since.Add(-overlap), Limit: catchUpPage}); len(all) < maxWaiting; q.Before = all[len(all)-1].ID {
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

// record writes what waits and publishes it after that, so that whoever reads the store after the bus misses nothing. Only
// who has the lease records, so the next ID is known.
func (j *Journal) record(ctx context.Context) {
	if j.tried >= 0 && !j.settle(ctx) {
		return
	}
	for len(j.waiting) > 0 {
		batch := slices.Clone(j.waiting[:min(len(j.waiting), maxBatch)])
		last := j.Last()
		for i := range batch {
			batch[i].ID = last + int64(i) + 1
		}
		within, cancel := context.WithTimeout(ctx, storeFor)
		err := j.o.Store.RecordEvents(within, batch)
		cancel()
		if err != nil {
			if j.tried < 0 {
				j.o.Logger.Warn("events cannot be recorded, trying again", "error", err)
			}
			j.tried = last
			return
		}
		j.recorded(batch)
	}
}

// recorded publishes what is in the store now.
func (j *Journal) recorded(batch []Event) {
	j.tried = -1
	j.waiting = slices.Delete(j.waiting, 0, len(batch))
	j.publish(batch)
}

// settle finds out whether a batch was recorded although the store gave an error, as when its answer took too long.
func (j *Journal) settle(ctx context.Context) bool {
	within, cancel := context.WithTimeout(ctx, storeFor)
	defer cancel()
	list, err := j.o.Store.Events(within, Query{After: j.tried, Forward: true, Limit: maxBatch})
	if err != nil {
		return false
	}
	if n := len(list); n > 0 && n <= len(j.waiting) {
		j.recorded(list)
	}
	return true
}
