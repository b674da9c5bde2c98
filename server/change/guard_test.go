package change_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
)

// rails judge by what the mesh itself says, and hear of what was recorded.
type rails struct{ heard []string }

func (*rails) Breaches(_ context.Context, i change.Intent) []guard.Breach {
	in := guard.Input{Before: i.Before, Rollout: i.Rollout}
	for _, e := range i.Edits {
		in.Edits = append(in.Edits, guard.Edit{Ref: e.Ref, Before: e.Before, After: e.After})
	}
	return guard.Breaches(in)
}

func (r *rails) Recorded(i change.Intent) { r.heard = append(r.heard, i.Edits[0].Ref.Name) }

// TestGuardRails takes a change that is too large the way of every change: refused with the rails, shown by a dry run, made
// with a reason that stays in the ledger, taken back without one.
func TestGuardRails(t *testing.T) {
	s := openStore(t)
	heard := &rails{}
	d, err := change.New(change.Options{Store: s, Provider: newProvider("a"), Guard: heard, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	step, yes := 10.0, true
	sampled := sample()
	sampled.Put[0] = mesh.Settings{Name: "m", Guard: &mesh.Guard{LargestStep: &step}}
	if _, err := d.Propose(t.Context(), change.Proposal{Mesh: "m", Patch: sampled}); err != nil {
		t.Fatal(err)
	}
	_, err = d.Propose(t.Context(), put(weights(25, 75)))
	var rails *change.Guarded
	if mesh.CodeOf(err) != mesh.Denied || !errors.Is(err, change.ErrGuarded) || !errors.As(err, &rails) || len(rails.Breaches) != 1 ||
		!strings.Contains(err.Error(), "guard.largestStep route reviews/primary: 50 points would move, reviews-v2 25 % → 75 %; mesh m allows 10") {
		t.Fatalf("got %v", err)
	}
	if m, _ := d.Mesh("m"); m.Revision != 1 {
		t.Errorf("revision %d after a refusal", m.Revision)
	}
	dry := put(weights(25, 75))
	dry.DryRun = true
	if c, err := d.Propose(t.Context(), dry); err != nil || len(c.Breaches) != 1 || c.Override != "" {
		t.Errorf("dry run: %+v, %v", c.Breaches, err)
	}
	over := put(weights(25, 75))
	over.Override = "v1 is on fire"
	c, err := d.Propose(t.Context(), over)
	if err != nil || c.Override != "v1 is on fire" || len(c.Breaches) != 1 {
		t.Fatalf("with a reason: %+v, %v", c, err)
	}
	stored, err := s.Records(t.Context(), change.Query{ID: c.ID})
	if err != nil || stored[0].Change.Override != c.Override || !cmp.Equal(stored[0].Change.Breaches, c.Breaches) {
		t.Errorf("the store has %+v, %v", stored, err)
	}
	if _, err := d.Undo(t.Context(), c.ID, bob); err != nil {
		t.Errorf("the way back is closed: %v", err)
	}
	needless := put(weights(70, 30))
	needless.Override = "just in case"
	if c, err := d.Propose(t.Context(), needless); err != nil || c.Override != "" || len(c.Breaches) != 0 {
		t.Errorf("nothing was gone over: %+v, %v", c, err)
	}
	back := put(weights(100, 0))
	back.Back = true
	if _, err := d.Propose(t.Context(), back); !errors.Is(err, change.ErrGuarded) {
		t.Errorf("a person says that it is a way back: %v", err)
	}
	back.Rollout = "r1"
	if _, err := d.Propose(t.Context(), back); err != nil {
		t.Errorf("a rollout's way back is closed: %v", err)
	}
	locked := mesh.Settings{Name: "m", Guard: &mesh.Guard{Protected: &yes}}
	if _, err := d.Propose(t.Context(), put(locked)); err != nil {
		t.Fatal(err)
	}
	open := change.Proposal{Mesh: "m", Patch: mesh.Patch{Put: []mesh.Object{mesh.Settings{Name: "m"}}}}
	if _, err := d.Propose(t.Context(), open); !errors.Is(err, change.ErrGuarded) {
		t.Errorf("the lock opened itself: %v", err)
	}
	open.Override = "maintenance"
	if _, err := d.Propose(t.Context(), open); err != nil {
		t.Error(err)
	}
	if v, err := d.Verify(t.Context(), "m"); err != nil || !v.OK || len(heard.heard) != v.Entries {
		t.Errorf("the chain: %+v, %v; heard of %v", v, err, heard.heard)
	}
}
