package query

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	for expr, want := range map[string]string{
		`sum(rate(x_total{mesh="m"}[1m]))`: "",
		`1 - 0.5`:                          "",
		`vector(1)`:                        "",
		`sum(`:                             "unclosed left parenthesis",
		``:                                 "no expression found",
		`x[5m]`:                            "instant vector",
		`"text"`:                           "instant vector",
	} {
		err := Parse(expr)
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", expr, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || FaultOf(err) != BadData || strings.Contains(err.Error(), "\n")):
			t.Errorf("%s: %v, want %q", expr, err, want)
		}
	}
}
