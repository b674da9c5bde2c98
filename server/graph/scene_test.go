package graph

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/mesh"
)

// TestSceneGolden draws the scenes of testdata/scene: a file "mesh" says what there is, one "before" how it was, and every
// other file is a view, its first line the wish.
func TestSceneGolden(t *testing.T) {
	cases, err := filepath.Glob("testdata/scene/*.txtar")
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
			var g Graph
			for i, f := range archive.Files {
				switch f.Name {
				case "mesh":
					before := g.before
					g = sketch(t, string(f.Data))
					g.before = before
				case "before":
					g.before = newBaseline(sketch(t, string(f.Data)))
				default:
					wish, want, _ := strings.Cut(string(f.Data), "\n")
					got := told(t, Choose(g, wished(t, wish), nil))
					if d := cmp.Diff(want, got); d != "" && !*update {
						t.Errorf("%s differs (-want +got); -update rewrites it:\n%s", wish, d)
					}
					archive.Files[i].Data = []byte(wish + "\n" + got)
				}
			}
			if *update {
				if err := os.WriteFile(name, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// sketch reads a graph: "NAME [KIND|of SERVICE] [HEALTH]" is a box, "FROM > TO RATE ERRORS% P95ms HEALTH" a call.
func sketch(t testing.TB, text string) Graph {
	t.Helper()
	g := Graph{Mesh: "m", At: time.UnixMilli(1_795_000_000_000).UTC(), Window: "10s", Fresh: true}
	boxes := map[string]*Node{}
	var names []string
	box := func(id string) *Node {
		if boxes[id] == nil {
			kind, name := kindOf(id)
			boxes[id] = &Node{ID: id, Kind: kind, Name: name, Health: mesh.Healthy, Declared: true}
			names = append(names, id)
		}
		return boxes[id]
	}
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case len(words) > 1 && words[1] == ">":
			e := Edge{From: words[0], To: words[2], Protocol: mesh.HTTP, Declared: true, Health: mesh.Health(words[6])}
			e.RequestRate, e.ErrorRatio, e.P95 = number(t, words[3]), number(t, words[4])/100, number(t, words[5])/1000
			e.Used = e.RequestRate > 0
			g.Edges = append(g.Edges, e)
			box(e.From)
			box(e.To).RequestRate += e.RequestRate
		default:
			n := box(words[0])
			for i, w := range words[1:] {
				switch {
				case w == "of":
					n.Service, n.Version = words[i+2], words[0]
				case slices.Contains([]string{"healthy", "degraded", "unhealthy", "idle"}, w):
					n.Health = mesh.Health(w)
				}
			}
		}
	}
	slices.Sort(names)
	for _, id := range names {
		g.Nodes = append(g.Nodes, *boxes[id])
	}
	slices.SortFunc(g.Edges, func(a, b Edge) int { return strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To) })
	return g
}

func number(t testing.TB, text string) float64 {
	t.Helper()
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// wished reads a wish: "VIEW [of FOCUS] [hops N] [hide ID]… [by WAY]".
func wished(t testing.TB, text string) Wish {
	t.Helper()
	words := strings.Fields(text)
	w := Wish{View: View(words[0])}
	for i := 1; i+1 < len(words); i += 2 {
		switch value := words[i+1]; words[i] {
		case "of":
			w.Focus = value
		case "hops":
			w.Hops = int(number(t, value))
		case "hide":
			w.Hide = append(w.Hide, value)
		case "by":
			w.By = value
		}
	}
	return w
}

// told writes a scene for people to check.
func told(t testing.TB, s Scene) string {
	t.Helper()
	var b strings.Builder
	for _, n := range s.Nodes {
		fmt.Fprintf(&b, "%s ", n.ID)
	}
	b.WriteString("\n")
	for _, e := range s.Edges {
		fmt.Fprintf(&b, "%s > %s\n", e.From, e.To)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var parts map[string]json.RawMessage
	if err := json.Unmarshal(data, &parts); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"center", "units", "unitTotal", "edgeTotal", "problems", "hid", "hidProblems", "lines", "hidden", "more"} {
		if v, ok := parts[key]; ok {
			fmt.Fprintf(&b, "%s %s\n", key, v)
		}
	}
	for _, p := range s.Paths {
		fmt.Fprintf(&b, "path %s: %s, %q > %q, shown %v\n", strings.Join(p.Units, " "), p.Health, p.From, p.To, p.Shown)
	}
	for _, c := range s.Shifts {
		fmt.Fprintf(&b, "shift %s > %s: %s %g → %g\n", c.From, c.To, c.What, c.Before, c.After)
	}
	if s.Groups == nil {
		return b.String()
	}
	fmt.Fprintf(&b, "by %s of %v\n", s.Groups.By, s.Groups.Ways)
	for i, g := range s.Groups.List {
		fmt.Fprintf(&b, "group %d %q %q: %d units, %s, %g/s\n", i, g.Name, g.Kind, g.Units, g.Health, g.RequestRate)
	}
	for _, c := range s.Groups.Cells {
		fmt.Fprintf(&b, "cell %d > %d: %d edges, %d problems, %g/s, %.3g, %s\n", c.From, c.To, c.Edges, c.Problems, c.RequestRate, c.ErrorRatio, c.Health)
	}
	return b.String()
}

// town is a mesh of many services in a few namespaces: some entries, layers of callers and callees, and every so many
// edges one that is beyond its limits.
func town(services, edges, ill int) Graph {
	g := Graph{Mesh: "town", At: time.UnixMilli(1_795_000_000_000).UTC(), Window: "10s", Fresh: true}
	name := func(i int) string { return fmt.Sprintf("svc-%04d.space-%d.mesh.local", i, i%12) }
	for i := range services {
		id := name(i)
		n := Node{ID: id + "-v1", Kind: KindNode, Name: id + "-v1", Service: id, Version: "v1", Health: mesh.Healthy, Declared: true, RequestRate: 10}
		g.Nodes = append(g.Nodes, n, Node{ID: mesh.ServiceID(id), Kind: KindService, Name: id, Health: mesh.Healthy, Declared: true, RequestRate: 10})
	}
	per := edges / services
	for i := range services {
		for j := range per {
			to := i + 1 + (i*7+j*131)%max(1, services/5)
			if to >= services {
				to = (i*31 + j*17) % services
			}
			if to == i {
				to = (i + 1) % services
			}
			e := Edge{
				From: name(i) + "-v1", To: name(to) + "-v1", Protocol: mesh.HTTP, Declared: true, Used: true, Health: mesh.Healthy,
				RequestRate: 1 + float64((i*37+j*11)%400), P50: 0.003, P95: 0.02, P99: 0.04, Why: []string{}, Causes: []Cause{},
			}
			if k := i*per + j; ill > 0 && k%(edges/ill) == 0 {
				e.Health, e.ErrorRatio = []mesh.Health{mesh.Degraded, mesh.Unhealthy}[k%2], 0.03+float64(k%7)/10
			}
			g.Edges = append(g.Edges, e)
		}
	}
	slices.SortFunc(g.Nodes, func(a, b Node) int { return strings.Compare(a.ID, b.ID) })
	slices.SortFunc(g.Edges, func(a, b Edge) int { return strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To) })
	g.Edges = slices.CompactFunc(g.Edges, func(a, b Edge) bool { return a.From == b.From && a.To == b.To })
	return g
}

// BenchmarkChoose is one choice of each view, the picture read anew.
func BenchmarkChoose(b *testing.B) {
	for _, size := range []struct{ services, edges int }{{2000, 6000}, {5000, 15000}} {
		g := town(size.services, size.edges, 60)
		g.before = newBaseline(g)
		calm := town(size.services, size.edges, 0)
		calm.before = newBaseline(calm)
		for _, c := range []struct {
			name string
			g    Graph
			w    Wish
		}{
			{"problems", g, Wish{View: ViewProblems}},
			{"calm", calm, Wish{View: ViewProblems}},
			{"focus", g, Wish{View: ViewFocus, Focus: g.Nodes[len(g.Nodes)/2].ID, Hops: 3}},
			{"groups", g, Wish{View: ViewGroups}},
			{"whole", g, Wish{View: ViewWhole}},
		} {
			b.Run(fmt.Sprintf("services=%d/%s", size.services, c.name), func(b *testing.B) {
				b.ReportAllocs()
				done := cpu.Start(b)
				for b.Loop() {
					if s := Choose(c.g, c.w, nil); s.UnitTotal != size.services {
						b.Fatalf("%d units", s.UnitTotal)
					}
				}
				done(b.N)
			})
		}
	}
}
