// Package palette finds things by what somebody types: by the beginning, a part or the initials of their names, in any
// script, one slip of the finger forgiven. It ranks and knows nothing of what it finds.
package palette

import (
	"cmp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Entry is something that can be found.
type Entry struct {
	Kind  string   // the caller's word for what it is
	Key   string   // the caller's way back to it
	Name  string   // what it is called
	Words []string // what else it may be called: in another language, as a verb
	Order int      // among equally good matches, less comes first
}

// MaxQuery is how many runes of a query are read.
const MaxQuery = 120

// How well a word of the query fits a name, best first. Between them is room for how compact a match is.
const (
	whole    = 100
	begins   = 80
	wordful  = 60 // at the beginning of one of the name's words
	inside   = 40
	initials = 30 // letters in order, from the beginning of a word; or first consonants of Hangul
	slip     = 8  // one letter wrong, missing, too many, or two swapped
)

// tail is how much worse than the best a match may be: whoever typed a name does not mean those that resemble it.
const tail = 6

// Find gives the entries that every word of the query fits, best first, at most that many. An empty query fits none.
func Find(query string, entries []Entry, most int) []Entry {
	words := strings.Fields(fold(cut(query)))
	if len(words) == 0 {
		return nil
	}
	phrase := strings.Join(words, " ")
	type found struct {
		entry Entry
		score int
	}
	var list []found
	for _, e := range entries {
		if score := judge(e, words, phrase); score > 0 {
			list = append(list, found{e, score})
		}
	}
	slices.SortStableFunc(list, func(a, b found) int {
		return cmp.Or(cmp.Compare(b.score, a.score), cmp.Compare(a.entry.Order, b.entry.Order),
			cmp.Compare(len(a.entry.Name), len(b.entry.Name)), cmp.Compare(a.entry.Name, b.entry.Name))
	})
	result := make([]Entry, 0, min(len(list), most))
	for _, f := range list[:min(len(list), most)] {
		if f.score < list[0].score/tail {
			break
		}
		result = append(result, f.entry)
	}
	return result
}

// judge adds up how well each word fits, and again how well all of them together do; 0 when one does not fit.
func judge(e Entry, words []string, phrase string) int {
	names := append([]string{fold(e.Name)}, e.Words...)
	for i := 1; i < len(names); i++ {
		names[i] = fold(names[i])
	}
	best := func(word string) int {
		score := 0
		for i, name := range names {
			s := fit(name, word)
			if i > 0 {
				s -= s / 10 // another word for it is a little less than its name
			}
			score = max(score, s)
		}
		return score
	}
	total := 0
	for _, word := range words {
		s := best(word)
		if s == 0 {
			return 0
		}
		total += s
	}
	total /= len(words)
	if len(words) > 1 {
		return total + best(phrase)
	}
	return 2 * total
}

// fit says how well a word fits a name, both folded; 0 when it does not.
func fit(name, word string) int {
	if name == word {
		return whole
	}
	switch at := strings.Index(name, word); {
	case at == 0:
		return begins
	case at > 0:
		for from := at; ; {
			if starts(name, from) {
				return wordful
			}
			next := strings.Index(name[from+1:], word)
			if next < 0 {
				return inside
			}
			from += 1 + next
		}
	}
	length := utf8.RuneCountInString(word)
	if onlyConsonants(word) && strings.Contains(consonants(name), word) {
		return initials
	}
	if gaps, ok := inOrder(name, word); ok && length >= 3 {
		return max(initials-gaps, slip+1)
	}
	if length >= 4 && slipped(name, word) {
		return slip
	}
	return 0
}

// starts says whether a word of the name begins at a byte.
func starts(name string, at int) bool {
	before, _ := utf8.DecodeLastRuneInString(name[:at])
	here, _ := utf8.DecodeRuneInString(name[at:])
	return at == 0 || !alphanumeric(before) || unicode.IsDigit(here) != unicode.IsDigit(before)
}

func alphanumeric(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

// inOrder says whether a word's letters are in a name in their order, the first at the beginning of one of its words, and
// how many runes lie between them.
func inOrder(name, word string) (gaps int, ok bool) {
	first, size := utf8.DecodeRuneInString(word)
	fewest := -1
	for at, r := range name {
		if r != first || !starts(name, at) {
			continue
		}
		if g, ok := follows(name[at+size:], word[size:]); ok && (fewest < 0 || g < fewest) {
			fewest = g
		}
	}
	return max(fewest, 0), fewest >= 0
}

func follows(name, word string) (gaps int, ok bool) {
	pending := 0
	for _, r := range name {
		if word == "" {
			break
		}
		if next, size := utf8.DecodeRuneInString(word); r == next {
			word, gaps, pending = word[size:], gaps+pending, 0
		} else {
			pending++
		}
	}
	return gaps, word == ""
}

// slipped says whether one of a name's words, or the name, begins like the word but for one slip.
func slipped(name, word string) bool {
	for at := range name {
		if starts(name, at) && near([]rune(name[at:]), []rune(word)) {
			return true
		}
	}
	return false
}

// near says whether a beginning of text is at most one wrong, missing, additional or swapped letter away from word.
func near(text, word []rune) bool {
	same := 0
	for same < min(len(text), len(word)) && text[same] == word[same] {
		same++
	}
	if same == len(word) {
		return true
	}
	begins := func(text, word []rune) bool { return len(text) >= len(word) && slices.Equal(text[:len(word)], word) }
	rest, wanted := text[same:], word[same:]
	switch {
	case begins(rest, wanted[1:]): // one too many
		return true
	case len(rest) == 0:
		return false
	case begins(rest[1:], wanted), begins(rest[1:], wanted[1:]): // one missing, one wrong
		return true
	}
	return len(rest) > 1 && len(wanted) > 1 && rest[0] == wanted[1] && rest[1] == wanted[0] && begins(rest[2:], wanted[2:])
}

// fold makes upper and lower case the same.
func fold(s string) string { return strings.ToLower(s) }

func cut(s string) string {
	if utf8.RuneCountInString(s) > MaxQuery {
		return string([]rune(s)[:MaxQuery])
	}
	return s
}

// Hangul syllables are made of a first consonant, a vowel and a last consonant: Unicode, chapter 3.12.
const (
	firstSyllable = 0xAC00
	lastSyllable  = 0xD7A3
	ofOneInitial  = 588
	leads         = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
)

func onlyConsonants(word string) bool {
	for _, r := range word {
		if !strings.ContainsRune(leads, r) {
			return false
		}
	}
	return word != ""
}

// consonants are a name's syllables by their first consonants: "서비스" is "ㅅㅂㅅ".
func consonants(name string) string {
	lead := []rune(leads)
	return strings.Map(func(r rune) rune {
		if r >= firstSyllable && r <= lastSyllable {
			return lead[(r-firstSyllable)/ofOneInitial]
		}
		return r
	}, name)
}
