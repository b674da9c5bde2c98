package page

import "strings"

// Equivalents is the same change as it is made elsewhere. Empty ones are left out.
type Equivalents struct{ CLI, YAML, Curl string }

func (e Equivalents) list() []Link {
	all := []Link{{Text: "cli", Href: e.CLI}, {Text: "yaml", Href: e.YAML}, {Text: "curl", Href: e.Curl}}
	shown := all[:0]
	for _, each := range all {
		if each.Href != "" {
			shown = append(shown, each)
		}
	}
	return shown
}

type diffLine struct{ kind, text string }

func diffLines(text string) []diffLine {
	var lines []diffLine
	for line := range strings.Lines(text) {
		kind := "same"
		switch {
		case strings.HasPrefix(line, "+++"), strings.HasPrefix(line, "---"):
			kind = "file"
		case strings.HasPrefix(line, "@@"):
			kind = "place"
		case strings.HasPrefix(line, "+"):
			kind = "more"
		case strings.HasPrefix(line, "-"):
			kind = "less"
		}
		lines = append(lines, diffLine{kind: kind, text: strings.TrimSuffix(line, "\n")})
	}
	return lines
}
