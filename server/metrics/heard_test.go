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

// TestNoEcho says that a process tells nothing that it was told.
func TestNoEcho(t *testing.T) {
	a, b := process{"a", New(Options{})}, process{"b", New(Options{})}
	p := newProxy("m", "a", "1")
	fill(p, egress("m", "b"))
	b.live.Own(begin())
	p.push(a.live, begin())
	pass(t, a, b, begin())
	if e := edge(t, b.live, MinWindow, begin()); e.Instances != 1 {
		t.Fatalf("b knows %+v", e)
	}
	if told := b.live.Own(begin()); len(told) != 0 {
		t.Errorf("b tells %q", told)
	}
	p.src.Proxy, p.src.Node = "own", "own"
	p.push(b.live, begin())
	for _, told := range b.live.Own(begin()) {
		w, err := decodeReport(told.Report)
		if err != nil || len(w.Proxies) != 1 || w.Proxies[0].ID != "own" {
			t.Errorf("b tells of %+v, %v", w, err)
		}
	}
}

// TestProcessGoes says that the gauges of a process' proxies end when it goes, that its counters stay, and that both go on where
// they were when it is back, or another one tells of them.
func TestProcessGoes(t *testing.T) {
	a, b, c := process{"a", New(Options{})}, process{"b", New(Options{})}, process{"c", New(Options{})}
	p := newProxy("m", "a", "1")
	p.set("cluster.upstream_rq_active", egress("m", "b"), 7)
	p.set("cluster.membership_total", egress("m", "b"), 2)
	p.receive(2, 1)
	at := begin()
	p.started = at.UnixMilli()
	pass(t, a, b, at) // it has nothing to tell yet
	p.push(a.live, at)
	p.answer(egress("m", "b"), 2, 100)
	at = at.Add(time.Second)
	p.push(a.live, at)
	pass(t, a, b, at)
	want := func(what string, active, members, requests float64, reporting int) {
		t.Helper()
		o := b.live.Observe("m", time.Minute, at)
		if e := o.Edges[0]; e.Active != active || e.Members != members || e.Requests != requests || o.Reporting != reporting {
			t.Errorf("%s: %d report, %+v", what, o.Reporting, e)
		}
	}
	want("told", 7, 2, 100, 1)
	b.live.Lost("a")
	want("lost", 0, 0, 100, 0)
	at = at.Add(time.Second)
	p.answer(egress("m", "b"), 2, 10)
	p.push(a.live, at)
	pass(t, a, b, at)
	want("back", 7, 2, 110, 1)
	b.live.Lost("a")
	p.answer(egress("m", "b"), 2, 5)
	p.push(c.live, at.Add(time.Second))
	pass(t, c, b, at.Add(time.Second))
	want("told by another", 7, 2, 115, 1)
	if err := b.live.Heard("c", at, nil); err != nil {
		t.Fatal(err)
	}
	want("it left that one", 0, 0, 115, 0)
	if n := b.live.Counts("m")[0].Requests; n != 115 {
		t.Errorf("%v requests, want 115", n)
	}
}

// TestBrokenReports says that a report which was cut off or changed is refused or taken, and harms nothing.
func TestBrokenReports(t *testing.T) {
	a := New(Options{})
	a.Own(begin())
	for _, p := range large("m", 3, 6) {
		p.push(a, begin())
		p.restart()
		p.answer(egress("m", "svc-0001"), 2, 5)
		p.push(a, begin().Add(time.Second))
	}
	good := a.Own(begin())[0].Report
	b := New(Options{})
	for i := range good {
		if err := b.Heard("a", begin(), []Told{{"m", good[:i]}}); err == nil {
			t.Fatalf("%d of %d bytes were taken", i, len(good))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		bad := append([]byte{}, good...)
		for range rapid.IntRange(1, 8).Draw(t, "changes") {
			bad[rapid.IntRange(0, len(bad)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "to")
		}
		_ = New(Options{}).Heard("a", begin(), []Told{{"m", bad}}) // whether it is refused depends on what was changed
		_ = b.Heard("a", begin(), []Told{{"m", bad}})
		b.Rollups("m", func(*Rollup) {})
		b.Observe("m", time.Minute, begin())
	})
}

// BenchmarkReport measures what one process with half of a mesh of 500 services and 2,000 edges tells, and another takes in, a
// second.
func BenchmarkReport(b *testing.B) {
	a, other := New(Options{}), New(Options{})
	proxies := large("m", 500, 2000)
	at := begin()
	turn := func() []Told {
		at = at.Add(time.Second)
		for _, p := range proxies {
			step(p)
			p.push(a, at)
		}
		return a.Own(at)
	}
	first := turn()
	if err := other.Heard("a", at, first); err != nil {
		b.Fatal(err)
	}
	b.Run("own", func(b *testing.B) {
		for b.Loop() {
			a.Own(at)
		}
		b.ReportMetric(float64(len(a.Own(at)[0].Report)), "bytes")
	})
	b.Run("heard", func(b *testing.B) {
		told := turn()
		for b.Loop() {
			if err := other.Heard("a", at, told); err != nil {
				b.Fatal(err)
			}
		}
	})
}
