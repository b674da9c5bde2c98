package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/weirmesh/weir/ent"
	entchange "github.com/weirmesh/weir/ent/change"
	entmesh "github.com/weirmesh/weir/ent/mesh"
	entobject "github.com/weirmesh/weir/ent/object"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// batch is how many rows go into one INSERT: well under SQLite's limit of 32,766 variables.
const batch = 500

// Append records a revision and its entry in one transaction if base is still the mesh's revision, and numbers it
// base+1 whatever the entry says. It gives the entries that its moves moved, as they are now. Errors: mesh.Conflict when the
// mesh or one of the objects moved on (change.ErrStale), or an entry that is moved (change.ErrMoved); mesh.Conflict
// (lease.ErrFenced) when another replica has taken over the lease that it is made under; mesh.Unavailable when the database
// cannot write. After any of them nothing was recorded, unless the message says that nobody knows.
func (s *Store) Append(ctx context.Context, base int64, r change.Record) (moved []change.Change, err error) {
	const doing = "record the change"
	asked, err := s.settle(ctx, doing, func(tx *ent.Tx) error {
		if err := advance(ctx, tx, r.Change.Mesh, base); err != nil {
			return err
		}
		if err := insertChange(ctx, tx, base+1, r); err != nil {
			return err
		}
		if err := insertEdits(ctx, tx, r); err != nil {
			return err
		}
		if err := setObjects(ctx, tx, r); err != nil {
			return err
		}
		if err := s.note(ctx, tx, Notice{Kind: NoticeChange, Mesh: r.Change.Mesh, Subject: r.Change.ID}); err != nil {
			return err
		}
		if err := s.approve(ctx, tx, r.Approves); err != nil {
			return err
		}
		moved, err = s.move(ctx, tx, r.Moves)
		return err
	})
	if err == nil && asked {
		err = s.recorded(ctx, doing, r.Change.ID)
	}
	if err != nil {
		return nil, err
	}
	return moved, nil
}

// recorded looks for an entry whose transaction was asked about: a server that crashed may have given the transaction's number
// to another one, and the entry itself has the last word. Error: mesh.Unavailable when it is not there, or nobody knows.
func (s *Store) recorded(ctx context.Context, doing, id string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), pgSettle)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		there, err := s.reader.Change.Query().Where(entchange.ID(id)).Exist(ctx)
		switch {
		case err == nil && there:
			return nil
		case err == nil:
			return mesh.Errorf(mesh.Unavailable, "%s: the database was restarted, and nothing was recorded: try again", doing)
		}
		select {
		case <-ctx.Done():
			return unknown(doing, err)
		case <-tick.C:
		}
	}
}

// stale is the conflict that a compare-and-set which does not hold leads to.
func stale(format string, args ...any) error {
	return &mesh.Error{Code: mesh.Conflict, Err: change.ErrStale, Message: fmt.Sprintf(format, args...)}
}

// advance is the compare-and-set on the mesh's revision.
func advance(ctx context.Context, tx *ent.Tx, name string, base int64) error {
	if base == 0 {
		err := tx.Mesh.Create().SetID(name).SetRevision(1).Exec(ctx)
		if ent.IsConstraintError(err) {
			return stale("mesh %s was created by somebody else meanwhile: look at it and try again", name)
		}
		return err
	}
	n, err := tx.Mesh.Update().Where(entmesh.ID(name), entmesh.Revision(base)).SetRevision(base + 1).Save(ctx)
	if err != nil {
		return err
	}
	if n == 0 {
		return stale("mesh %s is no longer at revision %d: look at what changed and try again", name, base)
	}
	return nil
}

func insertChange(ctx context.Context, tx *ent.Tx, revision int64, r change.Record) error {
	c := r.Change
	objects, err := json.Marshal(c.Objects)
	if err != nil {
		return err
	}
	t, err := marshalTruths(c)
	if err != nil {
		return err
	}
	accepted := c.At
	if c.Accepted != nil {
		accepted = c.Accepted.At
	}
	create := tx.Change.Create().SetID(c.ID).SetMesh(c.Mesh).SetRevision(revision).
		SetKind(string(c.Kind)).SetName(c.Name).SetObjects(objects).SetSummary(c.Summary).
		SetAuthor(c.Author).SetReason(c.Reason).SetAt(c.At.UTC()).SetAcceptedAt(accepted.UTC()).
		SetDiff(c.Diff).SetUndoes(c.Undoes).SetDigest(r.Digest).
		SetState(string(c.State)).SetUndoneBy(c.UndoneBy).
		SetOverride(c.Override).SetRollout(c.Rollout).SetApprovedBy(c.ApprovedBy).SetHash(c.Hash)
	if len(c.Breaches) > 0 {
		breaches, err := json.Marshal(c.Breaches)
		if err != nil {
			return err
		}
		create.SetBreaches(breaches)
	}
	if t.plan != nil {
		create.SetPlan(t.plan)
	}
	if t.timeline != nil {
		create.SetTimeline(t.timeline)
	}
	if r.Key != "" {
		create.SetKey(r.Key)
	}
	if c.ConfirmBy != nil {
		create.SetConfirmBy(c.ConfirmBy.UTC())
	}
	if t.programmed != nil {
		create.SetProgrammed(t.programmed)
	}
	if t.observed != nil {
		create.SetObserved(t.observed)
	}
	err = create.Exec(ctx)
	if ent.IsConstraintError(err) {
		return mesh.Errorf(mesh.Conflict, "change %s or its idempotency key is already recorded: look at the change and try again: %w", c.ID, err)
	}
	return err
}

func insertEdits(ctx context.Context, tx *ent.Tx, r change.Record) error {
	creates := make([]*ent.EditCreate, len(r.Edits))
	for i, e := range r.Edits {
		create := tx.Edit.Create().SetChangeID(r.Change.ID).SetPosition(i).SetMesh(r.Change.Mesh).
			SetKind(string(e.Ref.Kind)).SetName(e.Ref.Name).SetVersion(e.Version)
		before, err := marshalObject(e.Before)
		if err != nil {
			return err
		}
		after, err := marshalObject(e.After)
		if err != nil {
			return err
		}
		if before != nil {
			create.SetBefore(before)
		}
		if after != nil {
			create.SetAfter(after)
		}
		creates[i] = create
	}
	for start := 0; start < len(creates); start += batch {
		err := tx.Edit.CreateBulk(creates[start:min(start+batch, len(creates))]...).Exec(ctx)
		if ent.IsConstraintError(err) {
			return mesh.Errorf(mesh.Conflict, "an object of mesh %s was changed by somebody else meanwhile: look at it and try again: %w", r.Change.Mesh, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// setObjects carries the newest state along, comparing each object's version on the way.
func setObjects(ctx context.Context, tx *ent.Tx, r change.Record) error {
	var creates []*ent.ObjectCreate
	for _, e := range r.Edits {
		body, err := marshalObject(e.After)
		if err != nil {
			return err
		}
		if e.Version == 1 {
			create := tx.Object.Create().SetMesh(r.Change.Mesh).SetKind(string(e.Ref.Kind)).SetName(e.Ref.Name).
				SetVersion(1).SetChange(r.Change.ID)
			if body != nil {
				create.SetBody(body)
			}
			creates = append(creates, create)
			continue
		}
		if err := setObject(ctx, tx, r.Change, e, body); err != nil {
			return err
		}
	}
	for start := 0; start < len(creates); start += batch {
		err := tx.Object.CreateBulk(creates[start:min(start+batch, len(creates))]...).Exec(ctx)
		if ent.IsConstraintError(err) {
			return mesh.Errorf(mesh.Conflict, "an object of mesh %s was created by somebody else meanwhile: look at it and try again: %w", r.Change.Mesh, err)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func setObject(ctx context.Context, tx *ent.Tx, c change.Change, e change.Edit, body json.RawMessage) error {
	update := tx.Object.Update().
		Where(entobject.Mesh(c.Mesh), entobject.Kind(string(e.Ref.Kind)), entobject.Name(e.Ref.Name), entobject.Version(e.Version-1)).
		SetVersion(e.Version).SetChange(c.ID)
	if body == nil {
		update.ClearBody()
	} else {
		update.SetBody(body)
	}
	n, err := update.Save(ctx)
	if err != nil {
		return err
	}
	if n == 0 {
		return stale("%s of mesh %s is no longer at version %d: look at what changed and try again", e.Ref, c.Mesh, e.Version-1)
	}
	return nil
}
