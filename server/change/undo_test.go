package change_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

var bob = change.By{Author: "bob", Reason: "no good"}

func TestUndoAndUndoOfUndo(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, dir, newProvider("a"))
	r.create(t)
	original, _ := r.Mesh("m")
	first := r.must(t, put(weights(50, 50)))
	changed, _ := r.Mesh("m")
	undo, err := r.Undo(t.Context(), first.ID, bob)
	if err != nil {
		t.Fatal(err)
	}
	if undo.Undoes != first.ID || undo.Author != "bob" || undo.Accepted.Revision != 3 || !strings.HasPrefix(undo.Summary, "takes back "+first.ID) {
		t.Errorf("undo %+v", undo)
	}
	if got, _ := r.Mesh("m"); !cmp.Equal(original.Mesh, got.Mesh) || got.Versions[primary] != 3 {
		t.Errorf("not as it was: %s", cmp.Diff(original.Mesh, got.Mesh))
	}
	if got := r.get(t, first.ID); got.State != change.Undone || got.UndoneBy != undo.ID {
		t.Errorf("the undone change is %s by %q", got.State, got.UndoneBy)
	}
	if _, err := r.Undo(t.Context(), first.ID, bob); mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), undo.ID) {
		t.Errorf("undone twice: %v", err)
	}
	if _, err := r.Undo(t.Context(), undo.ID, bob); err != nil {
		t.Fatal(err)
	}
	if got, _ := r.Mesh("m"); !cmp.Equal(changed.Mesh, got.Mesh) {
		t.Errorf("the undo of an undo: %s", cmp.Diff(changed.Mesh, got.Mesh))
	}
	r.stop()
	r = newRig(t, dir, newProvider("a"))
	if got := r.get(t, undo.ID); got.State != change.Undone || got.Undoes != first.ID {
		t.Errorf("after a restart the undo is %+v", got)
	}
}

func TestUndoOfCreationAndDeletion(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	node := mesh.Ref{Kind: mesh.KindNode, Name: "extra"}
	created := r.must(t, put(mesh.VirtualNode{Name: "extra"}))
	undo, err := r.Undo(t.Context(), created.ID, bob)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := r.Object("m", node); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("still there: %v", err)
	}
	if _, err := r.Undo(t.Context(), undo.ID, bob); err != nil {
		t.Fatal(err)
	}
	if o, err := r.Object("m", node); err != nil || o.Version != 3 {
		t.Errorf("back as %+v, %v", o, err)
	}
	// Deleted and created again by others: what the undo would restore is not what was deleted last.
	gone := r.must(t, change.Proposal{Mesh: "m", Patch: mesh.Patch{Delete: []mesh.Ref{node}}})
	r.must(t, put(mesh.VirtualNode{Name: "extra", Backends: []mesh.Backend{{Service: "reviews"}}}))
	last := r.must(t, change.Proposal{Mesh: "m", Patch: mesh.Patch{Delete: []mesh.Ref{node}}})
	if _, err := r.Undo(t.Context(), gone.ID, bob); mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), last.ID) || !strings.Contains(err.Error(), "deleted") {
		t.Errorf("undo of an earlier deletion: %v", err)
	}
}

func TestUndoNamesTheLaterChange(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	first := r.must(t, put(weights(50, 50)))
	p := put(weights(40, 60))
	p.Author = "carol"
	second := r.must(t, p)
	_, err := r.Undo(t.Context(), first.ID, bob)
	if mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), second.ID) || !strings.Contains(err.Error(), "carol") {
		t.Errorf("got %v", err)
	}
	if got := r.get(t, first.ID); got.State != change.Superseded {
		t.Errorf("the first is %s, want superseded", got.State)
	}
	dry := bob
	dry.DryRun = true
	if c, err := r.Undo(t.Context(), second.ID, dry); err != nil || !c.DryRun {
		t.Errorf("dry run: %+v, %v", c, err)
	}
	if got := r.get(t, second.ID); got.State != change.Kept {
		t.Errorf("the dry run left %s", got.State)
	}
}

func TestSupersededOnlyWhenNothingIsLeft(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	created := r.create(t)
	both := r.must(t, put(weights(50, 50), mesh.VirtualNode{Name: "extra"}))
	r.must(t, put(weights(40, 60)))
	if got := r.get(t, both.ID); got.State != change.Kept {
		t.Errorf("half of it stands, and it is %s", got.State)
	}
	sub := r.Events().Subscribe(100)
	defer sub.Close()
	r.must(t, change.Proposal{Mesh: "m", Patch: mesh.Patch{Delete: []mesh.Ref{{Kind: mesh.KindNode, Name: "extra"}}}})
	if got := r.get(t, both.ID); got.State != change.Superseded {
		t.Errorf("nothing of it stands, and it is %s", got.State)
	}
	deadline := time.After(30 * time.Second)
	for {
		select {
		case e := <-sub.C:
			if e.ID == both.ID && e.State == change.Superseded {
				if got := r.get(t, created.ID); got.State != change.Kept {
					t.Errorf("the creation is %s", got.State)
				}
				return
			}
		case <-deadline:
			t.Fatal("nobody was told")
		}
	}
}

func TestConfirmAndRevert(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	pending := func(v1, v2 int) change.Change {
		t.Helper()
		p := put(weights(v1, v2))
		p.ConfirmWithin = time.Hour
		c := r.must(t, p)
		if c.State != change.Pending || c.ConfirmBy == nil || !c.ConfirmBy.Equal(c.At.Add(time.Hour)) {
			t.Fatalf("got %+v", c)
		}
		return c
	}
	c := pending(50, 50)
	dry := bob
	dry.DryRun = true
	if got, err := r.Confirm(t.Context(), c.ID, dry); err != nil || !got.DryRun || r.get(t, c.ID).State != change.Pending {
		t.Errorf("dry confirm: %+v, %v", got, err)
	}
	for range 2 {
		if got, err := r.Confirm(t.Context(), c.ID, bob); err != nil || got.State != change.Kept || got.ConfirmBy != nil || got.ConfirmedBy != "bob" {
			t.Errorf("confirm: %+v, %v", got, err)
		}
	}
	if _, err := r.Revert(t.Context(), c.ID, bob); mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), "undo it instead") {
		t.Errorf("revert of a kept change: %v", err)
	}
	c = pending(60, 40)
	back, err := r.Revert(t.Context(), c.ID, bob)
	if err != nil || back.Undoes != c.ID {
		t.Fatalf("revert: %+v, %v", back, err)
	}
	if got := r.get(t, c.ID); got.State != change.Reverted || got.UndoneBy != back.ID {
		t.Errorf("reverted: %+v", got)
	}
	if _, err := r.Confirm(t.Context(), c.ID, bob); mesh.CodeOf(err) != mesh.Conflict {
		t.Errorf("confirm of a reverted change: %v", err)
	}
	if o, _ := r.Object("m", primary); !cmp.Equal(o.Object, mesh.Object(weights(50, 50))) {
		t.Errorf("the route is %+v", o.Object)
	}
	for _, do := range []func(context.Context, string, change.By) (change.Change, error){r.Confirm, r.Revert, r.Undo} {
		if _, err := do(t.Context(), "nothing", bob); mesh.CodeOf(err) != mesh.NotFound {
			t.Errorf("of nothing: %v", err)
		}
	}
}

func TestProposalThatTakesBack(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	first := r.must(t, put(weights(50, 50)))
	p := put(weights(100, 0))
	p.Undoes = strings.ToUpper(first.ID)
	second := r.must(t, p)
	if got := r.get(t, first.ID); got.State != change.Undone || got.UndoneBy != second.ID {
		t.Errorf("got %+v", got)
	}
}
