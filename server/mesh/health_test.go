package mesh_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "github.com/weirmesh/weir/server/mesh"
)

// Each case sets one thing wrong in the sample's limits and expects exactly the violations listed.
func TestValidateLimits(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	n := func(v int) *int { return &v }
	d := func(v time.Duration) *Duration { x := Duration(v); return &x }
	for _, c := range []struct {
		name  string
		edit  func(whole, service, route *HealthLimits)
		wants []string
	}{
		{"as it is", func(_, _, _ *HealthLimits) {}, nil},
		{"all off", func(m, s, r *HealthLimits) {
			*m = HealthLimits{DegradedErrors: f(0), UnhealthyErrors: f(0), DegradedP95: d(0), Saturation: f(0), MinFailures: n(0)}
			*s, *r = HealthLimits{Objective: &Objective{}}, HealthLimits{UnhealthyErrors: f(0)}
		}, nil},
		{"shares", func(m, s, r *HealthLimits) {
			m.DegradedErrors, s.UnhealthyErrors, r.Saturation = f(-0.1), f(5), f(math.NaN())
		}, []string{
			"mesh shop: health.degradedErrors -0.1: is a share from 0 to 1: 0.05 is 5 %",
			"route reviews/primary: health.saturation NaN: is a share from 0 to 1: 0.05 is 5 %",
			"service reviews: health.unhealthyErrors 5: is a share from 0 to 1: 0.05 is 5 %",
		}},
		{"durations and counts", func(m, s, r *HealthLimits) {
			m.UnhealthyP95, s.DegradedP95, r.MinRequests, m.MinFailures = d(-time.Second), d(time.Microsecond), n(-1), n(1_000_001)
		}, []string{
			"mesh shop: health.unhealthyP95 -1s: is 0s (no limit) or from 1ms to 168h0m0s",
			"mesh shop: health.minFailures 1000001: is from 0 to 1000000",
			"route reviews/primary: health.minRequests -1: is from 0 to 1000000",
			"service reviews: health.degradedP95 1µs: is 0s (no limit) or from 1ms to 168h0m0s",
		}},
		{"an objective on a route", func(_, _, r *HealthLimits) { r.Objective = &Objective{Availability: 0.99} }, []string{
			"route reviews/primary: health.objective is of a mesh or of a service, not of a route",
		}},
		{"objectives", func(m, s, _ *HealthLimits) {
			m.Objective = &Objective{Availability: 99.9, Latency: d(0), Period: Duration(time.Hour)}
			s.Objective = &Objective{LatencyShare: 0.9, Period: Duration(48 * time.Hour)}
		}, []string{
			"mesh shop: health.objective.availability 99.9: is from 0.5 to 0.99999, or 0 for no promise",
			"mesh shop: health.objective.latencyShare 0: is from 0.5 to 0.99999: the share that is answered within latency",
			"mesh shop: health.objective.latency 0s: is from 1ms to 168h0m0s",
			"mesh shop: health.objective.period 1h0m0s: is from 24h0m0s to 2160h0m0s",
			"service reviews: health.objective.latencyShare 0.9: needs latency, within which that share is answered",
			"service reviews: health.objective.period 48h0m0s: is left out when nothing is promised",
		}},
		{"the wrong way round", func(_, _, r *HealthLimits) { r.DegradedErrors = f(0.03) }, []string{
			"route reviews/primary: health.degradedErrors 0.03: is at most unhealthyErrors, which is 0.02",
		}},
		{"the wrong way round with the default", func(m, _, _ *HealthLimits) { m.DegradedErrors = f(0.06) }, []string{
			"mesh shop: health.degradedErrors 0.06: is at most unhealthyErrors, which is 0.05 unless this says otherwise",
		}},
		{"the wrong way round with the service's", func(_, s, r *HealthLimits) {
			*r = HealthLimits{UnhealthyP95: d(200 * time.Millisecond)}
			s.DegradedErrors, s.UnhealthyErrors = nil, nil
		}, []string{
			"route reviews/primary: health.unhealthyP95 200ms: is at least degradedP95, which is 300ms unless this says otherwise",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := sample()
			c.edit(m.Health, m.Services[1].Health, m.Routes[1].Health)
			var got []string
			var e *Error
			if err := m.Validate(); errors.As(err, &e) {
				for _, v := range e.Violations {
					got = append(got, v.String())
				}
			}
			if diff := cmp.Diff(c.wants, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// Limits are taken one by one from the nearest object that sets them.
func TestOver(t *testing.T) {
	off, mine := 0.0, 0.5
	larger := DefaultLimits()
	got := (&HealthLimits{DegradedErrors: &off, Saturation: &mine}).Over(larger)
	want := DefaultLimits()
	want.DegradedErrors, want.Saturation = &off, &mine
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(larger, (*HealthLimits)(nil).Over(larger)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// The mesh's own limits are part of its settings: they come and go with them.
func TestSettingsHoldLimits(t *testing.T) {
	m := sample()
	s := m.Settings()
	if diff := cmp.Diff(m.Health, s.Health); diff != "" {
		t.Error(diff)
	}
	s.Health = nil
	next, err := m.With(Patch{Put: []Object{s}})
	if err != nil || next.Health != nil {
		t.Fatal(err, next.Health)
	}
	if p := Diff(next, m); len(p.Put) != 1 || len(p.Delete) != 0 || !cmp.Equal(p.Put[0], Object(m.Settings())) {
		t.Errorf("%+v", p)
	}
}
