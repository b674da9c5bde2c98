// Package weir_test checks the rules of the house that no compiler checks: who may import whom, that everything public
// is documented, how large things may grow, and what must never be committed. Each failure says why the rule is there.
package weir_test

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

const module = "github.com/weirmesh/weir/"

// importRule forbids imports in some folders. Patterns are prefixes of folders or packages; an exception names a longer
// prefix that is allowed after all.
type importRule struct {
	why    string
	in     []string // folders the rule is for
	not    []string // folders inside those that are exempt
	denied []string // import path prefixes
	except []string // import path prefixes allowed all the same
	tests  bool     // holds for tests too
}

var importRules = []importRule{
	{why: "mesh is the vocabulary: it imports nothing but the standard library", in: []string{"server/mesh"}, denied: []string{"*."}},
	{
		why: "leaves know only the vocabulary", in: []string{"server/event", "server/metrics", "server/health", "server/demo", "server/registry", "server/definition", "server/plan", "server/guard", "server/webhook"},
		denied: []string{module}, except: []string{module + "server/mesh", module + "server/metrics", module + "server/envoy"},
	},
	{why: "the database and PromQL stay inside server/metrics", in: []string{"."}, not: []string{"server/metrics", "server/api/prometheus"}, denied: []string{"github.com/prometheus/prometheus"}},
	{
		why: "history joins the ledger and the readers; it plans and serves nothing", in: []string{"server/timeline"}, denied: []string{module},
		except: []string{module + "server/mesh", module + "server/graph", module + "server/change", module + "server/health"},
	},
	{
		why:    "engines do not know HTTP",
		in:     []string{"server/mesh", "server/event", "server/metrics", "server/graph", "server/health", "server/change", "server/store", "server/registry"},
		denied: []string{module + "server/api", module + "server/web", module + "ui", "github.com/gin-gonic", "github.com/danielgtaylor/huma", "github.com/gorilla"},
	},
	{why: "the picture needs the vocabulary and the judge, nothing else", in: []string{"server/graph"}, denied: []string{module}, except: []string{module + "server/mesh", module + "server/health", module + "server/event"}},
	{
		why: "a provider obeys; it does not plan and keeps no state of its own", in: []string{"server/provider"},
		denied: []string{module + "server/change", module + "server/store", module + "server/graph", module + "server/metrics"},
	},
	{why: "the door knows the mesh and providers, not who knocks", in: []string{"server/change"}, denied: []string{module}, except: []string{module + "server/mesh", module + "server/provider", module + "server/event", module + "server/ident", module + "server/lease", module + "server/plan", module + "server/guard"}},
	{
		why: "rollouts reach the door, proxies, PromQL and webhooks through interfaces", in: []string{"server/canary"}, denied: []string{module},
		except: []string{module + "server/mesh", module + "server/canary", module + "server/event", module + "server/ident"},
	},
	{why: "only server/store talks to the database", in: []string{"."}, not: []string{"server/store", "ent"}, denied: []string{module + "ent"}},
	{
		why: "Envoy's types stay inside server/provider/xds", in: []string{"."}, not: []string{"server/provider/xds"},
		denied: []string{"github.com/envoyproxy/", "google.golang.org/grpc"},
	},
	{
		why: "ui shows values; handlers live in server/web", in: []string{"ui"}, denied: []string{module + "server", module + "ent", "github.com/gin-gonic", "net/http"},
		except: []string{module + "server/mesh", module + "server/graph", module + "server/health", module + "server/change", module + "server/provider", module + "server/plan", module + "server/guard", module + "server/canary"},
	},
	{why: "HTTP lives in server/api and server/web", in: []string{"."}, not: []string{"server/api", "server/web", "server/server.go", "server/http.go"}, denied: []string{"github.com/gin-gonic", "github.com/gorilla"}},
	{why: "only the commands import the wiring", in: []string{"server", "ui", "ent", "assets"}, denied: []string{"=" + module + "server"}},
	{why: "production code does not use the testing package", in: []string{"server", "ui", "ent", "assets", "cmd"}, not: []string{"server/provider/xds/xdstest", "server/metrics/remote/prometheustest", "ent/enttest"}, denied: []string{"=testing"}},
}

const (
	maxFile      = 400 // lines, tests included
	maxFunction  = 60  // lines
	maxArguments = 5
	maxMethods   = 5 // of an interface
	maxChain     = 6 // imports from one package of ours to the next in a row
)

type goFile struct {
	name      string // with slashes, from the root
	test      bool
	generated bool
	lines     int
	syntax    *ast.File
	set       *token.FileSet
}

func TestImports(t *testing.T) {
	for _, f := range goFiles(t) {
		for _, rule := range importRules {
			if f.test && !rule.tests || !inAny(f.name, rule.in) || inAny(f.name, rule.not) {
				continue
			}
			for _, spec := range f.syntax.Imports {
				imported := strings.Trim(spec.Path.Value, `"`)
				if deniedBy(rule, imported) {
					t.Errorf("%s imports %s: %s", f.name, imported, rule.why)
				}
			}
		}
	}
}

func TestImportChain(t *testing.T) {
	imports := map[string][]string{}
	for _, f := range goFiles(t) {
		if f.test || strings.HasPrefix(f.name, "ent/") {
			continue
		}
		dir := path.Dir(f.name)
		for _, spec := range f.syntax.Imports {
			if own, ok := strings.CutPrefix(strings.Trim(spec.Path.Value, `"`), module); ok {
				imports[dir] = append(imports[dir], own)
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(imports)) {
		if chain := longestChain(imports, dir); len(chain)-1 > maxChain {
			t.Errorf("import chain of %d steps, at most %d: %s: a longer chain means that a package in the middle knows too much",
				len(chain)-1, maxChain, strings.Join(chain, " → "))
		}
	}
}

func longestChain(imports map[string][]string, dir string) []string {
	var longest []string
	for _, next := range imports[dir] {
		if chain := longestChain(imports, next); len(chain) > len(longest) {
			longest = chain
		}
	}
	return append([]string{dir}, longest...)
}

func TestDocumentation(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range goFiles(t) {
		dir := path.Dir(f.name)
		if f.generated || f.test {
			continue
		}
		documented[dir] = documented[dir] || f.syntax.Doc != nil
		for _, d := range f.syntax.Decls {
			for _, name := range undocumented(d) {
				t.Errorf("%s: %s is exported and has no comment: a reader outside the package has only that", f.name, name)
			}
		}
	}
	for _, dir := range slices.Sorted(maps.Keys(documented)) {
		if !documented[dir] {
			t.Errorf("package %s has no doc comment: say in two to six lines what it is, what it does not do, who may use it", dir)
		}
	}
}

func TestSizes(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.generated {
			continue
		}
		if f.lines > maxFile {
			t.Errorf("%s has %d lines, at most %d: a file is one noun", f.name, f.lines, maxFile)
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				checkFunction(t, f, n)
			case *ast.InterfaceType:
				if n.Methods.NumFields() > maxMethods {
					t.Errorf("%s: an interface of %d methods, at most %d: declare what this consumer needs", f.set.Position(n.Pos()), n.Methods.NumFields(), maxMethods)
				}
			}
			return true
		})
	}
	for _, pattern := range []string{"*.ts", "*.templ", "*.css"} {
		for _, name := range committed(t, pattern) {
			data := read(t, name)
			if lines := bytes.Count(data, []byte("\n")); lines > maxFile && !strings.Contains(name, ".gen.") {
				t.Errorf("%s has %d lines, at most %d", name, lines, maxFile)
			}
		}
	}
}

func checkFunction(t *testing.T, f goFile, fn *ast.FuncDecl) {
	lines := f.set.Position(fn.End()).Line - f.set.Position(fn.Pos()).Line + 1
	if lines > maxFunction && !f.test {
		t.Errorf("%s: %s has %d lines, at most %d: decide in one function, act in another", f.name, fn.Name.Name, lines, maxFunction)
	}
	// Prometheus' storage.AppenderV2 has a method of eight arguments, which whoever stands before its database must have.
	theirs := fn.Recv != nil && fn.Name.Name == "Append" && strings.HasPrefix(f.name, "server/metrics/")
	if n := fn.Type.Params.NumFields(); n > maxArguments && !theirs {
		t.Errorf("%s: %s takes %d arguments, at most %d: pass a struct whose fields have names", f.name, fn.Name.Name, n, maxArguments)
	}
}

// TestCommitted looks for what does not belong in a repository.
func TestCommitted(t *testing.T) {
	bad := []struct {
		pattern *regexp.Regexp
		why     string
	}{
		{regexp.MustCompile(`/(work|home|root)/[a-z]`), "a path of one machine"},
		{
			regexp.MustCompile(`proxy\.golang\.org|registry\.npmjs\.org|files\.pythonhosted\.org|deb\.debian\.org`),
			"a registry's host: tools are set up per machine",
		},
	}
	for _, name := range committed(t, "*") {
		if name == "house_test.go" || strings.HasPrefix(name, "ent/") && !strings.HasPrefix(name, "ent/schema/") {
			continue
		}
		if path.Dir(name) == "assets/dist" && path.Base(name) != ".gitignore" {
			t.Errorf("%s is a bundle: bundles are built, not committed", name)
		}
		data := read(t, name)
		if bytes.IndexByte(data, 0) >= 0 && !slices.Contains([]string{".png", ".ico", ".woff2"}, path.Ext(name)) {
			t.Errorf("%s is a binary", name)
			continue
		}
		for _, b := range bad {
			if found := b.pattern.Find(data); found != nil {
				t.Errorf("%s contains %q: %s", name, found, b.why)
			}
		}
	}
}

// TestArchitecture keeps the code map in ARCHITECTURE.md complete.
func TestArchitecture(t *testing.T) {
	text := string(read(t, "ARCHITECTURE.md"))
	seen := map[string]bool{}
	for _, f := range goFiles(t) {
		dir := path.Dir(f.name)
		if seen[dir] || f.test || strings.HasPrefix(dir, "ent/") {
			continue
		}
		seen[dir] = true
		if !strings.Contains(text, "`"+dir+"`") {
			t.Errorf("ARCHITECTURE.md does not mention `%s`: the code map lists every package with one line", dir)
		}
	}
}

func undocumented(d ast.Decl) []string {
	switch d := d.(type) {
	case *ast.FuncDecl:
		if d.Name.IsExported() && d.Doc == nil && receiverExported(d) {
			return []string{d.Name.Name}
		}
	case *ast.GenDecl:
		var names []string
		for _, s := range d.Specs {
			names = append(names, undocumentedSpec(d, s)...)
		}
		return names
	}
	return nil
}

func undocumentedSpec(d *ast.GenDecl, s ast.Spec) []string {
	switch s := s.(type) {
	case *ast.TypeSpec:
		if s.Name.IsExported() && d.Doc == nil && s.Doc == nil {
			return []string{s.Name.Name}
		}
	case *ast.ValueSpec:
		if s.Names[0].IsExported() && d.Doc == nil && s.Doc == nil && s.Comment == nil {
			return []string{s.Names[0].Name}
		}
	}
	return nil
}

func receiverExported(d *ast.FuncDecl) bool {
	if d.Recv == nil {
		return true
	}
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	name, ok := typ.(*ast.Ident)
	return ok && name.IsExported()
}

func deniedBy(rule importRule, imported string) bool {
	for _, allowed := range rule.except {
		if imported == allowed || strings.HasPrefix(imported, allowed+"/") {
			return false
		}
	}
	for _, d := range rule.denied {
		switch {
		case d == "*.": // anything with a dot in its first element is not the standard library
			if strings.Contains(strings.Split(imported, "/")[0], ".") {
				return true
			}
		case strings.HasPrefix(d, "="):
			if imported == strings.TrimSuffix(d[1:], "/") {
				return true
			}
		case strings.HasPrefix(imported, d):
			return true
		}
	}
	return false
}

func inAny(name string, folders []string) bool {
	return slices.ContainsFunc(folders, func(dir string) bool {
		return dir == "." || name == dir || strings.HasPrefix(name, dir+"/")
	})
}

// goFiles parses every Go file of the project, once.
func goFiles(t *testing.T) []goFile {
	t.Helper()
	files, err := parseAll()
	if err != nil {
		t.Fatal(err)
	}
	return files
}

var parseAll = sync.OnceValues(func() ([]goFile, error) {
	var files []goFile
	err := filepath.WalkDir(".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || len(d.Name()) > 1 && d.Name()[0] == '.') {
			return filepath.SkipDir
		}
		if d.IsDir() || filepath.Ext(name) != ".go" {
			return nil
		}
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, name, nil, parser.ParseComments)
		if err != nil {
			return err
		}
		files = append(files, goFile{
			name: filepath.ToSlash(name), test: strings.HasSuffix(name, "_test.go"), generated: ast.IsGenerated(syntax),
			lines: set.Position(syntax.FileEnd).Line, syntax: syntax, set: set,
		})
		return nil
	})
	return files, err
})

func committed(t *testing.T, pattern string) []string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "git", "ls-files", pattern).Output()
	if err != nil {
		t.Fatalf("git ls-files: %v", err)
	}
	names := strings.Fields(string(out))
	return slices.DeleteFunc(names, func(name string) bool {
		_, err := os.Stat(name)
		return err != nil // deleted in the working tree
	})
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return data
}
