package metrics

import (
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// process is one of several that proxies report to.
type process struct {
	name string
	live *Live
}

// pass hands what one process knows to another one.
func pass(t interface{ Fatal(...any) }, from, to process, at time.Time) {
	if err := to.live.Heard(from.name, at, from.live.Own(at)); err != nil {
		t.Fatal(err)
	}
}

// TestSharedSums says that however proxies are spread over processes, move between them and start again, and in whatever
// order the processes hear of each other and how often, each of them counts what one that all proxies report to counts.
func TestSharedSums(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		single := New(Options{})
		var all []process
		for i := range rapid.IntRange(2, 3).Draw(t, "processes") {
			all = append(all, process{fmt.Sprint("process", i), New(Options{})})
		}
		tellAll := func(at time.Time) {
			for _, from := range all {
				for _, to := range all {
					if to != from {
						pass(t, from, to, at)
					}
				}
			}
		}
		at := begin()
		proxies := []*proxy{newProxy("m", "a", "1"), newProxy("m", "a", "2"), newProxy("m", "b", "1")}
		home := make([]int, len(proxies))
		report := func(i int) {
			p := proxies[i]
			p.stamp(at)
			single.Push(p.src, at, p.families)
			all[home[i]].live.Push(p.src, at, p.families)
			p.empty()
		}
		for i := range proxies {
			proxies[i].started = at.UnixMilli()
			home[i] = rapid.IntRange(0, len(all)-1).Draw(t, "home")
			report(i)
		}
		tellAll(at)
		restarted, told := map[int]bool{}, at
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			at = at.Add(time.Duration(rapid.IntRange(1, 2000).Draw(t, "ms")) * time.Millisecond)
			if at.Sub(told) > 10*time.Second {
				told = at
				for i := range proxies {
					report(i)
				}
				tellAll(at)
			}
			i := rapid.IntRange(0, len(proxies)-1).Draw(t, "proxy")
			p := proxies[i]
			switch rapid.IntRange(0, 9).Draw(t, "what") {
			case 0: // it goes to another process
				all[home[i]].live.Gone(p.src)
				single.Gone(p.src)
				for _, to := range all { // the one that it was with tells once more
					if to != all[home[i]] {
						pass(t, all[home[i]], to, at)
					}
				}
				home[i] = rapid.IntRange(0, len(all)-1).Draw(t, "home")
				report(i)
			case 1: // a process that a proxy went to and that it dies beside a moment later has told of it in between
				if !restarted[i] && p.flush-p.started > 3000 {
					restarted[i] = true
					tellAll(at)
					p.restart()
				}
				report(i)
			case 2, 3: // one hears another one, perhaps twice
				from, to := rapid.SampledFrom(all).Draw(t, "from"), rapid.SampledFrom(all).Draw(t, "to")
				for range rapid.IntRange(1, 2).Draw(t, "times") {
					if from != to {
						pass(t, from, to, at)
					}
				}
			default:
				to := rapid.SampledFrom([]string{"b", "c"}).Draw(t, "destination")
				p.answer(egress("m", to), rapid.IntRange(2, 5).Draw(t, "class"), float64(rapid.IntRange(1, 50).Draw(t, "n")))
				p.took(egress("m", to), rapid.Float64Range(0.1, 9000).Draw(t, "latency"), 1)
				p.receive(2, float64(rapid.IntRange(0, 9).Draw(t, "received")))
				p.set("cluster.upstream_rq_active", egress("m", to), float64(rapid.IntRange(0, 9).Draw(t, "active")))
				report(i)
			}
		}
		for range 15 { // until nobody waits for clusters that are gone with those that started again
			at = at.Add(time.Second)
			for i := range proxies {
				report(i)
			}
		}
		tellAll(at)
		tellAll(at) // latencies of an edge that nothing else was known of yet
		for _, p := range all {
			same(t, p.name, single, p.live, at)
		}
	})
}

// same compares what two aggregators know.
func same(t *rapid.T, name string, want, got *Live, at time.Time) {
	type count struct{ from, to string }
	counts := map[count]Rollup{}
	want.Rollups("m", func(r *Rollup) {
		c := *r
		c.Buckets = append([]float64{}, r.Buckets...)
		counts[count{r.From, r.To}] = c
	})
	got.Rollups("m", func(r *Rollup) {
		w, ok := counts[count{r.From, r.To}]
		if !ok {
			t.Fatalf("%s knows %s → %s", name, r.From, r.To)
		}
		delete(counts, count{r.From, r.To})
		if r.Classes != w.Classes || r.Active != w.Active || r.Proxies != w.Proxies || r.Protocol != w.Protocol || r.Abandoned != w.Abandoned {
			t.Fatalf("%s: %+v, want %+v", name, *r, w)
		}
		if math.Abs(r.Sum-w.Sum) > 1e-6*w.Sum || fmt.Sprint(r.Buckets) != fmt.Sprint(w.Buckets) {
			t.Fatalf("%s: latencies of %s → %s: %v in %v, want %v in %v", name, r.From, r.To, r.Sum, r.Buckets, w.Sum, w.Buckets)
		}
	})
	if len(counts) != 0 {
		t.Fatalf("%s does not know %v", name, counts)
	}
	if g, w := fmt.Sprint(got.Counts("m")), fmt.Sprint(want.Counts("m")); g != w {
		t.Fatalf("%s counts %s, want %s", name, g, w)
	}
	g, w := got.Observe("m", MaxWindow, at), want.Observe("m", MaxWindow, at)
	for i := range w.Edges {
		if g.Edges[i].Requests != w.Edges[i].Requests || g.Edges[i].P99 != w.Edges[i].P99 || g.Edges[i].Instances != w.Edges[i].Instances {
			t.Fatalf("%s sees %+v, want %+v", name, g.Edges[i], w.Edges[i])
		}
	}
	if g.Reporting != w.Reporting || g.Fresh != w.Fresh {
		t.Fatalf("%s: %d report, fresh %t; want %d, %t", name, g.Reporting, g.Fresh, w.Reporting, w.Fresh)
	}
	parts := map[string]Part{}
	want.Parts("m", func(p Part) { parts[p.Proxy+" "+p.From+" "+p.To] = p })
	got.Parts("m", func(p Part) {
		if parts[p.Proxy+" "+p.From+" "+p.To] != p {
			t.Fatalf("%s: part %+v, want %+v", name, p, parts[p.Proxy+" "+p.From+" "+p.To])
		}
		delete(parts, p.Proxy+" "+p.From+" "+p.To)
	})
	if len(parts) != 0 {
		t.Fatalf("%s does not know the parts %v", name, parts)
	}
}
