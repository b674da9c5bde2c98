package store

import (
	"context"
	"encoding/json"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	entrollout "github.com/weirmesh/weir/ent/rollout"
	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/mesh"
)

var _ canary.Store = (*Store)(nil)

// activeOn is what the column active holds: there is one rollout at a time on a target.
func activeOn(r canary.Rollout) string { return r.Mesh + "/" + r.Spec.Target.Path() }

// CreateRollout records a new rollout. Error: mesh.Conflict when another one is active on its target.
func (s *Store) CreateRollout(ctx context.Context, r canary.Rollout) error {
	spec, status, err := marshalRollout(r)
	if err != nil {
		return s.explain("record rollout "+r.ID, err)
	}
	return s.transact(ctx, "record rollout "+r.ID, func(tx *ent.Tx) error {
		create := tx.Rollout.Create().SetID(r.ID).SetMesh(r.Mesh).SetTarget(r.Spec.Target.Path()).
			SetAuthor(r.Author).SetReason(r.Reason).SetAt(r.At.UTC()).SetSpec(spec).SetPhase(string(r.Phase)).
			SetStatus(status).SetVersion(r.Version)
		if r.Active() {
			create.SetActive(activeOn(r))
		}
		err := create.Exec(ctx)
		if ent.IsConstraintError(err) {
			return anotherRollout(r, err)
		}
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Notice{Kind: NoticeRollout, Mesh: r.Mesh, Subject: r.ID})
	})
}

func anotherRollout(r canary.Rollout, err error) error {
	return mesh.Errorf(mesh.Conflict, "another rollout is active on %s of mesh %s: wait until it is over, or abort it: %w", r.Spec.Target, r.Mesh, err)
}

// UpdateRollout replaces a rollout and its evidence if it is recorded in the version before r.Version. Errors:
// mesh.Conflict when it is not, or when it is active again and another one is; mesh.NotFound.
func (s *Store) UpdateRollout(ctx context.Context, r canary.Rollout, evidence json.RawMessage) error {
	_, status, err := marshalRollout(r)
	if err != nil {
		return s.explain("record rollout "+r.ID, err)
	}
	return s.transact(ctx, "record rollout "+r.ID, func(tx *ent.Tx) error {
		update := tx.Rollout.Update().Where(entrollout.ID(r.ID), entrollout.Version(r.Version-1)).
			SetPhase(string(r.Phase)).SetStatus(status).SetVersion(r.Version).SetEvidence(evidence)
		if r.Active() {
			update.SetActive(activeOn(r))
		} else {
			update.ClearActive()
		}
		n, err := update.Save(ctx)
		switch {
		case ent.IsConstraintError(err):
			return anotherRollout(r, err)
		case err != nil:
			return err
		case n > 0:
			return s.note(ctx, tx, Notice{Kind: NoticeRollout, Mesh: r.Mesh, Subject: r.ID})
		}
		return overtakenRollout(ctx, tx, r.ID)
	})
}

// overtakenRollout says why there is no rollout of the expected version.
func overtakenRollout(ctx context.Context, tx *ent.Tx, id string) error {
	there, err := tx.Rollout.Query().Where(entrollout.ID(id)).Exist(ctx)
	if err != nil {
		return err
	}
	if !there {
		return mesh.Errorf(mesh.NotFound, "there is no rollout %s", id)
	}
	return mesh.Errorf(mesh.Conflict, "rollout %s moved on meanwhile: look at it and try again", id)
}

// Rollout gives a rollout with its evidence. Error: mesh.NotFound.
func (s *Store) Rollout(ctx context.Context, id string) (canary.Rollout, json.RawMessage, error) {
	row, err := s.reader.Rollout.Get(ctx, id)
	if ent.IsNotFound(err) {
		return canary.Rollout{}, nil, mesh.Errorf(mesh.NotFound, "there is no rollout %s", mesh.Shorten(id))
	}
	if err != nil {
		return canary.Rollout{}, nil, s.explain("read rollout "+id, err)
	}
	r, err := rolloutOf(row)
	return r, row.Evidence, s.explain("read rollout "+id, err)
}

// Rollouts finds rollouts, newest first.
func (s *Store) Rollouts(ctx context.Context, q canary.Query) ([]canary.Rollout, error) {
	query := s.reader.Rollout.Query().Order(entrollout.ByID(entsql.OrderDesc())).Limit(page).
		Select(entrollout.FieldID, entrollout.FieldMesh, entrollout.FieldAuthor, entrollout.FieldReason, entrollout.FieldAt,
			entrollout.FieldSpec, entrollout.FieldStatus, entrollout.FieldPhase, entrollout.FieldVersion).RolloutQuery
	if q.Limit > 0 {
		query.Limit(q.Limit)
	}
	if q.Mesh != "" {
		query.Where(entrollout.Mesh(q.Mesh))
	}
	if q.Target != (mesh.Ref{}) {
		query.Where(entrollout.Target(q.Target.Path()))
	}
	if q.Phase != "" {
		query.Where(entrollout.Phase(string(q.Phase)))
	}
	if q.Active {
		query.Where(entrollout.ActiveNotNil())
	}
	if q.Before != "" {
		query.Where(entrollout.IDLT(q.Before))
	}
	rows, err := query.All(ctx)
	if err != nil {
		return nil, s.explain("read the rollouts", err)
	}
	list := make([]canary.Rollout, len(rows))
	for i, row := range rows {
		if list[i], err = rolloutOf(row); err != nil {
			return nil, s.explain("read rollout "+row.ID, err)
		}
	}
	return list, nil
}

// marshalRollout gives what was asked for, and where it stands without that.
func marshalRollout(r canary.Rollout) (spec, status json.RawMessage, err error) {
	if spec, err = json.Marshal(r.Spec); err != nil {
		return nil, nil, err
	}
	r.Spec = canary.Spec{}
	status, err = json.Marshal(r)
	return spec, status, err
}

func rolloutOf(row *ent.Rollout) (canary.Rollout, error) {
	var r canary.Rollout
	if err := json.Unmarshal(row.Status, &r); err != nil {
		return canary.Rollout{}, err
	}
	if err := json.Unmarshal(row.Spec, &r.Spec); err != nil {
		return canary.Rollout{}, err
	}
	r.ID, r.Mesh, r.Author, r.Reason, r.At = row.ID, row.Mesh, row.Author, row.Reason, row.At.UTC()
	r.Phase, r.Version = canary.Phase(row.Phase), row.Version
	return r, nil
}
