package change

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// stamp writes a moment for a message.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// checkBase compares the versions that a draft was made from with those of now.
func (d *Door) checkBase(ctx context.Context, t draft, current Current) error {
	var moved []mesh.Ref
	for ref, base := range t.Base {
		now := current.Versions[ref]
		if _, exists := current.Mesh.Get(ref); !exists {
			now = 0
		}
		if now != base {
			moved = append(moved, ref)
		}
	}
	for ref, version := range t.pins {
		if current.Versions[ref] != version {
			moved = append(moved, ref)
		}
	}
	if len(moved) == 0 {
		return nil
	}
	slices.SortFunc(moved, func(a, b mesh.Ref) int { return strings.Compare(a.String(), b.String()) })
	what := make([]string, 0, 4)
	for i, ref := range moved {
		if i == 3 {
			what = append(what, fmt.Sprintf("%d more objects too", len(moved)-i))
			break
		}
		said, err := d.whoChanged(ctx, ref, current)
		if err != nil {
			return err
		}
		what = append(what, said)
	}
	hint := "look at it and try again"
	if t.pins != nil {
		hint = "take that change back first, or choose field by field what to take back"
	}
	stale := ErrStale
	if t.pins != nil {
		stale = collide(t, current, moved)
	}
	return &mesh.Error{Code: mesh.Conflict, Message: strings.Join(what, "; ") + ": " + hint, Err: stale}
}

// whoChanged says in words who changed an object last, how, and when.
func (d *Door) whoChanged(ctx context.Context, ref mesh.Ref, current Current) (string, error) {
	id := current.Changed[ref]
	if id == "" {
		return ref.String() + " does not exist", nil
	}
	found, err := d.store.Records(ctx, Query{ID: id, Limit: 1, NoEdits: true})
	if err != nil {
		return "", err
	}
	verb := "was changed"
	if _, exists := current.Mesh.Get(ref); !exists {
		verb = "was deleted"
	} else if current.Versions[ref] == 1 {
		verb = "was created"
	}
	if len(found) == 0 {
		return fmt.Sprintf("%s %s by change %s", ref, verb, id), nil
	}
	c := found[0].Change
	return fmt.Sprintf("%s %s by %s at %s (change %s, now version %d)", ref, verb, c.Author, stamp(c.At), c.ID, current.Versions[ref]), nil
}

// moves lists the earlier entries whose state changes with w: the one it takes back, and those of whose work nothing is
// left.
func (d *Door) moves(ctx context.Context, t draft, current Current, w written) ([]Move, error) {
	var moves []Move
	if t.Undoes != "" {
		taken, err := d.record(ctx, t.Undoes)
		if err != nil {
			return nil, err
		}
		if err := takeable(taken.Change, t.Mesh); err != nil {
			return nil, err
		}
		moves = append(moves, Move{
			ID: t.Undoes, State: t.takes, UndoneBy: w.record.Change.ID, Note: t.note, At: w.record.Change.At, Version: cmp.Or(t.seen, taken.Change.Version),
		})
	}
	before := make(map[string]bool)
	for _, e := range w.record.Edits {
		if id := current.Changed[e.Ref]; id != "" && id != t.Undoes {
			before[id] = true
		}
	}
	for _, id := range w.next.Changed {
		delete(before, id)
	}
	for id := range before {
		moves = append(moves, Move{ID: id, State: Superseded, At: w.record.Change.At})
	}
	slices.SortFunc(moves, func(a, b Move) int { return strings.Compare(a.ID, b.ID) })
	return moves, nil
}

// takeable says whether an entry can be taken back at all.
func takeable(c Change, meshName string) error {
	switch {
	case c.Mesh != meshName:
		return mesh.Errorf(mesh.Invalid, "change %s is of mesh %s, not of mesh %s", c.ID, c.Mesh, meshName)
	case c.State == Undone, c.State == Reverted:
		return mesh.Errorf(mesh.Conflict, "change %s was %s already, by change %s: to have it again, undo that one", c.ID, c.State, c.UndoneBy)
	}
	return nil
}

// adopt makes a revision that was recorded here or elsewhere the state that readers see. It names the entries that may have
// moved because of it. d.write is held.
func (d *Door) adopt(e *entry, next Current) (touched []string) {
	c := e.change
	d.last = max(d.last, c.ID)
	d.heads[c.Mesh] = head{c.ID, c.Hash, next.Revision}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.meshes[c.Mesh] = next
	set := make(map[mesh.Ref]bool, len(e.edits))
	for _, e := range e.edits {
		set[e.Ref] = true
	}
	for id, o := range d.active {
		if o.change.Mesh != c.Mesh || id == c.ID {
			continue
		}
		if id == c.Undoes || slices.ContainsFunc(o.change.Objects, func(ref mesh.Ref) bool { return set[ref] }) {
			touched = append(touched, id)
			o.replaced = true
		}
	}
	d.active[c.ID] = e
	return touched
}

// By is who wants a change confirmed or taken back.
type By struct {
	Author, Reason string
	// Emergency is the reason for not waiting for a second person, as Proposal's.
	Emergency string
	DryRun    bool
}

// Undo takes a kept or pending change back by a new change that sets what it touched to what was before. Errors:
// mesh.NotFound; mesh.Conflict when it was taken back already, or when a later change, which the error names, touched
// the same objects.
func (d *Door) Undo(ctx context.Context, id string, by By) (Change, error) {
	return d.pass(ctx, func(ctx context.Context) (draft, error) { return d.reverse(ctx, id, by, Undone) })
}

// Revert takes back a change that waits for confirmation, before its deadline does. Errors as Undo's, and mesh.Conflict
// when it does not wait any more.
func (d *Door) Revert(ctx context.Context, id string, by By) (Change, error) {
	return d.pass(ctx, func(ctx context.Context) (draft, error) { return d.reverse(ctx, id, by, Reverted) })
}

// reverse drafts the change that takes an entry back.
func (d *Door) reverse(ctx context.Context, id string, by By, takes State) (draft, error) {
	r, err := d.record(ctx, id)
	if err != nil {
		return draft{}, err
	}
	c := r.Change
	if err := takeable(c, c.Mesh); err != nil {
		return draft{}, err
	}
	if takes == Reverted && c.State != Pending {
		return draft{}, mesh.Errorf(mesh.Conflict, "change %s does not wait for confirmation, it is %s: undo it instead", c.ID, c.State)
	}
	t := draft{
		Proposal: Proposal{Mesh: c.Mesh, Author: by.Author, Reason: by.Reason, DryRun: by.DryRun, Undoes: c.ID, Emergency: by.Emergency},
		takes:    takes, seen: c.Version, pins: make(map[mesh.Ref]int64, len(r.Edits)), undoes: r.Edits, back: true,
	}
	for _, e := range r.Edits {
		t.pins[e.Ref] = e.Version
		t.takeBack(e)
	}
	return t, nil
}

// takeBack adds the opposite of an edit.
func (t *draft) takeBack(e Edit) {
	if e.Before == nil {
		t.Patch.Delete = append(t.Patch.Delete, e.Ref)
		return
	}
	t.Patch.Put = append(t.Patch.Put, e.Before)
}

// current gives a mesh, also one that was deleted.
func (d *Door) current(name string) Current {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return d.meshes[name]
}
