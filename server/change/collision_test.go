package change_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// Two people touch one route: the first its weights and its priority, the second its priority and its timeout. Taking the
// first back shows field by field who did what, and what is picked is taken back while the rest stays.
func TestUndoWhenOthersTouchedItSince(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	mine := weights(50, 50)
	mine.Priority = 5
	first := r.must(t, put(mine, mesh.VirtualNode{Name: "extra"}))
	theirs := mine
	theirs.Priority = 7
	theirs.Timeout = &mesh.Timeout{}
	second := r.must(t, put(theirs))

	_, err := r.Undo(t.Context(), first.ID, bob)
	var got *change.Collisions
	if !errors.As(err, &got) || !errors.Is(err, change.ErrStale) || mesh.CodeOf(err) != mesh.Conflict {
		t.Fatalf("got %v", err)
	}
	const after, before = `[{"node":"reviews-v1","weight":50},{"node":"reviews-v2","weight":50}]`, `[{"node":"reviews-v1","weight":75},{"node":"reviews-v2","weight":25}]`
	want := []change.Collision{{Object: primary, Version: 3, By: second.ID, Fields: []change.Ways{
		{Field: "priority", Base: "5", Theirs: "7", Yours: "0"},
		{Field: "targets", Base: after, Theirs: after, Yours: before, Clean: true},
		{Field: "timeout", Theirs: "{}", Foreign: true},
	}}}
	if diff := cmp.Diff(want, got.List, cmpopts.IgnoreUnexported(change.Collision{})); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if ways, err := r.Ways(t.Context(), first.ID); err != nil || len(ways) != 1 || len(ways[0].Fields) != 3 {
		t.Errorf("ways %+v, %v", ways, err)
	}
	pick := func(version int64, fields ...string) []change.Pick {
		return []change.Pick{{Object: primary, Version: version, Fields: fields}}
	}
	for what, picks := range map[string][]change.Pick{
		"another version": pick(2, "targets"), "no such field": pick(3, "colour"), "another object": {{Object: mesh.Ref{Kind: mesh.KindNode, Name: "web"}}},
	} {
		if _, err := r.UndoFields(t.Context(), first.ID, bob, picks); err == nil {
			t.Errorf("%s was taken", what)
		}
	}
	back, err := r.UndoFields(t.Context(), first.ID, bob, pick(3, "targets"))
	if err != nil || back.Undoes != first.ID {
		t.Fatal(back, err)
	}
	result := weights(75, 25)
	result.Priority, result.Timeout = 7, &mesh.Timeout{}
	if o, _ := r.Object("m", primary); !cmp.Equal(o.Object, mesh.Object(result)) {
		t.Errorf("the route is %+v", o.Object)
	}
	if _, err := r.Object("m", mesh.Ref{Kind: mesh.KindNode, Name: "extra"}); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("what nobody touched was not taken back: %v", err)
	}
	if got := r.get(t, first.ID); got.State != change.Undone || got.UndoneBy != back.ID {
		t.Errorf("the first is %s by %s", got.State, got.UndoneBy)
	}
	if v, err := r.Verify(t.Context(), "m"); err != nil || !v.OK {
		t.Errorf("the chain: %+v, %v", v, err)
	}
}

// An object that others deleted, or deleted and made again, collides as a whole.
func TestUndoOfWhatOthersDeleted(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	extra := mesh.VirtualNode{Name: "extra"}
	r.must(t, put(extra))
	changed := extra
	changed.Backends = []mesh.Backend{{Service: "reviews"}}
	c := r.must(t, put(changed))
	r.must(t, change.Proposal{Mesh: "m", Patch: mesh.Patch{Delete: []mesh.Ref{extra.Ref()}}})
	ways, err := r.Ways(t.Context(), c.ID)
	if err != nil || len(ways) != 1 || len(ways[0].Fields) != 1 || ways[0].Fields[0].Field != "" || ways[0].Fields[0].Theirs != "" {
		t.Fatalf("ways %+v, %v", ways, err)
	}
	if _, err := r.UndoFields(t.Context(), c.ID, bob, []change.Pick{{Object: extra.Ref()}}); !errors.Is(err, change.ErrUnchanged) {
		t.Errorf("nothing was picked: %v", err)
	}
	if _, err := r.UndoFields(t.Context(), c.ID, bob, []change.Pick{{Object: extra.Ref(), Fields: []string{""}}}); err != nil {
		t.Fatal(err)
	}
	if o, err := r.Object("m", extra.Ref()); err != nil || !cmp.Equal(o.Object, mesh.Object(extra)) {
		t.Errorf("back as %+v, %v", o, err)
	}
}
