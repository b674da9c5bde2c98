package mesh

import (
	"fmt"
	"time"
)

// Bounds of health limits.
const (
	maxCount        = 1_000_000
	minAvailability = 0.5
	maxAvailability = 0.99999
	minPeriod       = 24 * time.Hour
	maxPeriod       = 90 * 24 * time.Hour
)

// health checks one object's limits by themselves.
func (c *checker) health(h *HealthLimits, objective bool) {
	if h == nil {
		return
	}
	c.share("health.degradedErrors", h.DegradedErrors)
	c.share("health.unhealthyErrors", h.UnhealthyErrors)
	c.limit("health.degradedP95", h.DegradedP95)
	c.limit("health.unhealthyP95", h.UnhealthyP95)
	c.share("health.saturation", h.Saturation)
	if h.MinRequests != nil {
		c.between("health.minRequests", *h.MinRequests, 0, maxCount)
	}
	if h.MinFailures != nil {
		c.between("health.minFailures", *h.MinFailures, 0, maxCount)
	}
	switch {
	case h.Objective == nil:
	case !objective:
		c.fail("health.objective", nil, "is of a mesh or of a service, not of a route")
	default:
		c.objective("health.objective.", *h.Objective)
	}
}

// share checks a part of a whole that may be left out.
func (c *checker) share(field string, v *float64) {
	if v != nil && !(*v >= 0 && *v <= 1) { // what is not a number is neither
		c.fail(field, *v, "is a share from 0 to 1: 0.05 is 5 %")
	}
}

func (c *checker) objective(at string, o Objective) {
	within := func(v float64) bool { return v >= minAvailability && v <= maxAvailability }
	if o.Availability != 0 && !within(o.Availability) {
		c.fail(at+"availability", o.Availability, fmt.Sprintf("is from %v to %v, or 0 for no promise", minAvailability, maxAvailability))
	}
	switch {
	case o.Latency == nil && o.LatencyShare != 0:
		c.fail(at+"latencyShare", o.LatencyShare, "needs latency, within which that share is answered")
	case o.Latency != nil && !within(o.LatencyShare):
		c.fail(at+"latencyShare", o.LatencyShare, fmt.Sprintf("is from %v to %v: the share that is answered within latency", minAvailability, maxAvailability))
	}
	if o.Latency != nil {
		c.span(at+"latency", *o.Latency, time.Millisecond, maxTimeout)
	}
	switch {
	case o.Period == 0:
	case o.Availability == 0 && o.Latency == nil:
		c.fail(at+"period", o.Period, "is left out when nothing is promised")
	default:
		c.span(at+"period", o.Period, minPeriod, maxPeriod)
	}
}

// limits checks, wherever limits are set, that what is degraded comes before what is unhealthy once they are taken
// together with those of what is larger.
func (x index) limits(c *checker, m Mesh) {
	whole := m.Health.Over(DefaultLimits())
	if m.Name != "" {
		c.on = m.Settings().Ref()
		c.ordered(m.Health, whole)
	}
	byRouter := make(map[string][]HealthLimits)
	for _, s := range m.Services {
		service := s.Health.Over(whole)
		c.on = s.Ref()
		c.ordered(s.Health, service)
		if s.Router != "" {
			byRouter[s.Router] = append(byRouter[s.Router], service)
		}
	}
	for _, r := range m.Routes {
		if r.Health == nil {
			continue
		}
		c.on = r.Ref()
		larger := byRouter[r.Router]
		if len(larger) == 0 {
			larger = []HealthLimits{whole}
		}
		for _, service := range larger {
			if !c.ordered(r.Health, r.Health.Over(service)) {
				break
			}
		}
	}
}

// ordered checks an object's limits taken together with larger ones; it says nothing of what the object does not set.
func (c *checker) ordered(own *HealthLimits, all HealthLimits) bool {
	if own == nil {
		return true
	}
	return inOrder(c, "Errors", [2]*float64{own.DegradedErrors, own.UnhealthyErrors}, *all.DegradedErrors, *all.UnhealthyErrors) &&
		inOrder(c, "P95", [2]*Duration{own.DegradedP95, own.UnhealthyP95}, *all.DegradedP95, *all.UnhealthyP95)
}

func inOrder[T ~int64 | ~float64](c *checker, what string, own [2]*T, degraded, unhealthy T) bool {
	set := degraded > 0 && unhealthy > 0 // one that is wrong by itself was said already
	if own[0] == nil && own[1] == nil || !set || degraded <= unhealthy {
		return true
	}
	from := func(own *T) string {
		if own == nil {
			return " unless this says otherwise"
		}
		return ""
	}
	if own[0] != nil {
		c.fail("health.degraded"+what, degraded, fmt.Sprintf("is at most unhealthy%s, which is %v%s", what, unhealthy, from(own[1])))
	} else {
		c.fail("health.unhealthy"+what, unhealthy, fmt.Sprintf("is at least degraded%s, which is %v%s", what, degraded, from(own[0])))
	}
	return false
}
