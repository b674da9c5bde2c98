// Package fleet lets replicas of Weir that share a database know of each other: which proxies are connected to which of them,
// how far revisions are with those, and what they counted. They tell it through the database; no replica calls another.
//
// To the rest of Weir it is a provider, of the proxies of all replicas. It decides nothing, and without a table it is the local
// provider.
package fleet

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/registry"
)

// How often replicas tell and look, and when one counts as gone.
const (
	lookEach  = 250 * time.Millisecond
	beatEach  = time.Second
	countEach = time.Second
	settle    = 50 * time.Millisecond // what changes together is told together
	apart     = 100 * time.Millisecond

	// Silent is how long a replica is waited for, by the database's clock.
	Silent = 3 * time.Second

	keepRows  = time.Hour // of replicas that are silent
	pruneEach = 5 * time.Minute
	within    = 5 * time.Second // a statement
)

// Local is the provider of the proxies that are connected to this process.
type Local interface {
	provider.Provider
	provider.Previewer
	// Dump gives what one proxy runs and should run of one type. Errors: mesh.NotFound, mesh.Invalid.
	Dump(mesh, id string, ask provider.Ask) (provider.Dump, error)
}

// Options are what a Fleet needs.
type Options struct {
	Table    Table              // nil: there is one process
	Replica  string             // this one's name, for people; the same after a restart. Required with Table, like all that follows
	Version  string             // Weir's
	Local    Local              // required
	Live     *metrics.Live      // what proxies count
	Registry *registry.Registry // where instances are
	Meshes   func() []string    // that are recorded
	Logger   *slog.Logger       // none: nothing is logged
	Now      func() time.Time   // time.Now if nil
}

// Fleet is this replica and the others. Its methods may be called at once from anywhere.
type Fleet struct {
	Options
	id      string
	started time.Time

	mu       sync.Mutex
	applied  map[string][]int64 // newest revisions by mesh, ascending
	peers    map[string]*peer   // that live, by ID
	watchers map[chan struct{}]struct{}
	clock    clock
	told     told
	lookedAt time.Time // when the table was last read; zero: not yet

	tell chan struct{} // wakes what tells the others
}

// told is how far the others have been told.
type told struct {
	state  int64 // numbers
	counts int64
	text   []byte // the newest state
	again  bool   // the row was lost
}

// New makes a fleet that does not run yet: until then it knows of no other replica.
func New(o Options) *Fleet {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Fleet{
		Options: o, id: ident.New(o.Now(), "", rand.Uint64()), started: o.Now(),
		applied: make(map[string][]int64), peers: make(map[string]*peer), watchers: make(map[chan struct{}]struct{}),
		tell: make(chan struct{}, 1),
	}
}

// Run tells the others and hears them until ctx ends; then this replica leaves, and the others need not wait for it to be
// silent. While the database is out of reach, what was heard last stays.
func (f *Fleet) Run(ctx context.Context) error {
	if f.Table == nil {
		<-ctx.Done()
		return nil
	}
	p, err := newPacker()
	if err != nil {
		return err
	}
	defer p.close()
	group, running := errgroup.WithContext(ctx)
	group.Go(func() error { f.forward(running); return nil })
	group.Go(func() error { f.speak(running, p); return nil })
	group.Go(func() error { f.count(running, p); return nil })
	group.Go(func() error { f.listen(running, p); return nil })
	err = group.Wait()
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	if err := f.Table.DropReplicas(last, f.id, keepRows); err != nil {
		f.Logger.Info("the other replicas were not told that this one stops", "error", err)
	}
	return err
}

// Replica is one process of the installation.
type Replica struct {
	Name    string        `json:"name"`
	ID      string        `json:"id"` // new with every start
	Version string        `json:"version"`
	Started time.Time     `json:"started"`
	Age     time.Duration `json:"age"`     // since it was last heard; zero for this one
	Proxies int           `json:"proxies"` // that are connected to it
	Here    bool          `json:"here"`    // it is the one that answers
}

// Replicas lists this process first, then the others that live, by name.
func (f *Fleet) Replicas() []Replica {
	here := Replica{Name: f.Replica, ID: f.id, Version: f.Version, Started: f.started, Here: true}
	if f.Meshes != nil {
		for _, name := range f.Meshes() {
			here.Proxies += connected(f.Local.Proxies(name))
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []Replica{here}
	now := f.Now()
	for _, p := range f.sorted() {
		r := Replica{
			Name: p.row.Name, ID: p.row.ID, Version: p.row.Version, Started: p.row.Started,
			Age: p.row.Age + now.Sub(f.lookedAt),
		}
		for _, m := range p.state.Meshes {
			r.Proxies += connected(m.Proxies)
		}
		list = append(list, r)
	}
	return list
}

func connected(list []provider.Proxy) (n int) {
	for _, p := range list {
		if p.Connected() {
			n++
		}
	}
	return n
}
