package blend

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Observer answers about now, from memory; the live aggregator is one.
type Observer interface {
	Observe(name string, window time.Duration, now time.Time) mesh.Observation
}

// Options says what Live joins.
type Options struct {
	Live    Observer
	Sources []Source // those with an Interval are asked in the background
	// Meshes gives the names of the meshes to ask for.
	Meshes func() []string
	// Burns gives how fast a mesh's services use up their error budgets. Nil: nobody works that out.
	Burns  func(mesh string) map[string][]mesh.Burn
	Logger *slog.Logger
	Now    func() time.Time // nil: time.Now
}

// Live is an observer that adds to the live aggregator what slow sources last said. It is safe for concurrent use.
type Live struct {
	o      Options
	mu     sync.Mutex
	latest map[heard]report
}

type heard struct{ source, mesh string }

// report is a source's newest answer about a mesh.
type report struct {
	seen     mesh.Observation
	err      error
	interval time.Duration
}

// New makes an observer.
func New(o Options) *Live {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return &Live{o: o, latest: make(map[heard]report)}
}

// Run asks every source that has an interval until ctx ends. A source that hangs holds up nobody else. It returns nil.
func (l *Live) Run(ctx context.Context) error {
	var asking sync.WaitGroup
	for _, s := range l.o.Sources {
		if s.Interval > 0 {
			asking.Go(func() { l.poll(ctx, s) })
		}
	}
	<-ctx.Done()
	asking.Wait()
	return nil
}

func (l *Live) poll(ctx context.Context, s Source) {
	tick := time.NewTicker(s.Interval)
	defer tick.Stop()
	for {
		for _, name := range l.o.Meshes() {
			if s.has(name) && ctx.Err() == nil {
				l.ask(ctx, s, name)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// Window is what a source's numbers are taken over when it is asked every interval: four of its samples, a minute at
// least, so that one missed scrape leaves no hole.
func Window(interval time.Duration) time.Duration { return max(4*interval, time.Minute) }

func (l *Live) ask(ctx context.Context, s Source, name string) {
	seen, err := s.Reader.Observe(ctx, name, l.o.Now(), Window(s.Interval))
	if ctx.Err() != nil {
		return
	}
	key := heard{s.Name, name}
	l.mu.Lock()
	before, known := l.latest[key]
	r := report{seen: seen, err: err, interval: s.Interval}
	if err != nil {
		r.seen = before.seen // what it last said stays, and grows old
	}
	l.latest[key] = r
	l.mu.Unlock()
	switch {
	case err != nil && (!known || before.err == nil):
		l.o.Logger.Warn("a source of metrics does not answer", "source", s.Name, "mesh", name, "error", err)
	case err == nil && known && before.err != nil:
		l.o.Logger.Info("a source of metrics answers again", "source", s.Name, "mesh", name)
	}
}

// Observe gives what the aggregator sees now, and what only slower sources know. Their numbers are as old as their Oldest
// says and make the whole stale when three of their intervals have passed.
func (l *Live) Observe(name string, window time.Duration, now time.Time) mesh.Observation {
	o := l.o.Live.Observe(name, window, now)
	for _, s := range l.o.Sources {
		if s.Interval == 0 || !s.has(name) {
			continue
		}
		l.mu.Lock()
		r, ok := l.latest[heard{s.Name, name}]
		l.mu.Unlock()
		if ok {
			o = r.addTo(o, s.Name, now)
		}
	}
	if l.o.Burns != nil {
		o.Burns = l.o.Burns(name)
	}
	return o
}

// addTo joins a source's report to what is seen live.
func (r report) addTo(o mesh.Observation, source string, now time.Time) mesh.Observation {
	seen := r.seen
	if r.err != nil {
		seen.Notes = append(seen.Notes[:len(seen.Notes):len(seen.Notes)], source+": "+r.err.Error())
		seen.Partial = true
	}
	if seen.At.IsZero() { // it never answered
		o.Partial, o.Notes = true, append(o.Notes, seen.Notes...)
		return o
	}
	seen.Fresh = now.Sub(seen.At) <= 3*r.interval
	if seen.Fresh {
		seen = current(seen, now)
	}
	seen.Proxies = nil // of the past; who draws now knows better
	seen.Reporting, seen.Oldest = 0, time.Time{}
	if o.Reporting == 0 {
		seen.Reporting, seen.Oldest = 1, seen.At
	}
	return Join(o, seen)
}

// current dates a slow source's numbers as of now: asked every interval they cannot be newer, and they would be taken for
// stale by the measure of proxies that report every second. The age of the whole still says how old they are.
func current(o mesh.Observation, now time.Time) mesh.Observation {
	o.Edges = slices.Clone(o.Edges)
	for i := range o.Edges {
		o.Edges[i].At = now
	}
	o.Nodes = slices.Clone(o.Nodes)
	for i := range o.Nodes {
		if a := &o.Nodes[i]; !a.At.IsZero() {
			a.At = now
		}
	}
	return o
}
