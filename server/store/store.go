// Package store keeps Weir's ledger, newest state and known instances, in SQLite or in PostgreSQL, through ent. It is
// change.Store for the door and persistence for the registry.
//
// What a method returned without an error survives kill -9 and a power cut: the write-ahead log is synced with every
// transaction. Writes happen one after the other, also those of several replicas. The package decides nothing: it
// compares versions and refuses, and knows no rule of a mesh.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"

	entsql "entgo.io/ent/dialect/sql"
	"github.com/gofrs/flock"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/server/mesh"
)

// Options says where the data is.
type Options struct {
	Dir         string       // the data directory; made if it does not exist, for its owner alone. May be empty with DatabaseURL
	DatabaseURL string       // of PostgreSQL, such as postgres://weir@host:5432/weir; empty: SQLite in Dir
	Replica     string       // the name under which instances are saved: not shared by replicas, the same after a restart. Only with DatabaseURL
	Logger      *slog.Logger // required
}

// Store is an open database. Its methods may be called by many goroutines.
type Store struct {
	logger *slog.Logger
	engine engine
	lock   *flock.Flock // of the data directory; nil: there is none
	write  *sql.DB
	read   *sql.DB
	table  leaseTable
	writer *ent.Client
	reader *ent.Client
	wakes  wakes

	replica  string    // this one's name
	replicas *replicas // nil: there is one process
	known    int64     // the newest step of the schema that this Weir knows
}

// engine is what differs between the databases.
type engine interface {
	// open gives the pools, with the schema of this Weir in the database.
	open(ctx context.Context) (pools, error)
	// begin makes a transaction the only one that writes, until it ends, and names it.
	begin(ctx context.Context, tx *ent.Tx) (id string, err error)
	// landed says what became of a transaction whose commit failed with an error; certain is false when nobody knows.
	landed(ctx context.Context, id string, commit error) (done, certain bool)
	// fault turns an error of the database into one for people.
	fault(doing string, err error) error
	follower
}

// follower is how one process hears of what another wrote.
type follower interface {
	// announce wakes the listeners of all processes once a transaction is committed.
	announce(ctx context.Context, tx *ent.Tx) error
	listener() listener
}

// listener waits until somebody may have written, or a while; wake ends it, too.
type listener interface {
	wait(ctx context.Context, wake <-chan struct{}) error
	close()
}

// pools are connections to a database.
type pools struct {
	dialect     string // in ent's words
	write, read *sql.DB
	leases      leaseTable
	replicas    *replicas
}

// Open takes the database, and the data directory if there is one, brings it to the newest schema and checks that it is
// sound. Its errors are for people: in use (mesh.Conflict), a URL that is none (mesh.Invalid), damaged, out of reach,
// somebody else's, written by a newer Weir, or not writable (mesh.Unavailable). No password is in them.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := &Store{logger: o.Logger, replica: o.Replica}
	if o.DatabaseURL == "" {
		s.engine = &sqliteEngine{dir: o.Dir, logger: o.Logger}
	} else {
		e, err := newPostgres(o.DatabaseURL, o.Logger)
		if err != nil {
			return nil, err
		}
		s.engine = e
	}
	if o.Dir != "" || o.DatabaseURL == "" {
		lock, err := lockDir(o.Dir)
		if err != nil {
			return nil, err
		}
		s.lock = lock
	}
	p, err := s.engine.open(ctx)
	s.write, s.read, s.table, s.replicas = p.write, p.read, p.leases, p.replicas
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	steps, err := stepsOf(p.dialect)
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	s.known = steps[len(steps)-1].Version
	s.writer = ent.NewClient(ent.Driver(entsql.OpenDB(p.dialect, s.write)))
	s.reader = ent.NewClient(ent.Driver(entsql.OpenDB(p.dialect, s.read)))
	return s, nil
}

// Close lets the database go. Calls in progress finish first.
func (s *Store) Close() error {
	var errs []error
	if s.table != nil {
		errs = append(errs, s.table.close())
	}
	if s.replicas != nil {
		errs = append(errs, s.replicas.close())
	}
	for _, db := range []*sql.DB{s.read, s.write} { // the last of SQLite's to close folds the log into the database
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Unlock())
	}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("close the database: %w", err)
	}
	return nil
}

// explain turns what the database answered into an error for a person. An error that already is one stays as it is.
func (s *Store) explain(doing string, err error) error { return explain(s.engine, doing, err) }

func explain(e engine, doing string, err error) error {
	if err == nil {
		return nil
	}
	if known, ok := errors.AsType[*mesh.Error](err); ok {
		return known
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return mesh.Errorf(mesh.Unavailable, "%s: gave up waiting for the database: %w", doing, err)
	}
	return e.fault(doing, err)
}
