package live

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// stay is how long a box keeps its place after the last moment at which it was chosen for what it is.
const stay = 15 * time.Second

// memory is what a topic knows of what it showed before. It keeps what hovers at a limit from flickering.
type memory struct {
	chosen map[string]time.Time // units, and when they were chosen last
	whole  time.Time            // when everything was drawn last
	page   []pair               // a table's page
	total  int                  // rows of that table
	paged  time.Time
}

// lately gives the units that viewers have before them.
func (m *memory) lately(now time.Time) map[string]bool {
	out := make(map[string]bool, len(m.chosen))
	for id, at := range m.chosen {
		if now.Sub(at) > stay {
			delete(m.chosen, id)
			continue
		}
		out[id] = true
	}
	return out
}

// note takes down what was chosen.
func (m *memory) note(units []string, now time.Time) {
	if m.chosen == nil {
		m.chosen = make(map[string]time.Time, len(units))
	}
	for _, id := range units {
		m.chosen[id] = now
	}
}

// headOf is what a frame says of its picture as a whole.
func headOf(g graph.Graph) Frame {
	return Frame{Time: g.At.UnixMilli(), Window: g.Seconds(), Fresh: g.Fresh, Age: math.Round(g.Age*10) / 10}
}

// draw makes the content of a graphical view. The caller holds t.mu.
func (t *topic) draw(o *graph.Outline, now time.Time) content {
	switch {
	case t.view.page != nil:
		return t.drawPage(o, now)
	case t.view.wish.View == graph.ViewWhole:
		return t.drawWhole(o, now)
	case t.view.wish.View == graph.ViewTable, !t.view.chooses():
		return t.drawRows(o)
	default:
		return t.drawScene(o, now)
	}
}

// drawScene shows what the view chooses.
func (t *topic) drawScene(o *graph.Outline, now time.Time) content {
	s := o.Choose(t.view.wish, t.memory.lately(now))
	t.memory.note(s.Chosen, now)
	return t.lay(o, s)
}

// lay makes rows of a scene.
func (t *topic) lay(o *graph.Outline, s graph.Scene) content {
	p := content{head: headOf(o.Graph()), scene: &s}
	p.head.Total, p.head.NodeTotal = s.Lines, len(s.Nodes)
	edges := make([]*graph.Edge, len(s.Edges))
	for i := range s.Edges {
		edges[i] = &s.Edges[i]
	}
	if len(edges) > maxWholeRows {
		edges = foremost(edges, maxWholeRows, t.shows)
	}
	p.head.Cut = len(edges) < s.Lines
	p.lines, p.boxes = make([]line, len(edges)), make([]box, len(s.Nodes))
	for i, e := range edges {
		p.lines[i] = lineOf(e)
	}
	for i := range s.Nodes {
		p.boxes[i] = boxOf(&s.Nodes[i])
	}
	return p
}

// drawWhole shows everything, less often than other views; in between, frames only say that the view is alive.
func (t *topic) drawWhole(o *graph.Outline, now time.Time) content {
	if since := now.Sub(t.memory.whole); since < wholePace-tick/2 {
		p := content{head: t.head, rests: true}
		g := o.Graph()
		p.head.Fresh = g.Fresh
		p.head.Age = math.Round((g.Age+g.At.Sub(time.UnixMilli(p.head.Time)).Seconds())*10) / 10
		return p
	}
	t.memory.whole = now
	s := o.Choose(t.view.wish, nil)
	return t.lay(o, s)
}

// drawPage shows a part of the table. Which rows they are, and their order, is looked at every few seconds only: rows that
// change places all the time cannot be read. Their numbers are of now.
func (t *topic) drawPage(o *graph.Outline, now time.Time) content {
	g := o.Graph()
	p := content{head: headOf(g)}
	m := &t.memory
	if m.paged.IsZero() || now.Sub(m.paged) >= pagePace {
		rows, total := o.Page(*t.view.page)
		m.page, m.total, m.paged = make([]pair, len(rows)), total, now
		for i := range rows {
			m.page[i] = pair{rows[i].From, rows[i].To}
		}
	}
	touched := make(map[string]bool, 2*len(m.page))
	for _, ends := range m.page {
		e := edgeOf(g, ends)
		if e == nil {
			continue // gone since the rows were chosen
		}
		touched[ends.from], touched[ends.to] = true, true
		p.lines = append(p.lines, lineOf(e))
		p.order = append(p.order, ends)
	}
	p.boxes, _ = boxesOf(g, touched, touched)
	p.head.Total, p.head.NodeTotal, p.head.Cut = m.total, len(g.Nodes), len(m.page) < m.total
	s := o.Tally(t.view.wish)
	s.Lines = m.total
	p.scene = &s
	return p
}

// edgeOf finds an edge by its ends; nil when there is none.
func edgeOf(g graph.Graph, ends pair) *graph.Edge {
	i, ok := slices.BinarySearchFunc(g.Edges, ends, func(e graph.Edge, p pair) int {
		return cmp.Or(cmp.Compare(e.From, p.from), cmp.Compare(e.To, p.to))
	})
	if !ok {
		return nil
	}
	return &g.Edges[i]
}

// drawRows shows the foremost rows of the whole graph, or of a service.
func (t *topic) drawRows(o *graph.Outline) content {
	g := o.Graph()
	keep := ofService(t.view, g)
	edges := make([]*graph.Edge, 0, len(g.Edges))
	for i := range g.Edges {
		if e := &g.Edges[i]; keep == nil || (keep[e.From] && keep[e.To]) {
			edges = append(edges, e)
		}
	}
	p := content{head: headOf(g)}
	p.head.Total = len(edges)
	if len(edges) > maxRows {
		p.head.Cut = true
		edges = foremost(edges, maxRows, t.shows)
	}
	touched := make(map[string]bool, 2*len(edges))
	p.lines = make([]line, 0, len(edges))
	for _, e := range edges {
		touched[e.From], touched[e.To] = true, true
		p.lines = append(p.lines, lineOf(e))
	}
	p.boxes, p.head.NodeTotal = boxesOf(g, keep, touched)
	if len(p.boxes) < p.head.NodeTotal {
		p.head.Cut = true
	}
	if t.view.chooses() {
		s := o.Tally(t.view.wish)
		p.scene = &s
	}
	return p
}

// boxesOf gives the boxes at the ends of the shown lines and the services around them, then others while there is room.
func boxesOf(g graph.Graph, keep, touched map[string]bool) (boxes []box, total int) {
	service := make(map[string]bool)
	for i := range g.Nodes {
		if touched[g.Nodes[i].ID] && g.Nodes[i].Service != "" {
			service[mesh.ServiceID(g.Nodes[i].Service)] = true
		}
	}
	var chosen, others []*graph.Node
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if keep != nil && !keep[n.ID] && !service[n.ID] {
			continue
		}
		total++
		if touched[n.ID] || service[n.ID] {
			chosen = append(chosen, n)
		} else if len(others) < maxRows {
			others = append(others, n)
		}
	}
	if room := maxRows - len(chosen); room > 0 {
		chosen = append(chosen, others[:min(room, len(others))]...)
	}
	slices.SortFunc(chosen, func(a, b *graph.Node) int { return cmp.Compare(a.ID, b.ID) })
	boxes = make([]box, len(chosen))
	for i, n := range chosen {
		boxes[i] = boxOf(n)
	}
	return boxes, total
}

// foremost chooses the rows that are shown when there are too many: the worst, then the busiest. A row that viewers have
// keeps its place against others of about the same rate.
func foremost(edges []*graph.Edge, most int, shown func(from, to string) bool) []*graph.Edge {
	type candidate struct {
		severity, weight float64
		place            int
	}
	all := make([]candidate, len(edges))
	for i, e := range edges {
		all[i] = candidate{severity(e.Health), e.RequestRate, i}
		if shown(e.From, e.To) {
			all[i].weight *= 1.2
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.severity, a.severity), cmp.Compare(b.weight, a.weight), a.place-b.place)
	})
	chosen := make([]*graph.Edge, most)
	for i := range chosen {
		chosen[i] = edges[all[i].place]
	}
	return chosen
}

// ofService gives the boxes that a view of a service is about: its versions and their neighbours; nil means all.
func ofService(v view, g graph.Graph) map[string]bool {
	if v.kind != "service" {
		return nil
	}
	plain, _ := strings.CutPrefix(v.center, "service/")
	own := make(map[string]bool)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if n.ID == mesh.ServiceID(plain) || (n.Service == plain && n.Kind == graph.KindNode) {
			own[n.ID] = true
		}
	}
	keep := maps.Clone(own)
	for i := range g.Edges {
		e := &g.Edges[i]
		if own[e.From] {
			keep[e.To] = true
		}
		if own[e.To] {
			keep[e.From] = true
		}
	}
	return keep
}
