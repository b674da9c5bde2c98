package web

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/i18n"
	"github.com/weirmesh/weir/ui/page"
)

// causeText says a cause in the reader's language. why is the English sentence, for causes that the catalogue does not
// know or whose values do not fill its sentence.
func causeText(l i18n.Locale, cause graph.Cause, why string) string {
	pairs := make([]any, 0, 2*len(cause.Values))
	for name, value := range cause.Values {
		if what := "pool.what." + value; name == "what" && l.Has(what) {
			value = l.T(what)
		}
		pairs = append(pairs, name, told(l, value))
	}
	if key := "cause." + cause.Code; l.Has(key) {
		if text := l.T(key, pairs...); !strings.Contains(text, "{") {
			if node := cause.Values["node"]; node != "" {
				text = node + ": " + text
			}
			return text
		}
	}
	if why == "" {
		return cause.Code
	}
	return why
}

// told is a value of a cause as the reader's language writes it: values come as English writes them.
func told(l i18n.Locale, value string) string {
	n, percent := strings.CutSuffix(value, "%")
	if number := strings.TrimSpace(n); percent && number != n {
		return l.T("format.percent", "n", number)
	}
	return value
}

func at(list []string, i int) string {
	if i < len(list) {
		return list[i]
	}
	return ""
}

// worst is the first cause in words, "" when all is well.
func (v view) worst(causes []graph.Cause, why []string) string {
	if lines := v.causes(causes, why, "", ""); len(lines) > 0 {
		return lines[0].Text
	}
	return ""
}

// name is a box as people know it, by its graph id.
func (v view) name(id string) string {
	if id == mesh.UnknownID {
		return v.L.T("unknown.callers")
	}
	if n, ok := v.nodes[id]; ok && n.Name != "" {
		return n.Name
	}
	return plainName(id)
}

// serviceOf is the virtual service whose version a box is, "" when it is none.
func (v view) serviceOf(id string) string {
	if n, ok := v.nodes[id]; ok {
		if n.Kind == graph.KindService {
			return n.Name
		}
		return n.Service
	}
	service, ok := strings.CutPrefix(id, mesh.ServiceID(""))
	if !ok {
		return ""
	}
	return service
}

// changeLine is a ledger entry in one line.
func (v view) changeLine(c change.Change) page.ChangeLine {
	return page.ChangeLine{
		ID: c.ID, Summary: summaryText(v.L, c.Summary), Author: c.Author, Reason: c.Reason, State: string(c.State),
		Ago: v.Ago(c.At), Moment: v.L.Moment(c.At), ISO: c.At.UTC().Format(time.RFC3339),
		Day: v.L.Date(c.At), Clock: v.L.Clock(c.At), Truths: page.TruthsOf(v.L, c),
	}
}

func (v view) changeCard(c change.Change) page.ChangeCard {
	card := page.ChangeCard{
		ChangeLine: v.changeLine(c), Done: settled(c), Undoes: c.Undoes, AlreadyUndo: c.UndoneBy,
		CanUndo: c.State == change.Kept, CanKeep: c.State == change.Pending, CanRevert: c.State == change.Pending,
	}
	if c.State == change.Pending && c.ConfirmBy != nil {
		card.Left = v.L.Countdown(c.ConfirmBy.Sub(v.Now))
		card.Deadline = c.ConfirmBy.UTC().Format(time.RFC3339)
	}
	return card
}

// settled is true when a change will not move any more by itself.
func settled(c change.Change) bool {
	switch c.State {
	case change.Pending:
		return false
	case change.Reverted, change.Undone, change.Superseded:
		return true
	case change.Kept:
	}
	return c.Programmed != nil && c.Programmed.At != nil && c.Observed != nil && c.Observed.Agrees != nil
}

// matchText says what a route matches.
func matchText(l i18n.Locale, r mesh.Route) string {
	m := r.Match
	var parts []string
	add := func(key, value string) {
		if value != "" {
			parts = append(parts, l.T("match."+key, "value", value))
		}
	}
	add("prefix", m.Prefix)
	if m.Path != nil {
		add("path", m.Path.Exact)
		add("regex", m.Path.Regex)
	}
	add("method", m.Method)
	add("scheme", m.Scheme)
	if m.Service != "" {
		add("grpc", strings.TrimSuffix(m.Service+"/"+m.RPC, "/"))
	}
	for _, h := range m.Headers {
		add("header", h.Name)
	}
	for _, q := range m.QueryParameters {
		add("query", q.Name)
	}
	if m.Port != 0 {
		add("port", strconv.Itoa(m.Port))
	}
	if len(parts) == 0 {
		return l.T("match.all")
	}
	return strings.Join(parts, " · ")
}
