package judge

import (
	"fmt"
	"math"
	"time"
)

// maxCount is the largest count of a window: beyond it float64 no longer holds every whole number.
const maxCount = 1 << 53

// Window is what both arms did from From to To. Windows of one judge follow each other and do not overlap, so that a
// request counts once. Counts are increases of counters that the caller has corrected for resets; whole numbers are
// what the promise is for, the fractions that PromQL's increase() makes are taken as they are.
type Window struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Stable Arm       `json:"stable"`
	Canary Arm       `json:"canary"`
	// Halves are stable's instances in two groups that stay the same, if stable has at least two. They measure how much
	// instances of one version differ.
	Halves *[2]Arm `json:"halves,omitempty"`
}

// Arm is one side of a rollout during a window.
type Arm struct {
	Requests float64   `json:"requests"` // answered
	Errors   float64   `json:"errors"`   // of those, failed
	Latency  Histogram `json:"latency"`
}

// Histogram counts requests by latency; the zero value means that latency is not known.
type Histogram struct {
	Bounds []float64 `json:"bounds,omitempty"` // seconds, ascending, without +Inf; may differ from window to window
	Counts []float64 `json:"counts,omitempty"` // requests that took at most as long as the bound: cumulative
	Total  float64   `json:"total"`            // requests with a known latency: the +Inf bucket
}

// Validate refuses a window that cannot be: numbers that are negative, infinite or not numbers, more errors than
// requests, buckets that do not add up. The error is a mesh.Error of code Invalid with a violation per rule.
func (w Window) Validate() error {
	var found violations
	if w.From.IsZero() || !w.To.After(w.From) {
		found.add("to", w.To.Sub(w.From).Seconds(), "is after from, in seconds since it")
	}
	w.Stable.check("stable", &found)
	w.Canary.check("canary", &found)
	if w.Halves != nil {
		w.Halves[0].check("halves[0]", &found)
		w.Halves[1].check("halves[1]", &found)
	}
	return found.err("a window of measurements is refused")
}

func (a Arm) check(field string, found *violations) {
	count := func(name string, v, most float64) {
		if !(v >= 0 && v <= most) {
			found.add(field+"."+name, v, fmt.Sprintf("is a count from 0 to %g", most))
		}
	}
	count("requests", a.Requests, maxCount)
	count("errors", a.Errors, min(above(a.Requests), maxCount))
	h := a.Latency
	count("latency.total", h.Total, maxCount)
	if len(h.Bounds) != len(h.Counts) {
		found.add(field+".latency.counts", float64(len(h.Counts)), fmt.Sprintf("has a count for each of %d bounds", len(h.Bounds)))
		return
	}
	for i, bound := range h.Bounds {
		if !(bound > 0 && bound <= math.MaxFloat64) || i > 0 && bound <= h.Bounds[i-1] {
			found.add(fmt.Sprintf("%s.latency.bounds[%d]", field, i), bound, "is more than zero and than the bound before it")
		}
		count(fmt.Sprintf("latency.counts[%d]", i), h.Counts[i], above(h.Total))
		if i > 0 && above(h.Counts[i]) < h.Counts[i-1] {
			found.add(fmt.Sprintf("%s.latency.counts[%d]", field, i), h.Counts[i], "is cumulative: not less than the count before it")
		}
	}
}

// above allows for the rounding of counts that somebody extrapolated one by one, as PromQL's increase() does.
func above(v float64) float64 { return v*(1+1e-6) + 1e-6 }

// bound gives the bound at which two histograms are compared in place of the wanted one: the smallest that both have
// and that is from it to twice it. The choice does not look at counts, so it cannot favour an outcome.
func (h Histogram) bound(other Histogram, wanted float64) (at float64, ok bool) {
	for _, b := range h.Bounds {
		if b > 2*wanted {
			return 0, false
		}
		if b < wanted*(1-1e-9) {
			continue
		}
		for _, o := range other.Bounds {
			if math.Abs(o-b) <= 1e-9*b {
				return b, true
			}
		}
	}
	return 0, false
}

// slower counts the requests that took longer than a bound that h has.
func (h Histogram) slower(bound float64) tally {
	for i, b := range h.Bounds {
		if math.Abs(b-bound) <= 1e-9*bound {
			return tally{N: h.Total, Bad: min(max(h.Total-h.Counts[i], 0), h.Total)}
		}
	}
	return tally{}
}

// tally is how many requests there were and how many of them were bad.
type tally struct {
	N   float64 `json:"n"`
	Bad float64 `json:"bad"`
}

func (t *tally) add(o tally) { t.N, t.Bad = t.N+o.N, t.Bad+o.Bad }

func (t tally) ratio() float64 {
	if t.N <= 0 {
		return 0
	}
	return t.Bad / t.N
}

func (a Arm) errors() tally { return tally{N: a.Requests, Bad: min(a.Errors, a.Requests)} }
