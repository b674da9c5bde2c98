package graph

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// Baseline is how a mesh's edges did some minutes ago.
type Baseline struct {
	At     time.Time
	window float64 // seconds
	list   []trace // sorted by from and to
}

// trace is an edge of a baseline. Its strings are shared with the picture it was taken from.
type trace struct {
	from, to          string
	rate, errors, p95 float32
}

// maxTraces bounds a baseline's memory: 44 bytes each. Of a larger mesh the first ones are kept.
const maxTraces = 20_000

// newBaseline takes down a picture.
func newBaseline(g Graph) *Baseline {
	b := &Baseline{At: g.At, window: g.Seconds(), list: make([]trace, 0, min(len(g.Edges), maxTraces))}
	for i := range g.Edges {
		if e := &g.Edges[i]; e.Used && len(b.list) < maxTraces {
			b.list = append(b.list, trace{e.From, e.To, float32(e.RequestRate), float32(e.ErrorRatio), float32(e.P95)})
		}
	}
	return b
}

// change is a shift with how much it says: times the noise, weighed by what it means for callers.
type change struct {
	Shift
	edge   int32
	weight float64
}

// changes lists the edges that do otherwise than they did when the baseline was taken, by more than chance explains: those
// that changed most come first.
func (b *Baseline) changes(g Graph) []change {
	if b == nil {
		return nil
	}
	var list []change
	k, window := 0, g.Seconds()
	for i := range g.Edges {
		e := &g.Edges[i]
		for k < len(b.list) && cmp.Or(cmp.Compare(b.list[k].from, e.From), cmp.Compare(b.list[k].to, e.To)) < 0 {
			k++
		}
		if k == len(b.list) {
			break
		}
		if t := &b.list[k]; t.from == e.From && t.to == e.To {
			if c, ok := t.shift(e, b.window, window); ok {
				c.edge = int32(i)
				list = append(list, c)
			}
		}
	}
	slices.SortStableFunc(list, func(a, b change) int { return cmp.Compare(b.weight, a.weight) })
	return list
}

// shift says what of an edge changed most; ok is false when nothing did.
func (t *trace) shift(e *Edge, was, is float64) (c change, ok bool) {
	before := Reading{RequestRate: float64(t.rate), ErrorRatio: float64(t.errors), P95: float64(t.p95)}
	after := Reading{RequestRate: e.RequestRate, ErrorRatio: e.ErrorRatio, P95: e.P95}
	if !beyondNoise(before, after, was, is) {
		return c, false
	}
	best := func(what string, from, to, weight float64) {
		if weight > c.weight {
			c.Shift, c.weight = Shift{From: e.From, To: e.To, What: what, Before: from, After: to}, weight
		}
	}
	busy := max(before.RequestRate, after.RequestRate)
	// What callers feel counts most: a request that fails as much as one that waits a second longer, or ten that came or
	// stayed away.
	best("errors", before.ErrorRatio, after.ErrorRatio, busy*math.Abs(after.ErrorRatio-before.ErrorRatio))
	best("p95", before.P95, after.P95, min(before.RequestRate, after.RequestRate)*math.Abs(after.P95-before.P95))
	best("rate", before.RequestRate, after.RequestRate, math.Abs(after.RequestRate-before.RequestRate)/10)
	return c, c.weight > 0
}

// listShifts lists what changed most and shows it.
func (c *choice) listShifts() {
	for _, s := range c.graph.before.changes(c.graph) {
		ends := c.ends[s.edge]
		if ends[0] < 0 || ends[1] < 0 || c.hidden[ends[0]] || c.hidden[ends[1]] {
			continue
		}
		if len(c.scene.Shifts) == maxShifts {
			return
		}
		c.scene.Shifts = append(c.scene.Shifts, s.Shift)
		c.showAll(ends[:], quietUnits)
	}
}
