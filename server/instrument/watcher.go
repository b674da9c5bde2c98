package instrument

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// remember is how many changes are told apart; older ones are not announced any more.
const remember = 4096

// watcher counts what happens. It is safe for concurrent use.
type watcher struct {
	changes     *prometheus.CounterVec
	nacks       *prometheus.CounterVec
	propagation *prometheus.HistogramVec

	mu         sync.Mutex
	seen       map[string]*progress // by change
	order      []string
	refused    map[refusal]string // the version that was refused last
	programmed map[string][]share // by mesh, as every proxy last had them
}

// progress is what of a change was counted already.
type progress struct{ accepted, programmed, observed bool }

type refusal struct{ mesh, proxy, kind string }

func newWatcher() *watcher {
	return &watcher{
		changes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_changes_total", Help: "Changes recorded in the ledger since the start.",
		}, []string{"mesh", "kind"}),
		nacks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "weir_nacks_total", Help: "Configurations that a proxy refused, by type of resource.",
		}, []string{"mesh", "type"}),
		propagation: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "weir_change_propagation_seconds",
			Help: "Time from accepting a change to all its proxies having answered (truth=programmed) and to traffic agreeing with it (truth=observed).",
			Buckets: []float64{
				.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60,
			},
			NativeHistogramBucketFactor: 1.1, NativeHistogramMaxBucketNumber: 100,
		}, []string{"mesh", "truth"}),
		seen:       make(map[string]*progress),
		refused:    make(map[refusal]string),
		programmed: make(map[string][]share),
	}
}

func (w *watcher) collectors() []prometheus.Collector {
	return []prometheus.Collector{w.changes, w.nacks, w.propagation}
}

// noteChange counts a change's steps, each once. The observed truth is timed by its measurement's own window, which
// begins when the change was programmed.
func (w *watcher) noteChange(c change.Change) {
	if c.Accepted == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.progress(c.ID)
	if !p.accepted {
		p.accepted = true
		w.changes.WithLabelValues(c.Mesh, string(c.Kind)).Inc()
	}
	if c.Programmed == nil || c.Programmed.At == nil || c.Programmed.Total == 0 {
		return
	}
	took := c.Programmed.At.Sub(c.Accepted.At)
	if !p.programmed {
		p.programmed = true
		w.observe(c.Mesh, "programmed", took)
	}
	if o := c.Observed; o != nil && o.Agrees != nil && *o.Agrees && !p.observed {
		p.observed = true
		window, err := time.ParseDuration(o.Window)
		if err == nil {
			w.observe(c.Mesh, "observed", took+window)
		}
	}
}

func (w *watcher) observe(meshName, truth string, took time.Duration) {
	w.propagation.WithLabelValues(meshName, truth).Observe(max(took, 0).Seconds())
}

// progress finds what was counted of a change. w.mu is held.
func (w *watcher) progress(id string) *progress {
	p := w.seen[id]
	if p == nil {
		p = &progress{}
		w.seen[id] = p
		w.order = append(w.order, id)
		if len(w.order) > remember {
			delete(w.seen, w.order[0])
			w.order = w.order[1:]
		}
	}
	return p
}

// noteProxies counts new refusals, and remembers the weights when every proxy has them.
func (w *watcher) noteProxies(m mesh.Mesh, proxies []provider.Proxy) {
	w.mu.Lock()
	defer w.mu.Unlock()
	connected, synced := 0, true
	for _, p := range proxies {
		if !p.Connected() {
			continue
		}
		connected++
		synced = synced && p.State == provider.Synced
		for _, r := range p.Resources {
			key := refusal{m.Name, p.ID, r.Type}
			if r.Rejected != "" && w.refused[key] != r.Rejected {
				w.nacks.WithLabelValues(m.Name, r.Type).Inc()
			}
			if r.Rejected == "" {
				delete(w.refused, key)
			} else {
				w.refused[key] = r.Rejected
			}
		}
	}
	if connected > 0 && synced {
		w.programmed[m.Name] = shares(m)
	}
}

func (w *watcher) programmedShares(meshName string) []share {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.programmed[meshName]
}
