// Package record writes into a store what the aggregator knows of every edge and node, and, if asked to, the series that
// proxies push, under the names of Envoy's own Prometheus page.
//
// Proxies push twice a second; a series is written once per step. One loop writes everything and commits every second,
// in which each edge and each proxy has its turn: what a crash can lose is the last second. The package opens no store
// and answers no question.
package record

import (
	"context"
	"hash/maphash"
	"log/slog"
	"sync"
	"time"

	"github.com/prometheus/prometheus/storage"

	"github.com/weirmesh/weir/server/metrics"
)

// tick is how often what has its turn is written and committed.
const tick = time.Second

// setBack is how far the clock may be set back and the writing just wait for it. After more, the store decides.
const setBack = time.Minute

// Rollups tells what every edge and node has counted; the live aggregator does.
type Rollups interface {
	// Meshes names the meshes that anything is known of.
	Meshes() []string
	// Rollups visits every edge and then every node of a mesh. What visit is given is only good until it returns.
	Rollups(mesh string, visit func(*metrics.Rollup))
}

// Options says what to write, from where and where to. Zero fields mean the defaults.
type Options struct {
	Appendable  storage.AppendableV2
	Live        Rollups
	Step        time.Duration // between two samples of a series, in whole seconds: 5 s
	Raw         bool          // write the series that proxies push too
	SeriesLimit int           // series in all: 120,000; those of edges and nodes go before those that proxies push
	ProxyLimit  int           // series kept of what one proxy pushes: 5,000
	Logger      *slog.Logger
	Now         func() time.Time
}

// Recorder writes. Its methods may be called by several at once, except for Run.
type Recorder struct {
	opts  Options
	steps int64 // turns per step
	seed  maphash.Seed
	count tally

	mu      sync.RWMutex
	proxies map[proxyKey]*proxy
	leaving []*proxy // their names went to other nodes

	// What follows is the writing loop's alone.
	last    int64 // the time of the newest samples, in ms
	turn    uint32
	edges   shape
	nodes   shape
	flows   map[string]map[flowKey]*flow // by mesh
	batch   batch
	said    said
	visited []*proxy
	evicted bool // some proxies are denied
}

// New makes a recorder.
func New(o Options) *Recorder {
	o.Step = max(o.Step.Round(tick), 0)
	if o.Step == 0 {
		o.Step = 5 * time.Second
	}
	if o.SeriesLimit <= 0 {
		// The store's own limit is 150,000, and series that have ended stay in its memory for a while.
		o.SeriesLimit = 120_000
	}
	if o.ProxyLimit <= 0 {
		o.ProxyLimit = 5_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	r := &Recorder{
		opts: o, steps: int64(o.Step / tick), seed: maphash.MakeSeed(),
		proxies: make(map[proxyKey]*proxy),
		edges:   edgeShape(), nodes: nodeShape(),
		flows: make(map[string]map[flowKey]*flow),
		said:  said{log: o.Logger},
	}
	r.batch = batch{to: o.Appendable, epoch: 1, step: o.Step.Milliseconds(), count: &r.count, limit: int64(o.SeriesLimit)}
	return r
}

// Run writes until ctx ends, and then once more everything that there is. A store that cannot write is no error here: it
// is said once and tried again every second, and whatever counted meanwhile is in the first samples that succeed.
func (r *Recorder) Run(ctx context.Context) error {
	timer := time.NewTimer(untilTick(r.opts.Now()))
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			r.write(context.WithoutCancel(ctx), r.opts.Now().UnixMilli(), true)
			return ctx.Err()
		case <-timer.C:
		}
		// Samples on the stroke of a second take the store a bit for their time instead of two bytes.
		r.write(ctx, r.opts.Now().Truncate(tick).UnixMilli(), false)
		timer.Reset(untilTick(r.opts.Now()))
	}
}

func untilTick(now time.Time) time.Duration { return now.Truncate(tick).Add(tick).Sub(now) }

// write writes and commits, as of that time in ms, what has its turn, or everything.
func (r *Recorder) write(ctx context.Context, t int64, all bool) {
	if behind := r.last - t; behind >= 0 && behind < setBack.Milliseconds() {
		return
	}
	b := &r.batch
	b.start(ctx, t, all)
	r.turn++
	for _, name := range r.opts.Live.Meshes() {
		r.writeFlows(name, b)
	}
	r.endUnseen(b)
	r.evict(b)
	r.writeProxies(b)
	err := b.done()
	r.said.tell(t, b, err)
	if err == nil {
		r.last = t
	}
}

// Counts is what was written, and why not.
type Counts struct {
	Samples uint64 // written since the start
	Refused uint64 // by the store since the start: out of order, doubled, too old
	Dropped uint64 // series and pushed samples left out because of a limit, since the start
	Rollups int    // series of edges and nodes
	Raw     int    // series that proxies push
	Err     error  // why the last try to write failed; nil: it did not
}

// Counts says how the writing goes.
func (r *Recorder) Counts() Counts {
	c := &r.count
	return Counts{
		Samples: c.samples.Load(), Refused: c.refused.Load(), Dropped: c.dropped.Load(),
		Rollups: int(c.rollups.Load()), Raw: int(c.raw.Load()), Err: c.failure(),
	}
}
