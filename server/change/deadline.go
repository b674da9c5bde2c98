package change

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirmesh/weir/server/lease"
	"github.com/weirmesh/weir/server/mesh"
)

// drift is how far the clock of the wall may be off what a deadline was said to be before it is said anew.
const drift = 2 * time.Second

// left is how much of a deadline is left that was set in an earlier process. Only the clock of the wall is known of it: one
// that was set back since then does not prolong it: it is not earlier than the newest moment that the entry has.
func (d *Door) left(c Change) time.Duration {
	now := d.now()
	for _, m := range c.Timeline {
		if m.At.After(now) {
			now = m.At
		}
	}
	return min(c.ConfirmBy.Sub(now), c.ConfirmBy.Sub(c.At), maxConfirm)
}

// anchor says deadlines anew after somebody set the clock: what is left of them stays what it was.
func (d *Door) anchor(now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.active {
		if e.change.State != Pending {
			continue
		}
		by := now.Add(e.due - d.elapsed()).UTC().Truncate(time.Millisecond)
		if off := by.Sub(*e.change.ConfirmBy); off > -drift && off < drift {
			continue
		}
		left := max(e.due-d.elapsed(), 0).Round(time.Second)
		e.change.moved(now, "clock", fmt.Sprintf("%v left", left))
		e.change.ConfirmBy, e.dirty = &by, true
		d.log.Warn("the clock was set while a change waits for its confirmation: its deadline keeps the time that was left", "change", e.change.ID, "left", left)
		d.events.Publish(e.change)
	}
}

// Confirm keeps a change that would be reverted at its deadline. Confirming a kept change again is no error. Errors:
// mesh.NotFound; mesh.Conflict when it was taken back or its deadline has passed.
func (d *Door) Confirm(ctx context.Context, id string, by By) (Change, error) {
	return d.decide(ctx, id, by, func(c *Change, left time.Duration) error {
		switch {
		case c.State == Kept:
			return errSettled
		case c.State != Pending:
			return mesh.Errorf(mesh.Conflict, "change %s cannot be confirmed: it is %s already%s", c.ID, c.State, byChange(*c))
		case left <= 0:
			return mesh.Errorf(mesh.Conflict, "change %s cannot be confirmed: its deadline was %s, it is being reverted", c.ID, stamp(*c.ConfirmBy))
		}
		c.State, c.ConfirmBy, c.ConfirmedBy = Kept, nil, by.Author
		c.moved(d.now(), string(Kept), by.Author)
		return nil
	})
}

// Extend moves the deadline of a change that waits for its confirmation to within later, at most to 24 h from now. Errors:
// mesh.NotFound; mesh.Invalid; mesh.Conflict when it does not wait any more.
func (d *Door) Extend(ctx context.Context, id string, by By, within time.Duration) (Change, error) {
	if within < minConfirm || within > maxConfirm {
		return Change{}, mesh.Errorf(mesh.Invalid, "a deadline is extended by %v to %v, not by %v", minConfirm, maxConfirm, within)
	}
	return d.decide(ctx, id, by, func(c *Change, left time.Duration) error {
		switch {
		case c.State != Pending:
			return mesh.Errorf(mesh.Conflict, "change %s has no deadline to extend: it is %s%s", c.ID, c.State, byChange(*c))
		case left <= 0:
			return mesh.Errorf(mesh.Conflict, "change %s cannot be extended: its deadline was %s, it is being reverted", c.ID, stamp(*c.ConfirmBy))
		case left+within > maxConfirm:
			return mesh.Errorf(mesh.Invalid, "change %s would wait for %v: at most %v, confirm it or extend it by less",
				c.ID, (left + within).Round(time.Second), maxConfirm)
		}
		until := c.ConfirmBy.Add(within)
		c.ConfirmBy = &until
		c.moved(d.now(), "extended", fmt.Sprintf("%s, %v", by.Author, within))
		return nil
	})
}

// errSettled says that there is nothing to decide any more and that this is no error.
var errSettled = errors.New("it is so already")

func byChange(c Change) string {
	if c.UndoneBy == "" {
		return ""
	}
	return ", by change " + c.UndoneBy
}

// decide lets somebody settle or move a deadline, one at a time: of two who decide at once the second is told what the
// first did. left is what is left of the deadline by the clock that nobody sets.
func (d *Door) decide(ctx context.Context, id string, by By, settle func(c *Change, left time.Duration) error) (Change, error) {
	d.write.Lock()
	defer d.write.Unlock()
	ctx, cancel := patient(ctx)
	defer cancel()
	done := false
	c, err := d.alter(ctx, id, by.DryRun, func(r Record, c *Change) error {
		if err := d.allow(ctx, d.current(c.Mesh).Mesh, r.Edits); err != nil {
			return err
		}
		err := settle(c, d.remaining(*c))
		done = err == nil
		return err
	})
	if err == nil && done && !by.DryRun {
		d.log.Info("change settled", "change", c.ID, "state", c.State, "deadline", c.ConfirmBy, "author", by.Author, "reason", by.Reason)
	}
	return c, err
}

// alter replaces what may change in an entry. What another replica did to it meanwhile stays: then it is looked at again.
// d.write is held.
func (d *Door) alter(ctx context.Context, id string, dry bool, how func(r Record, c *Change) error) (Change, error) {
	for try := 1; ; try++ {
		r, err := d.record(ctx, id)
		if err != nil {
			return Change{}, err
		}
		c := r.Change
		err = how(r, &c)
		switch {
		case errors.Is(err, errSettled):
			return c, nil
		case err != nil:
			return Change{}, err
		case dry:
			c.DryRun = true
			return c, nil
		}
		err = d.store.Update(ctx, c)
		switch {
		case err == nil:
			c.Version++
			d.recorded(c)
			d.poke()
			return c, nil
		case !errors.Is(err, ErrMoved):
			d.doubt()
			return Change{}, err
		case try == maxTries:
			return Change{}, err
		}
	}
}

// remaining is what is left of an entry's deadline, zero when it has none.
func (d *Door) remaining(c Change) time.Duration {
	if c.State != Pending {
		return 0
	}
	d.mu.RLock()
	defer d.mu.RUnlock()
	if e, ok := d.active[c.ID]; ok {
		return e.due - d.elapsed()
	}
	return d.left(c)
}

// expireAll reverts the changes whose deadline has passed.
func (d *Door) expireAll(ctx context.Context, l *loop) {
	clock := d.elapsed()
	for _, e := range d.open(func(e *entry) bool { return e.change.State == Pending && clock >= e.due }) {
		if failed, again := l.expired[e.id]; again && clock-failed < retryEvery {
			continue
		}
		c := d.newest(Change{ID: e.id})
		if c.State != Pending || d.remaining(c) > 0 {
			continue // somebody was quicker
		}
		err := d.expire(ctx, c)
		if err == nil {
			delete(l.expired, c.ID)
			d.log.Info("change reverted, nobody confirmed it", "change", c.ID, "mesh", c.Mesh)
			continue
		}
		if ctx.Err() != nil || errors.Is(err, lease.ErrFenced) {
			return // Another replica does it from now on.
		}
		if c = d.newest(c); c.State != Pending || d.remaining(c) > 0 {
			continue // somebody was quicker after all
		}
		l.fail(c.ID, clock)
		if code := mesh.CodeOf(err); code == mesh.Unavailable || code == mesh.Internal {
			d.log.Warn("change could not be reverted, trying again", "change", c.ID, "error", err)
			continue
		}
		d.log.Warn("change cannot be reverted by itself after later changes", "change", c.ID, "error", err)
		d.giveUp(ctx, c.ID, err)
	}
}

// expire reverts a change whose deadline has passed. What later changes set stays, and the entries say so; if that is
// everything, or if the rest cannot be taken back by itself, the entry is superseded: nothing of it is left to decide about.
func (d *Door) expire(ctx context.Context, c Change) error {
	by := By{Author: "weir", Reason: "not confirmed by " + stamp(*c.ConfirmBy)}
	_, err := d.pass(ctx, func(ctx context.Context) (draft, error) {
		t, err := d.reverse(ctx, c.ID, by, Reverted)
		if err == nil && d.remaining(d.newest(c)) > 0 {
			err = mesh.Errorf(mesh.Unavailable, "change %s was given more time", c.ID)
		}
		if err != nil {
			return draft{}, err
		}
		current := d.current(c.Mesh)
		t.Patch = mesh.Patch{}
		for _, e := range t.undoes {
			if current.Versions[e.Ref] == e.Version {
				t.takeBack(e)
				continue
			}
			delete(t.pins, e.Ref)
			said, err := d.whoChanged(ctx, e.Ref, current)
			if err != nil {
				return draft{}, err
			}
			t.leave(said)
		}
		return t, nil
	})
	return err
}

// leave notes what is not taken back.
func (t *draft) leave(said string) {
	const most = 1000 // bytes
	switch {
	case t.note == "":
		t.note = "left as it is: " + said
	case len(t.note) < most:
		t.note += "; " + said
	}
}

// giveUp closes an entry that nobody confirmed and that cannot be reverted without breaking what came after it.
func (d *Door) giveUp(ctx context.Context, id string, cause error) {
	d.write.Lock()
	defer d.write.Unlock()
	ctx, cancel := patient(ctx)
	defer cancel()
	_, err := d.alter(ctx, id, false, func(_ Record, c *Change) error {
		if c.State != Pending || d.remaining(*c) > 0 {
			return errSettled
		}
		c.State = Superseded
		c.Note = "nobody confirmed it, and it could not be taken back: " + cause.Error()
		c.moved(d.now(), string(Superseded), "")
		return nil
	})
	if err != nil && !errors.Is(err, lease.ErrFenced) {
		d.log.Warn("it could not be saved that a change stays, trying again", "change", id, "error", err)
	}
}
