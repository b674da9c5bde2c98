package change_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store"
)

// approved is an entry that ann proposed and bob approved.
func (w *two) approved(t *testing.T, p change.Proposal) change.Change {
	t.Helper()
	a := w.ask(t, "ann", p)
	c, err := w.Approve(as(t, "bob", auth.Operator), a.ID, change.By{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// TestNoWayAround tries what else there is: none of it changes the mesh by one person alone.
func TestNoWayAround(t *testing.T) {
	w := newTwo(t, store.Options{Dir: t.TempDir()})
	admin := as(t, "root", auth.Admin)
	refused := func(what string, ctx context.Context, p change.Proposal) {
		t.Helper()
		if _, err := w.Propose(ctx, p); !errors.Is(err, change.ErrSecond) || mesh.CodeOf(err) != mesh.Denied {
			t.Errorf("%s: %v", what, err)
		}
	}
	refused("whoever reaches it", auth.With(t.Context(), auth.Open()), put(weights(50, 50)))
	step := put(weights(50, 50))
	step.Rollout = "r1"
	refused("a rollout", auth.With(t.Context(), auth.Itself("rollout")), step)

	over := put(weights(50, 50))
	over.Override = "guard rails are something else"
	w.ask(t, "root", over)
	undoes := put(weights(40, 60))
	undoes.Undoes = w.approved(t, put(weights(60, 40))).ID
	w.ask(t, "ann", undoes)
	dry := put(weights(10, 90))
	dry.DryRun = true
	if c, err := w.Propose(as(t, "ann", auth.Operator), dry); err != nil || c.State != change.Waiting || c.ID != "" {
		t.Errorf("a dry run: %+v, %v", c, err)
	}
	off := put(mesh.Settings{Name: "m"})
	a := w.ask(t, "root", off) // nor is the rule taken away by one alone
	gone := change.Proposal{Mesh: "m", Patch: mesh.Patch{Delete: []mesh.Ref{{Kind: mesh.KindService, Name: "reviews"}}}}
	w.ask(t, "root", gone)
	if m, _ := w.Mesh("m"); m.Revision != 2 || !m.Mesh.Approval.Required() {
		t.Fatalf("revision %d, %q", m.Revision, m.Mesh.Approval)
	}
	if c, err := w.Approve(admin, a.ID, change.By{}); err == nil {
		t.Errorf("root approved what root proposed: %+v", c)
	}

	hurry := put(weights(30, 70))
	hurry.Emergency = "reviews-v1 is on fire"
	if _, err := w.Propose(as(t, "ann", auth.Operator), hurry); mesh.CodeOf(err) != mesh.Denied {
		t.Errorf("an operator's emergency: %v", err)
	}
	c, err := w.Propose(admin, hurry)
	if err != nil || c.ApprovedBy != "" || c.Override != hurry.Emergency || len(c.Breaches) != 1 || !strings.Contains(c.Breaches[0].Message, "nobody approved") {
		t.Errorf("an administrator's emergency: %+v, %v", c, err)
	}
	if v, err := w.Verify(t.Context(), "m"); err != nil || !v.OK {
		t.Errorf("%+v, %v", v, err)
	}
}

// TestSafetyDoesNotWait goes back without anybody: by undo, at a deadline, in a rollout. Going forward again waits.
func TestSafetyDoesNotWait(t *testing.T) {
	w := newTwo(t, store.Options{Dir: t.TempDir()})
	ann := as(t, "ann", auth.Operator)
	first := w.approved(t, put(weights(50, 50)))
	back, err := w.Undo(ann, first.ID, change.By{Author: "ann"})
	if err != nil || back.ID == "" || back.ApprovedBy != "" {
		t.Fatalf("undo waits: %v", err)
	}
	_, err = w.Undo(ann, back.ID, change.By{Author: "ann"})
	again, held := change.HeldBack(err)
	if !held {
		t.Fatalf("the undo of an undo does not wait: %v", err)
	}
	c, err := w.Approve(as(t, "bob", auth.Operator), again.Waits.ID, change.By{})
	if err != nil || c.Undoes != back.ID || c.Author != "ann" {
		t.Fatalf("%+v, %v", c, err)
	}
	if gone, err := w.Change(t.Context(), back.ID); err != nil || gone.State != change.Undone {
		t.Errorf("%+v, %v", gone, err)
	}

	dated := put(weights(20, 80))
	dated.ConfirmWithin = time.Hour
	pending := w.approved(t, dated)
	if pending.State != change.Pending || pending.ConfirmBy == nil || pending.ConfirmBy.Sub(pending.At) != time.Hour {
		t.Fatalf("the deadline begins with the approval: %+v", pending)
	}
	if _, err := w.Revert(ann, pending.ID, change.By{Author: "ann"}); err != nil {
		t.Errorf("revert waits: %v", err)
	}
	later := w.approved(t, put(weights(35, 65)))
	_, err = w.UndoFields(ann, later.ID, change.By{Author: "ann"}, []change.Pick{{Object: primary, Fields: []string{"targets"}}})
	if _, held := change.HeldBack(err); !held {
		t.Errorf("what is picked by field does not wait: %v", err)
	}
	abort := put(weights(75, 25))
	abort.Rollout, abort.Back = "r1", true
	if _, err := w.Propose(auth.With(t.Context(), auth.Itself("rollout")), abort); err != nil {
		t.Errorf("a rollout that goes back waits: %v", err)
	}
}

// TestRuleIsNotUndone keeps the rule from being taken away by an undo, and lets a proposal that waited through when it is gone.
func TestRuleIsNotUndone(t *testing.T) {
	w := newTwo(t, store.Options{Dir: t.TempDir()})
	admin := as(t, "root", auth.Admin)
	off := w.ask(t, "root", put(mesh.Settings{Name: "m"}))
	waits := w.ask(t, "ann", put(weights(50, 50)))
	if _, err := w.Approve(as(t, "bob", auth.Admin), off.ID, change.By{}); err != nil {
		t.Fatal(err)
	}
	on, err := w.Propose(admin, put(mesh.Settings{Name: "m", Approval: mesh.ApprovalRequired}))
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Undo(admin, on.ID, change.By{})
	if _, held := change.HeldBack(err); !held {
		t.Errorf("the rule was undone by one alone: %v", err)
	}
	if c, err := w.Approve(as(t, "bob", auth.Operator), waits.ID, change.By{}); err != nil || c.ApprovedBy != "bob" {
		t.Errorf("%+v, %v", c, err)
	}
}

// TestOvertakenProposal says what moved since, by whom, and does nothing.
func TestOvertakenProposal(t *testing.T) {
	w := newTwo(t, store.Options{Dir: t.TempDir()})
	a := w.ask(t, "cem", put(weights(50, 50)))
	w.approved(t, put(weights(60, 40)))
	bob := as(t, "bob", auth.Operator)
	_, err := w.Approve(bob, a.ID, change.By{})
	code(t, err, mesh.Conflict, "changed by ann", "propose it again")
	if !errors.Is(err, change.ErrStale) || w.revision(t) != 2 {
		t.Errorf("revision %d: %v", w.revision(t), err)
	}
	if again := w.ask(t, "cem", put(weights(50, 50))); again.State != change.ApprovalWaiting {
		t.Errorf("%+v", again)
	}
}

// TestClosing declines, withdraws and lets expire, and what comes too late is told what happened.
func TestClosing(t *testing.T) {
	w := newTwo(t, store.Options{Dir: t.TempDir()})
	ann, bob := as(t, "ann", auth.Operator), as(t, "bob", auth.Operator)
	a := w.ask(t, "ann", put(weights(50, 50)))
	_, err := w.Decline(bob, a.ID, change.By{Reason: "  "})
	code(t, err, mesh.Invalid, "say why")
	_, err = w.Decline(ann, a.ID, change.By{Reason: "no"})
	code(t, err, mesh.Denied, "withdraw")
	_, err = w.Decline(as(t, "eve", auth.Viewer), a.ID, change.By{Reason: "no"})
	code(t, err, mesh.Denied, "eve")
	_, err = w.Withdraw(bob, a.ID, change.By{})
	code(t, err, mesh.Denied, "decline")
	heard := w.Motions().Subscribe(4)
	defer heard.Close()
	no, err := w.Decline(bob, a.ID, change.By{Reason: "<img onerror=x> 아직"})
	if err != nil || no.State != change.ApprovalDeclined || no.Note != "<img onerror=x> 아직" || no.DecidedBy != "bob" {
		t.Fatalf("%+v, %v", no, err)
	}
	if told := <-heard.C; told.ID != a.ID || told.State != change.ApprovalDeclined {
		t.Errorf("told of %+v", told)
	}
	_, err = w.Approve(bob, a.ID, change.By{})
	code(t, err, mesh.Conflict, "declined by bob")

	b := w.ask(t, "ann", put(weights(50, 50)))
	if b.ID == a.ID {
		t.Fatal("what was declined waits again")
	}
	if gone, err := w.Withdraw(ann, b.ID, change.By{}); err != nil || gone.State != change.ApprovalWithdrawn {
		t.Errorf("%+v, %v", gone, err)
	}
	_, err = w.Withdraw(ann, b.ID, change.By{})
	code(t, err, mesh.Conflict, "withdrawn by ann")

	c := w.ask(t, "ann", put(weights(50, 50)))
	w.now = w.now.Add(change.ApproveWithin)
	_, err = w.Approve(bob, c.ID, change.By{})
	code(t, err, mesh.Conflict, "expired")
	if list, err := w.Approvals(t.Context(), change.ApprovalQuery{Mesh: "m", State: change.ApprovalExpired}); err != nil || len(list) != 1 || list[0].ID != c.ID {
		t.Errorf("%+v, %v", list, err)
	}
	w.ask(t, "ann", put(weights(50, 50))) // and writes down what expired
	if list, err := w.store.Approvals(t.Context(), change.ApprovalQuery{State: change.ApprovalExpired}); err != nil || len(list) != 1 {
		t.Errorf("%+v, %v", list, err)
	}
	if list, err := w.Approvals(t.Context(), change.ApprovalQuery{Mesh: "m"}); err != nil || len(list) != 4 || list[0].State != change.ApprovalWaiting {
		t.Errorf("%+v, %v", list, err)
	}
	_, err = w.Approve(bob, "nobody", change.By{})
	code(t, err, mesh.NotFound, "nobody")
}
