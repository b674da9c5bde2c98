package journal

import (
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/canary/judge"
)

// rollouts knows how each rollout was last told.
type rollouts map[string]stood

// stood is where a rollout stood.
type stood struct {
	phase   canary.Phase
	weight  int
	outcome judge.Result
	held    bool // by guard rails
}

// take gives the events of a rollout as it is now: how it turned since it was last taken. A rollout that began before the
// process did is not told as it stands, only as it turns.
func (t rollouts) take(r canary.Rollout, begun, now time.Time) []Event {
	was, known := t[r.ID]
	is := stood{r.Phase, r.Weight, r.Analysis.Outcome, r.Cause == canary.CauseGuard}
	if r.Active() {
		t[r.ID] = is
	} else {
		delete(t, r.ID)
	}
	if !known && r.At.Before(begun) && r.Active() {
		return nil
	}
	var list []Event
	add := func(kind Kind, severity Severity, what string) {
		list = append(list, Event{
			At: now.UTC(), Mesh: r.Mesh, Kind: kind, Subject: r.Spec.Target.Path(), Severity: severity, What: what, Detail: r.Why,
			With:   map[string]string{"canary": r.Spec.Canary, "target": r.Spec.Target.Name, "weight": strconv.Itoa(r.Weight)},
			Change: r.Change, Rollout: r.ID,
		}.said())
	}
	if !known && !r.At.Before(begun) {
		add(KindRollout, Info, "rollout.began")
	}
	if what, severity := verdictOf(is.outcome); what != "" && was.outcome != is.outcome {
		add(KindVerdict, severity, what)
	}
	if is.held && !was.held {
		add(KindGuard, Warning, "guard.holds")
	}
	switch what, severity := phaseOf(r); {
	case was.phase != is.phase && what != "":
		add(KindRollout, severity, what)
	case was.weight != is.weight && is.phase == canary.Progressing:
		add(KindRollout, Info, "rollout.step")
	}
	return list
}

func verdictOf(o judge.Result) (what string, severity Severity) {
	switch o {
	case judge.Successful:
		return "verdict.successful", Info
	case judge.Failed, judge.Error:
		return "verdict.failed", Problem
	case judge.ResultInconclusive:
		return "verdict.inconclusive", Warning
	default:
		return "", Info
	}
}

// phaseOf gives the sentence that a phase begins with; steps have their own.
func phaseOf(r canary.Rollout) (what string, severity Severity) {
	switch r.Phase {
	case canary.Pending, canary.Progressing:
		return "", Info
	case canary.Paused:
		if r.Gate {
			return "rollout.paused", Warning
		}
		return "", Info // the next step comes by itself
	case canary.Aborted:
		return "rollout.aborted", Problem
	case canary.Inconclusive:
		return "rollout.inconclusive", Warning
	default:
		return "rollout." + strings.ToLower(string(r.Phase)), Info
	}
}
