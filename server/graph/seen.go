package graph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// known says where the ends of an edge are in the plan, and where in its edges to go on. It lasts as long as the plan.
type known struct {
	from, to string
	at       [2]int32
	next     int32
	planned  bool // both ends are in the plan; others are not in the same place in every drawing
}

// reported gives every edge that was seen, those of callers outside the mesh among them, by from and to.
func (d *drawing) reported() []flow {
	list := slices.Grow(d.scratch.seen, len(d.seen.Edges)+16)
	next, sorted := int32(0), true
	for i := range d.seen.Edges {
		e := &d.seen.Edges[i]
		f := flow{Edge: e}
		f.from, f.to, next = d.remembered(i, e, next)
		d.cells[f.to].sent.send(e)
		sorted = sorted && (i == 0 || d.compare(&list[i-1], &f) <= 0)
		list = append(list, f)
	}
	if !sorted {
		slices.SortFunc(list, byEnds)
	}
	if outside := d.outside(); len(outside) > 0 {
		at, _ := slices.BinarySearchFunc(list, outside[0], byEnds) // all of them come from the same end
		list = slices.Insert(list, at, outside...)
	}
	d.scratch.seen = list
	return list
}

// remembered finds the nodes of an edge. An observer that gives the same strings every time spares the comparison of what
// is in them, and with it the search.
func (d *drawing) remembered(i int, e *mesh.Edge, next int32) (from, to, then int32) {
	if i == len(d.before) {
		d.before = append(d.before, known{})
	}
	k := &d.before[i]
	if k.planned && k.from == e.From && k.to == e.To {
		return k.at[0], k.at[1], k.next
	}
	from, to, then = d.ends(e, next)
	n := int32(len(d.nodes))
	*k = known{from: e.From, to: e.To, at: [2]int32{from, to}, next: then, planned: from < n && to < n}
	return from, to, then
}

// ends finds the nodes of an edge. What is seen comes in the plan's order and is mostly what is planned: next is where
// that goes on.
func (d *drawing) ends(e *mesh.Edge, next int32) (from, to, then int32) {
	for ; int(next) < len(d.edges); next++ {
		p := &d.edges[next]
		order := cmp.Or(strings.Compare(d.nodes[p.from].id, e.From), strings.Compare(d.nodes[p.to].id, e.To))
		if order == 0 {
			return p.from, p.to, next + 1
		}
		if order > 0 {
			break
		}
	}
	return d.cell(e.From), d.cell(e.To), next
}

// compare orders what was seen. Both ends are usually of the plan, whose order is that of the ids.
func (d *drawing) compare(a, b *flow) int {
	if n := int32(len(d.nodes)); a.from < n && a.to < n && b.from < n && b.to < n {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
	}
	return byEnds(*a, *b)
}

func byEnds(a, b flow) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) }

// outside finds the callers outside the mesh: all that a gateway receives, and what a node receives beyond its callers'
// calls.
func (d *drawing) outside() []flow {
	var list []flow
	for i := range d.cells {
		c := &d.cells[i]
		if t := &c.in.Traffic; t.RequestRate == 0 && t.Active == 0 || c.sent.explains(t.Requests) {
			continue
		}
		in := c.in.Traffic
		if c.sent.attempts > 0 {
			rest, part := c.sent.remainder(in)
			if part <= outsideShare || rest.RequestRate <= outsideRate {
				continue
			}
			in = rest
		}
		// How many instances there are and which are ejected is for callers inside the mesh to say.
		in.Members, in.Healthy, in.Ejected = 0, 0, 0
		e := &mesh.Edge{From: mesh.UnknownID, To: c.id, Protocol: c.planNode.pool.protocol, Traffic: in, At: d.seen.At.Add(-c.age)}
		list = append(list, flow{Edge: e, to: int32(i)})
	}
	if len(list) > 0 {
		from := d.cell(mesh.UnknownID)
		for i := range list {
			list[i].from = from
		}
		slices.SortFunc(list, byEnds)
	}
	return list
}
