package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/pressly/goose/v3"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/archive"
	"github.com/weirmesh/weir/server/store/migrations"
)

// Audit is what checking a backup found.
type Audit struct {
	Manifest archive.Manifest      `json:"manifest"`
	Ledgers  []change.Verification `json:"ledgers"`
}

// Rows counts all rows.
func (a Audit) Rows() int {
	n := 0
	for _, t := range a.Manifest.Tables {
		n += t.Rows
	}
	return n
}

// Broken names the meshes whose ledger is not what was recorded. The backup is true to the database all the same.
func (a Audit) Broken() []string {
	var names []string
	for _, l := range a.Ledgers {
		if !l.OK {
			names = append(names, l.Mesh)
		}
	}
	return names
}

// Check reads a backup as restoring it would, into a scratch database in the folder for temporary files, and checks every
// ledger in it. Error: mesh.Invalid when the file is damaged, mesh.Conflict when it is of a newer Weir, mesh.NotFound.
func Check(ctx context.Context, path string) (audit Audit, err error) {
	in, err := archive.Open(path)
	if err != nil {
		return Audit{}, err
	}
	defer closing(&err, in)
	dir, err := os.MkdirTemp("", "weir-check-")
	if err != nil {
		return Audit{}, mesh.Errorf(mesh.Unavailable, "there is no room to check the backup: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	return fillDir(ctx, dir, in)
}

// fillDir makes a database of the newest schema in an empty folder, from a backup.
func fillDir(ctx context.Context, dir string, in *archive.Reader) (audit Audit, err error) {
	e := &sqliteEngine{dir: dir, logger: slog.New(slog.DiscardHandler)}
	defer func() { err = explain(e, "read the backup", err) }()
	audit.Manifest = in.Manifest()
	step, err := stepFor(audit.Manifest, dialect.SQLite)
	if err != nil {
		return audit, err
	}
	if err := os.WriteFile(e.path(), nil, 0o600); err != nil {
		return audit, err
	}
	db, err := sql.Open("sqlite", dsn(e.path(), "immediate", "synchronous(OFF)", "journal_mode(MEMORY)")) // it is synced as a whole
	if err != nil {
		return audit, err
	}
	defer closing(&err, db)
	db.SetMaxOpenConns(1)
	files, err := migrations.Files(dialect.SQLite)
	if err != nil {
		return audit, err
	}
	m := migration{db: db, dialect: goose.DialectSQLite3, files: files, name: "the backup", logger: e.logger}
	if err := m.upTo(ctx, step.Version); err != nil {
		return audit, err
	}
	if err := fillOnce(ctx, db, dialect.SQLite, in, func(*sql.Tx) error { return nil }); err != nil {
		return audit, err
	}
	if err := m.up(ctx); err != nil {
		return audit, err
	}
	s := &Store{engine: e, reader: ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, db)))}
	meshes, err := s.Meshes(ctx)
	if err != nil {
		return audit, err
	}
	audit.Ledgers, err = change.Audit(ctx, meshes, s.Records)
	return audit, err
}

// Import restores a backup into a data directory or a PostgreSQL database that nobody uses meanwhile. What is there already
// is refused, unless replace says that it may go; a data directory keeps it under another name. It is restored as a whole or
// not at all, and read back before it counts. Errors: as Check's, mesh.Conflict when there is something already or in use.
func Import(ctx context.Context, o Options, path string, replace bool) (audit Audit, err error) {
	in, err := archive.Open(path)
	if err != nil {
		return Audit{}, err
	}
	defer closing(&err, in)
	if o.DatabaseURL == "" {
		return restoreDir(ctx, o.Dir, in, replace)
	}
	if audit, err = Check(ctx, path); err != nil {
		return audit, err
	}
	e, err := newPostgres(o.DatabaseURL, o.Logger)
	if err != nil {
		return audit, err
	}
	return audit, explain(e, "restore", e.restore(ctx, in, replace))
}

// restoring begins the names of folders in which a database is made; one that a killed process left is removed.
const restoring = ".restoring-"

func restoreDir(ctx context.Context, dir string, in *archive.Reader, replace bool) (audit Audit, err error) {
	lock, err := lockDir(dir)
	if err != nil {
		return audit, err
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	e := &sqliteEngine{dir: dir, logger: slog.New(slog.DiscardHandler)}
	if _, err := os.Lstat(e.path()); err == nil && !replace {
		return audit, mesh.Errorf(mesh.Conflict, "%s exists already and was left as it is: name another directory with --data, or give --replace to put it aside", e.path())
	}
	left, err := filepath.Glob(filepath.Join(dir, restoring+"*"))
	if err != nil {
		return audit, err
	}
	for _, old := range left {
		if err := os.RemoveAll(old); err != nil {
			return audit, dirError(dir, err)
		}
	}
	scratch, err := os.MkdirTemp(dir, restoring)
	if err != nil {
		return audit, dirError(dir, err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(scratch)) }()
	if audit, err = fillDir(ctx, scratch, in); err != nil {
		return audit, err
	}
	if err := ctx.Err(); err != nil {
		return audit, explain(e, "restore", err)
	}
	return audit, explain(e, "restore", e.put(filepath.Join(scratch, databaseFile)))
}

// put gives a database its place. One that is there is kept beside it under another name.
func (e *sqliteEngine) put(from string) error {
	file, err := os.OpenFile(from, os.O_RDWR, 0) //nolint:gosec // made a moment ago
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return err
	}
	if _, err := os.Lstat(e.path()); err == nil {
		if err := e.aside(); err != nil {
			return err
		}
	}
	if err := os.Rename(from, e.path()); err != nil {
		return err
	}
	return archive.SyncDir(e.dir)
}

// aside keeps the database that is there under another name, with its log folded in where it is sound: a log that stayed
// would be taken for the new database's.
func (e *sqliteEngine) aside() error {
	kept := fmt.Sprintf("%s.replaced-%s", e.path(), time.Now().UTC().Format("20060102T150405.000"))
	if db, err := sql.Open("sqlite", dsn(e.path(), "immediate")+"&mode=rw"); err == nil {
		_, _ = db.Exec("PRAGMA wal_checkpoint(TRUNCATE)") // a damaged database keeps its log, beside it
		_ = db.Close()
	}
	if err := os.Link(e.path(), kept); err != nil {
		return err
	}
	for _, suffix := range []string{"-wal", "-shm"} {
		if err := os.Rename(e.path()+suffix, kept+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}
