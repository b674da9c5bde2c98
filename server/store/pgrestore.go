package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/archive"
	"github.com/weirmesh/weir/server/store/migrations"
	"github.com/weirmesh/weir/server/store/postgres"
)

// restore fills the database in one transaction. Replicas that start meanwhile wait for it.
func (e *pgEngine) restore(ctx context.Context, in *archive.Reader, replace bool) (err error) {
	c := e.config.Copy()
	c.RuntimeParams["idle_in_transaction_session_timeout"] = "0" // the disk that the backup is on may be slow
	c.RuntimeParams["synchronous_commit"] = "on"
	db := postgres.Open(c, 0)
	defer closing(&err, db)
	facts, err := e.look(ctx, db)
	if err != nil {
		return err
	}
	if err := e.suits(facts); err != nil {
		return err
	}
	one, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer closing(&err, one)
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return err
	}
	if err := locker.SessionLock(ctx, one); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, locker.SessionUnlock(context.WithoutCancel(ctx), one)) }()
	m, err := e.ready(ctx, db, in.Manifest())
	if err != nil {
		return err
	}
	if err := fillOnce(ctx, db, dialect.Postgres, in, func(tx *sql.Tx) error { return e.vacate(ctx, tx, replace) }); err != nil {
		return err
	}
	return m.up(ctx)
}

// ready brings the schema to the step that the backup was made at. Until rows are in it, that is a database with nothing in it.
func (e *pgEngine) ready(ctx context.Context, db *sql.DB, of archive.Manifest) (migration, error) {
	files, err := migrations.Files(dialect.Postgres)
	m := migration{db: db, dialect: goose.DialectPostgres, files: files, name: e.name, logger: e.logger}
	if err != nil {
		return m, err
	}
	if err := e.ours(ctx, db, files); err != nil {
		return m, err
	}
	step, err := stepFor(of, dialect.Postgres)
	if err != nil {
		return m, err
	}
	there, err := columnsIn(ctx, db, dialect.Postgres, "goose_db_version")
	if err != nil {
		return m, err
	}
	var have int64
	if len(there) > 0 {
		if have, err = number(ctx, db, "SELECT max(version_id) FROM goose_db_version"); err != nil {
			return m, err
		}
	}
	if have > step.Version {
		return m, mesh.Errorf(mesh.Conflict, "%s has a newer schema than the backup (%d, %s): restore into a database that was just created; it is brought up to date then", e.name, have, step.Name)
	}
	return m, m.upTo(ctx, step.Version)
}

// vacate makes sure that nobody uses the database and that nothing is in it.
func (e *pgEngine) vacate(ctx context.Context, tx *sql.Tx, replace bool) error {
	if _, err := tx.ExecContext(ctx, "SELECT pg_advisory_xact_lock($1)", int64(writerLock)); err != nil {
		return err
	}
	if err := e.unused(ctx, tx); err != nil {
		return err
	}
	tables, err := tablesIn(ctx, tx, dialect.Postgres)
	if err != nil {
		return err
	}
	for _, t := range tables {
		some, err := number(ctx, tx, fmt.Sprintf("SELECT count(*) FROM (SELECT FROM %q LIMIT 1) AS one", t.name))
		if err != nil {
			return err
		}
		if some > 0 && !replace {
			return mesh.Errorf(mesh.Conflict, "%s is not empty (there is something in table %s) and was left as it is: name another database, or give --replace to have all that is in it deleted", e.name, t.name)
		}
	}
	slices.Reverse(tables)                               // rows go before those that they refer to
	names := []string{"sessions", "notices", "replicas"} // leases stay: their epochs must not go back
	for _, t := range tables {
		names = append(names, t.name)
	}
	for _, name := range names {
		there, err := columnsIn(ctx, tx, dialect.Postgres, name)
		if err != nil {
			return err
		}
		if len(there) == 0 {
			continue
		}
		if _, err := tx.ExecContext(ctx, fmt.Sprintf("DELETE FROM %q", name)); err != nil {
			return err
		}
	}
	return nil
}

// unused refuses while replicas serve from the database.
func (e *pgEngine) unused(ctx context.Context, tx *sql.Tx) error {
	there, err := columnsIn(ctx, tx, dialect.Postgres, "replicas")
	if err != nil || len(there) == 0 {
		return err
	}
	running, err := texts(ctx, tx, "SELECT name FROM replicas WHERE at > now() - interval '15 seconds' UNION SELECT holder FROM leases WHERE until > now() ORDER BY 1")
	if err == nil && len(running) > 0 {
		err = mesh.Errorf(mesh.Conflict, "%s is in use by %s: stop every Weir on it, wait fifteen seconds, and try again", e.name, strings.Join(running, ", "))
	}
	return err
}
