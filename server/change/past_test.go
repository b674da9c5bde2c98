package change_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store"
)

// history makes a random history of a mesh through a door whose clock it turns.
type history struct {
	*testing.T
	dice  *rand.Rand
	name  string
	door  *change.Door
	now   time.Time
	truth []recorded
}

// recorded is the mesh since a moment.
type recorded struct {
	at       time.Time
	mesh     mesh.Mesh
	revision int64
}

// step proposes something random: nodes set, deleted and made again; the mesh deleted and made again.
func (h *history) step() {
	h.now = h.now.Add(time.Duration(h.dice.IntN(2500)) * time.Microsecond)
	current, err := h.door.Mesh(h.name)
	p := change.Proposal{Mesh: h.name, Author: "ann"}
	switch {
	case err != nil:
		p.Patch.Put = []mesh.Object{mesh.Settings{Name: h.name}, h.node()}
	case h.dice.IntN(10) == 0:
		for _, o := range current.Mesh.Objects() {
			p.Patch.Delete = append(p.Patch.Delete, o.Ref())
		}
	case len(current.Mesh.Nodes) > 0 && h.dice.IntN(2) == 0:
		i := h.dice.IntN(len(current.Mesh.Nodes))
		p.Patch.Delete = []mesh.Ref{current.Mesh.Nodes[i].Ref()}
	default:
		p.Patch.Put = []mesh.Object{h.node()}
	}
	c, err := h.door.Propose(h.Context(), p)
	if err != nil {
		if strings.Contains(err.Error(), "nothing would change") {
			return
		}
		h.Fatal(err)
	}
	after, _ := h.door.Mesh(h.name)
	h.truth = append(h.truth, recorded{c.At, after.Mesh, c.Accepted.Revision})
}

func (h *history) node() mesh.VirtualNode {
	return mesh.VirtualNode{
		Name:     fmt.Sprintf("n%d", h.dice.IntN(4)),
		Backends: []mesh.Backend{{Service: fmt.Sprintf("s%d", h.dice.IntN(100))}},
	}
}

// at gives what was recorded last at a moment.
func (h *history) at(moment time.Time) recorded {
	var last recorded
	for _, r := range h.truth {
		if !r.at.After(moment) {
			last = r
		}
	}
	return last
}

// verify asks for every moment that something happened, and for those just beside it.
func (h *history) verify(door *change.Door, among []recorded) {
	h.Helper()
	for _, r := range among {
		for _, beside := range []time.Duration{-time.Microsecond, 0, time.Microsecond, 500 * time.Microsecond} {
			moment := r.at.Add(beside)
			want := h.at(moment)
			got, revision, err := door.MeshAt(h.Context(), h.name, moment)
			if revision != want.revision {
				h.Fatalf("%v: revision %d, want %d", moment, revision, want.revision)
			}
			if diff := cmp.Diff(want.mesh, got); diff != "" {
				h.Fatalf("%v (-want +got):\n%s", moment, diff)
			}
			if (want.mesh.Name == "") != (mesh.CodeOf(err) == mesh.NotFound) {
				h.Fatalf("%v: %v", moment, err)
			}
		}
	}
}

func TestMeshAtIsWhatWasRecorded(t *testing.T) {
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	h := &history{T: t, dice: rand.New(rand.NewPCG(seed, 0)), now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)}
	opts := change.Options{Store: s, Provider: newProvider(), Now: func() time.Time { return h.now }}
	if h.door, err = change.New(opts); err != nil {
		t.Fatal(err)
	}
	for i := range 10 {
		h.name, h.truth = fmt.Sprintf("m%d", i), nil
		for range 10 {
			h.step()
			// What the door remembers must not outlive the next change.
			h.verify(h.door, h.truth[max(0, len(h.truth)-1):])
		}
		h.verify(h.door, h.truth)
	}
	again, err := change.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	h.verify(again, h.truth)
}

func TestMeshAtSaysSinceWhen(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	d, err := change.New(change.Options{Store: s, Provider: newProvider(), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	settings := mesh.Settings{Name: "m"}
	for _, p := range []mesh.Patch{{Put: []mesh.Object{settings}}, {Delete: []mesh.Ref{settings.Ref()}}, {Put: []mesh.Object{settings}}, {Delete: []mesh.Ref{settings.Ref()}}} {
		if _, err := d.Propose(t.Context(), change.Proposal{Mesh: "m", Patch: p}); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Hour)
	}
	for _, c := range []struct {
		at   string
		name string
		want string
	}{
		{"11:59", "m", "mesh m was first recorded at 2026-03-01 12:00:00 UTC: ask for a later moment"},
		{"12:30", "m", ""},
		{"13:30", "m", "mesh m did not exist at 2026-03-01 13:30:00 UTC: it was deleted at 2026-03-01 13:00:00 UTC and recorded again at 2026-03-01 14:00:00 UTC"},
		{"14:00", "m", ""},
		{"15:30", "m", "mesh m was deleted at 2026-03-01 15:00:00 UTC: ask for an earlier moment"},
		{"15:30", "other", `there is no mesh "other": there are none yet`},
	} {
		moment, err := time.Parse("2006-01-02 15:04", "2026-03-01 "+c.at)
		if err != nil {
			t.Fatal(err)
		}
		for range 2 { // from the store, and as remembered
			_, _, err = d.MeshAt(t.Context(), c.name, moment)
			if got := errorText(err); got != c.want {
				t.Errorf("%s at %s: %q, want %q", c.name, c.at, got, c.want)
			}
		}
	}
}

func errorText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func TestChangesBetweenMoments(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider())
	var changes []change.Change
	changes = append(changes, r.create(t))
	for i := range 3 {
		for !time.Now().After(changes[i].At.Add(2 * time.Millisecond)) {
			time.Sleep(time.Millisecond)
		}
		changes = append(changes, r.must(t, put(weights(i, 100))))
	}
	found, err := r.Changes(t.Context(), change.Query{Mesh: "m", After: changes[0].At, Until: changes[2].At})
	if err != nil {
		t.Fatal(err)
	}
	if len(found) != 2 || found[0].ID != changes[2].ID || found[1].ID != changes[1].ID {
		t.Errorf("between the first and the third there are %v", found)
	}
}
