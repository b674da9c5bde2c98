package record

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/util/compression"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
)

// begin is a moment on the stroke of a second.
func begin() time.Time { return time.Unix(1_790_000_000, 0) }

// openStore opens a real store that is closed with the test.
func openStore(t testing.TB) *tsdb.DB {
	t.Helper()
	o := tsdb.DefaultOptions()
	o.WALCompression = compression.Snappy
	o.OutOfOrderTimeWindow = (5 * time.Minute).Milliseconds() // for others; the recorder's own samples come in order
	db, err := tsdb.Open(t.TempDir(), slog.New(slog.DiscardHandler), nil, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// asker asks a store in PromQL.
type asker struct {
	t      testing.TB
	db     *tsdb.DB
	engine *promql.Engine
}

func newAsker(t testing.TB, db *tsdb.DB) asker {
	return asker{t, db, promql.NewEngine(promql.EngineOpts{
		MaxSamples: 1e8, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{}),
	})}
}

// number asks for one number; NaN when there is none.
func (a asker) number(at time.Time, format string, args ...any) float64 {
	a.t.Helper()
	question := fmt.Sprintf(format, args...)
	q, err := a.engine.NewInstantQuery(context.Background(), a.db, nil, question, at)
	if err != nil {
		a.t.Fatalf("%s: %v", question, err)
	}
	defer q.Close()
	answer := q.Exec(context.Background())
	list, err := answer.Vector()
	if err != nil {
		a.t.Fatalf("%s: %v", question, err)
	}
	switch len(list) {
	case 0:
		return math.NaN()
	case 1:
		return list[0].F
	}
	a.t.Fatalf("%s: %d series", question, len(list))
	return 0
}

// samples reads everything a selector has as "time value" relative to begin: "5:12", "6:stale".
func (a asker) samples(match ...*labels.Matcher) map[string][]string {
	a.t.Helper()
	q, err := a.db.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		a.t.Fatal(err)
	}
	defer q.Close()
	found := map[string][]string{}
	set := q.Select(context.Background(), true, nil, match...)
	for set.Next() {
		var list []string
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			var t int64
			var text string
			if kind == chunkenc.ValFloat {
				var v float64
				t, v = it.At()
				text = strconv.FormatFloat(v, 'g', -1, 64)
				if value.IsStaleNaN(v) {
					text = "stale"
				}
			} else {
				at, h := it.AtFloatHistogram(nil)
				t, text = at, fmt.Sprintf("%v/%v%v", h.Count, h.Sum, h.PositiveBuckets)
				if value.IsStaleNaN(h.Sum) {
					text = "stale"
				}
			}
			list = append(list, fmt.Sprintf("%v:%s", float64(t-begin().UnixMilli())/1000, text))
		}
		found[set.At().Labels().String()] = list
	}
	if err := set.Err(); err != nil {
		a.t.Fatal(err)
	}
	return found
}

func name(n string) *labels.Matcher {
	return labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, n)
}

// envoy makes messages as a proxy would.
type envoy struct {
	src      mesh.Source
	stamp    int64
	families []*dto.MetricFamily
	series   map[string]*dto.Metric
}

func newEnvoy(node, instance string) *envoy {
	return &envoy{
		src:    mesh.Source{Mesh: "m", Proxy: node + "-" + instance, Node: node},
		series: map[string]*dto.Metric{},
	}
}

func (e *envoy) metric(kind dto.MetricType, name string, pairs ...string) *dto.Metric {
	key := name + fmt.Sprint(pairs)
	m := e.series[key]
	if m != nil {
		return m
	}
	m = &dto.Metric{TimestampMs: &e.stamp}
	for i := 0; i < len(pairs); i += 2 {
		m.Label = append(m.Label, &dto.LabelPair{Name: &pairs[i], Value: &pairs[i+1]})
	}
	switch kind {
	case dto.MetricType_COUNTER:
		m.Counter = &dto.Counter{Value: new(float64)}
	case dto.MetricType_GAUGE:
		m.Gauge = &dto.Gauge{Value: new(float64)}
	default:
		m.Histogram = &dto.Histogram{SampleCount: new(uint64), SampleSum: new(float64)}
		for _, bound := range []float64{1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 10000} {
			m.Histogram.Bucket = append(m.Histogram.Bucket, &dto.Bucket{UpperBound: &bound, CumulativeCount: new(uint64)})
		}
	}
	e.series[key] = m
	e.families = append(e.families, &dto.MetricFamily{Name: &name, Type: &kind, Metric: []*dto.Metric{m}})
	return m
}

// live makes a first flush before anything was counted.
func (e *envoy) live() { *e.metric(dto.MetricType_GAUGE, "server.live").Gauge.Value = 1 }

func (e *envoy) count(name, to string, n float64) {
	*e.metric(dto.MetricType_COUNTER, name, clusterLabel, egress(to)).Counter.Value += n
}

func (e *envoy) set(name, to string, v float64) {
	*e.metric(dto.MetricType_GAUGE, name, clusterLabel, egress(to)).Gauge.Value = v
}

func (e *envoy) answer(to, class string, n float64) {
	*e.metric(dto.MetricType_COUNTER, "cluster.upstream_rq_xx", "envoy.response_code_class", class, clusterLabel, egress(to)).Counter.Value += n
}

func (e *envoy) took(to string, ms float64, n uint64) {
	h := e.metric(dto.MetricType_HISTOGRAM, "cluster.upstream_rq_time", clusterLabel, egress(to)).Histogram
	*h.SampleCount += n
	*h.SampleSum += ms * float64(n)
	for _, b := range h.Bucket {
		if ms <= b.GetUpperBound() {
			*b.CumulativeCount += n
		}
	}
}

// sink takes pushes.
type sink interface {
	Push(src mesh.Source, at time.Time, families []*dto.MetricFamily)
}

// push flushes; histograms begin anew afterwards.
func (e *envoy) push(at time.Time, sinks ...sink) {
	e.stamp = at.UnixMilli()
	for _, s := range sinks {
		s.Push(e.src, at, e.families)
	}
	for _, m := range e.series {
		if h := m.Histogram; h != nil {
			*h.SampleCount, *h.SampleSum = 0, 0
			for _, b := range h.Bucket {
				*b.CumulativeCount = 0
			}
		}
	}
}

// restart is a new process under the same name.
func (e *envoy) restart() { e.families, e.series = nil, map[string]*dto.Metric{} }

const clusterLabel = "envoy.cluster_name"

func egress(to string) string { return mesh.EgressCluster("m", to, mesh.HTTP, 8080) }
