package i18n

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// verbs are replaced by what may stand there; a list of words is what "is "+orList(words) ends with.
var verbs = regexp.MustCompile(`%[dvs]`)

// TestEveryRuleHasWords reads the rules out of the packages that check configuration: what they say is said in every
// language that the console speaks, each with words of its own.
func TestEveryRuleHasWords(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	said := rulesSaid(t)
	if len(said) < 60 {
		t.Fatalf("only %d rules were found: %q", len(said), said)
	}
	for _, rule := range said {
		for _, lang := range Languages() {
			text, ok := c.Locale(lang).Rule(rule, nil)
			if !ok || lang == English && text != rule || lang == Korean && text == rule || strings.ContainsAny(text, "{}") {
				t.Errorf("%s: %q becomes %q (add it to the catalogues' rules.json)", lang, rule, text)
			}
		}
	}
}

// rulesSaid are the rules of the mesh and of the door, with examples of values in them.
func rulesSaid(t *testing.T) (list []string) {
	t.Helper()
	for _, pattern := range []string{"../../server/mesh/*.go", "../../server/change/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v", pattern, err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(file, func(n ast.Node) bool {
				switch n := n.(type) {
				case *ast.CallExpr:
					if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "fail" && len(n.Args) == 3 {
						list = append(list, written(n.Args[2])...)
					}
				case *ast.KeyValueExpr:
					if key, ok := n.Key.(*ast.Ident); ok && key.Name == "Rule" {
						list = append(list, written(n.Value)...)
					}
				case *ast.CompositeLit: // the fields that mean nothing to a protocol
					if len(n.Elts) == 4 {
						if text := literalOf(n.Elts[3]); strings.Contains(text, " ") {
							list = append(list, text)
						}
					}
				}
				return true
			})
		}
	}
	return list
}

// written is what an expression of a rule may say.
func written(e ast.Expr) []string {
	switch e := e.(type) {
	case *ast.BasicLit:
		return []string{literalOf(e)}
	case *ast.BinaryExpr: // "is a port of service "+shorten(name), or "…which is "+orList(words)
		var text func(ast.Expr) string
		text = func(e ast.Expr) string {
			switch e := e.(type) {
			case *ast.BinaryExpr:
				return text(e.X) + text(e.Y)
			case *ast.BasicLit:
				return literalOf(e)
			case *ast.CallExpr:
				if f, ok := e.Fun.(*ast.Ident); ok && f.Name == "orList" {
					return "a, b or c"
				}
			}
			return "example"
		}
		return []string{text(e)}
	case *ast.CallExpr:
		format := literalOf(e.Args[0])
		if format == "" {
			return nil
		}
		if strings.Contains(format, "unhealthy%s") || strings.Contains(format, "degraded%s") {
			format = strings.Replace(format, "%s", "Errors", 1)
			return []string{fill(strings.TrimSuffix(format, "%s")), fill(strings.TrimSuffix(format, "%s")) + " unless this says otherwise"}
		}
		return []string{fill(format)}
	}
	return nil
}

func fill(format string) string { return verbs.ReplaceAllString(format, "7") }

func literalOf(e ast.Expr) string {
	lit, ok := e.(*ast.BasicLit)
	if !ok || lit.Kind != token.STRING {
		return ""
	}
	text, err := strconv.Unquote(lit.Value)
	if err != nil {
		return ""
	}
	return text
}

func TestRule(t *testing.T) {
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	ko := c.Locale(Korean)
	for said, want := range map[string]string{
		"is from 0 to 1000000":                               "0~1000000 범위여야 합니다",
		"is http, http2 or grpc":                             "다음 중 하나여야 합니다: http, http2, grpc",
		"is at most unhealthyErrors, which is 0.05":          "unhealthyErrors 값(0.05) 이하여야 합니다",
		"is required: node reviews-v1 has several listeners": "필수 항목입니다. 노드 reviews-v1: 리스너가 여러 개 있습니다",
	} {
		if got, ok := ko.Rule(said, nil); !ok || got != want {
			t.Errorf("%q becomes %q, want %q", said, got, want)
		}
	}
	if got, ok := ko.Rule("is frobnicated", nil); ok || got != "is frobnicated" {
		t.Errorf("what nobody knows becomes %q", got)
	}
	double := func(string) string { return "{n}" }
	if got, _ := ko.Rule("are at most 3", double); got != "{n}개 이하여야 합니다" {
		t.Errorf("values are written as %q", got)
	}
}
