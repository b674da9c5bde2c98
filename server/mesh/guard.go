package mesh

import (
	"slices"
	"time"
)

// Guard are the guard rails that people set for themselves. A mesh, a service and a route may each have their own; what
// is nil is taken from the next larger, and in the end there is no rail. Zero, false and no windows switch a rail off
// that the next larger one has.
type Guard struct {
	LargestStep *float64 `json:"largestStep,omitempty"` // percentage points that one change may move, 0 to 100
	MinRequests *int     `json:"minRequests,omitempty"` // that a version must have served since its last step before it gets more
	StableFloor *float64 `json:"stableFloor,omitempty"` // percent that the largest target keeps unless a rollout promotes
	Freeze      *Freeze  `json:"freeze,omitempty"`      // when nothing is changed
	HealthyOnly *bool    `json:"healthyOnly,omitempty"` // no increase onto a version that is not healthy
	Protected   *bool    `json:"protected,omitempty"`   // not to be changed or deleted
}

// Freeze are the windows of time in which nothing is changed.
type Freeze struct {
	Windows []Window `json:"windows,omitempty"` // at most 50
}

// Window is one stretch of time: once, from From until Until, or every week on Days from Start to End in Zone.
type Window struct {
	Reason string   `json:"reason"`          // for whoever runs into it
	From   string   `json:"from,omitempty"`  // RFC 3339
	Until  string   `json:"until,omitempty"` // RFC 3339, the first moment after the window
	Days   []string `json:"days,omitempty"`  // mon tue wed thu fri sat sun; left out with Start: every day
	Start  string   `json:"start,omitempty"` // "18:00"
	End    string   `json:"end,omitempty"`   // "08:00"; not after Start: on the next day; "24:00" is the day's end
	Zone   string   `json:"zone,omitempty"`  // IANA's name, "Europe/Berlin"; left out: UTC
}

// Over gives these rails, with those of the next larger where they have none.
func (g *Guard) Over(larger Guard) Guard {
	if g == nil {
		return larger
	}
	return Guard{
		LargestStep: first(g.LargestStep, larger.LargestStep), MinRequests: first(g.MinRequests, larger.MinRequests),
		StableFloor: first(g.StableFloor, larger.StableFloor), Freeze: first(g.Freeze, larger.Freeze),
		HealthyOnly: first(g.HealthyOnly, larger.HealthyOnly), Protected: first(g.Protected, larger.Protected),
	}
}

// GuardOf gives an object's own guard rails, nil when it has none or is of a kind that has none.
func GuardOf(o Object) *Guard {
	switch o := o.(type) {
	case Settings:
		return o.Guard
	case VirtualService:
		return o.Guard
	case Route:
		return o.Guard
	}
	return nil
}

// WithGuard gives an object with other guard rails; ok is false for kinds that have none.
func WithGuard(o Object, g *Guard) (changed Object, ok bool) {
	switch o := o.(type) {
	case Settings:
		o.Guard = g
		return o, true
	case VirtualService:
		o.Guard = g
		return o, true
	case Route:
		o.Guard = g
		return o, true
	}
	return o, false
}

// weekdays are the days as windows name them, in the order of time.Weekday.
func weekdays() []string { return []string{"sun", "mon", "tue", "wed", "thu", "fri", "sat"} }

// Covers says whether a moment lies in the window, and when the window is over. A window that is not valid covers
// nothing; Validate refuses it.
func (w Window) Covers(at time.Time) (until time.Time, ok bool) {
	if w.From != "" || w.Until != "" {
		from, errFrom := time.Parse(time.RFC3339, w.From)
		until, errUntil := time.Parse(time.RFC3339, w.Until)
		return until, errFrom == nil && errUntil == nil && !at.Before(from) && at.Before(until)
	}
	zone, err := time.LoadLocation(w.Zone)
	start, okStart := clock(w.Start)
	end, okEnd := clock(w.End)
	if err != nil || !okStart || !okEnd {
		return time.Time{}, false
	}
	local := at.In(zone)
	for _, day := range []int{0, -1} { // a window of yesterday may last until today
		begins := time.Date(local.Year(), local.Month(), local.Day()+day, 0, start, 0, 0, zone)
		ends := time.Date(local.Year(), local.Month(), local.Day()+day, 0, end, 0, 0, zone)
		if end <= start {
			ends = time.Date(local.Year(), local.Month(), local.Day()+day+1, 0, end, 0, 0, zone)
		}
		midday := time.Date(local.Year(), local.Month(), local.Day()+day, 12, 0, 0, 0, zone)
		if w.on(midday.Weekday()) && !at.Before(begins) && at.Before(ends) {
			return ends, true
		}
	}
	return time.Time{}, false
}

// on says whether a window begins on a day.
func (w Window) on(day time.Weekday) bool {
	return len(w.Days) == 0 || slices.Contains(w.Days, weekdays()[day])
}

// clock reads "18:30" as minutes of the day; "24:00" is its end.
func clock(s string) (minutes int, ok bool) {
	if s == "24:00" {
		return 24 * 60, true
	}
	at, err := time.Parse("15:04", s)
	if err != nil || len(s) != 5 {
		return 0, false
	}
	return at.Hour()*60 + at.Minute(), true
}
