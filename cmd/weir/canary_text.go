package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/canary/judge"
)

// barWidth is how many characters a bar has.
const barWidth = 20

// headline is a rollout in one line.
func headline(r canary.Rollout) string {
	return fmt.Sprintf("rollout %s of %s: %s at %d %%: %s", r.ID, printable(r.Spec.Target.String()), r.Phase, r.Weight, printable(r.Why))
}

// rolloutText writes a rollout for a person: why it is where it is first.
func rolloutText(r canary.Rollout, now time.Time) string {
	var b strings.Builder
	line := func(name, format string, args ...any) {
		fmt.Fprintf(&b, "%-11s %s\n", name, printable(fmt.Sprintf(format, args...)))
	}
	if r.ID != "" {
		line("rollout", "%s of %s in mesh %s, attempt %d", r.ID, r.Spec.Target, r.Mesh, r.Attempt)
	} else {
		line("rollout", "of %s in mesh %s", r.Spec.Target, r.Mesh)
	}
	line("phase", "%s since %s", r.Phase, ago(r.Since, now))
	line("why", "%s", r.Why)
	line("arms", "canary %s %d %%, stable %s %d %%", r.Spec.Canary, r.Weight, r.Spec.Stable, 100-r.Weight)
	line("steps", "%s %s", bar(float64(min(r.Step, len(r.Spec.Steps)))/float64(max(len(r.Spec.Steps), 1))), stepsLine(r))
	for i, text := range evidenceLines(r) {
		line([]string{"evidence", ""}[min(i, 1)], "%s", text)
	}
	for _, e := range r.Analysis.Verdict.Metrics {
		if e.Windows > 0 {
			line(metricName(e.Metric, e.Boundary), "canary %s, stable %s", rateText(e.Canary), rateText(e.Stable))
		}
	}
	if r.Analysis.Detect > 0 {
		line("detection", "a canary with twice the errors would be seen after about %s", time.Duration(r.Analysis.Detect))
	}
	if m := r.Analysis.Verdict.Metrics; len(m) > 0 && m[0].Meter.Windows > 0 {
		line("meter", "stable against itself: φ = %.2f, %d false alarms in %d windows", m[0].Noise, m[0].Meter.Alarms, m[0].Meter.Windows)
	}
	for _, m := range r.Analysis.Checks {
		line("check", "%s: %s", m.Name, measuredText(m))
	}
	for _, h := range r.Hooks {
		line("webhook", "%s (%s): %s", h.Name, h.Type, map[bool]string{true: "ok", false: h.Message}[h.OK])
	}
	for _, n := range r.Notes {
		line("note", "%s", n)
	}
	if len(r.Changes) > 0 {
		line("changes", "%s", strings.Join(r.Changes, " "))
	}
	return b.String()
}

// stepsLine marks the steps that are done and the one under way.
func stepsLine(r canary.Rollout) string {
	words := make([]string, len(r.Spec.Steps))
	for i, s := range r.Spec.Steps {
		text := s.String()
		if s.SetWeight != nil {
			text += "%"
		}
		switch {
		case i < r.Step:
			words[i] = text + "✓"
		case i == r.Step && r.Active() && r.Phase != canary.Pending:
			words[i] = "[" + text + "]"
		default:
			words[i] = text
		}
	}
	return strings.Join(words, " → ")
}

// evidenceLines are the two processes against their bound.
func evidenceLines(r canary.Rollout) []string {
	v := r.Analysis.Verdict
	if v.Windows == 0 || v.Bound <= 0 {
		return nil
	}
	one := func(word string, log float64) string {
		return fmt.Sprintf("%s %-10s e = %s of %s", bar(log/v.Bound), word, eValue(log), eValue(v.Bound))
	}
	return []string{one("to abort", v.Abort), one("to advance", v.Advance)}
}

// evidenceLine is the evidence in half a line.
func evidenceLine(r canary.Rollout) string {
	v := r.Analysis.Verdict
	if v.Windows == 0 {
		return ""
	}
	return fmt.Sprintf("(e to abort %s, to advance %s, of %s after %d windows)", eValue(v.Abort), eValue(v.Advance), eValue(v.Bound), v.Windows)
}

// eValue writes an e-value by its logarithm; those too large to be read are written as a power of ten.
func eValue(log float64) string {
	if log >= math.Log(1e6) {
		return fmt.Sprintf("10^%.0f", log/math.Ln10)
	}
	return strconv.FormatFloat(math.Exp(log), 'g', 3, 64)
}

// bar is how much of something there is, 0 to 1.
func bar(part float64) string {
	full := int(math.Round(max(0, min(1, part)) * barWidth))
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", barWidth-full) + "]"
}

func metricName(metric string, boundary float64) string {
	if metric == judge.Latency {
		return "> " + time.Duration(boundary*float64(time.Second)).String()
	}
	return metric
}

// rateText writes a ratio with its interval.
func rateText(r judge.Rate) string {
	if r.Requests == 0 {
		return "nothing yet"
	}
	return fmt.Sprintf("%.2f %% of %.0f (95 %%: %.2f to %.2f)", r.Ratio*100, r.Requests, r.Low*100, r.High*100)
}

func measuredText(m canary.Measured) string {
	text := "no value"
	if m.Value != nil {
		text = strconv.FormatFloat(*m.Value, 'g', 6, 64)
	}
	if m.Message != "" {
		text += ": " + m.Message
	}
	return text
}
