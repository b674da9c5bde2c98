package canary

import (
	"context"
	"time"

	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/mesh"
)

// Pause stops a rollout where it is until a person resumes it; evidence against canary aborts it all the same. Errors of
// this and the other verbs: mesh.NotFound; mesh.Conflict, in words, when the verb does not fit where the rollout stands;
// mesh.Unavailable when it could not be recorded.
func (c *Controller) Pause(ctx context.Context, id string, by By) (Rollout, error) {
	return c.verb(ctx, id, by, func(r Rollout, _ Held) (Rollout, error) { return r.pause(by, c.now()) })
}

// Resume goes on with a rollout that waits: after a pause with the next step, after somebody else's change of the weights
// from there, after an inconclusive analysis with as much time again.
func (c *Controller) Resume(ctx context.Context, id string, by By) (Rollout, error) {
	return c.verb(ctx, id, by, func(r Rollout, h Held) (Rollout, error) { return r.resume(by, h.Targets, c.now()) })
}

// Promote skips what is left, gates too, and gives canary everything.
func (c *Controller) Promote(ctx context.Context, id string, by By) (Rollout, error) {
	return c.verb(ctx, id, by, func(r Rollout, h Held) (Rollout, error) { return r.promote(by, h.Targets, c.now()) })
}

// Abort gives stable everything. The weights move a moment later.
func (c *Controller) Abort(ctx context.Context, id string, by By) (Rollout, error) {
	return c.verb(ctx, id, by, func(r Rollout, _ Held) (Rollout, error) { return r.abort(by, c.now()) })
}

// Retry begins an aborted or inconclusive rollout again from its first step, without the evidence so far.
func (c *Controller) Retry(ctx context.Context, id string, by By) (Rollout, error) {
	return c.verb(ctx, id, by, func(r Rollout, _ Held) (Rollout, error) {
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
	})
}

// verb applies a verb and records what it came to.
func (c *Controller) verb(ctx context.Context, id string, by By, do func(Rollout, Held) (Rollout, error)) (Rollout, error) {
	t, err := c.open(ctx, ident.Canonical(id))
	if err != nil {
		return Rollout{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	held, err := c.o.Hands.Held(t.r.Mesh, t.r.Spec.Target)
	if err != nil && mesh.CodeOf(err) != mesh.NotFound {
		return Rollout{}, err
	}
	before := t.r
	next, err := do(t.r, held)
	if err != nil || by.DryRun {
		return next, err
	}
	judged, split, sample := t.judge, t.split, t.sample
	if err := c.extend(t, next); err != nil {
		return Rollout{}, err
	}
	if err := c.save(ctx, t, next); err != nil {
		t.judge, t.split, t.sample = judged, split, sample
		return Rollout{}, err
	}
	if t.r.Active() {
		c.keep(t)
	}
	c.log.Info("somebody decided about a rollout", "rollout", next.ID, "author", by.Author, "was", string(before.Phase), "is", string(next.Phase), "why", next.Why)
	c.poke()
	return t.r, nil
}

// open finds a rollout, or reads one that is over.
func (c *Controller) open(ctx context.Context, id string) (*run, error) {
	if t := c.running(id); t != nil {
		return t, nil
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
