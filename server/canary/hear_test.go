package canary

import (
	"context"
	"slices"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

// A verb at a replica that does not carry rollouts out reaches the one that does, and its windows go on; both show the same.
func TestReplicas(t *testing.T) {
	b := newBench(t, Options{})
	steward := b.c
	steward.carrying.Store(true)
	other, err := New(t.Context(), b.opts)
	if err != nil {
		t.Fatal(err)
	}
	hear := func(c *Controller, id string) {
		t.Helper()
		if err := c.Hear(t.Context(), id); err != nil {
			t.Fatal(err)
		}
	}

	r, err := other.Start(t.Context(), "shop", filled(Spec{}), By{Author: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	if _, held := steward.Holds("shop", reviews); held {
		t.Fatal("the steward knows of it before it heard")
	}
	hear(steward, r.ID)
	if id, held := steward.Holds("shop", reviews); !held || id != r.ID {
		t.Fatalf("the steward has %q", id)
	}
	b.until(r.ID, Progressing)
	if got, _ := other.Get(t.Context(), r.ID); got.Phase != Pending {
		t.Fatalf("the other one is ahead of what it heard: %s", got.Phase)
	}
	events := other.Events().Subscribe(8)
	defer events.Close()
	hear(other, r.ID)
	if got, _ := other.Get(t.Context(), r.ID); got.Phase != Progressing || len(events.C) != 1 {
		t.Fatalf("the other one shows %s and told %d", got.Phase, len(events.C))
	}

	b.when(r.ID, "there is evidence", func(r Rollout) bool { return r.Analysis.Windows > 1 })
	// The other one does not know how far it is, and takes over what is recorded before it decides.
	paused, err := other.Do(t.Context(), VerbPause, r.ID, By{Author: "ben"})
	if err != nil || paused.Phase != Paused || paused.Version <= r.Version {
		t.Fatalf("%+v, %v", paused, err)
	}
	// The steward has not heard yet, and its next write is refused and forgotten.
	b.when(r.ID, "the steward took the pause over", func(r Rollout) bool { return r.Phase == Paused && r.Gate })
	if _, err := other.Do(t.Context(), VerbPause, r.ID, By{}); mesh.CodeOf(err) != mesh.Conflict {
		t.Errorf("paused twice: %v", err)
	}
	if fits, err := other.Fits(t.Context(), r.ID); err != nil || !slices.Contains(fits, VerbResume) {
		t.Errorf("%v, %v", fits, err)
	}
	if _, err := other.Do(t.Context(), VerbAbort, r.ID, By{Author: "ben"}); err != nil {
		t.Fatal(err)
	}
	hear(steward, r.ID)
	b.pass(3)
	if got := b.mesh.Routes[0].Targets; !slices.Equal(got, shop(100, 0).Routes[0].Targets) {
		t.Errorf("the weights are %v", got)
	}
	hear(other, "")
	if _, held := other.Holds("shop", reviews); held {
		t.Error("the other one still has what is over")
	}
	hear(other, "0000000000000000000000000") // not there any more
}

// What another replica recorded a moment ago is looked for before a start is refused.
func TestStartLooksFirst(t *testing.T) {
	b := newBench(t, Options{})
	b.meshes = false
	looks := 0
	b.opts.Look = func(context.Context) error { looks++; b.meshes = true; return nil }
	b.restart()
	if r := b.start(Spec{}); looks != 1 || r.Phase != Pending {
		t.Errorf("begun as %s after %d looks", r.Phase, looks)
	}
	b.c.o.Look = func(context.Context) error { return mesh.Errorf(mesh.Unavailable, "the database is away") }
	if _, err := b.c.Start(t.Context(), "shop", filled(Spec{}), By{}); mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("refused for what may be old: %v", err)
	}
}

// Whoever becomes the steward goes on where the last one was, however long it did nothing.
func TestAnotherSteward(t *testing.T) {
	b := newBench(t, Options{})
	b.c.carrying.Store(true)
	next, err := New(t.Context(), b.opts)
	if err != nil {
		t.Fatal(err)
	}
	var slow Spec
	slow.Analysis.Judge.MinRequests = 2500
	r := b.start(slow)
	b.when(r.ID, "it is at the second weight", func(r Rollout) bool { return r.Step == 3 && r.Analysis.Verdict.Requests > 0 })
	b.c.carrying.Store(false)
	b.c = next
	next.carrying.Store(true)
	next.begin(t.Context())
	b.until(r.ID, Succeeded)
	if got := b.weights(); !slices.Equal(got, []int{10, 50, 100}) {
		t.Errorf("weights %v", got)
	}
}
