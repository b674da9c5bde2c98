package i18n

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
)

// rulePrefix is what the keys of rules begin with: what is not as it should be in somebody's configuration, and why a
// rollout or a guard rail holds something up.
const rulePrefix = "rule."

// rule recognizes one rule in English, as the parts of Weir that know no languages write it. The English catalogue is
// the pattern, so that a rule is written down once.
type rule struct {
	key   string
	names []string // of its placeholders, in their order
	says  *regexp.Regexp
}

var placeholder = regexp.MustCompile(`\{([a-z]+)\}`)

// rulesOf makes patterns of the texts of rules: those that say most come first, so that "is 1, 2 or 3" does not take
// what another says more closely.
func rulesOf(english map[string]string) []rule {
	var list []rule
	for key, text := range english {
		if !strings.HasPrefix(key, rulePrefix) {
			continue
		}
		r := rule{key: key}
		var pattern strings.Builder
		pattern.WriteString(`^`)
		end := 0
		for _, at := range placeholder.FindAllStringSubmatchIndex(text, -1) {
			name := text[at[2]:at[3]]
			r.names = append(r.names, name)
			pattern.WriteString(regexp.QuoteMeta(text[end:at[0]]) + "(" + shapeOf(name) + ")")
			end = at[1]
		}
		r.says = regexp.MustCompile(pattern.String() + regexp.QuoteMeta(text[end:]) + `$`)
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b rule) int {
		return cmp.Or(cmp.Compare(len(english[b.key]), len(english[a.key])), cmp.Compare(a.key, b.key))
	})
	return list
}

// shapeOf is what may stand in a placeholder of a rule: one word, except where it is a list of them, a name or free text.
func shapeOf(name string) string {
	switch name {
	case "list":
		return `\S+(?:, \S+)* or \S+`
	case "words", "detail", "rest", "title", "object", "source", "until":
		return `.+`
	case "who":
		return `[^:]+`
	}
	return `\S+`
}

// Rule says a rule that is given in English in the locale's language; ok is false, and the text as it was, when the
// catalogue does not know it. write, when it is not nil, writes the rule's values.
func (l Locale) Rule(said string, write func(string) string) (text string, ok bool) {
	for _, r := range l.rules {
		values := r.says.FindStringSubmatch(said)
		if values == nil {
			continue
		}
		pairs := make([]any, 0, 2*len(r.names))
		for i, name := range r.names {
			value := values[i+1]
			if (name == "list" || name == "words") && l.Lang != English {
				value = strings.ReplaceAll(value, " or ", ", ")
			}
			if write != nil {
				value = write(value)
			}
			pairs = append(pairs, name, value)
		}
		return l.T(r.key, pairs...), true
	}
	return said, false
}
