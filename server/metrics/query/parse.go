package query

import (
	"errors"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// Parse says what is wrong with an expression in PromQL that is to be asked at one moment: it has to read, and to give a
// vector or a number. Error: BadData.
func Parse(expr string) error {
	parsed, err := parser.NewParser(parser.Options{EnableExperimentalFunctions: true}).ParseExpr(expr)
	if err != nil {
		return &Error{BadData, errors.New(strings.Join(strings.Fields(err.Error()), " "))}
	}
	if t := parsed.Type(); t != parser.ValueTypeVector && t != parser.ValueTypeScalar {
		return Errorf(BadData, "it is a %s: give an instant vector or a scalar", parser.DocumentedType(t))
	}
	return nil
}
