package change

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/weirmesh/weir/server/mesh"
)

// Decided is in the chain of the conflict that deciding about a proposal leads to which does not wait any more. It is an
// ErrDecided.
type Decided struct{ Approval Approval }

// Error says what became of it.
func (e *Decided) Error() string {
	a := e.Approval
	switch a.State {
	case ApprovalApproved:
		return fmt.Sprintf("proposal %s was approved by %s already: it is change %s", a.ID, a.DecidedBy, a.Change)
	case ApprovalExpired:
		return fmt.Sprintf("proposal %s expired at %s, nobody had approved it: propose the change again", a.ID, stamp(a.Expires))
	default:
		return fmt.Sprintf("proposal %s was %s by %s already: propose the change again", a.ID, a.State, a.DecidedBy)
	}
}

// Is makes it an ErrDecided.
func (e *Decided) Is(target error) bool { return target == ErrDecided }

func decided(a Approval) error {
	e := &Decided{a}
	return &mesh.Error{Code: mesh.Conflict, Message: e.Error(), Err: e}
}

// Approve takes a proposal through the door, on behalf of whoever the context names: every check is made anew, against the
// newest mesh, and they have to be allowed to make that very change. The entry is by whoever proposed it. A dry run says what
// would happen, to whoever proposed it too.
//
// Errors: as Propose's; mesh.NotFound; mesh.Denied when it is their own, or they are no person; mesh.Conflict when it does not
// wait any more (ErrDecided), or when what it changes was changed since (ErrStale).
func (d *Door) Approve(ctx context.Context, id string, by By) (Change, error) {
	c, err := d.pass(ctx, func(ctx context.Context) (draft, error) {
		a, err := d.waiting(ctx, id)
		if err != nil {
			return draft{}, err
		}
		if !by.DryRun {
			if err := d.another(ctx, a); err != nil {
				return draft{}, err
			}
		}
		m, err := motionOf(a)
		if err != nil {
			return draft{}, err
		}
		if err := d.overtaken(ctx, a, m); err != nil {
			return draft{}, err
		}
		now := d.now().UTC().Truncate(time.Millisecond)
		a.DecidedBy, a.DecidedAt = d.signed(ctx, by), &now
		t, err := m.draft(a)
		t.DryRun = by.DryRun
		return t, err
	})
	if errors.Is(err, ErrDecided) { // another replica was quicker: say what became of it
		if a, again := d.Approval(ctx, id); again == nil && a.State != ApprovalWaiting {
			return Change{}, decided(a)
		}
	}
	if err == nil && !by.DryRun {
		d.log.Info("proposal approved", "proposal", id, "change", c.ID, "author", c.Author, "approved_by", c.ApprovedBy)
		d.tell(ctx, id)
	}
	return c, err
}

// tell publishes a proposal as it stands.
func (d *Door) tell(ctx context.Context, id string) {
	if err := d.HearApproval(ctx, id); err != nil {
		d.log.Warn("a proposal was decided and cannot be read", "proposal", id, "error", err)
	}
}

// waiting gives a proposal that still waits. Errors: mesh.NotFound, mesh.Conflict (ErrDecided).
func (d *Door) waiting(ctx context.Context, id string) (Approval, error) {
	a, err := d.Approval(ctx, id)
	if err == nil && a.State != ApprovalWaiting {
		err = decided(a)
	}
	return a, err
}

// another says why whoever the context names cannot be the second person.
func (d *Door) another(ctx context.Context, a Approval) error {
	switch d.who(ctx).Person {
	case "":
		return needed("proposal %s waits for a person who has signed in, and whoever asks here is none", a.ID)
	case a.Person:
		return needed("proposal %s is your own: somebody else who may make this change has to approve it; you can withdraw it", a.ID)
	}
	return nil
}

// signed is who decides.
func (d *Door) signed(ctx context.Context, by By) string {
	return cmp.Or(d.who(ctx).Name, by.Author)
}

// overtaken says what moved of what a proposal changes since it was made: who approves it would approve something else than
// what was proposed.
func (d *Door) overtaken(ctx context.Context, a Approval, m motion) error {
	current := d.current(a.Mesh)
	var what []string
	for _, seen := range m.Seen {
		if current.Versions[seen.Ref] == seen.Version {
			continue
		}
		if len(what) == 3 {
			what = append(what, "and more")
			break
		}
		said, err := d.whoChanged(ctx, seen.Ref, current)
		if err != nil {
			return err
		}
		what = append(what, said)
	}
	if len(what) == 0 {
		return nil
	}
	return &mesh.Error{
		Code: mesh.Conflict, Err: ErrStale,
		Message: fmt.Sprintf("since proposal %s was made, %s: propose it again on what is in force now", a.ID, strings.Join(what, "; ")),
	}
}

// Decline says no to a proposal of somebody else, with the reason. Errors: mesh.NotFound; mesh.Invalid without a reason;
// mesh.Denied when it is their own, or they may not make that change; mesh.Conflict (ErrDecided) when it does not wait any more.
func (d *Door) Decline(ctx context.Context, id string, by By) (Approval, error) {
	if by.Reason = strings.TrimSpace(by.Reason); by.Reason == "" || len(by.Reason) > maxReason || !utf8.ValidString(by.Reason) || strings.ContainsRune(by.Reason, 0) {
		return Approval{}, mesh.Errorf(mesh.Invalid, "say why proposal %s is declined, in 1 to %d bytes of text", mesh.Shorten(id), maxReason)
	}
	return d.close(ctx, id, by, func(a *Approval) error {
		if who := d.who(ctx); who.Person != "" && who.Person == a.Person {
			return needed("proposal %s is your own: withdraw it instead", a.ID)
		}
		a.State, a.Note = ApprovalDeclined, by.Reason
		return d.mayDecide(ctx, *a)
	})
}

// Withdraw takes a proposal back before anybody decided. Only whoever proposed it does. Errors: mesh.NotFound; mesh.Denied;
// mesh.Conflict (ErrDecided) when it does not wait any more.
func (d *Door) Withdraw(ctx context.Context, id string, by By) (Approval, error) {
	return d.close(ctx, id, by, func(a *Approval) error {
		if who := d.who(ctx); who.Person == "" || who.Person != a.Person {
			return needed("proposal %s is by %s, who alone can withdraw it: decline it instead", a.ID, a.Author)
		}
		a.State = ApprovalWithdrawn
		return nil
	})
}

// close decides about a proposal without making the change.
func (d *Door) close(ctx context.Context, id string, by By, decide func(a *Approval) error) (Approval, error) {
	d.write.Lock()
	defer d.write.Unlock()
	ctx, cancel := patient(ctx)
	defer cancel()
	a, err := d.waiting(ctx, id)
	if err != nil {
		return Approval{}, err
	}
	now := d.now().UTC().Truncate(time.Millisecond)
	a.DecidedBy, a.DecidedAt = d.signed(ctx, by), &now
	if err := decide(&a); err != nil {
		return Approval{}, err
	}
	if err := d.approvals.DecideApproval(ctx, a); err != nil {
		if again, wrong := d.waiting(ctx, id); errors.Is(err, ErrDecided) && wrong != nil {
			return again, wrong
		}
		return Approval{}, err
	}
	d.log.Info("proposal closed", "proposal", a.ID, "state", a.State, "by", a.DecidedBy, "reason", by.Reason)
	d.motions.Publish(a)
	return a, nil
}

// mayDecide asks whether whoever the context names may make the change that a proposal asks for.
func (d *Door) mayDecide(ctx context.Context, a Approval) error {
	m, err := motionOf(a)
	if err != nil {
		return err
	}
	t, err := m.draft(a)
	if err != nil {
		return err
	}
	current := d.current(a.Mesh)
	edits := make([]Edit, 0, len(m.Seen))
	for _, seen := range m.Seen {
		e := Edit{Ref: seen.Ref, Version: seen.Version + 1}
		e.Before, _ = current.Mesh.Get(seen.Ref)
		if i := slices.IndexFunc(t.Patch.Put, func(o mesh.Object) bool { return o.Ref() == seen.Ref }); i >= 0 {
			e.After = t.Patch.Put[i]
		}
		edits = append(edits, e)
	}
	return d.allow(ctx, current.Mesh, edits)
}

// MayApprove says why whoever the context names cannot approve a proposal that waits; nil: they can, unless the mesh has
// moved on. Errors: as Approve's.
func (d *Door) MayApprove(ctx context.Context, a Approval) error {
	if a.State != ApprovalWaiting {
		return decided(a)
	}
	if err := d.another(ctx, a); err != nil {
		return err
	}
	return d.mayDecide(ctx, a)
}
