package web

import (
	"cmp"
	"context"
	"net/url"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/errgroup"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// plotPatience is how long a page waits for the numbers of its plots. Its island asks for them too, and who has none is
// given a link that waits.
const plotPatience = 120 * time.Millisecond

// plotLonger is how long plots are asked for when the page no longer waits.
const plotLonger = 10 * time.Second

// plotsAtOnce is how many subjects of a page are asked for at the same time.
const plotsAtOnce = 4

// Limits of a stretch of time that somebody chose, and how many moments a plot has at most; the islands have the same.
const (
	minReach   = 15 * time.Second
	maxReach   = 15 * 24 * time.Hour
	maxMoments = 180
)

// reach is the time that the plots of a page show.
type reach struct {
	over   mesh.Span
	name   string // of a stretch; "" for one of somebody's choice
	chosen bool   // somebody chose it by dragging, or by an address
	live   bool   // it ends now
}

// readReach reads the time of a page's plots from its address: a choice, or else a stretch that has the moment in it.
func readReach(c *gin.Context, now time.Time) (reach, error) {
	from, err := parseMoment("from", c.Query("from"), now)
	if err != nil {
		return reach{}, err
	}
	to, err := parseMoment("to", c.Query("to"), now)
	if err != nil {
		return reach{}, err
	}
	if !from.IsZero() {
		to = earlier(to, now)
		if long := to.Sub(from); long < minReach || long > maxReach {
			return reach{}, mesh.Errorf(mesh.Invalid, "from %s to %s: plots show from 15 seconds to 15 days", page.ISO(from), page.ISO(to))
		}
		step := plotStep(to.Sub(from))
		return reach{over: spanOf(from.Truncate(step), to.Truncate(step), step), chosen: true}, nil
	}
	at, err := parseMoment("at", c.Query("at"), now)
	if err != nil {
		return reach{}, err
	}
	chosen := chooseStretch(c.Query("span"), at, now)
	if chosen.long <= 15*time.Minute {
		chosen.step = 5 * time.Second
	}
	over := chosen.span(at, now)
	return reach{over: spanOf(over.Start, over.End, over.Step), name: chosen.name, live: now.Sub(over.End) < chosen.step}, nil
}

func earlier(a, b time.Time) time.Time {
	if a.IsZero() || a.After(b) {
		return b
	}
	return a
}

// spanOf is a span whose moments' numbers are of the step before each, or of half a minute where steps are shorter.
func spanOf(start, end time.Time, step time.Duration) mesh.Span {
	return mesh.Span{Start: start, End: end, Step: step, Window: max(step, defaultWindow)}
}

// plotStep is how far the moments of a stretch of time are apart.
func plotStep(long time.Duration) time.Duration {
	for _, seconds := range []int{5, 10, 15, 30, 60, 120, 180, 300, 600, 720, 900, 1800} {
		if step := time.Duration(seconds) * time.Second; long <= maxMoments*step {
			return step
		}
	}
	return time.Hour
}

// spanLinks are the stretches that a page's plots may show.
func (v view) spanLinks(r reach) page.SpanLinks {
	var links page.SpanLinks
	base := v.Without("from", "to")
	for _, s := range stretches() {
		address, err := url.Parse(base)
		if err != nil {
			continue // an address of this page, which was parsed before
		}
		query := address.Query()
		query.Set("span", s.name)
		address.RawQuery = query.Encode()
		links.Links = append(links.Links, page.Link{Text: v.L.T("span." + s.name), Href: address.String(), Current: s.name == r.name})
	}
	if r.chosen {
		links.Whole, links.Text = base, v.L.Clock(r.over.Start)+" – "+v.L.Clock(r.over.End)
	}
	return links
}

// plots fills figures with the numbers of a reach. Where there are none it says why; a fragment of a page, which is asked
// for every second, gets figures that are as they are, because their island keeps them.
func (w *Web) plots(c *gin.Context, v view, r reach, p component.Plots) component.Plots {
	p.Mesh, p.Module, p.Span, p.Live = v.Mesh, v.Assets.Plot, r.name, r.live && !r.chosen
	p.Start, p.End, p.Step = r.over.Start, r.over.End, r.over.Step
	if w.Timeline == nil {
		p.Problem, p.Module, p.Figures = v.L.T("plot.off"), "", nil
		return p
	}
	if c.Query("fragment") != "" {
		return p
	}
	found, late, err := w.awaitPlots(c, v.Mesh, subjects(p), r.over)
	switch {
	case late:
		p.Waiting = v.With("plots", "wait")
	case err != nil:
		p.Problem = v.L.T("plot.fail", "reason", err.Error())
	default:
		v.fillPlots(&p, found)
		if p.Empty() && !p.Live {
			p.Problem, p.Figures = v.L.T("plot.none"), nil
		}
	}
	return p
}

// asked is what became of asking for the plots of some subjects.
type asked struct {
	found map[mesh.Subject]timeline.Plot
	err   error
}

// awaitPlots asks for plots and waits as long as a page may; late says that they are not there by then. They are asked for
// a little longer than that, because the page's island asks the same in a moment, and shares the answer.
func (w *Web) awaitPlots(c *gin.Context, name string, of []mesh.Subject, over mesh.Span) (found map[mesh.Subject]timeline.Plot, late bool, err error) {
	if c.Query("plots") == "wait" {
		found, err = w.askPlots(c.Request.Context(), name, of, over)
		return found, false, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), max(plotLonger, w.patience))
	answer := make(chan asked, 1)
	go func() {
		defer cancel()
		found, err := w.askPlots(ctx, name, of, over)
		answer <- asked{found, err}
	}()
	patience := time.NewTimer(w.patience)
	defer patience.Stop()
	select {
	case a := <-answer:
		return a.found, false, a.err
	case <-patience.C:
		return nil, true, nil
	case <-c.Request.Context().Done():
		return nil, false, c.Request.Context().Err()
	}
}

// subjectOf is what a line is about.
func subjectOf(p component.Plots, line component.PlotLine) mesh.Subject {
	if line.Node == "" && line.Destination == "" {
		return mesh.Subject{From: p.Source, To: cmp.Or(p.Node, p.Destination)}
	}
	return mesh.Subject{From: line.Source, To: cmp.Or(line.Node, line.Destination)}
}

// subjects are all that figures are about, each once.
func subjects(p component.Plots) []mesh.Subject {
	var list []mesh.Subject
	for _, f := range p.Figures {
		for _, line := range f.Lines {
			if s := subjectOf(p, line); !slices.Contains(list, s) {
				list = append(list, s)
			}
		}
	}
	return list
}

func (w *Web) askPlots(ctx context.Context, name string, of []mesh.Subject, over mesh.Span) (map[mesh.Subject]timeline.Plot, error) {
	answers := make([]timeline.Plot, len(of))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(plotsAtOnce)
	for i, subject := range of {
		group.Go(func() (err error) {
			answers[i], err = w.Timeline.Plot(ctx, name, subject, over)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	found := make(map[mesh.Subject]timeline.Plot, len(of))
	for i, subject := range of {
		found[subject] = answers[i]
	}
	return found, nil
}

// fillPlots puts what was found into lines above common moments, and the changes and notes beside them.
func (v view) fillPlots(p *component.Plots, found map[mesh.Subject]timeline.Plot) {
	for _, answer := range found {
		p.At = append(p.At, answer.At...)
		for _, m := range answer.Marks {
			if !slices.ContainsFunc(p.Marks, func(k component.PlotMark) bool { return k.Href == v.ChangeHref(m.ID) }) {
				p.Marks = append(p.Marks, v.plotMark(m))
			}
		}
		for _, note := range answer.Notes {
			if answer.Partial && !slices.Contains(p.Notes, note) {
				p.Notes = append(p.Notes, note)
			}
		}
	}
	slices.SortFunc(p.At, time.Time.Compare)
	p.At = slices.CompactFunc(p.At, time.Time.Equal)
	slices.SortFunc(p.Marks, func(a, b component.PlotMark) int { return a.At.Compare(b.At) })
	slices.Sort(p.Notes)
	p.Figures = slices.Clone(p.Figures)
	for i := range p.Figures {
		f := &p.Figures[i]
		f.Lines = slices.Clone(f.Lines)
		for k := range f.Lines {
			f.Lines[k].Values = aligned(p.At, found[subjectOf(*p, f.Lines[k])], f.Lines[k].Column)
		}
		shares(f)
	}
}

func (v view) plotMark(m timeline.Mark) component.PlotMark {
	return component.PlotMark{At: m.At, Kind: "change", Href: v.ChangeHref(m.ID), Text: summaryText(v.L, m.Summary), Time: v.When(m.At)}
}

// aligned are a column's values above moments that others have too.
func aligned(at []time.Time, p timeline.Plot, column string) []*float64 {
	values := columnOf(p, column)
	list := make([]*float64, len(at))
	for i, k := 0, 0; i < len(at) && k < min(len(p.At), len(values)); i++ {
		if p.At[k].Equal(at[i]) {
			list[i] = values[k]
			k++
		}
	}
	return list
}

func columnOf(p timeline.Plot, name string) []*float64 {
	switch name {
	case "requestRate", "share":
		return p.RequestRate
	case "errorRatio":
		return p.ErrorRatio
	case "p50":
		return p.P50
	case "p95":
		return p.P95
	case "p99":
		return p.P99
	case "connections":
		return p.Connections
	case "pending":
		return p.Pending
	case "overflowRate":
		return p.Overflow
	}
	return nil
}

// shares turns rates into parts of their sum, in lines that ask for it.
func shares(f *component.Figure) {
	rates := make([][]*float64, len(f.Lines))
	for k := range f.Lines {
		rates[k] = f.Lines[k].Values
	}
	for k := range f.Lines {
		if f.Lines[k].Column != "share" {
			continue
		}
		parts := make([]*float64, len(rates[k]))
		for i := range parts {
			sum := 0.0
			for _, other := range rates {
				if other[i] != nil {
					sum += *other[i]
				}
			}
			if sum > 0 {
				part := 0.0
				if rates[k][i] != nil {
					part = *rates[k][i] / sum
				}
				parts[i] = &part
			}
		}
		f.Lines[k].Values = parts
	}
}

// meshPlots are the figures about the whole mesh: its errors, which stand beside the changes, and what it carries.
func (w *Web) meshPlots(c *gin.Context, v view, r reach) (errors, load component.Plots) {
	figures := v.SubjectFigures()
	all := w.plots(c, v, r, component.Plots{Figures: []component.Figure{figures[1], figures[0], figures[2]}})
	errors, load = all, all
	if len(all.Figures) > 0 {
		errors.Figures, load.Figures, load.Waiting, load.Problem, load.Notes = all.Figures[:1], all.Figures[1:], "", "", nil
	}
	return errors, load
}

// servicePlots are the figures of a service's versions, one over the other.
func (w *Web) servicePlots(c *gin.Context, v view, service page.Service) (component.Plots, page.SpanLinks, error) {
	r, err := readReach(c, v.Now)
	if err != nil {
		return component.Plots{}, page.SpanLinks{}, err
	}
	versions := make([]string, len(service.Versions))
	for i, version := range service.Versions {
		versions[i] = version.Node
	}
	p := component.Plots{List: true, Figures: v.versionFigures(versions)}
	return w.plots(c, v, r, p), v.spanLinks(r), nil
}

// shownVersions is how many versions have lines of their own: more could not be told apart.
const shownVersions = 4

// versionFigures are figures with a line for each version: rate, errors, latency, use of the pool.
func (v view) versionFigures(versions []string) []component.Figure {
	versions = first(versions, shownVersions)
	lines := func(column string) []component.PlotLine {
		var list []component.PlotLine
		for i, name := range versions {
			list = append(list, component.PlotLine{Name: v.name(name), Column: column, Node: name, Series: i, Dash: i})
		}
		return list
	}
	connections := lines("connections")
	for i, name := range versions {
		if pool := v.nodes[name].Pool; pool != nil {
			connections[i].Goal = pool.MaxConnections
		}
	}
	return []component.Figure{
		{Title: v.L.T("plot.rate"), Unit: component.PlotRate, Lines: lines("requestRate")},
		{Title: v.L.T("plot.errors"), Unit: component.PlotRatio, Lines: lines("errorRatio")},
		{Title: v.L.T("plot.latency"), Unit: component.PlotTime, Lines: v.latencyLines(versions)},
		{Title: v.L.T("plot.pool"), Unit: component.PlotAmount, Lines: connections},
	}
}

// latencyLines are three percentiles of up to two versions; of more, only the 95th.
func (v view) latencyLines(versions []string) []component.PlotLine {
	var list []component.PlotLine
	for i, name := range versions {
		for k, column := range []string{"p50", "p95", "p99"} {
			line := component.PlotLine{Name: v.L.T("plot.of", "name", v.name(name), "what", v.L.T("plot."+column)), Column: column, Node: name, Series: i}
			switch {
			case len(versions) > 2 && column != "p95":
				continue
			case len(versions) > 2:
				line.Dash = i
			default:
				line.Dash = []int{2, 0, 1}[k]
				line.Quiet = len(versions) > 1 && column != "p95"
			}
			list = append(list, line)
		}
	}
	return list
}
