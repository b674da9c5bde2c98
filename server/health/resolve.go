package health

import (
	"cmp"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Level is the limits that one object sets.
type Level struct {
	At     mesh.Ref
	Limits *mesh.HealthLimits // nil: none
}

// Resolve gives the limits that hold where the levels do, each limit from the last level that sets it: give them from the
// largest (the mesh) to the nearest (the route).
func Resolve(base Thresholds, levels ...Level) Thresholds {
	t := base
	for _, level := range levels {
		l := level.Limits
		if l == nil {
			continue
		}
		take(&t.DegradedErrors, &t.Origin.DegradedErrors, l.DegradedErrors, level.At)
		take(&t.FailingErrors, &t.Origin.FailingErrors, l.UnhealthyErrors, level.At)
		take(&t.DegradedP95, &t.Origin.DegradedP95, (*time.Duration)(l.DegradedP95), level.At)
		take(&t.FailingP95, &t.Origin.FailingP95, (*time.Duration)(l.UnhealthyP95), level.At)
		take(&t.Saturation, &t.Origin.Saturation, l.Saturation, level.At)
		take(&t.Objective, &t.Origin.Objective, l.Objective, level.At)
		if l.MinFailures != nil {
			t.MinFailures = float64(*l.MinFailures)
		}
		if l.MinRequests != nil {
			t.MinRequests = float64(*l.MinRequests)
		}
	}
	return t
}

func take[T any](limit *T, by *mesh.Ref, own *T, at mesh.Ref) {
	if own != nil {
		*limit, *by = *own, at
	}
}

// Strictest gives, limit by limit, the one of two that is reached first; the objective is t's.
func (t Thresholds) Strictest(o Thresholds) Thresholds {
	lower(&t.DegradedErrors, &t.Origin.DegradedErrors, o.DegradedErrors, o.Origin.DegradedErrors)
	lower(&t.FailingErrors, &t.Origin.FailingErrors, o.FailingErrors, o.Origin.FailingErrors)
	lower(&t.DegradedP95, &t.Origin.DegradedP95, o.DegradedP95, o.Origin.DegradedP95)
	lower(&t.FailingP95, &t.Origin.FailingP95, o.FailingP95, o.Origin.FailingP95)
	lower(&t.Saturation, &t.Origin.Saturation, o.Saturation, o.Origin.Saturation)
	t.MinFailures, t.MinRequests = min(t.MinFailures, o.MinFailures), min(t.MinRequests, o.MinRequests)
	if o.StaleAfter > 0 && (t.StaleAfter == 0 || o.StaleAfter < t.StaleAfter) {
		t.StaleAfter = o.StaleAfter
	}
	return t
}

// lower takes the other limit where that is reached earlier; zero is never reached.
func lower[T cmp.Ordered](limit *T, by *mesh.Ref, other T, at mesh.Ref) {
	var off T
	if other != off && (*limit == off || other < *limit) {
		*limit, *by = other, at
	}
}
