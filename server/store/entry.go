package store

import (
	"context"
	"fmt"

	"github.com/weirmesh/weir/ent"
	entchange "github.com/weirmesh/weir/ent/change"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// Update replaces, in one transaction, entries' truths, state, UndoneBy, ConfirmBy, ConfirmedBy, Note and Timeline, and
// raises their versions by one. Errors: mesh.NotFound; mesh.Conflict when an entry is not at the version any more that the
// list has it at (change.ErrMoved), or under a lease that another replica has taken over (lease.ErrFenced). After either
// nothing was replaced.
func (s *Store) Update(ctx context.Context, list ...change.Change) error {
	if len(list) == 0 {
		return nil
	}
	doing := "update change " + list[0].ID
	return s.transact(ctx, doing, func(tx *ent.Tx) error {
		for _, c := range list {
			if err := updateOne(ctx, tx, c); err != nil {
				return err
			}
			if err := s.note(ctx, tx, Notice{Kind: NoticeChange, Mesh: c.Mesh, Subject: c.ID}); err != nil {
				return err
			}
		}
		return nil
	})
}

func updateOne(ctx context.Context, tx *ent.Tx, c change.Change) error {
	t, err := marshalTruths(c)
	if err != nil {
		return err
	}
	update := tx.Change.Update().Where(entchange.ID(c.ID), entchange.Version(c.Version)).SetVersion(c.Version + 1).
		SetState(string(c.State)).SetUndoneBy(c.UndoneBy).SetConfirmedBy(c.ConfirmedBy)
	if c.ConfirmBy == nil {
		update.ClearConfirmBy()
	} else {
		update.SetConfirmBy(c.ConfirmBy.UTC())
	}
	if t.programmed == nil {
		update.ClearProgrammed()
	} else {
		update.SetProgrammed(t.programmed)
	}
	if t.observed == nil {
		update.ClearObserved()
	} else {
		update.SetObserved(t.observed)
	}
	if t.plan != nil {
		update.SetPlan(t.plan)
	}
	if t.timeline != nil {
		update.SetTimeline(t.timeline)
	}
	n, err := update.Save(ctx)
	if err != nil || n > 0 {
		return err
	}
	there, err := tx.Change.Query().Where(entchange.ID(c.ID)).Exist(ctx)
	if err != nil {
		return err
	}
	if !there {
		return mesh.Errorf(mesh.NotFound, "there is no change %s", c.ID)
	}
	return &mesh.Error{
		Code: mesh.Conflict, Err: change.ErrMoved,
		Message: fmt.Sprintf("change %s moved on since it was read: look at it and try again", c.ID),
	}
}

// move takes earlier entries to another state, and gives those that moved as they are now.
func (s *Store) move(ctx context.Context, tx *ent.Tx, moves []change.Move) ([]change.Change, error) {
	var moved []change.Change
	for start := 0; start < len(moves); start += batch {
		part := moves[start:min(start+batch, len(moves))]
		ids := make([]string, len(part))
		for i, m := range part {
			ids[i] = m.ID
		}
		rows, err := tx.Change.Query().Where(entchange.IDIn(ids...)).All(ctx)
		if err != nil {
			return nil, err
		}
		found := make(map[string]*ent.Change, len(rows))
		for _, row := range rows {
			found[row.ID] = row
		}
		for _, m := range part {
			c, ok, err := s.moveOne(ctx, tx, m, found[m.ID])
			if err != nil {
				return nil, fmt.Errorf("move %s to %s: %w", m.ID, m.State, err)
			}
			if ok {
				moved = append(moved, c)
			}
		}
	}
	return moved, nil
}

func (s *Store) moveOne(ctx context.Context, tx *ent.Tx, m change.Move, row *ent.Change) (c change.Change, moved bool, err error) {
	if row == nil {
		if m.State == change.Superseded {
			return c, false, nil
		}
		return c, false, mesh.Errorf(mesh.Conflict, "there is no change %s to take back any more", m.ID)
	}
	r, err := decodeRecord(row)
	if err != nil {
		return c, false, err
	}
	c = r.Change
	if moved, err = m.Take(&c); err != nil || !moved {
		return c, false, err
	}
	t, err := marshalTruths(change.Change{Note: c.Note, Timeline: c.Timeline})
	if err != nil {
		return c, false, err
	}
	update := tx.Change.UpdateOneID(c.ID).SetState(string(c.State)).SetUndoneBy(c.UndoneBy).SetVersion(c.Version + 1)
	if t.timeline != nil {
		update.SetTimeline(t.timeline)
	}
	if err := update.Exec(ctx); err != nil {
		return c, false, err
	}
	c.Version++
	return c, true, s.note(ctx, tx, Notice{Kind: NoticeChange, Mesh: c.Mesh, Subject: c.ID})
}
