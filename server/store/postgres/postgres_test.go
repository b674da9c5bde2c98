package postgres

import (
	"context"
	"database/sql"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/weirmesh/weir/server/store/postgrestest"
)

// opened gives a pool on a database of the test's own.
func opened(t *testing.T, limit time.Duration) *sql.DB {
	t.Helper()
	server, err := postgrestest.Start(postgrestest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	config, err := pgx.ParseConfig(server.Database(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	db := Open(config, limit)
	t.Cleanup(func() {
		if err := errors.Join(db.Close(), server.Close()); err != nil {
			t.Error(err)
		}
	})
	return db
}

// one reads one value.
func one[T any](ctx context.Context, t *testing.T, db interface {
	QueryRowContext(context.Context, string, ...any) *sql.Row
}, query string, args ...any,
) (v T) {
	t.Helper()
	if err := db.QueryRowContext(ctx, query, args...).Scan(&v); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return v
}

func TestPool(t *testing.T) {
	db := opened(t, time.Minute)
	t.Run("values", func(t *testing.T) { valuesOf(t, db) })
	t.Run("transactions", func(t *testing.T) { transactions(t, db) })
	t.Run("broken connections", func(t *testing.T) { broken(t, db) })
}

func valuesOf(t *testing.T, db *sql.DB) {
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE v (n bigint, s int, f double precision, b bool, t text, y bytea, j json, a timestamptz)`); err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 3, 1, 21, 0, 0, 123_456_789, time.FixedZone("KST", 9*3600))
	document := `{"z": 1,  "a": [true, null, "\u0000"]}`
	done, err := db.ExecContext(t.Context(), "INSERT INTO v VALUES ($1, $2, $3, $4, $5, $6, $7, $8), (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)",
		int64(1)<<62, 7, 0.5, true, "한국어 <b>", []byte{0, 255}, []byte(document), at)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := done.RowsAffected(); n != 2 || err != nil {
		t.Errorf("%d rows, %v", n, err)
	}
	rows, err := db.QueryContext(t.Context(), "SELECT * FROM v ORDER BY n")
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var got [][]any
	for rows.Next() {
		row := make([]any, 8)
		into := make([]any, 8)
		for i := range row {
			into[i] = &row[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		got = append(got, row)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	want := [][]any{
		{int64(1) << 62, int64(7), 0.5, true, "한국어 <b>", []byte{0, 255}, []byte(document), at.UTC().Truncate(time.Microsecond)},
		make([]any, 8),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for name, query := range map[string]string{"no such table": "SELECT * FROM nobody", "fails at its second row": "SELECT 1 / (2 - i) FROM generate_series(1, 3) i"} {
		rows, err := db.QueryContext(t.Context(), query)
		for err == nil && rows.Next() {
			t.Log(name, "has a row")
		}
		if err == nil {
			err = errors.Join(rows.Err(), rows.Close())
		}
		if err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func transactions(t *testing.T, db *sql.DB) {
	if _, err := db.ExecContext(t.Context(), `CREATE TABLE w (n int)`); err != nil {
		t.Fatal(err)
	}
	tx, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelRepeatableRead, ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if n := one[int](t.Context(), t, tx, "SELECT count(*) FROM w"); n != 0 {
		t.Errorf("%d rows", n)
	}
	writing, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := writing.ExecContext(t.Context(), "INSERT INTO w VALUES ($1)", 1); err != nil {
		t.Fatal(err)
	}
	if err := writing.Commit(); err != nil {
		t.Fatal(err)
	}
	if n := one[int](t.Context(), t, tx, "SELECT count(*) FROM w"); n != 0 {
		t.Errorf("a snapshot sees %d rows that came later", n)
	}
	if _, err := tx.ExecContext(t.Context(), "INSERT INTO w VALUES (2)"); err == nil {
		t.Error("it writes although it may only read")
	}
	if err := tx.Commit(); err == nil {
		t.Error("a transaction that failed was committed")
	}
	if _, err := db.BeginTx(t.Context(), &sql.TxOptions{Isolation: sql.LevelLinearizable}); err == nil {
		t.Error("an isolation that there is none")
	}
	if n := one[int](t.Context(), t, db, "SELECT count(*) FROM w"); n != 1 {
		t.Errorf("%d rows", n)
	}
}

// broken has the server end connections: the pool makes new ones, and a commit whose answer was lost is said to be uncertain.
func broken(t *testing.T, db *sql.DB) {
	const kill = "SELECT pg_terminate_backend($1, 20000)"
	ctx := t.Context()
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	pid := one[int64](ctx, t, tx, "SELECT pg_backend_pid()")
	if !one[bool](ctx, t, db, kill, pid) {
		t.Fatal("it did not end")
	}
	err = tx.Commit()
	if _, ok := errors.AsType[*Uncertain](err); !ok {
		t.Errorf("the commit of a connection that is gone: %v", err)
	}
	lost, err := db.BeginTx(ctx, nil)
	if err != nil {
		t.Fatal(err)
	}
	pid = one[int64](ctx, t, lost, "SELECT pg_backend_pid()")
	if !one[bool](ctx, t, db, kill, pid) {
		t.Fatal("it did not end")
	}
	if _, err := lost.ExecContext(ctx, "SELECT 1"); err == nil {
		t.Error("a connection that is gone still answers")
	}
	err = lost.Commit()
	if _, ok := errors.AsType[*Uncertain](err); err == nil || ok {
		t.Errorf("a commit that was never sent: %v", err)
	}
	if n := one[int](ctx, t, db, "SELECT 3"); n != 3 {
		t.Error(n)
	}
}

// A statement that the server does not answer is given up.
func TestLimit(t *testing.T) {
	db := opened(t, 300*time.Millisecond)
	for db.PingContext(t.Context()) != nil { // connecting is not limited by it, and the first statement is not what is looked at
		time.Sleep(10 * time.Millisecond)
	}
	if _, err := db.ExecContext(t.Context(), "SELECT pg_sleep(600)"); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v", err)
	}
}
