package i18n

import (
	"encoding/json"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/a-h/templ/parser/v2"
	"github.com/a-h/templ/parser/v2/visitor"
	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/health"
)

func catalogues(t *testing.T) (en, ko map[string]string) {
	t.Helper()
	c, err := Load()
	if err != nil {
		t.Fatal(err)
	}
	return c.texts[English], c.texts[Korean]
}

var placeholders = regexp.MustCompile(`\{[a-z0-9]+\}`)

func TestSameKeysAndPlaceholders(t *testing.T) {
	en, ko := catalogues(t)
	for key, text := range en {
		other, ok := ko[key]
		if !ok || other == "" || text == "" {
			t.Errorf("%s: there is no Korean, or one is empty", key)
			continue
		}
		a, b := placeholders.FindAllString(text, -1), placeholders.FindAllString(other, -1)
		slices.Sort(a)
		slices.Sort(b)
		if diff := cmp.Diff(a, b); diff != "" {
			t.Errorf("%s has other placeholders in Korean:\n%s", key, diff)
		}
	}
	for key := range ko {
		if en[key] == "" {
			t.Errorf("%s: there is no English", key)
		}
	}
}

// TestOnce keeps a key from being twice in a file, which JSON does not mind. (Load minds the same key in two files.)
func TestOnce(t *testing.T) {
	names, err := filepath.Glob("[ek][no]/*.json")
	if err != nil || len(names) < 10 {
		t.Fatalf("the catalogues are %v: %v", names, err)
	}
	for _, name := range names {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, key := range twice(string(data)) {
			t.Errorf("%s: the key %s is there twice", name, key)
		}
	}
}

// twice lists the keys that a JSON object of texts has more than once.
func twice(text string) (keys []string) {
	d := json.NewDecoder(strings.NewReader(text))
	seen, isKey := map[string]bool{}, false
	for {
		token, err := d.Token()
		if err != nil {
			return keys
		}
		word, ok := token.(string)
		if isKey = ok && !isKey; !isKey {
			continue
		}
		if seen[word] {
			keys = append(keys, word)
		}
		seen[word] = true
	}
}

// Particles that change with the sound before them cannot follow what is only known later.
var particles = regexp.MustCompile(`\}(을|를|이|가|은|는|와|과|으로|로|이나|나|이라|라)( |,|\.|$)`)

func TestNoParticleAfterPlaceholder(t *testing.T) {
	_, ko := catalogues(t)
	for key, text := range ko {
		if particles.MatchString(text) {
			t.Errorf("%s: a particle follows a placeholder: %s", key, text)
		}
	}
}

func TestEveryCauseHasWords(t *testing.T) {
	en, _ := catalogues(t)
	for _, code := range health.Codes() {
		if en["cause."+code] == "" {
			t.Errorf("the cause %s has no words", code)
		}
	}
	for _, knob := range []string{health.KnobPool, health.KnobWeights, health.KnobTimeout, health.KnobRetry, health.KnobOutliers, health.KnobBackends, health.KnobInstances} {
		if en["knob."+knob] == "" || en["graph.knob-"+knob] == "" {
			t.Errorf("the knob %s has no words", knob)
		}
	}
}

// sources are the files that speak: every Go and templ file of the console.
func sources(t *testing.T, ending string) map[string]string {
	t.Helper()
	files := map[string]string{}
	for _, dir := range []string{"../../ui", "../../server/web"} {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(name, ending) || strings.HasSuffix(name, "_test.go") || strings.HasSuffix(name, "_templ.go") {
				return err
			}
			data, err := os.ReadFile(name)
			files[name] = string(data)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(files) < 5 {
		t.Fatalf("only %d files end in %s", len(files), ending)
	}
	return files
}

var literal = regexp.MustCompile(`"([a-zA-Z가-힣][a-zA-Z0-9가-힣]*(?:[.-][a-zA-Z0-9가-힣-]+)*\.?)"(\s*\+)?`)

// TestKeysAreUsed finds keys that nobody says, and T of keys that do not exist.
func TestKeysAreUsed(t *testing.T) {
	en, _ := catalogues(t)
	used := map[string]bool{}
	var prefixes []string
	said := regexp.MustCompile(`\.[TN]\("([^"]+)"(\s*\+)?`)
	for _, ending := range []string{".go", ".templ"} {
		for name, source := range sources(t, ending) {
			for _, m := range said.FindAllStringSubmatch(source, -1) {
				if m[2] == "" && en[m[1]] == "" {
					t.Errorf("%s says %s, which is in no catalogue", name, m[1])
				}
			}
			for _, m := range literal.FindAllStringSubmatch(source, -1) {
				if strings.HasSuffix(m[1], ".") {
					prefixes = append(prefixes, m[1])
				}
				used[m[1]] = true
			}
		}
	}
	for key := range en {
		base := strings.TrimSuffix(key, ".one")
		if !used[base] && !slices.ContainsFunc(prefixes, func(p string) bool { return strings.HasPrefix(base, p) }) {
			t.Errorf("nobody says %s", key)
		}
	}
}

var letters = regexp.MustCompile(`\p{L}`)

// TestNoLiteralText reads every templ file: words belong in the catalogues.
func TestNoLiteralText(t *testing.T) {
	spoken := []string{"aria-label", "title", "alt", "placeholder", "aria-description"}
	for name, source := range sources(t, ".templ") {
		file, err := parser.ParseString(source)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v := visitor.New()
		v.Text = func(n *parser.Text) error {
			if letters.MatchString(n.Value) {
				t.Errorf("%s: the text %q is not in a catalogue", name, n.Value)
			}
			return nil
		}
		v.ConstantAttribute = func(n *parser.ConstantAttribute) error {
			if key := n.Key.String(); slices.Contains(spoken, key) && letters.MatchString(n.Value) || key == "style" {
				t.Errorf("%s: %s=%q does not belong in a page", name, key, n.Value)
			}
			return nil
		}
		if err := file.Visit(v); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSpeak(t *testing.T) {
	l := Locale{Lang: English, texts: map[string]string{"a": "{x} of {y}", "n": "{n} things", "n.one": "{n} thing"}}
	if got := l.T("a", "x", "{y}", "y", 1480); got != "{y} of 1,480" {
		t.Errorf("a value was taken for a placeholder: %q", got)
	}
	if got := l.N("n", 1) + ", " + l.N("n", 2000); got != "1 thing, 2,000 things" {
		t.Errorf("counting gives %q", got)
	}
	if got := l.T("missing"); got != "⟦missing⟧" {
		t.Errorf("a missing text is %q", got)
	}
}

func TestChoose(t *testing.T) {
	for header, want := range map[string]Language{
		"": English, "ko": Korean, "ko-KR,ko;q=0.9,en-US;q=0.8": Korean, "en-GB,ko;q=0.5": English, "fr,de;q=0.8": English,
		"fr, ko;q=0.1": Korean, "en;q=0.1,ko;q=0.2": Korean, "ko;q=nonsense": English, ";;;,,,": English,
	} {
		if got := Choose(header); got != want {
			t.Errorf("%q chooses %s, want %s", header, got, want)
		}
	}
}
