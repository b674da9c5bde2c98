package live

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// viewed is a topic that a test moves second by second, and the picture of somebody who follows it.
type viewed struct {
	t       *testing.T
	topic   *topic
	now     time.Time
	frame   Frame // the newest
	picture Picture
}

func newViewed(t *testing.T, name string) *viewed {
	t.Helper()
	v, err := parseView(name)
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_795_000_000_000).UTC()
	return &viewed{t: t, topic: newTopic(v, now), now: now}
}

// second lets a second pass and shows a graph.
func (v *viewed) second(g graph.Graph) {
	v.t.Helper()
	v.now = v.now.Add(time.Second)
	g.At = v.now
	if err := v.topic.advance(v.topic.draw(graph.NewOutline(g), v.now), v.now); err != nil {
		v.t.Fatal(err)
	}
	frame := v.topic.delta
	if v.picture.Seq == 0 {
		full, err := v.topic.whole()
		if err != nil {
			v.t.Fatal(err)
		}
		frame = full
	}
	v.frame = Frame{}
	if err := json.Unmarshal(frame.body, &v.frame); err != nil {
		v.t.Fatal(err)
	}
	if err := v.picture.Apply(v.frame); err != nil {
		v.t.Fatal(err)
	}
}

// TestHoveringEdge lets an edge of a large mesh be beyond its limit every other second: after the first few seconds no box
// comes or goes, and once it is well for good its path goes, too.
func TestHoveringEdge(t *testing.T) {
	v := newViewed(t, "problems:m")
	g := big(300)
	hover := func(h mesh.Health) {
		g.Edges = slices.Clone(g.Edges)
		g.Edges[20].Health = h
		v.second(g)
	}
	for i := range 30 {
		hover([]mesh.Health{mesh.Unhealthy, mesh.Healthy}[i%2])
		if _, shown := v.picture.Nodes["node-0021"]; !shown {
			t.Fatalf("second %d: the edge's end is not in the picture", i)
		}
		if i > 2 && len(v.frame.Gone)+len(v.frame.Names) > 0 {
			t.Fatalf("second %d: %d boxes and edges go, %d boxes come", i, len(v.frame.Gone), len(v.frame.Names))
		}
		if want := 1 - i%2; v.picture.Scene.Problems != want {
			t.Fatalf("second %d: %d problems, want %d", i, v.picture.Scene.Problems, want)
		}
	}
	for range 20 {
		hover(mesh.Healthy)
	}
	if _, shown := v.picture.Nodes["node-0021"]; shown {
		t.Error("an edge that has been well for 20 s is still in the picture")
	}
}

// TestSceneIsSentWhenItChanged sends what is wrong at once, what only moves every few seconds, and nothing that stands.
func TestSceneIsSentWhenItChanged(t *testing.T) {
	v := newViewed(t, "focus:m:node-0000:1")
	g := big(30)
	for i := range 20 { // more callers than fit
		g.Edges = append(g.Edges, graph.Edge{From: g.Nodes[i+5].ID, To: "node-0000", RequestRate: 10, Health: mesh.Healthy})
	}
	slices.SortFunc(g.Edges, func(a, b graph.Edge) int { return strings.Compare(a.From+"\x00"+a.To, b.From+"\x00"+b.To) })
	sent := func(what string, want bool) {
		t.Helper()
		v.second(g)
		if got := v.frame.Scene != nil; got != want {
			t.Errorf("%s: sent %v, want %v (%s)", what, got, want, v.frame.Scene)
		}
	}
	move := func(by float64) {
		g.Edges = slices.Clone(g.Edges)
		for i := range g.Edges {
			g.Edges[i].RequestRate *= by
		}
	}
	sent("first", true)
	if m := v.picture.Scene.More["callers"]; m.Units != 12 || m.RequestRate != 120 || v.picture.Scene.Center != "node-0000" {
		t.Errorf("%+v, want 12 more callers with 120 requests/s", v.picture.Scene)
	}
	sent("nothing changed", false)
	move(1.03)
	sent("a little more", false)
	move(1.5)
	sent("much more", false)
	for range 3 {
		v.second(g)
	}
	if m := v.picture.Scene.More["callers"]; m.RequestRate < 180 {
		t.Errorf("after 5 s the rate of those that do not fit is still %v", m.RequestRate)
	}
	g.Edges = slices.Clone(g.Edges)
	g.Edges[len(g.Edges)-1].Health = mesh.Unhealthy
	sent("something broke", true)
}

// TestTablePages shows a part of a large table, in its order, and lets rows change places only now and then.
func TestTablePages(t *testing.T) {
	g := big(400)
	v := newViewed(t, "table:m?sort=rate&from=10&rows=20&hide=node-0395")
	v.second(g)
	if len(v.picture.Edges) != 20 || len(v.picture.Order) != 20 || v.frame.Total != 397 || !v.frame.Cut || v.picture.Scene.Lines != 397 {
		t.Fatalf("%d rows, %d in order, of %d", len(v.picture.Edges), len(v.picture.Order), v.frame.Total)
	}
	if first := v.picture.Order[0]; first[1] != "node-0387" { // 399 to 396, and 394 to 388 come before
		t.Errorf("the page begins with %v", first)
	}
	before := v.picture.Order
	g.Edges = slices.Clone(g.Edges)
	g.Edges[5].RequestRate = 10_000
	g.Edges[380].RequestRate = 386.5 // node-0381
	v.second(g)
	if v.frame.Order != nil || !slices.Equal(before, v.picture.Order) {
		t.Error("rows changed places within a second")
	}
	v.second(g)
	v.second(g)
	if v.picture.Order[0][1] != "node-0388" || !slices.Contains(v.picture.Order, [2]string{"node-0380", "node-0381"}) {
		t.Errorf("after 3 s the page is %v", v.picture.Order)
	}
	f := newViewed(t, "table:m?filter=node-0007+healthy&sort=-from")
	f.second(g)
	if len(f.picture.Order) != 2 || f.picture.Order[0][0] != "node-0007" {
		t.Errorf("filtered: %v", f.picture.Order)
	}
	f.second(big(3))
	f.second(big(3))
	f.second(big(3))
	if len(f.picture.Edges) != 0 || len(f.picture.Order) != 0 {
		t.Errorf("rows of edges that are gone: %v", f.picture.Order)
	}
}

// TestWholeRests sends every edge, and between two looks only that the view is alive, with the age that its numbers have.
func TestWholeRests(t *testing.T) {
	v := newViewed(t, "whole:m?hide=node-0001")
	g := big(400)
	g.Age = 0.5
	looks := 0
	for i := range 20 {
		g.Edges = slices.Clone(g.Edges)
		for k := range g.Edges {
			g.Edges[k].RequestRate *= 1.5
		}
		v.second(g)
		if len(v.frame.ID) > 0 {
			looks++
		} else if v.frame.Age < 1 || v.frame.Age > 6 {
			t.Errorf("second %d: numbers of %v s", i, v.frame.Age)
		}
	}
	if len(v.picture.Edges) != 397 || v.picture.Scene.Hid != 1 || looks != 4 {
		t.Errorf("%d edges, %d hidden, %d looks in 20 s", len(v.picture.Edges), v.picture.Scene.Hid, looks)
	}
}

// TestExplanationsStand says again what a row's trouble is only when it is another, or after some seconds.
func TestExplanationsStand(t *testing.T) {
	v := newViewed(t, "graph:m")
	g := big(2)
	show := func(rate float64, ratio string) string {
		g.Edges = slices.Clone(g.Edges)
		e := &g.Edges[0]
		e.RequestRate, e.Health = rate, mesh.Unhealthy
		e.Why = []string{ratio + " fail"}
		e.Causes = []graph.Cause{{Code: "errors", Values: map[string]string{"ratio": ratio, "limit": "5 %"}}}
		v.second(g)
		return v.picture.Edges[[2]string{"node-0000", "node-0001"}].Causes[0].Values["ratio"]
	}
	for i, want := range []string{"10 %", "10 %", "10 %", "10 %", "10 %", "15 %"} {
		if got := show(100*float64(i+1), fmt.Sprintf("%d %%", 10+i)); got != want {
			t.Errorf("second %d: %s, want %s", i, got, want)
		}
	}
}
