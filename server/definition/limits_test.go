package definition_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/mesh"
)

// Limits are written with their units and shares, and read back as they were, however small.
func TestLimitsRoundTrip(t *testing.T) {
	ptr := func(v float64) *float64 { return &v }
	half := mesh.Duration(500 * time.Millisecond)
	s := mesh.VirtualService{Name: "reviews", Router: "reviews", Health: &mesh.HealthLimits{
		DegradedErrors: ptr(0.0000001), UnhealthyErrors: ptr(1), DegradedP95: &half, Saturation: ptr(0),
		Objective: &mesh.Objective{Availability: 0.99999, Latency: &half, LatencyShare: 0.95, Period: mesh.Duration(mesh.DefaultPeriod)},
	}}
	out, err := definition.EncodeObject("m", 0, s)
	if err != nil {
		t.Fatal(err)
	}
	want := `kind: service
mesh: m
name: reviews
router: reviews
health:
  degradedErrors: 1e-7
  unhealthyErrors: 1
  degradedP95: 500ms
  saturation: 0
  objective:
    availability: 0.99999
    latency: 500ms
    latencyShare: 0.95
    period: 720h0m0s
`
	if diff := cmp.Diff(want, string(out)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	documents, err := definition.Decode(out)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(mesh.Object(s), documents[0].Object); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	whole, err := definition.Mesh([]byte("mesh: m\nhealth: {unhealthyErrors: 0.1, objective: {availability: 0.999}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	limits := &mesh.HealthLimits{UnhealthyErrors: ptr(0.1), Objective: &mesh.Objective{Availability: 0.999}}
	if diff := cmp.Diff(mesh.Mesh{Name: "m", Health: limits}, whole); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
