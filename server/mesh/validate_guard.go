package mesh

import (
	"fmt"
	"slices"
	"time"
)

// Bounds of freeze windows.
const (
	maxWindows = 50
	maxFreeze  = 366 * 24 * time.Hour
)

// guard checks one object's guard rails.
func (c *checker) guard(g *Guard) {
	if g == nil {
		return
	}
	c.percent("guard.largestStep", g.LargestStep)
	c.percent("guard.stableFloor", g.StableFloor)
	if g.MinRequests != nil {
		c.between("guard.minRequests", *g.MinRequests, 0, maxCount)
	}
	if g.Freeze == nil {
		return
	}
	if n := len(g.Freeze.Windows); n > maxWindows {
		c.fail("guard.freeze.windows", n, fmt.Sprintf("are at most %d", maxWindows))
	}
	for i, w := range g.Freeze.Windows {
		c.window(fmt.Sprintf("guard.freeze.windows[%d].", i), w)
	}
}

// percent checks a percentage that may be left out.
func (c *checker) percent(field string, v *float64) {
	if v != nil && !(*v >= 0 && *v <= 100) { // what is not a number is neither
		c.fail(field, *v, "is from 0 (no rail) to 100, in percent")
	}
}

func (c *checker) window(at string, w Window) {
	if w.Reason == "" {
		c.fail(at+"reason", nil, "is required: whoever runs into the freeze reads it")
	}
	c.text(at+"reason", w.Reason, maxText)
	once := w.From != "" || w.Until != ""
	weekly := len(w.Days) > 0 || w.Start != "" || w.End != "" || w.Zone != ""
	switch {
	case once && weekly:
		c.fail(at+"from", w.From, "and until are once, days, start, end and zone are every week: give the ones or the others")
	case once:
		c.once(at, w)
	default:
		c.weekly(at, w)
	}
}

func (c *checker) once(at string, w Window) {
	const rule = "is a moment with its zone, as in 2026-12-24T00:00:00Z"
	from, errFrom := time.Parse(time.RFC3339, w.From)
	until, errUntil := time.Parse(time.RFC3339, w.Until)
	if errFrom != nil {
		c.fail(at+"from", w.From, rule)
	}
	if errUntil != nil {
		c.fail(at+"until", w.Until, rule)
	}
	if errFrom != nil || errUntil != nil {
		return
	}
	if long := until.Sub(from); long <= 0 || long > maxFreeze {
		c.fail(at+"until", w.Until, "is after from, by at most 366 days: what is never to be changed is protected")
	}
}

func (c *checker) weekly(at string, w Window) {
	const rule = `is a time of day, as in "18:00"`
	for i, day := range w.Days {
		field := fmt.Sprintf("%sdays[%d]", at, i)
		c.oneOf(field, day, weekdays()...)
		if slices.Contains(w.Days[:i], day) {
			c.fail(field, day, "is named once")
		}
	}
	if start, ok := clock(w.Start); !ok || start == 24*60 {
		c.fail(at+"start", w.Start, rule)
	}
	if _, ok := clock(w.End); !ok {
		c.fail(at+"end", w.End, rule)
	}
	if _, err := time.LoadLocation(w.Zone); err != nil || w.Zone == "Local" {
		c.fail(at+"zone", w.Zone, "is a time zone of IANA's list, as in Europe/Berlin, or left out for UTC")
	}
}
