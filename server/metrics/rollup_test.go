package metrics

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"

	"github.com/weirmesh/weir/server/mesh"
)

// rollups copies what is visited.
func rollups(l *Live, name string) []Rollup {
	var list []Rollup
	l.Rollups(name, func(r *Rollup) {
		c := *r
		c.Bounds, c.Buckets = slices.Clone(r.Bounds), slices.Clone(r.Buckets)
		list = append(list, c)
	})
	return list
}

// TestRollupsAgree says that two readings differ by exactly what Observe sees between them.
func TestRollupsAgree(t *testing.T) {
	l := New(Options{})
	list := recorded(t)
	for _, m := range list {
		l.Push(front, m.at, m.families)
	}
	end := list[len(list)-1].at
	o := l.Observe("demo", MaxWindow, end)
	span := end.Sub(list[0].at).Seconds()
	got := rollups(l, "demo")
	if len(got) != len(o.Edges)+1 || got[len(o.Edges)].From != "" || got[len(o.Edges)].To != "front" {
		t.Fatalf("%d rollups, %d edges: %+v", len(got), len(o.Edges), got)
	}
	check := func(what string, r Rollup, e mesh.Traffic) {
		for class, n := range r.Classes {
			near(t, fmt.Sprint(what, " class ", class), n, e.Classes[class]*span)
		}
		sum := r.Opened
		for _, n := range r.Classes {
			sum += n
		}
		near(t, what+" requests", sum, e.Requests)
		for name, pair := range map[string][2]float64{
			"bytes": {r.Bytes, e.BytesRate}, "retries": {r.Retries, e.Retries}, "timeouts": {r.Timeouts, e.Timeouts},
			"exhausted": {r.Exhausted, e.Exhausted}, "overflow": {r.Overflow, e.OverflowRate}, "fails": {r.Fails, e.FailRate},
			"no host": {r.NoHost, e.NoHost}, "resets": {r.Resets, e.Resets},
		} {
			near(t, what+" "+name, pair[0], pair[1]*span)
		}
		if r.Active != e.Active || r.Pending != e.Pending || r.Connections != e.Connections || r.Members != e.Members || r.Healthy != e.Healthy || r.Ejected != e.Ejected {
			t.Errorf("%s: %+v, seen %+v", what, r, e)
		}
	}
	for i, e := range o.Edges {
		r := got[i]
		if r.From != e.From || r.To != e.To || r.Protocol != e.Protocol || r.Proxies != e.Instances || !r.At.Equal(e.At) || r.Abandoned {
			t.Errorf("%+v, seen %+v", r, e)
		}
		check(e.To, r, e.Traffic)
		near(t, e.To+" latencies", sumUp(r.Buckets), samples(l, e.To))
	}
	in := o.Arrival("front").Traffic
	in.PoolUse = o.Arrival("front").Pool
	check("inbound", got[len(o.Edges)], in)
	if n := got[len(o.Edges)]; n.NoRoute != 4 || n.Proxies != 1 || n.InFlight != in.InFlight {
		t.Errorf("%+v", n)
	}
	if !slices.Equal(l.Meshes(), []string{"demo"}) || rollups(l, "nowhere") != nil {
		t.Errorf("meshes %v", l.Meshes())
	}
}

func sumUp(list []float64) float64 {
	sum := 0.0
	for _, n := range list {
		sum += n
	}
	return sum
}

// TestRollupsNeverWrap says that a counter goes on where 32 bits end.
func TestRollupsNeverWrap(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	at := begin()
	p.answer(egress("m", "b"), 2, 1)
	p.push(l, at)
	const each = 1 << 29
	for i := range 20 {
		at = at.Add(time.Second)
		p.answer(egress("m", "b"), 2, each)
		p.took(egress("m", "b"), 7, each)
		p.push(l, at)
		r := rollups(l, "m")[0]
		if want := float64(i+1) * each; r.Classes[2] != want || r.Buckets[3] != want || sumUp(r.Buckets) != want || r.Sum != want*7.5 {
			t.Fatalf("after %d: %+v", i+1, r)
		}
		if i == 17 { // other columns join after some have wrapped
			f := l.find("m").edges[pair{"a", "b"}]
			f.ring.widen(f.ring.width + 1)
		}
	}
	if e := edge(t, l, MinWindow, at); math.Abs(e.Requests-each*5) > each {
		t.Errorf("%v in the window", e.Requests)
	}
}

// TestRollupsAcrossRestart says that counters never fall: not when a proxy restarts, not when it goes and comes back.
func TestRollupsAcrossRestart(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	at := begin()
	p.push(l, at)
	push := func(n float64) Rollup {
		at = at.Add(500 * time.Millisecond)
		p.answer(egress("m", "b"), 2, n)
		p.push(l, at)
		return rollups(l, "m")[0]
	}
	push(10)
	p.restart()
	if r := push(3); r.Classes[2] != 13 || r.Abandoned || r.Proxies != 1 {
		t.Errorf("%+v", r)
	}
	l.Gone(p.src)
	list := rollups(l, "m")
	if r := list[0]; r.Classes[2] != 13 || !r.Abandoned || r.Proxies != 0 || !r.At.Equal(at) {
		t.Errorf("%+v", r)
	}
	if r := list[1]; r.To != "a" || !r.Abandoned || r.Proxies != 0 || !r.At.Equal(at) {
		t.Errorf("%+v", r)
	}
	if r := push(1); r.Classes[2] != 14 || r.Abandoned {
		t.Errorf("%+v", r)
	}
}

// TestRollupsOfNodes says that a node whose proxies receive nothing is there too, with its proxies and their age.
func TestRollupsOfNodes(t *testing.T) {
	l := New(Options{})
	a, b := newProxy("m", "a", "1"), newProxy("m", "a", "2")
	c := newProxy("m", "c", "1")
	c.src.Gateway = true
	c.receive(2, 0)
	for i, p := range []*proxy{a, b, c} {
		p.push(l, begin().Add(time.Duration(i)*time.Second))
	}
	want := []Rollup{
		{To: "a", Proxies: 2, At: begin()},
		{To: "gateway/c", Proxies: 1, At: begin().Add(2 * time.Second)},
	}
	got := rollups(l, "m")
	for i := range got {
		got[i].Buckets = nil
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

// TestRollupsNoAllocations says that reading costs no allocation.
func TestRollupsNoAllocations(t *testing.T) {
	l := New(Options{})
	warm(l, large("big", 20, 80), 3)
	n := 0
	visit := func(*Rollup) { n++ }
	if allocs := testing.AllocsPerRun(100, func() { l.Rollups("big", visit) }); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	if n != 101*(80+20) {
		t.Errorf("%d visits", n)
	}
}

// TestResets says what counts as cut off by the destination.
func TestResets(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	tcp := mesh.EgressCluster("m", "t", mesh.TCP, 9000)
	own := mesh.IngressCluster("m", "a", mesh.HTTP, 8080)
	p.push(l, begin())
	p.count("cluster.upstream_rq_rx_reset", egress("m", "b"), 3)
	p.count("cluster.upstream_cx_destroy_remote_with_active_rq", egress("m", "b"), 2)
	p.count("cluster.upstream_rq_tx_reset", egress("m", "b"), 100) // the proxy's own: timeouts and callers who hung up
	p.answer(egress("m", "b"), 5, 5)
	p.count("cluster.upstream_cx_destroy_remote_with_active_rq", tcp, 7) // how every connection ends
	p.count("cluster.upstream_rq_total", tcp, 7)
	p.count("cluster.upstream_rq_rx_reset", own, 4)
	p.receive(5, 4)
	at := begin().Add(time.Second)
	p.push(l, at)
	o := l.Observe("m", MinWindow, at)
	if e := o.Edges[0]; e.Resets != 5 || e.Requests != 5 || e.ErrorRatio != 1 {
		t.Errorf("%+v", e)
	}
	if e := o.Edges[1]; e.Resets != 0 || e.Requests != 7 || e.ErrorRatio != 0 {
		t.Errorf("%+v", e)
	}
	if in := o.Arrival("a").Traffic; in.Resets != 4 || in.Requests != 4 {
		t.Errorf("%+v", in)
	}
	if r := rollups(l, "m"); r[0].Resets != 5 || r[1].Resets != 0 || r[2].Resets != 4 {
		t.Errorf("%+v", r)
	}
}

// TestSumOf says how long requests took together: as their proxy summed, else by the middles of the buckets.
func TestSumOf(t *testing.T) {
	for _, c := range []struct {
		sum  *float64
		want float64
	}{
		{new(123.0), 123},
		{new(0.0), 0}, // Envoy counts whole milliseconds
		{nil, 4*0.5 + 3*5.5 + 2*10},
		{new(math.NaN()), 4*0.5 + 3*5.5 + 2*10},
		{new(-1.0), 4*0.5 + 3*5.5 + 2*10},
		{new(math.Inf(1)), 4*0.5 + 3*5.5 + 2*10},
	} {
		h := &dto.Histogram{SampleCount: proto.Uint64(9), SampleSum: c.sum, Bucket: []*dto.Bucket{
			{UpperBound: new(1.0), CumulativeCount: proto.Uint64(4)},
			{UpperBound: new(10.0), CumulativeCount: proto.Uint64(7)},
			{UpperBound: new(math.NaN()), CumulativeCount: proto.Uint64(7)},
			{UpperBound: new(math.Inf(1)), CumulativeCount: proto.Uint64(9)},
		}}
		if got := sumOf(h); got != c.want {
			t.Errorf("sum %v: %v, want %v", c.sum, got, c.want)
		}
	}
}
