package canary

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestParseSteps(t *testing.T) {
	steps, err := ParseSteps(" 5, pause 1m,25 %, Analysis , pause, ,50%,pause 1 h 30m")
	if err != nil {
		t.Fatal(err)
	}
	if got := StepsText(steps); got != "5, pause 1m, 25, analysis, pause, 50, pause 1h30m" {
		t.Errorf("read as %q", got)
	}
	for _, wrong := range []string{"five", "5, pause soon", "pause 5", "analyse", "1.5", "pausing", "pause 0s", "5 10", "💥"} {
		if steps, err := ParseSteps(wrong); err == nil {
			t.Errorf("%q is read as %q", wrong, StepsText(steps))
		} else if !strings.Contains(err.Error(), "is not known") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
}

// TestStepsText reads what it writes.
func TestStepsText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		steps := rapid.SliceOf(rapid.Custom(func(t *rapid.T) Step {
			switch rapid.IntRange(0, 3).Draw(t, "kind") {
			case 0:
				return weight(rapid.IntRange(-5, 200).Draw(t, "weight"))
			case 1:
				return pausing(time.Duration(rapid.Int64Range(1, int64(100*time.Hour)).Draw(t, "pause")))
			case 2:
				return Step{Pause: &Pause{}}
			}
			return analysed()
		})).Draw(t, "steps")
		text := StepsText(steps)
		read, err := ParseSteps(text)
		if err != nil || StepsText(read) != text || len(read) != len(steps) {
			t.Fatalf("%q is read as %q: %v", text, StepsText(read), err)
		}
	})
}
