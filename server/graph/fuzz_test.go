package graph

import (
	"strings"
	"testing"
)

// FuzzParsePage: a part of the table is taken, or refused in one short line.
func FuzzParsePage(f *testing.F) {
	f.Add("-rate", "errors>1 cart", "0", "50")
	f.Add("", "", "-1", "x")
	f.Add(strings.Repeat("x", 5000), "<img onerror=alert(1)>", "1e3", "99999999999999999999")
	f.Add("rate\n", "p95>\x00 !", "", "")
	f.Fuzz(func(t *testing.T, sort, filter, from, rows string) {
		p, err := ParsePage(sort, filter, from, rows, 500)
		if err == nil && (p.From < 0 || p.Rows < 0 || p.Rows > 500) {
			t.Errorf("%q %q %q: %+v", sort, from, rows, p)
		}
		if err != nil && (strings.ContainsAny(err.Error(), "\r\n\x00") || len(err.Error()) > 1000) {
			t.Errorf("refused with %q", err)
		}
		parseFilter(filter)
	})
}
