package page

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/i18n"
)

// Forecast is what a change would do, or what was said of it beforehand.
type Forecast struct {
	*plan.Plan
	Proxies []component.LinkTo // those that would get new configuration, as many as are named
}

// More gives how many requests per second a target of a route is forecast to gain. ok is false when nothing is forecast of it.
func (f *Forecast) More(route, node string) (rate float64, ok bool) {
	if f == nil {
		return 0, false
	}
	for _, s := range f.Shifts {
		if s.Route == route && s.Node == node {
			return s.RateAfter - s.RateBefore, true
		}
	}
	return 0, false
}

// routeShifts are the shifts of one route.
type routeShifts struct {
	Route string
	List  []plan.Shift
	Most  float64 // the highest rate among them
}

// byRoute puts the shifts of a route together. The plan lists them so.
func byRoute(all []plan.Shift) []routeShifts {
	var list []routeShifts
	for _, s := range all {
		if n := len(list); n == 0 || list[n-1].Route != s.Route {
			list = append(list, routeShifts{Route: s.Route})
		}
		r := &list[len(list)-1]
		r.List = append(r.List, s)
		r.Most = max(r.Most, s.RateBefore, s.RateAfter)
	}
	return list
}

// wasMeasured says whether anything was compared with what was forecast.
func wasMeasured(all []plan.Shift) bool {
	for _, s := range all {
		if s.Measured != nil {
			return true
		}
	}
	return false
}

// measuredOff is by how much what came differs from what was forecast, in percent with its sign; "" when nothing can be
// said.
func measuredOff(l i18n.Locale, s plan.Shift) string {
	if s.Measured == nil || s.RateAfter <= 0 {
		return ""
	}
	off := (*s.Measured/s.RateAfter - 1) * 100
	text := l.T("format.percent", "n", l.Number(max(off, -off)))
	switch {
	case off >= 0.05:
		return "+" + text
	case off <= -0.05:
		return "−" + text
	}
	return "±" + l.T("format.percent", "n", "0")
}

// more writes what is added or taken away, with its sign.
func more(l i18n.Locale, s plan.Shift) string {
	d := s.RateAfter - s.RateBefore
	switch {
	case d >= 0.05:
		return "+" + l.Number(d)
	case d <= -0.05:
		return "−" + l.Number(-d)
	}
	return "±0"
}

// PlanNote says a note of a plan in the reader's language.
func PlanNote(l i18n.Locale, n plan.Note) string {
	if !l.Has("plan." + n.Code) {
		return n.Text
	}
	pairs := make([]any, 0, 2*len(n.Values))
	for name, value := range n.Values {
		pairs = append(pairs, name, value)
	}
	return l.T("plan."+n.Code, pairs...)
}

// objectWord names an object: "route reviews/primary" in the reader's language.
func objectWord(l i18n.Locale, ref mesh.Ref) string {
	kind := string(ref.Kind)
	if l.Has("object." + kind) {
		kind = l.T("object." + kind)
	}
	return strings.TrimSpace(kind + " " + ref.Name)
}

// forWord names the proxies of a dry run: "node web".
func forWord(l i18n.Locale, of string) string {
	kind, name, ok := strings.Cut(of, " ")
	if !ok {
		return of
	}
	return objectWord(l, mesh.Ref{Kind: mesh.Kind(kind), Name: name})
}

// fieldWord names what a step is about.
func fieldWord(l i18n.Locale, s plan.Step) string {
	if name, ok := strings.CutPrefix(s.Field, "weight "); ok {
		return l.T("forecast.weight", "node", name)
	}
	if name, ok := strings.CutPrefix(s.Field, "pool "); ok && l.Has("pool."+name) {
		return l.T("pool." + name)
	}
	if s.Field == "more objects" {
		return l.T("forecast.objects")
	}
	return s.Field
}

// stepValue writes a value as the reader's language does: a share comes as English writes it.
func stepValue(l i18n.Locale, v string) string {
	return percentage.ReplaceAllStringFunc(v, func(share string) string {
		return l.T("format.percent", "n", strings.TrimSuffix(share, " %"))
	})
}

// percentage is a share as plans write it.
var percentage = regexp.MustCompile(`\b\d+(\.\d+)? %`)

// levelMark is the symbol of a level, which says the same without colour.
func levelMark(level plan.Level) string {
	switch level {
	case plan.Tight:
		return "▲"
	case plan.Beyond:
		return "■"
	case plan.Enough:
	}
	return "●"
}

// levelName is the level as the style sheets name it.
func levelName(level plan.Level) string {
	switch level {
	case plan.Tight:
		return "near"
	case plan.Beyond:
		return "full"
	case plan.Enough:
	}
	return "calm"
}

// instances writes a number of instances; nothing when it is not known.
func instances(l i18n.Locale, n int) string {
	if n == 0 {
		return l.T("forecast.unknown")
	}
	return strconv.Itoa(n)
}

// shownSteps is how many steps are told beside a diff.
const shownSteps = 12

// shortSteps are the first steps, and how many there are beside them.
func shortSteps(all []plan.Step) (list []plan.Step, more int) {
	n := min(len(all), shownSteps)
	return all[:n], len(all) - n
}
