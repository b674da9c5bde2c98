package scrape

import (
	"bytes"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/textparse"
	promscrape "github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// The page of these benchmarks is 1.3 MB of Envoy text with 14,080 series: 128 clusters with 66 counters and gauges and
// two histograms of 20 buckets each. Every benchmark reads it and appends everything to a real database; on a machine that
// others share, cpu-ms/op is the figure.

const clusters = 128

// le are Envoy's default buckets.
func le() []string {
	return strings.Fields("0.5 1 5 10 25 50 100 250 500 1000 2500 5000 10000 30000 60000 300000 600000 1800000 3600000")
}

// envoyPage writes the page; equal rounds give equal bytes.
func envoyPage(round int) []byte {
	var b bytes.Buffer
	each := func(name, kind string, f func(cluster string, i int)) {
		fmt.Fprintf(&b, "# TYPE %s %s\n", name, kind)
		for i := range clusters {
			f(mesh.EgressCluster("m", fmt.Sprintf("s%03d", i), mesh.HTTP, 8080), i)
		}
	}
	names := strings.Fields(`upstream_rq_total upstream_rq_completed upstream_rq_timeout upstream_rq_per_try_timeout upstream_rq_rx_reset
		upstream_rq_retry upstream_rq_retry_limit_exceeded upstream_rq_pending_overflow upstream_rq_active_overflow
		upstream_cx_total upstream_cx_overflow upstream_cx_connect_fail upstream_cx_none_healthy upstream_cx_rx_bytes_total upstream_cx_tx_bytes_total
		upstream_rq_active upstream_rq_pending_active upstream_cx_active membership_healthy membership_total outlier_detection_ejections_active`)
	for len(names) < 62 {
		names = append(names, fmt.Sprintf("upstream_other_%02d", len(names)))
	}
	for n, name := range names {
		kind := "counter"
		if strings.HasSuffix(name, "active") || strings.HasPrefix(name, "membership") {
			kind = "gauge"
		}
		each("envoy_cluster_"+name, kind, func(c string, i int) {
			fmt.Fprintf(&b, "envoy_cluster_%s{envoy_cluster_name=\"%s\"} %d\n", name, c, n*i+round)
		})
	}
	each("envoy_cluster_upstream_rq_xx", "counter", func(c string, i int) {
		for class := 2; class <= 5; class++ {
			fmt.Fprintf(&b, "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"%d\",envoy_cluster_name=\"%s\"} %d\n", class, c, i*class+round)
		}
	})
	for _, name := range []string{"envoy_cluster_upstream_rq_time", "envoy_cluster_upstream_cx_length_ms"} {
		each(name, "histogram", func(c string, i int) {
			n := 0
			for k, bound := range append(le(), "+Inf") {
				n += (i*k)%7 + round
				fmt.Fprintf(&b, "%s_bucket{envoy_cluster_name=\"%s\",le=\"%s\"} %d\n", name, c, bound, n)
			}
			fmt.Fprintf(&b, "%s_sum{envoy_cluster_name=\"%s\"} %d\n%s_count{envoy_cluster_name=\"%s\"} %d\n", name, c, 7*n, name, c, n)
		})
	}
	return b.Bytes()
}

// toProtobuf writes the same page in the other format.
func toProtobuf(tb testing.TB, page []byte) []byte {
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(page))
	if err != nil {
		tb.Fatal(err)
	}
	var out bytes.Buffer
	encoder := expfmt.NewEncoder(&out, expfmt.NewFormat(expfmt.TypeProtoDelim))
	for _, f := range families {
		if err := encoder.Encode(f); err != nil {
			tb.Fatal(err)
		}
	}
	return out.Bytes()
}

func protobufPages(tb testing.TB) [][]byte {
	var list [][]byte
	for _, p := range textPages() {
		list = append(list, toProtobuf(tb, p))
	}
	return list
}

func textPages() [][]byte {
	var list [][]byte
	for i := range 4 {
		list = append(list, envoyPage(i))
	}
	return list
}

// loop reads pages as the scraping library does (its loop cannot be driven by hand): series are found by their bytes, and
// those that are gone are looked for after each page.
type loop struct {
	tee       *tee
	state     *state
	series    map[string]*entry
	cur, prev map[storage.SeriesRef]*entry
	symbols   *labels.SymbolTable
}

type entry struct {
	ref  storage.SeriesRef
	lset labels.Labels
}

func newLoop(tb testing.TB, live Live) *loop {
	j := quick("bench", "127.0.0.1:1")
	j.Mesh, j.Limits.Samples = "m", 50000
	l := &loop{series: map[string]*entry{}, cur: map[storage.SeriesRef]*entry{}, prev: map[storage.SeriesRef]*entry{}, symbols: labels.NewSymbolTable()}
	l.tee = &tee{job: j.withDefaults(), store: store(tb), live: live, claims: new(sync.Map), states: make(map[*promscrape.Target]*state)}
	own := labels.FromStrings("instance", "bench", "job", "bench", "mesh", "m", "proxy", "bench", "source_node", "front")
	l.state = l.tee.state(promscrape.NewTarget(own, &promconfig.ScrapeConfig{}, nil, nil))
	l.state.target.SetMetadataStore(types{})
	return l
}

// types knows which families of the page are histograms.
type types struct{ promscrape.MetricMetadataStore }

func (types) GetMetadata(family string) (promscrape.MetricMetadata, bool) {
	if strings.HasSuffix(family, "_time") || strings.HasSuffix(family, "_ms") {
		return promscrape.MetricMetadata{Type: model.MetricTypeHistogram}, true
	}
	return promscrape.MetricMetadata{}, false
}

func (l *loop) read(tb testing.TB, body []byte, contentType string, at int64) {
	parser, err := textparse.New(body, contentType, l.symbols, textparse.ParserOptions{ConvertClassicHistogramsToNHCB: contentType != text})
	if err != nil {
		tb.Fatal(err)
	}
	p := &page{tee: l.tee, state: l.state, open: true, round: l.state.begin(time.Now()), store: l.tee.store.AppenderV2(tb.Context())}
	var lset labels.Labels
	for {
		kind, err := parser.Next()
		if err != nil {
			break
		}
		var met []byte
		var v float64
		var h *histogram.Histogram
		switch kind {
		case textparse.EntrySeries:
			met, _, v = parser.Series()
		case textparse.EntryHistogram:
			met, _, h, _ = parser.Histogram()
		default:
			continue
		}
		e := l.series[string(met)]
		if e == nil {
			parser.Labels(&lset)
			b := labels.NewBuilder(lset)
			l.state.target.LabelsRange(func(l labels.Label) { b.Set(l.Name, l.Value) })
			e = &entry{lset: b.Labels()}
			l.series[string(met)] = e
		}
		if e.ref, err = p.Append(e.ref, e.lset, 0, at, v, h, nil, storage.AppendV2Options{}); err != nil {
			tb.Fatal(err)
		}
		l.cur[e.ref] = e
	}
	for ref := range l.prev {
		if _, ok := l.cur[ref]; !ok {
			tb.Fatal("a series is gone")
		}
	}
	l.cur, l.prev = l.prev, l.cur
	clear(l.cur)
	p.report = report{given: true, up: true, samples: p.entries, kept: p.entries}
	if err := p.Commit(); err != nil {
		tb.Fatal(err)
	}
	if l.state.last.err != "" {
		tb.Fatal(l.state.last.err)
	}
}

func (l *loop) measure(b *testing.B, contentType string, pages [][]byte) {
	at := time.Now().UnixMilli()
	for i := range 4 {
		at += 5000
		l.read(b, pages[i], contentType, at)
	}
	b.ReportAllocs()
	report := cpu.Start(b)
	for i := 0; b.Loop(); i++ {
		at += 5000
		l.read(b, pages[i%len(pages)], contentType, at)
	}
	report(b.N)
}

// BenchmarkPageCached reads text with the cache of series.
func BenchmarkPageCached(b *testing.B) { newLoop(b, nil).measure(b, text, textPages()) }

// BenchmarkPageProtobuf reads the same in protobuf.
func BenchmarkPageProtobuf(b *testing.B) {
	newLoop(b, nil).measure(b, string(expfmt.NewFormat(expfmt.TypeProtoDelim)), protobufPages(b))
}

// BenchmarkPageLive reads text, and feeds the live graph beside the store.
func BenchmarkPageLive(b *testing.B) {
	newLoop(b, metrics.New(metrics.Options{})).measure(b, text, textPages())
}

// BenchmarkPageExpfmt decodes each page as a whole, and gives every sample to the store with its labels.
func BenchmarkPageExpfmt(b *testing.B) {
	db, pages := store(b), textPages()
	at := time.Now().UnixMilli()
	b.ReportAllocs()
	report := cpu.Start(b)
	for i := 0; b.Loop(); i++ {
		at += 5000
		parser := expfmt.NewTextParser(model.LegacyValidation)
		families, err := parser.TextToMetricFamilies(bytes.NewReader(pages[i%len(pages)]))
		if err != nil {
			b.Fatal(err)
		}
		app := db.AppenderV2(b.Context())
		for _, f := range families {
			samples, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{Timestamp: model.Time(at)}, f)
			if err != nil {
				b.Fatal(err)
			}
			for _, s := range samples {
				if _, err := app.Append(0, fromMetric(s.Metric), 0, at, float64(s.Value), nil, nil, storage.AppendV2Options{}); err != nil {
					b.Fatal(err)
				}
			}
		}
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	report(b.N)
}

func fromMetric(m model.Metric) labels.Labels {
	list := make([]labels.Label, 0, len(m)+5)
	for name, v := range m {
		list = append(list, labels.Label{Name: string(name), Value: string(v)})
	}
	for _, name := range []string{"instance", "job", "mesh", "proxy", "source_node"} {
		list = append(list, labels.Label{Name: name, Value: "bench"})
	}
	return labels.New(list...)
}

// BenchmarkTee is one sample through the tee, without a store, beside the live graph.
func BenchmarkTee(b *testing.B) {
	t := &tee{job: quick("bench", "127.0.0.1:1").withDefaults(), states: make(map[*promscrape.Target]*state)}
	p := &page{tee: t, state: &state{proxied: true, feed: feed{points: make(map[storage.SeriesRef]*point)}, classics: histograms{byKey: make(map[string]*classic)}}}
	const n = 2000
	refs, sets := make([]storage.SeriesRef, n), make([]labels.Labels, n)
	for i := range n {
		name := "envoy_cluster_upstream_rq_total"
		if i%4 > 0 {
			name = "envoy_cluster_upstream_other" + strconv.Itoa(i%4)
		}
		sets[i] = labels.FromStrings(model.MetricNameLabel, name, "envoy_cluster_name", strconv.Itoa(i))
		p.state.since = time.Now()
		var err error
		if refs[i], err = p.Append(0, sets[i], 0, 1, 1, nil, nil, storage.AppendV2Options{}); err != nil {
			b.Fatal(err)
		}
	}
	i := 0
	b.ReportAllocs()
	report := cpu.Start(b)
	for b.Loop() {
		if i++; i == n {
			i, p.samples = 0, 0
		}
		if _, err := p.Append(refs[i], sets[i], 0, 1, 2, nil, nil, storage.AppendV2Options{}); err != nil {
			b.Fatal(err)
		}
	}
	report(b.N)
}

// TestPage holds the benchmark's page to what it says it is.
func TestPage(t *testing.T) {
	page := envoyPage(0)
	n := 0
	for line := range bytes.Lines(page) {
		if line[0] != '#' {
			n++
		}
	}
	if n != clusters*110 || len(page) < 1_200_000 || len(page) > 1_400_000 || !slices.Equal(page, envoyPage(0)) {
		t.Errorf("%d series in %d bytes", n, len(page))
	}
	if f := toProtobuf(t, page); len(f) < 500_000 {
		t.Errorf("%d bytes of protobuf", len(f))
	}
}
