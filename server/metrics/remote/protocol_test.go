package remote

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"net/http/httputil"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/api"
	promv1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/metrics/query"
)

// TestProtocol has the same questions answered by a real Prometheus, and by the other products: each is the real one
// behind a door that insists on what that product insists on.
func TestProtocol(t *testing.T) {
	real := scraped(t)
	target, err := url.Parse(real)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(target)
	forward.ErrorLog = nil
	t.Run("prometheus", func(t *testing.T) { protocol(t, Source{Name: "p", URL: real}) })
	t.Run("agrees with client_golang", func(t *testing.T) { sameAsClientGolang(t, real) })
	t.Run("native histograms", func(t *testing.T) { nativeHistograms(t, real) })
	t.Run("thanos", func(t *testing.T) {
		protocol(t, Source{Name: "t", Kind: Thanos, URL: serve(t, insist(forward, "", func(r *http.Request) string {
			return lacks(r, map[string]string{"dedup": "true", "partial_response": "true"})
		}))})
	})
	t.Run("mimir", func(t *testing.T) {
		address := serve(t, insist(forward, "/prometheus", func(r *http.Request) string {
			if r.Header.Get("X-Scope-OrgID") != "team-a" {
				return "no org id"
			}
			return ""
		}))
		protocol(t, Source{Name: "m", Kind: Mimir, URL: address + "/prometheus/", Tenant: "team-a"})
	})
	t.Run("victoriametrics", func(t *testing.T) {
		b := protocol(t, Source{Name: "v", Kind: VictoriaMetrics, URL: serve(t, insist(forward, "/select/0/prometheus", func(r *http.Request) string {
			if !strings.Contains(r.URL.Path, "/query") {
				return ""
			}
			return lacks(r, map[string]string{"latency_offset": "1s", "nocache": "1"})
		})) + "/select/0/prometheus"})
		if b.Native() {
			t.Error("VictoriaMetrics keeps no native histograms")
		}
	})
	t.Run("amp", func(t *testing.T) {
		isolateAWS(t)
		address := serve(t, insist(forward, "/workspaces/ws-1", func(r *http.Request) string {
			return signatureProblem(r, "AKIDEXAMPLE", "wJalrXUtnFEMI", "eu-west-1", "aps")
		}))
		protocol(t, Source{
			Name: "a", Kind: AMP, URL: address + "/workspaces/ws-1",
			SigV4: &SigV4{Region: "eu-west-1", AccessKey: "AKIDEXAMPLE", SecretKey: "wJalrXUtnFEMI"},
		})
	})
	t.Run("takes GET only", func(t *testing.T) {
		var posts []string
		b := protocol(t, Source{Name: "g", URL: serve(t, func(w http.ResponseWriter, r *http.Request) {
			if r.Method == http.MethodPost {
				posts = append(posts, r.URL.Path)
				w.WriteHeader(http.StatusMethodNotAllowed)
				return
			}
			forward.ServeHTTP(w, r)
		}), Concurrency: 1})
		if len(posts) != 1 || !b.get.Load() {
			t.Errorf("POST was tried %d times (%v), and once is enough", len(posts), posts)
		}
	})
}

// insist forwards what is right and says 401 to the rest.
func insist(next http.Handler, prefix string, problem func(*http.Request) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, prefix+"/api/v1/") {
			http.NotFound(w, r)
			return
		}
		if what := problem(r); what != "" {
			http.Error(w, what, http.StatusUnauthorized)
			return
		}
		http.StripPrefix(prefix, next).ServeHTTP(w, r)
	}
}

// lacks looks for parameters in the URL and the body, and leaves the body as it was.
func lacks(r *http.Request, want map[string]string) string {
	params, err := url.ParseQuery(string(bodyOf(r)))
	if err != nil {
		return err.Error()
	}
	for name, value := range want {
		if got := params.Get(name) + r.URL.Query().Get(name); got != value {
			return fmt.Sprintf("%s is %q and not %q", name, got, value)
		}
	}
	return ""
}

// protocol asks everything that a backend can be asked.
func protocol(t *testing.T, s Source) *Backend {
	t.Helper()
	b, ctx := open(t, s), t.Context()
	if got := b.Status(); got.State != query.Idle {
		t.Errorf("before the first question: %s", got.State)
	}
	vector(t, b)
	a := ask(t, b, "1 + 1.5")
	if a.Kind != query.Scalar || a.Scalar.V != 2.5 || a.Scalar.T == 0 {
		t.Errorf("scalar: %+v", a)
	}
	if a := ask(t, b, `"wörter"`); a.Kind != query.String || a.Text != "wörter" {
		t.Errorf("string: %+v", a)
	}
	for expr, want := range map[string]func(float64) bool{
		"vector(1/0)":  func(v float64) bool { return math.IsInf(v, 1) },
		"vector(-1/0)": func(v float64) bool { return math.IsInf(v, -1) },
		"vector(0/0)":  math.IsNaN,
	} {
		if a := ask(t, b, expr); len(a.Vector) != 1 || !want(a.Vector[0].V) {
			t.Errorf("%s: %+v", expr, a)
		}
	}
	ranges(t, b)
	lists(t, b)
	_, err := b.Query(ctx, "sum(", time.Time{})
	if query.FaultOf(err) != query.BadData || !strings.Contains(err.Error(), s.Name) || !strings.Contains(err.Error(), "parse error") {
		t.Errorf("a wrong question: %v", err)
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	if _, err := b.Query(gone, "up", time.Time{}); query.FaultOf(err) != query.Canceled {
		t.Errorf("a question that nobody waits for: %v", err)
	}
	got := b.Status()
	if got.LastSuccess.IsZero() || got.Latency <= 0 || got.Partial || got.Name != s.Name || got.Dialects == nil {
		t.Errorf("status: %+v", got)
	}
	return b
}

func ask(t *testing.T, b *Backend, expr string) query.Answer {
	t.Helper()
	a, err := b.Query(t.Context(), expr, time.Time{})
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	if a.Took <= 0 || a.Partial || len(a.Warnings) > 0 {
		t.Errorf("%s: took %s, partial %v, warnings %q", expr, a.Took, a.Partial, a.Warnings)
	}
	return a
}

func vector(t *testing.T, b *Backend) {
	t.Helper()
	a := ask(t, b, `sum by (source, destination, code) (test_requests_total)`)
	got := map[string]float64{}
	for _, s := range a.Vector {
		got[s.Labels.String()] = s.V
	}
	want := map[string]float64{
		labels.FromStrings("source", "a", "destination", `b "quoted" \ ünïcode`, "code", "200").String(): 41,
		labels.FromStrings("source", "a", "destination", "c", "code", "503").String():                    2.5,
	}
	if diff := cmp.Diff(want, got); a.Kind != query.Vector || diff != "" {
		t.Errorf("vector (-want +got):\n%s", diff)
	}
	at := time.UnixMilli(time.Now().UnixMilli() - 7)
	past, err := b.Query(t.Context(), "vector(time())", at)
	if err != nil || len(past.Vector) != 1 || past.Vector[0].T != at.UnixMilli() || math.Abs(past.Vector[0].V*1000-float64(at.UnixMilli())) > 0.01 {
		t.Errorf("at %d: %+v, %v", at.UnixMilli(), past.Vector, err)
	}
}

func ranges(t *testing.T, b *Backend) {
	t.Helper()
	end := time.Now().Truncate(time.Second)
	r := query.Range{Start: end.Add(-4 * time.Second), End: end, Step: 500 * time.Millisecond}
	a, err := b.QueryRange(t.Context(), "vector(time())", r)
	if err != nil || a.Kind != query.Matrix || len(a.Matrix) != 1 || len(a.Matrix[0].Points) != 9 {
		t.Fatalf("range: %+v, %v", a, err)
	}
	for i, p := range a.Matrix[0].Points {
		if want := r.Start.UnixMilli() + int64(i)*500; p.T != want || p.V != float64(want)/1000 {
			t.Errorf("point %d: %+v, want %d", i, p, want)
		}
	}
	for name, wrong := range map[string]query.Range{
		"no step":   {Start: end, End: end},
		"backwards": {Start: end, End: end.Add(-time.Second), Step: time.Second},
		"too many":  {Start: end.Add(-time.Hour * 24), End: end, Step: time.Second},
	} {
		if _, err := b.QueryRange(t.Context(), "up", wrong); query.FaultOf(err) != query.BadData {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func lists(t *testing.T, b *Backend) {
	t.Helper()
	ctx := t.Context()
	now := time.Now()
	only := query.Selection{Match: []string{"test_requests_total"}, Start: now.Add(-time.Minute), End: now}
	found, warnings, err := b.Series(ctx, only)
	if err != nil || len(found) != 2 || len(warnings) > 0 || found[1].Get("code") != "503" {
		t.Errorf("series: %v, %q, %v", found, warnings, err)
	}
	names, _, err := b.LabelNames(ctx, only)
	if want := []string{"__name__", "code", "destination", "instance", "job", "source"}; err != nil || !slices.Equal(names, want) {
		t.Errorf("label names: %q, %v", names, err)
	}
	values, _, err := b.LabelValues(ctx, "code", only)
	if err != nil || !slices.Equal(values, []string{"200", "503"}) {
		t.Errorf("label values: %q, %v", values, err)
	}
	few := only
	few.Limit = 1
	if values, warnings, err = b.LabelValues(ctx, "code", few); err != nil || !slices.Equal(values, []string{"200"}) || len(warnings) != 1 {
		t.Errorf("label values with a limit: %q, %q, %v", values, warnings, err)
	}
	if found, warnings, err = b.Series(ctx, few); err != nil || len(found) != 1 || len(warnings) != 1 {
		t.Errorf("series with a limit: %v, %q, %v", found, warnings, err)
	}
	if _, _, err := b.Series(ctx, query.Selection{}); query.FaultOf(err) != query.BadData {
		t.Errorf("all series: %v", err)
	}
	if _, _, err := b.LabelValues(ctx, "", only); query.FaultOf(err) != query.BadData {
		t.Errorf("values of no label: %v", err)
	}
}

// sameAsClientGolang compares every answer with what client_golang makes of it.
func sameAsClientGolang(t *testing.T, address string) {
	client, err := api.NewClient(api.Config{Address: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.(api.CloseIdler).CloseIdleConnections() })
	b := open(t, Source{Name: "p", URL: address})
	at := time.Now().Truncate(time.Millisecond)
	for _, expr := range []string{`{job="exporter"}`, "test_duration_seconds_bucket", "rate(test_native_seconds[1m])", "{__name__=~\".+\"}"} {
		var want model.Value
		var got query.Answer
		eventually(t, "two equal answers, for no scrape came in between", func() bool {
			before, _, _, err := promv1.NewAPI(client).Query(t.Context(), expr, at)
			if err != nil {
				t.Fatal(err)
			}
			if got, err = b.Query(t.Context(), expr, at); err != nil {
				t.Fatal(err)
			}
			if want, _, _, err = promv1.NewAPI(client).Query(t.Context(), expr, at); err != nil {
				t.Fatal(err)
			}
			return before.String() == want.String()
		})
		if len(got.Vector) == 0 || len(got.Vector) != len(want.(model.Vector)) {
			t.Fatalf("%s: %d samples, want %d", expr, len(got.Vector), len(want.(model.Vector)))
		}
		for i, w := range want.(model.Vector) {
			same(t, got.Vector[i], w)
		}
	}
}

func same(t *testing.T, got query.Sample, want *model.Sample) {
	t.Helper()
	metric := model.Metric{}
	got.Labels.Range(func(l labels.Label) { metric[model.LabelName(l.Name)] = model.LabelValue(l.Value) })
	if !metric.Equal(want.Metric) || got.T != int64(want.Timestamp) {
		t.Errorf("%v at %d, want %v at %d", got.Labels, got.T, want.Metric, want.Timestamp)
	}
	if want.Histogram == nil {
		if got.H != nil || got.V != float64(want.Value) && !math.IsNaN(got.V) {
			t.Errorf("%v: %v, want %v", got.Labels, got.Point, want.Value)
		}
		return
	}
	var buckets []bucket
	for it := got.H.AllBucketIterator(); it.Next(); {
		if at := it.At(); at.Count != 0 {
			buckets = append(buckets, bucket{at.Lower, at.Upper, at.Count})
		}
	}
	if got.H.Count != float64(want.Histogram.Count) || got.H.Sum != float64(want.Histogram.Sum) || len(buckets) != len(want.Histogram.Buckets) {
		t.Fatalf("%v: %v, want %v", got.Labels, got.H, want.Histogram)
	}
	for i, w := range want.Histogram.Buckets {
		near := cmp.Diff(buckets[i].upper, float64(w.Upper), within(1e-9)) + cmp.Diff(buckets[i].lower, float64(w.Lower), within(1e-9))
		if near != "" || buckets[i].count != float64(w.Count) {
			t.Errorf("%v: bucket %+v, want %v", got.Labels, buckets[i], w)
		}
	}
}

func within(part float64) cmp.Option {
	return cmp.Comparer(func(a, b float64) bool { return a == b || math.Abs(a-b) <= part*math.Max(math.Abs(a), math.Abs(b)) })
}

// nativeHistograms reads a histogram that Prometheus keeps as a native one, at an instant and over a range.
func nativeHistograms(t *testing.T, address string) {
	b := open(t, Source{Name: "p", URL: address})
	a := ask(t, b, "test_native_seconds")
	if len(a.Vector) != 1 || a.Vector[0].H == nil {
		t.Fatalf("no histogram: %+v", a.Vector)
	}
	h := a.Vector[0].H
	sum := 0.0
	for _, v := range observations() {
		sum += v
	}
	// The factor 1.1 is schema 3: 2^(1/8) is the largest such that is not above it.
	if h.Schema != 3 || h.Count != float64(len(observations())) || math.Abs(h.Sum-sum) > 1e-9 || h.Validate() != nil {
		t.Errorf("%v: schema %d, count %v, sum %v, %v", h, h.Schema, h.Count, h.Sum, h.Validate())
	}
	now := time.Now()
	over, err := b.QueryRange(t.Context(), "test_native_seconds", query.Range{Start: now.Add(-time.Second), End: now, Step: time.Second})
	if err != nil || len(over.Matrix) != 1 || len(over.Matrix[0].Points) == 0 {
		t.Fatalf("over a range: %+v, %v", over, err)
	}
	for _, p := range over.Matrix[0].Points {
		if p.H == nil || !p.H.Equals(&histogram.FloatHistogram{
			CounterResetHint: p.H.CounterResetHint, Schema: h.Schema, Count: h.Count, Sum: h.Sum, ZeroThreshold: h.ZeroThreshold, ZeroCount: h.ZeroCount,
			PositiveSpans: h.PositiveSpans, PositiveBuckets: h.PositiveBuckets, NegativeSpans: h.NegativeSpans, NegativeBuckets: h.NegativeBuckets,
		}) {
			t.Errorf("over a range: %v, want %v", p.H, h)
		}
	}
}
