package change

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirmesh/weir/server/lease"
	"github.com/weirmesh/weir/server/mesh"
)

const (
	// maxTries is how often something is tried again because another replica was first.
	maxTries = 50
	// maxMissed is how many revisions of a mesh are taken over one after the other; who missed more reads it whole.
	maxMissed = 200
	// maxMeshes bounds how many meshes are looked at.
	maxMeshes = 1_000_000
)

// Hear takes over what was written to the store: the entry of an ID, which is new or whose state or truths moved, with all
// that its mesh missed before it. It is to be called for everything that any replica writes; of what this process knows it is
// cheap and does nothing. An empty ID says that something was missed: then everything is read again. Error: mesh.Unavailable;
// then Serve reads everything again once the store answers.
func (d *Door) Hear(ctx context.Context, id string) error {
	ctx, cancel := patient(ctx)
	defer cancel()
	if id == "" {
		d.write.Lock()
		defer d.write.Unlock()
		return d.resync(ctx)
	}
	found, err := d.store.Records(ctx, Query{ID: id, Limit: 1, NoEdits: true})
	if err == nil && (len(found) == 0 || d.knows(found[0].Change)) {
		return nil
	}
	d.write.Lock()
	defer d.write.Unlock()
	if err == nil {
		_, err = d.catchUp(ctx, found[0].Change.Mesh, true)
	}
	if err != nil {
		d.doubt()
		return err
	}
	d.recorded(found[0].Change)
	d.sweep()
	d.poke()
	return nil
}

// knows says whether an entry is known as it was just read.
func (d *Door) knows(c Change) bool {
	d.mu.RLock()
	defer d.mu.RUnlock()
	if d.meshes[c.Mesh].Revision < c.Accepted.Revision {
		return false
	}
	if e, ok := d.active[c.ID]; ok {
		return e.stored.Version >= c.Version
	}
	return d.told[c.ID] >= c.Version
}

// sweep drops the entries whose truths another replica has found out.
func (d *Door) sweep() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.steward {
		return
	}
	now := d.now()
	for _, e := range d.active {
		p := e.change.Programmed
		final := p != nil && p.At != nil && now.Sub(*p.At) > 2*(measureFor+settleFor)
		if e.change.State != Pending && (final || now.Sub(e.begun) > heardFor) {
			d.drop(e)
		}
	}
}

// outrun says whether a draft is to be tried again after err, since another replica was first and what it did is known
// now: nobody is told of a conflict that is none. Told is the error otherwise. d.write is held.
func (d *Door) outrun(ctx context.Context, t draft, err error, try int) (again bool, told error) {
	code := mesh.CodeOf(err)
	_, held := errors.AsType[*Held](err)
	switch {
	case held, errors.Is(err, lease.ErrFenced), err == nil && !t.DryRun:
		return false, err
	case err != nil && (code == mesh.Unavailable || code == mesh.Internal):
		return false, err
	case try >= maxTries && t.refused:
		return false, mesh.Errorf(mesh.Unavailable, "mesh %s is being changed by others all the time, and nothing was recorded: try again", t.Mesh)
	case try >= maxTries:
		return false, err
	}
	var moved bool
	var failed error
	if t.Mesh == "" { // it did not get that far
		moved, failed = d.catchUpAll(ctx, true)
	} else {
		moved, failed = d.catchUp(ctx, t.Mesh, true)
	}
	if failed == nil && !moved && t.refused && errors.Is(err, ErrStale) {
		failed = d.reload(ctx, t.Mesh) // what is in memory is not what it was made of
	}
	if failed != nil {
		d.doubt()
		return false, failed
	}
	return moved || t.refused, err
}

// resync takes over all that the store holds and this process does not know. d.write is held.
func (d *Door) resync(ctx context.Context) (err error) {
	defer func() {
		if d.unsure = err != nil; d.unsure {
			d.doubt()
		}
	}()
	if _, err := d.catchUpAll(ctx, false); err != nil {
		return err
	}
	return d.reread(ctx)
}

// catchUpAll takes over what others recorded of any mesh; moved says whether there was anything. d.write is held.
func (d *Door) catchUpAll(ctx context.Context, live bool) (moved bool, err error) {
	heads, err := d.store.Records(ctx, Query{Heads: true, NoEdits: true, Limit: maxMeshes})
	if err != nil {
		return false, fmt.Errorf("read the newest changes: %w", err)
	}
	gone := make(map[string]bool, len(d.heads))
	for name := range d.heads {
		gone[name] = true
	}
	for _, r := range heads {
		c := r.Change
		delete(gone, c.Mesh)
		if top := d.heads[c.Mesh]; top.id == c.ID && d.current(c.Mesh).Revision == c.Accepted.Revision {
			continue
		}
		moved = true
		if _, err := d.catchUp(ctx, c.Mesh, live); err != nil {
			return moved, err
		}
		if top := d.heads[c.Mesh]; top.revision < c.Accepted.Revision || top.revision == c.Accepted.Revision && top.id != c.ID {
			if err := d.reload(ctx, c.Mesh); err != nil {
				return moved, err
			}
		}
	}
	for name := range gone { // the database is an earlier one
		was := d.heads[name]
		if err := d.reload(ctx, name); err != nil {
			return moved, err
		}
		moved = moved || d.heads[name] != was
	}
	return moved, nil
}

// reread reads the entries again that may still move, and those that wait and are not known. d.write is held.
func (d *Door) reread(ctx context.Context) error {
	if err := d.refresh(ctx, d.open(func(*entry) bool { return true })); err != nil {
		return err
	}
	pending, err := d.store.Records(ctx, Query{State: Pending, Limit: 10_000})
	if err != nil {
		return fmt.Errorf("read the pending changes: %w", err)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, r := range pending {
		if _, known := d.active[r.Change.ID]; !known {
			d.active[r.Change.ID] = d.restore(r)
			d.events.Publish(r.Change)
		}
	}
	d.poke()
	return nil
}

// catchUp takes over the revisions of a mesh that others recorded; moved says whether there were any. Live says that they
// were recorded a moment ago. d.write is held.
func (d *Door) catchUp(ctx context.Context, name string, live bool) (moved bool, err error) {
	now := d.current(name)
	records, err := d.store.Records(ctx, Query{Mesh: name, AfterRevision: now.Revision, Oldest: true, Limit: maxMissed})
	if err != nil || len(records) == 0 {
		return false, err
	}
	steps := make([]Current, 0, len(records))
	for next := now; len(steps) < len(records); {
		var ok bool
		if next, ok = follow(next, records[len(steps)]); !ok || len(records) == maxMissed {
			return true, d.reload(ctx, name)
		}
		steps = append(steps, next)
	}
	var touched []string
	for i, r := range records {
		e := d.restore(r)
		if live {
			e = d.fresh(r)
		}
		touched = append(touched, d.adopt(e, steps[i])...)
		d.publish(r.Change)
		if d.guard != nil {
			d.guard.Recorded(Intent{Before: now.Mesh, After: steps[i].Mesh, Edits: r.Edits, Rollout: r.Change.Rollout})
		}
		now = steps[i]
	}
	d.apply(ctx, now)
	d.poke()
	for _, id := range touched {
		if _, err := d.Change(ctx, id); err != nil { // takes over what is newer
			return true, err
		}
	}
	return true, nil
}

// follow gives a mesh after an entry that another replica recorded; ok is false when it does not follow on what is known.
func follow(now Current, r Record) (next Current, ok bool) {
	if r.Change.Accepted.Revision != now.Revision+1 {
		return Current{}, false
	}
	now.Name = r.Change.Mesh
	var patch mesh.Patch
	for _, e := range r.Edits {
		if e.Version != now.Versions[e.Ref]+1 {
			return Current{}, false
		}
		if e.After == nil {
			patch.Delete = append(patch.Delete, e.Ref)
		} else {
			patch.Put = append(patch.Put, e.After)
		}
	}
	m, err := now.Mesh.With(patch)
	if err != nil {
		return Current{}, false
	}
	return advance(now, m, r.Edits, r.Change.ID), true
}

// reload reads a mesh whole, when what is known of it does not lead to what the store holds. d.write is held.
func (d *Door) reload(ctx context.Context, name string) error {
	found, err := d.store.Meshes(ctx, name)
	if err != nil {
		return fmt.Errorf("read mesh %s: %w", name, err)
	}
	if len(found) == 0 {
		d.log.Warn("mesh is not in the database any more; its proxies keep what they have", "mesh", name)
		delete(d.heads, name)
		d.mu.Lock()
		defer d.mu.Unlock()
		delete(d.meshes, name)
		return nil
	}
	m := found[0]
	newest, err := d.headOf(ctx, m)
	if err != nil {
		return err
	}
	d.mu.Lock()
	earlier := d.meshes[name].Revision > m.Revision // another database, or an older copy of it
	d.meshes[name] = m
	for id, e := range d.active {
		if earlier && e.mesh == name {
			delete(d.active, id)
			continue
		}
		for _, ref := range e.change.Objects {
			e.replaced = e.replaced || e.mesh == name && m.Changed[ref] != e.id
		}
	}
	for _, r := range newest {
		if _, known := d.active[r.Change.ID]; !known {
			d.active[r.Change.ID] = d.restore(r)
			d.events.Publish(r.Change)
		}
	}
	d.mu.Unlock()
	d.apply(ctx, m)
	d.poke()
	return nil
}
