package page

import (
	"github.com/weirmesh/weir/ui/component"
)

// SpanLinks is the choice of the time that a page's plots show; each leads to the same page.
type SpanLinks struct {
	Links []Link
	Whole string // back from a stretch of somebody's choice; "" when none is shown
	Text  string // the stretch in words
}

// SubjectFigures are the figures about one subject of the graph, without numbers: rate, errors, latency.
func (s Shell) SubjectFigures() []component.Figure {
	line := func(name, column string, series, dash int) component.PlotLine {
		return component.PlotLine{Name: name, Column: column, Series: series, Dash: dash}
	}
	return []component.Figure{
		{Title: s.L.T("plot.rate"), Unit: component.PlotRate, Lines: []component.PlotLine{line("", "requestRate", -1, 0)}},
		{Title: s.L.T("plot.errors"), Unit: component.PlotRatio, Lines: []component.PlotLine{line("", "errorRatio", -1, 0)}},
		{Title: s.L.T("plot.latency"), Unit: component.PlotTime, Lines: []component.PlotLine{
			line(s.L.T("plot.p50"), "p50", 0, 2), line(s.L.T("plot.p95"), "p95", 1, 0), line(s.L.T("plot.p99"), "p99", 2, 1),
		}},
	}
}

// BlankPlots are figures for a subject that an island names, whose numbers it asks for.
func (s Shell) BlankPlots() component.Plots {
	return component.Plots{Mesh: s.Mesh, Span: "15m", Live: true, Module: s.Assets.Plot, Figures: s.SubjectFigures(), End: s.Now, Start: s.Now}
}
