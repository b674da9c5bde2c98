package canary

import (
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// window is what {{window}} stands for: a minute, or two intervals where those are longer, so that a rate has samples.
func (c Check) window() time.Duration { return max(time.Minute, 2*time.Duration(c.Interval)) }

// question fills a check's query in.
func (c Check) question(r Rollout) string {
	return fill(c.Query, blanks{mesh: r.Mesh, stable: r.Spec.Stable, canary: r.Spec.Canary, window: c.window()})
}

// weigh adds an answer to what is known of a check. An answer that is not one number is neither good nor bad.
func (c Check) weigh(was Measured, values []float64, err error, now time.Time) Measured {
	m := Measured{Name: c.Name, At: now, Failed: was.Failed, Errors: was.Errors + 1}
	switch {
	case err != nil:
		m.Message = mesh.Shorten(err.Error())
	case len(values) == 0:
		m.Message = "the query gave no value: check its labels, or add `or vector(0)`"
	case len(values) > 1:
		m.Message = fmt.Sprintf("the query gave %d values, and one is needed: sum() them", len(values))
	case math.IsNaN(values[0]):
		m.Message = "the query gave NaN, as a division of nothing by nothing does"
	case math.IsInf(values[0], 0):
		m.Message = "the query gave an infinite number"
	}
	if m.Message != "" {
		return m
	}
	m.Errors, m.Value = 0, &values[0]
	number := func(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }
	switch v := values[0]; {
	case c.Min != nil && v < *c.Min:
		m.Message = number(v) + " is below " + number(*c.Min)
	case c.Max != nil && v > *c.Max:
		m.Message = number(v) + " is above " + number(*c.Max)
	}
	if m.OK = m.Message == ""; m.OK {
		m.Failed = 0
	} else {
		m.Failed++
	}
	return m
}
