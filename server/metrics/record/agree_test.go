package record

import (
	"math"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// TestAgree holds what PromQL finds in the store against what the aggregator sees at the same moment: a steady load, a
// proxy that restarts with its counters at zero, and one that vanishes.
func TestAgree(t *testing.T) {
	for _, step := range []time.Duration{time.Second, 5 * time.Second} {
		t.Run(step.String(), func(t *testing.T) { testAgree(t, step) })
	}
}

func testAgree(t *testing.T, step time.Duration) {
	db := openStore(t)
	l := metrics.New(metrics.Options{})
	r := New(Options{Appendable: db, Live: l, Step: step, Raw: true})
	steady, restarts, vanishes, stays := newEnvoy("a", "1"), newEnvoy("b", "1"), newEnvoy("c", "1"), newEnvoy("c", "2")
	at := begin().Add(-time.Minute)
	load := func(e *envoy, to string, n float64) {
		e.answer(to, "2", n*0.9)
		e.answer(to, "5", n*0.1)
		e.took(to, 3, uint64(n*0.6))
		e.took(to, 40, uint64(n*0.3))
		e.took(to, 400, uint64(n*0.1))
		e.count("cluster.upstream_cx_rx_bytes_total", to, n*1000)
		e.set("cluster.upstream_rq_active", to, n/10)
		e.push(at, l, r)
	}
	const flushes = 400
	for i := range flushes {
		at = at.Add(time.Second)
		load(steady, "x", 100)
		if i == flushes/2 {
			restarts.restart()
		}
		load(restarts, "x", 50)
		if i < flushes/2 {
			load(vanishes, "x", 70)
		} else if i == flushes/2 {
			l.Gone(vanishes.src)
			r.Gone(vanishes.src)
		}
		load(stays, "x", 70)
		r.write(t.Context(), at.UnixMilli(), false)
	}
	if c := r.Counts(); c.Err != nil || c.Refused != 0 || c.Dropped != 0 {
		t.Fatalf("%+v", c)
	}
	ask := newAsker(t, db)
	windows := []time.Duration{30 * time.Second, time.Minute, 5 * time.Minute}
	if step == time.Second {
		windows = append(windows, 10*time.Second)
	}
	for _, window := range windows {
		o := l.Observe("m", window, at)
		if len(o.Edges) != 3 {
			t.Fatalf("%d edges", len(o.Edges))
		}
		for _, e := range o.Edges {
			compare(t, ask, e, window, at)
		}
	}
	if n := ask.number(at, `weir_edge_active_requests{source="c"}`); n != 7 {
		t.Errorf("%v in flight by the proxy that stays, want 7", n)
	}
	if n := ask.number(at, `weir_edge_proxies{source="c"}`); n != 1 {
		t.Errorf("%v proxies, want 1", n)
	}
	if n := ask.number(at, `count(envoy_cluster_upstream_rq_xx{proxy="c-1"})`); !math.IsNaN(n) {
		t.Errorf("%v series of the proxy that vanished", n)
	}
	raw := ask.number(at, `sum(rate(envoy_cluster_upstream_rq_xx{source_node="a"}[1m]))`)
	near(t, "raw rate", raw, 100)
	near(t, "raw p50 in ms", ask.number(at, `histogram_quantile(0.5, sum(rate(envoy_cluster_upstream_rq_time{source_node="a"}[1m])))`), 4.583)
	near(t, "raw mean in ms", ask.number(at, `histogram_avg(sum(rate(envoy_cluster_upstream_rq_time{source_node="a"}[1m])))`), 53.8)
}

// compare asks of one edge what a picture of the past asks.
func compare(t *testing.T, ask asker, e mesh.Edge, window time.Duration, at time.Time) {
	t.Helper()
	w, what := window.String(), e.From+" over "+window.String()+": "
	of := `source="` + e.From + `",destination="` + e.To + `",mesh="m",protocol="http"`
	near(t, what+"rate", ask.number(at, `sum(rate(weir_edge_requests_total{%s}[%s]))`, of, w), e.RequestRate)
	near(t, what+"requests", ask.number(at, `sum(increase(weir_edge_requests_total{%s}[%s]))`, of, w), e.RequestRate*window.Seconds())
	near(t, what+"5xx", ask.number(at, `sum(rate(weir_edge_requests_total{%s,code_class="5"}[%s]))`, of, w), e.Classes[5])
	near(t, what+"error ratio", ask.number(at,
		`sum(rate(weir_edge_requests_total{%[1]s,code_class=~"5|none"}[%[2]s])) / sum(rate(weir_edge_requests_total{%[1]s}[%[2]s]))`, of, w), e.ErrorRatio)
	near(t, what+"bytes", ask.number(at, `sum(rate(weir_edge_bytes_total{%s}[%s]))`, of, w), e.BytesRate)
	for q, want := range map[string]time.Duration{"0.5": e.P50, "0.95": e.P95, "0.99": e.P99} {
		near(t, what+"p"+q, ask.number(at, `histogram_quantile(%s, sum(rate(weir_edge_duration_seconds{%s}[%s])))`, q, of, w), want.Seconds())
	}
	near(t, what+"mean", ask.number(at, `histogram_avg(sum(rate(weir_edge_duration_seconds{%s}[%s])))`, of, w), 0.0538)
	near(t, what+"answered", ask.number(at, `histogram_count(sum(rate(weir_edge_duration_seconds{%s}[%s])))`, of, w), e.RequestRate)
}

// near allows two in a hundred.
func near(t *testing.T, what string, got, want float64) {
	t.Helper()
	if want == 0 || !(math.Abs(got-want) <= 0.02*want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}
