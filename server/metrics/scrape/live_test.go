package scrape

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
)

// sheet is the page of an Envoy that calls one cluster.
type sheet struct {
	mu      sync.Mutex
	started time.Time
	ok, bad int
	fast    int // of the answers, those within 10 ms
}

func (s *sheet) call(ok, bad, fast int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ok, s.bad, s.fast = s.ok+ok, s.bad+bad, s.fast+fast
}

// restart begins everything at zero.
func (s *sheet) restart(ok int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.started, s.ok, s.bad, s.fast = time.Now(), ok, 0, ok
}

func (s *sheet) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	cluster := mesh.EgressCluster("demo", "cart", mesh.HTTP, 8080)
	var b strings.Builder
	fmt.Fprintf(&b, "# TYPE envoy_server_uptime gauge\nenvoy_server_uptime{} %d\n", int(time.Since(s.started).Seconds()))
	b.WriteString("# TYPE envoy_cluster_upstream_rq_xx counter\n")
	for class, n := range map[int]int{2: s.ok, 5: s.bad} {
		fmt.Fprintf(&b, "envoy_cluster_upstream_rq_xx{envoy_response_code_class=\"%d\",envoy_cluster_name=%q} %d\n", class, cluster, n)
	}
	fmt.Fprintf(&b, "# TYPE envoy_cluster_upstream_cx_active gauge\nenvoy_cluster_upstream_cx_active{envoy_cluster_name=%q} 3\n", cluster)
	fmt.Fprintf(&b, "# TYPE envoy_cluster_outlier_detection_ejections_active gauge\nenvoy_cluster_outlier_detection_ejections_active{envoy_cluster_name=%q} 1\n", cluster)
	b.WriteString("# TYPE envoy_cluster_upstream_rq_time histogram\n")
	n := s.ok + s.bad
	for _, bucket := range []struct {
		le string
		n  int
	}{{"5", 0}, {"10", s.fast}, {"100", n}, {"+Inf", n}} {
		fmt.Fprintf(&b, "envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name=%q,le=%q} %d\n", cluster, bucket.le, bucket.n)
	}
	fmt.Fprintf(&b, "envoy_cluster_upstream_rq_time_sum{envoy_cluster_name=%q} %d\nenvoy_cluster_upstream_rq_time_count{envoy_cluster_name=%q} %d\n", cluster, 20*n, cluster, n)
	b.WriteString("# TYPE envoy_cluster_lb_healthy_panic counter\nenvoy_cluster_lb_healthy_panic{} 0\n")
	return b.String()
}

// edge is the only edge of the mesh.
func edge(live *metrics.Live) mesh.Edge {
	o := live.Observe("demo", metrics.MaxWindow, time.Now())
	if len(o.Edges) != 1 {
		return mesh.Edge{}
	}
	return o.Edges[0]
}

func TestLive(t *testing.T) {
	t.Parallel()
	for _, path := range []string{envoyPath, "/metrics"} { // the library converts histograms, or the tee does
		t.Run(path, func(t *testing.T) { lives(t, path) })
	}
}

func lives(t *testing.T, path string) {
	db, live := store(t), metrics.New(metrics.Options{})
	s := &sheet{started: time.Now().Add(-time.Hour), ok: 1000, bad: 50, fast: 500}
	j := quick("front", pages(t, s.text))
	j.Node, j.Path = mesh.GatewayID("front"), path
	scraper := begin(t, Options{Jobs: []Job{j}, Appendable: db, Live: live})

	eventually(t, "the edge appears", func() bool { return edge(live).To == "cart" })
	if e := edge(live); e.Requests != 0 || e.From != "gateway/front" || e.Connections != 3 || e.Ejected != 1 || e.P95 != 0 {
		t.Errorf("what was counted before the first page is none of the window's: %+v", e)
	}
	s.call(40, 10, 30)
	eventually(t, "the calls are seen", func() bool { return edge(live).Requests == 50 })
	e := edge(live)
	if e.ErrorRatio != 0.2 {
		t.Errorf("error ratio %v, want 0.2", e.ErrorRatio)
	}
	// 30 of 50 within (5,10] ms: the middle is 5 + 5·25/30; 95 % is 47.5, within (10,100]: 10 + 90·17.5/20.
	if p50, p95 := e.P50.Round(time.Millisecond/10), e.P95.Round(time.Millisecond/10); p50 != 9200*time.Microsecond || p95 != 88800*time.Microsecond {
		t.Errorf("p50 %v and p95 %v, want 9.2 and 88.8 ms", p50, p95)
	}
	s.restart(7)
	eventually(t, "calls after a restart are added", func() bool { return edge(live).Requests == 57 })

	if n, ls, newest := series(t, db, named("envoy_cluster_upstream_rq_time")); n != 1 || newest.H == nil || newest.H.Schema != -53 {
		t.Errorf("%d series %v, newest %+v: want one native histogram with custom buckets", n, ls, newest)
	}
	if n, ls, _ := series(t, db, named("up")); n != 1 || ls.Get(metrics.LabelSourceNode) != "gateway/front" {
		t.Errorf("%d series of up, %v", n, ls)
	}
	if n, _, _ := series(t, db, named("envoy_cluster_lb_healthy_panic")); n != 0 {
		t.Error("what nobody reads is stored")
	}
	if o := live.Observe("demo", time.Minute, time.Now()); o.Reporting != 1 {
		t.Errorf("%d report", o.Reporting)
	}
	if err := scraper.Reload(nil); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a target that is removed is gone", func() bool {
		return len(scraper.Targets()) == 0 && live.Observe("demo", time.Minute, time.Now()).Reporting == 0
	})
}

// TestDoubled has one proxy in two jobs: the live graph counts it once, and the second says so.
func TestDoubled(t *testing.T) {
	t.Parallel()
	live := metrics.New(metrics.Options{})
	s := &sheet{started: time.Now().Add(-time.Hour)}
	address := pages(t, s.text)
	a, b := quick("one", address), quick("two", address)
	a.Node, b.Node = "front", "front"
	scraper := begin(t, Options{Jobs: []Job{a, b}, Live: live})
	says := func(x, y string) bool {
		return target(scraper, x).State == query.OK && strings.Contains(target(scraper, y).Error, fmt.Sprintf("job %q reads the same proxy", x))
	}
	eventually(t, "one of the two feeds the graph", func() bool { return says("one", "two") || says("two", "one") })
	s.call(10, 0, 10)
	eventually(t, "calls count once", func() bool { return edge(live).Requests == 10 })
}

// TestStoreRefuses has a store that is full: the live graph goes on, and the target says what is missing.
func TestStoreRefuses(t *testing.T) {
	t.Parallel()
	live := metrics.New(metrics.Options{})
	s := &sheet{started: time.Now().Add(-time.Hour)}
	db := store(t)
	full := &full{AppendableV2: db}
	full.on.Store(true)
	scraper := begin(t, Options{Jobs: []Job{quick("front", pages(t, s.text))}, Appendable: full, Live: live})
	eventually(t, "the target says so", func() bool {
		got := target(scraper, "front")
		return got.State == query.Degraded && strings.Contains(got.Error, "since it refused them: no space left") && got.Dropped == 6
	})
	s.call(5, 0, 5)
	eventually(t, "the live graph goes on", func() bool { return edge(live).Requests == 5 })
	full.on.Store(false)
	eventually(t, "the target is well when there is room", func() bool { return target(scraper, "front").State == query.OK })
	s.call(5, 0, 5)
	eventually(t, "the live graph goes on", func() bool { return edge(live).Requests == 10 })
	if n, _, _ := series(t, db, named("envoy_cluster_upstream_rq_xx"), labels.MustNewMatcher(labels.MatchRegexp, "envoy_response_code_class", "2|5")); n != 2 {
		t.Errorf("%d series in the store, want 2", n)
	}
}
