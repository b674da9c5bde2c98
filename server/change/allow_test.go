package change_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

type asker struct{}

// TestAllow asks about everything that passes the door, by the context of whoever asks.
func TestAllow(t *testing.T) {
	s := openStore(t)
	d, err := change.New(change.Options{
		Store: s, Provider: newProvider("a"), Logger: slog.New(slog.DiscardHandler),
		Allow: func(ctx context.Context, _ mesh.Mesh, edits []change.Edit) error {
			if len(edits) == 0 {
				t.Error("asked about nothing")
			}
			if ctx.Value(asker{}) == nil {
				return mesh.Errorf(mesh.Denied, "not you")
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	nobody, kim := t.Context(), context.WithValue(t.Context(), asker{}, true)
	refused := func(what string, err error) {
		t.Helper()
		if mesh.CodeOf(err) != mesh.Denied {
			t.Errorf("%s: %v", what, err)
		}
	}
	made := change.Proposal{Mesh: "m", Patch: sample()}
	_, err = d.Propose(nobody, made)
	refused("propose", err)
	if len(d.Meshes()) != 0 {
		t.Error("it was made all the same")
	}
	if _, err := d.Propose(kim, made); err != nil {
		t.Fatal(err)
	}
	step := put(weights(25, 75))
	step.ConfirmWithin = time.Minute
	dry := step
	dry.DryRun = true
	_, err = d.Propose(nobody, dry)
	refused("dry run", err)
	c, err := d.Propose(kim, step)
	if err != nil {
		t.Fatal(err)
	}
	_, err = d.Confirm(nobody, c.ID, change.By{})
	refused("confirm", err)
	_, err = d.Extend(nobody, c.ID, change.By{}, time.Minute)
	refused("extend", err)
	_, err = d.Revert(nobody, c.ID, change.By{})
	refused("revert", err)
	_, err = d.Undo(nobody, c.ID, change.By{})
	refused("undo", err)
	_, err = d.UndoFields(nobody, c.ID, change.By{}, nil)
	refused("undo fields", err)
	if c, err = d.Change(nobody, c.ID); err != nil || c.State != change.Pending {
		t.Errorf("it is %s, %v", c.State, err)
	}
	if _, err := d.Revert(kim, c.ID, change.By{}); err != nil {
		t.Error(err)
	}
}
