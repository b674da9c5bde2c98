package canary

import (
	"fmt"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// Facts are what a decision rests on beside the rollout itself, whose Analysis and Hooks are up to date.
type Facts struct {
	Held     Held
	Gone     string   // why there is no Held, in words; empty: there is
	Setter   string   // who set Held last, in words
	Delivery Delivery // of the rollout's newest change
}

// Held is a rollout's target as the mesh has it.
type Held struct {
	Targets []mesh.WeightedTarget
	Version int64
	Change  string // entry of the ledger that set it last
}

// Delivery is how far a change has come.
type Delivery struct {
	At       time.Time // when every proxy had answered; zero: not yet
	Acked    int
	Total    int
	Rejected []string // refusals, in the proxies' own words
}

// Do is what has to be done.
type Do string

// What can have to be done. Send tries the rollout's Move, which has been recorded before.
const (
	Wait Do = "wait" // nothing
	Save Do = "save" // the rollout is another one now
	Send Do = "send" // its Move has to go through the door
)

// Action is what a rollout does next.
type Action struct {
	Do      Do
	Rollout Rollout
}

// guardRetry is the pause before guard rails are asked again.
const guardRetry = 5 * time.Second

// Next says what a rollout does next. It takes one step at a time: ask again after the action is done.
func Next(r Rollout, f Facts, now time.Time) Action {
	switch {
	case !r.Active():
		return Action{Wait, r}
	case f.Gone != "":
		return Action{Save, r.lost(f.Gone, now)}
	case !has(f.Held.Targets, r.Spec.Stable) || !has(f.Held.Targets, r.Spec.Canary):
		return Action{Save, r.lost(fmt.Sprintf("%s does not lead to both %s and %s any more", r.Spec.Target, r.Spec.Stable, r.Spec.Canary), now)}
	case r.RetryAt != nil && now.Before(*r.RetryAt):
		return wait(r, f, now)
	case r.Move != nil:
		return Action{Send, r}
	case r.Phase == Aborted:
		return r.restore(f)
	}
	if next, ok := r.outside(f, now); ok {
		return Action{Save, next}
	}
	if r.Outside {
		return Action{Wait, r}
	}
	if cause, why, ok := r.against(f); ok {
		return Action{Save, r.aborted(cause, why, now)}
	}
	if r.Programmed == nil && r.Change != "" && !f.Delivery.At.IsZero() {
		r.Programmed = &f.Delivery.At
		return Action{Save, r}
	}
	switch r.Phase {
	case Pending:
		return r.pending(now)
	case Progressing:
		return r.progress(f, now)
	case Paused:
		return r.paused(now)
	case Promoting:
		return r.finish(f, now)
	}
	return Action{Wait, r}
}

// wait is for a rollout whose change was refused: evidence does not wait for guard rails.
func wait(r Rollout, f Facts, now time.Time) Action {
	if r.Phase.Over() || r.Move != nil {
		return Action{Wait, r}
	}
	if cause, why, ok := r.against(f); ok {
		r.RetryAt = nil
		return Action{Save, r.aborted(cause, why, now)}
	}
	return Action{Wait, r}
}

// outside notices that somebody else moved the weights.
func (r Rollout) outside(f Facts, now time.Time) (Rollout, bool) {
	if r.Outside || sameShares(f.Held.Targets, r.Targets) {
		return r, false
	}
	if r.Phase != Paused && r.Phase != Inconclusive {
		r.From, r.PausedAt = r.Phase, &now
	}
	r.Phase, r.Gate, r.Outside, r.Cause, r.Until = Paused, true, true, CauseOutside, nil
	who := f.Setter
	if who == "" {
		who = "somebody else"
	}
	r.Why = fmt.Sprintf("the weights of %s were set outside of the rollout, by %s: resume goes on from there, abort gives stable everything", r.Spec.Target, who)
	return r, true
}

// against looks for what speaks against canary.
func (r Rollout) against(f Facts) (Cause, string, bool) {
	if len(f.Delivery.Rejected) > 0 && r.Programmed == nil && r.Change != "" {
		return CauseRejected, "proxies refused the change: " + mesh.Shorten(f.Delivery.Rejected[0]), true
	}
	if v := r.Analysis.Verdict; v.Outcome == judge.Abort {
		return CauseEvidence, "canary is worse than stable: " + explain(v), true
	}
	for i, m := range r.Analysis.Checks {
		if i < len(r.Spec.Analysis.Metrics) && m.Failed >= r.Spec.Analysis.Metrics[i].FailureLimit {
			return CauseCheck, fmt.Sprintf("%s failed %d times in a row: %s", m.Name, m.Failed, m.Message), true
		}
	}
	for _, h := range r.Hooks {
		switch {
		case h.Type == HookRollback && h.OK:
			return CauseHook, fmt.Sprintf("webhook %s asked for it", h.Name), true
		case (h.Type == HookPreRollout || h.Type == HookRollout) && h.Failed >= hookFailureLimit:
			return CauseHook, fmt.Sprintf("webhook %s failed %d times in a row: %s", h.Name, h.Failed, h.Message), true
		}
	}
	return "", "", false
}

// pending waits for the gates before the first weight.
func (r Rollout) pending(now time.Time) Action {
	for _, kind := range []string{HookConfirmRollout, HookPreRollout} {
		if why, ok := r.held(kind); ok {
			return r.because(CauseHook, why)
		}
	}
	return Action{Save, r.enter(0, now)}
}

// held says which gate of a kind has not been passed.
func (r Rollout) held(kind string) (why string, ok bool) {
	for _, w := range r.Spec.Webhooks {
		if w.Type != kind {
			continue
		}
		i := slices.IndexFunc(r.Hooks, func(h Called) bool { return h.Name == w.Name })
		if i < 0 {
			return "waits for webhook " + w.Name, true
		}
		if !r.Hooks[i].OK {
			return "webhook " + w.Name + " holds it: " + r.Hooks[i].Message, true
		}
	}
	return "", false
}

// because waits, and says why if that is new.
func (r Rollout) because(cause Cause, why string) Action {
	if r.Cause == cause && r.Why == why {
		return Action{Wait, r}
	}
	r.Cause, r.Why = cause, why
	return Action{Save, r}
}

// progress carries out the step under way.
func (r Rollout) progress(f Facts, now time.Time) Action {
	if why, ok := r.unreadable(); ok {
		return Action{Save, r.inconclusive(CauseCheck, why, now)}
	}
	step := r.Spec.Steps[r.Step]
	if step.SetWeight == nil {
		return r.analyse(now)
	}
	want := divide(r.Before, r.Spec.Stable, r.Spec.Canary, *step.SetWeight)
	switch {
	case !sameShares(want, r.Targets):
		return r.order(f, want, *step.SetWeight)
	case r.Change == "" || r.Programmed != nil:
		return Action{Save, r.enter(r.Step+1, now)}
	case now.Sub(r.Since) > time.Duration(r.Spec.Deadline):
		return Action{Save, r.inconclusive(CauseDeadline, "not every proxy has taken the weight: "+f.Delivery.words(), now)}
	}
	return Action{Wait, r}
}

func (d Delivery) words() string { return fmt.Sprintf("%d of %d have it", d.Acked, d.Total) }

// analyse goes on when the judge, every check and every gate let it.
func (r Rollout) analyse(now time.Time) Action {
	v := r.Analysis.Verdict
	switch {
	case v.Outcome == judge.Inconclusive:
		return Action{Save, r.inconclusive(CauseDeadline, "the evidence did not suffice in "+r.Spec.Deadline.String()+": "+explain(v), now)}
	case v.Outcome != judge.Advance:
		return Action{Wait, r}
	}
	for i, c := range r.Spec.Analysis.Metrics {
		if i >= len(r.Analysis.Checks) || !r.Analysis.Checks[i].OK {
			return r.because(CauseCheck, r.progressWords()+", waits for "+c.Name)
		}
	}
	if why, ok := r.held(HookRollout); ok {
		return r.because(CauseHook, r.progressWords()+", "+why)
	}
	return Action{Save, r.enter(r.Step+1, now)}
}

// unreadable says which check gave no value too often.
func (r Rollout) unreadable() (string, bool) {
	for _, m := range r.Analysis.Checks {
		if m.Errors >= maxErrorsInARow {
			return fmt.Sprintf("%s could not be read %d times in a row: %s", m.Name, m.Errors, m.Message), true
		}
	}
	return "", false
}

// paused waits for the end of a pause, or for gates.
func (r Rollout) paused(now time.Time) Action {
	switch {
	case r.Gate:
		return Action{Wait, r}
	case r.Step >= len(r.Spec.Steps):
		if why, ok := r.held(HookConfirmPromotion); ok {
			return r.because(CauseHook, "all steps are done, "+why)
		}
		return Action{Save, r.promoting(CauseStep, "all steps are done, canary gets everything", now)}
	case r.Until != nil && !now.Before(*r.Until):
		return Action{Save, r.enter(r.Step+1, now)}
	}
	return Action{Wait, r}
}

// finish moves the last weight.
func (r Rollout) finish(f Facts, now time.Time) Action {
	want := divide(r.Before, r.Spec.Stable, r.Spec.Canary, 100)
	switch {
	case !sameShares(want, r.Targets):
		return r.order(f, want, 100)
	case r.Change != "" && r.Programmed == nil:
		return Action{Wait, r}
	}
	r.Phase, r.Ended, r.Until, r.Gate = Succeeded, &now, nil, false
	r.Analysis.Outcome = judge.Successful
	r.Why = "canary " + r.Spec.Canary + " has all the traffic"
	return Action{Save, r}
}

// restore gives stable everything.
func (r Rollout) restore(f Facts) Action {
	base := f.Held.Targets
	if back := divide(r.Before, r.Spec.Stable, r.Spec.Canary, 0); sameShares(back, divide(base, r.Spec.Stable, r.Spec.Canary, 0)) {
		base = back
	} else {
		base = divide(base, r.Spec.Stable, r.Spec.Canary, 0)
	}
	if sameShares(base, f.Held.Targets) {
		r.Restoring, r.Targets, r.Weight = false, f.Held.Targets, 0
		return Action{Save, r}
	}
	return r.order(f, base, 0)
}
