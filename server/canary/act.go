package canary

import (
	"context"
	"errors"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

const (
	// tick is how often every rollout is looked at.
	tick = time.Second
	// saveEvery is how often evidence is recorded at most; decisions are at once.
	saveEvery = 5 * time.Second
	// patience is how long one use of the store or of the door may take.
	patience = 30 * time.Second
	// perTick bounds the actions of one look, so that nothing turns in a circle.
	perTick = 8
	// splitMargin is how far the traffic's division may be from the weights.
	splitMargin = 0.01
)

// Run carries the rollouts out until ctx ends, beginning with what the store has of them. What is under way then goes on
// with the next Run, here or on another replica.
func (c *Controller) Run(ctx context.Context) error {
	c.carrying.Store(true)
	defer c.carrying.Store(false)
	timer := time.NewTicker(tick)
	defer timer.Stop()
	defer c.asking.Wait()
	c.begin(ctx)
	for {
		for _, t := range c.all() {
			c.asking.Go(func() {
				if t.mu.TryLock() { // else it is being moved on, and looked at again in a moment
					defer t.mu.Unlock()
					c.look(ctx, t)
				}
			})
		}
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		case <-c.wake:
		}
	}
}

func (c *Controller) all() []*run {
	c.mu.RLock()
	defer c.mu.RUnlock()
	list := make([]*run, 0, len(c.active))
	for _, t := range c.active {
		list = append(list, t)
	}
	return list
}

// look brings one rollout up to date and carries out what it does next. t.mu is held.
func (c *Controller) look(ctx context.Context, t *run) {
	if ctx.Err() != nil || c.running(t.r.ID) != t {
		return
	}
	t.collect(c.now())
	for range perTick {
		f, err := c.facts(ctx, t)
		if err != nil {
			c.log.Warn("rollout cannot be looked at, trying again", "rollout", t.r.ID, "error", err)
			return
		}
		now := c.now()
		c.measure(t, f, now)
		t.r.Analysis.Verdict = t.judge.Verdict(now)
		a := Next(t.r, f, now)
		if a.Do == Wait {
			break
		}
		next := a.Rollout
		if a.Do == Send {
			next = c.send(ctx, t)
		}
		if err := c.save(ctx, t, next); err != nil {
			c.log.Warn("rollout could not be recorded, trying again", "rollout", t.r.ID, "error", err)
			return
		}
	}
	if !t.r.Active() {
		c.drop(t)
		c.enqueue(t, HookPostRollout)
		c.deliver(ctx, t)
		return
	}
	c.deliver(ctx, t)
	c.askAll(ctx, t)
	if t.fresh && c.now().Sub(t.saved) >= saveEvery {
		if err := c.save(ctx, t, t.r); err != nil {
			c.log.Warn("evidence could not be recorded, trying again", "rollout", t.r.ID, "error", err)
		}
		return
	}
	t.show()
}

// facts looks at the mesh and at how far the newest change has come.
func (c *Controller) facts(ctx context.Context, t *run) (Facts, error) {
	held, err := c.o.Hands.Held(t.r.Mesh, t.r.Spec.Target)
	if mesh.CodeOf(err) == mesh.NotFound {
		return Facts{Gone: err.Error()}, nil
	}
	if err != nil {
		return Facts{}, err
	}
	f := Facts{Held: held}
	if !sameShares(held.Targets, t.r.Targets) && t.r.Move == nil {
		f.Setter = c.o.Hands.Setter(ctx, held.Change)
	}
	if t.r.Change != "" && t.r.Programmed == nil && !t.r.Phase.Over() {
		if f.Delivery, err = c.o.Hands.State(ctx, t.r.Change); err != nil {
			return Facts{}, err
		}
	}
	return f, nil
}

// send takes the rollout's move through the door.
func (c *Controller) send(ctx context.Context, t *run) Rollout {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	change, err := c.o.Hands.Move(ctx, Order{
		Move: *t.r.Move, Mesh: t.r.Mesh, Target: t.r.Spec.Target, Rollout: t.r.ID, Author: "canary rollout " + t.r.ID,
	})
	if err != nil {
		c.log.Warn("rollout could not move its weights", "rollout", t.r.ID, "weight", t.r.Move.Weight, "error", err)
		return t.r.unmoved(err, c.now())
	}
	return t.r.moved(change, c.now())
}

// save records the rollout as it is to be, with the evidence, and lets readers see it. t.mu is held. After an error it
// is as it was, unless another process has it.
func (c *Controller) save(ctx context.Context, t *run, next Rollout) error {
	before := t.r
	c.turn(t, before, &next)
	next.Version = before.Version + 1
	data, err := t.evidence()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := c.o.Store.UpdateRollout(ctx, next, data); err != nil {
		return c.recover(ctx, t, err)
	}
	t.r, t.saved, t.fresh = next, c.now(), false
	if turned(before, next) {
		c.publish(t, next)
		c.enqueue(t, HookEvent)
	}
	t.show()
	return nil
}

// recover reads a rollout again that is recorded in another version than the one known: the answer to an earlier update
// was lost, or another replica recorded something.
func (c *Controller) recover(ctx context.Context, t *run, cause error) error {
	if mesh.CodeOf(cause) != mesh.Conflict {
		return cause
	}
	before := t.r.Version
	if err := c.reread(ctx, t); err != nil {
		return errors.Join(cause, err)
	}
	if t.r.Version != before {
		return errors.Join(cause, errOvertaken)
	}
	return cause
}

// errOvertaken says that a rollout was recorded in another version meanwhile, which is known now.
var errOvertaken = errors.New("it is known now what was recorded")

// turned says whether somebody should be told.
func turned(a, b Rollout) bool {
	return a.Phase != b.Phase || a.Step != b.Step || a.Weight != b.Weight || a.Cause != b.Cause || a.Gate != b.Gate ||
		a.Attempt != b.Attempt || a.Restoring != b.Restoring
}

// turn does what belongs to a turn of the rollout: a new weight has its own evidence for advancing, and the time of an
// analysis begins with it.
func (c *Controller) turn(t *run, before Rollout, next *Rollout) {
	now := c.now()
	warm := now.Add(time.Duration(next.Spec.Analysis.Warmup))
	switch {
	case !sameShares(before.Targets, next.Targets), before.Outside != next.Outside, before.Phase == Pending && next.Phase != Pending:
		t.sample.restart(warm)
		t.split = nil
	case before.Programmed == nil && next.Programmed != nil && !next.Phase.Over() && next.Phase != Promoting: // what it was promoted for stays
		t.sample.restart(warm)
		t.split = newSplit(*next)
		t.judge.Step(now)
		next.Analysis.Checks, next.Analysis.Split = nil, nil
		c.forecast(next)
	}
	if next.Step != before.Step && next.Step < len(next.Spec.Steps) && next.Spec.Steps[next.Step].Analysis != nil {
		t.judge.Extend(now.Sub(t.judge.Verdict(now).Began)) // pauses before it do not count
	}
	if !next.Phase.Over() {
		next.Analysis.Verdict = t.judge.Verdict(now)
		if next.Phase != Inconclusive {
			next.Analysis.Outcome = next.Analysis.Verdict.Result
		}
	}
}

// newSplit begins to test whether the traffic follows the weights.
func newSplit(r Rollout) *judge.Split {
	s, err := judge.NewSplit(judge.SplitConfig{
		Wanted: []float64{float64(weightOf(r.Targets, r.Spec.Stable)), float64(weightOf(r.Targets, r.Spec.Canary))}, Margin: splitMargin,
	})
	if err != nil {
		return nil // both weights are zero, and there is no traffic to test
	}
	return s
}

// judged says whether what the arms do now is evidence.
func (r Rollout) judged() bool {
	both := weightOf(r.Targets, r.Spec.Canary) > 0 && weightOf(r.Targets, r.Spec.Stable) > 0
	switch r.Phase {
	case Progressing, Paused, Inconclusive:
		return both && !r.Outside && r.Move == nil && (r.Change == "" || r.Programmed != nil)
	}
	return false
}

// measure adds a window to the evidence when one has passed.
func (c *Controller) measure(t *run, f Facts, now time.Time) {
	a := t.r.Spec.Analysis
	if f.Gone != "" || !t.r.judged() || !sameShares(f.Held.Targets, t.r.Targets) || !t.sample.due(now, time.Duration(a.Interval)) {
		return
	}
	counts, err := c.o.Evidence.Counts(Arms{Mesh: t.r.Mesh, Target: t.r.Spec.Target, Stable: t.r.Spec.Stable, Canary: t.r.Spec.Canary})
	if err != nil {
		t.r.Notes = note(t.r.Notes, "the traffic could not be counted: "+err.Error())
		return
	}
	open := t.sample.prev != nil
	w, ok := t.sample.add(counts, time.Duration(a.Warmup))
	if !ok {
		if open {
			t.r.Analysis.Dropped++
		}
		return
	}
	if ahead := t.judge.Last().Sub(w.From); ahead > 0 { // the clock was set back; windows still follow each other
		w.From, w.To = w.From.Add(ahead), w.To.Add(ahead)
	}
	if err := t.judge.Add(w); err != nil {
		c.log.Warn("a window of a rollout was refused", "rollout", t.r.ID, "error", err)
		t.r.Analysis.Dropped++
		return
	}
	t.r.Analysis.Windows++
	t.fresh = true
	if t.split == nil || t.split.Add([]float64{w.Stable.Requests, w.Canary.Requests}) != nil {
		return
	}
	v, before := t.split.Verdict(), t.r.Analysis.Split
	t.r.Analysis.Split = &v
	if v.Contradicted && (before == nil || !before.Contradicted) {
		t.r.Notes = note(t.r.Notes, splitWords(t.r, v))
	}
}
