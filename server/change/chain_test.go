package change_test

import (
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// Whoever alters, removes or adds anything in the database file beside Weir is found out.
func TestTampering(t *testing.T) {
	base := t.TempDir()
	r := newRig(t, base, newProvider("a"))
	r.create(t)
	first := r.must(t, put(weights(50, 50)))
	second := r.must(t, put(weights(40, 60)))
	last := r.must(t, put(mesh.VirtualNode{Name: "extra"}))
	if _, err := r.Undo(t.Context(), last.ID, bob); err != nil {
		t.Fatal(err)
	}
	if v, err := r.Verify(t.Context(), "m"); err != nil || !v.OK || v.Entries != 5 || v.Chained != 5 || v.Unchained != 0 || len(v.Hash) != 64 {
		t.Fatalf("untouched: %+v, %v", v, err)
	}
	if _, err := r.Verify(t.Context(), "elsewhere"); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("of no mesh: %v", err)
	}
	r.stop()
	for name, c := range map[string]struct{ statement, says string }{
		"an author":       {`UPDATE changes SET author = 'mallory' WHERE id = '` + first.ID + `'`, "altered"},
		"a reason":        {`UPDATE changes SET reason = 'fine' WHERE id = '` + second.ID + `'`, "altered"},
		"what it set":     {`UPDATE edits SET after = replace(after, '60', '61') WHERE change_id = '` + second.ID + `'`, "altered"},
		"the newest hash": {`UPDATE changes SET hash = 'beef' WHERE revision = 5`, "altered"},
		"a hash":          {`UPDATE changes SET hash = NULL WHERE id = '` + second.ID + `'`, "the hash was removed"},
		"an entry":        {`DELETE FROM edits WHERE change_id = '` + first.ID + `'; DELETE FROM changes WHERE id = '` + first.ID + `'`, "removed or inserted"},
		"the newest":      {`DELETE FROM edits WHERE change_id = (SELECT id FROM changes WHERE revision = 5); DELETE FROM changes WHERE revision = 5`, "entries were removed"},
		"a state":         {`UPDATE changes SET state = 'kept' WHERE id = '` + last.ID + `'`, "takes it back, and its state is kept"},
		"the mesh":        {`UPDATE objects SET body = replace(body, '60', '61') WHERE name = 'reviews/primary'`, "beside the ledger"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := copied(t, base)
			db, err := sql.Open("sqlite", filepath.Join(dir, "weir.db"))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := db.Exec(c.statement); err != nil {
				t.Fatal(err)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			v, err := newRig(t, dir, newProvider("a")).Verify(t.Context(), "m")
			if err != nil || v.OK || len(v.Broken) == 0 {
				t.Fatalf("nobody noticed: %+v, %v", v, err)
			}
			said, err := json.Marshal(v.Broken)
			if err != nil || !strings.Contains(string(said), c.says) {
				t.Errorf("it says %s, %v; want %q", said, err, c.says)
			}
		})
	}
	t.Run("entries from before the chain", func(t *testing.T) {
		dir := copied(t, base)
		db, err := sql.Open("sqlite", filepath.Join(dir, "weir.db"))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := db.Exec(`UPDATE changes SET hash = NULL`); err != nil {
			t.Fatal(err)
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		r := newRig(t, dir, newProvider("a"))
		r.must(t, put(weights(1, 99)))
		r.must(t, put(weights(2, 98)))
		if v, err := r.Verify(t.Context(), "m"); err != nil || !v.OK || v.Unchained != 5 || v.Chained != 2 {
			t.Errorf("%+v, %v", v, err)
		}
	})
}

// An export is whole, in order, and carries what its hashes are over.
func TestExport(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	created := r.create(t)
	var ids []string
	for i := range 120 { // more than a page
		ids = append(ids, r.must(t, put(weights(1, i+1))).ID)
	}
	other := r.must(t, change.Proposal{Mesh: "n", Patch: mesh.Patch{Put: []mesh.Object{mesh.Settings{Name: "n"}}}})
	export := func(q change.Query) (lines []change.Line) {
		t.Helper()
		if err := r.Export(t.Context(), q, func(l change.Line) error { lines = append(lines, l); return nil }); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	all := export(change.Query{})
	if len(all) != 122 || all[0].ID != created.ID || all[121].ID != other.ID || all[121].Previous != "" {
		t.Fatalf("%d lines", len(all))
	}
	previous := ""
	for _, l := range all[:121] {
		rec := change.Record{Change: l.Change, Key: l.Key, Digest: l.Digest}
		for _, e := range l.Edits {
			rec.Edits = append(rec.Edits, change.Edit(e))
		}
		hash, err := change.Seal(l.Previous, rec)
		if err != nil || l.Previous != previous || hash != l.Hash {
			t.Fatalf("%s is chained to %s with %s, %v; want %s, %s", l.ID, l.Previous, l.Hash, err, previous, hash)
		}
		previous = l.Hash
	}
	since := export(change.Query{Mesh: "m", Since: strings.ToUpper(ids[99])})
	if len(since) != 20 || since[0].ID != ids[100] || since[0].Previous != all[100].Hash {
		t.Errorf("since a change: %d lines, %s, chained to %s", len(since), since[0].ID, since[0].Previous)
	}
	if later := export(change.Query{After: time.Now().Add(time.Hour)}); len(later) != 0 {
		t.Errorf("since later: %d lines", len(later))
	}
}

// copied is a copy of a data directory that nobody has open.
func copied(t *testing.T, from string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return to
}
