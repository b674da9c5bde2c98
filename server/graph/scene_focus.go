package graph

import (
	"cmp"
	"slices"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// The sides of a unit in focus, as Scene.More names them.
const (
	sideCallers = "callers"
	sideCallees = "callees"
)

// focus shows one unit with its callers and callees, hop by hop. A unit that somebody asks for is shown even when the hide
// list names it.
func (c *choice) focus() {
	c.center = c.find(c.wish.Focus)
	if c.center < 0 {
		c.compose(maxEdges)
		return
	}
	if c.hidden[c.center] {
		c.hidden[c.center] = false
		c.scene.Hid--
	}
	c.scene.Center = c.units[c.center].id
	c.show(c.center)
	callers, callees := []int32{c.center}, []int32{c.center}
	for hop := range min(max(c.wish.Hops, 1), maxHops) {
		callers = c.ring(callers, sideCallers, hop)
		callees = c.ring(callees, sideCallees, hop)
	}
	c.scene.Chosen = make([]string, len(c.picked))
	for i, u := range c.picked {
		c.scene.Chosen[i] = c.units[u].id
	}
	c.more(sideCallers)
	c.more(sideCallees)
	c.compose(maxEdges)
}

// neighbour is a unit beside others, with what goes between.
type neighbour struct {
	unit  int32
	worst mesh.Health
	rate  float64
}

// ring shows the units one hop further on a side: the worst, then the busiest. It gives those to go on from.
func (c *choice) ring(from []int32, side string, hop int) []int32 {
	var next []int32
	fresh := 0
	for _, n := range c.neighbours(from, side) {
		if c.shown[n.unit] {
			continue
		}
		if fresh == maxSide {
			if hop == 0 {
				if c.beside == nil {
					c.beside = make(map[int32]bool)
				}
				c.beside[n.unit] = true
				continue
			}
			break
		}
		fresh++
		c.show(n.unit)
		next = append(next, n.unit)
	}
	return next
}

// neighbours gives the units on one side of some, the worst first, then the busiest, then by name.
func (c *choice) neighbours(of []int32, side string) []neighbour {
	found := make(map[int32]int)
	var list []neighbour
	for _, u := range of {
		for _, i := range c.side(u, side) {
			l := &c.links[i]
			other := c.other(l, side)
			if c.hidden[other] || slices.Contains(of, other) {
				continue
			}
			k, ok := found[other]
			if !ok {
				k = len(list)
				found[other] = k
				list = append(list, neighbour{unit: other})
			}
			list[k].worst = worse(list[k].worst, l.worst)
			list[k].rate += l.rate
		}
	}
	weight := func(n neighbour) float64 {
		if c.lately[n.unit] {
			return n.rate * favour
		}
		return n.rate
	}
	slices.SortFunc(list, func(a, b neighbour) int {
		return cmp.Or(severity(b.worst)-severity(a.worst), cmp.Compare(weight(b), weight(a)), cmp.Compare(c.units[a.unit].id, c.units[b.unit].id))
	})
	return list
}

// side gives the links of a unit on one side.
func (c *choice) side(u int32, side string) []int32 {
	if side == sideCallers {
		return c.in[u]
	}
	return c.out[u]
}

func (c *choice) other(l *link, side string) int32 {
	if side == sideCallers {
		return l.from
	}
	return l.to
}

// more adds up the neighbours of the focus that do not fit. One that another hop brought into the picture is there.
func (c *choice) more(side string) {
	var m More
	failing := 0.0
	m.Health = mesh.Unknown
	for _, i := range c.side(c.center, side) {
		l := &c.links[i]
		other := c.other(l, side)
		if c.shown[other] || c.hidden[other] {
			continue
		}
		m.Units++
		m.RequestRate += l.rate
		failing += l.failing
		m.P95 = max(m.P95, l.p95)
		if health.Rank(l.worst) > health.Rank(m.Health) {
			m.Health = l.worst
		}
	}
	if m.Units == 0 {
		return
	}
	if m.RequestRate > 0 {
		m.ErrorRatio = failing / m.RequestRate
	}
	if c.scene.More == nil {
		c.scene.More = make(map[string]More)
	}
	c.scene.More[side] = m
}
