package web

import (
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/i18n"
)

// summaryText says in the reader's language what a change does. The ledger's sentences are English, and made of few parts
// (server/change's summaries): names and values stay as they are, and so does what is none of these parts.
func summaryText(l i18n.Locale, summary string) string {
	if l.Lang == i18n.English {
		return summary
	}
	if rest, ok := strings.CutPrefix(summary, "takes back "); ok {
		if _, what, ok := strings.Cut(rest, ": "); ok {
			return l.T("summary.undo", "what", summaryText(l, what))
		}
	}
	if text, ok := verbsText(l, summary); ok {
		return text
	}
	name, fields, ok := strings.Cut(summary, ": ")
	if !ok {
		return summary
	}
	parts := strings.Split(fields, ", ")
	for i, part := range parts {
		parts[i] = stepText(l, part)
	}
	return objectText(l, name) + ": " + strings.Join(parts, ", ")
}

// verbsText is a sentence about whole objects: "creates 2 nodes, router r; deletes node x". ok is false for another.
func verbsText(l i18n.Locale, summary string) (text string, ok bool) {
	clauses := strings.Split(summary, "; ")
	for i, clause := range clauses {
		verb, list, _ := strings.Cut(clause, " ")
		if verb != "creates" && verb != "changes" && verb != "deletes" || list == "" {
			return "", false
		}
		objects := strings.Split(list, ", ")
		for k, object := range objects {
			objects[k] = objectText(l, object)
		}
		clauses[i] = l.T("summary."+verb, "what", strings.Join(objects, ", "))
	}
	return strings.Join(clauses, "; "), true
}

// objectText is an object with its kind, or a number of them, if that is what the words are.
func objectText(l i18n.Locale, words string) string {
	first, rest, _ := strings.Cut(words, " ")
	if n, err := strconv.Atoi(first); err == nil {
		if kind, err := mesh.ParseKind(rest); err == nil {
			return l.T("summary.count", "n", n, "kind", l.T("object."+string(kind)))
		}
	}
	if kind, err := mesh.ParseKind(first); err == nil && rest != "" {
		return l.T("object."+string(kind)) + " " + rest
	}
	return words
}

// stepText is one step of a field, or what is said of a limit.
func stepText(l i18n.Locale, part string) string {
	if part == "other weights for the same shares" {
		return l.T("summary.same")
	}
	for _, verdict := range []string{"degraded", "unhealthy"} {
		if limit, ok := strings.CutPrefix(part, verdict+" above a p95 of "); ok {
			return l.T("summary.p95."+verdict, "limit", limit)
		}
		limit, ok := strings.CutPrefix(part, verdict+" above ")
		if limit, is := strings.CutSuffix(limit, " errors"); ok && is {
			return l.T("summary.errors."+verdict, "limit", limit)
		}
	}
	before, after, ok := strings.Cut(part, " → ")
	if !ok {
		return part
	}
	for _, word := range []string{"no limit", "none"} {
		text := l.T("summary." + strings.ReplaceAll(word, " ", "-"))
		if rest, ok := strings.CutSuffix(before, " "+word); ok {
			before = rest + " " + text
		}
		if after == word {
			after = text
		}
	}
	return before + " → " + after
}
