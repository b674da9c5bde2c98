package mesh_test

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	. "github.com/weirmesh/weir/server/mesh"
)

// Each case is one object's guard rails and exactly what is wrong with them.
func TestValidateGuard(t *testing.T) {
	f := func(v float64) *float64 { return &v }
	n := func(v int) *int { return &v }
	const at = "service reviews: guard."
	for _, c := range []struct {
		name  string
		guard Guard
		wants []string
	}{
		{"all off", Guard{LargestStep: f(0), MinRequests: n(0), StableFloor: f(0), Freeze: &Freeze{}, HealthyOnly: new(bool), Protected: new(bool)}, nil},
		{"sound", Guard{LargestStep: f(12.5), MinRequests: n(1000), StableFloor: f(100), Freeze: &Freeze{Windows: []Window{
			{Reason: "holidays", From: "2026-12-24T00:00:00+01:00", Until: "2027-01-02T08:00:00+01:00"},
			{Reason: "nights", Start: "18:00", End: "08:00", Zone: "Asia/Seoul"},
			{Reason: "weekend", Days: []string{"sat", "sun"}, Start: "00:00", End: "24:00"},
		}}}, nil},
		{"numbers", Guard{LargestStep: f(-1), MinRequests: n(-1), StableFloor: f(math.NaN())}, []string{
			at + "largestStep -1: is from 0 (no rail) to 100, in percent",
			at + "stableFloor NaN: is from 0 (no rail) to 100, in percent",
			at + "minRequests -1: is from 0 to 1000000",
		}},
		{"an empty window", Guard{Freeze: &Freeze{Windows: []Window{{}}}}, []string{
			at + "freeze.windows[0].reason is required: whoever runs into the freeze reads it",
			at + `freeze.windows[0].start is a time of day, as in "18:00"`,
			at + `freeze.windows[0].end is a time of day, as in "18:00"`,
		}},
		{"once", Guard{Freeze: &Freeze{Windows: []Window{
			{Reason: "a", From: "tomorrow", Until: "2026-12-24"},
			{Reason: "b", From: "2026-12-24T00:00:00Z", Until: "2026-12-24T00:00:00Z"},
			{Reason: "c", From: "2026-12-24T00:00:00Z", Start: "10:00"},
		}}}, []string{
			at + "freeze.windows[0].from tomorrow: is a moment with its zone, as in 2026-12-24T00:00:00Z",
			at + "freeze.windows[0].until 2026-12-24: is a moment with its zone, as in 2026-12-24T00:00:00Z",
			at + "freeze.windows[1].until 2026-12-24T00:00:00Z: is after from, by at most 366 days: what is never to be changed is protected",
			at + "freeze.windows[2].from 2026-12-24T00:00:00Z: and until are once, days, start, end and zone are every week: give the ones or the others",
		}},
		{"weekly", Guard{Freeze: &Freeze{Windows: []Window{
			{Reason: "a", Days: []string{"monday", "tue", "tue"}, Start: "24:00", End: "25:00", Zone: "Mars/Olympus"},
		}}}, []string{
			at + "freeze.windows[0].days[0] monday: is sun, mon, tue, wed, thu, fri or sat",
			at + "freeze.windows[0].days[2] tue: is named once",
			at + `freeze.windows[0].start 24:00: is a time of day, as in "18:00"`,
			at + `freeze.windows[0].end 25:00: is a time of day, as in "18:00"`,
			at + "freeze.windows[0].zone Mars/Olympus: is a time zone of IANA's list, as in Europe/Berlin, or left out for UTC",
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var got []string
			var e *Error
			if err := ValidateObject(VirtualService{Name: "reviews", Guard: &c.guard}); errors.As(err, &e) {
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

// Windows over midnight, over the end of the week, over the night in which clocks go forward, and once.
func TestWindowCovers(t *testing.T) {
	nights := Window{Reason: "nights", Days: []string{"fri"}, Start: "18:00", End: "08:00", Zone: "Europe/Berlin"}
	spring := Window{Reason: "spring", Start: "01:00", End: "04:00", Zone: "Europe/Berlin"}
	day := Window{Reason: "day", Days: []string{"sun"}, Start: "00:00", End: "24:00"}
	once := Window{Reason: "once", From: "2026-12-24T00:00:00Z", Until: "2026-12-26T00:00:00Z"}
	for _, c := range []struct {
		name   string
		window Window
		at     string
		until  string // "": not covered
	}{
		{"before", nights, "2026-11-20T17:59:59+01:00", ""},
		{"begins", nights, "2026-11-20T18:00:00+01:00", "2026-11-21T08:00:00+01:00"},
		{"next morning", nights, "2026-11-21T07:59:59+01:00", "2026-11-21T08:00:00+01:00"},
		{"over", nights, "2026-11-21T08:00:00+01:00", ""},
		{"another day", nights, "2026-11-21T18:00:00+01:00", ""},
		{"clocks forward", spring, "2026-03-29T03:30:00+02:00", "2026-03-29T04:00:00+02:00"},
		{"whole day", day, "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z"},
		{"not the next", day, "2026-11-23T00:00:00Z", ""},
		{"once", once, "2026-12-25T23:59:59Z", "2026-12-26T00:00:00Z"},
		{"once over", once, "2026-12-26T00:00:00Z", ""},
		{"broken", Window{Start: "x"}, "2026-12-26T00:00:00Z", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			at, err := time.Parse(time.RFC3339, c.at)
			if err != nil {
				t.Fatal(err)
			}
			until, ok := c.window.Covers(at)
			if ok != (c.until != "") || ok && until.Format(time.RFC3339) != c.until && !until.Equal(moment(t, c.until)) {
				t.Errorf("covers %v until %v, want %q", ok, until, c.until)
			}
		})
	}
}

func moment(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

// Rails are taken one by one from the nearest object that sets them, and come and go with their objects.
func TestGuardOver(t *testing.T) {
	step, floor, yes, no := 10.0, 50.0, true, false
	whole := Guard{LargestStep: &step, Protected: &yes, Freeze: &Freeze{Windows: []Window{{Reason: "x", Start: "00:00", End: "24:00"}}}}
	got := (&Guard{StableFloor: &floor, Protected: &no, Freeze: &Freeze{}}).Over(whole)
	if diff := cmp.Diff(Guard{LargestStep: &step, StableFloor: &floor, Protected: &no, Freeze: &Freeze{}}, got); diff != "" {
		t.Error(diff)
	}
	data := []byte(`{"name":"m","guard":{"largestStep":10,"freeze":{"windows":[{"reason":"x","start":"00:00","end":"24:00"}]},"protected":true}}`)
	o, err := DecodeObject(KindMesh, data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(Object(Settings{Name: "m", Guard: &whole}), o); diff != "" {
		t.Error(diff)
	}
	if _, err := DecodeObject(KindMesh, []byte(`{"name":"m","guard":{"largeststep":10}}`)); CodeOf(err) != Invalid {
		t.Errorf("a field in another case: %v", err)
	}
	m := sample()
	next, err := m.With(Patch{Put: []Object{Settings{Name: m.Name, Guard: &whole}}})
	if err != nil || next.Guard == nil {
		t.Fatal(err, next.Guard)
	}
	back, err := next.With(Diff(next, m))
	if err != nil || !cmp.Equal(m, back) {
		t.Error(err, cmp.Diff(m, back))
	}
}
