package component

import (
	"maps"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/ui/i18n"
)

// Stage is where one truth of a change stands, as icons and style sheets name it.
type Stage string

// The stages of a truth.
const (
	Done    Stage = "done" // it holds
	Waiting Stage = "wait" // it is on its way
	Bad     Stage = "bad"  // it does not hold: refused by a proxy, or contradicted by traffic
	None    Stage = "none" // there is nothing to say
)

// Truth is one of the three, in words.
type Truth struct {
	Key   string // "accepted", "programmed", "observed"
	Stage Stage
	Text  string
	Note  string
}

// MeasuredShare is one target's measured share in words and as numbers from 0 to 1.
type MeasuredShare struct {
	Name                 string
	Text, Range          string
	Want, Got, Low, High float64
}

// Truths is what is known of a change.
type Truths struct {
	ID       string
	Each     []Truth // accepted, programmed, observed
	Shares   []MeasuredShare
	Rejected []provider.Rejection
}

// TruthsOf puts a change's three truths into words.
func TruthsOf(l i18n.Locale, c change.Change) Truths {
	t := Truths{ID: c.ID, Each: []Truth{accepted(l, c), programmed(l, c), observed(l, c)}}
	if c.Programmed != nil {
		t.Rejected = c.Programmed.Rejected
	}
	if c.Observed == nil {
		return t
	}
	for _, name := range slices.Sorted(maps.Keys(c.Observed.Shares)) {
		s := c.Observed.Shares[name]
		t.Shares = append(t.Shares, MeasuredShare{
			Name: name, Text: l.T("truth.share", "got", l.Ratio(s.Got), "want", l.Share(s.Want)),
			Range: l.T("truth.range", "low", l.Ratio(s.Low), "high", l.Ratio(s.High)),
			Want:  s.Want, Got: s.Got, Low: s.Low, High: s.High,
		})
	}
	return t
}

// window writes a length of time that the door wrote as Go does.
func window(l i18n.Locale, text string) string {
	d, err := time.ParseDuration(text)
	if err != nil {
		return text
	}
	return l.Age(d)
}

func accepted(l i18n.Locale, c change.Change) Truth {
	t := Truth{Key: "accepted", Stage: Waiting, Text: l.T("truth.accepted.wait")}
	if c.Accepted != nil {
		t.Stage, t.Text = Done, l.T("truth.accepted.done", "revision", c.Accepted.Revision)
		t.Note = l.T("format.utc", "clock", l.Clock(c.Accepted.At))
	}
	return t
}

func programmed(l i18n.Locale, c change.Change) Truth {
	t := Truth{Key: "programmed", Stage: Waiting, Text: l.T("truth.programmed.wait")}
	p := c.Programmed
	if p == nil {
		return t
	}
	switch {
	case p.Total == 0 && p.At != nil:
		t.Stage, t.Text = None, l.T("truth.programmed.nobody")
		return t
	case len(p.Rejected) > 0:
		t.Stage = Bad
		t.Note = l.N("truth.programmed.rejected", len(p.Rejected))
	case p.Acked >= p.Total && p.At != nil:
		t.Stage = Done
	}
	t.Text = l.T("truth.programmed.count", "acked", p.Acked, "total", p.Total)
	if t.Note == "" && p.At != nil && c.Accepted != nil {
		t.Note = l.T("truth.programmed.after", "time", l.Latency(max(p.At.Sub(c.Accepted.At).Seconds(), 0.0001)))
	}
	return t
}

func observed(l i18n.Locale, c change.Change) Truth {
	t := Truth{Key: "observed", Stage: Waiting, Text: l.T("truth.observed.wait")}
	o := c.Observed
	if o == nil {
		if c.State == change.Reverted || c.State == change.Undone || c.State == change.Superseded {
			t.Stage, t.Text = None, l.T("truth.observed.never")
		}
		return t
	}
	t.Text = l.T("truth.observed.requests", "requests", l.Count(o.Requests), "window", window(l, o.Window))
	t.Note = o.Note
	if o.Requests > 0 && len(o.Shares) == 0 {
		t.Note = l.T("truth.observed.errors", "ratio", l.Ratio(float64(o.Errors)/float64(o.Requests)))
	}
	switch {
	case o.Agrees == nil && len(o.Shares) == 0 && o.Requests > 0:
		t.Stage = Done
	case o.Agrees == nil:
		t.Stage = Waiting
	case *o.Agrees:
		t.Stage = Done
	default:
		t.Stage, t.Note = Bad, l.T("truth.observed.contradicts")
	}
	return t
}
