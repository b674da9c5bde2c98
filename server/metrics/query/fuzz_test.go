package query

import (
	"strings"
	"testing"
)

// FuzzParse: an expression reads, or it is refused as bad data in words on one line.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`sum(rate(x_total{mesh="m"}[1m]))`, `x[5m]`, `"text"`, ``, `sum(`, `x{a="\xff"}`, `{"utf8.name"}`, `x @ end() offset -5m`, `x[5m:1s]`, `1e999`, "x\x00", strings.Repeat("(", 500),
		`histogram_quantile(0.99, x) / on(a) group_left vector(1)`, "# only words", "x{a=~\"(\"}", `-+-+1`,
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, expr string) {
		err := Parse(expr)
		if err == nil {
			return
		}
		if said := err.Error(); said == "" || strings.ContainsAny(said, "\r\n") || FaultOf(err) != BadData {
			t.Errorf("%q is refused with %q (%s)", expr, said, FaultOf(err))
		}
	})
}
