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
	// Connected counts a mesh's connected proxies by virtual node and by virtual gateway.
	Connected(mesh string) (nodes, gateways map[string]int)
	// IsConnected tells whether a proxy is.
	IsConnected(mesh, id string) bool
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
	lost     []lost             // that went lately, the newest last
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
