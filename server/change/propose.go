package change

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/mesh"
)

// Bounds of what a proposal may carry beside its objects, in bytes.
const (
	maxAuthor = 256
	maxReason = 2000
	maxKey    = 256
)

// Bounds of ConfirmWithin: long enough to read the traffic, short enough to be remembered.
const (
	minConfirm = time.Second
	maxConfirm = 24 * time.Hour
)

// ErrUnchanged is in the chain of the error that a proposal leads to when nothing would change.
var ErrUnchanged = errors.New("nothing would change")

// draft is a proposal on its way through the door.
type draft struct {
	Proposal
	// pins are versions that must hold exactly, those of deleted objects too.
	pins map[mesh.Ref]int64
	// takes is what becomes of the entry that Undoes names.
	takes State
	// seen is the version of that entry by which this was decided: whoever decides about it meanwhile wins. Zero: any.
	seen int64
	// undoes are the edits of the entry that is taken back, to say what collides with them.
	undoes []Edit
	// back: it only takes back, which guard rails do not stop.
	back bool
	// unfit: proxies refused what it takes back, which therefore never ran everywhere.
	unfit bool
	// note becomes the entry's.
	note string
	// refused: the store refused the record, since somebody else was first.
	refused bool
	// approves is the proposal that somebody approves; nil: nobody has been asked.
	approves *Approval
}

// written is a draft that passed every check, ready to be recorded.
type written struct {
	record Record
	base   int64
	next   Current
	intent Intent
}

// Propose checks a proposal, records it, hands it to the provider and answers with the entry, which is accepted and
// not yet programmed. A proposal under an idempotency key that was used before for the same proposal answers with the
// first one's entry.
//
// Errors: mesh.Invalid (a rule is broken, or nothing would change: ErrUnchanged), mesh.NotFound, mesh.Conflict (a Base
// does not hold: ErrStale; in use; key used for another proposal), mesh.Unavailable. After any of them nothing was
// recorded, unless the store broke down: then the change may turn up when it is back.
func (d *Door) Propose(ctx context.Context, p Proposal) (Change, error) {
	t := draft{Proposal: p, takes: Undone}
	t.Undoes = ident.Canonical(t.Undoes)
	return d.pass(ctx, func(context.Context) (draft, error) { return t, nil })
}

// pass takes what drafted gives through the door. The forecast of a dry run may take seconds, in which the door is free.
func (d *Door) pass(ctx context.Context, drafted func(context.Context) (draft, error)) (Change, error) {
	var dry Intent
	c, err := d.through(ctx, drafted, &dry)
	if err == nil && dry.DryRun && d.planner != nil {
		c.Plan = d.planner.Plan(ctx, dry)
	}
	return c, err
}

// through takes one draft after the other through the door. It gives the intent of a dry run.
func (d *Door) through(ctx context.Context, drafted func(context.Context) (draft, error), dry *Intent) (Change, error) {
	d.write.Lock()
	defer d.write.Unlock()
	if err := ctx.Err(); err != nil { // nobody waits for the answer any more
		return Change{}, mesh.Errorf(mesh.Unavailable, "gave up waiting for the changes before this one: %w", err)
	}
	ctx, cancel := patient(ctx)
	defer cancel()
	if d.unsure {
		if err := d.resync(ctx); err != nil {
			return Change{}, err
		}
	}
	for try := 1; ; try++ {
		var t draft
		c, err := d.once(ctx, drafted, &t, dry)
		if again, told := d.outrun(ctx, t, err, try); !again {
			return c, told
		}
	}
}

// once tries to take what drafted gives through the door, and leaves the draft at at. d.write is held.
func (d *Door) once(ctx context.Context, drafted func(context.Context) (draft, error), at *draft, dry *Intent) (Change, error) {
	t, err := drafted(ctx)
	if err != nil {
		return Change{}, err
	}
	*at = t
	if err := t.bounded(); err != nil {
		return Change{}, err
	}
	digest, err := t.digest()
	if err != nil {
		return Change{}, err
	}
	if first, ok, err := d.repeated(ctx, t, digest); err != nil || ok {
		return first, err
	}
	w, err := d.prepare(ctx, t)
	if err != nil {
		return Change{}, err
	}
	if err := d.second(ctx, t, digest, &w); err != nil {
		return Change{}, err
	}
	if t.DryRun {
		*dry = w.intent
		w.record.Change.ID, w.record.Change.Accepted, w.record.Change.DryRun = "", nil, true
		return w.record.Change, nil
	}
	w.record.Key, w.record.Digest = t.IdempotencyKey, digest
	if w.record.Change.Hash, err = Seal(d.heads[t.Mesh].hash, w.record); err != nil {
		return Change{}, err
	}
	moved, err := d.store.Append(ctx, w.base, w.record)
	if err != nil {
		at.refused = mesh.CodeOf(err) == mesh.Conflict
		if !at.refused {
			d.doubt() // It may be the store's answer that was lost.
		}
		return Change{}, err
	}
	d.adopt(d.fresh(w.record), w.next)
	d.recorded(moved...)
	if d.guard != nil {
		d.guard.Recorded(w.intent)
	}
	d.apply(ctx, w.next)
	d.poke()
	return d.publish(w.record.Change), nil
}

// publish announces an entry as it is now. Run may have moved it on already, or be done with it.
func (d *Door) publish(c Change) Change {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e, ok := d.active[c.ID]; ok {
		c = e.change
	}
	d.events.Publish(c)
	return c
}

// bounded checks what a proposal carries beside its objects.
func (t draft) bounded() error {
	var broken []mesh.Violation
	for _, f := range []struct {
		name, value string
		limit       int
	}{{"author", t.Author, maxAuthor}, {"reason", t.Reason, maxReason}, {"emergency", t.Emergency, maxReason}, {"idempotency key", t.IdempotencyKey, maxKey}} {
		if len(f.value) > f.limit || !utf8.ValidString(f.value) || strings.ContainsRune(f.value, 0) {
			broken = append(broken, mesh.Violation{Field: f.name, Rule: fmt.Sprintf("is text of at most %d bytes", f.limit)})
		}
	}
	if t.ConfirmWithin != 0 && (t.ConfirmWithin < minConfirm || t.ConfirmWithin > maxConfirm) {
		broken = append(broken, mesh.Violation{Field: "confirmWithin", Value: t.ConfirmWithin.String(), Rule: fmt.Sprintf("is from %v to %v", minConfirm, maxConfirm)})
	}
	if t.Mesh == "" {
		broken = append(broken, mesh.Violation{Field: "mesh", Rule: "is required"})
	}
	if len(broken) == 0 {
		return nil
	}
	return &mesh.Error{Code: mesh.Invalid, Message: "the change is not valid", Violations: broken}
}

// digest tells proposals apart: two with the same digest ask for the same.
func (t draft) digest() (string, error) {
	type item struct {
		Ref    mesh.Ref
		Object mesh.Object `json:",omitempty"`
		Base   *int64      `json:",omitempty"`
	}
	var items []item
	for _, o := range t.Patch.Put {
		if o == nil {
			return "", mesh.Errorf(mesh.Internal, "the patch holds a nil object")
		}
		items = append(items, item{Ref: o.Ref(), Object: o})
	}
	for _, ref := range t.Patch.Delete {
		items = append(items, item{Ref: ref})
	}
	for ref, version := range t.Base {
		items = append(items, item{Ref: ref, Base: &version})
	}
	slices.SortStableFunc(items, func(a, b item) int {
		return cmp.Or(strings.Compare(a.Ref.String(), b.Ref.String()), cmp.Compare(rank(a.Base), rank(b.Base)))
	})
	data, err := json.Marshal([]any{t.Mesh, t.Author, t.Reason, t.ConfirmWithin, t.Undoes, t.takes, t.Override, t.Rollout, items})
	if err != nil {
		return "", fmt.Errorf("digest the proposal: %w", err)
	}
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:]), nil
}

func rank(base *int64) int {
	if base == nil {
		return 0
	}
	return 1
}

// repeated finds the entry that was recorded under a proposal's key.
func (d *Door) repeated(ctx context.Context, t draft, digest string) (Change, bool, error) {
	if t.IdempotencyKey == "" || t.DryRun {
		return Change{}, false, nil
	}
	found, err := d.store.Records(ctx, Query{Key: t.IdempotencyKey, Limit: 1, NoEdits: true})
	if err != nil || len(found) == 0 {
		return Change{}, false, err
	}
	first := d.newest(found[0].Change)
	if found[0].Digest != digest {
		return Change{}, false, mesh.Errorf(mesh.Conflict, "idempotency key %q was used for another change, %s by %s at %s (%s): use a new key",
			t.IdempotencyKey, first.ID, first.Author, stamp(first.At), first.Summary)
	}
	return first, true, nil
}

// prepare makes the record of a draft, or says why it must not be. d.write is held.
func (d *Door) prepare(ctx context.Context, t draft) (written, error) {
	current, err := d.basis(t)
	if err != nil {
		return written{}, err
	}
	if err := d.checkBase(ctx, t, current); err != nil {
		return written{}, err
	}
	patch, err := canonical(t.Patch)
	if err != nil {
		return written{}, err
	}
	next, err := current.Mesh.With(patch)
	if err != nil {
		return written{}, err
	}
	patch = mesh.Diff(current.Mesh, next)
	if next.Name != "" { // a deleted mesh has no rules to keep
		if err := next.ValidateChanged(patch); err != nil {
			return written{}, err
		}
	}
	edits := editsOf(current, patch)
	if len(edits) == 0 {
		return written{}, &mesh.Error{
			Code: mesh.Invalid, Err: ErrUnchanged,
			Message: fmt.Sprintf("nothing would change: mesh %s is already so (revision %d)", t.Mesh, current.Revision),
		}
	}
	if err := d.allow(ctx, d.current(t.Mesh).Mesh, edits); err != nil {
		return written{}, err
	}
	c, err := d.describe(t, edits, current.Revision+1)
	if err != nil {
		return written{}, err
	}
	intent := Intent{Before: current.Mesh, After: next, Edits: edits, Rollout: t.Rollout, DryRun: t.DryRun}
	if err := d.foresee(ctx, t, &c, intent); err != nil {
		return written{}, err
	}
	w := written{intent: intent, record: Record{Change: c, Edits: edits}, base: current.Revision, next: advance(current, next, edits, c.ID)}
	if w.record.Moves, err = d.moves(ctx, t, current, w); err != nil {
		return written{}, err
	}
	return w, nil
}

// basis is the mesh that a draft is for. One that does not exist is begun by a patch that sets its settings.
func (d *Door) basis(t draft) (Current, error) {
	d.mu.RLock()
	current, ok := d.meshes[t.Mesh]
	d.mu.RUnlock()
	if ok && current.Mesh.Name != "" {
		return current, nil
	}
	for _, o := range t.Patch.Put {
		if s, settings := o.(mesh.Settings); settings && s.Name == t.Mesh {
			current.Name = t.Mesh
			return current, nil
		}
	}
	_, err := d.Mesh(t.Mesh)
	return Current{}, err
}

// canonical gives the objects as they will be read back from the store, so that what is in memory is what is recorded.
func canonical(p mesh.Patch) (mesh.Patch, error) {
	out := mesh.Patch{Put: make([]mesh.Object, len(p.Put)), Delete: p.Delete}
	for i, o := range p.Put {
		data, err := json.Marshal(o)
		if err != nil {
			return mesh.Patch{}, fmt.Errorf("encode %s: %w", o.Ref(), err)
		}
		if out.Put[i], err = mesh.DecodeObject(o.Ref().Kind, data); err != nil {
			return mesh.Patch{}, err
		}
	}
	return out, nil
}

// editsOf lists what a patch changes, with each object's next version.
func editsOf(current Current, patch mesh.Patch) []Edit {
	edits := make([]Edit, 0, len(patch.Put)+len(patch.Delete))
	for _, o := range patch.Put {
		before, _ := current.Mesh.Get(o.Ref())
		edits = append(edits, Edit{Ref: o.Ref(), Before: before, After: o, Version: current.Versions[o.Ref()] + 1})
	}
	for _, ref := range patch.Delete {
		before, _ := current.Mesh.Get(ref)
		edits = append(edits, Edit{Ref: ref, Before: before, Version: current.Versions[ref] + 1})
	}
	return edits
}

// describe writes the entry. d.write is held.
func (d *Door) describe(t draft, edits []Edit, revision int64) (Change, error) {
	now := d.now().UTC().Truncate(time.Millisecond)
	diff, err := unified(edits)
	if err != nil {
		return Change{}, err
	}
	c := Change{
		ID: d.nextID(now), Mesh: t.Mesh, Kind: mesh.KindMesh, Name: t.Mesh,
		Summary: summarise(edits), Author: cmp.Or(t.Author, "anonymous"), Reason: t.Reason, At: now,
		Diff: diff, Undoes: t.Undoes, Rollout: t.Rollout, Accepted: &Accepted{Revision: revision, At: now}, State: Kept, Note: t.note,
		Version: 1,
	}
	c.moved(now, "accepted", "")
	for _, e := range edits {
		c.Objects = append(c.Objects, e.Ref)
	}
	if e, ok := leader(edits); ok {
		c.Kind, c.Name = e.Ref.Kind, e.Ref.Name
	}
	if t.Undoes != "" {
		c.Summary = "takes back " + t.Undoes + ": " + c.Summary
	}
	if t.ConfirmWithin > 0 {
		by := now.Add(t.ConfirmWithin)
		c.State, c.ConfirmBy = Pending, &by
	}
	return c, nil
}

// advance gives the mesh after a change. What readers hold stays as it is.
func advance(current Current, next mesh.Mesh, edits []Edit, id string) Current {
	out := Current{Name: current.Name, Mesh: next, Revision: current.Revision + 1, Versions: maps.Clone(current.Versions), Changed: maps.Clone(current.Changed)}
	if out.Versions == nil {
		out.Versions, out.Changed = make(map[mesh.Ref]int64, len(edits)), make(map[mesh.Ref]string, len(edits))
	}
	for _, e := range edits {
		out.Versions[e.Ref], out.Changed[e.Ref] = e.Version, id
	}
	return out
}
