package judge

import (
	"cmp"
	"math"
	"slices"
	"time"
)

// decide looks whether the evidence has reached a bound, after a window that ended at.
func (j *Judge) decide(at time.Time) {
	if d := j.state.Decided; d != nil && d.Outcome == Abort {
		return
	}
	if why, ok := j.floor(); ok {
		j.state.Decided = &decision{Outcome: Abort, At: at, Why: why}
		return
	}
	if j.abort() >= j.config.bound() {
		j.state.Decided = &decision{Outcome: Abort, At: at, Why: j.guilty()}
		return
	}
	late := at.Sub(j.state.Began) > j.state.Allowed
	if j.state.Decided == nil && !late && j.ready() {
		j.state.Decided = &decision{Outcome: Advance, At: at, Why: j.sound()}
	}
}

// Verdict says what is to be done at now. It changes nothing and may be asked at any time.
func (j *Judge) Verdict(now time.Time) Verdict {
	v := Verdict{
		Outcome: Continue, At: now, Bound: j.config.bound(), Requests: j.state.Requests, Windows: j.state.Windows,
		Abort: j.abort(), Advance: j.advance(), Began: j.state.Began, Until: j.state.Began.Add(j.state.Allowed),
		History: j.state.History.points(),
	}
	for i := range j.streams {
		v.Metrics = append(v.Metrics, j.evidence(&j.streams[i]))
	}
	switch d := j.state.Decided; {
	case d != nil:
		v.Outcome, v.At, v.Why = d.Outcome, d.At, slices.Clone(d.Why)
	case now.Sub(j.state.Began) > j.state.Allowed:
		v.Outcome = Inconclusive
		v.Why = append([]Reason{{Rule: RuleDeadline}}, j.missing()...)
	default:
		v.Why = j.missing()
	}
	v.Result = v.Outcome.Result()
	return v
}

// evidence is what a stream says.
func (j *Judge) evidence(s *stream) Evidence {
	return Evidence{
		Metric: s.metric(), Boundary: s.Boundary, Weight: j.weight(s), Windows: s.Windows,
		Abort: s.Worse.log(), Advance: s.Sound.log(s.Boundary > 0), Stable: rate(s.Stable), Canary: rate(s.Canary),
		Noise: s.Noise.phi(0), Temper: s.Lambda,
		Meter: Meter{
			Windows: s.Meter.Windows, Alarms: s.Meter.Alarms, Raw: s.Meter.Raw,
			Log: average(&s.Meter.Tempered), Noise: s.Within.phiIfAny(0),
		},
	}
}

func (s *stream) metric() string {
	if s.Boundary > 0 {
		return Latency
	}
	return Errors
}

// reason is about a stream.
func (j *Judge) reason(s *stream, rule Rule, log float64) Reason {
	return Reason{
		Rule: rule, Metric: s.metric(), Boundary: s.Boundary, Log: log, Bound: j.config.bound(),
		Stable: rate(s.Stable), Canary: rate(s.Canary),
	}
}

// guilty gives the metrics that the evidence for aborting is of, the most first: each with what it adds to the average,
// down to a hundredth of the most.
func (j *Judge) guilty() []Reason {
	var all []Reason
	for i := range j.streams {
		s := &j.streams[i]
		all = append(all, j.reason(s, RuleEvidence, math.Log(j.weight(s))+s.Worse.log()))
	}
	slices.SortStableFunc(all, func(a, b Reason) int { return cmp.Compare(b.Log, a.Log) })
	least := all[0].Log - math.Log(100)
	return slices.DeleteFunc(all, func(r Reason) bool { return r.Log < least })
}

// sound gives every metric with the evidence that canary is sound in it.
func (j *Judge) sound() []Reason {
	var all []Reason
	for i := range j.streams {
		s := &j.streams[i]
		all = append(all, j.reason(s, RuleSound, s.Sound.log(s.Boundary > 0)))
	}
	return all
}

// ready says that nothing is missing.
func (j *Judge) ready() bool {
	return j.state.Requests >= j.config.MinRequests && j.advance() >= j.config.bound() && j.abort() < j.config.bound()/2
}

// missing gives what keeps canary from advancing; empty when nothing does.
func (j *Judge) missing() []Reason {
	var missing []Reason
	if j.state.Requests < j.config.MinRequests {
		missing = append(missing, Reason{Rule: RuleRequests, Log: j.state.Requests, Bound: j.config.MinRequests})
	}
	for i := range j.streams {
		s := &j.streams[i]
		switch log := s.Sound.log(s.Boundary > 0); {
		case s.Windows == 0 && j.state.Windows > 0:
			missing = append(missing, j.reason(s, RuleUnknown, log))
		case log < j.config.bound():
			missing = append(missing, j.reason(s, RuleSound, log))
		}
	}
	// Evidence of half the bound (as logarithms) for aborting: an operator would not raise the weight now.
	if log := j.abort(); log >= j.config.bound()/2 {
		missing = append(missing, Reason{Rule: RuleHeld, Log: log, Bound: j.config.bound() / 2})
	}
	return missing
}

// keepRecent keeps the newest windows that the floor looks at: as few as hold the requests it asks for.
func (j *Judge) keepRecent(w Window) {
	kept := slices.Concat(j.state.Recent, []recent{{Stable: w.Stable.errors(), Canary: w.Canary.errors()}})
	requests := 0.0
	first := len(kept)
	for first > 0 && requests < j.config.Floor.Requests && len(kept)-first < maxPoints {
		first--
		requests += kept[first].Canary.N
	}
	j.state.Recent = slices.Clone(kept[first:])
}

// floor says whether canary failed so badly lately that it must go now.
func (j *Judge) floor() (why []Reason, ok bool) {
	var stable, canary tally
	for _, r := range j.state.Recent {
		stable.add(r.Stable)
		canary.add(r.Canary)
	}
	if canary.N < j.config.Floor.Requests || canary.ratio() <= j.config.Floor.Ratio || stable.ratio() >= canary.ratio()/2 {
		return nil, false
	}
	return []Reason{{
		Rule: RuleFloor, Metric: Errors, Log: j.streams[0].Worse.log(), Bound: j.config.Floor.Ratio,
		Stable: rate(stable), Canary: rate(canary),
	}}, true
}

// Outcome says what the newest window came to, without a deadline: Abort, Advance or Continue.
func (j *Judge) Outcome() Outcome {
	if j.state.Decided == nil {
		return Continue
	}
	return j.state.Decided.Outcome
}
