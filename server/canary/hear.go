package canary

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Hear takes over what another replica recorded of a rollout; an empty id means that everything has to be read again. What
// this one recorded itself is no news. Error: mesh.Unavailable when the store cannot be read.
func (c *Controller) Hear(ctx context.Context, id string) error {
	if id == "" {
		return c.reload(ctx)
	}
	t := c.running(id)
	if t == nil {
		return c.meet(ctx, id)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return c.reread(ctx, t)
}

// meet takes on a rollout that began elsewhere, or became active again there.
func (c *Controller) meet(ctx context.Context, id string) error {
	t, err := c.load(ctx, id)
	if err != nil {
		if mesh.CodeOf(err) == mesh.NotFound {
			return nil
		}
		return err
	}
	if t.r.Active() {
		c.keep(t)
		c.poke()
	}
	c.publish(t, t.r)
	return nil
}

// reload reads every rollout that is active, here or in the store.
func (c *Controller) reload(ctx context.Context) error {
	list, err := c.o.Store.Rollouts(ctx, Query{Active: true, Limit: 10_000})
	if err != nil {
		return fmt.Errorf("load the rollouts: %w", err)
	}
	ids := make(map[string]bool, len(list))
	for _, r := range list {
		ids[r.ID] = true
	}
	for _, t := range c.all() {
		ids[t.newest.Load().ID] = true
	}
	var errs []error
	for id := range ids {
		errs = append(errs, c.Hear(ctx, id))
	}
	return errors.Join(errs...)
}

// reread takes over the recorded version of a run if it is another one than the one known. t.mu is held.
func (c *Controller) reread(ctx context.Context, t *run) error {
	r, evidence, err := c.o.Store.Rollout(ctx, t.r.ID)
	if err != nil {
		return err
	}
	if r.Version != t.r.Version {
		c.adopt(t, r, evidence)
	}
	return nil
}

// adopt makes a run what was recorded of it elsewhere. The evidence of the last seconds, which was not recorded, is lost.
// t.mu is held.
func (c *Controller) adopt(t *run, r Rollout, evidence json.RawMessage) {
	before := t.r
	t.r, t.fresh = r, false
	if err := t.restore(evidence); err != nil {
		c.log.Error("the evidence of a rollout is lost", "rollout", r.ID, "error", err)
	}
	if r.Attempt != before.Attempt || !sameShares(before.Targets, r.Targets) {
		c.warm(t)
	}
	t.r.Analysis.Verdict = t.judge.Verdict(c.now())
	t.show()
	if r.Active() {
		c.keep(t)
	} else if !c.carrying.Load() { // who carries it out has something left to tell
		c.drop(t)
	}
	if turned(before, r) {
		c.publish(t, t.r)
		if c.carrying.Load() {
			c.enqueue(t, HookEvent)
		}
	}
	c.poke()
}

// warm has a run's windows begin anew: what was counted before is of another time. t.mu is held.
func (c *Controller) warm(t *run) {
	t.sample = sampler{halves: t.sample.halves}
	t.sample.restart(c.now().Add(time.Duration(t.r.Spec.Analysis.Warmup)))
}

// begin reads what is to be carried out, until it is known or ctx ends.
func (c *Controller) begin(ctx context.Context) {
	for err := c.reload(ctx); err != nil; err = c.reload(ctx) {
		c.log.Warn("rollouts cannot be read, trying again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(tick):
		}
	}
	for _, t := range c.all() {
		t.mu.Lock()
		c.warm(t)
		t.mu.Unlock()
	}
}
