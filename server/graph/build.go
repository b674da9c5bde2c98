package graph

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// What arrives at a node beyond what its callers sent is taken for calls from outside the mesh when it is more than this
// share and this rate: proxies flush at different moments, so the two never agree exactly.
const (
	outsideShare = 0.05
	outsideRate  = 0.5
)

// Build draws the picture of a mesh from its configuration, what was seen of it, and how many proxies are connected by
// graph id of node or gateway, unless the observation says that itself. It is pure, and its work grows with the mesh.
func Build(m mesh.Mesh, seen mesh.Observation, proxies map[string]int, limits health.Thresholds) Graph {
	return newPlan(m, limits).draw(&seen, proxies)
}

// drawing is one picture while it is made. Nodes are known by their place in cells: those of the plan first, in its
// order, then those that are only seen.
type drawing struct {
	*plan
	*scratch
	seen    *mesh.Observation
	proxies map[string]int
	graph   Graph
}

// scratch is what drawing needs and the picture does not keep. A plan lends it to one drawing after the other, since
// pictures are drawn every second.
type scratch struct {
	cells   []cell
	strange map[string]int32 // cells beyond the plan's
	before  []known          // edge by edge, what was seen in the drawing before; mostly it is the same
	seen    []flow           // what was seen, by from and to
	flows   []flow           // in the order of graph.Edges
	byPlan  []int32          // the place in flows of each of the plan's edges
	nothing mesh.Arrival     // at a node of which nothing is known; never written
	// evidence is the one that is being judged.
	evidence health.Evidence
}

// cell is a node while the picture is made.
type cell struct {
	*planNode
	shown   bool // part of the picture; what is only at the end of a leftover is not
	proxies int
	in      *mesh.Arrival
	age     time.Duration // of in, when it is known what was received
	pool    Pool
	sent    arrival
}

// flow is what was seen of an edge.
type flow struct {
	*mesh.Edge // nil: nothing
	from, to   int32
}

// draw lays what was seen over the plan.
func (p *plan) draw(seen *mesh.Observation, proxies map[string]int) Graph {
	s, ok := p.scratch.Get().(*scratch)
	if !ok {
		s = &scratch{strange: map[string]int32{}}
	}
	d := &drawing{plan: p, scratch: s, seen: seen, proxies: proxies}
	if seen.Proxies != nil {
		d.proxies = seen.Proxies
	}
	d.graph = Graph{Mesh: p.mesh, At: seen.At, Window: words(seen.Window), Partial: seen.Partial, Notes: seen.Notes}
	d.freshness()
	d.layCells()
	d.layEdges(d.reported())
	d.shares()
	d.layNodes()
	s.clear()
	p.scratch.Put(s)
	return d.graph
}

// clear lets go of what was seen.
func (s *scratch) clear() {
	clear(s.cells)
	clear(s.strange)
	clear(s.seen)
	clear(s.flows)
	s.evidence = health.Evidence{}
	s.cells, s.seen, s.flows = s.cells[:0], s.seen[:0], s.flows[:0]
}

// freshness says how old the numbers are. A proxy that is connected and never reported makes the picture stale too; the
// proxies of a moment that has passed are those that reported.
func (d *drawing) freshness() {
	connected := 0
	if d.seen.Proxies == nil {
		for _, n := range d.proxies {
			connected += n
		}
	}
	d.graph.Fresh = d.seen.Fresh && d.seen.Reporting >= connected
	if oldest := d.seen.Oldest; !oldest.IsZero() {
		d.graph.Age = max(0, d.seen.At.Sub(oldest)).Seconds()
	}
}

// layCells gathers what is known of each node by itself.
func (d *drawing) layCells() {
	d.cells = slices.Grow(d.cells, len(d.nodes)+8)[:len(d.nodes)] // cleared after the last drawing
	known, next := 0, 0
	for i := range d.nodes {
		c := &d.cells[i]
		c.planNode, c.shown, c.in = &d.nodes[i], true, &d.nothing
		if c.kind != KindNode && c.kind != KindGateway {
			continue
		}
		for next < len(d.seen.Nodes) && d.seen.Nodes[next].ID < c.id { // both are sorted
			next++
		}
		if next < len(d.seen.Nodes) && d.seen.Nodes[next].ID == c.id {
			c.in = &d.seen.Nodes[next]
		}
		var has bool
		if c.proxies, has = d.proxies[c.id]; has {
			known++
		}
		d.fill(c)
	}
	if known < len(d.proxies) {
		d.layOthers()
	}
}

// layOthers adds the nodes that have proxies and are not planned.
func (d *drawing) layOthers() {
	var others []string
	for id, n := range d.proxies {
		if _, planned := d.byID[id]; n > 0 && !planned {
			others = append(others, id)
		}
	}
	slices.Sort(others)
	for _, id := range others {
		d.cells[d.cell(id)].shown = true
	}
}

// cell finds a node by id, and makes it when it was not known.
func (d *drawing) cell(id string) int32 {
	if i, ok := d.byID[id]; ok {
		return i
	}
	i, ok := d.strange[id]
	if !ok {
		i = int32(len(d.cells))
		d.strange[id] = i
		kind, name := kindOf(id)
		in := d.seen.Arrival(id)
		if in == nil {
			in = &d.nothing
		}
		node := &planNode{id: id, name: name, kind: kind, rules: rules{limits: d.whole}}
		d.cells = append(d.cells, cell{planNode: node, in: in, proxies: d.proxies[id]})
		d.fill(&d.cells[i])
	}
	return i
}

// fill works out what follows from what arrived at a node.
func (d *drawing) fill(c *cell) {
	if c.in.Received && !c.in.At.IsZero() {
		c.age = d.seen.At.Sub(c.in.At)
	}
	use, l := &c.in.Pool, &c.planNode.pool
	n := float64(max(use.Instances, c.proxies, 1))
	c.pool = Pool{
		Connections: use.Connections, MaxConnections: l.maxConnections * n,
		Pending: use.Pending, MaxPendingRequests: l.maxPendingRequests * n,
		Active: use.InFlight, MaxRequests: l.maxInFlight * n,
		OverflowRate: use.OverflowRate, Instances: use.Instances,
	}
}

// layEdges merges what is declared and what was seen, both in the same order.
func (d *drawing) layEdges(seen []flow) {
	n := max(len(d.edges), len(seen)) + 16 // usually they are the same edges
	d.graph.Edges, d.flows = make([]Edge, 0, n), slices.Grow(d.flows, n)
	d.byPlan = slices.Grow(d.byPlan[:0], len(d.edges))[:len(d.edges)]
	i := 0
	for j := range d.edges {
		p := &d.edges[j]
		for i < len(seen) && d.order(seen[i], p) < 0 {
			d.layEdge(seen[i], nil)
			i++
		}
		f := flow{from: p.from, to: p.to}
		if i < len(seen) && seen[i].from == p.from && seen[i].to == p.to {
			f = seen[i]
			i++
		}
		d.byPlan[j] = int32(len(d.flows))
		d.layEdge(f, p)
	}
	for ; i < len(seen); i++ {
		d.layEdge(seen[i], nil)
	}
}

// order compares a seen edge with a declared one. Both ends are usually of the plan, whose order is that of the ids.
func (d *drawing) order(f flow, p *planEdge) int {
	if n := int32(len(d.nodes)); f.from < n && f.to < n {
		return cmp.Or(cmp.Compare(f.from, p.from), cmp.Compare(f.to, p.to))
	}
	return cmp.Or(cmp.Compare(f.From, d.cells[p.from].id), cmp.Compare(f.To, d.cells[p.to].id))
}

// layEdge adds one edge, of which what was seen or what is declared may be missing. An undeclared one that carries
// nothing is a leftover.
func (d *drawing) layEdge(f flow, p *planEdge) {
	to := &d.cells[f.to]
	outside := d.cells[f.from].kind == KindUnknown && to.kind == KindGateway // what a gateway is for
	isUsed := f.Edge != nil && used(f.Edge)
	if p == nil && !isUsed {
		return
	}
	to.shown, d.cells[f.from].shown = true, true
	d.flows = append(d.flows, f)
	e := d.newEdge()
	e.From, e.To, e.Declared, e.Used, e.Pool = d.cells[f.from].id, to.id, p != nil || outside, isUsed, to.pool
	if p != nil {
		e.Protocol, e.Services, e.Weight = p.protocol, p.services, p.weight
	} else {
		e.Services = []string{}
	}
	if t := f.Edge; t != nil {
		e.Protocol = cmp.Or(e.Protocol, t.Protocol)
		e.RequestRate, e.ErrorRatio, e.Classes = t.RequestRate, t.ErrorRatio, classesOf(&t.Classes)
		e.P50, e.P95, e.P99 = t.P50.Seconds(), t.P95.Seconds(), t.P99.Seconds()
		e.BytesRate, e.Active = t.BytesRate, t.Active
		e.Ejected, e.Healthy, e.Members = t.Ejected, t.Healthy, t.Members
		to.sent.reach(t)
	}
	if p != nil { // what is planned knows its own rules
		d.judgeEdge(e, &f, p.rules)
	} else {
		d.judgeEdge(e, &f, rules{to.limits, to.lead})
	}
}

// newEdge adds an empty edge to the picture; what is left of the slice is empty already.
func (d *drawing) newEdge() *Edge {
	n := len(d.graph.Edges)
	if n == cap(d.graph.Edges) {
		d.graph.Edges = slices.Grow(d.graph.Edges, n/4+16)
	}
	d.graph.Edges = d.graph.Edges[:n+1]
	return &d.graph.Edges[n]
}

func used(t *mesh.Edge) bool {
	return t.Requests > 0 || t.Active > 0 || t.Protocol == mesh.TCP && (t.Connections > 0 || t.BytesRate > 0)
}

// shares works out what part of a caller's traffic to a service goes to each of the service's nodes.
func (d *drawing) shares() {
	requests := func(i int32) float64 {
		if f := d.flows[d.byPlan[i]]; f.Edge != nil {
			return f.Requests
		}
		return 0
	}
	values := make([]float64, len(d.edges)) // one piece of memory for all of them
	for i := range d.edges {
		sum := 0.0
		for _, rival := range d.plan.edges[i].rivals {
			sum += requests(rival)
		}
		if sum > 0 {
			values[i] = requests(int32(i)) / sum
			d.graph.Edges[d.byPlan[i]].Share = &values[i]
		}
	}
}

func classesOf(rates *[6]float64) Classes {
	return Classes{
		None: rates[0], Informational: rates[1], Success: rates[2], Redirection: rates[3], ClientError: rates[4], ServerError: rates[5],
	}
}

// words writes a window as people do: "30s", "5m".
func words(d time.Duration) string {
	if d >= time.Minute && d%time.Minute == 0 {
		return strings.TrimSuffix(d.String(), "0s")
	}
	return d.String()
}
