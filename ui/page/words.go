package page

import (
	"strings"
)

// TrendRoom is how many values, one a second, a full trend line has.
const TrendRoom = 120

// errorLevel names how bad an error ratio is, for the style sheets only; the verdict is health's.
func errorLevel(ratio float64) string {
	switch {
	case ratio >= 0.05:
		return "high"
	case ratio >= 0.01:
		return "raised"
	}
	return "calm"
}

// ShellWord quotes a word for a POSIX shell where that is needed.
func ShellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=@%+,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func overflowLevel(perSecond float64) string {
	if perSecond > 0 {
		return "high"
	}
	return "calm"
}
