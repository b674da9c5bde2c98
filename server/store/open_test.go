package store

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"

	entmigrate "github.com/weirmesh/weir/ent/migrate"
	"github.com/weirmesh/weir/server/mesh"
)

// refused opens a directory that must be refused with an error of one line that has all the words.
func refused(t *testing.T, dir string, code mesh.Code, words ...string) {
	t.Helper()
	s, err := Open(t.Context(), Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err == nil {
		_ = s.Close()
		t.Fatal("it was opened")
	}
	if mesh.CodeOf(err) != code {
		t.Errorf("code %q, want %q: %v", mesh.CodeOf(err), code, err)
	}
	for _, w := range append(words, dir) {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
	if strings.Contains(err.Error(), "\n") {
		t.Errorf("more than one line: %q", err)
	}
}

func TestDirectoryInUse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	refused(t, dir, mesh.Conflict, "in use by this process", "--data")
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, dir)
}

func TestDirectoryThatIsNone(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused(t, file, mesh.Invalid, "not a directory")
}

func TestPathWithOddCharacters(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a?b=c&d#e %41 한국")
	s := open(t, dir)
	mustAppend(t, s, 0, record("01", 1))
	if _, err := os.Stat(filepath.Join(dir, databaseFile)); err != nil {
		t.Error(err)
	}
	if files, _ := filepath.Glob(filepath.Join(dir, "*wal")); len(files) != 1 {
		t.Errorf("the log is elsewhere: %v", files)
	}
}

func TestDamagedDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	for name, damage := range map[string]func([]byte){
		"no database": func(b []byte) { copy(b, "this is a text file, is it not?") },
		"torn pages": func(b []byte) {
			for i := 4096; i < len(b); i += 4096 { // every page but the first, whose header stays readable
				copy(b[i:], bytes.Repeat([]byte{0xA5}, 512))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, dir)
			mustAppend(t, s, 0, record("01", 1))
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, databaseFile)
			data, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			damage(data)
			if err := os.WriteFile(path, data, 0o600); err != nil {
				t.Fatal(err)
			}
			refused(t, dir, mesh.Unavailable, "damaged", "backup")
			if after, err := os.ReadFile(path); err != nil || !bytes.Equal(after, data) {
				t.Errorf("the file was changed: %v", err)
			}
		})
	}
}

func TestNewerSchemaIsRefused(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := s.write.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99990101000000, 1)"); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	refused(t, dir, mesh.Unavailable, "newer Weir", "99990101000000")
}

// The migrations, replayed on an empty database, give exactly the schema of ent/schema, and none was edited.
func TestMigrationsMatchSchema(t *testing.T) {
	dir, err := sqltool.NewGooseDir("migrations/sqlite")
	if err != nil {
		t.Fatal(err)
	}
	if err := migrate.Validate(dir); err != nil {
		t.Fatalf("a migration was edited after it was written: %v", err)
	}
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS("migrations/sqlite")); err != nil {
		t.Fatal(err)
	}
	if missing := pending(t.Context(), t, copied); missing != "" {
		t.Errorf("ent/schema has what no migration makes; run go run ./server/store/migrations/diff NAME:\n%s", missing)
	}
	if everything := pending(t.Context(), t, t.TempDir()); !strings.Contains(everything, "CREATE TABLE `edits`") {
		t.Errorf("the comparison does not see a missing table: %q", everything)
	}
}

// pending is the SQL between the migrations in a folder and ent/schema, "" for none.
func pending(ctx context.Context, t *testing.T, folder string) string {
	t.Helper()
	dir, err := sqltool.NewGooseDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "dev.db")+"?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close() //nolint:errcheck // a throw-away database
	diff, err := schema.NewMigrate(entsql.OpenDB(dialect.SQLite, db), schema.WithDir(dir), schema.WithFormatter(sqltool.GooseFormatter),
		schema.WithMigrationMode(schema.ModeReplay), schema.WithDropColumn(true), schema.WithDropIndex(true))
	if err != nil {
		t.Fatal(err)
	}
	before, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	if err := diff.NamedDiff(ctx, "pending", entmigrate.Tables...); err != nil {
		t.Fatal(err)
	}
	after, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	if len(after) == len(before) {
		return ""
	}
	return string(after[len(after)-1].Bytes())
}
