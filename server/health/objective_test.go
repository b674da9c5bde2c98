package health

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

// promising gives limits with an objective.
func promising(o mesh.Objective) Thresholds {
	return Resolve(Default(), Level{mesh.Ref{Kind: mesh.KindService, Name: "reviews"}, &mesh.HealthLimits{Objective: &o}})
}

// steady is what is counted when the same share fails, and the same share of answers is slow, for as long as windows go
// back.
func steady(o mesh.Objective, perMinute, failing, slow float64) map[time.Duration]Outcome {
	counted := map[time.Duration]Outcome{}
	for _, w := range Windows(o) {
		all := perMinute * w.Minutes()
		counted[w] = Outcome{Requests: all, Failed: all * failing, Answered: all * (1 - failing), Slow: all * (1 - failing) * slow}
	}
	return counted
}

// TestWindows says which windows there are, and that they fit the period.
func TestWindows(t *testing.T) {
	const h = time.Hour
	month := []time.Duration{5 * time.Minute, 30 * time.Minute, h, 2 * h, 6 * h, 24 * h, 72 * h}
	if d := cmp.Diff(month, Windows(mesh.Objective{Availability: 0.99})); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff(month, Windows(mesh.Objective{Availability: 0.99, Period: mesh.Duration(30 * 24 * h)})); d != "" {
		t.Error(d)
	}
	quarter := []time.Duration{15 * time.Minute, 90 * time.Minute, 3 * h, 6 * h, 18 * h, 72 * h, 216 * h}
	if d := cmp.Diff(quarter, Windows(mesh.Objective{Availability: 0.99, Period: mesh.Duration(90 * 24 * h)})); d != "" {
		t.Error(d)
	}
	day := []time.Duration{time.Minute, 2 * time.Minute, 4 * time.Minute, 12 * time.Minute, 48 * time.Minute, 144 * time.Minute}
	if d := cmp.Diff(day, Windows(mesh.Objective{Availability: 0.99, Period: mesh.Duration(24 * h)})); d != "" {
		t.Error(d)
	}
	if w := Windows(mesh.Objective{}); w != nil {
		t.Errorf("a promise of nothing has windows: %v", w)
	}
}

// TestPaces holds the alarms against the table of the workbook: what part of a month's budget each long window uses up.
func TestPaces(t *testing.T) {
	want := []float64{0.02, 0.05, 0.1, 0.1}
	for i, p := range paces() {
		used := p.limit * p.long.Hours() / mesh.DefaultPeriod.Hours()
		if d := used - want[i]; d > 1e-9 || d < -1e-9 {
			t.Errorf("%s at %v uses up %v of the budget, want %v", p.long, p.limit, used, want[i])
		}
		if p.long != 12*p.short {
			t.Errorf("the short window of %s is %s: the workbook says a twelfth", p.long, p.short)
		}
	}
}

// TestBurns judges a service that promises three nines and that 95 % of answers take less than 300 ms.
func TestBurns(t *testing.T) {
	o := mesh.Objective{Availability: 0.999, Latency: ptr(mesh.Duration(300 * time.Millisecond)), LatencyShare: 0.95}
	limits := promising(o)
	quiet := func(counted map[time.Duration]Outcome, windows ...time.Duration) map[time.Duration]Outcome {
		for _, w := range windows {
			counted[w] = Outcome{Requests: counted[w].Requests, Answered: counted[w].Requests}
		}
		return counted
	}
	only := func(window time.Duration, c Outcome) map[time.Duration]Outcome {
		counted := steady(o, 0, 0, 0)
		counted[window] = c
		return counted
	}
	for _, c := range []struct {
		name    string
		counted map[time.Duration]Outcome
		want    mesh.Health
		why     []string
	}{
		{"within the budget", steady(o, 100, 0.0009, 0.04), mesh.Idle, nil},
		{
			"a little too fast", steady(o, 100, 0.0012, 0), mesh.Degraded,
			[]string{"failed requests use up the error budget of 99.9 % 1.2 times as fast as it lasts, over 3 d and over 6 h; the limit of service reviews is 1"},
		},
		{
			"too fast for a day", steady(o, 100, 0.004, 0), mesh.Degraded,
			[]string{"failed requests use up the error budget of 99.9 % 4.0 times as fast as it lasts, over 1 d and over 2 h; the limit of service reviews is 3"},
		},
		{
			"fast", steady(o, 100, 0.007, 0), mesh.Unhealthy,
			[]string{"failed requests use up the error budget of 99.9 % 7.0 times as fast as it lasts, over 6 h and over 30 min; the limit of service reviews is 6"},
		},
		{
			"very fast", steady(o, 100, 0.02, 0), mesh.Unhealthy,
			[]string{"failed requests use up the error budget of 99.9 % 20 times as fast as it lasts, over 1 h and over 5 min; the limit of service reviews is 14.4"},
		},
		{"over, since nothing fails any more", quiet(steady(o, 100, 0.02, 0), 5*time.Minute, 30*time.Minute, 2*time.Hour, 6*time.Hour), mesh.Idle, nil},
		{
			"slow, and some fail", steady(o, 100, 0.004, 0.4), mesh.Unhealthy,
			[]string{
				"answers slower than 300 ms use up the budget of 95 % 8.0 times as fast as it lasts, over 6 h and over 30 min; the limit of service reviews is 6",
				"failed requests use up the error budget of 99.9 % 4.0 times as fast as it lasts, over 1 d and over 2 h; the limit of service reviews is 3",
			},
		},
		{"two failures prove nothing", only(time.Hour, Outcome{Requests: 2, Failed: 2}), mesh.Idle, nil},
		{"nothing was counted", nil, mesh.Idle, nil},
		{"no numbers", only(time.Hour, Outcome{Requests: math.Inf(1), Failed: math.Inf(1), Answered: math.NaN(), Slow: math.NaN()}), mesh.Idle, nil},
		{"nobody called", steady(o, 0, 0, 0), mesh.Idle, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, causes := Judge(&Evidence{Burns: Burns(limits, c.counted)}, &limits)
			var why []string
			for _, cause := range causes {
				why = append(why, Text(cause))
				if cause.Knob == "" || cause.Values["where"] != "service/reviews" {
					t.Errorf("%+v", cause)
				}
			}
			if got != c.want {
				t.Errorf("%s, want %s", got, c.want)
			}
			if d := cmp.Diff(c.why, why); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestBurnsArePaired says that a burn needs both of its windows, and that more failures never burn slower.
func TestBurnsArePaired(t *testing.T) {
	o := mesh.Objective{Availability: 0.99}
	counted := steady(o, 100, 0.5, 0)
	delete(counted, 5*time.Minute)
	delete(counted, 24*time.Hour)
	list := Burns(promising(o), counted)
	if len(list) != 2 || list[0].Long != 6*time.Hour || list[1].Long != 72*time.Hour {
		t.Errorf("%+v", list)
	}
	rapid.Check(t, func(t *rapid.T) {
		o := mesh.Objective{Availability: rapid.Float64Range(0.5, 0.99999).Draw(t, "objective")}
		less := rapid.Float64Range(0, 1).Draw(t, "less")
		more := rapid.Float64Range(less, 1).Draw(t, "more")
		a, b := Burns(promising(o), steady(o, 100, less, 0)), Burns(promising(o), steady(o, 100, more, 0))
		for i := range a {
			if a[i].LongRate > b[i].LongRate || a[i].ShortRate > b[i].ShortRate || b[i].LongRate > 1/(1-o.Availability)*(1+1e-9) {
				t.Fatalf("%+v, then %+v", a[i], b[i])
			}
		}
	})
}

func TestWindowsInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		72 * time.Hour: "3 d", 36 * time.Hour: "36 h", 90 * time.Minute: "90 min", time.Minute: "1 min", 70 * time.Second: "70 s",
	} {
		if got := span(d); got != want {
			t.Errorf("%s is %q, want %q", d, got, want)
		}
	}
	for share, want := range map[float64]string{0.999: "99.9 %", 0.99999: "99.999 %", 0.5: "50 %", 0.995: "99.5 %"} {
		if got := exact(share); got != want {
			t.Errorf("%v is %q, want %q", share, got, want)
		}
	}
}
