package dialect

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/parser/posrange"
	"github.com/prometheus/prometheus/promql/promqltest"

	"github.com/weirmesh/weir/server/mesh"
)

// everything is a scope in which all metrics of a dialect are there.
func everything(d dialect, name string, subject *mesh.Subject) *scope {
	s := &scope{
		mesh: name, opts: &Options{SourceLabels: []string{"app", "pod"}, Known: func(string, string) (string, bool) { return "", false }},
		have: map[string]bool{}, subject: subject, notes: &notes{}, ids: map[[2]string]string{}, plain: map[string]string{},
	}
	for _, n := range d.names {
		s.have[n] = true
	}
	return s
}

// TestInjection asks about meshes and subjects with hostile names: every question must be one that PromQL understands, with
// the same selectors as for a harmless name.
func TestInjection(t *testing.T) {
	hostile := []string{`x"} or up{a="`, "a\\", "`", "\x00\n\r", "}", "ü\u2028日本", "\xff\xfe", "\uFFFD", `.*|(`, "a'b", strings.Repeat("x", 300)}
	of := func(name string) []*mesh.Subject { return []*mesh.Subject{nil, {From: name, To: name}, {To: name}, {}} }
	for _, d := range all() {
		var want [][]string
		for _, subject := range of("plain") {
			want = append(want, selectors(t, d, everything(d, "shop", subject)))
		}
		for _, name := range hostile {
			for i, subject := range of(name) {
				if got := selectors(t, d, everything(d, name, subject)); !slices.Equal(got, want[i]) {
					t.Errorf("%s asks about %q with\n%s\nnot\n%s", d.name, name, strings.Join(got, "\n"), strings.Join(want[i], "\n"))
				}
			}
		}
	}
}

// selectors lists the labels that each selector of a dialect's questions matches on.
func selectors(t *testing.T, d dialect, s *scope) []string {
	var list []string
	p := parser.NewParser(parser.Options{})
	for _, a := range d.asks(s) {
		for _, e := range a.exprs(s, time.Minute) {
			parsed, err := p.ParseExpr(e.text)
			if err != nil {
				t.Fatalf("%s asks %q: %v", d.name, e.text, err)
			}
			parser.Inspect(parsed, func(n parser.Node, _ []parser.Node) error {
				if v, ok := n.(*parser.VectorSelector); ok {
					var names []string
					for _, m := range v.LabelMatchers {
						names = append(names, m.Name+m.Type.String())
					}
					list = append(list, strings.Join(names, " "))
				}
				return nil
			})
		}
	}
	return list
}

// FuzzRead reads label sets that nobody would write: nothing panics, and what is read has a destination and numbers.
func FuzzRead(f *testing.F) {
	f.Add("web", "shop", "200", "UH,URX", "cds_egress_shop_cart_http_8080", uint16(0))
	f.Add("", "", "", "", "", uint16(1))
	f.Add("kri_msvc_a_b_c_d_e", "_", "5", "0", "x-0123456789abcdef", uint16(77))
	f.Add("reserved:world", "a/b/c", "none", "gateway/x", "_svc_", uint16(1234))
	f.Add("kri_", "kri_extsvc", "cds_egress_shop_", "cds_ingress_shop_a_b_c", "\xff", uint16(999))
	f.Fuzz(func(t *testing.T, a, b, c, d, e string, at uint16) {
		values := []string{a, b, c, d, e}
		for _, dia := range all() {
			s := everything(dia, "shop", nil)
			for i, q := range dia.asks(s) {
				builder := labels.NewScratchBuilder(16)
				names := append(slices.Clone(q.by), "mesh", "source", "destination", "node", "protocol", "code_class", "event", "state", clusterLabel, classLabel, httpPrefix)
				slices.Sort(names)
				for j, name := range slices.Compact(names) {
					if v := values[(j+i+int(at))%len(values)]; v != "" {
						builder.Add(name, v)
					}
				}
				builder.Sort()
				question := question{scope: s, ask: &q}
				for _, name := range q.names {
					var into reading
					l := builder.Labels()
					if len(q.names) > 1 && !q.distinct {
						l = labels.NewBuilder(l).Set(seriesLabel, name).Labels()
					}
					if !question.read(l, &into) {
						continue
					}
					if into.to == "" || into.cols>>columns != 0 || len(into.to) > 3*maxLabel && dia.name != "weir" && into.to != a && into.to != b && into.to != c && into.to != d && into.to != e {
						t.Fatalf("%s reads %s as %q → %q %b", dia.name, l, into.from, into.to, into.cols)
					}
				}
			}
		}
	})
}

// TestQuantiles compares the one pass with PromQL's function, on histograms of random shape.
func TestQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for range 500 {
		h := &histogram.FloatHistogram{Schema: histogram.CustomBucketsSchema}
		bound := 0.0
		for range 1 + random.IntN(12) {
			bound += 0.01 + random.Float64()
			h.CustomValues = append(h.CustomValues, bound)
		}
		for at, free := 0, len(h.CustomValues)+1; at < free; {
			gap := random.IntN(free - at)
			length := 1 + random.IntN(free-at-gap)
			h.PositiveSpans = append(h.PositiveSpans, histogram.Span{Offset: int32(gap), Length: uint32(length)})
			for range length {
				n := random.Float64() * 100
				h.PositiveBuckets = append(h.PositiveBuckets, n)
				h.Count += n
			}
			at += gap + length
			if random.IntN(2) == 0 {
				break
			}
		}
		got := quantiles(h)
		for i, phi := range phis() {
			want, _ := promql.HistogramQuantile(phi, h, "", posrange.PositionRange{})
			if math.Abs(got[i]-want) > 1e-9*max(1, want) {
				t.Fatalf("quantile %v of %s is %v, not %v", phi, h, got[i], want)
			}
		}
	}
	for _, h := range []*histogram.FloatHistogram{
		nil,
		{},
		{Schema: histogram.CustomBucketsSchema, Count: math.NaN()},
		{Schema: histogram.CustomBucketsSchema, Count: 3},
		{Schema: histogram.CustomBucketsSchema, Count: math.Inf(1), PositiveBuckets: []float64{math.Inf(1)}, PositiveSpans: []histogram.Span{{Length: 1}}},
		{Schema: histogram.CustomBucketsSchema, Count: 1, PositiveBuckets: []float64{1}, PositiveSpans: []histogram.Span{{Length: 5}}},
	} {
		if q := quantiles(h); !math.IsNaN(q[0]) {
			t.Errorf("quantiles of %v are %v", h, q)
		}
	}
}

const istioPair = `
load 15s
  istio_requests_total{reporter="source",source_workload="a",destination_workload="b",response_code="200"} 0+15x60
  istio_request_duration_milliseconds_bucket{reporter="source",source_workload="a",destination_workload="b",le="+Inf"} 0+15x60
`

// TestPartial lets questions fail: what is vital is an error, what is not is missing and named.
func TestPartial(t *testing.T) {
	data := promqltest.LoadedStorage(t, istioPair)
	t.Cleanup(func() { data.Close() })
	s := newStore(t, data)
	r, err := New(s, Options{})
	if err != nil {
		t.Fatal(err)
	}
	s.fail = func(expr string) error {
		if strings.Contains(expr, "_bucket") {
			return errors.New("the disk is on fire")
		}
		return nil
	}
	o, err := r.Observe(t.Context(), "shop", time.Unix(600, 0), time.Minute)
	if err != nil || len(o.Edges) != 1 || !o.Partial || !slices.Contains(o.Notes, "istio: no latencies: the disk is on fire") {
		t.Errorf("observed %+v, %v", o, err)
	}
	over := mesh.Span{Start: time.Unix(300, 0), End: time.Unix(600, 0), Step: time.Minute, Window: time.Minute}
	if p, err := r.Plot(t.Context(), "shop", mesh.Subject{From: "a", To: "b"}, over); err != nil || !p.Partial || math.Abs(p.RequestRate[0]-1) > 1e-9 {
		t.Errorf("plotted %+v, %v", p, err)
	}
	s.fail = func(string) error { return errors.New("gone") }
	if _, err := r.Observe(t.Context(), "shop", time.Unix(600, 0), time.Minute); mesh.CodeOf(err) != mesh.Unavailable {
		t.Error("a source that does not answer is no error:", err)
	}
	if _, err := r.Film(t.Context(), "shop", over); mesh.CodeOf(err) != mesh.Unavailable {
		t.Error("a source that does not answer is no error:", err)
	}
}
