package store

import (
	"database/sql"
	"fmt"
	"io/fs"
	"log/slog"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"

	"entgo.io/ent/dialect"
	"github.com/pressly/goose/v3"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/migrations"
)

// forbidden finds what a step must not do to a schema while the Weir of the step before works on it.
var forbidden = map[string]*regexp.Regexp{
	"takes away":                regexp.MustCompile(`(?i)\bDROP\b|\bTRUNCATE\b`),
	"renames":                   regexp.MustCompile(`(?i)\bRENAME\b`),
	"changes a column":          regexp.MustCompile(`(?i)\bALTER\s+COLUMN\b|\bSET\s+NOT\s+NULL\b|\bTYPE\s`),
	"adds what has to be given": regexp.MustCompile(`(?i)\bADD\s+COLUMN\b(?:[^;]*)\bNOT\s+NULL\b`),
	"forbids on an old table":   regexp.MustCompile(`(?i)\bADD\s+(?:CONSTRAINT|UNIQUE|CHECK|FOREIGN)\b`),
}

var (
	remark    = regexp.MustCompile(`(?m)^--.*$`)
	withValue = regexp.MustCompile(`(?i)\bDEFAULT\b`)
	unique    = regexp.MustCompile("(?i)CREATE\\s+UNIQUE\\s+INDEX\\s+\\S+\\s+ON\\s+[\"`](\\w+)")
	creates   = regexp.MustCompile("(?i)CREATE\\s+TABLE\\s+[\"`](\\w+)")
)

// faults says why the Weir of the step before could not work on in a database that has this one.
func faults(step string) []string {
	up, _, _ := strings.Cut(step, "-- +goose Down")
	up = remark.ReplaceAllString(up, "")
	var why []string
	made := make(map[string]bool)
	for statement := range strings.SplitSeq(up, ";") {
		if m := creates.FindStringSubmatch(statement); m != nil {
			made[m[1]] = true
			continue
		}
		if m := unique.FindStringSubmatch(statement); m != nil && !made[m[1]] {
			why = append(why, "makes unique what was not: "+strings.TrimSpace(statement))
		}
		for what, pattern := range forbidden {
			if found := pattern.FindString(statement); found != "" && !(strings.HasPrefix(what, "adds") && withValue.MatchString(statement)) {
				why = append(why, what+": "+strings.TrimSpace(statement))
			}
		}
	}
	return why
}

// Steps after the first that replicas share only add, or say which Weir they leave working.
func TestStepsOnlyAdd(t *testing.T) {
	t.Parallel()
	files, err := migrations.Files(dialect.Postgres)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := migrations.Steps(files)
	if err != nil {
		t.Fatal(err)
	}
	past := false
	for _, s := range steps {
		if why := faults(s.SQL); past && s.Readers == 0 && len(why) > 0 {
			t.Errorf("step %s breaks the Weir before it (docs/adr/0041), and no line `-- readers: STEP` says so:\n%s", s.Name, strings.Join(why, "\n"))
		}
		past = past || s.Name == "fleet"
	}
	if !past {
		t.Error("the step fleet is gone")
	}
}

func TestFaultsAreSeen(t *testing.T) {
	t.Parallel()
	for step, want := range map[string]int{
		`ALTER TABLE "a" ADD COLUMN "b" text NULL;`:                                                                 0,
		`ALTER TABLE "a" ADD COLUMN "b" bigint NOT NULL DEFAULT 0;`:                                                 0,
		`CREATE TABLE "c" ("id" bigint NOT NULL, "type " text NOT NULL); CREATE UNIQUE INDEX "c_id" ON "c" ("id");`: 0,
		`CREATE INDEX "a_b" ON "a" ("b"); -- +goose Down` + "\nDROP TABLE \"a\";":                                   0,
		`ALTER TABLE "a" ADD COLUMN "b" text NOT NULL;`:                                                             1,
		`ALTER TABLE "a" DROP COLUMN "b";`:                                                                          1,
		`ALTER TABLE "a" RENAME COLUMN "b" TO "c";`:                                                                 1,
		`ALTER TABLE "a" ALTER COLUMN "b" SET NOT NULL;`:                                                            1,
		`ALTER TABLE "a" ALTER COLUMN "b" TYPE bigint;`:                                                             1,
		`ALTER TABLE "a" ADD CONSTRAINT "x" CHECK (b > 0);`:                                                         1,
		`CREATE UNIQUE INDEX "a_b" ON "a" ("b");`:                                                                   1,
		`DROP INDEX "a_b";`: 1,
	} {
		if why := faults(step); len(why) != want {
			t.Errorf("%s: %q, want %d", step, why, want)
		}
	}
}

// A step is of every dialect that has it under one name, so that a backup of one can be restored into another.
func TestStepsHaveOneName(t *testing.T) {
	t.Parallel()
	names := map[string]map[string]bool{}
	for _, of := range []string{dialect.SQLite, dialect.Postgres} {
		files, err := migrations.Files(of)
		if err != nil {
			t.Fatal(err)
		}
		steps, err := migrations.Steps(files)
		if err != nil {
			t.Fatal(err)
		}
		names[of] = map[string]bool{}
		for _, s := range steps {
			if names[of][s.Name] {
				t.Errorf("%s: two steps are named %s", of, s.Name)
			}
			names[of][s.Name] = true
		}
	}
	for name := range names[dialect.Postgres] {
		if !names[dialect.SQLite][name] {
			t.Errorf("step %s is of PostgreSQL only: a backup of it could not be checked", name)
		}
	}
}

// next is a folder of migrations with one more step: what the next Weir brings.
func next(t *testing.T, of, text string) fs.FS {
	t.Helper()
	files, err := migrations.Files(of)
	if err != nil {
		t.Fatal(err)
	}
	more := fstest.MapFS{"99990101000000_next.sql": {Data: []byte("-- +goose Up\n" + text + "\n-- +goose Down\nSELECT 1;\n")}}
	names, err := fs.Glob(files, "*.sql")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		data, err := fs.ReadFile(files, name)
		if err != nil {
			t.Fatal(err)
		}
		more[name] = &fstest.MapFile{Data: data}
	}
	return more
}

// upgrade does to a database what the start of the next Weir does.
func upgrade(t *testing.T, db *sql.DB, of, text string) {
	t.Helper()
	m := migration{db: db, dialect: goose.DialectPostgres, files: next(t, of, text), name: "the database", logger: slog.New(slog.DiscardHandler)}
	if of == dialect.SQLite {
		m.dialect = goose.DialectSQLite3
	}
	if err := m.up(t.Context()); err != nil {
		t.Fatal(err)
	}
}

// The next Weir may start and bring its schema while this one runs, and this one may start again after it.
func TestUpgradeWhileBothRun(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		of := dialect.SQLite
		if options(at).DatabaseURL != "" {
			of = dialect.Postgres
		}
		s := open(t, at)
		mustAppend(t, s, 0, record("01", 1))
		upgrade(t, s.write, of, `ALTER TABLE changes ADD COLUMN novelty text NULL;
ALTER TABLE objects ADD COLUMN weight bigint NOT NULL DEFAULT 7;
CREATE TABLE novelties (id bigint NOT NULL PRIMARY KEY);`)
		mustAppend(t, s, 1, record("02", 2)) // the connections that knew the schema before go on
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, at)
		mustAppend(t, s, 2, record("03", 3))
		got, err := s.Records(t.Context(), change.Query{})
		if err != nil {
			t.Fatal(err)
		}
		if len(got) != 3 || got[0].Change.ID != "03" {
			t.Errorf("the ledger after the upgrade: %d entries", len(got))
		}
		if have, err := s.Schema(t.Context()); err != nil || have != 99990101000000 {
			t.Errorf("schema %d, %v", have, err)
		}
	})
}

// A step that says which Weir it leaves working keeps out those before.
func TestUpgradeThatBreaks(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		of := dialect.SQLite
		if options(at).DatabaseURL != "" {
			of = dialect.Postgres
		}
		s := open(t, at)
		upgrade(t, s.write, of, "-- readers: fleet\nCREATE TABLE harmless (id bigint);")
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, at) // fleet is this Weir's own step, or one before it
		if _, err := s.write.ExecContext(t.Context(), fmt.Sprintf("INSERT INTO %s (version) VALUES (99990101000000)", floorTable)); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Schema(t.Context()); mesh.CodeOf(err) != mesh.Unavailable {
			t.Errorf("it works on where it cannot: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		refused(t, at, mesh.Unavailable, "newer Weir", "99990101000000")
	})
}
