package scrape

import (
	"strings"
	"testing"
)

// FuzzParseGroups: a file of targets is taken, or refused in one line.
func FuzzParseGroups(f *testing.F) {
	for _, s := range []string{"", `[{"targets":["a:1"],"labels":{"x":"y"}}]`, "- targets: [a]\n", "a: &a [*a]", "[[[[[[", `[{"targets":[null]}]`, "\xff\x00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if _, err := parseGroups(data); err != nil && (strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 2000) {
			t.Errorf("%q is refused with %q", data, err)
		}
	})
}
