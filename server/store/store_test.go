package store

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

func open(t *testing.T, at string) *Store {
	t.Helper()
	s, err := Open(t.Context(), options(at))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

var noon = time.Date(2026, 3, 1, 12, 0, 0, 123_000_000, time.UTC)

// node is a virtual node that differs from others of its name by a backend.
func node(name, backend string) mesh.VirtualNode {
	n := mesh.VirtualNode{Name: name}
	if backend != "" {
		n.Backends = []mesh.Backend{{Service: backend}}
	}
	return n
}

// record is a change of mesh m to revision that creates the mesh (revision 1) or sets node a.
func record(id string, revision int64) change.Record {
	r := change.Record{
		Change: change.Change{
			ID: id, Mesh: "m", Kind: mesh.KindNode, Name: "a", Objects: []mesh.Ref{{Kind: mesh.KindNode, Name: "a"}},
			Summary: "sets node a", Author: "ann", Reason: "a <b> & 한국어", At: noon.Add(time.Duration(revision) * time.Second),
			Diff: "--- a\n+++ b\n", State: change.Kept, Version: 1,
			Accepted: &change.Accepted{Revision: revision, At: noon.Add(time.Duration(revision) * time.Second)},
		},
		Digest: "digest of " + id,
	}
	edit := change.Edit{Ref: mesh.Ref{Kind: mesh.KindNode, Name: "a"}, After: node("a", fmt.Sprintf("s%d", revision)), Version: revision}
	if revision == 1 {
		r.Edits = append(r.Edits, change.Edit{Ref: mesh.Ref{Kind: mesh.KindMesh, Name: "m"}, After: mesh.Settings{Name: "m"}, Version: 1})
	} else {
		edit.Before = node("a", fmt.Sprintf("s%d", revision-1))
	}
	r.Edits = append(r.Edits, edit)
	return r
}

func mustAppend(t *testing.T, s *Store, base int64, r change.Record) {
	t.Helper()
	if _, err := s.Append(t.Context(), base, r); err != nil {
		t.Fatal(err)
	}
}

func TestAppendAndReadBack(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		first, second := record("01", 1), record("02", 2)
		deadline := noon.Add(time.Minute)
		second.Key, second.Change.ConfirmBy, second.Change.State = "key", &deadline, change.Pending
		mustAppend(t, s, 0, first)
		mustAppend(t, s, 1, second)
		check := func(s *Store) {
			t.Helper()
			got, err := s.Records(t.Context(), change.Query{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]change.Record{second, first}, got); diff != "" {
				t.Errorf("records (-want +got):\n%s", diff)
			}
			meshes, err := s.Meshes(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			want := []change.Current{{
				Name: "m", Revision: 2,
				Mesh:     mesh.Mesh{Name: "m", Nodes: []mesh.VirtualNode{node("a", "s2")}},
				Versions: map[mesh.Ref]int64{{Kind: mesh.KindMesh, Name: "m"}: 1, {Kind: mesh.KindNode, Name: "a"}: 2},
				Changed:  map[mesh.Ref]string{{Kind: mesh.KindMesh, Name: "m"}: "01", {Kind: mesh.KindNode, Name: "a"}: "02"},
			}}
			if diff := cmp.Diff(want, meshes); diff != "" {
				t.Errorf("meshes (-want +got):\n%s", diff)
			}
		}
		check(s)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		check(open(t, at))
	})
}

func TestAppendRefusesWhatMovedOn(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		mustAppend(t, s, 0, record("01", 1))
		mustAppend(t, s, 1, record("02", 2))
		keyed := record("03", 3)
		keyed.Key = "k"
		mustAppend(t, s, 2, keyed)
		stale := record("04", 2)
		sameID := record("03", 4)
		oldVersion := record("04", 4)
		oldVersion.Edits[0].Version = 3
		wrongVersion := record("04", 4)
		wrongVersion.Edits[0].Version = 9
		sameKey := record("04", 4)
		sameKey.Key = "k"
		for name, c := range map[string]struct {
			base int64
			r    change.Record
		}{
			"mesh exists":            {0, record("04", 1)},
			"stale revision":         {1, stale},
			"revision ahead":         {7, record("04", 8)},
			"version of an object":   {3, oldVersion},
			"version ahead":          {3, wrongVersion},
			"id recorded":            {3, sameID},
			"idempotency key in use": {3, sameKey},
		} {
			before, _ := s.Meshes(t.Context())
			_, err := s.Append(t.Context(), c.base, c.r)
			if mesh.CodeOf(err) != mesh.Conflict {
				t.Errorf("%s: got %v, want a conflict", name, err)
			}
			after, readErr := s.Meshes(t.Context())
			if diff := cmp.Diff(before, after); diff != "" || readErr != nil {
				t.Errorf("%s: left something behind: %v %s", name, readErr, diff)
			}
		}
		got, err := s.Records(t.Context(), change.Query{NoEdits: true})
		if err != nil || len(got) != 3 || got[0].Edits != nil {
			t.Errorf("got %d records, %v; want 3 without edits", len(got), err)
		}
	})
}

func TestDeletedObjectsKeepTheirVersions(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		mustAppend(t, s, 0, record("01", 1))
		gone := record("02", 2)
		gone.Edits[0].After = nil
		mustAppend(t, s, 1, gone)
		meshes, err := s.Meshes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if n := len(meshes[0].Mesh.Nodes); n != 0 {
			t.Errorf("%d nodes, want the only one gone", n)
		}
		if v := meshes[0].Versions[mesh.Ref{Kind: mesh.KindNode, Name: "a"}]; v != 2 {
			t.Errorf("version %d after the deletion, want 2", v)
		}
		back := record("03", 3)
		back.Edits[0].Before = nil
		mustAppend(t, s, 2, back)
		records, err := s.Records(t.Context(), change.Query{ID: "02"})
		if err != nil || len(records) != 1 || records[0].Edits[0].After != nil || records[0].Edits[0].Before == nil {
			t.Errorf("the deletion is not in the ledger: %+v, %v", records, err)
		}
	})
}

func TestDeletedMeshKeepsItsRevision(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		mustAppend(t, s, 0, record("01", 1))
		gone := record("02", 2)
		gone.Edits = []change.Edit{
			{Ref: mesh.Ref{Kind: mesh.KindNode, Name: "a"}, Before: node("a", "s1"), Version: 2},
			{Ref: mesh.Ref{Kind: mesh.KindMesh, Name: "m"}, Before: mesh.Settings{Name: "m"}, Version: 2},
		}
		mustAppend(t, s, 1, gone)
		meshes, err := s.Meshes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if c := meshes[0]; c.Name != "m" || c.Revision != 2 || c.Mesh.Name != "" {
			t.Errorf("got %+v, want mesh m at revision 2 without a configuration", c)
		}
	})
}

func TestUpdateAndMove(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		first := record("01", 1)
		deadline, then, agrees := noon.Add(time.Minute), noon.Add(time.Second), true
		first.Change.State, first.Change.ConfirmBy = change.Pending, &deadline
		mustAppend(t, s, 0, first)
		want := first.Change
		want.State, want.ConfirmBy, want.ConfirmedBy = change.Kept, nil, "bob"
		want.Programmed = &change.Programmed{Acked: 2, Total: 3, At: &then, Rejected: []provider.Rejection{{Proxy: "a-1", Message: "no <such> cluster"}}}
		want.Observed = &change.Observed{Window: "10s", Requests: 99, Shares: map[string]change.Share{"a": {Want: 0.5, Got: 0.4, Low: 0.3, High: 0.6}}, Agrees: &agrees}
		if err := s.Update(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		read := func(id string) change.Change {
			t.Helper()
			got, err := s.Records(t.Context(), change.Query{ID: id})
			if err != nil || len(got) != 1 {
				t.Fatalf("read %s: %d records, %v", id, len(got), err)
			}
			return got[0].Change
		}
		if err := s.Update(t.Context(), want); !errors.Is(err, change.ErrMoved) || mesh.CodeOf(err) != mesh.Conflict {
			t.Errorf("update of what was replaced meanwhile: %v", err)
		}
		want.Version++
		if diff := cmp.Diff(want, read("01")); diff != "" {
			t.Errorf("update (-want +got):\n%s", diff)
		}
		if err := s.Update(t.Context(), change.Change{ID: "nope", State: change.Kept}); mesh.CodeOf(err) != mesh.NotFound {
			t.Errorf("update of nothing: %v", err)
		}
		undo := record("02", 2)
		undo.Change.Undoes = "01"
		undo.Moves = []change.Move{{ID: "01", State: change.Undone, UndoneBy: "02", Note: "a note", At: noon, Version: 1}}
		if _, err := s.Append(t.Context(), 1, undo); !errors.Is(err, change.ErrMoved) || mesh.CodeOf(err) != mesh.Conflict {
			t.Errorf("taking back what was looked at before it moved on: %v", err)
		}
		undo.Moves[0].Version = 2
		moved, err := s.Append(t.Context(), 1, undo)
		if err != nil {
			t.Fatal(err)
		}
		want.State, want.UndoneBy, want.Note, want.Version = change.Undone, "02", "a note", 3
		want.Timeline = []change.Moment{{At: noon, What: "undone", Text: "02"}}
		if diff := cmp.Diff([]change.Change{want}, moved); diff != "" {
			t.Errorf("moved (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(want, read("01")); diff != "" {
			t.Errorf("the undone entry (-want +got):\n%s", diff)
		}
		again := record("03", 3)
		again.Moves = []change.Move{{ID: "01", State: change.Reverted, UndoneBy: "03"}}
		if _, err := s.Append(t.Context(), 2, again); mesh.CodeOf(err) != mesh.Conflict {
			t.Errorf("taking back what was taken back: %v", err)
		}
		again.Moves = []change.Move{{ID: "01", State: change.Superseded}, {ID: "nope", State: change.Superseded}}
		if moved, err := s.Append(t.Context(), 2, again); err != nil || len(moved) > 0 {
			t.Errorf("replacing what was taken back: %v, %v", moved, err)
		}
	})
}

func TestRecordsQuery(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		for i := range 5 {
			r := record(fmt.Sprintf("%02d", i+1), int64(i+1))
			if i == 2 {
				r.Key, r.Change.State = "k3", change.Undone
			}
			mustAppend(t, s, int64(i), r)
		}
		other := record("06", 1)
		other.Change.Mesh = "n"
		other.Edits[0].Ref.Name, other.Edits[0].After = "n", mesh.Settings{Name: "n"}
		mustAppend(t, s, 0, other)
		for name, c := range map[string]struct {
			q    change.Query
			want string
		}{
			"all":     {change.Query{}, "06 05 04 03 02 01"},
			"mesh":    {change.Query{Mesh: "m"}, "05 04 03 02 01"},
			"limit":   {change.Query{Mesh: "m", Limit: 2}, "05 04"},
			"before":  {change.Query{Before: "03"}, "02 01"},
			"key":     {change.Query{Key: "k3"}, "03"},
			"state":   {change.Query{State: change.Undone}, "03"},
			"id":      {change.Query{ID: "04"}, "04"},
			"object":  {change.Query{Object: mesh.Ref{Kind: mesh.KindMesh, Name: "m"}}, "01"},
			"object2": {change.Query{Mesh: "n", Object: mesh.Ref{Kind: mesh.KindNode, Name: "a"}}, "06"},
			"later":   {change.Query{Mesh: "m", AfterRevision: 3}, "05 04"},
			"next":    {change.Query{Mesh: "m", AfterRevision: 1, Oldest: true, Limit: 2}, "02 03"},
			"heads":   {change.Query{Heads: true}, "06 05"},
			"head":    {change.Query{Mesh: "n", Heads: true}, "06"},
			"nothing": {change.Query{ID: "99"}, ""},
		} {
			got, err := s.Records(t.Context(), c.q)
			if err != nil {
				t.Fatal(err)
			}
			ids := make([]string, len(got))
			for i, r := range got {
				ids[i] = r.Change.ID
			}
			if s := strings.Join(ids, " "); s != c.want {
				t.Errorf("%s: got %q, want %q", name, s, c.want)
			}
		}
	})
}

func TestClosedStoreSaysSo(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		_, err := s.Append(t.Context(), 0, record("01", 1))
		if _, ok := errors.AsType[*mesh.Error](err); !ok {
			t.Errorf("got %v, want an error for people", err)
		}
	})
}
