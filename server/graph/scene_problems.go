package graph

import (
	"cmp"
	"container/heap"
	"math"
	"slices"
)

// problemsFirst shows what is wrong and how calls get there; of a mesh where nothing is, what changed and what is busy.
func (c *choice) problemsFirst() {
	visible := 0
	for u := range c.units {
		if !c.hidden[u] {
			visible++
		}
	}
	if visible <= wholeUnits {
		c.everything()
	}
	c.listPaths()
	if len(c.scene.Paths) == 0 {
		c.listShifts()
		c.busiest()
	}
	c.keep()
	c.compose(maxEdges)
}

// listPaths lists the problems that are not hidden and shows as many of them as there is room for, worst first.
func (c *choice) listPaths() {
	var way []int32
	for _, p := range c.problems {
		if c.hidden[p.from] || c.hidden[p.to] {
			continue
		}
		if way == nil {
			way = c.ways()
		}
		units := c.wayTo(p, way)
		shown := c.showAll(units, maxUnits)
		if len(c.scene.Paths) == maxPaths {
			if shown || c.room(maxUnits) > 0 {
				continue // not listed, and still worth its place in the picture
			}
			return
		}
		path := Path{Units: make([]string, len(units)), Health: p.health, Shown: shown}
		for i, u := range units {
			path.Units[i] = c.units[u].id
		}
		if p.edge >= 0 {
			path.From, path.To = c.graph.Edges[p.edge].From, c.graph.Edges[p.edge].To
		} else {
			path.To = c.graph.Nodes[p.node].ID
		}
		c.scene.Paths = append(c.scene.Paths, path)
	}
}

// wayTo gives the units from an entry to a problem's destination, the last few of a very long way.
func (c *choice) wayTo(p problem, way []int32) []int32 {
	units := []int32{p.to}
	at := p.to
	if p.edge >= 0 && p.from != p.to {
		at = p.from
		units = append(units, at)
	}
	for len(units) < pathUnits && way[at] >= 0 {
		at = c.links[way[at]].from
		units = append(units, at)
	}
	slices.Reverse(units)
	return units
}

// What a link counts for that carries nothing, and how much a hop costs: less than any share that matters.
const (
	leastShare = 1e-6
	hopCost    = 1e-3
)

// ways finds, for every unit, the link by which calls reach it on the heaviest way from an entry; -1: it is an entry, or
// none leads there. The weight of a way is the product, link by link, of the part of what arrives at the unit that comes
// over the link: the chance that a call seen at its end came that way, if units did not tell their callers apart. The
// heaviest is found by Dijkstra's algorithm over the logarithms.
func (c *choice) ways() []int32 {
	way, cost := make([]int32, len(c.units)), make([]float64, len(c.units))
	arrives := make([]float64, len(c.units))
	var queue frontier
	for u := range c.units {
		way[u], cost[u] = -1, math.Inf(1)
		for _, l := range c.in[u] {
			if !c.hidden[c.links[l].from] {
				arrives[u] += c.links[l].rate
			}
		}
		if c.units[u].entry && !c.hidden[u] {
			cost[u] = 0
			queue = append(queue, reach{int32(u), 0})
		}
	}
	done := make([]bool, len(c.units))
	for len(queue) > 0 {
		at, _ := heap.Pop(&queue).(reach)
		if done[at.unit] {
			continue
		}
		done[at.unit] = true
		for _, l := range c.out[at.unit] {
			to := c.links[l].to
			if done[to] || c.hidden[to] {
				continue
			}
			if next := at.cost + hopCost - math.Log(c.share(l, arrives[to])); next < cost[to] {
				way[to], cost[to] = l, next
				heap.Push(&queue, reach{to, next})
			}
		}
	}
	return way
}

// share is the part of what arrives at a link's end that comes over it.
func (c *choice) share(l int32, arrives float64) float64 {
	link := &c.links[l]
	if arrives <= 0 || link.rate <= 0 {
		return leastShare
	}
	share := max(link.rate/arrives, leastShare)
	if c.lately[link.from] && c.lately[link.to] {
		share *= favour
	}
	return min(1, share)
}

// reach is a unit and what it costs to get there.
type reach struct {
	unit int32
	cost float64
}

// frontier is where the search goes on, the cheapest first.
type frontier []reach

func (f frontier) Len() int      { return len(f) }
func (f frontier) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f frontier) Less(i, j int) bool {
	if f[i].cost != f[j].cost {
		return f[i].cost < f[j].cost
	}
	return f[i].unit < f[j].unit
}

// Push is of heap.Interface.
func (f *frontier) Push(x any) {
	if r, ok := x.(reach); ok {
		*f = append(*f, r)
	}
}

// Pop is of heap.Interface.
func (f *frontier) Pop() any {
	last := (*f)[len(*f)-1]
	*f = (*f)[:len(*f)-1]
	return last
}

// busiest shows the ends of the busiest links until the picture has something to look at, and configured units where
// nothing is called at all.
func (c *choice) busiest() {
	links := make([]int32, 0, len(c.links))
	for i := range c.links {
		if l := &c.links[i]; l.from != l.to && !c.hidden[l.from] && !c.hidden[l.to] {
			links = append(links, int32(i))
		}
	}
	weight := func(l *link) float64 {
		if c.lately[l.from] && c.lately[l.to] {
			return l.rate * favour
		}
		return l.rate
	}
	slices.SortStableFunc(links, func(a, b int32) int { return cmp.Compare(weight(&c.links[b]), weight(&c.links[a])) })
	for _, l := range links {
		if c.room(quietUnits) <= 0 {
			return
		}
		c.show(c.links[l].from)
		c.show(c.links[l].to)
	}
	for u := range c.units {
		if c.room(quietUnits) <= 0 {
			return
		}
		c.show(int32(u))
	}
}
