package change

import (
	"context"
	"time"

	"github.com/weirmesh/weir/server/lease"
)

// heardFor is how long a replica that only listens keeps an entry at hand whose truths never became final.
const heardFor = time.Hour

// Serve does what every replica has to do all the time, whoever follows the changes: it offers refused revisions to its
// provider again, and reads the store again when it is not known what that holds. It sleeps while there is neither, and
// ends with ctx.
func (d *Door) Serve(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-d.rouse:
		case <-timer.C:
		}
		d.settleDoubt(ctx)
		d.reapply(ctx, d.now())
		if d.unsettled() {
			timer.Reset(tick)
		} else {
			timer.Stop()
		}
	}
}

// attend makes Serve look.
func (d *Door) attend() {
	select {
	case d.rouse <- struct{}{}:
	default:
	}
}

// doubt notes that it is not known what the store holds. d.write is held.
func (d *Door) doubt() {
	d.unsure, d.asked = true, d.now()
	d.attend()
}

// settleDoubt reads the store again, at most once a second, when it is not known what it holds.
func (d *Door) settleDoubt(ctx context.Context) {
	d.write.Lock()
	defer d.write.Unlock()
	if !d.unsure || d.now().Sub(d.asked) < retryEvery {
		return
	}
	d.asked = d.now()
	ctx, cancel := patient(ctx)
	defer cancel()
	if err := d.resync(ctx); err != nil {
		d.log.Warn("what others changed could not be read, trying again", "error", err)
	}
}

// unsettled says whether Serve has something to try again.
func (d *Door) unsettled() bool {
	d.write.Lock()
	defer d.write.Unlock()
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.unsure || len(d.refused) > 0
}

// reapply offers refused revisions to the provider again.
func (d *Door) reapply(ctx context.Context, now time.Time) {
	d.mu.RLock()
	var due []string
	for name, at := range d.refused {
		if now.Sub(at) >= retryEvery {
			due = append(due, name)
		}
	}
	d.mu.RUnlock()
	for _, name := range due {
		d.write.Lock()
		d.apply(ctx, d.current(name))
		d.write.Unlock()
	}
	if len(due) > 0 {
		d.poke()
	}
}

// begin makes this process the one that follows the changes: it reads again what others did while it only listened. False:
// ctx ended first.
func (d *Door) begin(ctx context.Context) bool {
	for ctx.Err() == nil {
		err := d.takeOver(ctx)
		if err == nil {
			return true
		}
		d.log.Warn("the changes that have to be followed could not be read, trying again", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(retryEvery):
		}
	}
	return false
}

func (d *Door) takeOver(ctx context.Context) error {
	d.write.Lock()
	defer d.write.Unlock()
	ctx, cancel := patient(ctx)
	defer cancel()
	if err := d.resync(ctx); err != nil {
		return err
	}
	now := d.now()
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.active {
		if !e.restored && (e.stored.Version > 1 || now.Sub(e.begun) >= knownWithin) {
			e.resume(now)
		}
	}
	d.steward = true
	d.poke()
	return nil
}

// end writes what the store does not know yet, and makes this process one that only listens. What the store refuses since
// another replica has taken over is what that finds out for itself.
func (d *Door) end(ctx context.Context) {
	last, cancel := patient(ctx)
	if _, leased := lease.From(ctx); leased {
		last, cancel = context.WithTimeout(last, lastWithin)
	}
	defer cancel()
	d.save(last, d.now(), true)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.steward = false
	for _, e := range d.active {
		e.change, e.dirty, e.failed = e.stored, false, false
	}
}
