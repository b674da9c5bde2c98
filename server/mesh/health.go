package mesh

import "time"

// HealthLimits are what people call degraded and unhealthy. A mesh, a service and a route may each have their own; what
// is nil is taken from the next larger, and in the end from Weir's defaults. Zero switches a limit off.
type HealthLimits struct {
	DegradedErrors  *float64   `json:"degradedErrors,omitempty"`  // share of failed requests, 0 to 1
	UnhealthyErrors *float64   `json:"unhealthyErrors,omitempty"` // the same
	DegradedP95     *Duration  `json:"degradedP95,omitempty"`     // of answered requests
	UnhealthyP95    *Duration  `json:"unhealthyP95,omitempty"`
	Saturation      *float64   `json:"saturation,omitempty"`  // share of a pool's limit that is in use, 0 to 1
	MinRequests     *int       `json:"minRequests,omitempty"` // fewer in the window say nothing about latency
	MinFailures     *int       `json:"minFailures,omitempty"` // fewer in the window prove nothing
	Objective       *Objective `json:"objective,omitempty"`   // of a mesh and of a service, not of a route
}

// Objective is what a service promises over a period. How fast it uses up what it may fail is judged by burn rates. One
// that promises nothing switches off what the mesh promises.
type Objective struct {
	Availability float64   `json:"availability"`           // share of requests that must not fail, 0.5 to 0.99999; zero: no promise
	Latency      *Duration `json:"latency,omitempty"`      // requests should be answered within it …
	LatencyShare float64   `json:"latencyShare,omitempty"` // … in this share of cases; required with Latency
	Period       Duration  `json:"period,omitempty"`       // 1 d to 90 d; zero: 30 d
}

// DefaultPeriod is what an objective that names no period is judged over.
const DefaultPeriod = 30 * 24 * time.Hour

// DefaultLimits gives the limits that hold where nobody set any. There is no objective among them.
func DefaultLimits() HealthLimits {
	degraded, unhealthy, saturation := 0.01, 0.05, 0.8
	slow, never := Duration(time.Second), Duration(0)
	requests, failures := 20, 3
	return HealthLimits{
		DegradedErrors: &degraded, UnhealthyErrors: &unhealthy,
		DegradedP95: &slow, UnhealthyP95: &never,
		Saturation: &saturation, MinRequests: &requests, MinFailures: &failures,
	}
}

// Over gives these limits, with those of the next larger where they have none.
func (h *HealthLimits) Over(larger HealthLimits) HealthLimits {
	if h == nil {
		return larger
	}
	return HealthLimits{
		DegradedErrors: first(h.DegradedErrors, larger.DegradedErrors), UnhealthyErrors: first(h.UnhealthyErrors, larger.UnhealthyErrors),
		DegradedP95: first(h.DegradedP95, larger.DegradedP95), UnhealthyP95: first(h.UnhealthyP95, larger.UnhealthyP95),
		Saturation:  first(h.Saturation, larger.Saturation),
		MinRequests: first(h.MinRequests, larger.MinRequests), MinFailures: first(h.MinFailures, larger.MinFailures),
		Objective: first(h.Objective, larger.Objective),
	}
}

func first[T any](own, larger *T) *T {
	if own != nil {
		return own
	}
	return larger
}
