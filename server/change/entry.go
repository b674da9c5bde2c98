package change

import (
	"slices"
	"time"
)

// entry is a change whose truths are still being found out, or whose deadline is running. Door.mu guards all but what
// identifies it, which never changes, its edits, and meter.
type entry struct {
	id         string
	mesh       string
	revision   int64
	change     Change // as people see it: truths that are not recorded yet are in it
	stored     Change // as it was last recorded, as far as this process knows
	edits      []Edit
	programmed bool          // the second truth is final
	observed   bool          // the third truth is final
	replaced   bool          // a later change set the same objects: the traffic is not this one's any more
	restored   bool          // recorded before this process followed it
	meter      *meter        // only Run uses it
	begun      time.Time     // when it was made or heard of, in this process
	dirty      bool          // the store does not know the newest truths
	failed     bool          // the last attempt to tell it failed
	saved      time.Time     // when it was last attempted
	due        time.Duration // while Pending: the deadline by Door.elapsed
	before     *Reading      // the traffic before the change
	after      *Reading      // and after it was programmed
	looked     bool          // before was read, or there was nothing to read
}

func newEntry(r Record) *entry {
	return &entry{id: r.Change.ID, mesh: r.Change.Mesh, revision: r.Change.Accepted.Revision, change: r.Change, stored: r.Change, edits: r.Edits}
}

// fresh makes an entry of a record that was made a moment ago, here or elsewhere.
func (d *Door) fresh(r Record) *entry {
	e := newEntry(r)
	e.begun, e.saved = d.now(), d.now()
	if r.Change.State == Pending {
		e.due = d.elapsed() + r.Change.ConfirmBy.Sub(r.Change.At)
	}
	return e
}

// restore makes an entry of a record from earlier. What was known of it stays known.
func (d *Door) restore(r Record) *entry {
	e := newEntry(r)
	if r.Change.State == Pending {
		e.due = d.elapsed() + d.left(r.Change)
	}
	e.resume(d.now())
	return e
}

// resume begins to follow an entry that somebody else followed before.
func (e *entry) resume(now time.Time) {
	e.restored, e.looked, e.meter, e.begun, e.saved = true, true, nil, now, now
	e.programmed, e.observed = false, false
	if p := e.change.Programmed; p != nil && p.At != nil {
		e.programmed, e.observed = true, now.Sub(*p.At) > measureFor+settleFor
	}
}

// take takes over an entry as it is recorded now, unless that is known: what was decided is the store's, and truths that
// are not recorded yet are this process's, which alone finds them out.
func (e *entry) take(c Change) (moved bool) {
	if c.Version <= e.stored.Version {
		return false
	}
	if was := e.stored.ConfirmBy; c.State == Pending && was != nil && c.ConfirmBy != nil && extended(e.stored, c) {
		e.due += c.ConfirmBy.Sub(*was)
	}
	mine := e.change
	e.stored, e.change = c, c
	if e.dirty {
		e.change = mine.over(c)
	}
	return true
}

// extended says whether a deadline was moved because somebody gave more time, and not because a clock was set: what is left
// of it then is what it was.
func extended(was, c Change) bool {
	last := ""
	for _, m := range c.Timeline {
		if (m.What == "extended" || m.What == "clock") && !slices.Contains(was.Timeline, m) {
			last = m.What
		}
	}
	return last == "extended"
}

// over lays the truths of an entry over what is recorded of it.
func (c Change) over(recorded Change) Change {
	out := recorded
	out.Programmed, out.Observed, out.Plan = c.Programmed, c.Observed, c.Plan
	for _, m := range c.Timeline {
		if !slices.Contains(out.Timeline, m) {
			out.moved(m.At, m.What, m.Text)
		}
	}
	slices.SortStableFunc(out.Timeline, func(a, b Moment) int { return a.At.Compare(b.At) })
	return out
}

// newest gives an entry that was just read as it is in memory, if that is newer: the store may be a second behind. What
// another replica did to it meanwhile is taken over.
func (d *Door) newest(c Change) Change {
	d.mu.Lock()
	defer d.mu.Unlock()
	e, ok := d.active[c.ID]
	if !ok {
		return c
	}
	if e.take(c) {
		d.events.Publish(e.change)
		d.poke()
	}
	return e.change
}

// recorded takes over entries that this process has just written. d.write is held.
func (d *Door) recorded(list ...Change) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, c := range list {
		d.hear(c)
	}
}

// hear takes over and publishes what is recorded of an entry now, unless that is known. d.mu is held.
func (d *Door) hear(c Change) {
	if e, ok := d.active[c.ID]; ok {
		if e.take(c) {
			d.events.Publish(e.change)
		}
		return
	}
	if d.told[c.ID] < c.Version {
		d.mention(c)
		d.events.Publish(c)
	}
}

// maxTold bounds what is remembered of entries that are not followed.
const maxTold = 4096

// mention remembers that events were published of an entry. d.mu is held.
func (d *Door) mention(c Change) {
	if len(d.told) >= maxTold {
		clear(d.told)
	}
	d.told[c.ID] = c.Version
}
