package web

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// said puts a broken rule into the reader's language: what was typed and what it has to be, as it stands beside a field.
func (v view) said(x mesh.Violation) string {
	rule, _ := v.L.Rule(x.Rule, nil)
	if x.Value == "" {
		return rule
	}
	return v.L.T("form.broken", "value", x.Value, "rule", rule)
}

// saidWhole is a broken rule where no field stands beside it: with the object and the field that it is about.
func (v view) saidWhole(x mesh.Violation) string {
	rule, _ := v.L.Rule(x.Rule, nil)
	if x.Value == "" {
		return v.L.T("form.broken.missing", "field", x.Field, "rule", rule)
	}
	return v.L.T("form.broken.at", "field", x.Field, "value", x.Value, "rule", rule)
}

// percentages writes the shares of a rule as the fields that are typed in percent have them.
func (v view) percentages(value string) string {
	share, err := strconv.ParseFloat(value, 64)
	if err != nil || share < 0 || share > 1 {
		return value
	}
	return v.L.T("format.percent", "n", percentText(share))
}

// saidOfLimit is a broken rule beside a field of health limits: what was typed, and shares in percent where the field is.
func (v view) saidOfLimit(x mesh.Violation, f limitField, typed string) string {
	var write func(string) string
	if f.unit == "percent" {
		write = v.percentages
	}
	rule, _ := v.L.Rule(x.Rule, write)
	if typed == "" {
		return rule
	}
	return v.L.T("form.broken", "value", shorten(typed), "rule", rule)
}

// left are broken rules that none of a form's fields took.
func (v view) left(fields map[string]mesh.Violation) (words []string) {
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		words = append(words, v.saidWhole(fields[name]))
	}
	return words
}

// byField sorts a refusal of a form that is about one object: broken rules of its own fields by the field's name in the
// form, and in words whatever no field stands for.
func (v view) byField(refusal error, about mesh.Ref) (fields map[string]mesh.Violation, rest []string) {
	fields = make(map[string]mesh.Violation)
	known, ok := asRefusal(refusal)
	if refusal != nil && (!ok || len(known.Violations) == 0) {
		return fields, []string{refusal.Error()}
	}
	if !ok {
		return fields, nil
	}
	for _, x := range known.Violations {
		name := fieldOf(x.Field)
		_, twice := fields[name]
		if own := strings.HasPrefix(x.Field, mesh.Shorten(about.String())+": "); own && !twice {
			fields[name] = x
		} else {
			rest = append(rest, v.saidWhole(x))
		}
	}
	return fields, rest
}

// above is what stands above a form: what no field stands for, or that there are marked fields.
func (v view) above(rest []string) string {
	if len(rest) > 0 {
		return strings.Join(rest, " ")
	}
	return v.L.T("form.wrong")
}
