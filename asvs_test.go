package weir_test

import (
	"errors"
	"fmt"
	"go/ast"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// verified is the number of requirements that OWASP ASVS 5.0.0 has on levels 1 and 2: leaving one out is no way to meet it.
const verified = 253

// asvsRow is a line of docs/asvs.md's table.
var asvsRow = regexp.MustCompile(`^\| (v5\.0\.0-\d+\.\d+\.\d+) \| [12] \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$`)

// asvsProof is how a row names its test: a Go package's, or one of a TypeScript file.
var asvsProof = regexp.MustCompile("^`(?:([a-z0-9/.]+)\\.((?:Test|Fuzz)[A-Za-z0-9]+)|([a-zA-Z0-9/.-]+\\.ts)` \"([^\"]+)\")")

// TestASVS: what docs/asvs.md says is done names a test that there is.
func TestASVS(t *testing.T) {
	tests := testNames(t)
	seen, counts := map[string]bool{}, map[string]int{}
	for line := range strings.Lines(string(read(t, "docs/asvs.md"))) {
		if !strings.HasPrefix(line, "| v5") {
			continue
		}
		m := asvsRow.FindStringSubmatch(strings.TrimSpace(line))
		if m == nil {
			t.Errorf("a row is not ID, level, words, state, why: %s", line)
			continue
		}
		id, state, why := m[1], m[3], m[4]
		if seen[id] {
			t.Errorf("%s is there twice", id)
		}
		seen[id] = true
		counts[state]++
		switch state {
		case "done":
			if err := proven(why, tests); err != nil {
				t.Errorf("%s is done by %s: %v", id, why, err)
			}
		case "open", "not applicable":
			if len(why) < 10 {
				t.Errorf("%s is %s without a reason", id, state)
			}
		default:
			t.Errorf("%s is %q: done, open or not applicable", id, state)
		}
	}
	if len(seen) != verified {
		t.Errorf("%d requirements, want all %d", len(seen), verified)
	}
	said := fmt.Sprintf("%d done, %d open, %d not applicable", counts["done"], counts["open"], counts["not applicable"])
	if !strings.Contains(string(read(t, "docs/asvs.md")), said) {
		t.Errorf("the counts are not those of the table: %s", said)
	}
}

// testNames are the functions in all tests, as folder.Name below "weir".
func testNames(t *testing.T) map[string]bool {
	t.Helper()
	tests := map[string]bool{}
	for _, f := range goFiles(t) {
		for _, d := range f.syntax.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && f.test && fn.Recv == nil {
				tests[path.Join("weir", path.Dir(f.name))+"."+fn.Name.Name] = true // the root package is weir
			}
		}
	}
	return tests
}

// proven tells whether a row's test exists.
func proven(why string, tests map[string]bool) error {
	m := asvsProof.FindStringSubmatch(why)
	switch {
	case m == nil:
		return errors.New("it names no test")
	case m[2] != "" && !tests[m[1]+"."+m[2]] && !tests["weir/"+m[1]+"."+m[2]]:
		return errors.New("there is no such test")
	case m[3] != "":
		text, err := os.ReadFile(m[3])
		if err != nil {
			return err
		}
		if !strings.Contains(string(text), `("`+m[4]+`"`) {
			return errors.New("it has no test of that name")
		}
	}
	return nil
}

// dangerous are packages that a whole kind of vulnerability needs, and who may have them.
var dangerous = []struct {
	why     string
	imports []string
	only    []string // folders and files that may
	in      []string // folders that the rule is for
}{
	{why: "no templates besides templ, whose output is escaped by context", imports: []string{"text/template", "html/template"}},
	{why: "neither XML nor gob is read from anybody", imports: []string{"encoding/xml", "encoding/gob"}},
	{why: "no memory that nobody watches, and no code that is loaded later", imports: []string{"unsafe", "C", "plugin"}},
	{why: "weak hashes and ciphers", imports: []string{"crypto/md5", "crypto/sha1", "crypto/des", "crypto/rc4", "crypto/dsa"}},
	{why: "what is sealed is sealed in one place, by AES-GCM", imports: []string{"crypto/cipher", "crypto/aes"}, only: []string{"server/auth/seal"}},
	{why: "what nobody may guess comes from crypto/rand", imports: []string{"math/rand", "math/rand/v2"}, in: []string{"server/auth", "server/gate", "server/store", "server/ident", "server/web"}},
	{why: "no mail, no profiles, no variables on the console", imports: []string{"net/smtp", "net/http/pprof", "expvar"}},
	{
		why: "other programs are run to try Envoy's configuration, for demonstrations, measurements and tests", imports: []string{"os/exec"},
		only: []string{"server/envoy", "server/demo", "server/cluster", "server/bench", "server/store/postgrestest", "server/metrics/remote/prometheustest", "cmd/weir/doctor.go"},
	},
}

func TestNothingDangerousIsImported(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test || f.generated || strings.HasPrefix(f.name, "node_modules/") {
			continue
		}
		for _, spec := range f.syntax.Imports {
			name := strings.Trim(spec.Path.Value, `"`)
			for _, rule := range dangerous {
				if slices.Contains(rule.imports, name) && !inAny(f.name, rule.only) && (len(rule.in) == 0 || inAny(f.name, rule.in)) {
					t.Errorf("%s imports %s: %s", f.name, name, rule.why)
				}
			}
		}
	}
}

// dangerousScript is what turns text into code or markup in a browser, keeps things in it, or lets others speak to it.
var dangerousScript = regexp.MustCompile(`\beval\(|new Function\(|\.(innerHTML|outerHTML|insertAdjacentHTML)\b|document\.(write|cookie)\b|(local|session)Storage|indexedDB|"message"[^\n]*window|window\.addEventListener\("message"|__proto__`)

func TestScriptsKeepNothing(t *testing.T) {
	files, err := filepath.Glob("assets/islands/*.ts")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d scripts, %v", len(files), err)
	}
	for _, name := range files {
		if strings.HasSuffix(name, ".test.ts") {
			continue
		}
		for line := range strings.Lines(string(read(t, name))) {
			if found := dangerousScript.FindString(line); found != "" && !strings.HasPrefix(strings.TrimSpace(line), "//") {
				t.Errorf("%s uses %s: %s", name, found, strings.TrimSpace(line))
			}
		}
	}
}

// TestCertificatesAreChecked: nothing of the project's own switches off what crypto/tls does by itself.
func TestCertificatesAreChecked(t *testing.T) {
	for _, f := range goFiles(t) {
		if f.test {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if id, ok := n.(*ast.Ident); ok && (id.Name == "InsecureSkipVerify" || id.Name == "VerifyPeerCertificate" || id.Name == "VerifyConnection") {
				t.Errorf("%s uses %s: a certificate that nobody vouches for is refused", f.name, id.Name)
			}
			return true
		})
	}
}
