// Package metrics turns the numbers that proxies push into what is seen of a mesh: per edge rates, status classes,
// quantiles, connections and ejections over a sliding window, without a database and without allocating per sample.
//
// It keeps five minutes and answers about now. History, plots and queries are not its business, nor is the transport:
// whoever receives a proxy's stream hands the families to Push.
package metrics

import (
	"sync"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/weirmesh/weir/server/mesh"
)

// The windows that Observe answers for; others are moved to the nearest of these. Up to 30 s a window is cut to the
// second, beyond that to ten seconds. Rates are always divided by the time that was really covered.
const (
	MinWindow = 5 * time.Second
	MaxWindow = 5 * time.Minute
)

const (
	// maxGap is the longest silence of a proxy after which what it counted meanwhile still belongs in a window.
	maxGap = 30 * time.Second
	// minStale keeps a loaded machine from calling a half-second flush late.
	minStale = 2 * time.Second
	// lateFlush is how far behind the newest flush a report may be and still count as late; further back, the
	// proxy's clock was set.
	lateFlush = time.Minute
	sweepEach = 5 * time.Second
	// retired totals are kept for whoever compares counts across the absence of an edge.
	retireAfter = time.Hour
)

// Options sets the aggregator's limits. Zero fields mean the defaults.
type Options struct {
	Flush       time.Duration // how often proxies push: 500 ms; slower ones are learned from their timestamps
	SeriesLimit int           // series kept per proxy: 10000; those beyond are dropped and counted
	LabelLimit  int           // bytes of a label value: 512; series with longer ones are dropped and counted
}

// Live is the aggregator. It is safe for concurrent use; meshes do not wait for each other.
type Live struct {
	opts   Options
	mu     sync.RWMutex
	meshes map[string]*meshState

	telling   bool                 // other processes are told what is counted here
	processes map[string]time.Time // the other processes, and when they were heard
}

// New makes an empty aggregator.
func New(opts Options) *Live {
	if opts.Flush <= 0 {
		opts.Flush = 500 * time.Millisecond
	}
	if opts.SeriesLimit <= 0 {
		opts.SeriesLimit = 10000
	}
	if opts.LabelLimit <= 0 {
		opts.LabelLimit = 512
	}
	return &Live{opts: opts, meshes: make(map[string]*meshState), processes: make(map[string]time.Time)}
}

// Push takes one message of a proxy's metrics stream that arrived at that time. A flush may come in several messages.
// Repeated and late messages change nothing; series that are not used are ignored.
func (l *Live) Push(src mesh.Source, at time.Time, families []*dto.MetricFamily) {
	m := l.open(src.Mesh)
	m.mu.Lock()
	defer m.mu.Unlock()
	now := at.UnixMilli()
	s := m.source(src)
	s.here()
	s.noticeRestart(families, now)
	for _, f := range families {
		st := statOf(f.GetName())
		for _, sample := range f.GetMetric() {
			if s.begin(sample.GetTimestampMs(), now) && st.scope != unused {
				s.take(st, sample, now)
			}
		}
	}
	s.at = max(s.at, now)
	m.sweep(now)
}

// Gone says that a proxy disconnected. What it counted stays in the windows until they have passed; its gauges end now.
// A proxy that reports again afterwards continues where it was.
func (l *Live) Gone(src mesh.Source) {
	m := l.find(src.Mesh)
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sources[src.Proxy]; s != nil && s.teller == "" {
		s.leave()
	}
}

// Over says how many series of a proxy's newest flush were dropped because a limit was reached.
func (l *Live) Over(src mesh.Source) int {
	m := l.find(src.Mesh)
	if m == nil {
		return 0
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if s := m.sources[src.Proxy]; s != nil {
		return max(s.over, s.lastOver)
	}
	return 0
}

func (l *Live) find(name string) *meshState {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.meshes[name]
}

func (l *Live) open(name string) *meshState {
	if m := l.find(name); m != nil {
		return m
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	m := l.meshes[name]
	if m == nil {
		m = newMeshState(name, l.opts)
		m.telling = l.telling
		l.meshes[name] = m
	}
	return m
}
