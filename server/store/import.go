package store

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"

	"entgo.io/ent/dialect"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/archive"
	"github.com/weirmesh/weir/server/store/migrations"
)

// stepFor finds the step of a dialect that a backup was made at.
func stepFor(m archive.Manifest, of string) (migrations.Step, error) {
	steps, err := stepsOf(of)
	if err != nil {
		return migrations.Step{}, err
	}
	for _, s := range steps {
		if s.Name == m.Schema {
			return s, nil
		}
	}
	all, err := stepsOf(m.Dialect)
	if err != nil {
		return migrations.Step{}, err
	}
	for _, s := range all {
		if s.Name == m.Schema {
			return migrations.Step{}, mesh.Errorf(mesh.Conflict,
				"the backup is of a schema from before PostgreSQL was possible (%s): restore it into a data directory, start this Weir on it once, and back that up", m.Schema)
		}
	}
	return migrations.Step{}, mesh.Errorf(mesh.Conflict, "the backup was written by a newer Weir (%s, schema %q): restore it with that version", m.Weir, m.Schema)
}

// filling writes a backup's rows into empty tables.
type filling struct {
	db querier
	of string
	in *archive.Reader
}

// all fills every table and compares what is in them afterwards with what was backed up.
func (f filling) all(ctx context.Context) error {
	tables, err := tablesIn(ctx, f.db, f.of)
	if err != nil {
		return err
	}
	if len(tables) != len(f.in.Manifest().Tables) {
		return mesh.Errorf(mesh.Invalid, "%s has other tables than its schema has: nothing was restored from it; use another backup", f.in.Path())
	}
	for _, t := range tables {
		if err := f.fill(ctx, t); err != nil {
			return err
		}
	}
	for _, t := range tables {
		if err := f.compare(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// saved finds a table in the manifest.
func (f filling) saved(t table) (archive.Table, error) {
	for _, s := range f.in.Manifest().Tables {
		if s.Name == t.name && strings.Join(s.Columns, ",") == strings.Join(t.names(), ",") {
			return s, nil
		}
	}
	return archive.Table{}, mesh.Errorf(mesh.Invalid, "%s has no table %s with the columns that its schema has: nothing was restored from it; use another backup", f.in.Path(), t.name)
}

func (f filling) fill(ctx context.Context, t table) error {
	saved, err := f.saved(t)
	if err != nil {
		return err
	}
	marks := make([]string, len(t.columns))
	for i := range marks {
		marks[i] = "?"
		if f.of == dialect.Postgres {
			marks[i] = fmt.Sprintf("$%d", i+1)
		}
	}
	insert := "INSERT INTO " + quoted([]string{t.name}) + " (" + quoted(t.names()) + ") VALUES (" + strings.Join(marks, ", ") + ")"
	err = f.in.Rows(saved, t.types(), func(row []any) error {
		_, err := f.db.ExecContext(ctx, insert, row...)
		return err
	})
	if err != nil || !t.counted || f.of != dialect.Postgres {
		return err
	}
	// What the database numbers goes on after the highest number.
	_, err = texts(ctx, f.db, fmt.Sprintf(`SELECT setval(pg_get_serial_sequence('%q', '%s'), max(%q))::text FROM %q HAVING max(%q) IS NOT NULL`,
		t.name, t.key[0], t.key[0], t.name, t.key[0]))
	return err
}

// compare reads a table back.
func (f filling) compare(ctx context.Context, t table) error {
	saved, err := f.saved(t)
	if err != nil {
		return err
	}
	sum := sha256.New()
	if err := t.readAll(ctx, f.db, func(row []any) error { return archive.Line(sum, row) }); err != nil {
		return err
	}
	if hex.EncodeToString(sum.Sum(nil)) != saved.SHA256 {
		return mesh.Errorf(mesh.Internal, "table %s read back is not what was backed up: nothing was restored", t.name)
	}
	return nil
}

// fillOnce fills in one transaction.
func fillOnce(ctx context.Context, db *sql.DB, of string, in *archive.Reader, before func(tx *sql.Tx) error) error {
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	err = before(tx)
	if err == nil {
		err = filling{tx, of, in}.all(ctx)
	}
	if err != nil {
		_ = tx.Rollback() // the error that led here is the one to tell
		return err
	}
	return tx.Commit()
}

// closing joins the error of a close to another one.
func closing(err *error, c io.Closer) { *err = errors.Join(*err, c.Close()) }
