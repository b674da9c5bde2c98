package metrics

import (
	"fmt"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/bench/cpu"
)

// BenchmarkObserve is the refresh of the live graph's numbers: every edge with rates, classes and three quantiles.
func BenchmarkObserve(b *testing.B) {
	for _, size := range []struct{ services, edges int }{{500, 2100}, {2000, 8500}} {
		l := New(Options{})
		proxies := large("big", size.services, size.edges)
		now := warm(l, proxies, 45)
		for _, window := range []time.Duration{10 * time.Second, 30 * time.Second, 5 * time.Minute} {
			b.Run(fmt.Sprintf("edges=%d/window=%s", size.edges, window), func(b *testing.B) {
				b.ReportAllocs()
				done := cpu.Start(b)
				for b.Loop() {
					if o := l.Observe("big", window, now); len(o.Edges) != size.edges {
						b.Fatalf("%d edges", len(o.Edges))
					}
				}
				done(b.N)
			})
		}
	}
}

// BenchmarkPush is one flush of one proxy with ten busy clusters.
func BenchmarkPush(b *testing.B) {
	l := New(Options{})
	p := newProxy("big", "front", "1")
	for i := range 10 {
		fill(p, egress("big", fmt.Sprint("svc-", i)))
	}
	at := time.UnixMilli(1_700_000_000_000)
	p.push(l, at)
	b.ReportAllocs()
	done := cpu.Start(b)
	for b.Loop() {
		at = at.Add(500 * time.Millisecond)
		step(p)
		p.push(l, at)
	}
	done(b.N)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(p.families)), "ns/sample")
}

// warm pushes a few seconds of flushes.
func warm(l *Live, proxies []*proxy, seconds int) time.Time {
	at := time.UnixMilli(1_700_000_000_000)
	for range seconds {
		at = at.Add(time.Second)
		for _, p := range proxies {
			step(p)
			p.push(l, at)
		}
	}
	return at
}
