package record

import (
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// receive adds requests at the proxy's own listeners.
func (e *envoy) receive(class string, n float64) {
	*e.metric(dto.MetricType_COUNTER, "http.downstream_rq_xx", "envoy.response_code_class", class, "envoy.http_conn_manager_prefix", "ingress").Counter.Value += n
}

// TestSeries says which series an edge and a node have, with which labels, and what is not written.
func TestSeries(t *testing.T) {
	w := newWorld(t, Options{})
	p := newEnvoy("a", "1")
	p.live()
	w.second(p)
	p.answer("b", "2", 5)
	p.answer("b", "3", 0)
	p.took("b", 7, 2)
	p.took("b", 20_000, 1)
	p.count("cluster.upstream_rq_timeout", "b", 2)
	p.count("cluster.upstream_rq_rx_reset", "b", 1)
	p.count("cluster.upstream_cx_rx_bytes_total", "b", 500)
	p.set("cluster.upstream_rq_active", "b", 0) // never other than zero: not written
	p.set("cluster.upstream_cx_active", "b", 3)
	p.set("cluster.membership_total", "b", 2)
	p.set("cluster.membership_healthy", "b", 0) // none healthy among two is worth a zero
	own := mesh.IngressCluster("m", "a", mesh.HTTP, 8080)
	*p.metric(dto.MetricType_GAUGE, "cluster.upstream_rq_active", clusterLabel, own).Gauge.Value = 4
	p.receive("5", 6)
	w.second(p)
	p.set("cluster.upstream_cx_active", "b", 0)
	w.second(p)
	edge := []string{"mesh", "m", "source", "a", "destination", "b", "protocol", "http"}
	node := []string{"mesh", "m", "node", "a", "protocol", "http"}
	want := map[string][]string{}
	expect := func(of []string, name, label, value string, samples ...string) {
		of = append([]string{model.MetricNameLabel, name}, of...)
		if label != "" {
			of = append(of, label, value)
		}
		want[labels.FromStrings(of...).String()] = samples
	}
	expect(edge, "weir_edge_requests_total", "code_class", "2", "1:0", "2:5", "3:5")
	expect(edge, "weir_edge_duration_seconds", "", "", "1:0/0[0 0 0 0 0 0 0 0 0 0 0 0 0]",
		"2:3/20.014[0 0 0 2 0 0 0 0 0 0 0 0 1]", "3:3/20.014[0 0 0 2 0 0 0 0 0 0 0 0 1]")
	expect(edge, "weir_edge_bytes_total", "", "", "1:0", "2:500", "3:500")
	expect(edge, "weir_edge_events_total", "event", "timeout", "1:0", "2:2", "3:2")
	expect(edge, "weir_edge_events_total", "event", "reset", "1:0", "2:1", "3:1")
	expect(edge, "weir_edge_connections", "", "", "2:3", "3:0")
	expect(edge, "weir_edge_members", "state", "known", "2:2", "3:2")
	expect(edge, "weir_edge_members", "state", "healthy", "2:0", "3:0")
	expect(edge, "weir_edge_proxies", "", "", "2:1", "3:1")
	expect(node, "weir_node_requests_total", "code_class", "5", "1:0", "2:6", "3:6")
	expect(node, "weir_node_pool_requests", "", "", "2:4", "3:4")
	expect(node, "weir_node_proxies", "", "", "2:1", "3:1")
	expect(node, "weir_node_report_age_seconds", "", "", "2:0.1", "3:0.1")
	// Until something was known to arrive, the node had no protocol.
	before := []string{"mesh", "m", "node", "a"}
	expect(before, "weir_node_proxies", "", "", "1:1", "2:stale")
	expect(before, "weir_node_report_age_seconds", "", "", "1:0.1", "2:stale")
	if d := cmp.Diff(want, w.samples(labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, "weir_.*"))); d != "" {
		t.Error(d)
	}
	if c := w.Counts(); c.Rollups != 13 || c.Raw != 0 {
		t.Errorf("%+v", c)
	}
}

// TestFlowEnds says that the last counts of an edge are kept before its series end, and that counters go on, without a
// zero, when its proxies are back.
func TestFlowEnds(t *testing.T) {
	w := newWorld(t, Options{Step: 5 * time.Second})
	p := newEnvoy("a", "1")
	p.live()
	w.second(p)
	p.answer("b", "2", 1)
	for range 5 {
		w.second(p)
	}
	p.answer("b", "2", 1)
	p.took("b", 7, 1)
	p.push(w.now, w.live)
	w.gone(p)
	w.second()
	w.second()
	w.second()
	list := w.only("weir_edge_requests_total")
	if n := len(list); list[n-2] != "7:2" || list[n-1] != "8:stale" || list[0] != "-3:0" {
		t.Errorf("%v", list)
	}
	p.answer("b", "2", 1)
	p.push(w.now, w.live)
	for range 5 {
		w.second(p)
	}
	list = w.only("weir_edge_requests_total")
	if n := len(list); list[n-2] != "8:stale" || list[n-1][len(list[n-1])-2:] != ":3" {
		t.Errorf("%v", list)
	}
	if list = w.only("weir_edge_duration_seconds"); list[len(list)-2] != "8:stale" {
		t.Errorf("%v", list)
	}
	if n := w.number(w.now, "increase(weir_edge_requests_total[1h])"); n < 2.9 {
		t.Errorf("%v requests, want 3", n)
	}
	w.gone(p)
	for range 400 {
		w.second(newEnvoy("other", "1"))
	}
	if len(w.flows["m"]) > 5 || w.Counts().Refused != 0 {
		t.Errorf("%d edges and nodes kept, %+v", len(w.flows["m"]), w.Counts())
	}
}

// TestLateTurns says that a loop which does not come round in time leaves nobody's turn out.
func TestLateTurns(t *testing.T) {
	w := newWorld(t, Options{Step: 5 * time.Second, Raw: true})
	proxies := make([]*envoy, 20)
	for i := range proxies {
		proxies[i] = newEnvoy("a", string(rune('a'+i)))
		proxies[i].set("cluster.upstream_cx_active", string(rune('a'+i)), 1)
	}
	for range 30 {
		w.now = w.now.Add(2 * time.Second)
		w.second(proxies...)
	}
	for of, list := range w.samples(labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, ".+")) {
		if len(list) < 90/6-1 {
			t.Errorf("%s: %v", of, list)
		}
	}
}

// TestWeirRestarts says that counters which begin again at zero, with the process, look like it and like no more.
func TestWeirRestarts(t *testing.T) {
	w := newWorld(t, Options{Step: 5 * time.Second, Raw: true})
	p := newEnvoy("a", "1")
	p.live()
	w.second(p)
	for range 60 {
		p.answer("b", "2", 10)
		p.took("b", 7, 10)
		w.second(p)
	}
	live := metrics.New(metrics.Options{})
	w.live, w.Recorder = live, New(Options{Appendable: w.db, Live: live, Step: 5 * time.Second, Raw: true})
	for range 60 {
		p.answer("b", "2", 10)
		p.took("b", 7, 10)
		w.second(p)
	}
	for what, n := range map[string]float64{
		"requests":     w.number(w.now, `increase(weir_edge_requests_total[110s])`),
		"raw requests": w.number(w.now, `increase(envoy_cluster_upstream_rq_xx[110s])`),
		"latencies":    w.number(w.now, `histogram_count(increase(weir_edge_duration_seconds[110s]))`),
	} {
		if n < 1000 || n > 1110 { // what the new process cannot know is what was counted while there was none
			t.Errorf("%v %s, want 1100", n, what)
		}
	}
}

// TestSteadyWithoutAllocations says that series which are known cost none.
func TestSteadyWithoutAllocations(t *testing.T) {
	measure := func(edges int) float64 {
		w := newWorld(t, Options{Raw: true})
		p := newEnvoy("a", "1")
		for i := range edges {
			to := string(rune('b' + i))
			p.answer(to, "2", 1)
			p.took(to, 7, 1)
			p.set("cluster.upstream_cx_active", to, 3)
		}
		w.second(p)
		w.second(p)
		at := w.now.UnixMilli()
		return testing.AllocsPerRun(50, func() {
			at += 1000
			p.stamp = at
			w.Push(p.src, time.UnixMilli(at), p.families)
			w.live.Push(p.src, time.UnixMilli(at), p.families)
			w.write(t.Context(), at, false)
		})
	}
	if few, many := measure(2), measure(20); many-few > 72 { // the store's own, for 144 series
		t.Errorf("%v allocations with 2 edges, %v with 20", few, many)
	}
}
