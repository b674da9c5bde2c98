package change

import (
	"context"
	"errors"
	"time"
)

// expireEvery is how often proposals are looked for whose time is over.
const expireEvery = 15 * time.Second

// maxExpiring is how many proposals that wait are looked at at a time.
const maxExpiring = 1000

// Expire writes down, and tells of, every proposal whose time is over. One that somebody decided about meanwhile stays decided.
func (d *Door) Expire(ctx context.Context) error {
	if d.approvals == nil {
		return nil
	}
	found, err := d.approvals.Approvals(ctx, ApprovalQuery{State: ApprovalWaiting, Limit: maxExpiring})
	if err != nil {
		return err
	}
	var errs []error
	for _, a := range found {
		a, err := d.standing(a)
		if err == nil && a.State != ApprovalExpired {
			continue
		}
		if err == nil {
			err = d.approvals.DecideApproval(ctx, a)
		}
		switch {
		case errors.Is(err, ErrDecided):
		case err != nil:
			errs = append(errs, err)
		default:
			d.log.Info("proposal expired", "proposal", a.ID, "mesh", a.Mesh, "author", a.Author)
			d.motions.Publish(a)
		}
	}
	return errors.Join(errs...)
}

// RunExpiry writes down what expired until ctx ends. One replica does it at a time.
func (d *Door) RunExpiry(ctx context.Context) error {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		if err := d.Expire(ctx); err != nil && ctx.Err() == nil {
			d.log.Warn("proposals that expired cannot be written down, trying again", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}
