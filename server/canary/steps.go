package canary

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// ParseSteps reads steps as people type them, with commas between: a weight in percent ("5", "5 %"), "analysis", "pause",
// which waits for a person, and "pause 1m". The error is mesh.Invalid and names the step. Whether the steps make sense is
// Validate's to say.
func ParseSteps(text string) ([]Step, error) {
	var steps []Step
	for word := range strings.SplitSeq(text, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		step, ok := parseStep(strings.ToLower(word))
		if !ok {
			return nil, mesh.Errorf(mesh.Invalid, "step %q is not known: write a weight in percent, analysis, pause, or pause with a time, as in 5, pause 1m, 25, analysis, 50", mesh.Shorten(word))
		}
		steps = append(steps, step)
	}
	return steps, nil
}

func parseStep(word string) (Step, bool) {
	if word == "analysis" {
		return Step{Analysis: &struct{}{}}, true
	}
	if rest, ok := strings.CutPrefix(word, "pause"); ok {
		rest = strings.ReplaceAll(rest, " ", "")
		if rest == "" {
			return Step{Pause: &Pause{}}, true
		}
		d, err := time.ParseDuration(rest)
		return Step{Pause: &Pause{Duration: mesh.Duration(d)}}, err == nil && d != 0
	}
	weight, err := strconv.Atoi(strings.TrimSpace(strings.TrimSuffix(word, "%")))
	return Step{SetWeight: &weight}, err == nil
}

// StepsText writes steps as ParseSteps reads them.
func StepsText(steps []Step) string {
	words := make([]string, len(steps))
	for i, s := range steps {
		words[i] = s.String()
	}
	return strings.Join(words, ", ")
}

// String writes a step as ParseSteps reads it.
func (s Step) String() string {
	switch {
	case s.SetWeight != nil:
		return strconv.Itoa(*s.SetWeight)
	case s.Analysis != nil:
		return "analysis"
	case s.Pause == nil:
		return ""
	case s.Pause.Duration == 0:
		return "pause"
	}
	text := s.Pause.Duration.String()
	for _, zero := range []string{"m0s", "h0m"} {
		if strings.HasSuffix(text, zero) {
			text = text[:len(text)-2]
		}
	}
	return "pause " + text
}
