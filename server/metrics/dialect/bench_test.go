package dialect

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// A frame is the picture of a moment that has passed, read from the database by PromQL, as a scrubber asks for it. The
// series are what the rollups of a mesh are: a sample every 5 s, two status classes and the bytes of every edge, a native
// histogram of 20 buckets, seven gauges, and an event at every tenth edge; a node per five edges.
func BenchmarkFrame1000(b *testing.B) { benchmarkFrame(b, 1000) }

func BenchmarkFrame10000(b *testing.B) { benchmarkFrame(b, 10000) }

func BenchmarkFilm1000(b *testing.B) {
	r, end := rolled(b, 1000)
	over := mesh.Span{Start: end.Add(-4 * time.Minute), End: end, Step: 5 * time.Second, Window: 30 * time.Second}
	stop := cpu.Start(b)
	for b.Loop() {
		if f, err := r.Film(b.Context(), "shop", over); err != nil || len(f.Edges) != 1000 {
			b.Fatal(len(f.Edges), err)
		}
	}
	stop(b.N)
}

func BenchmarkPlot(b *testing.B) {
	r, end := rolled(b, 1000)
	over := mesh.Span{Start: end.Add(-4 * time.Minute), End: end, Step: 5 * time.Second, Window: 30 * time.Second}
	stop := cpu.Start(b)
	for b.Loop() {
		if _, err := r.Plot(b.Context(), "shop", mesh.Subject{From: "node-1", To: "node-6"}, over); err != nil {
			b.Fatal(err)
		}
	}
	stop(b.N)
}

func benchmarkFrame(b *testing.B, edges int) {
	r, end := rolled(b, edges)
	stop := cpu.Start(b)
	for i := 0; b.Loop(); i++ {
		at := end.Add(-time.Duration(i%60) * time.Second)
		o, err := r.Observe(b.Context(), "shop", at, time.Minute)
		if err != nil || len(o.Edges) != edges || o.Edges[0].P95 == 0 || o.Edges[0].Members == 0 {
			b.Fatal(len(o.Edges), o.Notes, err)
		}
	}
	stop(b.N)
}

// rolled is a reader of a database with the rollups of a mesh, and its newest moment.
func rolled(b *testing.B, edges int) (*Reader, time.Time) {
	opts := tsdb.DefaultOptions()
	db, err := tsdb.Open(b.TempDir(), nil, nil, opts, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { db.Close() })
	start := time.Now().Add(-10 * time.Minute).Truncate(time.Minute)
	const samples = 72
	w := &rollups{edges: edges, nodes: max(edges/5, 1)}
	for i := range samples {
		w.app, w.at, w.n = db.AppenderV2(context.Background()), start.Add(time.Duration(i)*5*time.Second).UnixMilli(), float64(i)
		w.next = 0
		w.write(b)
		if err := w.app.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	r, err := New(newStore(b, db), Options{})
	if err != nil {
		b.Fatal(err)
	}
	return r, start.Add((samples - 1) * 5 * time.Second)
}

// rollups writes one sample of every series.
type rollups struct {
	edges, nodes int
	app          storage.AppenderV2
	at           int64
	n            float64
	refs         []storage.SeriesRef
	names        []labels.Labels
	next         int
	bounds       []float64
}

func (w *rollups) put(b *testing.B, v float64, h *histogram.Histogram, make func() labels.Labels) {
	if w.next == len(w.refs) {
		w.names, w.refs = append(w.names, make()), append(w.refs, 0)
	}
	ref, err := w.app.Append(w.refs[w.next], w.names[w.next], 0, w.at, v, h, nil, storage.AOptions{})
	if err != nil {
		b.Fatal(err)
	}
	w.refs[w.next] = ref
	w.next++
}

func (w *rollups) write(b *testing.B) {
	for i := range w.edges {
		put := func(v float64, h *histogram.Histogram, name string, more ...string) {
			w.put(b, v, h, func() labels.Labels {
				from := i % w.nodes
				to := (from + 1 + (i/w.nodes)*5) % w.nodes
				return labels.FromStrings(append([]string{
					"__name__", name, "mesh", "shop", "source", fmt.Sprint("node-", from), "destination", fmt.Sprint("node-", to), "protocol", "http",
				}, more...)...)
			})
		}
		put(w.n*40, nil, metrics.EdgeRequests, "code_class", "2")
		put(w.n*3, nil, metrics.EdgeRequests, "code_class", "5")
		put(w.n*4000, nil, metrics.EdgeBytes)
		if i%10 == 0 {
			put(w.n, nil, metrics.EdgeEvents, "event", "timeout")
		}
		put(0, w.histogram(), metrics.EdgeDuration)
		put(2, nil, metrics.EdgeActive)
		put(0, nil, metrics.EdgePending)
		put(4, nil, metrics.EdgeConnections)
		put(3, nil, metrics.EdgeMembers, "state", "known")
		put(3, nil, metrics.EdgeMembers, "state", "healthy")
		put(0, nil, metrics.EdgeMembers, "state", "ejected")
		put(2, nil, metrics.EdgeProxies)
	}
	for i := range w.nodes {
		put := func(v float64, h *histogram.Histogram, name string, more ...string) {
			w.put(b, v, h, func() labels.Labels {
				return labels.FromStrings(append([]string{"__name__", name, "mesh", "shop", "node", fmt.Sprint("node-", i), "protocol", "http"}, more...)...)
			})
		}
		put(w.n*200, nil, metrics.NodeRequests, "code_class", "2")
		put(w.n*4, nil, metrics.NodeRequests, "code_class", "5")
		put(w.n*9000, nil, metrics.NodeBytes)
		put(0, w.histogram(), metrics.NodeDuration)
		for _, name := range []string{metrics.NodeActive, metrics.NodeInFlight, metrics.NodePending, metrics.NodeConnections, metrics.NodeProxies, metrics.NodeReportAge} {
			put(1, nil, name)
		}
	}
}

// histogram is what 40 requests a sample have come to: 8 of the 20 buckets are in use, as latencies are.
func (w *rollups) histogram() *histogram.Histogram {
	if w.bounds == nil {
		for _, ms := range []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000, 600000, 1800000, 3600000} {
			w.bounds = append(w.bounds, ms/1000)
		}
	}
	each := int64(w.n) * 5
	return &histogram.Histogram{
		Schema: histogram.CustomBucketsSchema, Count: uint64(each * 8), Sum: w.n, CustomValues: w.bounds,
		PositiveSpans: []histogram.Span{{Offset: 1, Length: 8}}, PositiveBuckets: []int64{each, 0, 0, 0, 0, 0, 0, 0},
	}
}
