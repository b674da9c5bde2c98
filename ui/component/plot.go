package component

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"github.com/weirmesh/weir/ui/i18n"
)

// PlotUnit is what the numbers of a figure are; islands know them by these names.
type PlotUnit string

// The units of figures.
const (
	PlotRate   PlotUnit = "rate"  // per second
	PlotRatio  PlotUnit = "ratio" // 0 to 1
	PlotTime   PlotUnit = "time"  // seconds
	PlotAmount PlotUnit = "count"
)

// Plots is figures over one time, of one or several subjects. It is drawn whole by the server; its island, weir-plot,
// draws the same in place and goes on with it.
type Plots struct {
	Mesh string
	// Source and Destination, or Node, is what lines are about that do not say: an edge, all that arrives at a box, or with
	// neither the whole mesh. They are ids of the graph.
	Source, Destination, Node string
	Start, End                time.Time
	Step                      time.Duration
	Span                      string // the name of the time in addresses, "15m"; "" for a stretch of somebody's choice
	Live                      bool   // it ends now, and goes on
	Module                    string // the address of what the island draws with; "" leaves the server's drawing alone
	At                        []time.Time
	Figures                   []Figure
	Marks                     []PlotMark // oldest first
	List                      bool       // the marks are listed under the figures too
	Problem                   string     // why nothing can be drawn
	Waiting                   string     // where to have it drawn by the server; "" when it is
	Notes                     []string   // what is missing, in English
}

// Figure is one picture: lines of one unit above one axis of time.
type Figure struct {
	Title string
	Unit  PlotUnit
	Lines []PlotLine
}

// PlotLine is one line of a figure. Values are as many as the moments; nil is a gap.
type PlotLine struct {
	Name   string
	Column string // of the API's plot: "requestRate"; "share" is the part of the rate of all lines of the figure
	// Source and Destination, or Node, is what the line is about, when that is not the whole element's subject.
	Source, Destination, Node string
	Series                    int  // its colour; ‑1 is the neutral one
	Dash                      int  // its dashes: 0 is solid
	Quiet                     bool // it stands behind the others: thinner, without a sign at its end
	Values                    []*float64
	Goal                      float64 // what is configured, as a line across; zero: none
}

// PlotMark is something that happened at a moment.
type PlotMark struct {
	At   time.Time
	Kind string // "change", or another kind that the style sheets know
	Href string
	Text string
	Time string // its moment in words
}

// Sizes of a figure in CSS pixels: what is drawn in, and the columns of the axes.
const (
	plotHeight = 132
	plotAxis   = 52
	plotTop    = 14 // where marks have their heads
)

// plotWide is how many units of its own a figure is wide.
const plotWide = 1000

// PlotTop is the top of an axis that holds most, and the distance of its lines: a round number, three or four to the top.
func PlotTop(most float64, unit PlotUnit) (top, step float64) {
	least := map[PlotUnit]float64{PlotRate: 1, PlotRatio: 0.01, PlotTime: 0.01, PlotAmount: 4}[unit]
	if math.IsNaN(most) || math.IsInf(most, 0) {
		most = 0
	}
	most = max(most*1.02, least)
	rough := most / 3
	unitStep := math.Pow(10, math.Floor(math.Log10(rough)))
	step = 10 * unitStep
	for _, f := range []float64{1, 2, 2.5, 5} {
		if f*unitStep >= rough*(1-1e-9) {
			step = f * unitStep
			break
		}
	}
	return math.Ceil(most/step-1e-9) * step, step
}

// PlotTicks are the moments at which the axis of time is labelled: whole minutes or hours of UTC, six at most.
func PlotTicks(from, to time.Time) []time.Time {
	long := to.Sub(from)
	if long <= 0 {
		return nil
	}
	every := 24 * time.Hour
	for _, d := range []time.Duration{
		5 * time.Second, 10 * time.Second, 30 * time.Second, time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute,
		30 * time.Minute, time.Hour, 2 * time.Hour, 4 * time.Hour, 6 * time.Hour, 12 * time.Hour,
	} {
		if long <= 6*d {
			every = d
			break
		}
	}
	var ticks []time.Time
	for at := from.Truncate(every); !at.After(to); at = at.Add(every) {
		if !at.Before(from) {
			ticks = append(ticks, at)
		}
	}
	return ticks
}

// Empty says that there is no number in any figure.
func (p Plots) Empty() bool {
	for _, f := range p.Figures {
		for _, line := range f.Lines {
			for _, v := range line.Values {
				if v != nil {
					return false
				}
			}
		}
	}
	return true
}

// x is where a moment lies, 0 to 1.
func (p Plots) x(at time.Time) float64 {
	long := p.End.Sub(p.Start)
	if long <= 0 {
		return 1
	}
	return float64(at.Sub(p.Start)) / float64(long)
}

func (p Plots) ticks() []time.Time { return PlotTicks(p.Start, p.End) }

func (p Plots) tickText(at time.Time) string {
	if p.End.Sub(p.Start) <= 3*time.Minute {
		return at.UTC().Format("15:04:05")
	}
	return at.UTC().Format("15:04")
}

func (p Plots) inside() []PlotMark {
	var list []PlotMark
	for _, m := range p.Marks {
		if !m.At.Before(p.Start) && !m.At.After(p.End) {
			list = append(list, m)
		}
	}
	return list
}

func (f Figure) top() (top, step float64) {
	most := 0.0
	for _, line := range f.Lines {
		most = max(most, line.Goal)
		for _, v := range line.Values {
			if v != nil && !math.IsNaN(*v) {
				most = max(most, *v)
			}
		}
	}
	top, step = PlotTop(most, f.Unit)
	if f.Unit == PlotRatio && top > 1 {
		return 1, 0.25
	}
	return top, step
}

// levels are the axis' lines from the bottom up.
func (f Figure) levels() []float64 {
	top, step := f.top()
	var list []float64
	for i := 0; float64(i)*step <= top*(1+1e-9); i++ {
		list = append(list, float64(i)*step)
	}
	return list
}

func (f Figure) y(v float64) float64 {
	top, _ := f.top()
	return plotHeight - min(max(v/top, 0), 1)*(plotHeight-plotTop)
}

// PlotValue writes a number of a figure.
func PlotValue(l i18n.Locale, unit PlotUnit, v float64) string {
	switch unit {
	case PlotRate:
		return l.Rate(v)
	case PlotRatio:
		return l.Ratio(v)
	case PlotTime:
		return l.Latency(v)
	case PlotAmount:
	}
	return l.Number(v)
}

// level writes a label of the axis: without decimals that say nothing.
func (f Figure) level(l i18n.Locale, v float64) string {
	if v == 0 {
		return "0"
	}
	if f.Unit == PlotRatio {
		return l.T("format.percent", "n", strconv.FormatFloat(v*100, 'f', -1, 32))
	}
	if f.Unit == PlotTime && v < 0.9995 {
		return l.T("format.milliseconds", "n", strconv.FormatFloat(v*1000, 'f', -1, 32))
	}
	if f.Unit == PlotTime {
		return l.T("format.latency", "n", strconv.FormatFloat(v, 'f', -1, 32))
	}
	return PlotValue(l, f.Unit, v)
}

// path is a line's path; a gap begins it anew, and a moment alone between gaps is a dot.
func (p Plots) path(f Figure, line PlotLine) string {
	var b strings.Builder
	open := false
	for i, v := range line.Values {
		if v == nil || i >= len(p.At) || math.IsNaN(*v) {
			open = false
			continue
		}
		x, y := decimal(p.x(p.At[i])*plotWide), decimal(f.y(*v))
		if open {
			b.WriteString("L" + x + " " + y)
			continue
		}
		b.WriteString("M" + x + " " + y + "h.1")
		open = true
	}
	return b.String()
}

func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// dashes are the strokes by which lines differ where colours cannot be told apart; the island has the same.
func dashes(n int) string {
	return [...]string{"", "7 4", "2 3", "10 3 2 3"}[n%4]
}

// marker is the sign at the end of a line, by its series: a disc, a square, a triangle, a diamond.
func marker(n int) string {
	if n < 0 {
		n = 0
	}
	return [...]string{"M-3 0a3 3 0 1 0 6 0a3 3 0 1 0-6 0", "M-3-3h6v6h-6z", "M0-3.8 3.8 3h-7.6z", "M0-4 4 0 0 4-4 0z"}[n%4]
}

// newest is a line's last number; ok is false when it has none.
func (l PlotLine) newest() (at int, ok bool) {
	for i := len(l.Values) - 1; i >= 0; i-- {
		if l.Values[i] != nil {
			return i, true
		}
	}
	return 0, false
}

// ends are a line's smallest and largest numbers.
func (l PlotLine) ends() (low, high float64) {
	low, high = math.Inf(1), math.Inf(-1)
	for _, v := range l.Values {
		if v != nil {
			low, high = min(low, *v), max(high, *v)
		}
	}
	return low, high
}

func (l PlotLine) seriesName() string {
	if l.Series < 0 {
		return "neutral"
	}
	return series(l.Series)
}

// nowText is a line's newest number in words; "–" when the line has ended.
func (l PlotLine) nowText(loc i18n.Locale, unit PlotUnit) string {
	if i, ok := l.newest(); ok && i == len(l.Values)-1 {
		return PlotValue(loc, unit, *l.Values[i])
	}
	return "–"
}

func (l PlotLine) rangeText(loc i18n.Locale, unit PlotUnit) string {
	low, high := l.ends()
	if low > high {
		return ""
	}
	return loc.T("plot.range", "low", PlotValue(loc, unit, low), "high", PlotValue(loc, unit, high))
}

// saying is a figure in one sentence, for those who do not see it.
func (f Figure) saying(l i18n.Locale) string {
	parts := make([]string, 0, len(f.Lines))
	for _, line := range f.Lines {
		parts = append(parts, strings.TrimSpace(line.Name+" "+line.nowText(l, f.Unit)+" "+line.rangeText(l, f.Unit)))
	}
	return f.Title + ": " + strings.Join(parts, "; ")
}

// tableRows is how many moments a table shows; of more, every second, third … is left out.
const tableRows = 45

// rows are the moments of the table, newest first.
func (p Plots) rows() []int {
	every := (len(p.At) + tableRows - 1) / tableRows
	var list []int
	for i := len(p.At) - 1; i >= 0 && every > 0; i -= every {
		list = append(list, i)
	}
	return list
}

func (l PlotLine) at(loc i18n.Locale, unit PlotUnit, i int) string {
	if i >= len(l.Values) || l.Values[i] == nil {
		return "–"
	}
	return PlotValue(loc, unit, *l.Values[i])
}

func isoMoment(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// tickEdge says when a label would stand out of the picture.
func tickEdge(x float64) string {
	switch {
	case x < 0.03:
		return "start"
	case x > 0.97:
		return "end"
	}
	return ""
}

// plotTexts are the words that the island says.
func plotTexts(l i18n.Locale) templ.Attributes {
	attributes := templ.Attributes{}
	for key, text := range l.Prefixed("plot.island.") {
		attributes["data-text-"+key] = text
	}
	return attributes
}
