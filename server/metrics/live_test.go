package metrics

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/weirmesh/weir/server/mesh"
)

// begin is a moment in the middle of a second, since no proxy flushes on the stroke.
func begin() time.Time { return time.UnixMilli(1_700_000_000_350) }

func edge(t testing.TB, l *Live, window time.Duration, now time.Time) mesh.Edge {
	t.Helper()
	o := l.Observe("m", window, now)
	if len(o.Edges) != 1 {
		t.Fatalf("%d edges", len(o.Edges))
	}
	return o.Edges[0]
}

// TestNoAllocations says that what is known already costs no allocation.
func TestNoAllocations(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "front", "1")
	for i := range 10 {
		fill(p, egress("m", fmt.Sprint("svc-", i)))
	}
	fill(p, mesh.IngressCluster("m", "front", mesh.HTTP, 8080))
	p.count("cluster.upstream_rq_total", "control_plane", 1)
	p.count("server.live", "", 1)
	p.receive(2, 10)
	at := begin()
	p.push(l, at)
	allocs := testing.AllocsPerRun(500, func() {
		at = at.Add(500 * time.Millisecond)
		step(p)
		p.stamp(at)
		l.Push(p.src, at, p.families)
	})
	if allocs != 0 {
		t.Errorf("%v allocations a flush", allocs)
	}
}

// TestRates holds rates against a steady load in every window, with the flushes at all phases.
func TestRates(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	cluster := egress("m", "b")
	at := begin()
	for range 2 * 400 { // 400 s
		at = at.Add(497 * time.Millisecond)
		p.answer(cluster, 2, 45)
		p.answer(cluster, 5, 5)
		p.took(cluster, 7, 50)
		p.push(l, at)
	}
	rate := 50 / 0.497
	for _, window := range []time.Duration{time.Second, 5 * time.Second, 10 * time.Second, 30 * time.Second, 31 * time.Second, time.Minute, 5 * time.Minute, time.Hour} {
		e := edge(t, l, window, at.Add(100*time.Millisecond))
		if math.Abs(e.RequestRate-rate) > 1e-6 || math.Abs(e.ErrorRatio-0.1) > 1e-9 || math.Abs(e.Classes[5]-rate/10) > 1e-6 {
			t.Errorf("%s: %v a second, %v failed", window, e.RequestRate, e.ErrorRatio)
		}
		span := min(max(window, MinWindow), MaxWindow).Seconds()
		cut := 1.1
		if span > 30 {
			cut = 5.6
		}
		if got := e.Requests / rate; math.Abs(got-span) > cut {
			t.Errorf("%s: %v s of requests", window, got)
		}
		if e.P50 < 5*time.Millisecond || e.P50 > 10*time.Millisecond || e.P99 > 10*time.Millisecond {
			t.Errorf("%s: p50 %s, p99 %s", window, e.P50, e.P99)
		}
	}
}

// TestBaseline says that what a proxy counted before it was first seen is in its counts and in no window.
func TestBaseline(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	p.answer(egress("m", "b"), 2, 1e6)
	p.push(l, begin())
	p.answer(egress("m", "b"), 2, 10)
	p.answer(egress("m", "b"), 5, 5) // began at zero: only what was used is reported
	now := begin().Add(500 * time.Millisecond)
	p.push(l, now)
	if e := edge(t, l, MinWindow, now); e.Requests != 15 || e.RequestRate != 15 {
		t.Errorf("%v requests, %v a second", e.Requests, e.RequestRate)
	}
	if c := l.Counts("m"); len(c) != 1 || c[0].Requests != 1e6+15 || c[0].Errors != 5 || !c[0].At.Equal(now) {
		t.Errorf("%+v", c)
	}
}

// TestYoung says that nothing is lost of a proxy that has just begun.
func TestYoung(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	p.started = begin().Add(-time.Second).UnixMilli()
	p.answer(egress("m", "b"), 2, 20)
	p.push(l, begin())
	if e := edge(t, l, MinWindow, begin()); e.Requests != 20 || e.RequestRate != 20 {
		t.Errorf("%v requests, %v a second", e.Requests, e.RequestRate)
	}
}

// TestRestart says that a proxy which begins again at zero loses nothing and adds nothing.
func TestRestart(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	at := begin()
	p.push(l, at)
	for range 4 {
		at = at.Add(500 * time.Millisecond)
		p.answer(egress("m", "b"), 2, 10)
		p.push(l, at)
	}
	p.restart()
	for range 4 {
		at = at.Add(500 * time.Millisecond)
		p.answer(egress("m", "b"), 2, 3)
		p.push(l, at)
	}
	if e := edge(t, l, 10*time.Second, at); e.Requests != 52 {
		t.Errorf("%v requests", e.Requests)
	}
	if c := l.Counts("m")[0]; c.Requests != 52 {
		t.Errorf("%v counted", c.Requests)
	}
}

// TestRepetition says that a repeated and a late message change nothing.
func TestRepetition(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	cluster := egress("m", "b")
	at := begin()
	p.answer(cluster, 2, 0)
	p.push(l, at)
	p.answer(cluster, 2, 10)
	p.took(cluster, 7, 10)
	at = at.Add(500 * time.Millisecond)
	p.stamp(at)
	l.Push(p.src, at, p.families)
	old := clone(p.families)
	l.Push(p.src, at.Add(20*time.Millisecond), p.families)
	p.empty()
	p.answer(cluster, 2, 10)
	p.took(cluster, 7, 10)
	at = at.Add(500 * time.Millisecond)
	p.push(l, at)
	l.Push(p.src, at.Add(10*time.Millisecond), old)
	l.Push(p.src, at.Add(-time.Second), old)
	if e := edge(t, l, MinWindow, at); e.Requests != 20 {
		t.Errorf("%v requests", e.Requests)
	}
	sum := uint32(0)
	for _, c := range l.find("m").edges[pair{"a", "b"}].ring.now()[columns:] {
		sum += c
	}
	if sum != 20 {
		t.Errorf("%d latencies", sum)
	}
	// A clock that was set back by more than a flush's delay is a clock, not a late message.
	p.answer(cluster, 2, 10)
	p.stamp(at.Add(-time.Hour))
	l.Push(p.src, at.Add(500*time.Millisecond), p.families)
	if c := l.Counts("m")[0]; c.Requests != 30 {
		t.Errorf("%v counted after the clock was set", c.Requests)
	}
}

func clone(families []*dto.MetricFamily) []*dto.MetricFamily {
	list := make([]*dto.MetricFamily, len(families))
	for i, f := range families {
		list[i] = proto.CloneOf(f)
	}
	return list
}

// TestGone says that the gauges of a proxy end with it, its counts stay for their window, and it comes back as it was.
func TestGone(t *testing.T) {
	l := New(Options{})
	a, b := newProxy("m", "a", "1"), newProxy("m", "a", "2")
	at := begin()
	push := func(n float64, proxies ...*proxy) {
		at = at.Add(500 * time.Millisecond)
		for _, p := range proxies {
			p.answer(egress("m", "b"), 2, n)
			p.set("cluster.upstream_rq_active", egress("m", "b"), 4)
			p.set("cluster.upstream_cx_active", egress("m", "b"), 2)
			p.push(l, at)
		}
	}
	push(0, a, b)
	push(10, a, b)
	if e := edge(t, l, MinWindow, at); e.Active != 8 || e.Connections != 4 || e.Instances != 2 || e.Requests != 20 {
		t.Errorf("%+v", e)
	}
	l.Gone(b.src)
	l.Gone(b.src)
	l.Gone(mesh.Source{Mesh: "m", Proxy: "nobody"})
	l.Gone(mesh.Source{Mesh: "nowhere", Proxy: "nobody"})
	o := l.Observe("m", MinWindow, at)
	if e := o.Edges[0]; e.Active != 4 || e.Connections != 2 || e.Instances != 1 || e.Requests != 20 {
		t.Errorf("%+v", e)
	}
	if o.Reporting != 1 || !o.Oldest.Equal(at) || !o.Fresh {
		t.Errorf("%d report since %s, fresh %v", o.Reporting, o.Oldest, o.Fresh)
	}
	push(10, a, b)
	if e := edge(t, l, MinWindow, at); e.Active != 8 || e.Requests != 40 || e.Instances != 2 {
		t.Errorf("back again: %+v", e)
	}
	l.Gone(a.src)
	l.Gone(b.src)
	e := edge(t, l, MinWindow, at.Add(3*time.Second))
	if e.Active != 0 || e.RequestRate <= 0 || e.RequestRate > 15 {
		t.Errorf("after the last one went: %+v", e)
	}
	if o := l.Observe("m", MaxWindow, at.Add(MaxWindow+time.Minute)); len(o.Edges) != 0 {
		t.Errorf("not forgotten: %+v", o.Edges)
	}
	at = at.Add(MaxWindow + 2*time.Minute)
	push(0, a)
	if c := l.Counts("m"); len(c) != 1 || c[0].Requests < 40 {
		t.Errorf("counts fell: %+v", c)
	}
}

// TestRemovedCluster says that a cluster which its proxy no longer reports keeps no gauges and holds nothing back.
func TestRemovedCluster(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	at := begin()
	p.set("cluster.upstream_cx_active", egress("m", "b"), 7)
	p.set("cluster.membership_total", egress("m", "b"), 2)
	p.push(l, at)
	p.restart()
	for range 30 {
		at = at.Add(500 * time.Millisecond)
		p.answer(egress("m", "c"), 2, 1)
		p.push(l, at)
	}
	o := l.Observe("m", MinWindow, at)
	if len(o.Edges) != 2 || o.Edges[0].Connections != 0 || o.Edges[0].Members != 0 || o.Edges[0].Instances != 0 || o.Edges[1].Requests == 0 {
		t.Errorf("%+v", o.Edges)
	}
	for range 2 * 400 {
		at = at.Add(500 * time.Millisecond)
		p.push(l, at)
	}
	if o := l.Observe("m", MinWindow, at); len(o.Edges) != 1 {
		t.Errorf("not forgotten: %+v", o.Edges)
	}
}

// TestFresh says when a proxy is late: after three of its own flushes.
func TestFresh(t *testing.T) {
	l := New(Options{})
	quick, slow := newProxy("m", "a", "1"), newProxy("m", "a", "2")
	at := begin()
	for i := range 100 {
		at = at.Add(500 * time.Millisecond)
		quick.set("cluster.upstream_cx_active", egress("m", "b"), 1)
		quick.push(l, at)
		if i%10 == 0 {
			slow.set("cluster.upstream_cx_active", egress("m", "b"), 1)
			slow.push(l, at)
		}
	}
	for _, c := range []struct {
		after time.Duration
		fresh bool
	}{{0, true}, {1900 * time.Millisecond, true}, {2100 * time.Millisecond, false}, {time.Minute, false}} {
		o := l.Observe("m", MinWindow, at.Add(c.after))
		if o.Fresh != c.fresh {
			t.Errorf("%s after: fresh %v; %d report since %s", c.after, o.Fresh, o.Reporting, o.Oldest)
		}
	}
	// The edge is as old as the proxy that was silent longest.
	if e := edge(t, l, MinWindow, at); !e.At.Equal(at.Add(-4500 * time.Millisecond)) {
		t.Errorf("at %s, now %s", e.At, at)
	}
}

// TestLimits says that what is over a limit is dropped, counted, and does no harm.
func TestLimits(t *testing.T) {
	l := New(Options{SeriesLimit: 50, LabelLimit: 60})
	p := newProxy("m", "a", "1")
	at := begin()
	for i := range 100 {
		p.set("cluster.upstream_cx_active", egress("m", fmt.Sprint("n", i)), 1)
	}
	p.push(l, at)
	if n := l.Over(p.src); n != 50 {
		t.Errorf("%d over", n)
	}
	if n := len(l.Observe("m", MinWindow, at).Edges); n != 50 {
		t.Errorf("%d edges", n)
	}
	p.restart()
	p.set("cluster.upstream_cx_active", egress("m", "n1"), 3)
	p.push(l, at.Add(time.Second))
	p.push(l, at.Add(2*time.Second))
	if n := l.Over(p.src); n != 0 {
		t.Errorf("%d still over", n)
	}
	p.set("cluster.upstream_cx_active", egress("m", fmt.Sprint(make([]byte, 60))), 3)
	p.push(l, at.Add(3*time.Second))
	if n := l.Over(p.src); n != 1 {
		t.Errorf("%d over for a long name", n)
	}
	if l.Over(mesh.Source{Mesh: "m", Proxy: "x"}) != 0 || l.Over(mesh.Source{Mesh: "x"}) != 0 {
		t.Error("a proxy that nobody knows is over")
	}
}

// TestNonsense says that numbers no proxy should send do not get in.
func TestNonsense(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	cluster := egress("m", "b")
	at := begin()
	p.answer(cluster, 2, 1)
	p.push(l, at)
	for _, v := range []float64{math.NaN(), math.Inf(1), -5, 1e18} {
		*p.metric("cluster.upstream_rq_retry", dto.MetricType_COUNTER, clusterLabel, cluster).Counter.Value = v
		p.set("cluster.upstream_cx_active", cluster, v)
		at = at.Add(500 * time.Millisecond)
		p.push(l, at)
	}
	p.set("cluster.upstream_cx_active", cluster, 0)
	h := p.metric("cluster.upstream_rq_time", dto.MetricType_HISTOGRAM, clusterLabel, cluster).Histogram
	*h.SampleCount = 10 // without any bucket counting it: slower than all of them
	at = at.Add(500 * time.Millisecond)
	p.push(l, at)
	l.Push(p.src, at, []*dto.MetricFamily{nil, {}, {Name: proto.String("cluster.upstream_rq_xx"), Metric: []*dto.Metric{nil, {}}}})
	e := edge(t, l, MinWindow, at)
	if math.IsNaN(e.Retries) || e.Retries != 0 || e.Connections != 0 || e.P50 != 10*time.Second {
		t.Errorf("%+v", e)
	}
}

// TestConcurrency pushes, reads and disconnects at once; the race detector is the judge.
func TestConcurrency(t *testing.T) {
	l := New(Options{})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			p := newProxy(fmt.Sprint("m", i%2), "a", fmt.Sprint(i))
			at := begin()
			for n := range 200 {
				at = at.Add(500 * time.Millisecond)
				p.answer(egress(p.src.Mesh, fmt.Sprint("n", n%7)), 2, 1)
				p.took(egress(p.src.Mesh, "n1"), 3, 1)
				p.push(l, at)
				if n%50 == 49 {
					l.Gone(p.src)
				}
				l.Over(p.src)
			}
		})
	}
	for range 2 {
		wg.Go(func() {
			for i := range 300 {
				o := l.Observe(fmt.Sprint("m", i%2), 10*time.Second, begin().Add(time.Minute))
				if len(o.Edges) > 7 {
					t.Errorf("%d edges", len(o.Edges))
				}
				l.Counts("m0")
			}
		})
	}
	wg.Wait()
	sum := 0.0
	for _, c := range append(l.Counts("m0"), l.Counts("m1")...) {
		sum += c.Requests
	}
	if sum != 800 {
		t.Errorf("%v requests of 800", sum)
	}
}
