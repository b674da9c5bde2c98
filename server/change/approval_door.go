package change

import (
	"cmp"
	"context"
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"time"

	"github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/mesh"
)

// alone is the rule of the breach that says that a change did not wait for a second person.
const alone guard.Rule = "approval"

// second sees to it that no mesh that asks for a second person is changed by one alone. What needs none goes on, as does what
// a second person has just approved; the rest becomes a proposal that waits, which the error is (Held). The rule is the one
// before the change, so that nobody takes it away and changes the mesh in one go. d.write is held.
//
// Errors besides: mesh.Denied (ErrSecond) where nobody can be asked, or for an emergency without the right to one.
func (d *Door) second(ctx context.Context, t draft, digest string, w *written) error {
	c := &w.record.Change
	if a := t.approves; a != nil {
		a.Change, a.State = c.ID, ApprovalApproved
		c.ApprovedBy, w.record.Approves = a.DecidedBy, a
		c.moved(c.At, "approved", c.ApprovedBy)
		return nil
	}
	if !w.intent.Before.Approval.Required() || t.safe(w.record.Edits, d.taken(ctx, t)) {
		return nil
	}
	name := t.Mesh
	switch {
	case t.DryRun && t.Emergency == "":
		c.State, c.ConfirmBy = Waiting, nil
		return nil
	case t.Rollout != "":
		return needed("mesh %s asks for a second person for every change, and a rollout moves weights by itself: set the weights step by step, each with somebody's approval, or take the rule away first (approval: none)", name)
	case t.Emergency != "":
		if err := d.who(ctx).Overrides(name); err != nil {
			return err
		}
		c.Breaches = append(c.Breaches, guard.Breach{Rule: alone, Message: "mesh " + name + " asks for a second person, and nobody approved this: " + t.Emergency})
		c.Override = cmp.Or(c.Override, t.Emergency)
		return nil
	case d.who(ctx).Person == "":
		return needed("mesh %s asks for a second person for every change, and whoever asks here is no person who has signed in: two of them are needed, or an administrator's emergency with a reason", name)
	case d.approvals == nil:
		return needed("mesh %s asks for a second person for every change, and proposals are not kept here", name)
	}
	return d.hold(ctx, t, digest, w)
}

func needed(format string, args ...any) error {
	return &mesh.Error{Code: mesh.Denied, Err: ErrSecond, Message: mesh.Errorf(mesh.Denied, format, args...).Error()}
}

// taken gives the entry that a draft takes back, nil when it takes back none.
func (d *Door) taken(ctx context.Context, t draft) *Change {
	if t.Undoes == "" {
		return nil
	}
	r, err := d.record(ctx, t.Undoes)
	if err != nil {
		return nil // not known: not safe
	}
	return &r.Change
}

// safe tells whether a draft only goes back, all the way, to what was in force before: that never waits. So do deadlines and
// rollouts that go back. What takes back a taking back goes forward again, and what loosens the rules is nobody's safety:
// both wait, as does what is picked field by field.
func (t draft) safe(edits []Edit, taken *Change) bool {
	if t.Rollout != "" {
		return t.Back
	}
	if !t.back || taken == nil {
		return false
	}
	if t.takes == Reverted || t.unfit { // what it takes back has not been kept by anybody yet, or not run everywhere
		return true
	}
	for _, e := range edits {
		if mesh.ApprovalOf(e.Before).Required() && !mesh.ApprovalOf(e.After).Required() || !reflect.DeepEqual(mesh.GuardOf(e.Before), mesh.GuardOf(e.After)) {
			return false
		}
	}
	return taken.Undoes == "" && t.whole(edits)
}

// whole tells whether a draft gives back every object of what it takes back, as it was.
func (t draft) whole(edits []Edit) bool {
	for _, e := range t.undoes {
		if version, pinned := t.pins[e.Ref]; !pinned || version != e.Version {
			return false
		}
	}
	return len(edits) <= len(t.undoes)
}

// hold makes a draft a proposal that waits. One that somebody proposes again while it waits stays one.
func (d *Door) hold(ctx context.Context, t draft, digest string, w *written) error {
	if err := d.Expire(ctx); err != nil { // before the store does it with the next one, which tells nobody here
		return err
	}
	waiting, err := d.Approvals(ctx, ApprovalQuery{Mesh: t.Mesh, State: ApprovalWaiting, Limit: MaxWaiting})
	if err != nil {
		return err
	}
	who := d.who(ctx)
	for _, a := range waiting {
		m, err := motionOf(a)
		if err != nil {
			return err
		}
		if m.Digest == digest && a.Person == who.Person {
			return held(a)
		}
	}
	if len(waiting) >= MaxWaiting {
		return mesh.Errorf(mesh.Conflict, "%d proposals of mesh %s wait for a second person already: decide about some of them first", len(waiting), t.Mesh)
	}
	m, err := t.motion(digest, w.record.Edits)
	if err != nil {
		return err
	}
	c := w.record.Change
	a := Approval{
		ID: ident.New(c.At, "", rand.Uint64()), Mesh: t.Mesh, Author: c.Author, Person: who.Person, Reason: c.Reason, Summary: c.Summary, Diff: c.Diff, //nolint:gosec // an ID, not a secret
		At: c.At, Expires: c.At.Add(ApproveWithin), State: ApprovalWaiting,
	}
	if a.Asked, err = json.Marshal(m); err != nil {
		return err
	}
	if err := d.approvals.AddApproval(ctx, a); err != nil {
		return err
	}
	if a, err = d.standing(a); err != nil {
		return err
	}
	d.log.Info("change waits for a second person", "proposal", a.ID, "mesh", a.Mesh, "author", a.Author, "expires", a.Expires.Format(time.RFC3339))
	d.motions.Publish(a)
	return held(a)
}

// held is the error that says that something waits.
func held(a Approval) error {
	h := &Held{a}
	return &mesh.Error{Code: mesh.Conflict, Message: h.Error(), Err: h}
}
