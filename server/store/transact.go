package store

import (
	"context"
	"fmt"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/server/lease"
	"github.com/weirmesh/weir/server/mesh"
)

// transact runs do in a transaction that is either whole or nothing, and the only one that writes. Under a lease that
// somebody else has taken over (lease.From) it is nothing, and the error wraps lease.ErrFenced.
func (s *Store) transact(ctx context.Context, doing string, do func(*ent.Tx) error) error {
	_, err := s.settle(ctx, doing, do)
	return err
}

// settle is transact. Asked is true when the connection was lost during the commit and the database had to be asked what
// became of it.
func (s *Store) settle(ctx context.Context, doing string, do func(*ent.Tx) error) (asked bool, err error) {
	tx, err := s.writer.Tx(ctx)
	if err != nil {
		return false, s.explain(doing, err)
	}
	id, err := s.engine.begin(ctx, tx)
	if err == nil {
		err = s.fence(ctx, tx, doing)
	}
	if err == nil {
		err = do(tx)
	}
	if err != nil {
		// A rollback that fails says nothing new: the database has rolled back by itself after some errors (a full disk),
		// and database/sql closes a connection that cannot.
		_ = tx.Rollback()
		return false, s.explain(doing, err)
	}
	commit := tx.Commit()
	if commit == nil {
		return false, nil
	}
	done, certain := s.engine.landed(ctx, id, commit)
	switch {
	case !certain:
		return true, unknown(doing, commit)
	case done:
		s.wakes.wake()
		return true, nil
	}
	return false, s.explain(doing, commit)
}

// unknown is the error after which nobody knows whether something was recorded.
func unknown(doing string, err error) error {
	return mesh.Errorf(mesh.Unavailable, "%s: the connection to the database was lost, and it is not known whether this was recorded: look before you try again: %w", doing, err)
}

// fence refuses what is done under a lease that somebody else has by now, and keeps it from changing hands until the
// transaction ends.
func (s *Store) fence(ctx context.Context, tx *ent.Tx, doing string) error {
	t, ok := lease.From(ctx)
	if !ok {
		return nil
	}
	held, err := s.table.holds(ctx, tx, t)
	if err != nil || held {
		return err
	}
	return &mesh.Error{
		Code: mesh.Conflict, Err: lease.ErrFenced,
		Message: fmt.Sprintf("%s: another replica has taken over %s, and nothing was recorded", doing, t.Name),
	}
}
