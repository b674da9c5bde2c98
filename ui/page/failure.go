package page

import (
	"strings"
	"unicode"

	"github.com/weirmesh/weir/ui/i18n"
)

// Failure is the page of an error.
type Failure struct {
	Shell
	Status int
	Kind   string // "missing", "invalid", "denied", "unavailable", "internal", "conflict", "large", "away"
	Since  string // of "away": since when, in words
	Detail string // the words of the error, in English; "" for Weir's own faults

	Sought      string     // of an address that leads nowhere: the name in it
	Suggestions []GoResult // what it may have meant

	SignIn string // the way in, for whoever is not signed in; "" for others
	Repeat string // the address to try again; "" when that makes no sense
	Again  bool   // what was posted may be posted again, to Action
	Action string
	Back   string  // the page that the form stood on; "" when nothing was posted
	Sent   []Field // what was posted
	Typed  []Field // of that, what somebody entered
}

// inWords says in the reader's language what the catalogue knows of: why a rollout or a guard rail holds something up, with
// what it quotes likewise. Free text stays as it is.
func (s Shell) inWords(text string) string {
	if s.L.Lang == i18n.English {
		return text
	}
	words, _ := s.L.Rule(text, s.inWords)
	return words
}

// foreign says whether a sentence is in English on a page that is not. Every Korean sentence has letters of its own, so
// one without any came untranslated.
func (s Shell) foreign(text string) bool {
	return s.L.Lang == i18n.Korean && !strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Hangul, r) })
}
