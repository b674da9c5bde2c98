package page

import (
	"maps"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/i18n"
)

// TruthsOf puts a change's three truths into words.
func TruthsOf(l i18n.Locale, c change.Change) component.Truths {
	t := component.Truths{ID: c.ID, Each: []component.Truth{accepted(l, c), programmed(l, c), observed(l, c)}}
	if c.Programmed != nil {
		t.Rejected = c.Programmed.Rejected
	}
	if c.Observed == nil {
		return t
	}
	for _, name := range slices.Sorted(maps.Keys(c.Observed.Shares)) {
		s := c.Observed.Shares[name]
		t.Shares = append(t.Shares, component.MeasuredShare{
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

func accepted(l i18n.Locale, c change.Change) component.Truth {
	t := component.Truth{Key: "accepted", Stage: component.Waiting, Text: l.T("truth.accepted.wait")}
	if c.Accepted != nil {
		t.Stage, t.Text = component.Done, l.T("truth.accepted.done", "revision", c.Accepted.Revision)
		t.Note = l.T("format.utc", "clock", l.Clock(c.Accepted.At))
	}
	return t
}

func programmed(l i18n.Locale, c change.Change) component.Truth {
	t := component.Truth{Key: "programmed", Stage: component.Waiting, Text: l.T("truth.programmed.wait")}
	p := c.Programmed
	if p == nil {
		return t
	}
	switch {
	case p.Total == 0 && p.At != nil:
		t.Stage, t.Text = component.None, l.T("truth.programmed.nobody")
		return t
	case len(p.Rejected) > 0:
		t.Stage = component.Bad
		t.Note = l.N("truth.programmed.rejected", len(p.Rejected))
	case p.Acked >= p.Total && p.At != nil:
		t.Stage = component.Done
	}
	t.Text = l.T("truth.programmed.count", "acked", p.Acked, "total", p.Total)
	if t.Note == "" && p.At != nil && c.Accepted != nil {
		t.Note = l.T("truth.programmed.after", "time", l.Latency(max(p.At.Sub(c.Accepted.At).Seconds(), 0.0001)))
	}
	return t
}

func observed(l i18n.Locale, c change.Change) component.Truth {
	t := component.Truth{Key: "observed", Stage: component.Waiting, Text: l.T("truth.observed.wait")}
	o := c.Observed
	if o == nil {
		if c.State == change.Reverted || c.State == change.Undone || c.State == change.Superseded {
			t.Stage, t.Text = component.None, l.T("truth.observed.never")
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
		t.Stage = component.Done
	case o.Agrees == nil:
		t.Stage = component.Waiting
	case *o.Agrees:
		t.Stage = component.Done
	default:
		t.Stage, t.Note = component.Bad, l.T("truth.observed.contradicts")
	}
	return t
}
