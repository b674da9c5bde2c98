package store

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ariga.io/atlas/sql/migrate"
	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"github.com/jackc/pgx/v5"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/migrations"
	"github.com/weirmesh/weir/server/store/postgres"
)

func TestNewerSchemaIsRefused(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		if _, err := s.write.ExecContext(t.Context(), "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99990101000000, true)"); err != nil {
			t.Fatal(err)
		}
		if _, err := s.write.ExecContext(t.Context(), "DROP TABLE "+floorTable); err != nil { // it does not say who can work with it
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, at, mesh.Unavailable, "newer Weir", "99990101000000")
	})
}

// The migrations, replayed on an empty database, give exactly the schema of ent/schema, and none was edited.
func TestMigrationsMatchSchema(t *testing.T) {
	t.Parallel()
	for _, d := range []struct{ of, folder, table string }{
		{dialect.SQLite, "migrations/sqlite", "CREATE TABLE `edits`"},
		{dialect.Postgres, "migrations/postgres", `CREATE TABLE "edits"`},
	} {
		t.Run(d.of, func(t *testing.T) {
			dir, err := sqltool.NewGooseDir(d.folder)
			if err != nil {
				t.Fatal(err)
			}
			if err := migrate.Validate(dir); err != nil {
				t.Fatalf("a migration was edited after it was written: %v", err)
			}
			copied := t.TempDir()
			if err := os.CopyFS(copied, os.DirFS(d.folder)); err != nil {
				t.Fatal(err)
			}
			if missing := pending(t, d.of, copied); missing != "" {
				t.Errorf("ent/schema has what no migration makes; run go run ./server/store/migrations/diff NAME:\n%s", missing)
			}
			if everything := pending(t, d.of, t.TempDir()); !strings.Contains(everything, d.table) {
				t.Errorf("the comparison does not see a missing table: %q", everything)
			}
		})
	}
}

// empty is a database of a dialect with nothing in it.
func empty(t *testing.T, of string) *sql.DB {
	t.Helper()
	if of == dialect.Postgres {
		return plain(t, postgresServer(t).Database(t, ""))
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(t.TempDir(), "dev.db")+"?_pragma=foreign_keys(1)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// plain is a PostgreSQL database without a store around it.
func plain(t *testing.T, at string) *sql.DB {
	t.Helper()
	config, err := pgx.ParseConfig(at)
	if err != nil {
		t.Fatal(err)
	}
	db := postgres.Open(config, 0)
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// pending is the SQL between the migrations in a folder and ent/schema, "" for none.
func pending(t *testing.T, of, folder string) string {
	t.Helper()
	dir, err := sqltool.NewGooseDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	tables, err := migrations.Tables(of)
	if err != nil {
		t.Fatal(err)
	}
	diff, err := schema.NewMigrate(entsql.OpenDB(of, empty(t, of)), schema.WithDir(dir), schema.WithFormatter(sqltool.GooseFormatter),
		schema.WithMigrationMode(schema.ModeReplay), schema.WithDropColumn(true), schema.WithDropIndex(true))
	if err != nil {
		t.Fatal(err)
	}
	before, err := dir.Files()
	if err != nil {
		t.Fatal(err)
	}
	if err := diff.NamedDiff(t.Context(), "pending", tables...); err != nil {
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
