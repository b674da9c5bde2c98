package canary

import (
	"context"
	"errors"
	"time"

	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/mesh"
)

// Verb is what a person can do with a rollout.
type Verb string

// The verbs.
const (
	VerbPause   Verb = "pause"   // stop where it is until a person resumes it; evidence against canary aborts it all the same
	VerbResume  Verb = "resume"  // go on: after a pause with the next step, after others moved the weights from there, after an inconclusive analysis with as much time again
	VerbPromote Verb = "promote" // skip what is left, gates too, and give canary everything
	VerbAbort   Verb = "abort"   // give stable everything; the weights move a moment later
	VerbRetry   Verb = "retry"   // begin an aborted or inconclusive one again from its first step, without the evidence so far
)

// Verbs lists the verbs, in the order in which they are offered.
func Verbs() []Verb { return []Verb{VerbPause, VerbResume, VerbPromote, VerbAbort, VerbRetry} }

// overtakes is how often a verb is tried again after another replica recorded something of the rollout first.
const overtakes = 5

// Do applies a verb and records what it came to. Errors: mesh.NotFound; mesh.Invalid for what is no verb; mesh.Conflict, in
// words, when the verb does not fit where the rollout stands; mesh.Unavailable when it could not be recorded.
func (c *Controller) Do(ctx context.Context, v Verb, id string, by By) (r Rollout, err error) {
	for range overtakes {
		if r, err = c.do(ctx, v, id, by); !errors.Is(err, errOvertaken) {
			break
		}
	}
	return r, err
}

func (c *Controller) do(ctx context.Context, v Verb, id string, by By) (Rollout, error) {
	t, held, err := c.hold(ctx, id)
	if err != nil {
		return Rollout{}, err
	}
	defer t.mu.Unlock()
	before := t.r
	next, err := c.apply(v, before, held, by)
	if err != nil || by.DryRun {
		return next, err
	}
	judged, split, sample := t.judge, t.split, t.sample
	if err := c.extend(t, next); err != nil {
		return Rollout{}, err
	}
	if err := c.save(ctx, t, next); err != nil {
		if !errors.Is(err, errOvertaken) {
			t.judge, t.split, t.sample = judged, split, sample
		}
		return Rollout{}, err
	}
	if t.r.Active() {
		c.keep(t)
	}
	c.log.Info("somebody decided about a rollout", "rollout", next.ID, "author", by.Author, "was", string(before.Phase), "is", string(next.Phase), "why", next.Why)
	c.poke()
	return t.r, nil
}

// Fits lists the verbs that fit where a rollout stands. Errors: mesh.NotFound, mesh.Unavailable.
func (c *Controller) Fits(ctx context.Context, id string) ([]Verb, error) {
	t, held, err := c.hold(ctx, id)
	if err != nil {
		return nil, err
	}
	defer t.mu.Unlock()
	var fit []Verb
	for _, v := range Verbs() {
		if _, err := c.apply(v, t.r, held, By{}); err == nil {
			fit = append(fit, v)
		}
	}
	return fit, nil
}

// hold opens a rollout, whose mutex is locked then unless there is an error, and reads its target.
func (c *Controller) hold(ctx context.Context, id string) (*run, Held, error) {
	t, err := c.open(ctx, ident.Canonical(id))
	if err != nil {
		return nil, Held{}, err
	}
	t.mu.Lock()
	held, err := c.o.Hands.Held(t.r.Mesh, t.r.Spec.Target)
	if err != nil && mesh.CodeOf(err) != mesh.NotFound {
		t.mu.Unlock()
		return nil, Held{}, err
	}
	return t, held, nil
}

// apply gives the rollout that a verb makes of another; nothing is recorded.
func (c *Controller) apply(v Verb, r Rollout, held Held, by By) (Rollout, error) {
	switch v {
	case VerbPause:
		return r.pause(by, c.now())
	case VerbResume:
		return r.resume(by, held.Targets, c.now())
	case VerbPromote:
		return r.promote(by, held.Targets, c.now())
	case VerbAbort:
		return r.abort(by, c.now())
	case VerbRetry:
		if r.Phase == Aborted { // another one may have begun meanwhile
			if other, held := c.Holds(r.Mesh, r.Spec.Target); held && other != r.ID {
				return r, mesh.Errorf(mesh.Conflict, "rollout %s cannot be retried: rollout %s is active on %s", r.ID, other, r.Spec.Target)
			}
		}
		m, err := c.o.Hands.Mesh(r.Mesh)
		if err != nil {
			return r, err
		}
		return r.retry(by, m, c.now())
	}
	return r, mesh.Errorf(mesh.Invalid, "rollout %s: %q is no verb: pause, resume, promote, abort or retry", r.ID, mesh.Shorten(string(v)))
}

// open finds a rollout, or reads one that is over. Who does not carry it out looks first how far it is.
func (c *Controller) open(ctx context.Context, id string) (*run, error) {
	if t := c.running(id); t != nil {
		if c.carrying.Load() {
			return t, nil
		}
		return t, c.Hear(ctx, id)
	}
	t, err := c.load(ctx, id)
	if mesh.CodeOf(err) == mesh.NotFound {
		return nil, mesh.Errorf(mesh.NotFound, "there is no rollout %q", mesh.Shorten(id))
	}
	return t, err
}

// extend gives the judge the time that a pause took, or another deadline; a retry begins with a judge that knows nothing.
func (c *Controller) extend(t *run, next Rollout) error {
	before := t.r
	if next.Attempt != before.Attempt {
		fresh, err := c.newRun(next)
		if err != nil {
			return err
		}
		t.judge, t.split, t.sample = fresh.judge, nil, sampler{}
		return nil
	}
	switch {
	case before.PausedAt == nil || next.PausedAt != nil || next.Phase.Over() || next.Step != before.Step:
	case before.Phase == Inconclusive:
		t.judge.Extend(c.now().Sub(*before.PausedAt) + time.Duration(before.Spec.Deadline))
	default:
		t.judge.Extend(c.now().Sub(*before.PausedAt))
	}
	return nil
}
