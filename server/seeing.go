package server

import (
	"context"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"golang.org/x/sync/errgroup"

	rest "github.com/weirmesh/weir/server/api"
	api "github.com/weirmesh/weir/server/api/prometheus"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/blend"
	"github.com/weirmesh/weir/server/metrics/dialect"
	"github.com/weirmesh/weir/server/metrics/history"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/metrics/reading"
	"github.com/weirmesh/weir/server/metrics/record"
	"github.com/weirmesh/weir/server/metrics/remote"
	"github.com/weirmesh/weir/server/metrics/scrape"
	"github.com/weirmesh/weir/server/provider/xds"
	"github.com/weirmesh/weir/server/timeline"
)

// How often the wiring's own loops look.
const (
	detectEach  = 15 * time.Second
	budgetsEach = 10 * time.Second
	scrapedEach = 15 * time.Second // between two looks at scraped series that the aggregator does not know
)

// seeing is everything that takes in, keeps and reads metrics.
type seeing struct {
	live     *metrics.Live
	told     aggregator       // live, with what is made up
	history  *history.Store   // nil: switched off
	recorder *record.Recorder // nil with it
	scraper  *scrape.Scraper
	sources  []*source // the embedded one first
	past     blend.Past
	observer *blend.Live
	timeline rest.Timeline // nil: no metrics are stored
	budgets  *health.Budgets
	unjudged map[string]bool // meshes whose objectives could not be judged the last time; the refreshing loop's alone
}

// source is one store of metrics with its reader.
type source struct {
	name   string
	store  asked
	reader *dialect.Reader

	mu    sync.Mutex
	found []query.Found
}

// asked is what can be asked in PromQL.
type asked interface {
	api.Querier
	Status() query.Source
}

// see builds what takes metrics in and keeps them. What reads them needs the door, and follows in look.
func (s *Server) see(ctx context.Context, own *prometheus.Registry) error {
	o := s.opts.History
	s.seeing.live = metrics.New(metrics.Options{})
	s.seeing.told = s.seeing.live
	if s.opts.crowd != nil {
		s.seeing.told = played{s.seeing.live, s.opts.crowd}
	}
	if o.Off {
		return nil
	}
	var err error
	s.seeing.history, err = history.Open(ctx, history.Options{
		Dir: filepath.Join(s.opts.Data, "metrics"), Retention: o.Retention, MaxBytes: o.MaxBytes, Step: o.Step, SeriesLimit: o.SeriesLimit,
		Lookback: lookback(o.Step, s.slowest()), Logger: s.opts.Logger.With("part", "history"), Registerer: own,
	})
	if err != nil {
		return mesh.Errorf(mesh.CodeOf(err), "%w; or keep no metrics, with history: {off: true} in the configuration file", err)
	}
	s.onClose("metrics store", s.seeing.history.Close)
	s.seeing.recorder = record.New(record.Options{
		Appendable: s.seeing.history.Appendable(), Live: s.seeing.told, Step: o.Step, Raw: !o.RollupsOnly,
		SeriesLimit: o.SeriesLimit / 5 * 4, // series that have ended stay in the store's memory for a while
		Logger:      s.opts.Logger.With("part", "record"),
	})
	return nil
}

// look builds what reads metrics: from the embedded store first, then from other people's.
func (s *Server) look(own *prometheus.Registry) error {
	v := &s.seeing
	slow := []blend.Source{}
	if v.history != nil {
		src, err := s.source(query.Embedded, v.history, dialect.Options{Histograms: dialect.Native, Step: s.opts.History.Step})
		if err != nil {
			return err
		}
		v.past = append(v.past, blend.Source{Name: query.Embedded, Reader: src.reader})
	}
	for _, configured := range s.opts.Sources {
		backend, err := remote.New(configured)
		if err != nil {
			return err
		}
		s.onClose("metrics source "+configured.Name, func() error { backend.Close(); return nil })
		o := dialect.Options{
			Only: configured.Dialects, Step: backend.Interval(),
			Rules: map[string]dialect.Rule{"": {Match: configured.Match, Namespace: configured.Namespace}},
		}
		if !backend.Native() {
			o.Histograms = dialect.Classic
		}
		src, err := s.source(configured.Name, backend, o)
		if err != nil {
			return err
		}
		joined := blend.Source{Name: configured.Name, Reader: src.reader, Meshes: configured.Meshes, Interval: backend.Interval()}
		v.past, slow = append(v.past, joined), append(slow, joined)
	}
	scraped, err := s.scrape(own)
	if err != nil {
		return err
	}
	v.budgets = health.NewBudgets(budgets{s})
	v.observer = blend.New(blend.Options{
		Live: v.told, Sources: append(scraped, slow...), Meshes: s.door.Meshes, Logger: s.opts.Logger.With("part", "sources"),
		Burns: func(name string) map[string][]mesh.Burn { return v.budgets.Burns(name, time.Now()) },
	})
	if len(v.past) > 0 {
		v.timeline = timeline.New(timeline.Options{
			Ledger: s.door, Limits: health.Default(), Oldest: s.oldest,
			Readers: func(string) (timeline.Reader, error) { return v.past, nil },
		})
	}
	return nil
}

// source makes the reader of one store.
func (s *Server) source(name string, from asked, o dialect.Options) (*source, error) {
	o.Known, o.Logger = s.known, s.opts.Logger.With("part", "dialect", "source", name)
	reader, err := dialect.New(from, o)
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "metrics source %s: %w", name, err)
	}
	src := &source{name: name, store: from, reader: reader}
	s.seeing.sources = append(s.seeing.sources, src)
	return src, nil
}

// scrape makes the scraper, if anything is to be scraped. Series of other products than Envoy, which the aggregator does
// not know, are read back from the store for the live picture.
func (s *Server) scrape(own *prometheus.Registry) ([]blend.Source, error) {
	if len(s.opts.Scrape) == 0 {
		return nil, nil
	}
	v := &s.seeing
	o := scrape.Options{Jobs: s.opts.Scrape, Live: v.live, Logger: s.opts.Logger.With("part", "scrape"), Registerer: own}
	if v.history != nil {
		o.Appendable = v.history.Appendable()
	}
	var err error
	if v.scraper, err = scrape.New(o); err != nil || v.history == nil {
		return nil, err
	}
	others := slices.DeleteFunc(dialect.Names(), func(name string) bool { return name == "weir" })
	reader, err := dialect.New(v.history, dialect.Options{
		Only: others, Histograms: dialect.Native, Known: s.known, Step: s.slowest(),
		Rules: map[string]dialect.Rule{"": {Match: `job!=""`}}, // what proxies push has no job
	})
	if err != nil {
		return nil, err
	}
	var meshes []string
	for _, j := range s.opts.Scrape {
		meshes = append(meshes, j.Mesh)
	}
	return []blend.Source{{Name: "scraped", Reader: reader, Meshes: meshes, Interval: max(scrapedEach, s.slowest())}}, nil
}

// slowest is the longest time between two scrapes of a target; zero when no job names one.
func (s *Server) slowest() (interval time.Duration) {
	for i := range s.opts.Scrape {
		interval = max(interval, s.opts.Scrape[i].Interval)
	}
	return interval
}

// lookback is for how long a sample of the embedded store is the present value: more than two scrapes of the slowest job,
// so that one which failed leaves no hole.
func lookback(step, slowest time.Duration) time.Duration {
	return max(4*step, slowest*5/2, time.Minute)
}

// known finds a configured node or gateway by name.
func (s *Server) known(meshName, name string) (id string, ok bool) {
	current, err := s.door.Mesh(meshName)
	if err != nil {
		return "", false
	}
	if _, ok := current.Mesh.Node(name); ok {
		return name, true
	}
	if _, ok := current.Mesh.Gateway(name); ok {
		return mesh.GatewayID(name), true
	}
	return "", false
}

// oldest is the oldest moment that can be read; zero when other people's stores decide that.
func (s *Server) oldest(string) time.Time {
	if len(s.opts.Sources) > 0 || s.seeing.history == nil {
		return time.Time{}
	}
	return s.seeing.history.Status().Store.Oldest
}

// querier finds a store by its source's name; empty is the first.
func (s *Server) querier(name string) (api.Querier, error) {
	for _, src := range s.seeing.sources {
		if name == "" || name == src.name {
			return src.store, nil
		}
	}
	if name == "" {
		return nil, query.Errorf(query.Unavailable, "no metrics are stored: switch the embedded store on (history.off: false), or name a source with --metrics-url")
	}
	return nil, query.Errorf(query.BadData, "there is no metrics source %q: see /api/v1/sources", name)
}

// stats is the embedded store, in which what proxies push is kept series by series.
func (s *Server) stats() (reading.Store, error) {
	if s.seeing.history == nil {
		return nil, query.Errorf(query.Unavailable, "no history is kept: switch the embedded store on (history.off: false)")
	}
	return s.seeing.history, nil
}

// state gives every source's, with what was last found in it.
func (s *Server) state() []query.Source {
	list := make([]query.Source, 0, len(s.seeing.sources))
	for _, src := range s.seeing.sources {
		state := src.store.Status()
		src.mu.Lock()
		state.Dialects = src.found
		src.mu.Unlock()
		if state.Dialects == nil {
			state.Dialects = []query.Found{}
		}
		list = append(list, state)
	}
	return list
}

func (s *Server) targets() []query.Target {
	if s.seeing.scraper == nil {
		return []query.Target{}
	}
	return s.seeing.scraper.Targets()
}

// detect keeps what is found in a source at hand, so that nobody who looks at the sources waits for one.
func (src *source) detect(ctx context.Context) {
	each(ctx, detectEach, func() {
		if found, err := src.reader.Detect(ctx, time.Now()); err == nil {
			src.mu.Lock()
			src.found = found
			src.mu.Unlock()
		}
	})
}

// sink is what takes in what proxies push.
func (v *seeing) sink() xds.Sink {
	if v.recorder == nil {
		return v.live
	}
	return tee{v.live, v.recorder}
}

// runSeeing runs what takes in, keeps and reads metrics until ctx ends.
func (s *Server) runSeeing(ctx context.Context, group *errgroup.Group) {
	v := &s.seeing
	if v.history != nil {
		group.Go(named("metrics store", func() error { return v.history.Run(ctx) }))
		group.Go(named("recorder", func() error { return v.recorder.Run(ctx) }))
	}
	if v.scraper != nil {
		group.Go(named("scraper", func() error { return v.scraper.Run(ctx) }))
	}
	group.Go(named("sources", func() error { return v.observer.Run(ctx) }))
	for _, src := range v.sources {
		group.Go(named("detection", func() error { src.detect(ctx); return nil }))
	}
	group.Go(named("objectives", func() error { each(ctx, budgetsEach, func() { budgets{s}.refresh(ctx) }); return nil }))
}

// each does something now and again until ctx ends.
func each(ctx context.Context, pause time.Duration, do func()) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		do()
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// tee hands what proxies push to the aggregator and to the recorder.
type tee struct {
	live   *metrics.Live
	record *record.Recorder
}

var _ xds.Sink = tee{}

// Push passes on one message.
func (t tee) Push(src mesh.Source, at time.Time, families []*dto.MetricFamily) {
	t.live.Push(src, at, families)
	t.record.Push(src, at, families)
}

// Over gives what was dropped of a proxy's series, where more was.
func (t tee) Over(src mesh.Source) int { return max(t.live.Over(src), t.record.Over(src)) }

// Gone passes on that a proxy left.
func (t tee) Gone(src mesh.Source) {
	t.live.Gone(src)
	t.record.Gone(src)
}
