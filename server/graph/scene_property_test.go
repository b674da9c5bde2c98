package graph

import (
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

// anyTown gives meshes of all shapes: cycles, calls to oneself, versions that nobody calls, boxes of their own.
func anyTown(t *rapid.T) Graph {
	g := Graph{Mesh: "m", At: time.UnixMilli(1_795_000_000_000).UTC(), Window: "10s", Fresh: true}
	verdict := rapid.SampledFrom([]mesh.Health{mesh.Unknown, mesh.Idle, mesh.Healthy, mesh.Healthy, mesh.Healthy, mesh.Degraded, mesh.Unhealthy})
	n := rapid.IntRange(0, 70).Draw(t, "boxes")
	for i := range n {
		box := Node{ID: fmt.Sprintf("n%02d", i), Kind: KindNode, Name: fmt.Sprintf("n%02d", i), Health: verdict.Draw(t, "health")}
		switch rapid.IntRange(0, 5).Draw(t, "kind") {
		case 0:
			box.ID, box.Kind = "gateway/"+box.Name, KindGateway
		case 1:
			box.ID, box.Kind = "external/"+box.Name, KindExternal
		case 2, 3:
			box.Service = fmt.Sprintf("s%d.space%d.local", i/3, i%4)
		}
		g.Nodes = append(g.Nodes, box)
	}
	if n > 0 && rapid.Bool().Draw(t, "outside") {
		g.Nodes = append(g.Nodes, Node{ID: mesh.UnknownID, Kind: KindUnknown, Name: mesh.UnknownID, Health: mesh.Healthy})
	}
	slices.SortFunc(g.Nodes, func(a, b Node) int { return compareStrings(a.ID, b.ID) })
	for range rapid.IntRange(0, 3*n).Draw(t, "edges") {
		pick := rapid.IntRange(0, len(g.Nodes)-1)
		e := Edge{From: g.Nodes[pick.Draw(t, "from")].ID, To: g.Nodes[pick.Draw(t, "to")].ID, Health: verdict.Draw(t, "verdict")}
		e.RequestRate = rapid.SampledFrom([]float64{0, 0.5, 3, 20, 20, 400}).Draw(t, "rate")
		e.ErrorRatio = rapid.SampledFrom([]float64{0, 0, 0.02, 0.5}).Draw(t, "ratio")
		g.Edges = append(g.Edges, e)
	}
	order := func(a, b Edge) int { return compareStrings(a.From+"\x00"+a.To, b.From+"\x00"+b.To) }
	slices.SortFunc(g.Edges, order)
	g.Edges = slices.CompactFunc(g.Edges, func(a, b Edge) bool { return order(a, b) == 0 })
	return g
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// anyWish asks for something that may or may not be there.
func anyWish(t *rapid.T, g Graph) Wish {
	w := Wish{View: rapid.SampledFrom([]View{ViewProblems, ViewFocus, ViewGroups, ViewTable, ViewWhole}).Draw(t, "view")}
	name := rapid.Just("nothing")
	if len(g.Nodes) > 0 {
		name = rapid.Custom(func(t *rapid.T) string {
			n := g.Nodes[rapid.IntRange(0, len(g.Nodes)-1).Draw(t, "box")]
			return rapid.SampledFrom([]string{n.ID, n.Name, n.Service, "nothing"}).Draw(t, "name")
		})
	}
	w.Focus, w.Hops = name.Draw(t, "focus"), rapid.IntRange(0, 4).Draw(t, "hops")
	w.Hide = rapid.SliceOfN(name, 0, 3).Draw(t, "hide")
	w.By = rapid.SampledFrom([]string{"", "kind", "prefix", "colour"}).Draw(t, "by")
	return w
}

// TestSceneProperties says what holds of every scene of every mesh.
func TestSceneProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		g := anyTown(t)
		w := anyWish(t, g)
		lately := make(map[string]bool)
		for _, n := range g.Nodes {
			if rapid.Bool().Draw(t, "lately") {
				lately[n.ID] = true
			}
		}
		o := NewOutline(g)
		s := o.Choose(w, lately)
		if again := Choose(g, w, lately); !reflect.DeepEqual(s, again) {
			t.Fatalf("the same question twice: %+v, then %+v", s, again)
		}
		shown := make(map[int32]bool)
		boxes := make(map[string]bool)
		for _, n := range s.Nodes {
			shown[o.unitOf(n.ID)], boxes[n.ID] = true, true
		}
		checkBounds(t, o, w, s, shown)
		checkEdges(t, o, s, shown, boxes)
		checkHidden(t, o, w, s, shown)
		checkPaths(t, o, s, shown)
		if w.View == ViewGroups {
			checkGroups(t, o, w, s)
		}
	})
}

func checkBounds(t *rapid.T, o *Outline, w Wish, s Scene, shown map[int32]bool) {
	most := map[View]int{ViewProblems: maxUnits, ViewFocus: 1 + 2*maxSide*maxHops, ViewGroups: 0}
	if limit, ok := most[w.View]; ok && len(shown) > limit {
		t.Fatalf("%s shows %d units", w.View, len(shown))
	}
	if w.View != ViewGroups && s.Units != len(shown) {
		t.Fatalf("%d units are shown, %d are said to be", len(shown), s.Units)
	}
	ill := 0
	for _, e := range o.graph.Edges {
		if wrong(e.Health) {
			ill++
		}
	}
	if s.Problems < ill || s.Problems > ill+len(o.units) {
		t.Fatalf("%d problems, %d edges are beyond their limits", s.Problems, ill)
	}
	visible := len(o.units) - s.Hid
	if w.View == ViewProblems && visible > 0 && len(shown) == 0 {
		t.Fatal("a mesh with boxes is shown empty")
	}
}

func checkEdges(t *rapid.T, o *Outline, s Scene, shown map[int32]bool, boxes map[string]bool) {
	n := 0
	for _, e := range s.Edges {
		if !boxes[e.From] || !boxes[e.To] {
			t.Fatalf("edge %s > %s is shown without its boxes", e.From, e.To)
		}
	}
	for _, ends := range o.ends {
		if shown[ends[0]] && shown[ends[1]] {
			n++
		}
	}
	if n != s.Lines || len(s.Edges) != n && len(s.Edges) != maxEdges {
		t.Fatalf("%d edges of %d, said to be %d", len(s.Edges), n, s.Lines)
	}
	for _, node := range o.graph.Nodes { // a unit is whole
		if shown[o.unitOf(node.ID)] != boxes[node.ID] {
			t.Fatalf("box %s of a unit is shown %v", node.ID, boxes[node.ID])
		}
	}
}

func checkHidden(t *rapid.T, o *Outline, w Wish, s Scene, shown map[int32]bool) {
	hidden := make(map[int32]bool)
	for _, name := range w.Hide {
		if u := o.find(name); u >= 0 && o.units[u].id != s.Center {
			hidden[u] = true
		}
	}
	if len(hidden) != s.Hid {
		t.Fatalf("%d units are hidden, said to be %d", len(hidden), s.Hid)
	}
	for u := range shown {
		if hidden[u] {
			t.Fatalf("%s is on the hide list and shown", o.units[u].id)
		}
		beside := make(map[int32]bool)
		for _, l := range append(slices.Clone(o.out[u]), o.in[u]...) {
			for _, other := range []int32{o.links[l].from, o.links[l].to} {
				if !shown[other] && !hidden[other] {
					beside[other] = true
				}
			}
		}
		want := len(beside)
		if o.units[u].id == s.Center {
			want = 0 // all of them are in More
			if n := s.More[sideCallers].Units + s.More[sideCallees].Units; n < len(beside) || n > 2*len(beside) {
				t.Fatalf("%d neighbours of the focus do not fit, said to be %d", len(beside), n)
			}
		}
		if got := s.Hidden[o.units[u].id]; got != want {
			t.Fatalf("%s has %d neighbours that are not shown, said to be %d", o.units[u].id, want, got)
		}
	}
}

func checkPaths(t *rapid.T, o *Outline, s Scene, shown map[int32]bool) {
	for i, p := range s.Paths {
		all := true
		for k, id := range p.Units {
			u := o.unitOf(id)
			all = all && shown[u]
			if k > 0 && !slices.ContainsFunc(o.links, func(l link) bool { return l.to == u && o.units[l.from].id == p.Units[k-1] }) {
				t.Fatalf("path %v: nothing leads from %s to %s", p.Units, p.Units[k-1], id)
			}
		}
		if p.Shown && !all {
			t.Fatalf("path %v is said to be shown", p.Units)
		}
		if i == 0 && !p.Shown {
			t.Fatalf("the worst problem %v is not shown", p.Units)
		}
		if i > 0 && severity(p.Health) > severity(s.Paths[i-1].Health) {
			t.Fatalf("path %v is worse than the one before", p.Units)
		}
		if last := o.unitOf(p.To); p.Units[len(p.Units)-1] != o.units[last].id {
			t.Fatalf("path %v does not end at %s", p.Units, p.To)
		}
	}
}

func checkGroups(t *rapid.T, o *Outline, w Wish, s Scene) {
	units, edges := 0, 0
	for _, g := range s.Groups.List {
		units += g.Units
	}
	for _, c := range s.Groups.Cells {
		edges += c.Edges
	}
	hidden := make(map[int32]bool)
	for _, name := range w.Hide {
		hidden[o.find(name)] = true
	}
	want := 0
	for _, ends := range o.ends {
		if !hidden[ends[0]] && !hidden[ends[1]] {
			want++
		}
	}
	if units != s.Units || edges != want || len(s.Groups.List) > maxGroups+1 {
		t.Fatalf("%d groups of %d units with %d edges; want %d and %d", len(s.Groups.List), units, edges, s.Units, want)
	}
}

// TestTwoProblemsDoNotTakeTurns lets two ways to a problem take turns in being the heavier by a little: the one that is
// shown stays.
func TestTwoProblemsDoNotTakeTurns(t *testing.T) {
	var lately map[string]bool
	first := ""
	for tick := range 20 {
		g := town(60, 120, 0)
		for i := range g.Nodes {
			g.Nodes[i].Health = mesh.Healthy
		}
		left, right := 100.0, 100.0+float64(tick%3-1)
		g.Nodes = append(g.Nodes, Node{ID: "x-left", Kind: KindNode, Name: "x-left"}, Node{ID: "x-right", Kind: KindNode, Name: "x-right"}, Node{ID: "y", Kind: KindNode, Name: "y"}, Node{ID: "z", Kind: KindNode, Name: "z"})
		g.Edges = append(g.Edges,
			Edge{From: "x-left", To: "y", RequestRate: left, Health: mesh.Healthy}, Edge{From: "x-right", To: "y", RequestRate: right, Health: mesh.Healthy},
			Edge{From: "y", To: "z", RequestRate: 10, ErrorRatio: 0.2, Health: mesh.Unhealthy})
		s := Choose(g, Wish{View: ViewProblems}, lately)
		if len(s.Paths) != 1 {
			t.Fatalf("%d paths", len(s.Paths))
		}
		if first == "" {
			first = s.Paths[0].Units[0]
		}
		if got := s.Paths[0].Units[0]; got != first {
			t.Fatalf("tick %d: the path begins at %s, before at %s", tick, got, first)
		}
		lately = make(map[string]bool)
		for _, id := range s.Chosen {
			lately[id] = true
		}
	}
}

// TestQuietTown shows a large mesh where nothing is wrong by what changed and what is busy.
func TestQuietTown(t *testing.T) {
	g := town(400, 1200, 0)
	before := town(400, 1200, 0)
	at := slices.IndexFunc(before.Edges, func(e Edge) bool { return e.RequestRate > 100 })
	before.Edges[at].RequestRate *= 3
	g.before = newBaseline(before)
	s := Choose(g, Wish{View: ViewProblems}, nil)
	if s.Problems != 0 || len(s.Paths) != 0 || s.Units < 12 || s.Units > maxUnits {
		t.Errorf("%d problems, %d paths, %d units", s.Problems, len(s.Paths), s.Units)
	}
	e := g.Edges[at]
	if len(s.Shifts) != 1 || s.Shifts[0] != (Shift{e.From, e.To, "rate", float64(float32(3 * e.RequestRate)), e.RequestRate}) {
		t.Errorf("shifts %+v, want the rate of %s > %s", s.Shifts, e.From, e.To)
	}
	if !slices.ContainsFunc(s.Edges, func(x Edge) bool { return x.From == e.From && x.To == e.To }) {
		t.Error("what changed is not in the picture")
	}
}
