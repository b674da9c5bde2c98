package health

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

func ptr[T any](v T) *T { return &v }

// levels are a mesh's, a service's and a route's limits.
func levels() []Level {
	return []Level{
		{mesh.Ref{Kind: mesh.KindMesh, Name: "shop"}, &mesh.HealthLimits{
			DegradedErrors: ptr(0.02), UnhealthyP95: ptr(mesh.Duration(5 * time.Second)), Objective: &mesh.Objective{Availability: 0.999},
		}},
		{mesh.Ref{Kind: mesh.KindService, Name: "reviews"}, &mesh.HealthLimits{DegradedErrors: ptr(0.03), MinFailures: ptr(1), MinRequests: ptr(0)}},
		{mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}, nil},
		{mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/search"}, &mesh.HealthLimits{Saturation: ptr(0.0), UnhealthyErrors: ptr(0.04)}},
	}
}

// TestResolve takes each limit from the nearest object that sets it, and says from which.
func TestResolve(t *testing.T) {
	l := levels()
	got := Resolve(Default(), l...)
	want := Thresholds{
		DegradedErrors: 0.03, FailingErrors: 0.04, DegradedP95: time.Second, FailingP95: 5 * time.Second,
		MinFailures: 1, StaleAfter: 5 * time.Second, Objective: mesh.Objective{Availability: 0.999},
		Origin: Origins{DegradedErrors: l[1].At, FailingErrors: l[3].At, FailingP95: l[0].At, Saturation: l[3].At, Objective: l[0].At},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(Default(), Resolve(Default(), Level{l[0].At, &mesh.HealthLimits{}}, l[2])); d != "" {
		t.Error(d)
	}
}

// TestDefaultsAgree says that what validation takes for Weir's limits is what verdicts go by.
func TestDefaultsAgree(t *testing.T) {
	want := Thresholds{
		DegradedErrors: 0.01, FailingErrors: 0.05, DegradedP95: time.Second, Saturation: 0.8,
		MinFailures: 3, MinRequests: 20, StaleAfter: 5 * time.Second,
	}
	if d := cmp.Diff(want, Default()); d != "" {
		t.Error(d)
	}
}

// TestStrictest takes each limit from whichever is reached first; one that is off is never reached.
func TestStrictest(t *testing.T) {
	l := levels()
	a := Resolve(Default(), l[0], l[3]) // saturation off
	b := Resolve(Default(), l[0], l[1])
	got := a.Strictest(b)
	if got.DegradedErrors != 0.02 || got.Origin.DegradedErrors != l[0].At || got.FailingErrors != 0.04 || got.Origin.FailingErrors != l[3].At ||
		got.Saturation != 0.8 || got.Origin.Saturation != (mesh.Ref{}) || got.MinFailures != 1 || got.MinRequests != 0 {
		t.Errorf("%+v", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		share := rapid.SampledFrom([]float64{0, 0.1, 0.2, 0.3})
		draw := func() Thresholds {
			return Thresholds{DegradedErrors: share.Draw(t, "a"), FailingErrors: share.Draw(t, "b"), MinFailures: share.Draw(t, "c")}
		}
		a, b := draw(), draw()
		ab, ba := a.Strictest(b), b.Strictest(a)
		if ab != ba || ab.Strictest(a) != ab {
			t.Fatalf("%+v and %+v: %+v, %+v", a, b, ab, ba)
		}
		ratio := rapid.Float64Range(0, 0.4).Draw(t, "ratio")
		e := flow(100, ratio*100)
		strict, _ := Judge(&e, &ab)
		for _, one := range []Thresholds{a, b} {
			if h, _ := Judge(&e, &one); Rank(h) > Rank(strict) {
				t.Fatalf("%v is %s by one and %s by the strictest of both", ratio, h, strict)
			}
		}
	})
}

// TestWhere says that a cause names the object that set its limit, and that Weir's own limits are nobody's.
func TestWhere(t *testing.T) {
	limits := Resolve(Default(), levels()...)
	for _, c := range []struct {
		e    Evidence
		want []string
		at   string
	}{
		{flow(100, 4), []string{"4 % of requests fail (4 of 100); the limit of route reviews/search is 4 %"}, "route/reviews/search"},
		{flow(1000, 30), []string{"3 % of requests fail (30 of 1000); the limit of service reviews is 3 %"}, "service/reviews"},
		{
			flow(100, 0, func(t *mesh.Traffic) { t.P95 = 6 * time.Second }),
			[]string{"one request in twenty takes longer than 6.0 s; the limit of mesh shop is 5.0 s"},
			"mesh/shop",
		},
		{
			flow(100, 0, func(t *mesh.Traffic) { t.P95 = 2 * time.Second }),
			[]string{"one request in twenty takes longer than 2.0 s; the limit is 1.0 s"},
			"",
		},
	} {
		_, causes := Judge(&c.e, &limits)
		if len(causes) != 1 || Text(causes[0]) != c.want[0] || causes[0].Values["where"] != c.at {
			t.Errorf("%+v, want %s", causes, c.want)
		}
	}
}
