package graph

import (
	"cmp"
	"slices"
	"strings"
	"sync"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// Outline is a picture by its units, ready for any number of choices. It is safe for concurrent use.
type Outline struct {
	graph    Graph
	units    []unit
	byNode   map[string]int32 // graph id of a node or unit → unit
	ends     [][2]int32       // edge by edge, the units it joins; -1: a box that is not in the picture
	links    []link           // by from and to
	out, in  [][]int32        // unit by unit, its links; those to itself are in neither
	problems []problem        // worst first
	suffix   string           // of the domains of services' names

	mu     sync.Mutex
	orders map[string][]int32 // of the table's edges, by what they are sorted and filtered by
}

// unit is what is placed as one thing in a picture.
type unit struct {
	id    string
	name  string
	kind  NodeKind
	nodes []int32
	worst mesh.Health
	rate  float64 // received, from wherever
	entry bool    // calls into the mesh begin here
}

// link is all the edges from one unit to another.
type link struct {
	from, to int32
	edges    []int32
	rate     float64
	failing  float64 // per second
	p95      float64
	worst    mesh.Health
}

// NewOutline reads a picture.
func NewOutline(g Graph) *Outline {
	o := &Outline{graph: g, byNode: make(map[string]int32, len(g.Nodes)+len(g.Nodes)/4)}
	o.gather()
	o.join()
	o.findEntries()
	o.findSuffix()
	o.problems = o.findProblems()
	return o
}

// gather makes the units out of nodes.
func (o *Outline) gather() {
	o.units = make([]unit, 0, len(o.graph.Nodes))
	for i := range o.graph.Nodes {
		n := &o.graph.Nodes[i]
		id, kind := n.ID, n.Kind
		if n.Kind == KindNode && n.Service != "" {
			id, kind = mesh.ServiceID(n.Service), KindService
		}
		u, ok := o.byNode[id]
		if !ok {
			u = int32(len(o.units))
			o.byNode[id] = u
			name := n.Name
			if id != n.ID {
				name = n.Service
			}
			o.units = append(o.units, unit{id: id, name: name, kind: kind})
		}
		o.byNode[n.ID] = u
		at := &o.units[u]
		at.nodes = append(at.nodes, int32(i))
		at.worst = worse(at.worst, n.Health)
		if n.Kind != KindService {
			at.rate += n.RequestRate
		}
	}
}

// join makes the links out of edges.
func (o *Outline) join() {
	edges := o.graph.Edges
	o.ends = make([][2]int32, len(edges))
	order := make([]int32, 0, len(edges))
	from, last := int32(-1), ""
	for i := range edges {
		e := &edges[i]
		if i == 0 || e.From != last { // edges come caller by caller
			from, last = o.unitOf(e.From), e.From
		}
		o.ends[i] = [2]int32{from, o.unitOf(e.To)}
		if from >= 0 && o.ends[i][1] >= 0 {
			order = append(order, int32(i))
		}
	}
	slices.SortFunc(order, func(a, b int32) int {
		x, y := o.ends[a], o.ends[b]
		return cmp.Or(cmp.Compare(x[0], y[0]), cmp.Compare(x[1], y[1]), cmp.Compare(a, b))
	})
	o.links = make([]link, 0, len(order))
	for i := 0; i < len(order); {
		ends, first := o.ends[order[i]], i
		for i < len(order) && o.ends[order[i]] == ends {
			i++
		}
		o.links = append(o.links, o.linkOf(ends, order[first:i:i]))
	}
	o.out, o.in = make([][]int32, len(o.units)), make([][]int32, len(o.units))
	for i := range o.links {
		if l := &o.links[i]; l.from != l.to {
			o.out[l.from] = append(o.out[l.from], int32(i))
			o.in[l.to] = append(o.in[l.to], int32(i))
		}
	}
}

func (o *Outline) linkOf(ends [2]int32, edges []int32) link {
	l := link{from: ends[0], to: ends[1], edges: edges}
	for _, i := range edges {
		e := &o.graph.Edges[i]
		l.rate += e.RequestRate
		l.failing += e.RequestRate * e.ErrorRatio
		l.p95 = max(l.p95, e.P95)
		l.worst = worse(l.worst, e.Health)
	}
	return l
}

// findEntries says where calls begin: outside, at gateways, and at what nobody inside the mesh calls.
func (o *Outline) findEntries() {
	for i := range o.units {
		u := &o.units[i]
		u.entry = u.kind == KindUnknown || u.kind == KindGateway || len(o.out[i]) > 0 && !slices.ContainsFunc(o.in[i], func(l int32) bool {
			return o.units[o.links[l].from].kind != KindUnknown
		})
	}
}

// unitOf gives the unit of a node or of its own id; -1 when there is none.
func (o *Outline) unitOf(id string) int32 {
	if u, ok := o.byNode[id]; ok {
		return u
	}
	return -1
}

// find gives the unit that somebody means: by graph id, or by the plain name of a service or of a node.
func (o *Outline) find(name string) int32 {
	if name == "" {
		return -1
	}
	if u := o.unitOf(name); u >= 0 {
		return u
	}
	if u := o.unitOf(mesh.ServiceID(name)); u >= 0 {
		return u
	}
	i := slices.IndexFunc(o.graph.Nodes, func(n Node) bool { return n.Name == name })
	if i < 0 {
		return -1
	}
	return o.unitOf(o.graph.Nodes[i].ID)
}

// Graph gives the picture that the outline is of.
func (o *Outline) Graph() Graph { return o.graph }

// Has says whether the picture has a unit of this name: a graph id, or the plain name of a service or of a node.
func (o *Outline) Has(name string) bool { return o.find(name) >= 0 }

// problem is an edge beyond its limits, or a box that is ill although no such edge leads to it.
type problem struct {
	edge     int32 // -1: the box
	node     int32 // the box; of an edge -1
	from, to int32 // units; of a box the same
	health   mesh.Health
	impact   float64 // failing requests per second
	rate     float64
}

// findProblems lists what is wrong, worst first.
func (o *Outline) findProblems() []problem {
	var list []problem
	reached := make([]bool, len(o.units)) // an edge to it is beyond its limits
	for i, ends := range o.ends {
		e := &o.graph.Edges[i]
		if !wrong(e.Health) || ends[0] < 0 || ends[1] < 0 {
			continue
		}
		reached[ends[1]] = true
		list = append(list, problem{int32(i), -1, ends[0], ends[1], e.Health, e.RequestRate * e.ErrorRatio, e.RequestRate})
	}
	for i := range o.units {
		if u := &o.units[i]; wrong(u.worst) && !reached[i] {
			n := slices.MaxFunc(u.nodes, func(a, b int32) int { return o.compareIll(a, b) })
			at := &o.graph.Nodes[n]
			list = append(list, problem{-1, n, int32(i), int32(i), u.worst, at.RequestRate * at.ErrorRatio, at.RequestRate})
		}
	}
	slices.SortStableFunc(list, func(a, b problem) int {
		return cmp.Or(
			health.Rank(b.health)-health.Rank(a.health),
			magnitude(b.impact)-magnitude(a.impact),
			magnitude(b.rate)-magnitude(a.rate),
		)
	})
	return list
}

// compareIll puts the box of a unit last that its trouble is about: the worst, and a version rather than the service.
func (o *Outline) compareIll(a, b int32) int {
	x, y := &o.graph.Nodes[a], &o.graph.Nodes[b]
	version := func(n *Node) int {
		if n.Kind == KindService {
			return 0
		}
		return 1
	}
	return cmp.Or(health.Rank(x.Health)-health.Rank(y.Health), version(x)-version(y), strings.Compare(y.ID, x.ID))
}

// wrong says whether a verdict is one to show.
func wrong(h mesh.Health) bool { return h == mesh.Degraded || h == mesh.Unhealthy }
