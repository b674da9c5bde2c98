package change

import (
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

func ptr[T any](v T) *T { return &v }

// TestSummariesOfLimits says what changes of limits do.
func TestSummariesOfLimits(t *testing.T) {
	type H = mesh.HealthLimits
	service := func(h *H) mesh.VirtualService { return mesh.VirtualService{Name: "reviews", Router: "r", Health: h} }
	limited := route(target("v1", 1))
	limited.Health = &H{UnhealthyErrors: ptr(0.125), Saturation: ptr(0.9), MinFailures: ptr(10)}
	moved := service(&H{UnhealthyErrors: ptr(0.02)})
	moved.Router = "other"
	for want, e := range map[string]Edit{
		"reviews: unhealthy above 2 % errors":                                                                        step(service(nil), service(&H{UnhealthyErrors: ptr(0.02)})),
		"reviews: degraded above 0.5 % errors, degraded above a p95 of 300ms":                                        step(service(&H{DegradedErrors: ptr(0.02)}), service(&H{DegradedErrors: ptr(0.005), DegradedP95: ptr(mesh.Duration(300 * time.Millisecond))})),
		"reviews: unhealthy by errors as elsewhere":                                                                  step(service(&H{UnhealthyErrors: ptr(0.02)}), service(nil)),
		"m: never degraded by latency, at least 50 requests to tell":                                                 step(mesh.Settings{Name: "m"}, mesh.Settings{Name: "m", Health: &H{DegradedP95: ptr(mesh.Duration(0)), MinRequests: ptr(50)}}),
		"reviews/primary: unhealthy above 12.5 % errors, pools nearly full above 90 %, at least 10 failures to tell": step(route(target("v1", 1)), limited),
		"reviews: promises 99.95 % availability over 30 d":                                                           step(service(nil), service(&H{Objective: &mesh.Objective{Availability: 0.9995}})),
		"reviews: promises 99 % availability and 95 % within 300ms over 7 d":                                         step(service(nil), service(&H{Objective: &mesh.Objective{Availability: 0.99, Latency: ptr(mesh.Duration(300 * time.Millisecond)), LatencyShare: 0.95, Period: mesh.Duration(7 * 24 * time.Hour)}})),
		"reviews: promises nothing":                                                                                  step(service(nil), service(&H{Objective: &mesh.Objective{}})),
		"reviews: promises what the mesh does":                                                                       step(service(&H{Objective: &mesh.Objective{}}), service(nil)),
		"service reviews: health, router r → other":                                                                  step(service(nil), moved),
		"creates service reviews":                                                                                    step(nil, service(&H{UnhealthyErrors: ptr(0.02)})),
	} {
		if got := summarise([]Edit{e}); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

// TestLimitsAreNotMeasured says that a change of nothing but limits waits for no traffic, and that the rest of a change
// that comes with limits is measured.
func TestLimitsAreNotMeasured(t *testing.T) {
	m := routed(route(target("v1", 1), target("v2", 1)))
	limited := route(target("v1", 1), target("v2", 1))
	limited.Health = &mesh.HealthLimits{UnhealthyErrors: ptr(0.02)}
	if p := expect([]Edit{step(route(target("v1", 1), target("v2", 1)), limited)}, m); !p.empty() {
		t.Errorf("%+v", p)
	}
	if p := expect([]Edit{step(route(target("v1", 3), target("v2", 1)), limited)}, m); len(p.splits) != 1 {
		t.Errorf("%+v", p)
	}
}
