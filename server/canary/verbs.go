package canary

import (
	"fmt"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// begin makes the rollout that a valid spec asks for.
func begin(id string, m mesh.Mesh, s Spec, by By, now time.Time) Rollout {
	targets := find(m, s.Target).targets
	return Rollout{
		ID: id, Mesh: m.Name, Spec: s, Author: by.Author, Reason: by.Reason, At: now, Phase: Pending, Since: now,
		Weight: int(exactShare(targets, s.Stable, s.Canary) + 0.5), Changes: []string{}, Attempt: 1,
		Before: targets, Targets: targets, Override: by.Override, Cause: CauseStep,
		Why: "is about to begin", Key: by.Key,
		Analysis: Finding{Outcome: judge.Running},
	}
}

// said adds who and their reason to a sentence.
func (b By) said(verb string) string {
	s := verb
	if b.Author != "" {
		s += " by " + b.Author
	}
	if b.Reason != "" {
		s += ": " + b.Reason
	}
	return s
}

// refuse is the answer to a verb that does not fit.
func (r Rollout) refuse(format string, args ...any) error {
	return mesh.Errorf(mesh.Conflict, "rollout %s of %s %s", r.ID, r.Spec.Target, fmt.Sprintf(format, args...))
}

// finished is the answer to a verb that comes too late.
func (r Rollout) finished(verb string) error {
	if r.Phase == Aborted {
		return r.refuse("cannot be %s: it was aborted, and stable has all the traffic; retry it to begin again from its first step", verb)
	}
	return r.refuse("cannot be %s: it has succeeded, and canary has all the traffic; undo its last change to go back", verb)
}

// pause stops the rollout where it is until a person resumes it. Evidence against canary aborts it all the same.
func (r Rollout) pause(by By, now time.Time) (Rollout, error) {
	switch {
	case r.Phase.Over():
		return r, r.finished("paused")
	case r.Phase == Promoting:
		return r, r.refuse("cannot be paused: its last weight is on its way to the proxies; abort it to go back")
	case r.Gate:
		return r, r.refuse("waits for a person already: %s", r.Why)
	}
	r.From, r.PausedAt = r.Phase, &now
	r.Phase, r.Gate, r.Cause, r.Why = Paused, true, CausePerson, by.said("paused")
	return r, nil
}

// resume goes on where the rollout waits: after a pause of its steps with the next one, after a person's or somebody
// else's change where it was, after an inconclusive analysis with another deadline for it.
func (r Rollout) resume(by By, held []mesh.WeightedTarget, now time.Time) (Rollout, error) {
	switch {
	case r.Phase.Over():
		return r, r.finished("resumed")
	case r.Phase != Paused && r.Phase != Inconclusive:
		return r, r.refuse("is not paused: it is %s", r.Phase)
	case r.Step >= len(r.Spec.Steps) && r.From == "" && !r.Outside:
		return r, r.refuse("%s: promote it to go past that", r.Why)
	}
	r = r.adopted(held)
	r.Override, r.RetryAt = by.Override, nil
	from := r.From
	if r.Phase == Inconclusive {
		r.Since = now
		r.Analysis.Checks = slices.Clone(r.Analysis.Checks)
		for i := range r.Analysis.Checks {
			r.Analysis.Checks[i].Errors = 0
		}
		r.Analysis.Outcome = judge.Running
	}
	r.From, r.Gate, r.PausedAt = "", false, nil
	r.Cause, r.Why = CausePerson, by.said("resumed")
	switch {
	case from == Pending:
		r.Phase = Pending
	case r.Step < len(r.Spec.Steps) && r.Spec.Steps[r.Step].Pause != nil:
		r = r.enter(r.Step+1, now)
	case r.Step >= len(r.Spec.Steps):
		r = r.enter(r.Step, now)
	default:
		r.Phase = Progressing
	}
	return r, nil
}

// promote skips what is left, gates too, and gives canary everything.
func (r Rollout) promote(by By, held []mesh.WeightedTarget, now time.Time) (Rollout, error) {
	switch {
	case r.Phase.Over():
		return r, r.finished("promoted")
	case r.Phase == Promoting:
		return r, r.refuse("is being promoted already")
	}
	r = r.adopted(held)
	r.Override = by.Override
	return r.promoting(CausePerson, by.said("promoted"), now), nil
}

// abort gives stable everything.
func (r Rollout) abort(by By, now time.Time) (Rollout, error) {
	switch {
	case r.Phase == Aborted:
		return r, r.refuse("was aborted already: %s", r.Why)
	case r.Phase.Over():
		return r, r.finished("aborted")
	}
	return r.aborted(CausePerson, by.said("aborted"), now), nil
}

// retry begins again from the first step, with no evidence.
func (r Rollout) retry(by By, m mesh.Mesh, now time.Time) (Rollout, error) {
	switch {
	case r.Phase != Aborted && r.Phase != Inconclusive:
		if r.Phase == Succeeded {
			return r, r.finished("retried")
		}
		return r, r.refuse("cannot be retried: it is %s; only one that was aborted or is inconclusive can", r.Phase)
	case r.Restoring:
		return r, r.refuse("is still giving the traffic back to stable: retry it in a moment")
	}
	held := find(m, r.Spec.Target)
	if !held.ok || !has(held.targets, r.Spec.Stable) || !has(held.targets, r.Spec.Canary) {
		return r, mesh.Errorf(mesh.NotFound, "rollout %s cannot be retried: %s with targets %s and %s is not there any more", r.ID, r.Spec.Target, r.Spec.Stable, r.Spec.Canary)
	}
	next := begin(r.ID, m, r.Spec, by, r.At)
	next.Author, next.Reason, next.Since, next.Version = r.Author, r.Reason, now, r.Version
	next.Key, next.Digest = r.Key, r.Digest
	next.Changes, next.Attempt = r.Changes, r.Attempt+1
	if r.Phase == Inconclusive {
		next.Before = adopt(r.Before, held.targets, r.Spec.Stable, r.Spec.Canary)
	}
	next.Cause, next.Why = CausePerson, by.said("retried")
	return next, nil
}

// adopted takes over the weights that somebody else set, when that is what the rollout waited for.
func (r Rollout) adopted(held []mesh.WeightedTarget) Rollout {
	if !r.Outside {
		return r
	}
	r.Outside = false
	r.Before = adopt(r.Before, held, r.Spec.Stable, r.Spec.Canary)
	r.Targets = held
	r.Weight = int(exactShare(held, r.Spec.Stable, r.Spec.Canary) + 0.5)
	return r
}
