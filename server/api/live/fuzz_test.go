package live

import (
	"strings"
	"testing"
)

// FuzzParseView: a view is of a mesh, and what is refused is refused in one short line.
func FuzzParseView(f *testing.F) {
	for _, s := range []string{
		"graph:m", "service:m:reviews", "focus:m:a:b:2", "table:m?sort=-rate&rows=5", "problems:a?b:c?rows=%zz", "focus::x:1", "pulse:", "whole:m?filter=%00%0a",
		"table:m?from=99999999999999999999", "groups:m?sort=" + strings.Repeat("x", 5000),
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := parseView(s)
		if err == nil && (v.mesh == "" || v.kind == "" || v.name != s) {
			t.Errorf("%q is %+v", s, v)
		}
		if err != nil && (strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 1000) {
			t.Errorf("%q is refused with %q", s, err)
		}
	})
}
