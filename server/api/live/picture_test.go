package live

import (
	"bytes"
	"compress/flate"
	"encoding/json"
	"fmt"
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// TestPictureFollowsGraph lets a graph do anything and checks that whoever applies full frames and deltas, missing some,
// sees the graph within the deadband.
func TestPictureFollowsGraph(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v, err := parseView("graph:m")
		if err != nil {
			t.Fatal(err)
		}
		now := time.UnixMilli(1_795_000_000_000).UTC()
		topic := newTopic(v, now)
		var prompt, lazy Picture
		g := drawGraph(t, graph.Graph{Mesh: "m", Window: "30s", Fresh: true})
		for step := range rapid.IntRange(1, 8).Draw(t, "steps") {
			now = now.Add(time.Second)
			g.At = now
			if step > 0 {
				g = drawGraph(t, g)
			}
			if err := topic.advance(topic.draw(graph.NewOutline(g), now), now); err != nil {
				t.Fatal(err)
			}
			follow(t, topic, &prompt)
			compare(t, &prompt, g)
			if rapid.Bool().Draw(t, "lazy looks") {
				follow(t, topic, &lazy)
				compare(t, &lazy, g)
			}
		}
	})
}

// follow applies the delta when it fits, and the full frame otherwise, through their bytes.
func follow(t *rapid.T, topic *topic, p *Picture) {
	frame := topic.delta
	if frame.base != p.Seq {
		var f Frame
		if err := json.Unmarshal(frame.body, &f); err != nil {
			t.Fatal(err)
		}
		if p.Seq != 0 {
			if err := p.Apply(f); err != ErrGap {
				t.Fatalf("a delta that does not fit: got %v, want ErrGap", err)
			}
		}
		full, err := topic.whole()
		if err != nil {
			t.Fatal(err)
		}
		frame = full
	}
	var f Frame
	if err := json.Unmarshal(frame.body, &f); err != nil {
		t.Fatal(err)
	}
	if err := p.Apply(f); err != nil {
		t.Fatal(err)
	}
}

// compare checks a picture against the graph that it should show.
func compare(t *rapid.T, p *Picture, g graph.Graph) {
	if len(p.Nodes) != len(g.Nodes) || len(p.Edges) != len(g.Edges) {
		t.Fatalf("picture has %d boxes and %d edges, graph %d and %d", len(p.Nodes), len(p.Edges), len(g.Nodes), len(g.Edges))
	}
	for _, n := range g.Nodes {
		row, ok := p.Nodes[n.ID]
		if !ok || row.Health != n.Health || row.Proxies != n.Proxies {
			t.Fatalf("box %s: %+v, want %+v", n.ID, row, n)
		}
		within(t, n.ID, row.Rate, n.RequestRate, deadband)
	}
	for _, e := range g.Edges {
		row, ok := p.Edges[[2]string{e.From, e.To}]
		if !ok || row.Health != e.Health || row.Used != e.Used || len(row.Causes) != len(e.Causes) {
			t.Fatalf("edge %s → %s: %+v, want %+v", e.From, e.To, row, e)
		}
		within(t, "rate", row.Rate, e.RequestRate, deadband)
		within(t, "errors", row.Errors, e.ErrorRatio, deadband)
		within(t, "p95", row.P95, e.P95, looseDeadband)
		if math.IsNaN(row.Weight) != (e.Weight == nil) {
			t.Fatalf("weight %v, want %v", row.Weight, e.Weight)
		}
		if e.Weight != nil {
			within(t, "weight", row.Weight, *e.Weight, deadband)
		}
	}
}

// within allows the deadband and the rounding to three or four digits.
func within(t *rapid.T, what string, got, want, band float64) {
	if (got == 0) != (want == 0) || math.Abs(got-want) > (band*1.05+0.006)*math.Abs(want) {
		t.Fatalf("%s: got %v, want %v within %v", what, got, want, band)
	}
}

// drawGraph gives a successor of a graph: boxes and edges come, go and move a little or a lot.
func drawGraph(t *rapid.T, old graph.Graph) graph.Graph {
	g := old
	g.Nodes, g.Edges = nil, nil
	before := make(map[string]graph.Edge)
	for _, e := range old.Edges {
		before[e.From+">"+e.To] = e
	}
	number := rapid.OneOf(rapid.Just(0.0), rapid.Float64Range(0.0001, 5000))
	health := rapid.SampledFrom([]mesh.Health{mesh.Unknown, mesh.Idle, mesh.Healthy, mesh.Degraded, mesh.Unhealthy})
	names := rapid.SliceOfDistinct(rapid.SampledFrom([]string{"a", "b", "c", "gateway/g", "unknown", "<img onerror>"}),
		func(s string) string { return s }).Draw(t, "names")
	for _, name := range names {
		g.Nodes = append(g.Nodes, graph.Node{
			ID: name, Kind: graph.KindNode, Name: name, Version: rapid.SampledFrom([]string{"", "v1"}).Draw(t, "version"),
			Health: health.Draw(t, "health"), RequestRate: number.Draw(t, "rate"), Proxies: rapid.IntRange(0, 3).Draw(t, "proxies"),
		})
	}
	for _, from := range names {
		for _, to := range names {
			if !rapid.Bool().Draw(t, "edge") {
				continue
			}
			e, known := before[from+">"+to]
			if known && rapid.Bool().Draw(t, "drifts") {
				e.RequestRate *= rapid.Float64Range(0.97, 1.03).Draw(t, "drift")
				g.Edges = append(g.Edges, e)
				continue
			}
			e = graph.Edge{
				From: from, To: to, Protocol: mesh.HTTP, Used: rapid.Bool().Draw(t, "used"), Health: health.Draw(t, "verdict"),
				RequestRate: number.Draw(t, "edge rate"), ErrorRatio: rapid.Float64Range(0, 1).Draw(t, "ratio"),
				P95: rapid.Float64Range(0, 2).Draw(t, "p95"),
			}
			if e.ErrorRatio < 1e-9 {
				e.ErrorRatio = 0
			}
			if e.P95 < 1e-9 {
				e.P95 = 0
			}
			if rapid.Bool().Draw(t, "weighted") {
				w := rapid.SampledFrom([]float64{0, 0.25, 1}).Draw(t, "weight")
				e.Weight = &w
			}
			if rapid.Bool().Draw(t, "explained") {
				e.Causes = []graph.Cause{{Code: "errors", Values: map[string]string{"ratio": "5 %"}}}
				e.Why = []string{"5 % fail"}
			}
			g.Edges = append(g.Edges, e)
		}
	}
	return g
}

func TestDeadband(t *testing.T) {
	v, err := parseView("graph:m")
	if err != nil {
		t.Fatal(err)
	}
	now := time.UnixMilli(1_795_000_000_000).UTC()
	topic := newTopic(v, now)
	g := graph.Graph{
		Mesh: "m", At: now, Window: "30s", Nodes: []graph.Node{{ID: "a"}, {ID: "b"}},
		Edges: []graph.Edge{{From: "a", To: "b", RequestRate: 100}},
	}
	steps := []struct {
		name string
		rate float64
		sent bool
	}{
		{"first", 100, true},
		{"same", 100, false},
		{"two percent more", 102, false},
		{"still two percent from what was sent", 98.1, false},
		{"three percent less", 97, true},
		{"back", 100, true},
		{"stops", 0, true},
		{"starts", 0.001, true},
	}
	for _, step := range steps {
		g.Edges[0].RequestRate = step.rate
		if err := topic.advance(topic.draw(graph.NewOutline(g), now), now); err != nil {
			t.Fatal(err)
		}
		var f Frame
		if err := json.Unmarshal(topic.delta.body, &f); err != nil {
			t.Fatal(err)
		}
		if got := len(f.ID) == 1; got != step.sent {
			t.Errorf("%s: sent %v, want %v", step.name, got, step.sent)
		}
	}
}

// TestTruncation shows 150 of 400 edges: the failing ones and then the busiest, and says so.
func TestTruncation(t *testing.T) {
	g := big(401)
	g.Edges[3].Health, g.Edges[3].RequestRate = mesh.Unhealthy, 0.1
	v, err := parseView("table:m")
	if err != nil {
		t.Fatal(err)
	}
	p := newTopic(v, g.At).draw(graph.NewOutline(g), g.At)
	if len(p.lines) != maxRows || !p.head.Cut || p.head.Total != 400 || p.head.NodeTotal != 401 {
		t.Fatalf("%d lines, cut %v, total %d, boxes %d", len(p.lines), p.head.Cut, p.head.Total, p.head.NodeTotal)
	}
	if p.lines[0].key() != (line{from: g.Edges[3].From, to: g.Edges[3].To}).key() {
		t.Errorf("first line is %q, want the failing one", p.lines[0].key())
	}
	for _, l := range p.lines[1:] {
		if l.row[colRate] < 250 {
			t.Errorf("a line of %v requests a second is shown before busier ones", l.row[colRate])
		}
	}
}

// big is a chain of boxes, the later edges the busier.
func big(boxes int) graph.Graph {
	g := graph.Graph{Mesh: "m", At: time.Now(), Window: "30s", Fresh: true}
	for i := range boxes {
		id := fmt.Sprintf("node-%04d", i)
		g.Nodes = append(g.Nodes, graph.Node{ID: id, Kind: graph.KindNode, Name: id, Health: mesh.Healthy})
		if i > 0 {
			g.Edges = append(g.Edges, graph.Edge{
				From: g.Nodes[i-1].ID, To: id, RequestRate: float64(i), Health: mesh.Healthy,
				P50: 0.004, P95: 0.02, P99: 0.05, Used: true, Declared: true, BytesRate: 12345 * float64(i), Members: 2, Healthy: 2,
			})
		}
	}
	return g
}

func TestFocus(t *testing.T) {
	g := graph.Graph{Mesh: "m", At: time.Now(), Window: "30s"}
	for _, id := range []string{"a", "b", "c", "d", "e", "service/s"} {
		g.Nodes = append(g.Nodes, graph.Node{ID: id, Kind: graph.KindNode, Name: id})
	}
	g.Nodes[2].Service, g.Nodes[5].Kind, g.Nodes[5].Name = "s", graph.KindService, "s"
	for _, e := range [][2]string{{"a", "b"}, {"b", "c"}, {"c", "d"}, {"d", "e"}, {"a", "e"}} {
		g.Edges = append(g.Edges, graph.Edge{From: e[0], To: e[1]})
	}
	cases := []struct{ view, boxes string }{
		{"focus:m:c:1", "b c d service/s "},
		{"focus:m:c:2", "a b c d e service/s "},
		{"focus:m:a:1", "a b e "},
		{"focus:m:service/s:1", "b c d service/s "},
		{"service:m:s", "b c d service/s "},
		{"focus:m:nothing:1", ""},
		{"graph:m", "a b c d e service/s "},
	}
	for _, c := range cases {
		v, err := parseView(c.view)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, b := range newTopic(v, g.At).draw(graph.NewOutline(g), g.At).boxes {
			got += b.name.ID + " "
		}
		if got != c.boxes {
			t.Errorf("%s shows %q, want %q", c.view, got, c.boxes)
		}
	}
}

func TestParseViewRefuses(t *testing.T) {
	for _, name := range []string{
		"", "graph", "graph:", "focus:m:a", "focus:m:a:4", "focus:m:a:0", "focus:m::1", "service:m", "x:m", "problems:", "problems:m?sort=rate", "table:m?sort=color",
		"table:m?rows=0", "table:m?rows=151", "table:m?from=-1", "groups:m?by=a&by=b", "pulse:m?hide=a", "focus:m:a:1?hide=%zz",
	} {
		if _, err := parseView(name); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%q: got %v, want an invalid view", name, err)
		}
	}
}

// TestFrameSize keeps the promise of 1 to 4 kB a second for a viewer of 150 rows of which 15 % change.
func TestFrameSize(t *testing.T) {
	g := big(151)
	v, err := parseView("table:m")
	if err != nil {
		t.Fatal(err)
	}
	topic := newTopic(v, g.At)
	for range 2 {
		if err := topic.advance(topic.draw(graph.NewOutline(g), g.At), g.At); err != nil {
			t.Fatal(err)
		}
		for i := 0; i < len(g.Edges); i += 7 {
			g.Edges[i].RequestRate *= 1.1
			g.Edges[i].P95 *= 1.2
		}
	}
	full, err := topic.whole()
	if err != nil {
		t.Fatal(err)
	}
	raw, packed := len(topic.delta.body), deflated(t, topic.delta.body)
	t.Logf("full %d B, delta %d B, delta deflated %d B", len(full.body), raw, packed)
	if packed > 4<<10 {
		t.Errorf("a delta of 15 %% of 150 rows takes %d bytes on the wire, more than 4 kB", packed)
	}
}

func deflated(t testing.TB, data []byte) int {
	t.Helper()
	var out bytes.Buffer
	w, err := flate.NewWriter(&out, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

func FuzzApply(f *testing.F) {
	f.Add([]byte(`{"v":"graph:m","epoch":1,"seq":2,"names":{"1":{"id":"a"}},"nodes":{"i":[1],"r":[2]}}`))
	f.Add([]byte(`{"v":"graph:m","seq":2,"base":1,"i":[1],"r":[]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var frame Frame
		if json.Unmarshal(data, &frame) != nil {
			return
		}
		var p Picture
		if err := p.Apply(frame); err == nil && frame.Base == 0 && p.Seq != frame.Seq {
			t.Errorf("applied, but seq is %d", p.Seq)
		}
	})
}

// BenchmarkFrame is one tick of a view over 2,100 edges, of which a seventh moved: drawn, compared and encoded.
func BenchmarkFrame(b *testing.B) {
	g := big(2101)
	v, err := parseView("table:m")
	if err != nil {
		b.Fatal(err)
	}
	topic := newTopic(v, g.At)
	for b.Loop() {
		for i := 0; i < len(g.Edges); i += 7 {
			g.Edges[i].RequestRate = 5000 - g.Edges[i].RequestRate
		}
		if err := topic.advance(topic.draw(graph.NewOutline(g), g.At), g.At); err != nil {
			b.Fatal(err)
		}
	}
}
