// Package i18n is what the console says, in English and in Korean, and the one place where numbers, units and times
// are written. Keys and placeholders are the same in both catalogues. It knows nothing of pages.
package i18n

import (
	"embed"
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strconv"
	"strings"
)

//go:embed en/*.json ko/*.json
var embedded embed.FS

// Language is a language of the console, as the lang attribute writes it.
type Language string

// The languages.
const (
	English Language = "en"
	Korean  Language = "ko"
)

// Languages lists them in the order in which they are offered.
func Languages() []Language { return []Language{English, Korean} }

// Catalogue holds every text in every language.
type Catalogue struct {
	texts map[Language]map[string]string
	rules []rule
}

// Load reads the embedded catalogues: a folder per language, a file per part of the console. Keys are one space.
func Load() (*Catalogue, error) {
	c := &Catalogue{texts: make(map[Language]map[string]string)}
	for _, lang := range Languages() {
		texts, err := read(string(lang))
		if err != nil {
			return nil, fmt.Errorf("read catalogue %s: %w", lang, err)
		}
		c.texts[lang] = texts
	}
	c.rules = rulesOf(c.texts[English])
	return c, nil
}

func read(folder string) (map[string]string, error) {
	names, err := fs.Glob(embedded, path.Join(folder, "*.json"))
	if err != nil {
		return nil, err
	}
	all := make(map[string]string)
	for _, name := range names {
		data, err := embedded.ReadFile(name)
		if err != nil {
			return nil, err
		}
		part := make(map[string]string)
		if err := json.Unmarshal(data, &part); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		for key, text := range part {
			if _, twice := all[key]; twice {
				return nil, fmt.Errorf("%s: the key %s is in another file too", name, key)
			}
			all[key] = text
		}
	}
	return all, nil
}

// Locale speaks one language; English for a language that the catalogue does not hold.
func (c *Catalogue) Locale(lang Language) Locale {
	if _, ok := c.texts[lang]; !ok {
		lang = English
	}
	return Locale{Lang: lang, texts: c.texts[lang], rules: c.rules}
}

// Choose picks the language that an Accept-Language header prefers.
func Choose(header string) Language {
	best, quality := English, -1.0
	for part := range strings.SplitSeq(header, ",") {
		tag, parameter, _ := strings.Cut(strings.TrimSpace(part), ";")
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(parameter), "q="); ok {
			parsed, err := strconv.ParseFloat(value, 64)
			if err != nil {
				continue
			}
			q = parsed
		}
		primary, _, _ := strings.Cut(strings.ToLower(tag), "-")
		for _, lang := range Languages() {
			if primary == string(lang) && q > quality {
				best, quality = lang, q
			}
		}
	}
	return best
}

// Locale writes texts, numbers and times in one language. The zero value shows bare keys.
type Locale struct {
	Lang  Language
	texts map[string]string
	rules []rule
}

// T gives the text of a key with its placeholders filled from pairs of name and value. A key that does not exist is
// shown between ⟦ and ⟧, so that a test or a reader notices.
func (l Locale) T(key string, pairs ...any) string {
	text, ok := l.texts[key]
	if !ok {
		return "⟦" + key + "⟧"
	}
	if len(pairs) == 0 {
		return text
	}
	replace := make([]string, 0, len(pairs))
	for i := 0; i+1 < len(pairs); i += 2 {
		replace = append(replace, "{"+fmt.Sprint(pairs[i])+"}", l.value(pairs[i+1]))
	}
	return strings.NewReplacer(replace...).Replace(text)
}

// N is T for a text that counts: it uses key.one for one where the language has a singular, fills {n}, and key
// otherwise.
func (l Locale) N(key string, n int, pairs ...any) string {
	if n == 1 {
		if _, ok := l.texts[key+".one"]; ok {
			key += ".one"
		}
	}
	return l.T(key, append(pairs, "n", n)...)
}

// Has says whether a key exists.
func (l Locale) Has(key string) bool {
	_, ok := l.texts[key]
	return ok
}

func (l Locale) value(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case int:
		return l.Count(int64(v))
	case int64:
		return l.Count(v)
	}
	return fmt.Sprint(v)
}

// Prefixed gives every text whose key begins with prefix, by the rest of the key. An island gets its words that way.
func (l Locale) Prefixed(prefix string) map[string]string {
	texts := make(map[string]string)
	for key, text := range l.texts {
		if rest, ok := strings.CutPrefix(key, prefix); ok {
			texts[rest] = text
		}
	}
	return texts
}
