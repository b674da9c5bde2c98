// Package scrape fetches pages of metrics from proxies that do not push, through Prometheus' own scraping library.
// One parse feeds two: the store, and the live graph, in which a scraped Envoy then looks like a pushing one.
//
// No target harms another: each has its own loop, a timeout and limits that are on by default, and what is wrong with
// it is said of it in words. Histograms are stored as native ones with custom buckets, whatever the format.
package scrape

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/storage"
	"golang.org/x/sync/errgroup"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// Live takes what the live graph uses of every page.
type Live interface {
	// Scraped takes a page that was read at that time, and is read again every so often, under the names by which a
	// proxy pushes. The families belong to the caller and change after the call.
	Scraped(src mesh.Source, at time.Time, every time.Duration, families []*dto.MetricFamily)
	// Gone says that a proxy is not a target any more, or that nothing listens where it was.
	Gone(src mesh.Source)
}

// Options are what a Scraper needs. Every field may be left out.
type Options struct {
	Jobs       []Job
	Appendable storage.AppendableV2  // the store; nil: the pages feed the live graph alone
	Live       Live                  // nil: the pages feed the store alone
	Logger     *slog.Logger          // nil: nothing is logged
	Registerer prometheus.Registerer // takes the metrics about the targets; nil: none are kept
	Resolver   *net.Resolver         // finds addresses of names; nil: the machine's
}

// Scraper reads the pages of all jobs. It is safe for concurrent use.
//
// The library stores of every target, with the target's labels job, instance, mesh, source_node and proxy: up,
// scrape_duration_seconds, scrape_samples_scraped, scrape_samples_post_metric_relabeling, scrape_series_added,
// scrape_timeout_seconds, scrape_sample_limit and scrape_body_size_bytes.
type Scraper struct {
	opts   Options
	log    *slog.Logger
	claims sync.Map
	wake   chan struct{}

	mu    sync.Mutex
	jobs  []Job
	pools map[string]*pool // those that run, by job
}

// New makes a Scraper that does nothing until Run. The error is a mesh.Error of code Invalid that names the job and the
// field at fault.
func New(o Options) (*Scraper, error) {
	s := &Scraper{opts: o, log: o.Logger, wake: make(chan struct{}, 1), pools: make(map[string]*pool)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := s.Reload(o.Jobs); err != nil {
		return nil, err
	}
	if o.Registerer != nil {
		if err := o.Registerer.Register(collector{s}); err != nil {
			return nil, mesh.Errorf(mesh.Internal, "register the metrics of scraping: %w", err)
		}
	}
	return s, nil
}

// Reload replaces the jobs. Those that did not change go on undisturbed; with an error, as of New, all of them do.
func (s *Scraper) Reload(jobs []Job) error {
	if err := check(jobs); err != nil {
		return err
	}
	s.mu.Lock()
	s.jobs = slices.Clone(jobs)
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return nil
}

// check looks at all jobs together.
func check(jobs []Job) error {
	names := make(map[string]bool, len(jobs))
	for _, j := range jobs {
		if err := j.Check(); err != nil {
			return err
		}
		if names[j.Name] {
			return mesh.Errorf(mesh.Invalid, "scrape job %q: name is given to two jobs: rename one", j.Name)
		}
		names[j.Name] = true
		if _, err := j.library(); err != nil {
			return err
		}
	}
	return nil
}

// Run scrapes until the context ends, and gives nil then. It returns when nothing of it runs any more.
func (s *Scraper) Run(ctx context.Context) error {
	var running errgroup.Group
	stops := make(map[string]context.CancelFunc)
	ends := make(map[string]chan struct{})
	stop := func(name string) {
		stops[name]()
		<-ends[name]
		delete(stops, name)
		delete(ends, name)
	}
	for {
		drop, add := s.plan()
		for _, name := range drop {
			stop(name)
		}
		for _, p := range add {
			poolCtx, cancel := context.WithCancel(ctx)
			done := make(chan struct{})
			stops[p.job.Name], ends[p.job.Name] = cancel, done
			running.Go(func() error {
				defer close(done)
				return p.run(poolCtx)
			})
		}
		select {
		case <-ctx.Done():
			for _, cancel := range stops {
				cancel()
			}
			err := running.Wait()
			s.mu.Lock()
			clear(s.pools)
			s.mu.Unlock()
			return err
		case <-s.wake:
		}
	}
}

// plan compares what runs with what shall: the jobs to end, then those to begin.
func (s *Scraper) plan() (drop []string, add []*pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	want := make(map[string]Job, len(s.jobs))
	for _, j := range s.jobs {
		want[j.Name] = j
	}
	kept := make(map[string]bool)
	for name, p := range s.pools {
		if j, ok := want[name]; ok && reflect.DeepEqual(j, p.given) {
			kept[name] = true
			continue
		}
		drop = append(drop, name)
		delete(s.pools, name)
	}
	for _, j := range s.jobs {
		if !kept[j.Name] {
			add = append(add, newPool(s, j))
		}
	}
	return drop, add
}

// Targets gives every target's health, and that of sources of targets that cannot be read, sorted by job and URL.
func (s *Scraper) Targets() []query.Target {
	s.mu.Lock()
	pools := make([]*pool, 0, len(s.pools))
	for _, p := range s.pools {
		pools = append(pools, p)
	}
	s.mu.Unlock()
	var list []query.Target
	for _, p := range pools {
		list = append(list, p.targets()...)
	}
	slices.SortFunc(list, func(a, b query.Target) int { return cmp.Or(cmp.Compare(a.Job, b.Job), cmp.Compare(a.URL, b.URL)) })
	return list
}

// notice logs when a target's health changes.
func (s *Scraper) notice(t *state, from, to outcome) {
	log := s.log.With("job", t.labels["job"], "instance", t.labels["instance"], "mesh", t.src.Mesh)
	switch {
	case to.state != query.OK:
		log.Warn("a target of scraping has a problem", "state", to.state, "reason", to.err)
	case from.state != query.Idle:
		log.Info("a target of scraping is well again")
	}
}

// errStopped ends what a job runs.
var errStopped = errors.New("stopped")
