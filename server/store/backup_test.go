package store

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"entgo.io/ent/dialect"
	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/archive"
)

// ledgerTables are filled by Append, the others by fixture.
var ledgerTables = map[string]bool{"changes": true, "edits": true, "meshes": true, "objects": true}

// fixture fills every table that a backup has: a chained ledger, and rows of every type in the others.
func fixture(t *testing.T, s *Store, at string) {
	t.Helper()
	hash := ""
	for i := range int64(12) {
		r := record(fmt.Sprintf("%02d", i+1), i+1)
		var err error
		if r.Change.Hash, err = change.Seal(hash, r); err != nil {
			t.Fatal(err)
		}
		hash = r.Change.Hash
		mustAppend(t, s, i, r)
	}
	of := dialectOf(at)
	tables, err := tablesIn(t.Context(), s.write, of)
	if err != nil {
		t.Fatal(err)
	}
	for _, table := range tables {
		if ledgerTables[table.name] {
			continue
		}
		for i := range 3 {
			marks, row := make([]string, len(table.columns)), make([]any, len(table.columns))
			for j, c := range table.columns {
				marks[j] = "?"
				if of == dialect.Postgres {
					marks[j] = fmt.Sprintf("$%d", j+1)
				}
				row[j] = value(c, i)
			}
			_, err := s.write.ExecContext(t.Context(), "INSERT INTO "+quoted([]string{table.name})+" ("+quoted(table.names())+") VALUES ("+strings.Join(marks, ", ")+")", row...)
			if err != nil {
				t.Fatalf("table %s: %v", table.name, err)
			}
		}
	}
}

func dialectOf(at string) string {
	if options(at).DatabaseURL != "" {
		return dialect.Postgres
	}
	return dialect.SQLite
}

// value is one that is easily bent on its way.
func value(c column, i int) any {
	switch c.of {
	case archive.Int:
		return int64(1) << (40 + i)
	case archive.Bool:
		return i == 1
	case archive.Bytes:
		return []byte{0, 255, byte(i)}
	case archive.JSON:
		return []byte(`{"b": 1.50,  "a":"<한국어>` + fmt.Sprint(i) + `", "big":12345678901234567890}`)
	case archive.Time:
		return noon.Add(time.Duration(i)*time.Hour + 123456*time.Microsecond)
	default:
		return fmt.Sprintf("%s %d <img onerror> עברית \u2028 \\ \" 🚦\n", c.name, i)
	}
}

func export(t *testing.T, at string) (path string, audit Audit) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "weir.backup")
	audit, err := Export(t.Context(), options(at), path, "test")
	if err != nil {
		t.Fatal(err)
	}
	if len(audit.Broken()) > 0 {
		t.Fatalf("the ledger is broken: %+v", audit.Ledgers)
	}
	return path, audit
}

// targets are empty databases of either kind.
func targets(t *testing.T) map[string]string {
	return map[string]string{"sqlite": filepath.Join(t.TempDir(), "data"), "postgres": postgresServer(t).Database(t, "")}
}

// What is backed up while it is in use can be restored into either database, and is the same there, to the byte.
func TestBackupRoundTrips(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		fixture(t, s, at)
		path, audit := export(t, at)
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file: %v, %v", info.Mode(), err)
		}
		if len(audit.Ledgers) != 1 || audit.Ledgers[0].Chained != 12 || audit.Manifest.Ledgers[0].Revision != 12 {
			t.Errorf("ledgers: %+v, %+v", audit.Ledgers, audit.Manifest.Ledgers)
		}
		want, err := s.Records(t.Context(), change.Query{})
		if err != nil {
			t.Fatal(err)
		}
		for name, to := range targets(t) {
			t.Run("into "+name, func(t *testing.T) {
				if _, err := Import(t.Context(), options(to), path, false); err != nil {
					t.Fatal(err)
				}
				_, again := export(t, to)
				if diff := cmp.Diff(audit.Manifest.Tables, again.Manifest.Tables); diff != "" {
					t.Errorf("tables (-backed up +restored):\n%s", diff)
				}
				r := open(t, to)
				got, err := r.Records(t.Context(), change.Query{})
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("records (-want +got):\n%s", diff)
				}
				mustAppend(t, r, 12, record("13", 13)) // its numbers go on where they were
				if err := r.Close(); err != nil {
					t.Fatal(err)
				}
			})
		}
	})
}

// A database of an earlier schema can be backed up by the Weir that is about to upgrade it.
func TestBackupOfAnEarlierSchema(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	for _, statement := range []string{ // as the step fleet's Down does
		"DROP TABLE replicas", "DROP TABLE authorities", "DELETE FROM goose_db_version WHERE version_id = (SELECT max(version_id) FROM goose_db_version)",
		"ALTER TABLE changes DROP COLUMN version", "DROP INDEX instance_replica_mesh_node_instance", "ALTER TABLE instances DROP COLUMN replica",
	} {
		if _, err := s.write.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.write.ExecContext(t.Context(), "INSERT INTO views (mesh, name, query, author, at) VALUES ('m', 'v', '', 'ann', ?)", noon); err != nil {
		t.Fatal(err)
	}
	path, audit := export(t, dir)
	if audit.Manifest.Schema != "replicas" {
		t.Errorf("schema %q", audit.Manifest.Schema)
	}
	for name, to := range targets(t) {
		if _, err := Import(t.Context(), options(to), path, false); err != nil {
			t.Fatalf("into %s: %v", name, err)
		}
		views, err := open(t, to).Views(t.Context(), "m")
		if err != nil || len(views) != 1 {
			t.Errorf("into %s: %v, %v", name, views, err)
		}
	}
}

func TestRestoreRefusesWhatIsThere(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		source := t.TempDir()
		first := open(t, source)
		mustAppend(t, first, 0, record("01", 1))
		path, _ := export(t, source)
		s := open(t, at)
		mustAppend(t, s, 0, record("0a", 1))
		if dialectOf(at) == dialect.Postgres {
			if _, err := s.TakeLease(t.Context(), "steward", "one", time.Minute); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Import(t.Context(), options(at), path, true); mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), "in use by") {
			t.Errorf("in use: %v", err)
		}
		if dialectOf(at) == dialect.Postgres {
			if _, err := s.write.ExecContext(t.Context(), "UPDATE leases SET until = now()"); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := Import(t.Context(), options(at), path, false); mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), "--replace") {
			t.Errorf("not empty: %v", err)
		}
		if _, err := Import(t.Context(), options(at), path, true); err != nil {
			t.Fatalf("replace: %v", err)
		}
		got, err := open(t, at).Records(t.Context(), change.Query{})
		if err != nil || len(got) != 1 || got[0].Change.ID != "01" {
			t.Errorf("replaced: %v, %v", got, err)
		}
		kept, _ := filepath.Glob(filepath.Join(at, "weir.db.replaced-*"))
		if dialectOf(at) == dialect.SQLite && len(kept) != 1 {
			t.Errorf("the database that was there: %v", kept)
		}
	})
}

// A byte that is not what was written, wherever it is, is either seen or of no matter; the target stays as it was.
func TestRestoreRefusesDamage(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	s := open(t, source)
	fixture(t, s, source)
	path, audit := export(t, source)
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	refusals := 0
	for i := range 12 {
		damaged := bytes.Clone(whole)
		damaged[len(whole)*i/12] ^= 0x55
		bad := filepath.Join(t.TempDir(), "bad")
		if err := os.WriteFile(bad, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := Check(t.Context(), bad)
		if err == nil {
			if diff := cmp.Diff(audit.Manifest.Tables, got.Manifest.Tables); diff != "" {
				t.Errorf("byte %d: nobody saw\n%s", len(whole)*i/12, diff)
			}
			continue
		}
		refusals++
		if code := mesh.CodeOf(err); code != mesh.Invalid && code != mesh.Conflict {
			t.Errorf("byte %d: %s: %v", len(whole)*i/12, code, err)
		}
	}
	if refusals < 6 {
		t.Errorf("%d of 12 damaged files were refused", refusals)
	}
	for _, length := range []int{0, 1, len(whole) / 2, len(whole) - 1} {
		cut := filepath.Join(t.TempDir(), "cut")
		if err := os.WriteFile(cut, whole[:length], 0o600); err != nil {
			t.Fatal(err)
		}
		to := t.TempDir()
		if _, err := Import(t.Context(), options(to), cut, false); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("cut off after %d bytes: %v", length, err)
		}
		onlyLock(t, to)
	}
}

// onlyLock checks that nothing was left in a folder but the lock's file.
func onlyLock(t *testing.T, dir string) {
	t.Helper()
	names, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range names {
		if n.Name() != lockFile {
			t.Errorf("%s was left in %s", n.Name(), dir)
		}
	}
}

// Whoever gives up, or cannot write, leaves nothing.
func TestBackupLeavesNothingHalf(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	s := open(t, source)
	fixture(t, s, source)
	path, _ := export(t, source)
	if _, err := Export(t.Context(), options(source), path, "test"); mesh.CodeOf(err) != mesh.Conflict {
		t.Errorf("the file exists: %v", err)
	}
	given, cancel := context.WithCancel(t.Context())
	cancel()
	dir := t.TempDir()
	if _, err := Export(given, options(source), filepath.Join(dir, "b"), "test"); err == nil {
		t.Error("it was given up, and there is a backup")
	}
	onlyLock(t, dir)
	to := t.TempDir()
	if _, err := Import(given, options(to), path, false); err == nil {
		t.Error("it was given up, and was restored")
	}
	onlyLock(t, to)
	for at, want := range map[string]mesh.Code{filepath.Join(dir, "nowhere", "b"): mesh.NotFound, "/proc/b": mesh.NotFound} {
		if _, err := Export(t.Context(), options(source), at, "test"); err == nil || mesh.CodeOf(err) != want && mesh.CodeOf(err) != mesh.Unavailable {
			t.Errorf("%s: %v", at, err)
		}
	}
	if _, err := Export(t.Context(), options(t.TempDir()), filepath.Join(dir, "b"), "test"); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("nothing to back up: %v", err)
	}
	onlyLock(t, dir)
}

// A ledger that was altered beside Weir is backed up as it is, and named.
func TestBackupOfABrokenLedger(t *testing.T) {
	t.Parallel()
	source := t.TempDir()
	s := open(t, source)
	fixture(t, s, source)
	if _, err := s.write.ExecContext(t.Context(), "UPDATE changes SET author = 'eve' WHERE revision = 5"); err != nil {
		t.Fatal(err)
	}
	audit, err := Export(t.Context(), options(source), filepath.Join(t.TempDir(), "b"), "test")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"m"}, audit.Broken()); diff != "" {
		t.Errorf("broken (-want +got):\n%s", diff)
	}
}
