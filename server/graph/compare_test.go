package graph

import (
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// TestCompareGolden compares the two pictures of each case: mesh.yaml, before.yaml and after.yaml in, difference.json out.
func TestCompareGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/compare/*.txtar")
	if err != nil || len(cases) == 0 {
		t.Fatal(err, cases)
	}
	for _, name := range cases {
		t.Run(filepath.Base(name), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			archive := txtar.Parse(data)
			before, after := drawn(t, archive, "before.yaml"), drawn(t, archive, "after.yaml")
			before.At = before.At.Add(-time.Hour)
			golden(t, name, archive, "difference.json", Compare(before, after))
		})
	}
}

// TestCompareWithItself says that a picture does not differ from itself, nor from nothing in what nobody uses.
func TestCompareWithItself(t *testing.T) {
	m, seen, proxies := large(30, 120)
	g := Build(m, seen, proxies, health.Default())
	if d := Compare(g, g); len(d.Nodes)+len(d.Edges) != 0 || d.Mesh != "big" || d.Window != "30s" {
		t.Errorf("%+v", d)
	}
	d := Compare(Graph{}, g)
	if len(d.Edges) != 120 || len(d.Nodes) != len(g.Nodes) {
		t.Errorf("%d edges and %d nodes are new", len(d.Edges), len(d.Nodes))
	}
	gone := Compare(g, Graph{})
	if len(gone.Edges) != 120 || gone.Edges[0].Presence != Vanished || gone.Edges[0].After.Health != mesh.Idle || gone.Mesh != "big" {
		t.Errorf("%+v", gone.Edges[0])
	}
}

// TestNoise draws the same load twice, as chance has it: hardly anything may look different. A tenth more failures, or a
// third less load, is seen.
func TestNoise(t *testing.T) {
	const edges, window = 4000, 30.0
	random := rand.New(rand.NewPCG(3, 4))
	sample := func(rate, failing float64) Reading {
		n := poisson(random, rate*window)
		failed := 0.0
		for range int(n) {
			if random.Float64() < failing {
				failed++
			}
		}
		r := Reading{RequestRate: n / window, P95: 0.02 * (1 + 0.08*random.NormFloat64())}
		if n > 0 {
			r.ErrorRatio = failed / n
		}
		return r
	}
	for _, c := range []struct {
		name                     string
		rateA, failA             float64
		rateB, failB             float64
		leastShare, greatestPart float64
	}{
		{"the same", 20, 0.01, 20, 0.01, 0, 0.02},
		{"the same and little", 0.3, 0, 0.3, 0, 0, 0.02},
		{"failures", 20, 0.01, 20, 0.11, 0.99, 1},
		{"less load", 40, 0, 26, 0, 0.99, 1},
	} {
		differ := 0.0
		for range edges {
			if beyondNoise(sample(c.rateA, c.failA), sample(c.rateB, c.failB), window, window) {
				differ++
			}
		}
		if part := differ / edges; part < c.leastShare || part > c.greatestPart {
			t.Errorf("%s: %v of the pairs differ, want %v to %v", c.name, part, c.leastShare, c.greatestPart)
		}
	}
}

// poisson draws a count; for large means by its normal limit.
func poisson(random *rand.Rand, mean float64) float64 {
	if mean > 200 {
		return math.Max(0, math.Round(mean+math.Sqrt(mean)*random.NormFloat64()))
	}
	limit, p, n := math.Exp(-mean), 1.0, -1.0
	for p > limit {
		p *= random.Float64()
		n++
	}
	return n
}

// TestCompareIsOrdered says that the order of a difference depends on nothing but the pictures, and is worst first.
func TestCompareIsOrdered(t *testing.T) {
	words := rapid.SampledFrom([]mesh.Health{mesh.Unknown, mesh.Idle, mesh.Healthy, mesh.Degraded, mesh.Unhealthy})
	picture := rapid.Custom(func(t *rapid.T) Graph {
		g := Graph{Window: "30s"}
		for _, to := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d", "e"}), 0, 5, rapid.ID).Draw(t, "to") {
			g.Edges = append(g.Edges, Edge{
				From: "x", To: to, Used: rapid.Bool().Draw(t, "used"), Health: words.Draw(t, "health"),
				RequestRate: rapid.Float64Range(0, 100).Draw(t, "rate"), ErrorRatio: rapid.Float64Range(0, 1).Draw(t, "errors"),
			})
		}
		slices.SortFunc(g.Edges, func(a, b Edge) int { return cmpStrings(a.To, b.To) })
		return g
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b := picture.Draw(t, "before"), picture.Draw(t, "after")
		d := Compare(a, b)
		if !slices.IsSortedFunc(d.Edges, func(a, b EdgeDelta) int { return compareChanges(a.Before, a.After, b.Before, b.After) }) {
			t.Fatalf("%+v", d.Edges)
		}
		back := Compare(b, a)
		if len(back.Edges) != len(d.Edges) {
			t.Fatalf("%d differ one way and %d the other", len(d.Edges), len(back.Edges))
		}
		if diff := cmp.Diff(d, Compare(a, b)); diff != "" {
			t.Fatal(diff)
		}
	})
}

func cmpStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
