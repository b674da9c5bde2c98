package graph

import (
	"cmp"
	"math"
	"slices"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// How much a view shows.
const (
	maxUnits   = 40  // beyond it a picture is not read but looked at
	wholeUnits = 20  // a mesh of up to so many units is shown whole
	quietUnits = 16  // shown of a larger one when nothing is wrong
	maxEdges   = 150 // in a picture
	maxPaths   = 50  // listed
	maxShifts  = 8   // listed
	maxSide    = 8   // neighbours of the focus on each side, hop by hop
	maxHops    = 3
	pathUnits  = 12  // of one path
	favour     = 1.3 // what viewers have before them counts for this much more, so that equals do not take turns
)

// Choose decides what a view shows of a picture. It is pure and its work grows with the picture. Lately are the units that
// viewers have before them (nil: none): they stay as long as there is room, and win against their equals, so that nothing
// flickers while an edge hovers at its limit.
func Choose(g Graph, w Wish, lately map[string]bool) Scene { return NewOutline(g).Choose(w, lately) }

// Tally gives the numbers of a scene, without what is shown: how much there is, how much is wrong and hidden.
func (o *Outline) Tally(w Wish) Scene { return o.begin(w).scene }

// begin takes down what is hidden and what there is.
func (o *Outline) begin(w Wish) *choice {
	c := &choice{Outline: o, wish: w, center: -1, hidden: make([]bool, len(o.units)), lately: make([]bool, len(o.units)), shown: make([]bool, len(o.units))}
	c.scene = Scene{View: w.View, UnitTotal: len(o.units), EdgeTotal: len(o.graph.Edges), Problems: len(o.problems)}
	for _, name := range w.Hide {
		if u := o.find(name); u >= 0 && !c.hidden[u] {
			c.hidden[u] = true
			c.scene.Hid++
		}
	}
	for _, p := range o.problems {
		if c.hidden[p.from] || c.hidden[p.to] {
			c.scene.HidProblems++
		}
	}
	return c
}

// Choose decides what a view shows of the picture, as the function of that name.
func (o *Outline) Choose(w Wish, lately map[string]bool) Scene {
	c := o.begin(w)
	for id := range lately {
		if u := o.unitOf(id); u >= 0 {
			c.lately[u] = true
		}
	}
	switch w.View {
	case ViewFocus:
		c.focus()
	case ViewGroups:
		c.groups()
	case ViewTable, ViewWhole:
		c.everything()
		c.compose(math.MaxInt)
	default:
		c.scene.View = ViewProblems
		c.problemsFirst()
	}
	return c.scene
}

// choice is one scene while it is made.
type choice struct {
	*Outline
	wish   Wish
	hidden []bool // by the hide list
	lately []bool
	shown  []bool
	picked []int32        // the units that are shown, in the order in which they were chosen
	center int32          // the unit in focus; -1: none
	beside map[int32]bool // its neighbours that More stands for
	scene  Scene
}

// show adds a unit.
func (c *choice) show(u int32) {
	if !c.shown[u] && !c.hidden[u] {
		c.shown[u] = true
		c.picked = append(c.picked, u)
	}
}

// room says how many more units fit.
func (c *choice) room(most int) int { return most - len(c.picked) }

// showAll shows a list of units if all of it fits.
func (c *choice) showAll(list []int32, most int) bool {
	fresh := 0
	for i, u := range list {
		if !c.shown[u] && !slices.Contains(list[:i], u) {
			fresh++
		}
	}
	if fresh > c.room(most) {
		return false
	}
	for _, u := range list {
		c.show(u)
	}
	return true
}

func (c *choice) everything() {
	for u := range c.units {
		c.show(int32(u))
	}
}

// keep says which units were chosen for themselves, and lets those stay that were shown lately.
func (c *choice) keep() {
	c.scene.Chosen = make([]string, len(c.picked))
	for i, u := range c.picked {
		c.scene.Chosen[i] = c.units[u].id
	}
	for u := range c.units {
		if c.room(maxUnits) <= 0 {
			return
		}
		if c.lately[u] {
			c.show(int32(u))
		}
	}
}

// compose lays the shown units and at most so many of the edges between them into the scene.
func (c *choice) compose(most int) {
	s := &c.scene
	s.Units = len(c.picked)
	for i := range c.graph.Nodes {
		if c.shown[c.byNode[c.graph.Nodes[i].ID]] {
			s.Nodes = append(s.Nodes, c.graph.Nodes[i])
		}
	}
	var edges []int32
	for i, ends := range c.ends {
		if ends[0] >= 0 && ends[1] >= 0 && c.shown[ends[0]] && c.shown[ends[1]] {
			edges = append(edges, int32(i))
		}
	}
	s.Lines = len(edges)
	if len(edges) > most {
		edges = c.foremost(edges, most)
	}
	s.Edges = make([]Edge, len(edges))
	for i, e := range edges {
		s.Edges[i] = c.graph.Edges[e]
	}
	c.count()
}

// foremost keeps the edges that matter most: those beyond their limits, then the busiest.
func (c *choice) foremost(edges []int32, most int) []int32 {
	slices.SortStableFunc(edges, func(a, b int32) int {
		x, y := &c.graph.Edges[a], &c.graph.Edges[b]
		return cmp.Or(severity(y.Health)-severity(x.Health), cmp.Compare(y.RequestRate, x.RequestRate))
	})
	edges = edges[:most]
	slices.Sort(edges)
	return edges
}

// count says how many neighbours of each shown unit are not shown. Those that More stands for, and those that somebody hid,
// do not count.
func (c *choice) count() {
	if len(c.picked) == len(c.units) {
		return
	}
	seen := make([]int32, len(c.units)) // the unit, plus one, for which a neighbour was counted last
	for _, u := range c.picked {
		n := 0
		note := func(other int32) {
			if u == c.center && c.beside[other] {
				return
			}
			if !c.shown[other] && !c.hidden[other] && seen[other] != u+1 {
				seen[other] = u + 1
				n++
			}
		}
		for _, l := range c.out[u] {
			note(c.links[l].to)
		}
		for _, l := range c.in[u] {
			note(c.links[l].from)
		}
		if n > 0 {
			if c.scene.Hidden == nil {
				c.scene.Hidden = make(map[string]int)
			}
			c.scene.Hidden[c.units[u].id] = n
		}
	}
}

// severity orders what is shown: only what is wrong goes before what is busy.
func severity(h mesh.Health) int { return max(health.Rank(h), health.Rank(mesh.Healthy)) }

// magnitude is a number's order of magnitude, in powers of two: lists ordered by it do not change places for a little more
// or less.
func magnitude(v float64) int {
	if v <= 0 {
		return math.MinInt16
	}
	return math.Ilogb(v)
}
