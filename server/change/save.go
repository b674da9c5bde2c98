package change

import (
	"context"
	"errors"
	"time"

	"github.com/weirmesh/weir/server/lease"
	"github.com/weirmesh/weir/server/mesh"
)

// save writes the truths that the store does not know, all in one transaction: at once when they are final or everything
// is due, else once a second. What cannot be written is kept and tried again.
func (d *Door) save(ctx context.Context, now time.Time, everything bool) {
	due := d.open(func(e *entry) bool {
		final := e.programmed && e.observed && !e.failed
		return e.dirty && (everything || final || now.Sub(e.saved) >= saveEvery)
	})
	if len(due) == 0 {
		return
	}
	d.write.Lock() // so that nothing older is written after something newer
	defer d.write.Unlock()
	ctx, cancel := patient(ctx)
	defer cancel()
	err := d.saveAll(ctx, due, now)
	for try := 1; errors.Is(err, ErrMoved) && try < maxTries; try++ {
		// Somebody decided about one of them elsewhere.
		if err = d.refresh(ctx, due); err == nil {
			err = d.saveAll(ctx, due, now)
		}
	}
	if err != nil && !errors.Is(err, lease.ErrFenced) {
		d.log.Warn("changes' truths could not be saved, trying again", "changes", len(due), "error", err)
	}
}

// saveAll writes entries' truths. d.write is held.
func (d *Door) saveAll(ctx context.Context, due []*entry, now time.Time) error {
	list := make([]Change, len(due))
	d.mu.Lock()
	for i, e := range due {
		list[i] = e.change
		e.dirty, e.saved = false, now
	}
	d.mu.Unlock()
	err := d.store.Update(ctx, list...)
	d.mu.Lock()
	defer d.mu.Unlock()
	for i, e := range due {
		e.failed = err != nil
		e.dirty = e.dirty || e.failed
		if err == nil {
			e.stored = list[i]
			e.stored.Version++
			e.change.Version = e.stored.Version
		}
	}
	return err
}

// refresh reads entries again. One that the store does not have any more is forgotten. d.write is held.
func (d *Door) refresh(ctx context.Context, list []*entry) error {
	for _, e := range list {
		_, err := d.Change(ctx, e.id) // takes over what is newer
		if mesh.CodeOf(err) == mesh.NotFound {
			d.mu.Lock()
			delete(d.active, e.id)
			d.mu.Unlock()
		} else if err != nil {
			return err
		}
	}
	return nil
}

// forget drops the entries that can no longer move by themselves.
func (d *Door) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, e := range d.active {
		if e.programmed && e.observed && !e.dirty && e.change.State != Pending {
			d.drop(e)
		}
	}
}

// drop forgets an entry, but not what was told of it. d.mu is held.
func (d *Door) drop(e *entry) {
	delete(d.active, e.id)
	d.mention(e.stored)
}
