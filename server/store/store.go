// Package store keeps Weir's ledger, newest state and known instances in SQLite, through ent. It is change.Store for
// the door and persistence for the registry.
//
// What a method returned without an error survives kill -9 and a power cut: the write-ahead log is synced with every
// transaction. One process has a data directory at a time. The package decides nothing: it compares versions and
// refuses, and knows no rule of a mesh.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"github.com/gofrs/flock"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/weirmesh/weir/ent"
)

// databaseFile is the database's name within the data directory.
const databaseFile = "weir.db"

// readers is how many queries run beside each other and beside the writer.
const readers = 4

// Options says where the data is.
type Options struct {
	Dir    string       // the data directory; made if it does not exist, for its owner alone
	Logger *slog.Logger // required
}

// Store is an open data directory. Its methods may be called by many goroutines.
type Store struct {
	dir    string
	logger *slog.Logger
	lock   *flock.Flock
	write  *sql.DB // one connection: SQLite has one writer, and waiting in Go beats waiting in SQLite
	read   *sql.DB
	writer *ent.Client
	reader *ent.Client
}

// Open takes the data directory, brings its database to the newest schema and checks that it is sound. Its errors are
// for people: in use (mesh.Conflict), damaged, written by a newer Weir, or not writable (mesh.Unavailable).
func Open(ctx context.Context, o Options) (*Store, error) {
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{dir: o.Dir, logger: o.Logger, lock: lock}
	if err := s.open(ctx); err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	path := filepath.Join(s.dir, databaseFile)
	// SQLite would make the file readable by everyone; the log beside it takes its mode from it.
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600) //nolint:gosec // the operator's own directory
	if err != nil {
		return s.explain("open", err)
	}
	if err := file.Close(); err != nil {
		return s.explain("open", err)
	}
	if s.write, err = sql.Open("sqlite", dsn(path, "immediate", "synchronous(FULL)", "journal_mode(WAL)")); err != nil {
		return s.explain("open", err)
	}
	s.write.SetMaxOpenConns(1)
	s.writer = ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, s.write)))
	if err := s.check(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	if s.read, err = sql.Open("sqlite", dsn(path, "deferred", "query_only(1)")); err != nil {
		return s.explain("open", err)
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	s.reader = ent.NewClient(ent.Driver(entsql.OpenDB(dialect.SQLite, s.read)))
	return nil
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
func (s *Store) check(ctx context.Context) error {
	rows, err := s.write.QueryContext(ctx, "PRAGMA quick_check(1)")
	if err != nil {
		return s.explain("check", err)
	}
	defer rows.Close()
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return s.explain("check", err)
		}
		if line != "ok" {
			return s.damaged(errors.New(strings.Join(strings.Fields(line), " ")))
		}
	}
	if err := rows.Err(); err != nil {
		return s.explain("check", err)
	}
	return nil
}

// Close lets the data directory go. Calls in progress finish first.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.read, s.write} { // the last to close folds the log into the database
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if err := s.lock.Unlock(); err != nil {
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the data directory %s: %w", s.dir, err)
	}
	return nil
}
