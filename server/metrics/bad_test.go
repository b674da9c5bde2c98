package metrics

import (
	"fmt"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/weirmesh/weir/server/mesh"
)

// TestManyValues says that a label with 100,000 values costs what the limit allows, and that the rest is counted.
func TestManyValues(t *testing.T) {
	l := New(Options{SeriesLimit: 1000})
	p := newProxy("m", "a", "1")
	at := begin()
	p.answer(egress("m", "real"), 2, 0)
	p.push(l, at)
	before := heap()
	const values = 100_000
	for round := range 2 {
		at = at.Add(500 * time.Millisecond)
		p.stamp(at)
		family := &dto.MetricFamily{Name: new("cluster.upstream_rq_total")}
		m := &dto.Metric{Counter: &dto.Counter{Value: new(1.0)}, TimestampMs: new(at.UnixMilli()), Label: []*dto.LabelPair{{Name: new(clusterLabel)}}}
		family.Metric = []*dto.Metric{m}
		l.Push(p.src, at, p.families)
		for i := range values {
			m.Label[0].Value = new(fmt.Sprint("made-up-", i))
			l.Push(p.src, at, []*dto.MetricFamily{family})
		}
		if n := l.Over(p.src); n < values-1000 || n > values {
			t.Errorf("round %d: %d over", round, n)
		}
	}
	if grown := heap() - before; grown > 4<<20 {
		t.Errorf("%d bytes kept", grown)
	}
	p.answer(egress("m", "real"), 2, 5)
	p.push(l, at.Add(time.Second))
	if e := edge(t, l, MinWindow, at.Add(time.Second)); e.Requests != 5 {
		t.Errorf("the edge that was there before: %+v", e)
	}
}

func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestLongLabel says that a label value of 10 kB is dropped and counted.
func TestLongLabel(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	p.answer(egress("m", strings.Repeat("x", 10_000)), 2, 1)
	p.answer(egress("m", "b"), 2, 1)
	p.push(l, begin())
	if n := l.Over(p.src); n != 1 {
		t.Errorf("%d over", n)
	}
	if e := edge(t, l, MinWindow, begin()); e.To != "b" {
		t.Errorf("%+v", e)
	}
}

// TestDoubleSeries says that a series which a flush has twice counts as the last of them says, and its latencies once.
func TestDoubleSeries(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	cluster := egress("m", "b")
	p.answer(cluster, 2, 0)
	p.push(l, begin())
	p.answer(cluster, 2, 10)
	p.took(cluster, 7, 10)
	at := begin().Add(time.Second)
	p.stamp(at)
	twice := append(clone(p.families), clone(p.families)...)
	l.Push(p.src, at, twice)
	r := rollups(l, "m")[0]
	if r.Classes[2] != 10 || sumUp(r.Buckets) != 10 {
		t.Errorf("%+v", r)
	}
}

// TestBackwards says that time which runs backwards, ours or the proxy's, adds nothing and takes nothing away.
func TestBackwards(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	cluster := egress("m", "b")
	p.answer(cluster, 2, 0)
	at := begin()
	p.push(l, at)
	want := 0.0
	for _, step := range []time.Duration{time.Second, -time.Hour, time.Second, 2 * time.Hour, -5 * time.Second, time.Second, -24 * time.Hour, time.Second} {
		at = at.Add(step)
		p.answer(cluster, 2, 10)
		p.took(cluster, 3, 1)
		p.push(l, at)
		want += 10
		r := rollups(l, "m")[0]
		if r.Classes[2] > want {
			t.Fatalf("%v counted of %v", r.Classes[2], want)
		}
		if e := edge(t, l, MinWindow, at); e.RequestRate < 0 || math.IsNaN(e.RequestRate) || math.IsInf(e.RequestRate, 0) || e.Requests > want {
			t.Fatalf("%+v", e)
		}
	}
	if c := l.Counts("m")[0]; c.Requests != want {
		t.Errorf("%v counted of %v", c.Requests, want)
	}
}

// TestBadHistograms says that buckets which cannot be are no more than their count.
func TestBadHistograms(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	cluster := egress("m", "b")
	p.took(cluster, 7, 0)
	p.push(l, begin())
	h := p.metric("cluster.upstream_rq_time", dto.MetricType_HISTOGRAM, clusterLabel, cluster).Histogram
	at := begin()
	for name, set := range map[string]func(){
		"more in a bucket than in all": func() { *h.SampleCount, *h.Bucket[0].CumulativeCount = 10, 1<<60 },
		"falling":                      func() { *h.SampleCount, *h.Bucket[0].CumulativeCount, *h.Bucket[1].CumulativeCount = 10, 10, 5 },
		"NaN bound":                    func() { *h.SampleCount, *h.Bucket[3].UpperBound = 10, math.NaN() },
		"too many": func() {
			*h.SampleCount = 1 << 40
		},
	} {
		at = at.Add(time.Second)
		set()
		p.push(l, at)
		if n := sumUp(rollups(l, "m")[0].Buckets); n > 10*at.Sub(begin()).Seconds() {
			t.Errorf("%s: %v latencies", name, n)
		}
	}
	for range maxBuckets {
		h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: new(1.0), CumulativeCount: new(uint64)})
	}
	*h.SampleCount = 3
	p.push(l, at.Add(time.Second))
	if n := l.Over(p.src); n != 1 {
		t.Errorf("%d over for too many buckets", n)
	}
	if l.Over(mesh.Source{Mesh: "m", Proxy: "b-1"}) != 0 {
		t.Error("another proxy is over")
	}
}
