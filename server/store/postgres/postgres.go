// Package postgres lets database/sql speak to PostgreSQL through pgx's connections. The pool is the standard library's;
// pgx's own is not part of it. It knows nothing of what is stored.
//
// Values come back as database/sql defines them: json, text and everything it does not know as it was written, times in UTC
// with microseconds.
package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// lastWords is how long what must not be given up half way may take: a commit, closing.
const lastWords = 10 * time.Second

// Open gives a pool of connections as c describes them. Nothing is connected yet. A statement, with the reading of its
// answer, may take as long as limit; 0: as long as its context allows.
func Open(c *pgx.ConnConfig, limit time.Duration) *sql.DB {
	return sql.OpenDB(connector{c.Copy(), limit})
}

type connector struct {
	config *pgx.ConnConfig
	limit  time.Duration
}

// Connect makes a connection.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	p, err := pgx.ConnectConfig(ctx, c.config)
	if err != nil {
		return nil, err
	}
	return &conn{pgx: p, limit: c.limit, used: time.Now()}, nil
}

// Driver is asked for by sql.DB.
func (c connector) Driver() driver.Driver { return named{} }

type named struct{}

// Open refuses: a connection is described by a configuration, not by a name.
func (named) Open(string) (driver.Conn, error) {
	return nil, errors.New("postgres: open it by its configuration")
}

// conn is one connection. database/sql uses it from one goroutine at a time.
type conn struct {
	pgx   *pgx.Conn
	limit time.Duration
	used  time.Time // when it was taken from the pool last
}

var (
	_ driver.ExecerContext      = (*conn)(nil)
	_ driver.QueryerContext     = (*conn)(nil)
	_ driver.ConnBeginTx        = (*conn)(nil)
	_ driver.ConnPrepareContext = (*conn)(nil)
	_ driver.Pinger             = (*conn)(nil)
	_ driver.SessionResetter    = (*conn)(nil)
	_ driver.Validator          = (*conn)(nil)
)

// ExecContext runs a statement. driver.ErrBadConn, after which database/sql tries another connection, is for what was not
// sent: a statement that was may have been done. (pgx calls some errors safe to retry that come after sending.)
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if c.pgx.IsClosed() {
		return nil, driver.ErrBadConn
	}
	ctx, cancel := c.limited(ctx)
	defer cancel()
	tag, err := c.pgx.Exec(ctx, query, values(args)...)
	if err != nil {
		return nil, err
	}
	return driver.RowsAffected(tag.RowsAffected()), nil
}

// QueryContext runs a statement that answers rows.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if c.pgx.IsClosed() {
		return nil, driver.ErrBadConn
	}
	ctx, cancel := c.limited(ctx)
	found, err := c.pgx.Query(ctx, query, append([]any{formats()}, values(args)...)...)
	if err != nil {
		cancel()
		return nil, err
	}
	r := &rows{found: found, types: c.pgx.TypeMap(), done: cancel}
	// What the columns are is known with the first row.
	r.more = found.Next()
	if err := found.Err(); err != nil {
		found.Close()
		cancel()
		return nil, err
	}
	return r, nil
}

// limited bounds a statement: a server that went away without a word is not waited for.
func (c *conn) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if c.limit == 0 {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, c.limit)
}

func values(args []driver.NamedValue) []any {
	list := make([]any, len(args))
	for i, a := range args {
		list[i] = a.Value
	}
	return list
}

// Begin is of an older interface.
func (c *conn) Begin() (driver.Tx, error) { return c.BeginTx(context.Background(), driver.TxOptions{}) }

// BeginTx begins a transaction.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	var opts pgx.TxOptions
	switch level := sql.IsolationLevel(o.Isolation); level {
	case sql.LevelDefault:
	case sql.LevelReadCommitted:
		opts.IsoLevel = pgx.ReadCommitted
	case sql.LevelRepeatableRead, sql.LevelSnapshot:
		opts.IsoLevel = pgx.RepeatableRead
	case sql.LevelSerializable:
		opts.IsoLevel = pgx.Serializable
	default:
		return nil, fmt.Errorf("postgres: isolation %s is not supported", level)
	}
	if o.ReadOnly {
		opts.AccessMode = pgx.ReadOnly
	}
	limited, cancel := c.limited(ctx)
	defer cancel()
	tx, err := c.pgx.BeginTx(limited, opts)
	if err != nil && ctx.Err() == nil && c.pgx.IsClosed() {
		return nil, driver.ErrBadConn // nothing was done yet
	}
	if err != nil {
		return nil, err
	}
	return transaction{c.pgx, tx}, nil
}

// transaction ends whether or not whoever began it still waits: a commit that is given up half way would leave nobody
// knowing what became of it.
type transaction struct {
	conn *pgx.Conn
	tx   pgx.Tx
}

// Commit ends it for good. Error: Uncertain when the server did not say what became of it.
func (t transaction) Commit() error {
	if t.conn.IsClosed() {
		return errLost
	}
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	err := t.tx.Commit(ctx)
	refusal, answered := errors.AsType[*pgconn.PgError](err)
	if err == nil || errors.Is(err, pgx.ErrTxCommitRollback) || answered && refusal.SeverityUnlocalized == "ERROR" {
		return err
	}
	return &Uncertain{err}
}

// errLost is a transaction whose connection ended before its commit was sent. Such a transaction is nothing.
var errLost = errors.New("the connection was lost before the commit")

// Uncertain is a commit of which nobody said what became of it: the connection was lost in its midst.
type Uncertain struct{ Err error }

// Error says so.
func (u *Uncertain) Error() string {
	return "the connection was lost during the commit: " + u.Err.Error()
}

// Unwrap gives the cause.
func (u *Uncertain) Unwrap() error { return u.Err }

// Rollback ends it as if it had not been.
func (t transaction) Rollback() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	return t.tx.Rollback(ctx)
}

// Prepare is of an older interface.
func (c *conn) Prepare(query string) (driver.Stmt, error) {
	return c.PrepareContext(context.Background(), query)
}

// PrepareContext remembers a statement: pgx prepares what is asked often by itself.
func (c *conn) PrepareContext(_ context.Context, query string) (driver.Stmt, error) {
	return statement{c, query}, nil
}

type statement struct {
	conn  *conn
	query string
}

// NumInput is not known.
func (statement) NumInput() int { return -1 }

// Close forgets it.
func (statement) Close() error { return nil }

// Exec is of an older interface.
func (statement) Exec([]driver.Value) (driver.Result, error) {
	return nil, errors.New("postgres: use ExecContext")
}

// Query is of an older interface.
func (statement) Query([]driver.Value) (driver.Rows, error) {
	return nil, errors.New("postgres: use QueryContext")
}

// ExecContext runs it.
func (s statement) ExecContext(ctx context.Context, args []driver.NamedValue) (driver.Result, error) {
	return s.conn.ExecContext(ctx, s.query, args)
}

// QueryContext runs it.
func (s statement) QueryContext(ctx context.Context, args []driver.NamedValue) (driver.Rows, error) {
	return s.conn.QueryContext(ctx, s.query, args)
}

// Ping says whether the server answers.
func (c *conn) Ping(ctx context.Context) error {
	if err := c.pgx.Ping(ctx); err != nil {
		return errors.Join(driver.ErrBadConn, c.Close())
	}
	return nil
}

// ResetSession looks at a connection before it is used again: one that was left within a transaction is given up, and one
// that was not used for a while is asked, since a database that was restarted says nothing.
func (c *conn) ResetSession(ctx context.Context) error {
	if !c.IsValid() {
		return driver.ErrBadConn
	}
	now := time.Now()
	idle := now.Sub(c.used)
	c.used = now
	if idle > time.Second && c.pgx.Ping(ctx) != nil {
		return driver.ErrBadConn
	}
	return nil
}

// IsValid says whether it can be used again.
func (c *conn) IsValid() bool { return !c.pgx.IsClosed() && c.pgx.PgConn().TxStatus() == 'I' }

// Close ends it.
func (c *conn) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	return c.pgx.Close(ctx)
}
