package mesh

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

// Objective is what a service promises over a period. How fast it uses up what it may fail is judged by burn rates.
type Objective struct {
	Availability float64   `json:"availability"`           // share of requests that must not fail, 0.5 to 0.99999
	Latency      *Duration `json:"latency,omitempty"`      // requests should be answered within it …
	LatencyShare float64   `json:"latencyShare,omitempty"` // … in this share of cases; required with Latency
	Period       Duration  `json:"period,omitempty"`       // 1 d to 90 d; zero: 30 d
}
