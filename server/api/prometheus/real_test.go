package prometheus

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/metrics/history"
	"github.com/weirmesh/weir/server/metrics/remote/prometheustest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pair is a real Prometheus and a Handler over an embedded store, both with the same samples: ten minutes of them, 15
// seconds apart, from start on.
type pair struct {
	real, ours string // base addresses
	start      time.Time
}

// samples writes what both hold in OpenMetrics: awkward names, counters with a reset, numbers that JSON has none for, and
// a classic histogram.
func samples(start time.Time) string {
	var b strings.Builder
	at := func(i int) int64 { return start.Unix() + int64(15*i) }
	b.WriteString("# TYPE shop_requests counter\n")
	for _, s := range []struct {
		labels string
		per    int
	}{{`code="200",path="/a"`, 7}, {`code="503",path="/a"`, 1}, {`code="200",path="say \"hi\" \\ \n <b>&amp; 한국어"`, 3}} {
		for i := range 40 {
			fmt.Fprintf(&b, "shop_requests_total{%s} %d %d\n", s.labels, i%25*s.per, at(i))
		}
	}
	b.WriteString("# TYPE shop_odd gauge\n")
	for name, v := range map[string]string{"nan": "NaN", "inf": "+Inf", "least": "-Inf", "tiny": "1.5e-07", "large": "1e21", "long": "0.1234567890123456", "zero": "0", "big": "123456789012345680000"} {
		for i := range 40 {
			fmt.Fprintf(&b, "shop_odd{which=%q} %s %d\n", name, v, at(i))
		}
	}
	b.WriteString("# TYPE shop_seconds histogram\n")
	for _, bound := range []struct {
		le  string
		per int
	}{{"0.01", 2}, {"0.1", 5}, {"1.0", 9}, {"+Inf", 10}} {
		for i := range 40 {
			fmt.Fprintf(&b, "shop_seconds_bucket{le=%q} %d %d\n", bound.le, i*bound.per, at(i))
		}
	}
	b.WriteString("# EOF\n")
	return b.String()
}

// newPair starts both. The samples are the newest full quarter of an hour but one, so that no retention matters.
func newPair(t *testing.T) *pair {
	t.Helper()
	p := &pair{start: time.Now().Truncate(15 * time.Minute).Add(-30 * time.Minute)}
	dir := t.TempDir()
	text := filepath.Join(dir, "samples.om")
	if err := os.WriteFile(text, []byte(samples(p.start)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, data := range []string{"real", "ours"} {
		promtool(t, "tsdb", "create-blocks-from", "openmetrics", text, filepath.Join(dir, data))
	}
	p.real = prometheustest.Start(t, prometheustest.Config{YAML: "global: {}\n", Data: filepath.Join(dir, "real")})
	s, err := history.Open(t.Context(), history.Options{Dir: filepath.Join(dir, "ours"), Lookback: 5 * time.Minute, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	server := httptest.NewServer(New(Options{Version: "test", Querier: func(string) (Querier, error) { return s, nil }}))
	t.Cleanup(server.Close)
	p.ours = server.URL
	return p
}

// promtool runs the real one, which stands beside the real Prometheus.
func promtool(t *testing.T, args ...string) string {
	t.Helper()
	binary := filepath.Join(filepath.Dir(prometheustest.Binary(t)), "promtool")
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var out, said bytes.Buffer
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Stdout, cmd.Stderr = &out, &said
	if err := cmd.Run(); err != nil {
		t.Fatalf("promtool %v: %v: %s", args, err, said.String())
	}
	return out.String()
}

// ask makes one request: GET, or POST of a form.
func ask(t *testing.T, method, base, path string, q url.Values) (status int, body []byte) {
	t.Helper()
	address, content := base+path, ""
	if method == http.MethodPost {
		content = q.Encode()
	} else {
		address += "?" + q.Encode()
	}
	request, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(content))
	if err != nil {
		t.Fatal(err)
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err = io.ReadAll(response.Body); err != nil {
		t.Fatal(err)
	}
	if kind := response.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("%s %s: of type %q: %s", method, path, kind, body)
	}
	return response.StatusCode, body
}

// TestAnswersAreAsPrometheusGivesThem asks both the same.
func TestAnswersAreAsPrometheusGivesThem(t *testing.T) {
	p := newPair(t)
	// Between two samples: whether a range includes its first moment changed with version 3, and how rates are rounded too.
	// What engines differ in is not what is looked at here.
	end := p.start.Add(8*time.Minute + 4*time.Second)
	unix := func(at time.Time) string { return fmt.Sprint(at.Unix()) }
	for _, expr := range []string{
		"1+1", "time()", `"some text"`, "vector(1.5)", "shop_requests_total", "sort(shop_odd)", "shop_odd{which=\"nan\"}",
		"round(rate(shop_requests_total[2m]), 0.0001)", "round(sum by (code) (rate(shop_requests_total[2m])), 0.001)", "shop_requests_total[1m]", "nothing_like_it",
		"round(histogram_quantile(0.9, rate(shop_seconds_bucket[1m])), 0.001)", "topk(1, shop_requests_total)", "shop_odd * 1e300 * 1e300",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			for _, at := range []string{unix(end), unix(end) + ".5", end.UTC().Format(time.RFC3339)} {
				p.same(t, method, "/api/v1/query", url.Values{"query": {expr}, "time": {at}})
			}
		}
		if !strings.Contains(expr, "[1m]") && !strings.HasPrefix(expr, `"`) && !strings.HasPrefix(expr, "sort") || strings.Contains(expr, "rate") {
			for _, step := range []string{"15", "7.5", "1m"} {
				p.same(t, http.MethodPost, "/api/v1/query_range", url.Values{"query": {expr}, "start": {unix(p.start.Add(4 * time.Second))}, "end": {unix(end)}, "step": {step}, "timeout": {"20s"}})
			}
		}
	}
	bounds := url.Values{"start": {unix(p.start)}, "end": {unix(end)}}
	with := func(key string, values ...string) url.Values {
		q := url.Values{key: values}
		q["start"], q["end"] = bounds["start"], bounds["end"]
		return q
	}
	for _, q := range []url.Values{{}, bounds, with("match[]", "shop_requests_total"), with("match[]", `{code="200"}`, "shop_odd")} {
		p.same(t, http.MethodGet, "/api/v1/labels", q)
		p.same(t, http.MethodPost, "/api/v1/labels", q)
		p.same(t, http.MethodGet, "/api/v1/label/__name__/values", q)
		p.same(t, http.MethodGet, "/api/v1/label/path/values", q)
		if len(q["match[]"]) > 0 {
			p.same(t, http.MethodGet, "/api/v1/series", q)
			p.same(t, http.MethodPost, "/api/v1/series", q)
		}
	}
	later := url.Values{"match[]": {"shop_odd"}, "start": {unix(end.Add(24 * time.Hour))}}
	p.same(t, http.MethodGet, "/api/v1/series", later)
	p.same(t, http.MethodGet, "/api/v1/query_exemplars", url.Values{"query": {"shop_odd"}, "start": {unix(p.start)}, "end": {unix(end)}})
}

// same wants the same answer to the same question, byte for byte where samples are.
func (p *pair) same(t *testing.T, method, path string, q url.Values) {
	t.Helper()
	wantStatus, want := ask(t, method, p.real, path, q)
	status, got := ask(t, method, p.ours, path, q)
	if status != wantStatus {
		t.Errorf("%s %s %v: status %d, Prometheus %d", method, path, q, status, wantStatus)
	}
	// Depending on its version, Prometheus escapes these as for HTML; to a reader of JSON it is the same.
	for _, c := range []string{"<", ">", "&"} {
		want = bytes.ReplaceAll(want, fmt.Appendf(nil, `\u%04x`, c[0]), []byte(c))
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s %s %v (-Prometheus +ours):\n%s", method, path, q, diff)
	}
}

// TestRefusalsAreAsPrometheusGivesThem compares statuses and types of errors; the words are ours.
func TestRefusalsAreAsPrometheusGivesThem(t *testing.T) {
	p := newPair(t)
	now := fmt.Sprint(p.start.Unix())
	for _, c := range []struct {
		path string
		q    url.Values
		in   string // of our words
	}{
		{"/api/v1/query", url.Values{"query": {"sum("}}, "parse error"},
		{"/api/v1/query", url.Values{}, "there is no question"},
		{"/api/v1/query", url.Values{"query": {"up"}, "time": {"yesterday"}}, `invalid parameter "time": "yesterday": write seconds`},
		{"/api/v1/query", url.Values{"query": {"up"}, "timeout": {"soon"}}, `invalid parameter "timeout"`},
		{"/api/v1/query_range", url.Values{"query": {"up"}}, `invalid parameter "start"`},
		{"/api/v1/query_range", url.Values{"query": {"up"}, "start": {now}, "end": {"1"}, "step": {"1"}}, "it lies before start"},
		{"/api/v1/query_range", url.Values{"query": {"up"}, "start": {now}, "end": {now}, "step": {"0"}}, `invalid parameter "step"`},
		{"/api/v1/query_range", url.Values{"query": {"up"}, "start": {now}, "end": {now}, "step": {"-5"}}, `invalid parameter "step"`},
		{"/api/v1/query_range", url.Values{"query": {"up"}, "start": {"1"}, "end": {now}, "step": {"1"}}, "points"},
		{"/api/v1/series", url.Values{}, "no match[] parameter"},
		{"/api/v1/series", url.Values{"match[]": {"{"}}, "parse error"},
		{"/api/v1/series", url.Values{"match[]": {"up"}, "start": {"x"}}, `invalid parameter "start"`},
		{"/api/v1/labels", url.Values{"match[]": {`{__name__=~"("}`}}, "missing closing"},
		{"/api/v1/query", url.Values{"query": {"shop_requests_total * on(path) shop_requests_total"}, "time": {fmt.Sprint(p.start.Add(time.Minute).Unix())}}, "many-to-many"},
	} {
		wantStatus, want := ask(t, http.MethodGet, p.real, c.path, c.q)
		status, got := ask(t, http.MethodGet, p.ours, c.path, c.q)
		var theirs, ours struct{ Status, ErrorType, Error string }
		if err := json.Unmarshal(want, &theirs); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(got, &ours); err != nil {
			t.Fatal(err)
		}
		if status != wantStatus || ours.Status != theirs.Status || ours.ErrorType != theirs.ErrorType {
			t.Errorf("%s %v: %d %s, Prometheus %d %s (%s)", c.path, c.q, status, ours.ErrorType, wantStatus, theirs.ErrorType, theirs.Error)
		}
		if !strings.Contains(ours.Error, c.in) {
			t.Errorf("%s %v: %q does not say %q", c.path, c.q, ours.Error, c.in)
		}
	}
}

// TestPromtool lets the real promtool ask both.
func TestPromtool(t *testing.T) {
	p := newPair(t)
	at, start, end := fmt.Sprint(p.start.Add(5*time.Minute+4*time.Second).Unix()), fmt.Sprint(p.start.Unix()), fmt.Sprint(p.start.Add(5*time.Minute).Unix())
	for _, c := range []struct {
		args []string // SERVER stands for the address
		in   string
	}{
		{[]string{"query", "instant", "--time=" + at, "SERVER", "round(sum by (code) (rate(shop_requests_total[1m])), 0.001)"}, `{code="503"}`},
		{[]string{"query", "-o", "json", "instant", "--time=" + at, "SERVER", "shop_odd"}, `"NaN"`},
		{[]string{"query", "range", "--start=" + start, "--end=" + end, "--step=30s", "SERVER", "sum(shop_requests_total)"}, "=>"},
		{[]string{"query", "series", "--match=shop_seconds_bucket", "--start=" + start, "--end=" + end, "SERVER"}, `le="0.01"`},
		{[]string{"query", "series", "--match=shop_seconds_bucket", "SERVER"}, `le="0.01"`},
		{[]string{"query", "labels", "SERVER", "which"}, "tiny"},
	} {
		run := func(server string) string {
			args := make([]string, len(c.args))
			for i, arg := range c.args {
				args[i] = strings.ReplaceAll(arg, "SERVER", server)
			}
			return promtool(t, args...)
		}
		want, got := run(p.real), run(p.ours)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("promtool %v (-Prometheus +ours):\n%s", c.args, diff)
		}
		if !strings.Contains(got, c.in) {
			t.Errorf("promtool %v does not say %s: %s", c.args, c.in, got)
		}
	}
}

func TestFloats(t *testing.T) {
	for v, want := range map[float64]string{
		0: `"0"`, 1e-6: `"0.000001"`, 9.9e-7: `"9.9e-07"`, 1e20: `"100000000000000000000"`, 1e21: `"1e+21"`, math.Inf(1): `"+Inf"`, math.Inf(-1): `"-Inf"`, -0.5: `"-0.5"`,
	} {
		w := &writer{}
		if w.float(v); string(w.buf) != want {
			t.Errorf("%v is written %s, want %s", v, w.buf, want)
		}
	}
}
