package canary

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// order makes the move to a weight.
func (r Rollout) order(f Facts, want []mesh.WeightedTarget, weight int) Action {
	r.RetryAt = nil
	r.Move = &Move{
		Key: r.key(), Base: f.Held.Version, Weight: weight, Targets: want, Override: r.Override,
		Reason: fmt.Sprintf("%s %d %%: %s", r.Spec.Canary, weight, r.Why),
	}
	r.Move.Back = r.Phase == Aborted
	return Action{Save, r}
}

// key names a step's change.
func (r Rollout) key() string {
	step := fmt.Sprintf("step/%d", r.Step)
	switch r.Phase {
	case Promoting:
		step = "promote"
	case Aborted:
		step = "abort"
	}
	return fmt.Sprintf("rollout/%s/%s/%d/%d", r.ID, step, r.Attempt, len(r.Changes))
}

// moved notes that the door took the move, as a change. A change that was not needed has none.
func (r Rollout) moved(change string, now time.Time) Rollout {
	r.Weight, r.Targets = r.Move.Weight, r.Move.Targets
	r.Move, r.RetryAt, r.Override, r.Restoring = nil, nil, "", false
	r.Programmed, r.Change = nil, change
	if change == "" {
		r.Programmed = &now
	} else if !slices.Contains(r.Changes, change) {
		r.Changes = append(slices.Clone(r.Changes), change)
	}
	if r.Cause == CauseGuard || r.Cause == CauseStore {
		r.Cause = CauseStep
		r.Why = r.progressWords()
	}
	return r
}

// unmoved notes that the door did not take the move.
func (r Rollout) unmoved(err error, now time.Time) Rollout {
	again := now.Add(guardRetry)
	r.RetryAt = &again
	code := mesh.CodeOf(err)
	if code != mesh.Unavailable && code != mesh.Internal {
		r.Move = nil // it was not recorded, and never will be
	}
	switch {
	case code == mesh.Conflict: // somebody was faster: look again at once
		r.RetryAt = nil
		return r
	case r.Phase == Aborted:
		// Why says why it was aborted; that the weights are not back yet is said beside it.
		r.Notes = note(r.Notes, "the weights could not be given back yet, it is tried again: "+err.Error())
		return r
	case code == mesh.Denied:
		r.Cause, r.Why = CauseGuard, "guard rails stand in the way, it is tried again: "+err.Error()
	case code == mesh.Unavailable || code == mesh.Internal:
		r.Cause, r.Why = CauseStore, "the change could not be recorded, it is tried again: "+err.Error()
	default:
		r.From, r.PausedAt = r.Phase, &now
		r.Phase, r.Gate, r.Cause, r.Why = Paused, true, CauseStore, "the change was refused: "+err.Error()
	}
	return r
}

// note adds a sentence once.
func note(notes []string, sentence string) []string {
	if slices.Contains(notes, sentence) || len(notes) >= 20 {
		return notes
	}
	return append(slices.Clone(notes), sentence)
}

// enter begins a step.
func (r Rollout) enter(step int, now time.Time) Rollout {
	r.Step, r.Since, r.Until, r.Gate, r.From, r.PausedAt = step, now, nil, false, "", nil
	r.Phase, r.Cause = Progressing, CauseStep
	if step >= len(r.Spec.Steps) {
		r.Phase, r.Why = Paused, "all steps are done" // Next looks for gates
		return r
	}
	r.Why = r.progressWords()
	if p := r.Spec.Steps[step].Pause; p != nil {
		r.Phase = Paused
		if r.Gate = p.Duration == 0; !r.Gate {
			until := now.Add(time.Duration(p.Duration))
			r.Until = &until
		}
	}
	return r
}

// progressWords says what the step under way does.
func (r Rollout) progressWords() string {
	if r.Step >= len(r.Spec.Steps) || r.Phase == Promoting {
		return "canary gets everything"
	}
	at := fmt.Sprintf("step %d of %d", r.Step+1, len(r.Spec.Steps))
	switch s := r.Spec.Steps[r.Step]; {
	case s.SetWeight != nil:
		return fmt.Sprintf("%s: canary gets %d %%", at, *s.SetWeight)
	case s.Pause == nil:
		return fmt.Sprintf("%s: canary is judged at %d %%", at, r.Weight)
	case s.Pause.Duration == 0:
		return at + ": waits for somebody to resume it"
	default:
		return at + ": pauses for " + s.Pause.Duration.String()
	}
}

func (r Rollout) promoting(cause Cause, why string, now time.Time) Rollout {
	r.Phase, r.Step, r.Since, r.Until, r.Gate = Promoting, len(r.Spec.Steps), now, nil, false
	r.From, r.PausedAt, r.RetryAt, r.Cause, r.Why = "", nil, nil, cause, why
	r.Move = nil // one that was never taken; what was taken stays
	return r
}

// aborted gives up on canary. Its weights go back with the next actions, unless none ever moved and nothing speaks
// against what was there before.
func (r Rollout) aborted(cause Cause, why string, now time.Time) Rollout {
	r.Restoring = cause == CauseEvidence || len(r.Changes) > 0 || r.Move != nil || r.Outside
	r.Phase, r.Until, r.Gate, r.Ended = Aborted, nil, false, &now
	r.From, r.PausedAt, r.RetryAt, r.Move, r.Outside = "", nil, nil, nil, false
	r.Cause, r.Why = cause, why
	if cause != CausePerson {
		r.Analysis.Outcome = judge.Failed
	}
	return r
}

// inconclusive leaves the weights and asks a person.
func (r Rollout) inconclusive(cause Cause, why string, now time.Time) Rollout {
	r.Phase, r.Gate, r.Until, r.PausedAt = Inconclusive, true, nil, &now
	r.Cause, r.Why = cause, why+": resume goes on looking, promote or abort decides, retry begins again"
	r.Analysis.Outcome = judge.ResultInconclusive
	if cause == CauseCheck {
		r.Analysis.Outcome = judge.Error
	}
	return r
}

// lost ends a rollout that has nothing to move any more.
func (r Rollout) lost(why string, now time.Time) Rollout {
	if r.Phase == Aborted { // what it was aborted for stays
		r.Restoring, r.Move, r.Notes = false, nil, note(r.Notes, why)
		return r
	}
	r = r.aborted(CauseGone, strings.TrimSuffix(why, ".")+": the rollout ended without moving a weight", now)
	r.Restoring = false
	r.Analysis.Outcome = judge.Error
	return r
}
