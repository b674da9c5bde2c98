package change

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
)

// limitsOf gives an object's health limits and the object without them; ok is false for kinds that have none.
func limitsOf(o mesh.Object) (limits *mesh.HealthLimits, rest mesh.Object, ok bool) {
	switch o := o.(type) {
	case mesh.Settings:
		limits, o.Health = o.Health, nil
		return limits, o, true
	case mesh.VirtualService:
		limits, o.Health = o.Health, nil
		return limits, o, true
	case mesh.Route:
		limits, o.Health = o.Health, nil
		return limits, o, true
	}
	return nil, o, false
}

// onlyLimits says whether an edit changes nothing but health limits, which no proxy knows of.
func onlyLimits(e Edit) bool {
	_, before, ok := limitsOf(e.Before)
	_, after, same := limitsOf(e.After)
	return ok && same && equal(before, after)
}

// summariseLimits is the sentence for a change of nothing but health limits; "" for any other.
func summariseLimits(e Edit) string {
	if !onlyLimits(e) {
		return ""
	}
	before, _, _ := limitsOf(e.Before)
	after, _, _ := limitsOf(e.After)
	was, is := before.Over(mesh.HealthLimits{}), after.Over(mesh.HealthLimits{}) // none are empty ones
	var parts []string
	add := func(clause string) {
		if clause != "" {
			parts = append(parts, clause)
		}
	}
	add(limit(was.DegradedErrors, is.DegradedErrors, "degraded by errors", func(v float64) string { return "degraded above " + plan.Percent(v) + " errors" }))
	add(limit(was.UnhealthyErrors, is.UnhealthyErrors, "unhealthy by errors", func(v float64) string { return "unhealthy above " + plan.Percent(v) + " errors" }))
	add(limit(was.DegradedP95, is.DegradedP95, "degraded by latency", func(v mesh.Duration) string { return "degraded above a p95 of " + v.String() }))
	add(limit(was.UnhealthyP95, is.UnhealthyP95, "unhealthy by latency", func(v mesh.Duration) string { return "unhealthy above a p95 of " + v.String() }))
	add(limit(was.Saturation, is.Saturation, "degraded by a full pool", func(v float64) string { return "pools nearly full above " + plan.Percent(v) }))
	add(counted(was.MinRequests, is.MinRequests, "requests"))
	add(counted(was.MinFailures, is.MinFailures, "failures"))
	add(promised(was.Objective, is.Objective))
	if len(parts) == 0 {
		return ""
	}
	return e.Ref.Name + ": " + strings.Join(parts, ", ")
}

// limit is the clause for one limit: what it is now, that it is off, or that there is none of the object's own any more.
func limit[T comparable](was, is *T, what string, words func(T) string) string {
	var off T
	switch {
	case was == nil && is == nil || was != nil && is != nil && *was == *is:
		return ""
	case is == nil:
		return what + " as elsewhere"
	case *is == off:
		return "never " + what
	default:
		return words(*is)
	}
}

// counted is the clause for how many of something it takes to say anything.
func counted(was, is *int, what string) string {
	switch {
	case was == nil && is == nil || was != nil && is != nil && *was == *is:
		return ""
	case is == nil:
		return "as many " + what + " to tell as elsewhere"
	default:
		return "at least " + strconv.Itoa(*is) + " " + what + " to tell"
	}
}

// promised is the clause for an objective.
func promised(was, is *mesh.Objective) string {
	if equal(was, is) {
		return ""
	}
	if is == nil {
		return "promises what the mesh does"
	}
	var parts []string
	if is.Availability > 0 {
		parts = append(parts, precise(is.Availability)+" availability")
	}
	if is.Latency != nil {
		parts = append(parts, precise(is.LatencyShare)+" within "+is.Latency.String())
	}
	if len(parts) == 0 {
		return "promises nothing"
	}
	period := time.Duration(is.Period)
	if period == 0 {
		period = mesh.DefaultPeriod
	}
	over := period.String()
	if period%(24*time.Hour) == 0 {
		over = strconv.Itoa(int(period/(24*time.Hour))) + " d"
	}
	return "promises " + strings.Join(parts, " and ") + " over " + over
}

// precise writes a share with all its digits, as promises are: "99.95 %".
func precise(share float64) string {
	return strconv.FormatFloat(float64(int64(share*1e7+0.5))/1e5, 'f', -1, 64) + " %"
}
