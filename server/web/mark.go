package web

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/weirmesh/weir/ui/page"
)

// mark puts what is wrong beside the fields that it is about, and the rest above the form.
func (s knobState) mark(v view, k *page.Knob) {
	wrong, whole := make(map[string]string), make(map[string]string)
	for field, key := range s.wrong {
		wrong[field] = v.L.T(key, "value", shorten(s.typed.Get(field)))
	}
	var rest []string
	if refusal, ok := asRefusal(s.refusal); ok {
		for _, violation := range refusal.Violations {
			wrong[fieldOf(violation.Field)], whole[fieldOf(violation.Field)] = v.said(violation), v.saidWhole(violation)
		}
		if len(refusal.Violations) == 0 {
			rest = append(rest, refusal.Error())
		}
	} else if s.refusal != nil {
		rest = append(rest, s.refusal.Error())
	}
	k.EachField(func(f *page.KnobField) {
		if text, ok := wrong[f.Name]; ok {
			f.Error = text
			delete(wrong, f.Name)
		}
	})
	marked := len(s.wrong)+len(rest) > 0 || s.refusal != nil
	for _, field := range slices.Sorted(maps.Keys(wrong)) {
		rest = append(rest, cmp.Or(whole[field], wrong[field]))
	}
	switch {
	case len(rest) > 0:
		k.Error = strings.Join(rest, " ")
	case marked:
		k.Error = v.L.T("form.wrong")
	}
}

var rowPath = regexp.MustCompile(`(headers|queryParameters|targets)\[(\d+)\](?:\.(\w+))?`)

// fieldOf is the form's field that a broken rule is about: "header.0.name" for "route a/b: match.headers[0].name".
func fieldOf(path string) string {
	if parts := rowPath.FindStringSubmatch(path); parts != nil {
		list := map[string]string{"headers": "header", "queryParameters": "query", "targets": "target"}[parts[1]]
		field := parts[3]
		if field != "name" && field != "node" && field != "weight" && field != "port" {
			field = "value"
		}
		return list + "." + parts[2] + "." + field
	}
	_, path, _ = strings.Cut(path, ": ")
	switch {
	case strings.HasPrefix(path, "match.prefix"), strings.HasPrefix(path, "match.path"), path == "match":
		return "path"
	case strings.HasPrefix(path, "retry.perRetryTimeout"):
		return "perRetryTimeout"
	case strings.HasPrefix(path, "retry.") && strings.Contains(path, "RetryEvents"):
		name, _, _ := strings.Cut(strings.TrimPrefix(path, "retry."), "[")
		return name
	}
	return path[strings.LastIndexByte(path, '.')+1:]
}
