package metrics

import (
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// TestSum says that one edge's sum is what Observe says of it, and that quantiles of several are those of all their
// requests together: of 900 that take 10 ms and 100 that take a second, p50 is of the ones and p95 of the others.
func TestSum(t *testing.T) {
	l := New(Options{})
	p := newProxy("m", "a", "1")
	fast, slow := egress("m", "fast"), egress("m", "slow")
	at := begin()
	for range 20 {
		p.answer(fast, 2, 90)
		p.took(fast, 10, 90)
		p.answer(slow, 2, 5)
		p.answer(slow, 5, 5)
		p.took(slow, 1000, 10)
		p.push(l, at)
		at = at.Add(500 * time.Millisecond)
	}
	all := func(string, string) bool { return true }
	only := func(node string) func(string, string) bool { return func(_, to string) bool { return to == node } }
	o := l.Observe("m", 30*time.Second, at)
	for _, e := range o.Edges {
		got := l.Sum("m", 30*time.Second, at, only(e.To))
		want := mesh.Traffic{Requests: e.Requests, RequestRate: e.RequestRate, ErrorRatio: e.ErrorRatio, P50: e.P50, P95: e.P95, P99: e.P99}
		if got != want {
			t.Errorf("%s: %+v, want %+v", e.To, got, want)
		}
	}
	sum := l.Sum("m", 30*time.Second, at, all)
	near(t, "requests", sum.Requests, o.Edges[0].Requests+o.Edges[1].Requests)
	near(t, "errors", sum.ErrorRatio, 0.05)
	if sum.P50 < 5*time.Millisecond || sum.P50 > 10*time.Millisecond || sum.P95 < 500*time.Millisecond || sum.P95 > time.Second {
		t.Errorf("p50 %v, p95 %v; fast %v, slow %v", sum.P50, sum.P95, o.Edges[0].P50, o.Edges[1].P50)
	}
	if none := l.Sum("m", time.Minute, at, only("nobody")); none != (mesh.Traffic{}) {
		t.Errorf("nobody: %+v", none)
	}
	if none := l.Sum("nowhere", time.Minute, at, all); none != (mesh.Traffic{}) {
		t.Errorf("nowhere: %+v", none)
	}
}
