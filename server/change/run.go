package change

import (
	"context"
	"reflect"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

const (
	// tick is how often truths are looked at while any is open. Proxies' answers wake Run at once.
	tick = 250 * time.Millisecond
	// saveEvery is how often an entry whose truths keep moving is written to the store.
	saveEvery = time.Second
	// retryEvery is the pause before a refused revision, or a failed revert, is tried again.
	retryEvery = time.Second
	// knownWithin is how long the provider may take to know a revision it has accepted.
	knownWithin = 5 * time.Second
	// joinWithin is how long a revision that no connected proxy needed is followed all the same, since the first proxies
	// may connect a moment after the first revision.
	joinWithin = time.Minute
	// returnWithin is how long proxies may take to come back after a restart before the truth of before it stays.
	returnWithin = 5 * time.Minute
)

// lastWithin is how long the last save may take of a replica that has to let go of its lease.
const lastWithin = time.Second

// Run follows every change until its truths are final and its deadline is over, and reverts what nobody confirmed. It
// sleeps while there is nothing to follow. It ends with ctx, after writing what the store does not know yet. Of several
// replicas one runs it at a time, under a lease that its context carries; it may run again later.
func (d *Door) Run(ctx context.Context) error {
	changed, stop := d.provider.Watch()
	defer stop()
	if !d.begin(ctx) {
		return nil
	}
	defer d.end(ctx)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var l loop
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-d.wake:
		case <-timer.C:
		}
		d.look(ctx, &l)
		if next, ok := d.nextLook(); ok {
			timer.Reset(next)
		} else {
			timer.Stop()
		}
	}
}

// loop is what Run remembers from one look to the next.
type loop struct {
	counted time.Time                // when the traffic was last looked at
	expired map[string]time.Duration // when taking an entry back last failed, by the clock that does not jump
}

// look does everything that is due.
func (d *Door) look(ctx context.Context, l *loop) {
	now := d.now()
	ticked := now.Sub(l.counted) >= tick
	d.followDelivery(now, ticked)
	if ticked {
		l.counted = now
		d.readBefore(now)
		d.followTraffic(now)
	}
	d.returnRefused(ctx, l, now)
	d.anchor(now)
	d.expireAll(ctx, l)
	d.save(ctx, now, false)
	d.forget()
}

// nextLook says how long Run may sleep; ok is false when only an event can bring something new.
func (d *Door) nextLook() (wait time.Duration, ok bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	for _, e := range d.active {
		if !e.programmed || !e.observed || e.dirty {
			return tick, true
		}
		if e.change.State == Pending {
			left := max(e.due-d.elapsed(), tick/5)
			if !ok || left < wait {
				wait, ok = left, true
			}
		}
	}
	return wait, ok
}

// open lists the entries for which a condition holds.
func (d *Door) open(is func(*entry) bool) []*entry {
	d.mu.RLock()
	defer d.mu.RUnlock()
	var out []*entry
	for _, e := range d.active {
		if is(e) {
			out = append(out, e)
		}
	}
	return out
}

// followDelivery asks the provider how far each revision got. Overtaken revisions that no proxy needed, of which there are
// hundreds when many changes are made to a mesh that nobody runs, wait for the tick.
func (d *Door) followDelivery(now time.Time, ticked bool) {
	due := d.open(func(e *entry) bool {
		p := e.change.Programmed
		waits := p != nil && p.At != nil && p.Total == 0 && e.revision < d.meshes[e.mesh].Revision
		return !e.programmed && (ticked || !waits)
	})
	for _, e := range due {
		delivery, known := d.provider.Delivery(e.mesh, e.revision)
		d.mu.Lock()
		d.noteDelivery(e, delivery, known, now)
		d.mu.Unlock()
	}
}

// noteDelivery takes over the second truth. d.mu is held.
func (d *Door) noteDelivery(e *entry, got provider.Delivery, known bool, now time.Time) {
	if !known {
		// The revision is from before the provider's start: what is stored stays.
		if _, refused := d.refused[e.mesh]; !refused && now.Sub(e.begun) >= knownWithin {
			e.programmed, e.observed = true, true
		}
		return
	}
	before := e.change.Programmed
	if e.restored && before != nil && got.Total < before.Total {
		// After a restart the proxies have yet to come back; they are not fewer for that.
		if now.Sub(e.begun) >= returnWithin {
			e.programmed, e.observed = true, true
		}
		return
	}
	p := &Programmed{Acked: got.Acked, Total: got.Total, Rejected: got.Rejected}
	if p.Rejected == nil {
		p.Rejected = []provider.Rejection{}
	}
	if got.Done() && !got.At.IsZero() {
		at := got.At.UTC()
		p.At = &at
		e.programmed = got.Total > 0 || now.Sub(e.begun) >= joinWithin
	}
	if before == nil || !reflect.DeepEqual(*before, *p) {
		e.change.noteProgrammed(before, p, now)
		e.change.Programmed, e.dirty = p, true
		d.events.Publish(e.change)
	}
}

// followTraffic measures the changes that every proxy has.
func (d *Door) followTraffic(now time.Time) {
	counts := make(map[string][]mesh.EdgeCount)
	for _, e := range d.open(func(e *entry) bool { return !e.observed }) {
		since, over := d.measuring(e)
		if over {
			d.noteTraffic(e, nil, true, now)
			continue
		}
		if since.IsZero() {
			continue // not programmed yet
		}
		name := e.mesh
		if _, ok := counts[name]; !ok {
			counts[name] = d.traffic.Counts(name)
		}
		if e.meter == nil || !e.meter.since.Equal(since) {
			e.meter = &meter{plan: expect(e.edits, d.current(name).Mesh), since: since}
		}
		seen, done := e.meter.read(now, counts[name])
		d.readAfter(e, since, now)
		d.noteMeasured(e, counts[name])
		d.noteTraffic(e, seen, done, now)
	}
}

// measuring gives the moment since when an entry's traffic counts, zero when that has not come; over is true when there
// is nothing to measure or a later change has taken over.
func (d *Door) measuring(e *entry) (since time.Time, over bool) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	p := e.change.Programmed
	switch {
	case d.traffic == nil, e.replaced, e.programmed && (p == nil || p.At == nil):
		return time.Time{}, true
	case p == nil, p.At == nil:
		return time.Time{}, false
	case e.restored:
		return later(*p.At, e.begun), false // the counters of before this process are not known
	}
	return *p.At, false
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// noteTraffic takes over the third truth.
func (d *Door) noteTraffic(e *entry, seen *Observed, done bool, now time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e.replaced {
		seen = nil // counted under a later change
	}
	if was := e.change.Observed; e.restored && seen != nil && seen.Agrees == nil && was != nil && was.Agrees != nil {
		seen = nil // what was found out before a restart stays until there is as much to say again
	}
	e.observed = e.observed || done
	if seen == nil {
		return
	}
	if refused := e.change.Programmed.Rejected; len(refused) > 0 && len(seen.Shares) == 0 {
		seen.Agrees, seen.Note = nil, refused[0].Proxy+" refused the change and runs what it had before"
	}
	seen.Before, seen.After = e.before, e.after
	if was := e.change.Observed; e.restored && was != nil {
		seen.Before, seen.After = first(seen.Before, was.Before), first(seen.After, was.After)
	}
	if e.change.Observed == nil || !reflect.DeepEqual(*e.change.Observed, *seen) {
		e.change.noteObserved(e.change.Observed, seen, now)
		e.change.Observed, e.dirty = seen, true
		d.events.Publish(e.change)
	}
}
