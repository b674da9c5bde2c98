package prometheus

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// prepared is a store whose answers the test chooses.
type prepared struct {
	answer query.Answer
	series []labels.Labels
	values []string
	said   []string
	err    error
	waits  bool // until the question is given up
	asked  query.Selection
	label  string
	at     time.Time
}

func (p *prepared) wait(ctx context.Context) error {
	if p.waits {
		<-ctx.Done()
		return ctx.Err()
	}
	return p.err
}

func (p *prepared) Query(ctx context.Context, _ string, at time.Time) (query.Answer, error) {
	p.at = at
	return p.answer, p.wait(ctx)
}

func (p *prepared) QueryRange(ctx context.Context, _ string, _ query.Range) (query.Answer, error) {
	return p.answer, p.wait(ctx)
}

func (p *prepared) Series(ctx context.Context, s query.Selection) ([]labels.Labels, []string, error) {
	p.asked = s
	return p.series, p.said, p.wait(ctx)
}

func (p *prepared) LabelNames(ctx context.Context, s query.Selection) ([]string, []string, error) {
	p.asked = s
	return p.values, p.said, p.wait(ctx)
}

func (p *prepared) LabelValues(ctx context.Context, label string, s query.Selection) ([]string, []string, error) {
	p.asked, p.label = s, label
	return p.values, p.said, p.wait(ctx)
}

func over(p *prepared) *Handler {
	return New(Options{Version: "test", Querier: func(source string) (Querier, error) {
		if source != "" && source != "mine" {
			return nil, mesh.Errorf(mesh.NotFound, "there is no source %q: the sources are mine", source)
		}
		return p, nil
	}})
}

func get(t *testing.T, h http.Handler, address string) (int, string) {
	t.Helper()
	answer := httptest.NewRecorder()
	h.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody))
	if text := answer.Body.String(); !json.Valid([]byte(text)) {
		t.Errorf("%s: no JSON: %s", address, text)
	}
	return answer.Code, answer.Body.String()
}

func TestWhatCannotBeAsked(t *testing.T) {
	none, some := New(Options{}), over(&prepared{})
	failing := func(err error) *Handler { return over(&prepared{err: err}) }
	const up = "/api/v1/query?query=up"
	for _, c := range []struct {
		h       *Handler
		address string
		status  int
		fault   string
		in      string
	}{
		{none, up, 503, "unavailable", "no store of metrics is configured"},
		{none, "/api/v1/labels", 503, "unavailable", "no store"},
		{some, up + "&source=other", 404, "not_found", `there is no source \"other\"`},
		{some, up + "&limit=-1", 400, "bad_data", `invalid parameter \"limit\"`},
		{some, up + "&lookback_delta=5m", 400, "bad_data", "lookback_delta"},
		{some, up + "&time=NaN", 400, "bad_data", "seconds since 1970"},
		{some, up + "&timeout=1e300", 400, "bad_data", "timeout"},
		{some, "/api/v1/labels?start=20&end=10", 400, "bad_data", "it lies before start"},
		{failing(query.Errorf(query.Execution, "too many samples")), up, 422, "execution", "too many samples"},
		{failing(query.Errorf(query.Timeout, "too slow")), up, 503, "timeout", "too slow"},
		{failing(query.Errorf(query.Canceled, "given up")), up, 499, "canceled", "given up"},
		{failing(query.Errorf(query.Unavailable, "being opened")), up, 503, "unavailable", "being opened"},
		{failing(mesh.Errorf(mesh.Unavailable, "not reached")), up, 503, "unavailable", "not reached"},
		{failing(mesh.Errorf(mesh.Internal, "broken")), up, 500, "internal", "broken"},
		{failing(errors.New("a cause without a class")), up, 422, "execution", "a cause"},
		{over(&prepared{waits: true}), up + "&timeout=20ms", 503, "timeout", "longer than its parameter timeout allows"},
	} {
		status, body := get(t, c.h, c.address)
		if status != c.status || !strings.Contains(body, `"status":"error","errorType":"`+c.fault+`"`) || !strings.Contains(body, c.in) {
			t.Errorf("%s: %d %s, want %d %s saying %s", c.address, status, body, c.status, c.fault, c.in)
		}
	}
	form := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/query", strings.NewReader("query="+strings.Repeat("x", maxForm)))
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	answer := httptest.NewRecorder()
	if some.ServeHTTP(answer, form); answer.Code != 400 || !strings.Contains(answer.Body.String(), "too large") {
		t.Errorf("a form of a megabyte: %d %s", answer.Code, answer.Body)
	}
}

func TestWhatIsSaidBesides(t *testing.T) {
	sample := query.Sample{Labels: labels.FromStrings("__name__", "up"), Point: query.Point{T: 1500, V: 1}}
	p := &prepared{answer: query.Answer{Kind: query.Vector, Vector: []query.Sample{sample, sample}, Infos: []string{"an info"}, Partial: true}}
	h := over(p)
	const one = `{"metric":{"__name__":"up"},"value":[1.500,"1"]}`
	for address, want := range map[string]string{
		"query=up": `{"status":"success","data":{"resultType":"vector","result":[` + one + `,` + one + `]},` +
			`"warnings":["the answer is not whole: not everything could be read"],"infos":["an info"]}`,
		"query=up&limit=1&source=mine&time=7.0004": `{"status":"success","data":{"resultType":"vector","result":[` + one + `]},` +
			`"warnings":["the answer is not whole: not everything could be read","results truncated due to limit"],"infos":["an info"]}`,
	} {
		if status, body := get(t, h, "/api/v1/query?"+address); status != 200 || body != want {
			t.Errorf("%s: %d %s, want %s", address, status, body, want)
		}
	}
	if get(t, h, "/api/v1/query?query=up&time=7.25"); p.at.UnixMilli() != 7250 {
		t.Errorf("asked about %v", p.at)
	}
	get(t, h, "/api/v1/labels?limit=5&match[]=a&match[]=b&start=-292273086-05-16T16:47:06Z&end="+url.QueryEscape("292277025-08-18T07:12:54.999999999Z"))
	if s := p.asked; s.Limit != 5 || len(s.Match) != 2 || !s.Start.IsZero() || !s.End.IsZero() {
		t.Errorf("asked for %+v", s)
	}
	p.values, p.said = nil, []string{"cut"}
	if _, body := get(t, h, "/api/v1/label/job/values"); body != `{"status":"success","data":[],"warnings":["cut"]}` {
		t.Errorf("no values: %s", body)
	}
	for address, label := range map[string]string{"U__http_2e_status": "http.status", "U__http_2f_status": "http/status", "job": "job"} {
		if status, body := get(t, h, "/api/v1/label/"+address+"/values"); status != http.StatusOK || p.label != label {
			t.Errorf("label %s: asked for %q: %d %s", address, p.label, status, body)
		}
	}
	for path, want := range map[string]string{"rules": `{"groups":[]}`, "alerts": `{"alerts":[]}`} {
		if status, body := get(t, h, "/api/v1/"+path); status != http.StatusOK || body != `{"status":"success","data":`+want+`}` {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
}

// TestHistograms holds what is written against the example in Prometheus' documentation of its HTTP API.
func TestHistograms(t *testing.T) {
	h := &histogram.FloatHistogram{
		Schema: 0, ZeroThreshold: 0.25, ZeroCount: 3, Count: 42, Sum: 34593.34,
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 4}}, PositiveBuckets: []float64{12, 21, 0, 6},
		NegativeSpans: []histogram.Span{{Offset: 2, Length: 1}}, NegativeBuckets: []float64{2},
	}
	custom := &histogram.FloatHistogram{
		Schema: histogram.CustomBucketsSchema, Count: 3, Sum: 1.5, CustomValues: []float64{0.5, 1},
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 3}}, PositiveBuckets: []float64{1, 0, 2},
	}
	empty := &histogram.FloatHistogram{}
	w := &writer{}
	w.series(query.Series{Points: []query.Point{{T: 1000, V: 7}, {T: 2000, H: h}, {T: 3000, H: custom}, {T: 4000, H: empty}}})
	const want = `{"metric":{},"values":[[1,"7"]],"histograms":[` +
		`[2,{"count":"42","sum":"34593.34","buckets":[[1,"-4","-2","2"],[3,"-0.25","0.25","3"],[0,"0.5","1","12"],[0,"1","2","21"],[0,"4","8","6"]]}],` +
		`[3,{"count":"3","sum":"1.5","buckets":[[3,"-Inf","0.5","1"],[0,"1","+Inf","2"]]}],` +
		`[4,{"count":"0","sum":"0"}]]}`
	if string(w.buf) != want {
		t.Errorf("written: %s\nwant:    %s", w.buf, want)
	}
}

func TestLargeAnswersAreCompressed(t *testing.T) {
	p := &prepared{answer: query.Answer{Kind: query.Matrix}}
	for i := range 500 {
		s := query.Series{Labels: labels.FromStrings("i", strings.Repeat("x", i))}
		for k := range 20 {
			s.Points = append(s.Points, query.Point{T: int64(k), V: float64(i * k)})
		}
		p.answer.Matrix = append(p.answer.Matrix, s)
	}
	const address = "/api/v1/query_range?query=x&start=0&end=1&step=1"
	_, plain := get(t, over(p), address)
	for _, c := range []struct{ accepts, encoding string }{{"gzip", "gzip"}, {"br, gzip;q=0.5", "gzip"}, {"gzip;q=0", ""}, {"", ""}} {
		request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
		request.Header.Set("Accept-Encoding", c.accepts)
		answer := httptest.NewRecorder()
		over(p).ServeHTTP(answer, request)
		if got := answer.Header().Get("Content-Encoding"); got != c.encoding {
			t.Errorf("%q: encoded as %q", c.accepts, got)
		}
		body := answer.Body.Bytes()
		if c.encoding == "gzip" {
			if len(body) > len(plain)/2 {
				t.Errorf("%d of %d bytes are left", len(body), len(plain))
			}
			zip, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(zip); err != nil {
				t.Fatal(err)
			}
		}
		if string(body) != plain {
			t.Errorf("%q: another answer than the plain one", c.accepts)
		}
	}
	p.answer.Matrix = nil
	request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	request.Header.Set("Accept-Encoding", "gzip")
	answer := httptest.NewRecorder()
	if over(p).ServeHTTP(answer, request); answer.Header().Get("Content-Encoding") != "" {
		t.Error("a short answer was compressed")
	}
}

func TestAboutItself(t *testing.T) {
	h := over(&prepared{})
	status, body := get(t, h, "/api/v1/status/buildinfo")
	if status != 200 || !strings.Contains(body, `"data":{"version":"3.`) || !strings.Contains(body, `"revision":"test"`) || strings.Contains(body, "features") {
		t.Errorf("buildinfo: %d %s", status, body)
	}
	for library, want := range map[string]string{"v0.313.5": "3.13.5", "v0.305.0": "3.5.0", "v2.1.0": "none", "(devel)": "none", "v0.55.1": "none"} {
		if got := released(library, "none"); got != want {
			t.Errorf("the libraries %s belong to %s, want %s", library, got, want)
		}
	}
	var all struct {
		Data map[string][]struct{ Type, Help string }
	}
	_, body = get(t, h, "/api/v1/metadata")
	if err := json.Unmarshal([]byte(body), &all); err != nil {
		t.Fatal(err)
	}
	for name, kind := range map[string]string{"weir_edge_requests_total": "counter", "weir_edge_duration_seconds": "histogram", "weir_node_report_age_seconds": "gauge"} {
		if about := all.Data[name]; len(about) != 1 || about[0].Type != kind || about[0].Help == "" {
			t.Errorf("%s is described as %+v", name, about)
		}
	}
	if _, body := get(t, h, "/api/v1/metadata?metric=weir_edge_members&limit=1"); !strings.Contains(body, `"data":{"weir_edge_members":[{"type":"gauge"`) {
		t.Errorf("one of them: %s", body)
	}
}

func TestTextThatIsNoUTF8(t *testing.T) {
	w := &writer{}
	w.text("a\xffb\x01\t\"\u2028한")
	var back string
	if err := json.Unmarshal(w.buf, &back); err != nil || back != "a\ufffdb\x01\t\"\u2028한" {
		t.Errorf("%q %v", back, err)
	}
}

func BenchmarkWrite(b *testing.B) {
	answer := query.Answer{Kind: query.Matrix}
	for i := range 100 {
		s := query.Series{Labels: labels.FromStrings("__name__", "weir_edge_requests_total", "source", "front", "destination", "reviews-v1", "code_class", "2")}
		for k := range 240 {
			s.Points = append(s.Points, query.Point{T: 1_795_000_000_000 + int64(k)*15_000, V: float64(i*k) / 7})
		}
		answer.Matrix = append(answer.Matrix, s)
	}
	for b.Loop() {
		w := &writer{begin: func(int) io.Writer { return io.Discard }}
		w.answer(answer)
		w.flush()
	}
	b.ReportMetric(float64(100*240), "points")
}
