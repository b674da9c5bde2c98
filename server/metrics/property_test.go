package metrics

import (
	"math"
	"slices"
	"testing"
	"time"

	dto "github.com/prometheus/client_model/go"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"
)

// TestSums says that however requests are spread over flushes and proxies, a window that holds them all holds exactly
// them, and so do the counts.
func TestSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(Options{})
		proxies := []*proxy{newProxy("m", "a", "1"), newProxy("m", "a", "2"), newProxy("m", "a", "3")}
		at := begin()
		for _, p := range proxies {
			p.answer(egress("m", "b"), 2, float64(rapid.IntRange(0, 1000).Draw(t, "before")))
			p.push(l, at)
		}
		var before float64
		for _, c := range l.Counts("m") {
			before += c.Requests
		}
		var classes [6]float64
		restarted := map[*proxy]bool{} // twice within a second is more than an uptime in seconds can tell
		for range rapid.IntRange(1, 80).Draw(t, "flushes") {
			at = at.Add(time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond)
			p := rapid.SampledFrom(proxies).Draw(t, "proxy")
			for range rapid.IntRange(0, 3).Draw(t, "answers") {
				class, n := rapid.IntRange(1, 5).Draw(t, "class"), float64(rapid.IntRange(0, 50).Draw(t, "n"))
				p.answer(egress("m", "b"), class, n)
				classes[class] += n
			}
			p.push(l, at)
			if !restarted[p] && rapid.IntRange(0, 10).Draw(t, "restart") == 0 {
				p.restart()
				restarted[p] = true
			}
		}
		at = at.Add(time.Second)
		for _, p := range proxies {
			p.push(l, at)
		}
		want := 0.0
		for _, n := range classes {
			want += n
		}
		o := l.Observe("m", MaxWindow, at)
		if len(o.Edges) != 1 || o.Edges[0].Requests != want {
			t.Fatalf("%+v, want %v requests", o.Edges, want)
		}
		if want > 0 && math.Abs(o.Edges[0].ErrorRatio-classes[5]/want) > 1e-9 {
			t.Fatalf("%v failed, want %v of %v", o.Edges[0].ErrorRatio, classes[5], want)
		}
		if c := l.Counts("m")[0]; c.Requests != before+want || c.Errors != classes[5] {
			t.Fatalf("%+v, want %v requests and %v errors", c, before+want, classes[5])
		}
	})
}

// TestQuantiles says that a quantile lies in the bucket that the exact one lies in.
func TestQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := New(Options{})
		p := newProxy("m", "a", "1")
		p.answer(egress("m", "b"), 2, 1)
		p.push(l, begin())
		list := rapid.SliceOfN(rapid.Float64Range(0.01, 20000), 1, 200).Draw(t, "ms")
		at := begin()
		for chunk := range slices.Chunk(list, rapid.IntRange(1, 60).Draw(t, "a flush")) {
			for _, ms := range chunk {
				p.took(egress("m", "b"), ms, 1)
			}
			at = at.Add(500 * time.Millisecond)
			p.push(l, at)
		}
		slices.Sort(list)
		e := l.Observe("m", time.Minute, at).Edges[0]
		for q, got := range map[float64]time.Duration{0.50: e.P50, 0.95: e.P95, 0.99: e.P99} {
			exact := list[int(math.Ceil(q*float64(len(list))))-1]
			i, _ := slices.BinarySearch(bounds, exact)
			low, high := 0.0, bounds[min(i, len(bounds)-1)]
			if i > 0 {
				low = bounds[i-1]
			}
			ms := float64(got) / float64(time.Millisecond)
			if ms < low-1e-6 || ms > high+1e-6 {
				t.Fatalf("p%v of %d is %v ms, exactly %v: not from %v to %v", q*100, len(list), ms, exact, low, high)
			}
		}
	})
}

// TestOtherBuckets says that a proxy with other buckets never makes an edge look faster than it is.
func TestOtherBuckets(t *testing.T) {
	l := New(Options{})
	p, other := newProxy("m", "a", "1"), newProxy("m", "a", "2")
	p.took(egress("m", "b"), 3, 10)
	p.push(l, begin())
	other.took(egress("m", "b"), 3, 10)
	h := other.metric("cluster.upstream_rq_time", dto.MetricType_HISTOGRAM, clusterLabel, egress("m", "b")).Histogram
	h.Bucket = nil
	for _, b := range []float64{30, 70, math.Inf(1)} {
		h.Bucket = append(h.Bucket, &dto.Bucket{UpperBound: proto.Float64(b), CumulativeCount: proto.Uint64(10)})
	}
	other.push(l, begin())
	e := edge(t, l, MinWindow, begin())
	if e.P99 < 25*time.Millisecond || e.P99 > 50*time.Millisecond || e.P50 > 5*time.Millisecond {
		t.Errorf("p50 %s, p99 %s", e.P50, e.P99)
	}
	other.took(egress("m", "b"), 1e9, 10)
	other.push(l, begin().Add(time.Second))
	if e := edge(t, l, MinWindow, begin().Add(time.Second)); e.P99 != 10*time.Second {
		t.Errorf("beyond every bucket: p99 %s", e.P99)
	}
}
