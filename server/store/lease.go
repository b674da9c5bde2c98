package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/weirmesh/weir/ent"
	entlease "github.com/weirmesh/weir/ent/lease"
	"github.com/weirmesh/weir/server/lease"
)

var _ lease.Table = (*Store)(nil)

// leaseTable is the rows of leases. A lease that is given back counts as an epoch, so that its last holder is fenced at
// once.
type leaseTable interface {
	take(ctx context.Context, name, holder string, ttl time.Duration) (epoch int64, err error)
	renew(ctx context.Context, t lease.Token, ttl time.Duration) (bool, error)
	release(ctx context.Context, t lease.Token) error
	holds(ctx context.Context, tx *ent.Tx, t lease.Token) (bool, error)
	close() error
}

// TakeLease takes a lease for as long as ttl if nobody else has it, under a new epoch; 0: somebody has it. A holder that does
// not know that it has it, since the answer was lost, takes it again. In SQLite it is always free: there is one process.
// Error: mesh.Unavailable.
func (s *Store) TakeLease(ctx context.Context, name, holder string, ttl time.Duration) (epoch int64, err error) {
	epoch, err = s.table.take(ctx, name, holder, ttl)
	return epoch, s.explain("take the lease "+name, err)
}

// RenewLease keeps a lease for another ttl from now; false: it is no longer held under this epoch. Error: mesh.Unavailable.
func (s *Store) RenewLease(ctx context.Context, t lease.Token, ttl time.Duration) (bool, error) {
	held, err := s.table.renew(ctx, t, ttl)
	return held, s.explain("renew the lease "+t.Name, err)
}

// ReleaseLease gives a lease back, so that another may take it at once. No error when it is not held. Error:
// mesh.Unavailable.
func (s *Store) ReleaseLease(ctx context.Context, t lease.Token) error {
	return s.explain("give the lease "+t.Name+" back", s.table.release(ctx, t))
}

// LeaseHolder says who has a lease, "" for nobody. Error: mesh.Unavailable.
func (s *Store) LeaseHolder(ctx context.Context, name string) (string, error) {
	row, err := s.reader.Lease.Get(ctx, name)
	if ent.IsNotFound(err) {
		return "", nil
	}
	if err != nil {
		return "", s.explain("read the lease "+name, err)
	}
	return row.Holder, nil
}

// sqliteLeases are of the only process.
type sqliteLeases struct{ writer *ent.Client }

func (l sqliteLeases) take(ctx context.Context, name, holder string, ttl time.Duration) (epoch int64, err error) {
	until := time.Now().UTC().Add(ttl)
	n, err := l.writer.Lease.Update().Where(entlease.ID(name)).SetHolder(holder).AddEpoch(1).SetUntil(until).Save(ctx)
	if err != nil {
		return 0, err
	}
	if n == 0 {
		return 1, l.writer.Lease.Create().SetID(name).SetHolder(holder).SetEpoch(1).SetUntil(until).Exec(ctx)
	}
	row, err := l.writer.Lease.Get(ctx, name)
	if err != nil {
		return 0, err
	}
	return row.Epoch, nil
}

func (l sqliteLeases) renew(ctx context.Context, t lease.Token, ttl time.Duration) (bool, error) {
	n, err := l.writer.Lease.Update().Where(entlease.ID(t.Name), entlease.Epoch(t.Epoch)).SetUntil(time.Now().UTC().Add(ttl)).Save(ctx)
	return n > 0, err
}

func (l sqliteLeases) release(ctx context.Context, t lease.Token) error {
	return l.writer.Lease.Update().Where(entlease.ID(t.Name), entlease.Epoch(t.Epoch)).
		SetHolder("").AddEpoch(1).SetUntil(time.Now().UTC()).Exec(ctx)
}

func (sqliteLeases) holds(ctx context.Context, tx *ent.Tx, t lease.Token) (bool, error) {
	return tx.Lease.Query().Where(entlease.ID(t.Name), entlease.Epoch(t.Epoch)).Exist(ctx)
}

func (sqliteLeases) close() error { return nil }

// pgLeases has connections of its own: who has to say in time that it is still there waits for nobody else. Time is the
// database's, and it is read after the row is locked, not when the transaction began.
type pgLeases struct{ db *sql.DB }

const (
	takeLease = `INSERT INTO leases (name, holder, epoch, until) VALUES ($1, $2, 1, clock_timestamp() + make_interval(secs => $3))
		ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1, until = clock_timestamp() + make_interval(secs => $3)
		WHERE leases.until < clock_timestamp() OR leases.holder = excluded.holder RETURNING epoch`
	renewLease   = `UPDATE leases SET until = clock_timestamp() + make_interval(secs => $3) WHERE name = $1 AND epoch = $2`
	releaseLease = `UPDATE leases SET holder = '', epoch = epoch + 1, until = '-infinity' WHERE name = $1 AND epoch = $2`
	// Whoever takes it over waits until the transaction that asked has ended.
	holdsLease = `SELECT epoch FROM leases WHERE name = $1 AND epoch = $2 FOR SHARE`
)

func (l *pgLeases) take(ctx context.Context, name, holder string, ttl time.Duration) (epoch int64, err error) {
	err = l.db.QueryRowContext(ctx, takeLease, name, holder, ttl.Seconds()).Scan(&epoch)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return epoch, err
}

func (l *pgLeases) renew(ctx context.Context, t lease.Token, ttl time.Duration) (bool, error) {
	done, err := l.db.ExecContext(ctx, renewLease, t.Name, t.Epoch, ttl.Seconds())
	if err != nil {
		return false, err
	}
	n, err := done.RowsAffected()
	return n > 0, err
}

func (l *pgLeases) release(ctx context.Context, t lease.Token) error {
	_, err := l.db.ExecContext(ctx, releaseLease, t.Name, t.Epoch)
	return err
}

func (*pgLeases) holds(ctx context.Context, tx *ent.Tx, t lease.Token) (bool, error) {
	rows, err := tx.QueryContext(ctx, holdsLease, t.Name, t.Epoch)
	if err != nil {
		return false, err
	}
	defer rows.Close()
	return rows.Next(), rows.Err()
}

func (l *pgLeases) close() error { return l.db.Close() }
