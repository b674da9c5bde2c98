package password

import (
	_ "embed"
	"strings"
	"unicode"
	"unicode/utf8"
)

// common are words that passwords are made of, the longest first, so that none is cut out of the middle of another.
//
//go:embed common.txt
var common string

// known are whole passwords of leaks, sorted and in lower case: of the list that zxcvbn-ts has (npm @zxcvbn-ts/language-common
// 4.1.3, MIT, (c) 2012-2016 Dan Wheeler and Dropbox, 2021 @zxcvbn-ts) the commonest 3,000 that hold letters, and whichever of
// all its 49,000 are as long as a password has to be.
//
//go:embed known.txt
var known string

// leaked tells whether a password is one of known, with or without digits and signs around it.
func leaked(folded string) bool {
	list := "\n" + known
	is := func(s string) bool { return s != "" && strings.Contains(list, "\n"+s+"\n") }
	core := strings.TrimFunc(folded, func(r rune) bool { return !unicode.IsLetter(r) })
	if is(folded) || is(core) || is(unleet(core)) {
		return true
	}
	for i, r := range folded { // one that ends in digits, with more of them after it
		if rest := folded[i:]; !unicode.IsLetter(r) && !strings.ContainsFunc(rest, unicode.IsLetter) && is(folded[:i]) {
			return true
		}
	}
	return false
}

// minRest is how many characters have to be left of a password once everything that a guesser tries first is taken out.
const minRest = 5

// guessable says why a password would be tried early; empty when it would not. What people choose when they must is a
// common word, a walk over the keyboard, a year, a name, twice: so those parts are taken out, whatever their case and
// whichever digits stand for letters, and what is left must still be something.
func guessable(password string, names []string) string {
	folded := strings.ToLower(password)
	plain := unleet(folded)
	for _, name := range append(names, "weir", "weirmesh") {
		name = strings.ToLower(name)
		if utf8.RuneCountInString(name) < 3 {
			continue
		}
		for _, p := range []string{folded, plain} {
			if strings.Contains(p, name) && rest(strings.ReplaceAll(p, name, " ")) < minRest {
				return "is made from a name that is known"
			}
		}
	}
	if repeats(folded) {
		return "repeats a few characters"
	}
	if leaked(folded) {
		return "is one of those that others have used and that are tried first"
	}
	if rest(folded) < minRest || rest(plain) < minRest {
		return "is made of words and rows of keys that are tried first"
	}
	return ""
}

// unleet reads digits and signs as the letters that they often stand for.
func unleet(s string) string {
	return strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "8", "b", "@", "a", "$", "s", "!", "i").Replace(s)
}

// rest counts the different letters, digits and signs that are left of a password without common words, runs of the
// keyboard and of the alphabet, and digits and signs in front and behind.
func rest(s string) int {
	for _, row := range rows() {
		s = cutRuns(s, row)
	}
	for word := range strings.Lines(common) {
		word = strings.TrimSpace(word)
		if word != "" && strings.Contains(s, word) {
			s = strings.ReplaceAll(s, word, " ")
		}
	}
	s = strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
	different := make(map[rune]bool)
	for _, r := range s {
		if !unicode.IsSpace(r) {
			different[r] = true
		}
	}
	return len(different)
}

// rows are what fingers walk along, in either direction.
func rows() []string {
	rows := []string{
		"01234567890", "abcdefghijklmnopqrstuvwxyz", "qwertyuiop[]", "asdfghjkl;'", "zxcvbnm,./", "qwertzuiop", "azertyuiop", "qsdfghjklm", "wxcvbn",
		"1q2w3e4r5t6y7u8i9o0p", "1qaz2wsx3edc4rfv5tgb6yhn7ujm", "qazwsxedcrfvtgbyhnujm", "!@#$%^&*()_+", "147258369", "ㅂㅈㄷㄱㅅㅛㅕㅑㅐㅔ", "ㅁㄴㅇㄹㅎㅗㅓㅏㅣ",
	}
	for _, row := range rows {
		back := []rune(row)
		for i, k := 0, len(back)-1; i < k; i, k = i+1, k-1 {
			back[i], back[k] = back[k], back[i]
		}
		rows = append(rows, string(back))
	}
	return rows
}

// minRun is how many keys in a row are a walk.
const minRun = 3

// cutRuns takes out of s what is a part of row, longest first.
func cutRuns(s, row string) string {
	keys := []rune(row)
	for size := len(keys); size >= minRun; size-- {
		for i := 0; i+size <= len(keys); i++ {
			if run := string(keys[i : i+size]); strings.Contains(s, run) {
				s = strings.ReplaceAll(s, run, " ")
			}
		}
	}
	return s
}

// repeats tells whether s is a part of it again and again, or of fewer than five different characters.
func repeats(s string) bool {
	r := []rune(s)
	different := make(map[rune]bool)
	for _, c := range r {
		different[c] = true
	}
	if len(different) < minRest {
		return true
	}
	for size := 1; size <= min(len(r)/2, MinLength/2); size++ {
		same := true
		for i := size; i < len(r) && same; i++ {
			same = r[i] == r[i-size]
		}
		if same {
			return true
		}
	}
	return false
}
