package people

import (
	"path"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/auth"
)

// Within tells whether one of the grants somebody has covers all that another would allow. It is careful: patterns that it
// cannot compare it takes for more. What a token may do never depends on it, since both its own grants and its owner's are asked
// each time; it keeps people from minting tokens that say more than they do.
func Within(have []auth.Grant, want auth.Grant) bool {
	return slices.ContainsFunc(have, func(h auth.Grant) bool {
		return h.Role.Includes(want.Role) && covers(h.Mesh, want.Mesh) && coversName(h.Name, want.Name)
	})
}

// coversName is covers for names of objects: a pattern without a slash is for a router's routes too.
func coversName(have, want string) bool {
	if covers(have, want) {
		return true
	}
	parent, _, inside := strings.Cut(want, "/")
	return inside && !strings.Contains(have, "/") && covers(have, parent)
}

// covers tells whether every name that want matches is matched by have.
func covers(have, want string) bool {
	const special = `*?[\`
	switch {
	case have == "" || have == "*":
		return true
	case have == want:
		return true
	case want == "" || want == "*":
		return false
	case !strings.ContainsAny(want, special):
		ok, err := path.Match(have, want)
		return ok && err == nil
	}
	prefix, star := strings.CutSuffix(have, "*")
	return star && !strings.ContainsAny(prefix, special) && strings.HasPrefix(want, prefix) && !strings.Contains(want[len(prefix):], "/")
}
