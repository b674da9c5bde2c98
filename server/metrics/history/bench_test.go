package history

import (
	"runtime"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/weirmesh/weir/server/metrics/query"
)

// writer appends samples of many series, with the references that the store gave before.
type writer struct {
	s      *Store
	c      *clock
	series []labels.Labels
	refs   []storage.SeriesRef
}

func newWriter(b *testing.B, series []labels.Labels) *writer {
	b.Helper()
	c := newClock()
	return &writer{s: openStore(b, Options{Now: c.now}), c: c, series: series, refs: make([]storage.SeriesRef, len(series))}
}

// edges are the labels of n edges between 2,000 services of a metric; each further label list makes another series of every edge.
func edges(n int, metric string, more ...[]string) []labels.Labels {
	if len(more) == 0 {
		more = [][]string{nil}
	}
	var all []labels.Labels
	for i := range n {
		for _, m := range more {
			all = append(all, labels.FromStrings(append([]string{
				"__name__", metric, "mesh", "shop",
				"source", "shop/service-" + strconv.Itoa(i/(n/2000+1)), "destination", "shop/service-" + strconv.Itoa((i*7)%2003), "protocol", "http",
			}, m...)...))
		}
	}
	return all
}

// round appends one sample of every series and moves the clock by five seconds.
func (w *writer) round(b *testing.B, v float64, h func() *histogram.Histogram) {
	b.Helper()
	app, at := w.s.Appendable().AppenderV2(b.Context()), w.c.now().UnixMilli()
	for i, l := range w.series {
		var value *histogram.Histogram
		if h != nil {
			value = h()
		}
		w.refs[i], _ = app.Append(w.refs[i], l, 0, at, v, value, nil, storage.AOptions{})
	}
	if err := app.Commit(); err != nil {
		b.Fatal(err)
	}
	w.c.move(5 * time.Second)
}

// growing makes histograms of 20 buckets, as Envoy's are, that grow.
func growing() func() *histogram.Histogram {
	bounds := []float64{.0005, .001, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 600, 1800, 3600}
	n := int64(0)
	return func() *histogram.Histogram {
		n++
		return &histogram.Histogram{
			Schema: histogram.CustomBucketsSchema, Count: uint64(6 * n), Sum: float64(n), CustomValues: bounds,
			PositiveSpans: []histogram.Span{{Offset: 2, Length: 6}}, PositiveBuckets: []int64{n, 0, 0, 0, 0, 0},
		}
	}
}

func BenchmarkAppendFloat(b *testing.B) {
	w := newWriter(b, edges(10_000, "requests_total"))
	w.round(b, 0, nil)
	for b.Loop() {
		w.round(b, float64(b.N), nil)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(w.series)), "ns/sample")
}

func BenchmarkAppendHistogram(b *testing.B) {
	w := newWriter(b, edges(10_000, "duration_seconds"))
	h := growing()
	w.round(b, 0, h)
	for b.Loop() {
		w.round(b, 0, h)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(w.series)), "ns/sample")
}

// BenchmarkQuestion asks what a frame of the past asks, of 10,000 edges with 24 samples in the last two minutes.
func BenchmarkQuestion(b *testing.B) {
	classes := [][]string{{"code_class", "2"}, {"code_class", "4"}, {"code_class", "5"}}
	counts := newWriter(b, edges(10_000, "requests_total", classes...))
	times := newWriter(b, edges(10_000, "duration_seconds"))
	h := growing()
	for i := range 24 {
		counts.round(b, float64(i), nil)
		times.round(b, 0, h)
	}
	for _, x := range []struct {
		name, expr string
		of         *writer
		rows       int
	}{
		{"rate", `sum by (source, destination, code_class) (rate(requests_total[1m]))`, counts, 30_000},
		{"quantiles", `histogram_quantiles(sum by (source, destination) (rate(duration_seconds[1m])), "q", 0.5, 0.95, 0.99)`, times, 30_000},
	} {
		b.Run(x.name, func(b *testing.B) {
			b.ReportAllocs()
			var answer query.Answer
			for b.Loop() {
				var err error
				if answer, err = x.of.s.Query(b.Context(), x.expr, x.of.c.now()); err != nil {
					b.Fatal(err)
				}
			}
			if len(answer.Vector) < x.rows*9/10 {
				b.Fatalf("%d rows", len(answer.Vector))
			}
		})
	}
}

// BenchmarkMemory shows what the limit of 150,000 series takes, with a minute of samples, of which a fifth are histograms.
func BenchmarkMemory(b *testing.B) {
	for b.Loop() {
		before := heap()
		w := newWriter(b, edges(120_000, "requests_total"))
		wh := &writer{s: w.s, c: w.c, series: edges(30_000, "duration_seconds"), refs: make([]storage.SeriesRef, 30_000)}
		h := growing()
		for i := range 12 {
			w.round(b, float64(i), nil)
			wh.round(b, 0, h)
		}
		w.series, wh.series, w.refs, wh.refs = nil, nil, nil, nil
		b.ReportMetric(float64(heap()-before)/(1<<20), "MiB")
		if got := w.s.Status().Store; got.Series != 150_000 || got.Dropped != 0 {
			b.Fatalf("%+v", got)
		}
		if err := w.s.Close(); err != nil {
			b.Fatal(err)
		}
		began := time.Now()
		openStore(b, Options{Dir: w.s.o.Dir, Now: w.c.now})
		b.ReportMetric(time.Since(began).Seconds(), "s/start")
	}
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
