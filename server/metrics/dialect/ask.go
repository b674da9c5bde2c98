package dialect

import (
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
)

// kind is what sort of series a question is about.
type kind uint8

const (
	counter  kind = iota // asked as a rate
	gauge                // asked as it stands
	duration             // a histogram, asked as a rate or for quantiles
	span                 // a gauge: the age of its newest sample, in seconds
)

// ask is one question of a dialect: some series, and what their labels mean.
type ask struct {
	about string   // what is missing without an answer, in words: "latencies"
	kind  kind     // of its series
	names []string // of the metrics; those that were not found are not asked for
	match string   // matchers that all series must satisfy
	// views are matchers beside that, one for each that reports the same requests, the best first: of every edge only the
	// best view that has it counts. Empty: there is only one.
	views []string
	by    []string // the labels that are kept
	ends  []string // those of them that tell the ends of an edge, for choosing its view
	merge string   // how several series of an edge become one on the server: sum, max, min
	// distinct says that no two series of an edge have the same labels whatever their names, as Weir writes them: nothing
	// is merged then, and all names are asked for as one, which costs the store half as much.
	distinct bool
	busy     bool    // what is zero is not sent
	unit     float64 // seconds per unit of a duration
	vital    bool    // without an answer there is no picture
	known    bool    // it adds to edges that other answers have told of, and makes none
	arrivals bool    // it is about nodes and not about edges
	// whole are the labels that are kept when only the mesh as a whole is asked about; nil: all of by. Then the series
	// need no ends.
	whole []string
	film  []string // the metrics that a film needs, of names
	// read says what a series is about. The name is that of its metric, where it is known.
	read func(s *scope, l labels.Labels, name string, into *reading) bool
}

// reading is what a series is about: an edge, or what arrives at a node (from is empty), and which of its numbers.
type reading struct {
	from, to string
	cols     columnSet
	protocol string
	separate bool // see tally
}

// seriesLabel carries a metric's name through functions that drop it.
const seriesLabel = "weir_series"

// present gives the metrics of a question that were found.
func (a *ask) present(s *scope) []string {
	return slices.DeleteFunc(slices.Clone(a.names), func(n string) bool { return !s.have[n] })
}

// selector writes the series of a metric, or of several, in one view.
func (a *ask) selector(s *scope, names []string, view string) string {
	var b strings.Builder
	if len(names) == 1 {
		b.WriteString(names[0])
	}
	b.WriteByte('{')
	n := 0
	add := func(m string) {
		if m == "" {
			return
		}
		if n > 0 {
			b.WriteByte(',')
		}
		b.WriteString(m)
		n++
	}
	if len(names) > 1 {
		add(oneOf("__name__", names))
	}
	add(a.match)
	add(view)
	add(s.rule.match)
	b.WriteByte('}')
	return b.String()
}

// exprs writes the question in PromQL: one expression, or for quantiles on the server one for each.
func (a *ask) exprs(s *scope, window time.Duration) []expr {
	names := a.present(s)
	if len(names) == 0 {
		return nil
	}
	list := a.written(s, names, window)
	if s.whole() && a.whole != nil && a.distinct {
		for i := range list {
			list[i].text = "sum by (" + strings.Join(a.whole, ",") + ") (" + list[i].text + ")"
		}
	}
	return list
}

func (a *ask) written(s *scope, names []string, window time.Duration) []expr {
	local := a.distinct || s.opts.Histograms == Native && !strings.HasSuffix(names[0], "_bucket")
	switch {
	case a.kind == duration && local && !a.distinct:
		return []expr{{text: a.viewed(s, names[:1], window, nil)}}
	case a.kind == duration && !local:
		return a.quantiles(s, names, window)
	case a.kind == span:
		return []expr{{text: "timestamp(" + a.selector(s, names, "") + ")"}}
	case a.kind == gauge:
		return []expr{{text: a.gauges(s, names)}}
	case a.distinct:
		return []expr{{text: "rate(" + a.selector(s, names, "") + over(window) + ")"}}
	}
	var list []expr
	length := maxQuestion
	for _, name := range names {
		term := a.viewed(s, []string{name}, window, nil)
		if a.busy {
			term = "(" + term + ") > 0"
		}
		if len(a.names) > 1 {
			term = "label_replace(" + term + "," + strconv.Quote(seriesLabel) + "," + strconv.Quote(name) + `,"","")`
		}
		if length += len(term); length > maxQuestion {
			list, length = append(list, expr{text: term}), len(term)
			continue
		}
		list[len(list)-1].text += " or " + term
	}
	return list
}

// maxQuestion bounds the length of a question in bytes: some stores take no more than 16 kB.
const maxQuestion = 8 << 10

// expr is an expression, and which quantile it gives; 0 is none.
type expr struct {
	text string
	phi  float64
}

// phis are the quantiles that are kept.
func phis() [3]float64 { return [3]float64{0.5, 0.95, 0.99} }

// quantiles asks the server for quantiles: of native histograms, or of classic buckets.
func (a *ask) quantiles(s *scope, names []string, window time.Duration) []expr {
	name, more := names[0], []string(nil)
	for _, n := range names {
		classic := strings.HasSuffix(n, "_bucket")
		if classic == (s.opts.Histograms == Classic) {
			name = n
			break
		}
	}
	if strings.HasSuffix(name, "_bucket") {
		more = []string{"le"}
	}
	inner := a.viewed(s, []string{name}, window, more)
	if s.whole() {
		inner = "sum by (" + strings.Join(more, ",") + ") (" + inner + ")"
	}
	var list []expr
	for _, phi := range phis() {
		list = append(list, expr{"histogram_quantile(" + strconv.FormatFloat(phi, 'g', -1, 64) + "," + inner + ")", phi})
	}
	return list
}

// gauges writes gauges merged per edge, under their own names.
func (a *ask) gauges(s *scope, names []string) string {
	sel := a.selector(s, names, a.view())
	if a.distinct {
		return sel
	}
	return a.merge + " by (" + strings.Join(append([]string{"__name__"}, a.by...), ",") + ") (" + sel + ")"
}

// whole says that a plot is about the mesh as a whole.
func (s *scope) whole() bool { return s.subject != nil && *s.subject == mesh.Subject{} }

func (a *ask) view() string {
	if len(a.views) > 0 {
		return a.views[0]
	}
	return ""
}

// viewed writes the rate of a metric, each edge in the best view that has it.
func (a *ask) viewed(s *scope, names []string, window time.Duration, more []string) string {
	by := strings.Join(append(slices.Clone(more), a.by...), ",")
	views := a.views
	if len(views) == 0 {
		views = []string{""}
	}
	var b strings.Builder
	for i, view := range views {
		if i > 0 {
			b.WriteString(" or on (" + strings.Join(a.ends, ",") + ") ")
		}
		b.WriteString("sum by (" + by + ") (rate(" + a.selector(s, names, view) + over(window) + "))")
	}
	if len(views) > 1 {
		return "(" + b.String() + ")"
	}
	return b.String()
}

func over(window time.Duration) string {
	return "[" + strconv.FormatInt(window.Milliseconds(), 10) + "ms]"
}

// is writes a matcher for a value that comes from outside.
func is(label, value string) string { return label + "=" + quote(value) }

// quote writes a string of PromQL, which takes the replacement character for broken text unless it is escaped.
func quote(v string) string { return strconv.QuoteToASCII(v) }

// oneOf writes a matcher for several values.
func oneOf(label string, values []string) string {
	return label + "=~" + quote(strings.Join(quoted(values), "|"))
}

func quoted(values []string) []string {
	list := make([]string, len(values))
	for i, v := range values {
		list[i] = regexp.QuoteMeta(strings.ToValidUTF8(v, "?")) // no series has a label that is not UTF-8
	}
	return list
}

// both joins matchers, some of which may be empty.
func both(matchers ...string) string {
	return strings.Join(slices.DeleteFunc(matchers, func(m string) bool { return m == "" }), ",")
}

// narrow keeps the questions of a plot to series that may be about its subject. Ids are made of names in ways that are not
// always undone, and one of several labels may hold them, so it selects too many rather than too few; what is read decides.
func (s *scope) narrow(from, to string) string {
	if s.subject == nil {
		return ""
	}
	var list []string
	for label, id := range map[string]string{from: s.subject.From, to: s.subject.To} {
		if label != "" && id != "" {
			list = append(list, oneOf(label, append(spellings(id), mesh.UnknownID, "")))
		}
	}
	slices.Sort(list)
	return both(list...)
}

// narrowCluster does the same for clusters whose names hold the destination's.
func (s *scope) narrowCluster() string {
	if s.subject == nil || s.subject.To == "" || strings.HasPrefix(s.subject.To, mesh.ExternalID("")) {
		return ""
	}
	return clusterLabel + "=~" + quote(".*(?:"+strings.Join(quoted(spellings(s.subject.To)), "|")+").*")
}

// number says whether a value can be shown: NaN and infinities come from resets, stale samples and division.
func number(v float64) bool { return v >= 0 && !math.IsInf(v, 1) }
