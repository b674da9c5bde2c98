package change

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weirmesh/weir/server/lease"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// refusedWithin is how long after a change a proxy's refusal takes it back: proxies that come back after a restart of
// theirs or of Weir's answer within it.
const refusedWithin = 2 * time.Minute

// refusedBy finds the proxy because of which a change is taken back without anybody asking: one that ran everything before
// and refuses this. A change that some proxies run and others do not is half applied, and it gets no better by waiting.
// What stays all the same: what takes something back, since nothing would be left to go back to; steps of rollouts, which are
// taken back by their controller; and what somebody recorded although a dry run had shown the proxies' refusal.
func refusedBy(c Change, now time.Time) (provider.Rejection, bool) {
	switch {
	case c.State != Kept && c.State != Pending, c.Undoes != "", c.Rollout != "", c.Note != "":
		return provider.Rejection{}, false
	case c.Programmed == nil, c.Accepted == nil, now.Sub(c.Accepted.At) > refusedWithin:
		return provider.Rejection{}, false
	case c.Override != "" && c.Plan != nil && len(c.Plan.Refused()) > 0:
		return provider.Rejection{}, false
	}
	for _, r := range c.Programmed.Rejected {
		if r.Caused {
			return r, true
		}
	}
	return provider.Rejection{}, false
}

// returnRefused takes back the changes that proxies refused.
func (d *Door) returnRefused(ctx context.Context, l *loop, now time.Time) {
	clock := d.elapsed()
	due := d.open(func(e *entry) bool {
		_, refused := refusedBy(e.change, now)
		return refused
	})
	for _, e := range due {
		id := e.id
		if failed, again := l.expired[id]; again && clock-failed < retryEvery {
			continue
		}
		c := d.newest(Change{ID: id})
		why, refused := refusedBy(c, now)
		if !refused {
			continue // somebody was quicker
		}
		err := d.returnOne(ctx, c, why)
		code := mesh.CodeOf(err)
		switch {
		case err == nil:
			delete(l.expired, id)
			d.log.Warn("change taken back, a proxy refused it", "change", id, "mesh", c.Mesh, "proxy", why.Proxy, "message", why.Message)
		case ctx.Err() != nil, errors.Is(err, lease.ErrFenced):
			return // Another replica does it from now on.
		case code == mesh.Unavailable, code == mesh.Internal:
			l.fail(id, clock)
			d.log.Warn("refused change could not be taken back, trying again", "change", id, "error", err)
		default:
			l.fail(id, clock)
			d.leaveRefused(ctx, id, now, err)
		}
	}
}

// fail remembers when something failed that is tried again.
func (l *loop) fail(id string, clock time.Duration) {
	if l.expired == nil {
		l.expired = make(map[string]time.Duration)
	}
	l.expired[id] = clock
}

// returnOne takes back a change that a proxy refused, all of it or nothing.
func (d *Door) returnOne(ctx context.Context, c Change, why provider.Rejection) error {
	takes := Undone
	if c.State == Pending {
		takes = Reverted
	}
	by := By{Author: "weir", Reason: mesh.Shorten(fmt.Sprintf("proxy %s refused it: %s", why.Proxy, why.Message))}
	_, err := d.pass(ctx, func(ctx context.Context) (draft, error) {
		t, err := d.reverse(ctx, c.ID, by, takes)
		t.unfit = true
		return t, err
	})
	return err
}

// leaveRefused notes that a refused change stays, and why: later changes build on it.
func (d *Door) leaveRefused(ctx context.Context, id string, now time.Time, cause error) {
	d.log.Warn("refused change cannot be taken back by itself after later changes", "change", id, "error", cause)
	d.write.Lock()
	defer d.write.Unlock()
	ctx, cancel := patient(ctx)
	defer cancel()
	_, err := d.alter(ctx, id, false, func(_ Record, c *Change) error {
		if _, refused := refusedBy(*c, now); !refused {
			return errSettled
		}
		c.Note = "a proxy refused it, and it could not be taken back: " + cause.Error()
		return nil
	})
	if err != nil && !errors.Is(err, lease.ErrFenced) {
		d.log.Warn("it could not be saved that a refused change stays, trying again", "change", id, "error", err)
	}
}
