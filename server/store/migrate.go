package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"

	"github.com/pressly/goose/v3"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/migrations"
)

// migration brings a database to the newest schema that this Weir knows. It refuses one that a newer Weir wrote, unless that
// one says that this Weir can work with it.
type migration struct {
	db      *sql.DB
	dialect goose.Dialect
	files   fs.FS
	name    string // of the database, for people
	logger  *slog.Logger
}

func (m migration) up(ctx context.Context) error {
	provider, err := m.provider()
	if err != nil {
		return err
	}
	have, want, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return m.newer(ctx, have, want)
	}
	steps, err := migrations.Steps(m.files)
	if err != nil {
		return err
	}
	// An older Weir that looks between the two statements is refused, which is the safe side.
	if err := m.raise(ctx, migrations.Floor(steps)); err != nil {
		return err
	}
	done, err := provider.Up(ctx)
	if err != nil {
		return err
	}
	if len(done) > 0 {
		m.logger.Info("database schema brought up to date", "from", have, "to", want)
	}
	return nil
}

// upTo stops at a step.
func (m migration) upTo(ctx context.Context, version int64) error {
	provider, err := m.provider()
	if err != nil {
		return err
	}
	_, err = provider.UpTo(ctx, version)
	return err
}

func (m migration) provider() (*goose.Provider, error) {
	// The logger and the global registry are switched off: both are the process's, not this store's.
	return goose.NewProvider(m.dialect, m.db, m.files, goose.WithDisableGlobalRegistry(true))
}

// floorTable holds one number: the oldest schema step whose Weir can work on the database as it is. It is not part of
// ent/schema, as goose's table is not: it has to be readable whatever else the schema has become.
const floorTable = "weir_schema_floor"

// newer looks whether the Weir that wrote a newer schema left this one able to work with it.
func (m migration) newer(ctx context.Context, have, want int64) error {
	var floor sql.NullInt64
	err := m.db.QueryRowContext(ctx, "SELECT max(version) FROM "+floorTable).Scan(&floor)
	if err == nil && floor.Valid && floor.Int64 <= want {
		m.logger.Warn("the database has a newer schema, which this version can work with: a newer version runs or ran on it", "schema", have, "known", want)
		return nil
	}
	return mesh.Errorf(mesh.Unavailable,
		"%s was written by a newer Weir (schema %d, this one knows up to %d): run that version, or restore a backup from before the upgrade",
		m.name, have, want)
}

// raise records the floor; it never sinks.
func (m migration) raise(ctx context.Context, floor int64) error {
	var now sql.NullInt64
	if err := m.db.QueryRowContext(ctx, "SELECT max(version) FROM "+floorTable).Scan(&now); err == nil && now.Int64 >= floor {
		return nil
	}
	tx, err := m.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, "CREATE TABLE IF NOT EXISTS "+floorTable+" (version bigint NOT NULL PRIMARY KEY)")
	if err == nil {
		mark := "$1"
		if m.dialect == goose.DialectSQLite3 {
			mark = "?"
		}
		_, err = tx.ExecContext(ctx, "INSERT INTO "+floorTable+" (version) VALUES ("+mark+") ON CONFLICT DO NOTHING", floor)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Schema gives the database's newest step, which another replica may have made newer since Open. Error: mesh.Unavailable when
// this Weir cannot work with it any more, or the database does not answer.
func (s *Store) Schema(ctx context.Context) (int64, error) {
	have, err := number(ctx, s.read, "SELECT max(version_id) FROM goose_db_version")
	if err != nil {
		return 0, s.explain("read the schema", err)
	}
	floor, err := number(ctx, s.read, "SELECT max(version) FROM "+floorTable)
	if err != nil {
		return have, s.explain("read the schema", err)
	}
	if floor > s.known {
		return have, mesh.Errorf(mesh.Unavailable, "a newer Weir has changed the database (schema %d, this one knows up to %d): stop this one, or upgrade it", have, s.known)
	}
	return have, nil
}
