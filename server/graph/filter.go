package graph

import (
	"slices"
	"strings"
)

// condition is one of a filter's: a part of a call's names or verdict, or with a field the whole name of one end or of its
// group.
type condition struct{ end, by, text string }

// parseFilter reads what people type to find calls: words, all of which must be found; from:NAME and to:NAME for a whole
// name; from-namespace:NAME, to-prefix:NAME and so on for a group. Quotes hold together what has spaces in it.
func parseFilter(filter string) []condition {
	quoted := false
	words := strings.FieldsFunc(strings.ToLower(filter), func(r rune) bool {
		if r == '"' {
			quoted = !quoted
		}
		return !quoted && (r == ' ' || r == '\t')
	})
	list := make([]condition, 0, len(words))
	for _, word := range words {
		word = strings.ReplaceAll(word, `"`, "")
		c := condition{text: word}
		if field, text, ok := strings.Cut(word, ":"); ok {
			end, by, _ := strings.Cut(field, "-")
			known := by == "" || slices.Contains([]string{byNamespace, byArea, byPrefix, byKind}, by)
			if known && (end == "from" || end == "to") {
				c = condition{end, by, text}
			}
		}
		list = append(list, c)
	}
	return list
}

// meets says whether a call meets all conditions of a filter.
func (o *Outline) meets(edge int32, filter []condition) bool {
	e := &o.graph.Edges[edge]
	for _, c := range filter {
		at, id := o.ends[edge][0], e.From
		if c.end == "to" {
			at, id = o.ends[edge][1], e.To
		}
		ok := false
		switch {
		case c.end == "":
			ok = strings.Contains(strings.ToLower(e.From+"\n"+e.To+"\n"+string(e.Health)), c.text)
		case c.by == "":
			unit := &o.units[at]
			ok = slices.ContainsFunc([]string{id, plain(id), unit.id, unit.name}, func(name string) bool { return strings.ToLower(name) == c.text })
		default:
			name, _ := o.groupOf(&o.units[at], c.by)
			ok = strings.ToLower(name) == c.text
		}
		if !ok {
			return false
		}
	}
	return true
}
