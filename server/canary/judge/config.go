package judge

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Config says how a canary is judged. A field that is zero takes its default, except Boundaries: without boundaries
// latency is not judged.
type Config struct {
	// Alpha bounds the chance that a canary that is no worse is aborted over the whole rollout, and the chance that one
	// that is worse than Delta allows is advanced from a step. 0.01 by default.
	Alpha float64 `json:"alpha"`
	// Delta is how much worse a canary must be for a step not to be passed: odds of failing 1+Delta times stable's. 1 by
	// default: a step is passed when twice the odds are ruled out. Half of it takes about four times the traffic.
	Delta float64 `json:"delta"`
	// Tolerance is the ratio of errors below which a canary may advance whatever stable's ratio is: without it two
	// versions that never fail could not be told from two that both fail rarely. 0.001 by default.
	Tolerance float64 `json:"tolerance"`
	// SlowTolerance is the same for the share of requests beyond a latency boundary. 0.01 by default.
	SlowTolerance float64 `json:"slowTolerance"`
	// Deadline is how long a step may take before it is Inconclusive. 30 minutes by default.
	Deadline time.Duration `json:"deadline"`
	// Boundaries are the latencies, in seconds, at which arms are compared; each should be a bucket's bound.
	Boundaries []float64 `json:"boundaries,omitempty"`
	// Temper is the power λ that evidence is raised to, above 0 to 1: less is slower and stands more bursts. Zero lets
	// the judge measure the bursts and choose.
	Temper float64 `json:"temper"`
	// MinRequests is how many requests a canary must have served on a step before it may advance. 100 by default.
	MinRequests float64 `json:"minRequests"`
	// Floor aborts at once, whatever the evidence says.
	Floor Floor `json:"floor"`
	// Grid are the ratios of odds that evidence is gathered for, each above 1. Their order does not matter.
	Grid []float64 `json:"grid,omitempty"`
}

// Floor aborts a canary of which more than Ratio of the newest Requests or more requests failed, unless at least half as
// large a ratio of stable's failed in the same windows: then the cause is shared and the evidence decides.
type Floor struct {
	Ratio    float64 `json:"ratio"`    // 0 to 1; 0.20 by default, 1 turns it off
	Requests float64 `json:"requests"` // 50 by default
}

// Largest values that a configuration may hold: they keep the state of a judge small.
const (
	maxGrid       = 32
	maxBoundaries = 20
	maxDeadline   = 30 * 24 * time.Hour
)

// Defaults gives the configuration of a judge of whom nothing was asked, latency at six of Envoy's own bounds included.
func Defaults() Config {
	return Config{Boundaries: []float64{0.1, 0.25, 0.5, 1, 2.5, 5}}.Filled()
}

// Filled gives c with defaults in place of zeros, and with the grid and the boundaries in order and without doubles.
func (c Config) Filled() Config {
	fill := func(v *float64, otherwise float64) {
		if *v == 0 {
			*v = otherwise
		}
	}
	fill(&c.Alpha, 0.01)
	fill(&c.Delta, 1)
	fill(&c.Tolerance, 0.001)
	fill(&c.SlowTolerance, 0.01)
	fill(&c.MinRequests, 100)
	fill(&c.Floor.Ratio, 0.20)
	fill(&c.Floor.Requests, 50)
	if c.Deadline == 0 {
		c.Deadline = 30 * time.Minute
	}
	if len(c.Grid) == 0 {
		c.Grid = []float64{1.3, 1.6, 2, 3, 5, 10, 20}
	}
	c.Grid = slices.Compact(slices.Sorted(slices.Values(c.Grid)))
	c.Boundaries = slices.Compact(slices.Sorted(slices.Values(c.Boundaries)))
	return c
}

// Validate refuses, with a mesh.Error of code Invalid and a violation per field, what cannot be judged by. Zeros are
// valid: they take defaults.
func (c Config) Validate() error {
	var found violations
	between := func(field string, v, low, high float64) {
		if v != 0 && !(v >= low && v <= high) { // NaN is in no range
			found.add(field, v, fmt.Sprintf("is from %g to %g", low, high))
		}
	}
	between("alpha", c.Alpha, 1e-6, 0.2)
	between("delta", c.Delta, 0.05, 100)
	between("tolerance", c.Tolerance, 1e-9, 0.5)
	between("slowTolerance", c.SlowTolerance, 1e-9, 0.5)
	between("temper", c.Temper, 0.01, 1)
	between("minRequests", c.MinRequests, 1, maxCount)
	between("floor.ratio", c.Floor.Ratio, 1e-6, 1)
	between("floor.requests", c.Floor.Requests, 1, maxCount)
	if c.Deadline < 0 || c.Deadline > maxDeadline {
		found = append(found, mesh.Violation{Field: "deadline", Value: c.Deadline.String(), Rule: "is up to " + maxDeadline.String()})
	}
	list := func(field string, values []float64, most int, low, high float64) {
		if len(values) > most {
			found.add(field, float64(len(values)), "has at most "+strconv.Itoa(most)+" values")
			return
		}
		for i, v := range values {
			if !(v >= low && v <= high) {
				found.add(fmt.Sprintf("%s[%d]", field, i), v, fmt.Sprintf("is from %g to %g", low, high))
			}
		}
	}
	list("boundaries", c.Boundaries, maxBoundaries, 1e-6, 86400)
	list("grid", c.Grid, maxGrid, 1.01, 1000)
	return found.err("the canary's analysis cannot be judged by")
}

// violations are the broken rules of one input.
type violations []mesh.Violation

func (v *violations) add(field string, value float64, rule string) {
	*v = append(*v, mesh.Violation{Field: field, Value: strconv.FormatFloat(value, 'g', -1, 64), Rule: rule})
}

func (v violations) err(message string) error {
	if len(v) == 0 {
		return nil
	}
	return &mesh.Error{Code: mesh.Invalid, Message: message, Violations: v}
}

// bound is the natural logarithm of 1/alpha, which evidence has to reach.
func (c Config) bound() float64 { return -math.Log(c.Alpha) }
