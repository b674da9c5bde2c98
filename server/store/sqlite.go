package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/migrations"
)

// databaseFile is the database's name within the data directory.
const databaseFile = "weir.db"

// readers is how many queries run beside each other and beside the writer.
const readers = 4

// sqliteEngine is SQLite in a data directory that one process has at a time.
type sqliteEngine struct {
	dir    string
	logger *slog.Logger
}

func (e *sqliteEngine) path() string { return filepath.Join(e.dir, databaseFile) }

func (e *sqliteEngine) open(ctx context.Context) (p pools, err error) {
	p.dialect = dialect.SQLite
	// SQLite would make the file readable by everyone; the log beside it takes its mode from it.
	file, err := os.OpenFile(e.path(), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return p, explain(e, "open", err)
	}
	if err := file.Close(); err != nil {
		return p, explain(e, "open", err)
	}
	if p.write, err = sql.Open("sqlite", dsn(e.path(), "immediate", "synchronous(FULL)", "journal_mode(WAL)")); err != nil {
		return p, explain(e, "open", err)
	}
	p.write.SetMaxOpenConns(1) // SQLite has one writer, and waiting in Go beats waiting in SQLite
	if err := e.check(ctx, p.write); err != nil {
		return p, err
	}
	if err := e.migrate(ctx, p.write); err != nil {
		return p, err
	}
	if p.read, err = sql.Open("sqlite", dsn(e.path(), "deferred", "query_only(1)")); err != nil {
		return p, explain(e, "open", err)
	}
	p.read.SetMaxOpenConns(readers)
	p.read.SetMaxIdleConns(readers)
	p.leases = sqliteLeases{ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, p.write)))}
	return p, nil
}

// dsn names the database for the driver. The path is escaped, since it may hold a question mark.
func dsn(path, txlock string, pragmas ...string) string {
	q := url.Values{
		"_txlock":      {txlock},
		"_time_format": {"sqlite"},
		"_pragma":      append([]string{"busy_timeout(5000)", "foreign_keys(1)"}, pragmas...),
	}
	return (&url.URL{Scheme: "file", Opaque: (&url.URL{Path: path}).EscapedPath(), RawQuery: q.Encode()}).String()
}

// check refuses a database that is damaged, before anything is written to it.
func (e *sqliteEngine) check(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, "PRAGMA quick_check(1)")
	if err != nil {
		return explain(e, "check", err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return explain(e, "check", err)
		}
		if line != "ok" {
			return e.damaged(errors.New(strings.Join(strings.Fields(line), " ")))
		}
	}
	if err := rows.Err(); err != nil {
		return explain(e, "check", err)
	}
	return nil
}

func (e *sqliteEngine) migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations.SQLite, "sqlite")
	if err != nil {
		return explain(e, "migrate", err)
	}
	m := migration{db: db, dialect: goose.DialectSQLite3, files: files, name: "the database " + e.path(), logger: e.logger}
	return explain(e, "migrate", m.up(ctx))
}

// begin has nothing to do: a transaction of the writer is the only one from its first statement.
func (*sqliteEngine) begin(context.Context, *ent.Tx) (string, error) { return "", nil }

// landed knows: SQLite says of each commit what became of it.
func (*sqliteEngine) landed(context.Context, string, error) (done, certain bool) { return false, true }

// announce has nobody else to wake.
func (*sqliteEngine) announce(context.Context, *ent.Tx) error { return nil }

// listener has nobody to listen to: nobody else writes.
func (*sqliteEngine) listener() listener { return quiet{} }

type quiet struct{}

func (quiet) wait(ctx context.Context, wake <-chan struct{}) error {
	poll := time.NewTimer(pollEvery)
	defer poll.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-poll.C:
	}
	return ctx.Err()
}

func (quiet) close() {}

func (e *sqliteEngine) fault(doing string, err error) error {
	reason, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return mesh.Errorf(mesh.Internal, "%s: the database %s failed: %w", doing, e.path(), err)
	}
	switch reason.Code() & 0xff { // the rest is the extended code
	case sqlite3.SQLITE_FULL:
		return mesh.Errorf(mesh.Unavailable, "%s: the disk that holds %s is full: nothing was recorded; make room and try again: %w", doing, e.path(), err)
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB:
		return e.damaged(err)
	case sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM:
		return mesh.Errorf(mesh.Unavailable, "%s: the database %s cannot be read or written: check its disk and its permissions: %w", doing, e.path(), err)
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return mesh.Errorf(mesh.Unavailable, "%s: the database %s is held by another program: close it and try again: %w", doing, e.path(), err)
	}
	return mesh.Errorf(mesh.Internal, "%s: the database %s failed: %w", doing, e.path(), err)
}

func (e *sqliteEngine) damaged(err error) error {
	return mesh.Errorf(mesh.Unavailable,
		"the database %s is damaged and was left as it is: restore the file from a backup, or move it away to begin with an empty mesh: %w", e.path(), err)
}
