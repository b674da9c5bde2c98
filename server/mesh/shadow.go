package mesh

import (
	"slices"
	"strings"
)

// Shadowed says which of a list of routes can never match, because an earlier one takes everything that they match: by
// the later one's name, the earlier one's. The list is in the order in which the routes are tried (see RoutesOf). It
// errs on the side of silence: expressions are compared by their text, so not every route that never matches is found.
func Shadowed(tried []Route) map[string]string {
	found := make(map[string]string)
	for i, later := range tried {
		for _, earlier := range tried[:i] {
			if earlier.Protocol == later.Protocol && earlier.Match.Takes(later.Match) {
				found[later.Name] = earlier.Name
				break
			}
		}
	}
	return found
}

// Takes says that whatever matches b matches m too.
func (m Match) Takes(b Match) bool {
	return anyOr(m.Port, b.Port) && anyOr(m.Method, b.Method) && anyOr(m.Scheme, b.Scheme) &&
		anyOr(m.Service, b.Service) && anyOr(m.RPC, b.RPC) && m.takesPath(b) &&
		all(m.Headers, b.Headers) && all(m.QueryParameters, b.QueryParameters)
}

func anyOr[T comparable](a, b T) bool {
	var none T
	return a == none || a == b
}

// takesPath compares paths. A prefix is the beginning of a path, wherever its segments end.
func (m Match) takesPath(b Match) bool {
	switch {
	case m.Path == nil && m.Prefix == "", m.Prefix == "/":
		return true
	case m.Path != nil:
		return b.Path != nil && *m.Path == *b.Path
	case b.Path != nil:
		return b.Path.Exact != "" && strings.HasPrefix(b.Path.Exact, m.Prefix)
	}
	return strings.HasPrefix(b.Prefix, m.Prefix)
}

// all says that each condition of a is one of b.
func all(a, b []ValueMatch) bool {
	for _, want := range a {
		if !slices.ContainsFunc(b, want.same) {
			return false
		}
	}
	return true
}

// same compares conditions; "is present" is implied by every other one on the same name that is not turned round.
func (v ValueMatch) same(b ValueMatch) bool {
	if !strings.EqualFold(v.Name, b.Name) || v.Invert != b.Invert {
		return false
	}
	if v.ways() == 0 && !v.Invert {
		return true
	}
	if v.Range != nil && b.Range != nil {
		return v.Range.Start <= b.Range.Start && b.Range.End <= v.Range.End && !v.Invert || *v.Range == *b.Range
	}
	v.Name, b.Name = "", ""
	return v == b
}
