package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"entgo.io/ent/dialect"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/migrations"
	"github.com/weirmesh/weir/server/store/postgres"
)

// What is asked of PostgreSQL.
const (
	oldestPostgres = 150000 // of the versions that work: what the server calls 15
	pgWriters      = 4
	pgReaders      = 8
	pgConnect      = 5 * time.Second
	pgStatement    = 20 * time.Second // a server that answers slower than this is down
	pgSettle       = 10 * time.Second // that it may take to find out what became of a commit
	writerLock     = 0x77656972       // the key of the advisory lock that the one writer holds
)

// pgEngine is a database on a PostgreSQL server, which several replicas of Weir may share.
type pgEngine struct {
	config *pgx.ConnConfig
	name   string // for people: without a password
	logger *slog.Logger
	read   *sql.DB
}

// newPostgres reads a URL. Its error does not repeat it: a password may be in it.
func newPostgres(text string, logger *slog.Logger) (*pgEngine, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, mesh.Errorf(mesh.Invalid, "the database's URL cannot be read: it is of the form postgres://user:password@host:5432/database, with %%-escapes for what is not a letter or a digit")
	}
	c, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "the database's URL cannot be used: its port, its parameters or the files that they name are not as PostgreSQL's clients expect them")
	}
	if c.ConnectTimeout == 0 {
		c.ConnectTimeout = pgConnect
	}
	// Who freezes within a transaction holds what others need: the server ends such a transaction.
	defaults := map[string]string{
		"application_name": "weir", "timezone": "UTC", "idle_in_transaction_session_timeout": "3s", "lock_timeout": "10s",
	}
	for k, v := range defaults {
		if c.RuntimeParams[k] == "" {
			c.RuntimeParams[k] = v
		}
	}
	host := net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
	if strings.HasPrefix(c.Host, "/") {
		host = c.Host
	}
	return &pgEngine{config: c, name: "the database " + c.Database + " on " + host, logger: logger}, nil
}

func (e *pgEngine) open(ctx context.Context) (p pools, err error) {
	p.dialect = dialect.Postgres
	durable, err := e.prepare(ctx)
	if err != nil {
		return p, explain(e, "open the database", err)
	}
	writing := e.config.Copy()
	if !durable {
		writing.RuntimeParams["synchronous_commit"] = "on"
	}
	p.write = pool(writing, pgWriters)
	reading := e.config.Copy()
	reading.RuntimeParams["default_transaction_read_only"] = "on"
	reading.RuntimeParams["default_transaction_isolation"] = "repeatable read"
	p.read = pool(reading, pgReaders)
	e.read = p.read
	p.leases = &pgLeases{pool(writing, 2)}
	telling := e.config.Copy()
	telling.RuntimeParams["synchronous_commit"] = "off"
	p.replicas = &replicas{e, pool(telling, 2)}
	return p, nil
}

func pool(c *pgx.ConnConfig, size int) *sql.DB {
	db := postgres.Open(c, pgStatement)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxLifetime(time.Hour)
	return db
}

// prepare looks at the database and brings it to the newest schema; while it does, other replicas wait. Durable is false when
// the server acknowledges what it has not written yet.
func (e *pgEngine) prepare(ctx context.Context) (durable bool, err error) {
	db := postgres.Open(e.config, 0) // a migration takes as long as it takes
	defer func() { err = errors.Join(err, db.Close()) }()
	facts, err := e.look(ctx, db)
	if err != nil {
		return false, err
	}
	if err := e.suits(facts); err != nil {
		return false, err
	}
	if facts.fsync == "off" {
		e.logger.Warn("this PostgreSQL runs with fsync off: a power cut loses changes that were acknowledged", "database", e.name)
	}
	one, err := db.Conn(ctx)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, one.Close()) }()
	locker, err := lock.NewPostgresSessionLocker(lock.WithLockTimeout(1, 300))
	if err != nil {
		return false, err
	}
	if err := locker.SessionLock(ctx, one); err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, locker.SessionUnlock(context.WithoutCancel(ctx), one)) }()
	return facts.commit != "off", e.migrate(ctx, db)
}

func (e *pgEngine) migrate(ctx context.Context, db *sql.DB) error {
	files, err := fs.Sub(migrations.Postgres, "postgres")
	if err != nil {
		return err
	}
	if err := e.ours(ctx, db, files); err != nil {
		return err
	}
	m := migration{db: db, dialect: goose.DialectPostgres, files: files, name: e.name, logger: e.logger}
	return m.up(ctx)
}

// begin takes the lock that lets one transaction write at a time, whichever replica it is of: as in SQLite, what it reads
// does not change until it ends, and notices are numbered in the order in which they become visible.
func (e *pgEngine) begin(ctx context.Context, tx *ent.Tx) (id string, err error) {
	rows, err := tx.QueryContext(ctx, "SELECT pg_current_xact_id()::text FROM pg_advisory_xact_lock($1)", int64(writerLock))
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&id); err != nil {
			return "", err
		}
	}
	return id, rows.Err()
}

// landed asks the server what became of a transaction, once it answers again.
func (e *pgEngine) landed(ctx context.Context, id string, commit error) (done, certain bool) {
	if _, ok := errors.AsType[*postgres.Uncertain](commit); !ok {
		return false, true
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgSettle)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		var status sql.NullString
		err := e.read.QueryRowContext(ctx, "SELECT pg_xact_status($1::xid8)", id).Scan(&status)
		reason, answered := errors.AsType[*pgconn.PgError](err)
		switch {
		case err == nil && status.String == "committed":
			return true, true
		case err == nil && status.String == "aborted", answered && reason.Code == "22023": // a number that was lost in a crash
			return false, true
		}
		select {
		case <-ctx.Done():
			return false, false
		case <-tick.C:
		}
	}
}
