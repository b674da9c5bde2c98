package change

import (
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
)

// measuredFrom is how long traffic must have been measured before what was forecast is compared with it.
const measuredFrom = 20 * time.Second

// arrived gives the requests per second that each split's targets got since the measurement began; nil while it is too
// early. A split whose targets are reached in other ways too is left out. Every edge's time is that of its own reports.
func (m *meter) arrived(counts []mesh.EdgeCount) []map[string]float64 {
	if m.begun.IsZero() {
		return nil
	}
	out := make([]map[string]float64, len(m.plan.splits))
	found := false
	for _, c := range counts {
		key := edgeKey{c.From, c.To}
		since := m.begun
		from, known := m.base[key]
		if known {
			since = from.At
		}
		over := c.At.Sub(since)
		if over < measuredFrom {
			continue
		}
		for _, i := range m.plan.byNode[c.To] {
			s := m.plan.splits[i]
			if !s.has(c.From, c.To) || len(s.shared) > 0 {
				continue
			}
			if out[i] == nil {
				out[i] = make(map[string]float64)
			}
			out[i][c.To] += max(c.Requests-from.Requests, 0) / over.Seconds()
			found = true
		}
	}
	if !found {
		return nil
	}
	return out
}

// compared gives a plan with what was measured beside what was forecast, and whether that is anything new. Routes that
// share a split are in the same counters: what they got together is shared out as was forecast.
func compared(p *plan.Plan, splits []split, arrived []map[string]float64) (*plan.Plan, bool) {
	if p == nil || arrived == nil {
		return p, false
	}
	out := *p
	out.Shifts = slices.Clone(p.Shifts)
	moved := false
	for i := range out.Shifts {
		shift := &out.Shifts[i]
		at := slices.IndexFunc(splits, func(s split) bool { return s.route == shift.Route })
		if at < 0 || arrived[at] == nil {
			continue
		}
		if _, ours := splits[at].want[shift.Node]; !ours {
			continue
		}
		got := arrived[at][shift.Node]
		if name := splits[at].name; name != "" {
			got *= part(out.Shifts, *shift, func(route string) bool {
				return slices.ContainsFunc(splits, func(s split) bool { return s.route == route && s.name == name })
			})
		}
		moved = moved || shift.Measured == nil || *shift.Measured != got
		shift.Measured = &got
	}
	return &out, moved
}

// part is how much of what a target gets by some routes a shift was forecast to be, 0 to 1.
func part(all []plan.Shift, of plan.Shift, counts func(route string) bool) float64 {
	together, routes := 0.0, 0
	for _, s := range all {
		if s.Node == of.Node && counts(s.Route) {
			together += s.RateAfter
			routes++
		}
	}
	if together > 0 {
		return of.RateAfter / together
	}
	return 1 / float64(max(routes, 1))
}

// noteMeasured puts what arrived beside what was forecast.
func (d *Door) noteMeasured(e *entry, counts []mesh.EdgeCount) {
	arrived := e.meter.arrived(counts)
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.replaced {
		return
	}
	if p, moved := compared(e.change.Plan, e.meter.plan.splits, arrived); moved {
		e.change.Plan, e.dirty = p, true
	}
}
