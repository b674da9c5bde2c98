package change

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// storeWithin is how long one use of the store may take: the first record of a mesh of thousands takes seconds, and more
// where others want the disk and the cores. A caller that goes away does not cut it short: then nobody would know whether
// the change was recorded.
const storeWithin = 30 * time.Second

// Options are what a Door needs.
type Options struct {
	Store    Store
	Provider provider.Provider
	Traffic  Traffic // none: nothing is observed
	Around   Around  // none: nothing is said of the traffic before and after
	Guard    Guard   // none: no guard rails
	Planner  Planner // none: no forecasts
	Allow    Allow   // none: whoever asks may
	// Approvals keeps what waits for a second person. None: a mesh that asks for one is changed by nobody.
	Approvals Approvals
	Who       Who // none: nobody is a person
	Logger    *slog.Logger
	Now       func() time.Time // time.Now when nil
	// Elapsed is the time since some fixed moment by a clock that nobody sets; deadlines go by it while the process
	// lives. Nil: the system's monotonic clock.
	Elapsed func() time.Duration
}

// Door is the one way in which meshes change. Reads answer from memory; writes are recorded one after the other. Its
// methods may be called by many goroutines.
type Door struct {
	store    Store
	provider provider.Provider
	traffic  Traffic
	guard    Guard
	planner  Planner
	allow    Allow
	log      *slog.Logger
	now      func() time.Time
	elapsed  func() time.Duration
	around   Around
	events   event.Bus[Change]

	approvals Approvals
	who       Who
	motions   event.Bus[Approval]
	wake      chan struct{} // capacity one: there is something for Run to look at
	rouse     chan struct{} // capacity one: there is something for Serve to look at

	// write is held while something is recorded; it guards unsure, last, heads and the order of what the provider gets.
	write  sync.Mutex
	unsure bool            // it is not known what the store holds: a write failed, or others were not heard
	asked  time.Time       // when that was last found out, or tried to be
	last   string          // the newest ID
	heads  map[string]head // by mesh: where its chain ends

	// mu guards what readers see and is only ever held for a moment. It may be taken while write is held, not the
	// other way round.
	mu      sync.RWMutex
	meshes  map[string]Current
	active  map[string]*entry // entries that may still move by themselves, by ID
	told    map[string]int64  // the versions of others that events were published of lately
	steward bool              // Run follows what is active; otherwise another replica does
	refused map[string]time.Time

	pastMu sync.Mutex
	past   []Past // revisions that were asked for, the one asked for last at the end
}

// New loads every mesh and hands it to the provider. Error: mesh.Unavailable when the store cannot be read.
func New(o Options) (*Door, error) {
	d := &Door{
		store: o.Store, provider: o.Provider, traffic: o.Traffic, guard: o.Guard, planner: o.Planner, allow: o.Allow, log: o.Logger, now: o.Now,
		wake:    make(chan struct{}, 1),
		rouse:   make(chan struct{}, 1),
		meshes:  make(map[string]Current),
		active:  make(map[string]*entry),
		told:    make(map[string]int64),
		refused: make(map[string]time.Time),
		elapsed: o.Elapsed, around: o.Around, approvals: o.Approvals, who: o.Who,
		heads: make(map[string]head),
	}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if d.allow == nil {
		d.allow = func(context.Context, mesh.Mesh, []Edit) error { return nil }
	}
	if d.who == nil {
		d.who = nobody
	}
	if d.now == nil {
		d.now = time.Now
	}
	if d.elapsed == nil {
		begin := time.Now()
		d.elapsed = func() time.Duration { return time.Since(begin) }
	}
	d.write.Lock()
	defer d.write.Unlock()
	if err := d.load(context.Background()); err != nil {
		return nil, err
	}
	return d, nil
}

// load reads everything. d.write is held.
func (d *Door) load(ctx context.Context) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	meshes, err := d.store.Meshes(ctx)
	if err != nil {
		return fmt.Errorf("load the meshes: %w", err)
	}
	records, err := d.store.Records(ctx, Query{State: Pending, Limit: 10_000})
	if err != nil {
		return fmt.Errorf("load the pending changes: %w", err)
	}
	for _, m := range meshes {
		newest, err := d.headOf(ctx, m)
		if err != nil {
			return err
		}
		records = append(records, newest...)
	}
	if newest, err := d.store.Records(ctx, Query{Limit: 1, NoEdits: true}); err != nil {
		return fmt.Errorf("load the newest change: %w", err)
	} else if len(newest) > 0 {
		d.last = max(d.last, newest[0].Change.ID)
	}
	d.mu.Lock()
	for _, m := range meshes {
		d.meshes[m.Name] = m
	}
	for _, r := range records {
		d.active[r.Change.ID] = d.restore(r)
	}
	d.mu.Unlock()
	for _, m := range meshes {
		if m.Mesh.Name != "" {
			d.apply(ctx, m)
		}
	}
	return nil
}

// headOf reads the entry that made a mesh what it is, and chains what comes next to it. d.write is held.
func (d *Door) headOf(ctx context.Context, m Current) ([]Record, error) {
	found, err := d.store.Records(ctx, Query{Mesh: m.Name, AfterRevision: m.Revision - 1, Oldest: true, Limit: 1})
	if err != nil {
		return nil, fmt.Errorf("load the newest change of mesh %s: %w", m.Name, err)
	}
	if len(found) == 0 { // it was removed: Verify says so
		if found, err = d.store.Records(ctx, Query{Mesh: m.Name, Limit: 1}); err != nil {
			return nil, fmt.Errorf("load the newest change of mesh %s: %w", m.Name, err)
		}
	}
	for _, r := range found {
		d.heads[m.Name] = head{r.Change.ID, r.Change.Hash, r.Change.Accepted.Revision}
		d.last = max(d.last, r.Change.ID)
	}
	return found, nil
}

// patient detaches a use of the store from the caller's patience and gives it its own.
func patient(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
}

// poke makes Run look.
func (d *Door) poke() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// apply hands a mesh's newest state to the provider. A refusal is tried again by Serve and shown as the newest change's
// second truth meanwhile. d.write is held.
func (d *Door) apply(ctx context.Context, m Current) {
	want := m.Mesh
	want.Name = m.Name // a deleted mesh is an empty one
	err := d.provider.Apply(ctx, provider.Desired{Revision: m.Revision, Mesh: want})
	d.mu.Lock()
	defer d.mu.Unlock()
	if err == nil {
		delete(d.refused, m.Name)
		return
	}
	if _, again := d.refused[m.Name]; !again {
		d.log.Warn("provider refused a revision, trying again", "mesh", m.Name, "revision", m.Revision, "provider", d.provider.Name(), "error", err)
	}
	d.refused[m.Name] = d.now()
	d.attend()
	for _, e := range d.active {
		if e.mesh == m.Name && e.revision == m.Revision {
			e.change.Programmed = &Programmed{Rejected: []provider.Rejection{{Proxy: d.provider.Name(), Message: err.Error()}}}
			e.dirty = d.steward
		}
	}
}

// Meshes lists the names of all meshes, sorted.
func (d *Door) Meshes() []string {
	d.mu.RLock()
	defer d.mu.RUnlock()
	names := make([]string, 0, len(d.meshes))
	for name, m := range d.meshes {
		if m.Mesh.Name != "" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Mesh gives a mesh as last recorded. The caller may keep it but not change it. Error: mesh.NotFound.
func (d *Door) Mesh(name string) (Current, error) {
	d.mu.RLock()
	m, ok := d.meshes[name]
	d.mu.RUnlock()
	if ok && m.Mesh.Name != "" {
		return m, nil
	}
	names := d.Meshes()
	if len(names) == 0 {
		return Current{}, mesh.Errorf(mesh.NotFound, "there is no mesh %q: there are none yet", name)
	}
	return Current{}, mesh.Errorf(mesh.NotFound, "there is no mesh %q: the meshes are %s", name, strings.Join(names, ", "))
}

// Object gives one object with its version. Error: mesh.NotFound.
func (d *Door) Object(meshName string, ref mesh.Ref) (Stored, error) {
	m, err := d.Mesh(meshName)
	if err != nil {
		return Stored{}, err
	}
	o, ok := m.Mesh.Get(ref)
	if !ok {
		return Stored{}, mesh.Errorf(mesh.NotFound, "there is no %s %q in mesh %s", ref.Kind, ref.Name, meshName)
	}
	return Stored{Object: o, Version: m.Versions[ref]}, nil
}

// Change gives one entry of the ledger with its newest truths. The ID may be written in capitals. Error: mesh.NotFound.
func (d *Door) Change(ctx context.Context, id string) (Change, error) {
	r, err := d.record(ctx, id)
	return r.Change, err
}

// record gives an entry with what it did.
func (d *Door) record(ctx context.Context, id string) (Record, error) {
	wanted := ident.Canonical(id)
	found, err := d.store.Records(ctx, Query{ID: wanted, Limit: 1})
	if err != nil {
		return Record{}, err
	}
	if wanted == "" || len(found) == 0 {
		return Record{}, mesh.Errorf(mesh.NotFound, "there is no change %q", id)
	}
	r := found[0]
	r.Change = d.newest(r.Change)
	return r, nil
}

// Changes finds entries with their newest truths, newest first.
func (d *Door) Changes(ctx context.Context, q Query) ([]Change, error) {
	q.NoEdits = true
	if q.ID != "" {
		q.ID = ident.Canonical(q.ID)
	}
	if q.Before != "" {
		q.Before = ident.Canonical(q.Before)
	}
	records, err := d.store.Records(ctx, q)
	if err != nil {
		return nil, err
	}
	out := make([]Change, len(records))
	for i, r := range records {
		out[i] = d.newest(r.Change)
	}
	return out, nil
}

// Events carries every entry when it is new and whenever its state or one of its truths moved.
func (d *Door) Events() *event.Bus[Change] { return &d.events }

// nextID makes an ID that is greater than every earlier one. d.write is held.
func (d *Door) nextID(now time.Time) string {
	return ident.New(now, d.last, rand.Uint64()) //nolint:gosec // an ID, not a secret
}
