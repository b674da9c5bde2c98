package crowd

import (
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
)

var begin = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

func made(t testing.TB, services int, seed uint64) *Crowd {
	t.Helper()
	c, err := New(Options{Services: services, Seed: seed, Begin: begin, Now: func() time.Time { return begin.Add(time.Minute) }})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestShape(t *testing.T) {
	for _, n := range []int{10, 11, 20, 50, 200, 500, 2000, 5000} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprintf("%d services, seed %d", n, seed), func(t *testing.T) { testShape(t, n, seed) })
		}
	}
}

func testShape(t *testing.T, n int, seed uint64) {
	c := made(t, n, seed) // which validates
	m := c.Mesh()
	if len(m.Services) != n {
		t.Errorf("%d services", len(m.Services))
	}
	spaces := make(map[string]bool)
	for _, s := range m.Services {
		parts := strings.SplitN(s.Name, ".", 3)
		if len(parts) != 3 || parts[2] != "mesh.local" {
			t.Fatalf("service %q is not name.namespace.mesh.local", s.Name)
		}
		spaces[parts[1]] = true
	}
	if want := max(2, n/20); len(spaces) > want || len(spaces) < want*9/10 {
		t.Errorf("%d namespaces, want about %d", len(spaces), want)
	}
	if per := float64(len(c.edges)) / float64(n); per < 1 || per > 4 || n >= 200 && per < 2 {
		t.Errorf("%.1f edges per service", per)
	}
	if n >= 50 && (len(m.Routes) < n/20 || len(m.Routes) > n/5) {
		t.Errorf("%d splits", len(m.Routes))
	}
	most := 0
	for i := range m.Nodes {
		most = max(most, len(m.Nodes[i].Backends))
	}
	if n >= 500 && most < 15 {
		t.Errorf("nobody calls more than %d services", most)
	}
	if !cyclic(c) {
		t.Error("nobody calls back")
	}
	outside, failing, full := 0, 0, 0
	for _, f := range c.edges {
		if strings.HasPrefix(f.to, mesh.ExternalID("")) {
			outside++
		}
		if f.errors > 0.05 {
			failing++
		}
	}
	for _, n := range c.nodes {
		if n.full > 0 {
			full++
		}
	}
	if outside == 0 || failing == 0 && n >= 50 || failing > 20 || n == 200 && failing != 4 || full != 1 {
		t.Errorf("%d edges lead outside, %d fail; %d pools are nearly full", outside, failing, full)
	}
}

// cyclic says whether some node can reach itself.
func cyclic(c *Crowd) bool {
	next := make(map[string][]string)
	for _, f := range c.edges {
		next[f.from] = append(next[f.from], f.to)
	}
	state := make(map[string]int) // 1: on the way, 2: done
	var visit func(id string) bool
	visit = func(id string) bool {
		if state[id] != 0 {
			return state[id] == 1
		}
		state[id] = 1
		for _, to := range next[id] {
			if visit(to) {
				return true
			}
		}
		state[id] = 2
		return false
	}
	for id := range next {
		if visit(id) {
			return true
		}
	}
	return false
}

func TestSame(t *testing.T) {
	a, b, other := made(t, 200, 7), made(t, 200, 7), made(t, 200, 8)
	at := begin.Add(100 * time.Second)
	see := func(c *Crowd) mesh.Observation {
		o := c.Observe(c.Mesh().Name, 30*time.Second, at)
		o.Release = nil
		return o
	}
	if !reflect.DeepEqual(a.Mesh(), b.Mesh()) || !reflect.DeepEqual(see(a), see(b)) {
		t.Error("one seed made two meshes")
	}
	if a.Mesh().Name == other.Mesh().Name || reflect.DeepEqual(a.Mesh().Services, other.Mesh().Services) {
		t.Error("two seeds made one mesh")
	}
}

func TestMoves(t *testing.T) {
	c := made(t, 200, 1)
	var before []mesh.Edge
	for second := range 60 {
		o := c.Observe(c.Mesh().Name, 10*time.Second, begin.Add(time.Minute+time.Duration(second)*time.Second))
		moved := 0
		for i := range before {
			if o.Edges[i].RequestRate != before[i].RequestRate {
				moved++
			}
		}
		if before != nil && moved < len(before)/2 {
			t.Fatalf("in second %d %d of %d rates moved", second, moved, len(before))
		}
		before = append(before[:0], o.Edges...)
		o.Release()
	}
}

// TestAgree holds the live window against the counters that are recorded, and those against falling.
func TestAgree(t *testing.T) {
	c := made(t, 200, 1)
	name := c.Mesh().Name
	const window = 10
	type counters struct {
		classes [6]float64
		buckets []float64
	}
	var past []map[string]counters
	for second := range 90 {
		at := begin.Add(time.Duration(second) * time.Second)
		c.now = func() time.Time { return at }
		now := make(map[string]counters)
		c.Rollups(name, func(r *metrics.Rollup) {
			now[r.From+">"+r.To] = counters{r.Classes, append([]float64(nil), r.Buckets...)}
		})
		if second > 0 {
			for key, before := range past[second-1] {
				for i, v := range now[key].classes {
					if v < before.classes[i] {
						t.Fatalf("second %d: %s: class %d fell from %v to %v", second, key, i, before.classes[i], v)
					}
				}
				for i, v := range before.buckets {
					if now[key].buckets[i] < v {
						t.Fatalf("second %d: %s: bucket %d fell", second, key, i)
					}
				}
			}
		}
		past = append(past, now)
		if second < window {
			continue
		}
		o := c.Observe(name, window*time.Second, at)
		for _, e := range o.Edges {
			was, is := past[second-window][e.From+">"+e.To], now[e.From+">"+e.To]
			for i := range is.classes {
				if got, want := e.Classes[i]*window, is.classes[i]-was.classes[i]; math.Abs(got-want) > 0.01 {
					t.Fatalf("%s → %s: class %d: %v seen, %v recorded", e.From, e.To, i, got, want)
				}
			}
		}
		for _, a := range o.Nodes {
			was, is := past[second-window][">"+a.ID], now[">"+a.ID]
			if got, want := a.Traffic.Classes[2]*window, is.classes[2]-was.classes[2]; math.Abs(got-want) > 0.01 {
				t.Fatalf("%s: %v seen, %v recorded", a.ID, got, want)
			}
		}
		o.Release()
	}
	counts := c.Counts(name)
	for _, n := range counts {
		is := past[89][n.From+">"+n.To].classes
		if n.Requests != is[2]+is[4]+is[5] || n.Errors != is[5] {
			t.Fatalf("%s → %s: counted %v, recorded %v", n.From, n.To, n.Requests, is)
		}
	}
}

func TestQuantiles(t *testing.T) {
	for i, l := range latencies() {
		sum := 0.0
		for _, share := range l.usual {
			sum += share
		}
		q := l.quantiles(88, 12)
		if math.Abs(sum-1) > 1e-9 || !(q[0] > 0 && q[0] < q[1] && q[1] <= q[2]) {
			t.Errorf("latency %d: shares sum to %v, quantiles %v", i, sum, q)
		}
		if slow := q[1] >= time.Second; slow != (i == slowLatency) {
			t.Errorf("latency %d: a p95 of %v", i, q[1])
		}
	}
}

func TestOtherMesh(t *testing.T) {
	c := made(t, 10, 1)
	if o := c.Observe("other", 10*time.Second, begin); len(o.Edges)+len(o.Nodes) > 0 || c.Counts("other") != nil {
		t.Error("it knows of a mesh that is not its own")
	}
	c.Rollups("other", func(*metrics.Rollup) { t.Error("it counts for a mesh that is not its own") })
}

func TestRefused(t *testing.T) {
	for _, n := range []int{-1, 0, 9, 5001} {
		if _, err := New(Options{Services: n}); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%d services: %v", n, err)
		}
	}
}
