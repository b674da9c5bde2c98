package web

import (
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

func duration(d mesh.Duration) time.Duration { return time.Duration(d) }

// why says in the reader's language why a rollout is where it is. What a person, a proxy, a check or a guard rail said
// stays in the words that it came in.
func (v view) why(r canary.Rollout) string {
	reasons := r.Analysis.Verdict.Why
	switch {
	case r.Cause == canary.CauseEvidence && r.Analysis.Verdict.Outcome == judge.Abort && len(reasons) > 0:
		return v.guilt(r, reasons[0])
	case r.Phase == canary.Succeeded && r.Cause == canary.CauseStep && r.Analysis.Windows == 0:
		return v.L.T("canaries.why.done", "canary", r.Spec.Canary)
	case r.Phase == canary.Succeeded && r.Cause == canary.CauseStep:
		return v.L.T("canaries.why.succeeded", "canary", r.Spec.Canary, "windows", r.Analysis.Windows)
	case r.Cause != canary.CauseStep:
		return r.Why
	case r.Phase == canary.Pending:
		return v.L.T("canaries.why.pending")
	case r.Phase == canary.Promoting:
		return v.L.T("canaries.why.promoting", "canary", r.Spec.Canary)
	case r.Step >= len(r.Spec.Steps):
		return r.Why
	}
	return v.stepping(r)
}

// guilt is what canary was given up for.
func (v view) guilt(r canary.Rollout, why judge.Reason) string {
	key := "canaries.why.evidence"
	if why.Rule == judge.RuleFloor {
		key = "canaries.why.floor"
	}
	verdict := r.Analysis.Verdict
	return v.L.T(key, "canary", r.Spec.Canary, "stable", r.Spec.Stable, "bad", v.badWords(why.Metric, why.Boundary),
		"c", v.L.Ratio(why.Canary.Ratio), "cn", v.L.Count(int64(why.Canary.Requests+0.5)),
		"s", v.L.Ratio(why.Stable.Ratio), "sn", v.L.Count(int64(why.Stable.Requests+0.5)),
		"e", eText(verdict.Abort), "bound", eText(verdict.Bound), "floor", v.L.Ratio(why.Bound))
}

// badWords names what a metric counts.
func (v view) badWords(metric string, boundary float64) string {
	if metric == judge.Latency {
		return v.L.T("canaries.bad.slow", "time", v.L.Latency(boundary))
	}
	return v.L.T("canaries.bad.errors")
}

// stepping says what the step under way does, and what an analysis still lacks.
func (v view) stepping(r canary.Rollout) string {
	at := []any{"step", r.Step + 1, "steps", len(r.Spec.Steps), "canary", r.Spec.Canary, "weight", v.L.Percent(r.Weight)}
	switch s := r.Spec.Steps[r.Step]; {
	case s.SetWeight != nil:
		return v.L.T("canaries.why.weight", append(at, "to", v.L.Percent(*s.SetWeight))...)
	case s.Pause != nil && s.Pause.Duration == 0:
		return v.L.T("canaries.why.gate", at...)
	case s.Pause != nil:
		until := r.Since.Add(duration(s.Pause.Duration))
		if r.Until != nil {
			until = *r.Until
		}
		return v.L.T("canaries.why.pause", append(at, "clock", v.L.Clock(until))...)
	}
	said := v.L.T("canaries.why.analysis", at...)
	if missing := v.missing(r); missing != "" {
		said += " " + missing
	}
	return said
}

// missing is the first thing that keeps canary from advancing.
func (v view) missing(r canary.Rollout) string {
	for _, why := range r.Analysis.Verdict.Why {
		switch why.Rule {
		case judge.RuleRequests:
			return v.L.T("canaries.missing.requests", "n", v.L.Count(int64(why.Log+0.5)), "least", v.L.Count(int64(why.Bound+0.5)))
		case judge.RuleSound:
			return v.L.T("canaries.missing.sound", "bad", v.badWords(why.Metric, why.Boundary), "e", eText(why.Log), "bound", eText(why.Bound))
		case judge.RuleHeld:
			return v.L.T("canaries.missing.held")
		case judge.RuleUnknown:
			return v.L.T("canaries.missing.unknown", "bad", v.badWords(why.Metric, why.Boundary))
		}
	}
	return ""
}

// rolloutFacts are what holds of a rollout besides.
func (v view) rolloutFacts(r canary.Rollout) []page.RolloutFact {
	fact := func(key, value, about string) page.RolloutFact {
		return page.RolloutFact{Key: key, Name: v.L.T("canaries.fact." + key), Value: value, About: about}
	}
	facts := []page.RolloutFact{
		fact("weight", v.L.Percent(r.Weight), v.L.T("canaries.fact.weight.about", "stable", r.Spec.Stable)),
		fact("began", v.Ago(r.At), r.Author+said(r.Reason)),
		fact("windows", v.L.Count(int64(r.Analysis.Windows)), v.L.T("canaries.fact.windows.about", "n", r.Analysis.Dropped, "interval", v.L.Length(duration(r.Spec.Analysis.Interval)))),
	}
	if r.Active() && r.Analysis.Detect > 0 {
		facts = append(facts, fact("detect", v.L.T("canaries.about", "time", v.L.Age(duration(r.Analysis.Detect))), v.L.T("canaries.fact.detect.about")))
	}
	if m := r.Analysis.Verdict.Metrics; len(m) > 0 && m[0].Meter.Windows > 0 {
		facts = append(facts, fact("meter", "φ "+strconv.FormatFloat(m[0].Noise, 'f', 2, 64),
			v.L.T("canaries.fact.meter.about", "alarms", m[0].Meter.Alarms, "windows", m[0].Meter.Windows)))
	}
	if s := r.Analysis.Split; s != nil && len(s.Shares) == 2 {
		seen := s.Shares[1].Seen
		about := v.L.T("canaries.fact.split.agrees", "low", v.L.Ratio(seen.Low), "high", v.L.Ratio(seen.High))
		if s.Contradicted {
			about = v.L.T("canaries.fact.split.contradicts", "wanted", v.L.Ratio(s.Shares[1].Wanted))
		}
		facts = append(facts, fact("split", v.L.Ratio(seen.Ratio), about))
	}
	if r.Attempt > 1 {
		facts = append(facts, fact("attempt", strconv.Itoa(r.Attempt), ""))
	}
	return facts
}

func said(reason string) string {
	if reason == "" {
		return ""
	}
	return ": " + reason
}

// arms compares both versions in every metric that both have.
func (v view) arms(r canary.Rollout) []page.ArmFigure {
	guilty := make(map[float64]bool)
	if r.Analysis.Verdict.Outcome == judge.Abort {
		for _, why := range r.Analysis.Verdict.Why {
			guilty[why.Boundary] = true
		}
	}
	var list []page.ArmFigure
	for _, e := range r.Analysis.Verdict.Metrics {
		if e.Windows == 0 {
			continue
		}
		f := page.ArmFigure{
			Name: v.badWords(e.Metric, e.Boundary), Guilty: guilty[e.Boundary], Evidence: v.L.T("canaries.e", "e", eText(e.Abort)),
			Top: max(e.Stable.High, e.Canary.High, 0.001) * 1.05,
		}
		for i, arm := range []struct {
			name string
			rate judge.Rate
		}{{r.Spec.Stable, e.Stable}, {r.Spec.Canary, e.Canary}} {
			a := arm.rate
			f.Arms = append(f.Arms, page.Arm{
				Name: arm.name, Series: i, Ratio: a.Ratio, Low: a.Low, High: a.High, Known: a.Requests > 0, Text: v.L.Ratio(a.Ratio),
				Range: v.L.T("canaries.range", "low", v.L.Ratio(a.Low), "high", v.L.Ratio(a.High)), Requests: v.L.Count(int64(a.Requests + 0.5)),
			})
		}
		list = append(list, f)
	}
	return list
}

// evidencePlot is the course of the evidence.
func evidencePlot(verdict judge.Verdict) page.EvidencePlot {
	p := page.EvidencePlot{Bound: verdict.Bound, BoundText: eText(verdict.Bound), AbortNow: eText(verdict.Abort), AdvanceNow: eText(verdict.Advance)}
	for _, point := range verdict.History {
		p.Points = append(p.Points, page.EvidencePoint{
			At: point.At, Abort: point.Abort, Advance: point.Advance, AbortText: eText(point.Abort), AdText: eText(point.Advance),
		})
	}
	return p
}
