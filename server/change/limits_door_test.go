package change_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/mesh"
)

// TestLimitsThroughTheDoor takes health limits the way of every change: dry run, record, a stale base, a rule broken, undo
// and a restart.
func TestLimitsThroughTheDoor(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, dir, newProvider("a"))
	r.create(t)
	original, _ := r.Mesh("m")
	share := func(v float64) *float64 { return &v }
	route := weights(75, 25)
	route.Health = &mesh.HealthLimits{DegradedErrors: share(0.005), UnhealthyErrors: share(0.02)}
	settings := mesh.Settings{Name: "m", Health: &mesh.HealthLimits{Objective: &mesh.Objective{Availability: 0.999}}}

	dry := put(route)
	dry.DryRun = true
	if c := r.must(t, dry); c.Summary != "reviews/primary: degraded above 0.5 % errors, unhealthy above 2 % errors" || !strings.Contains(c.Diff, "unhealthyErrors: 0.02") {
		t.Errorf("dry run: %q\n%s", c.Summary, c.Diff)
	}
	set := r.must(t, put(route, settings))
	got, _ := r.Mesh("m")
	if d := cmp.Diff(settings.Health, got.Mesh.Health); d != "" {
		t.Error(d)
	}
	if o, _ := r.Object("m", primary); !cmp.Equal(o.Object, mesh.Object(route)) {
		t.Errorf("the route is %+v", o.Object)
	}

	stale := put(weights(10, 90))
	stale.Base = map[mesh.Ref]int64{primary: original.Versions[primary]}
	if _, err := r.Propose(t.Context(), stale); mesh.CodeOf(err) != mesh.Conflict {
		t.Errorf("a stale base: %v", err)
	}
	route.Health = &mesh.HealthLimits{DegradedErrors: share(0.5)}
	if _, err := r.Propose(t.Context(), put(route)); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), "health.degradedErrors 0.5") {
		t.Errorf("a rule broken: %v", err)
	}

	r.stop()
	r = newRig(t, dir, newProvider("a"))
	if again, _ := r.Mesh("m"); !cmp.Equal(got.Mesh, again.Mesh) {
		t.Errorf("after a restart: %s", cmp.Diff(got.Mesh, again.Mesh))
	}
	if _, err := r.Undo(t.Context(), set.ID, bob); err != nil {
		t.Fatal(err)
	}
	if back, _ := r.Mesh("m"); !cmp.Equal(original.Mesh, back.Mesh) {
		t.Errorf("undone: %s", cmp.Diff(original.Mesh, back.Mesh))
	}
}
