// Package instrument is Weir's own metrics: what the numbers of a mesh's proxies cannot tell, such as how long a change
// took to arrive, which share of the traffic was asked for beside the one that is measured, who refused what, and how old
// each source's numbers are. It only reads from the other parts; it decides nothing and serves one page.
package instrument

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/provider"
)

// Meshes reads what is configured, and what is changed; the change door is one.
type Meshes interface {
	Meshes() []string
	Mesh(name string) (change.Current, error)
	Events() *event.Bus[change.Change]
}

// Proxies knows the proxies of each mesh; a provider is one.
type Proxies interface {
	Proxies(mesh string) []provider.Proxy
	Watch() (changed <-chan struct{}, stop func())
}

// Graphs is where the newest graph of each mesh is kept.
type Graphs interface {
	Graph(mesh string) (graph.Graph, bool)
}

// Options are the parts that are read. All but Sources and Targets are required.
type Options struct {
	Registry *prometheus.Registry // where the other parts have registered theirs
	Version  string
	Meshes   Meshes
	Proxies  Proxies
	Graphs   Graphs
	Sources  func() []query.Source
	Targets  func() []query.Target
	Now      func() time.Time // nil: time.Now
}

// Instrument keeps the counts that only a witness of events can keep, and works out the rest when it is asked.
type Instrument struct {
	o       Options
	watcher *watcher
	handler http.Handler
}

// New registers Weir's own metrics, and those of the process.
func New(o Options) (*Instrument, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	i := &Instrument{o: o, watcher: newWatcher()}
	all := append(i.watcher.collectors(),
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		&picture{o: o, programmed: i.watcher.programmedShares})
	for _, c := range all {
		if err := o.Registry.Register(c); err != nil {
			return nil, err
		}
	}
	i.handler = promhttp.HandlerFor(o.Registry, promhttp.HandlerOpts{
		Registry: o.Registry, EnableOpenMetrics: true, MaxRequestsInFlight: 4,
		ErrorHandling: promhttp.ContinueOnError, // one series that cannot be shown must not hide all the others
	})
	return i, nil
}

// Handler serves the page of metrics.
func (i *Instrument) Handler() http.Handler { return i.handler }

// rest is how many times as long as a look takes there is none after it: thousands of proxies that come at once change
// something thousands of times, and each look is at all of them.
const rest = 9

// Run watches changes and proxies until ctx ends. It returns nil then.
func (i *Instrument) Run(ctx context.Context) error {
	changes := i.o.Meshes.Events().Subscribe(256)
	defer changes.Close()
	proxies, stop := i.o.Proxies.Watch()
	defer stop()
	rested := time.NewTimer(0)
	defer rested.Stop()
	moved, resting := true, true
	for {
		select {
		case <-ctx.Done():
			return nil
		case c := <-changes.C:
			i.watcher.noteChange(c)
			moved = true
		case <-proxies:
			moved = true
		case <-rested.C:
			resting = false
		}
		if moved && !resting {
			begin := time.Now()
			i.look()
			moved, resting = false, true
			rested.Reset(rest * time.Since(begin))
		}
	}
}

// look takes the proxies' state in.
func (i *Instrument) look() {
	for _, name := range i.o.Meshes.Meshes() {
		current, err := i.o.Meshes.Mesh(name)
		if err != nil {
			continue // it has gone since it was listed
		}
		i.watcher.noteProxies(current.Mesh, i.o.Proxies.Proxies(name))
	}
}
