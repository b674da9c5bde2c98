package record

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

// world is a recorder with a real store, whose clock the test holds.
type world struct {
	t testing.TB
	*Recorder
	asker
	live *metrics.Live
	now  time.Time
}

func newWorld(t testing.TB, o Options) *world {
	db := openStore(t)
	live := metrics.New(metrics.Options{})
	o.Appendable, o.Live = db, live
	if o.Step == 0 {
		o.Step = time.Second
	}
	return &world{t, New(o), newAsker(t, db), live, begin()}
}

// second lets the proxies push and a second go by.
func (w *world) second(proxies ...*envoy) {
	w.t.Helper()
	w.now = w.now.Add(time.Second)
	for _, p := range proxies {
		p.push(w.now.Add(-100*time.Millisecond), w.live, w.Recorder)
	}
	w.write(w.t.Context(), w.now.UnixMilli(), false)
}

func (w *world) gone(p *envoy) {
	w.live.Gone(p.src)
	w.Gone(p.src)
}

// TestRawNames says that series are called as on Envoy's own page, and whose they are.
func TestRawNames(t *testing.T) {
	w := newWorld(t, Options{Raw: true})
	p := newEnvoy("a", "1")
	p.src.Gateway = true
	p.answer("b", "2", 5)
	p.set("cluster.outlier_detection.ejections_active", "b", 0)
	p.took("b", 7, 2)
	*p.metric(dto.MetricType_GAUGE, "server.uptime").Gauge.Value = 99
	*p.metric(dto.MetricType_COUNTER, "http.no_route", "envoy.http_conn_manager_prefix", "egress", "mesh", "theirs", "a-b", "c\xff").Counter.Value = 1
	w.second(p)
	of := []string{"mesh", "m", "proxy", "a-1", "source_node", "gateway/a"}
	cluster := []string{"envoy_cluster_name", egress("b")}
	want := map[string][]string{}
	for _, s := range []struct {
		name, sample string
		labels       []string
	}{
		{"envoy_cluster_upstream_rq_xx", "1:5", append(cluster, "envoy_response_code_class", "2")},
		{"envoy_cluster_outlier_detection_ejections_active", "1:0", cluster},
		{"envoy_server_uptime", "1:99", nil},
		{"envoy_http_no_route", "1:1", []string{"envoy_http_conn_manager_prefix", "egress", "exported_mesh", "theirs", "a_b", "c�"}},
	} {
		want[labels.FromStrings(slices.Concat(of, s.labels, []string{model.MetricNameLabel, s.name})...).String()] = []string{s.sample}
	}
	// Histograms begin at zero, in Envoy's milliseconds.
	want[labels.FromStrings(slices.Concat(of, cluster, []string{model.MetricNameLabel, "envoy_cluster_upstream_rq_time"})...).String()] = []string{
		"0:0/0[0 0 0 0 0 0 0 0 0 0 0 0 0]", "1:2/14[0 0 0 2 0 0 0 0 0 0 0 0 0]",
	}
	if d := cmp.Diff(want, w.samples(labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, "envoy_.*"))); d != "" {
		t.Error(d)
	}
}

// only gives the one series with a name.
func (w *world) only(n string) []string {
	w.t.Helper()
	found := w.samples(name(n))
	if len(found) != 1 {
		w.t.Fatalf("%d series of %s: %v", len(found), n, found)
	}
	for _, list := range found {
		return list
	}
	return nil
}

func (w *world) want(n string, samples ...string) {
	w.t.Helper()
	if d := cmp.Diff(samples, w.only(n)); d != "" {
		w.t.Errorf("%s: %s", n, d)
	}
}

// TestRawCounters says when a counter is known to have begun at zero, and that it ends with its cluster.
func TestRawCounters(t *testing.T) {
	w := newWorld(t, Options{Raw: true})
	p := newEnvoy("a", "1")
	p.count("cluster.upstream_cx_total", "b", 1000) // before Weir knew of it
	w.second(p)
	p.count("cluster.upstream_cx_total", "b", 1)
	p.count("cluster.upstream_rq_retry", "b", 7) // appears now: began at zero
	w.second(p)
	p.restart()
	p.count("cluster.upstream_cx_total", "b", 3)
	for range 4 {
		w.second(p)
	}
	w.want("envoy_cluster_upstream_cx_total", "1:1000", "2:1001", "3:3", "4:3", "5:3", "6:3")
	w.want("envoy_cluster_upstream_rq_retry", "1:0", "2:7", "3:7", "4:7", "5:stale")
	if n := w.Counts().Raw; n != 1 {
		t.Errorf("%d series", n)
	}
	young := newEnvoy("y", "1")
	young.count("cluster.upstream_cx_overflow", "b", 4)
	*young.metric(dto.MetricType_GAUGE, "server.uptime").Gauge.Value = 1
	w.second(young)
	w.want("envoy_cluster_upstream_cx_overflow", "6:0", "7:4")
}

// TestRawGone says that what a proxy said last is kept, and that its series end with it and go on when it is back.
func TestRawGone(t *testing.T) {
	w := newWorld(t, Options{Raw: true, Step: 5 * time.Second})
	p := newEnvoy("a", "1")
	p.count("cluster.upstream_cx_total", "b", 1)
	for range 5 {
		w.second(p)
	}
	p.count("cluster.upstream_cx_total", "b", 1)
	p.took("b", 7, 1)
	p.push(w.now, w.live, w.Recorder)
	w.gone(p)
	w.second()
	w.second()
	list := w.only("envoy_cluster_upstream_cx_total")
	if got := list[len(list)-2:]; !slices.Equal(got, []string{"6:2", "7:stale"}) {
		t.Errorf("%v", list)
	}
	if list = w.only("envoy_cluster_upstream_rq_time"); list[len(list)-1] != "7:stale" {
		t.Errorf("%v", list)
	}
	if c := w.Counts(); c.Raw != 0 || c.Refused != 0 {
		t.Errorf("%+v", c)
	}
	p.count("cluster.upstream_cx_total", "b", 1)
	for range 5 {
		w.second(p)
	}
	if list = w.only("envoy_cluster_upstream_cx_total"); !strings.HasSuffix(list[len(list)-1], ":3") {
		t.Errorf("%v", list)
	}
	// One that is connected and says nothing ends too.
	for range 20 {
		w.second()
	}
	if list = w.only("envoy_cluster_upstream_cx_total"); !strings.HasSuffix(list[len(list)-1], ":stale") {
		t.Errorf("%v", list)
	}
	// Its name goes to another node.
	p.src.Node = "z"
	p.push(w.now, w.live, w.Recorder)
	w.gone(p)
	for range 3 {
		w.second()
	}
	if c := w.Counts(); c.Raw != 0 || len(w.proxies) != 0 || len(w.leaving) != 0 {
		t.Errorf("%+v, %d proxies, %d leaving", c, len(w.proxies), len(w.leaving))
	}
}

// TestRawRepetition says that late, repeated and doubled messages change nothing, and that what is no number is left out.
func TestRawRepetition(t *testing.T) {
	w := newWorld(t, Options{Raw: true})
	p := newEnvoy("a", "1")
	p.count("cluster.upstream_cx_total", "b", 10)
	p.took("b", 7, 4)
	p.stamp = w.now.UnixMilli()
	for range 2 {
		w.Push(p.src, w.now, append(p.families, p.families...))
	}
	p.stamp -= 2000
	*p.metric(dto.MetricType_COUNTER, "cluster.upstream_cx_total", clusterLabel, egress("b")).Counter.Value = 3
	w.Push(p.src, w.now, p.families)
	w.second()
	w.want("envoy_cluster_upstream_cx_total", "1:10")
	w.want("envoy_cluster_upstream_rq_time", "0:0/0[0 0 0 0 0 0 0 0 0 0 0 0 0]", "1:4/28[0 0 0 4 0 0 0 0 0 0 0 0 0]")
	for _, v := range []float64{math.NaN(), math.Inf(1), -1} {
		*p.metric(dto.MetricType_COUNTER, "cluster.upstream_rq_retry", clusterLabel, egress("b")).Counter.Value = v
		p.set("cluster.upstream_cx_active", "b", v*math.Inf(1))
		w.second(p)
	}
	w.Push(p.src, w.now, []*dto.MetricFamily{nil, {}, {Type: dto.MetricType_HISTOGRAM.Enum(), Metric: []*dto.Metric{nil, {}}}})
	if n := len(w.samples(name("envoy_cluster_upstream_rq_retry"))) + len(w.samples(name("envoy_cluster_upstream_cx_active"))); n != 0 {
		t.Errorf("%d series of what is no number", n)
	}
}

// TestRawHistograms says that buckets which cannot be are dropped and counted, and that other buckets begin anew.
func TestRawHistograms(t *testing.T) {
	w := newWorld(t, Options{Raw: true})
	p := newEnvoy("a", "1")
	p.took("b", 7, 1)
	w.second(p)
	h := p.metric(dto.MetricType_HISTOGRAM, "cluster.upstream_rq_time", clusterLabel, egress("b")).Histogram
	h.Bucket[3].UpperBound = new(math.NaN())
	*h.SampleCount = 5
	w.second(p)
	if n := w.Over(p.src); n != 1 {
		t.Errorf("%d over", n)
	}
	h.Bucket = []*dto.Bucket{
		{UpperBound: new(20.0), CumulativeCount: new(uint64)},
		{UpperBound: new(math.Inf(1)), CumulativeCount: new(uint64)},
	}
	p.took("b", 7, 2)
	p.took("b", 70, 1)
	w.second(p)
	w.want("envoy_cluster_upstream_rq_time", "0:0/0[0 0 0 0 0 0 0 0 0 0 0 0 0]",
		"1:1/7[0 0 0 1 0 0 0 0 0 0 0 0 0]", "2:1/7[0 0 0 1 0 0 0 0 0 0 0 0 0]", "3:3/84[2 1]")
	for range 70 {
		h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: new(float64(len(h.Bucket)) * 100), CumulativeCount: new(uint64)})
	}
	*h.SampleCount = 1
	w.second(p)
	if c := w.Counts(); c.Dropped != 2 || w.Over(p.src) != 1 {
		t.Errorf("%+v, %d over", c, w.Over(p.src))
	}
}

// TestCaps says that edges and nodes go before what proxies push, and that everything left out is counted.
func TestCaps(t *testing.T) {
	w := newWorld(t, Options{Raw: true, SeriesLimit: 150, ProxyLimit: 100})
	greedy := newEnvoy("a", "1")
	for i := range 3000 {
		greedy.count(fmt.Sprint("custom.made_up_", i), "b", 1)
	}
	greedy.count("cluster.upstream_cx_total", strings.Repeat("x", 10_000), 1)
	w.second(greedy)
	if n := w.Over(greedy.src); n != 2901 {
		t.Errorf("%d over, want 2901", n)
	}
	if c := w.Counts(); c.Raw != 100 || c.Dropped != 2901 {
		t.Errorf("%+v", c)
	}
	front := newEnvoy("f", "1")
	for i := range 7 {
		front.answer(fmt.Sprint("n", i), "2", 1)
		front.set("cluster.upstream_cx_active", fmt.Sprint("n", i), 1)
	}
	w.second(greedy, front)
	w.second(greedy, front)
	c := w.Counts()
	if edges := w.number(w.now, "count(weir_edge_proxies)"); edges != 7 || c.Raw+c.Rollups > 150 {
		t.Errorf("%v edges, %+v", edges, c)
	}
	if w.Over(greedy.src) != 3001 && w.Over(front.src) == 0 {
		t.Errorf("%d and %d over", w.Over(greedy.src), w.Over(front.src))
	}
	if w.Over(mesh.Source{Mesh: "m", Proxy: "nobody"}) != 0 {
		t.Error("a proxy that nobody knows is over")
	}
	// With the edges gone there is room again.
	w.gone(front)
	w.gone(greedy)
	for range 400 {
		w.second(newEnvoy("idle", "1"))
	}
	if c := w.Counts(); c.Rollups > 5 || c.Raw != 0 {
		t.Errorf("%+v", c)
	}
	w.second(greedy)
	w.second(greedy)
	if c := w.Counts(); c.Raw != 100 {
		t.Errorf("%+v", c)
	}
}

// TestNotNew says that a counter for which there was no room until now is not taken for one that began at zero.
func TestNotNew(t *testing.T) {
	w := newWorld(t, Options{Raw: true, ProxyLimit: 1})
	p := newEnvoy("a", "1")
	p.count("cluster.upstream_cx_total", "b", 1)
	p.count("cluster.upstream_rq_retry", "b", 500)
	w.second(p)
	p.families = p.families[1:] // the first one goes, and leaves its room
	for range 5 {
		w.second(p)
	}
	if list := w.only("envoy_cluster_upstream_rq_retry"); !strings.HasSuffix(list[0], ":500") {
		t.Errorf("%v", list)
	}
}
