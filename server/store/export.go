package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"entgo.io/ent/dialect"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/archive"
	"github.com/weirmesh/weir/server/store/migrations"
	"github.com/weirmesh/weir/server/store/postgres"
)

// Export writes a backup to a file that does not exist: everything that the database holds for good, as of one moment.
// Replicas may read and write meanwhile; the lock of a data directory is not needed. The schema may be an older one. The file
// is read back, restored into a scratch database and checked before it gets its name; on any error nothing is left.
func Export(ctx context.Context, o Options, path, version string) (Audit, error) {
	src, err := sourceOf(ctx, o)
	if err != nil {
		return Audit{}, err
	}
	defer src.db.Close()
	w, err := archive.Create(path)
	if err != nil {
		return Audit{}, err
	}
	defer w.Close()
	if err := src.write(ctx, w, version); err != nil {
		return Audit{}, explain(src.engine, "back up", err)
	}
	audit, err := Check(ctx, w.Written())
	if err != nil {
		return Audit{}, err
	}
	if err := ctx.Err(); err != nil {
		return Audit{}, explain(src.engine, "back up", err)
	}
	return audit, w.Finish()
}

// source is a database that is read.
type source struct {
	engine engine
	db     *sql.DB
	of     string // the dialect
}

func sourceOf(ctx context.Context, o Options) (source, error) {
	if o.DatabaseURL == "" {
		e := &sqliteEngine{dir: o.Dir, logger: slog.New(slog.DiscardHandler)}
		if _, err := os.Stat(e.path()); err != nil {
			if errors.Is(err, fs.ErrNotExist) {
				return source{}, mesh.Errorf(mesh.NotFound, "there is no database %s: name the server's data directory with --data, or its database with --database-url", e.path())
			}
			return source{}, mesh.Errorf(mesh.Unavailable, "the database %s cannot be read: %w", e.path(), err)
		}
		db, err := sql.Open("sqlite", dsn(e.path(), "deferred", "query_only(1)")+"&mode=rw")
		if err == nil {
			db.SetMaxOpenConns(1)
			if err = e.check(ctx, db); err != nil {
				err = errors.Join(err, db.Close())
			}
		}
		return source{e, db, dialect.SQLite}, err
	}
	e, err := newPostgres(o.DatabaseURL, o.Logger)
	if err != nil {
		return source{}, err
	}
	c := e.config.Copy()
	c.RuntimeParams["default_transaction_read_only"] = "on"
	c.RuntimeParams["idle_in_transaction_session_timeout"] = "0" // a disk that the copy goes to may be slow
	return source{e, postgres.Open(c, 0), dialect.Postgres}, nil
}

// write copies the tables as they are at one moment.
func (s source) write(ctx context.Context, w *archive.Writer, version string) error {
	tx, err := s.db.BeginTx(ctx, &sql.TxOptions{Isolation: s.isolation()})
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	step, err := s.step(ctx, tx)
	if err != nil {
		return err
	}
	tables, err := tablesIn(ctx, tx, s.of)
	if err != nil {
		return err
	}
	for _, t := range tables {
		err := w.Table(t.name, t.names(), func(write func(row []any) error) error { return t.readAll(ctx, tx, write) })
		if err != nil {
			return err
		}
	}
	m := archive.Manifest{Weir: version, At: time.Now().UTC(), Dialect: s.of, Schema: step.Name, Version: step.Version}
	if m.Ledgers, err = ledgersIn(ctx, tx); err != nil {
		return err
	}
	return w.Seal(m)
}

// isolation is of a transaction that sees one moment. SQLite has no other.
func (s source) isolation() sql.IsolationLevel {
	if s.of == dialect.Postgres {
		return sql.LevelRepeatableRead
	}
	return sql.LevelDefault
}

// step finds the schema's newest step.
func (s source) step(ctx context.Context, db querier) (migrations.Step, error) {
	have, err := number(ctx, db, "SELECT max(version_id) FROM goose_db_version")
	if err != nil || have == 0 {
		return migrations.Step{}, mesh.Errorf(mesh.NotFound, "the database holds nothing of Weir's: name the one that the server uses")
	}
	steps, err := stepsOf(s.of)
	if err != nil {
		return migrations.Step{}, err
	}
	for _, step := range steps {
		if step.Version == have {
			return step, nil
		}
	}
	return migrations.Step{}, mesh.Errorf(mesh.Unavailable, "the database was written by a newer Weir (schema %d): back it up with that version, so that nothing of it is left out", have)
}

func stepsOf(of string) ([]migrations.Step, error) {
	files, err := migrations.Files(of)
	if err != nil {
		return nil, err
	}
	return migrations.Steps(files)
}

// ledgersIn gives the newest entry of every mesh that something was ever done to.
func ledgersIn(ctx context.Context, db querier) ([]archive.Ledger, error) {
	hash := "hash"
	rows, err := db.QueryContext(ctx, `SELECT c.mesh, c.revision, c.`+hash+` FROM changes c
		WHERE c.revision = (SELECT max(n.revision) FROM changes n WHERE n.mesh = c.mesh) ORDER BY c.mesh`)
	if err != nil {
		return nil, fmt.Errorf("read the newest entries: %w", err)
	}
	defer rows.Close()
	list := []archive.Ledger{}
	for rows.Next() {
		var l archive.Ledger
		var sum sql.NullString
		if err := rows.Scan(&l.Mesh, &l.Revision, &sum); err != nil {
			return nil, err
		}
		l.Hash = sum.String
		list = append(list, l)
	}
	return list, rows.Err()
}
