package web

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// stripTroubles is how many runs of trouble are listed under the strip.
const stripTroubles = 4

// stretch is a length of time that a strip may show, and how far apart its frames are.
type stretch struct {
	name       string
	long, step time.Duration
}

func stretches() []stretch {
	return []stretch{
		{"15m", 15 * time.Minute, 10 * time.Second},
		{"1h", time.Hour, 30 * time.Second},
		{"6h", 6 * time.Hour, 3 * time.Minute},
		{"24h", 24 * time.Hour, 12 * time.Minute},
	}
}

// chooseStretch is the one that is asked for, or else the shortest that reaches from now back to the moment.
func chooseStretch(asked string, at, now time.Time) stretch {
	all := stretches()
	for _, s := range all {
		if s.name == asked {
			return s
		}
	}
	if at.IsZero() {
		return all[0]
	}
	for _, s := range all {
		if now.Sub(at) < s.long-s.step {
			return s
		}
	}
	return all[1]
}

// span is the moments of the strip. Its ends lie on whole steps, so that the same moments are asked for again and again.
// A moment that it does not reach from now is put into its middle.
func (s stretch) span(at, now time.Time) mesh.Span {
	end := now.Truncate(s.step)
	if !at.IsZero() && !at.After(end.Add(-s.long+s.step)) {
		end = at.Add(s.long / 2).Truncate(s.step)
		if end.After(now) {
			end = now.Truncate(s.step)
		}
	}
	return mesh.Span{Start: end.Add(s.step - s.long), End: end, Step: s.step, Window: max(s.step, defaultWindow)}
}

// scrubber is the way through the mesh's past. The frames cost something, so that a page about the present leaves them
// to its island, which asks for them as a fragment.
func (w *Web) scrubber(c *gin.Context, v view, m moment) *page.Scrubber {
	chosen := chooseStretch(c.Query("span"), m.at, v.Now)
	over := chosen.span(m.at, v.Now)
	p := &page.Scrubber{
		Span: chosen.name, Step: chosen.step, Ends: v.Now.Sub(over.End) < chosen.step,
		Field: fieldText(cmp.Or(m.at, v.Now)), Latest: fieldText(v.Now),
	}
	for _, s := range stretches() {
		link := page.Link{Text: v.L.T("span." + s.name), Href: v.With("span", s.name), Current: s.name == chosen.name}
		p.Spans = append(p.Spans, page.SpanLink{Link: link, Name: s.name, Step: s.step})
	}
	for name, values := range v.Here.Query() {
		if name != "at" {
			p.Carry = append(p.Carry, page.Field{Name: name, Value: values[0]})
		}
	}
	slices.SortFunc(p.Carry, func(a, b page.Field) int { return cmp.Compare(a.Name, b.Name) })
	if !m.at.IsZero() {
		p.Compare = v.CompareHref(m.at, time.Time{})
	}
	fragment := c.Query("fragment")
	p.Waiting = m.at.IsZero() && c.Query("span") == "" && fragment == ""
	if p.Waiting || fragment != "" && fragment != "strip" {
		return p
	}
	frames, err := w.frames(c.Request.Context(), v.Mesh, over)
	if err != nil {
		p.Problem = err.Error()
		return p
	}
	v.fillStrip(p, frames, m.at)
	p.Begins = w.begins(v, over)
	if p.Begins != "" && !frames.Partial {
		p.Notes = nil // they say the same, in English
	}
	return p
}

// fieldText writes a moment as a browser's field of date and time does.
func fieldText(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05") }

// frames asks the timeline. What is asked for is a film of the whole mesh, so that viewers of the same strip share one.
func (w *Web) frames(ctx context.Context, name string, over mesh.Span) (timeline.Frames, error) {
	return w.films.get(filmKey{name, over}, func(part mesh.Span) (timeline.Frames, error) { return w.Timeline.Frames(ctx, name, part) })
}

// fillStrip puts the frames into words and positions.
func (v view) fillStrip(p *page.Scrubber, f timeline.Frames, at time.Time) {
	n := len(f.At)
	p.Notes = f.Notes
	if n == 0 {
		return
	}
	most := 0.0
	for _, t := range f.Total {
		most = max(most, finite(t.RequestRate))
	}
	for i, moment := range f.At {
		p.Frames = append(p.Frames, v.frameOf(f, i, moment, most))
	}
	p.Ticks = []string{v.When(f.At[0]), v.L.Clock(f.At[n/2]), v.L.Clock(f.At[n-1])}
	p.Index = n
	if !at.IsZero() {
		p.Index = nearestFrame(f.At, at)
	}
	if p.Index > 0 {
		p.Previous = p.Frames[p.Index-1].Href
	}
	if p.Index+1 < n {
		p.Next = p.Frames[p.Index+1].Href
	} else if p.Index == n-1 && p.Ends {
		p.Next = v.Without("at")
	}
	v.fillTroubles(p, f)
	v.fillMarks(p, f)
}

func (v view) frameOf(f timeline.Frames, i int, moment time.Time, most float64) page.Frame {
	frame := page.Frame{ISO: page.ISO(moment), Href: v.With("at", page.ISO(moment)), Health: mesh.Unknown}
	if i < len(f.Health) && f.Health[i] != "" {
		frame.Health = f.Health[i]
	}
	rate := 0.0
	if i < len(f.Total) {
		rate = finite(f.Total[i].RequestRate)
	}
	frame.Seen = frame.Health != mesh.Unknown || rate > 0
	if most > 0 {
		frame.Height = rate / most
	}
	if !frame.Seen {
		frame.Label = v.L.T("scrubber.frame.none", "moment", v.When(moment))
		return frame
	}
	frame.Label = v.L.T("scrubber.frame", "moment", v.When(moment), "health", component.HealthWord(v.L, frame.Health), "rate", v.L.Rate(rate))
	return frame
}

func finite(x float64) float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return 0
	}
	return x
}

// nearestFrame is the index of the frame nearest to a moment.
func nearestFrame(at []time.Time, moment time.Time) int {
	best := 0
	for i := range at {
		if moment.Sub(at[i]).Abs() < moment.Sub(at[best]).Abs() {
			best = i
		}
	}
	return best
}

// run is frames from first to last in a row that are not well.
type run struct {
	first, last int
	health      mesh.Health
}

// runs finds the trouble in a row of verdicts, oldest first.
func runs(verdicts []mesh.Health) []run {
	var list []run
	for i, h := range verdicts {
		if !ill(h) {
			continue
		}
		if n := len(list); n > 0 && list[n-1].last == i-1 {
			list[n-1].last = i
			if severity(h) < severity(list[n-1].health) {
				list[n-1].health = h
			}
			continue
		}
		list = append(list, run{i, i, h})
	}
	return list
}

// fillTroubles lists the trouble, newest first, and where the nearest lies before and after the moment.
func (v view) fillTroubles(p *page.Scrubber, f timeline.Frames) {
	all := runs(f.Health[:min(len(f.Health), len(p.Frames))])
	for _, r := range all {
		if r.first < p.Index {
			p.Earlier = p.Frames[r.first].Href
		}
		if r.first > p.Index && p.Later == "" {
			p.Later = p.Frames[r.first].Href
		}
	}
	slices.Reverse(all)
	for _, r := range first(all, stripTroubles) {
		text := v.L.T("scrubber.trouble", "from", v.L.Clock(f.At[r.first]), "to", v.L.Clock(f.At[r.last]))
		if r.first == r.last {
			text = v.L.Clock(f.At[r.first])
		}
		p.Troubles = append(p.Troubles, page.Trouble{Health: r.health, Text: text, Href: p.Frames[r.first].Href})
	}
	p.More = max(len(all)-stripTroubles, 0)
}

// fillMarks puts the changes on the strip, newest first.
func (v view) fillMarks(p *page.Scrubber, f timeline.Frames) {
	from, n := f.At[0], len(f.At)
	whole := f.At[n-1].Sub(from) + p.Step
	for _, m := range f.Marks {
		x := float64(m.At.Sub(from)+p.Step/2) / float64(whole)
		if x < 0 || x > 1 {
			continue
		}
		p.Marks = append(p.Marks, page.Mark{ID: m.ID, Href: v.ChangeHref(m.ID), Clock: v.L.Clock(m.At), Summary: summaryText(v.L, m.Summary), State: m.State, X: x})
	}
	slices.Reverse(p.Marks)
}

// begins says since when there is history, when that is later than the strip's first moment.
func (w *Web) begins(v view, over mesh.Span) string {
	if w.Sources == nil {
		return ""
	}
	for _, s := range w.Sources() {
		if s.Store != nil && s.Store.Oldest.After(over.Start) {
			return v.L.T("scrubber.begins", "moment", v.When(s.Store.Oldest))
		}
	}
	return ""
}
