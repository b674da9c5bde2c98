package auth

import (
	"strings"
	"testing"
)

// FuzzParseGrant: what is read is written as it was meant, and what is refused is refused in one short line.
func FuzzParseGrant(f *testing.F) {
	for _, s := range []string{"viewer", "operator@shop", "operator@shop/reviews*", "admin@*/x", "admin@", "x@y/", "operator@[/a", "viewer@a@b/c/d", "\u202eadmin"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		g, err := ParseGrant(s)
		if err != nil {
			if words := err.Error(); strings.ContainsAny(words, "\r\n\x00") || len(words) > 1000 {
				t.Errorf("%q is refused with %q", s, words)
			}
			return
		}
		again, err := ParseGrant(g.String())
		if err != nil || again.Role != g.Role || again.everyMesh() != g.everyMesh() || again.everyName() != g.everyName() ||
			!g.everyMesh() && again.Mesh != g.Mesh || !g.everyName() && again.Name != g.Name {
			t.Errorf("%q is %+v, written %q, and read again %+v, %v", s, g, g, again, err)
		}
	})
}
