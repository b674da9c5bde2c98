package page

import (
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
)

// Overview answers "is it all right, and if not, what do I do" for one mesh.
type Overview struct {
	Shell
	Verdict mesh.Health
	Counts  HealthCounts // of services
	// FailingCalls is how many of the listed problems are calls that fail: a service may be well while one of its callers
	// is not.
	FailingCalls int
	Began        string           // since when there are problems; "" when that is not known
	Before       string           // how long before that Suspect was changed
	Suspect      component.LinkTo // the newest change shortly before; no name: none
	Problems     []Problem        // worst first
	More         int              // problems that are not listed
	Changes      []ChangeLine     // newest first
	Entries      []Entry
	Rollouts     []RolloutRow // that are under way
	// MoreEntries and MoreNeeds are how many are not listed.
	MoreEntries, MoreNeeds int
	Needs                  []Need // the most urgent first
	Ages                   []SourceAge
	Errors, Load           component.Plots // of the whole mesh
	Spans                  SpanLinks
	Pictured               string // the problems in the topology
	Sources                Sources
	Empty                  Empty // what to do when there is nothing to show; "" when there is
}

// Need is a workload that somebody should look at although nothing fails yet.
type Need struct {
	Urgency int // 0 first
	Kind    string
	Of      component.LinkTo
	Text    string
}

// SourceAge is how old the newest numbers of a source are.
type SourceAge struct {
	Name, Href string
	State      string // "ok", "degraded", "down", "idle"
	Text       string
}

// Empty names what is missing.
type Empty string

// What may be missing, in the order in which it is set up.
const (
	NothingMissing Empty = ""
	NoMesh         Empty = "mesh"
	NoProxies      Empty = "proxies"
	MadeUp         Empty = "madeup" // proxies, and there never will be any
	NoTraffic      Empty = "traffic"
)

// HealthCounts is how many there are of each verdict.
type HealthCounts struct{ Healthy, Degraded, Unhealthy, Idle, Unknown int }

// Total is how many there are in all.
func (c HealthCounts) Total() int { return c.Healthy + c.Degraded + c.Unhealthy + c.Idle + c.Unknown }

// Problem is a box or an edge that is not well, why, and what governs it.
type Problem struct {
	Key    string // an edge's ends, or a box, as the topology's address selects them
	Health mesh.Health
	What   component.LinkTo // the box, or the edge's destination
	From   string           // an edge's caller; "" for a box
	Causes []CauseLine
	Rate   float64
	Errors float64
	P95    float64
	// Since is when it began, in words and for machines; "" when that is not known.
	Since, SinceISO string
	Failing         float64 // requests that fail per second
	Part            float64 // its part of all calls, 0 to 1
	Picture         string  // it in the topology
	// Symptom is how far it is from its root: 0 names what is broken, 2 is only suffered. It orders the list.
	Symptom int
}

// CauseLine is one cause in words and the way to the knob that governs it.
type CauseLine struct {
	Text  string
	Knob  component.LinkTo // what governs it
	Limit component.LinkTo // where the limit is set that it is beyond; of those that have one
}

// ChangeLine is a change in one line of a list.
type ChangeLine struct {
	ID, Summary    string
	Author, Reason string
	Ago, Moment    string // relative and exact
	ISO            string // for machines
	Day, Clock     string
	State          string
	Truths         component.Truths
}

// Entry is where calls come into the mesh.
type Entry struct {
	Name, Href string
	Health     mesh.Health
	Rate       float64
	Errors     float64
	P95        float64
	Trend      []float64
}

// Sources is how many proxies report.
type Sources struct{ Reporting, Connected, Refused, Rejected int }

func (o Overview) verdict() string {
	c, l := o.Counts, o.L
	switch {
	case c.Total() == 0:
		return l.T("verdict.none")
	case c.Unhealthy == 0 && o.FailingCalls > 0 && c.Degraded > 0:
		return l.T("verdict.both", "failing", l.N("verdict.part.calls", o.FailingCalls), "degraded", l.N("verdict.degraded", c.Degraded))
	case c.Unhealthy == 0 && o.FailingCalls > 0:
		return l.N("verdict.part.calls", o.FailingCalls)
	case c.Unhealthy > 0 && c.Degraded > 0:
		return l.T("verdict.both", "failing", l.N("verdict.part.failing", c.Unhealthy), "degraded", l.N("verdict.part.degraded", c.Degraded))
	case c.Unhealthy > 0:
		return l.N("verdict.failing", c.Unhealthy)
	case c.Degraded > 0:
		return l.N("verdict.degraded", c.Degraded)
	case c.Healthy == 0 && c.Idle == 0:
		return l.T("verdict.none")
	case c.Healthy == 0:
		return l.T("verdict.idle")
	}
	return l.T("verdict.healthy")
}

func (o Overview) counted() string {
	c, l := o.Counts, o.L
	text := l.N("verdict.counted", c.Total(), "healthy", c.Healthy)
	if c.Idle > 0 {
		text += " · " + l.N("verdict.counted.idle", c.Idle)
	}
	return text
}

// impactText is whom a problem hurts: what fails each second, and how much of all calls goes that way.
func impactText(s Shell, p Problem) string {
	part := s.L.T("problem.part", "part", s.L.Ratio(p.Part))
	if p.Failing <= 0 {
		return s.L.T("problem.slow", "part", part)
	}
	return s.L.T("problem.impact", "failing", s.L.Rate(p.Failing), "part", part)
}
