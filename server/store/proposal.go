package store

import (
	"context"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	entproposal "github.com/weirmesh/weir/ent/proposal"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

var _ change.Approvals = (*Store)(nil)

// AddApproval records a proposal that waits, and those of its mesh as expired whose time was over by then.
func (s *Store) AddApproval(ctx context.Context, a change.Approval) error {
	return s.transact(ctx, "record proposal "+a.ID, func(tx *ent.Tx) error {
		over, err := tx.Proposal.Query().Where(entproposal.Mesh(a.Mesh), entproposal.State(string(change.ApprovalWaiting)), entproposal.ExpiresLTE(a.At.UTC())).IDs(ctx)
		if err != nil {
			return err
		}
		for _, id := range over {
			if err := tx.Proposal.UpdateOneID(id).SetState(string(change.ApprovalExpired)).SetDecidedAt(a.At.UTC()).Exec(ctx); err != nil {
				return err
			}
			if err := s.note(ctx, tx, Notice{Kind: NoticeProposal, Mesh: a.Mesh, Subject: id}); err != nil {
				return err
			}
		}
		err = tx.Proposal.Create().SetID(a.ID).SetMesh(a.Mesh).SetAuthor(a.Author).SetPerson(a.Person).SetReason(a.Reason).
			SetSummary(a.Summary).SetDiff(a.Diff).SetPatch(a.Asked).SetAt(a.At.UTC()).SetExpires(a.Expires.UTC()).SetState(string(a.State)).Exec(ctx)
		if err != nil {
			return err
		}
		return s.note(ctx, tx, Notice{Kind: NoticeProposal, Mesh: a.Mesh, Subject: a.ID})
	})
}

// DecideApproval records how a proposal was decided if it still waits, whichever replica decides. Errors: mesh.Conflict
// (change.ErrDecided) when it does not; mesh.NotFound.
func (s *Store) DecideApproval(ctx context.Context, a change.Approval) error {
	return s.transact(ctx, "decide about proposal "+a.ID, func(tx *ent.Tx) error { return s.approve(ctx, tx, &a) })
}

// approve records in a transaction how a proposal was decided; nil: there is none.
func (s *Store) approve(ctx context.Context, tx *ent.Tx, a *change.Approval) error {
	if a == nil {
		return nil
	}
	at := time.Now()
	if a.DecidedAt != nil {
		at = *a.DecidedAt
	}
	n, err := tx.Proposal.Update().Where(entproposal.ID(a.ID), entproposal.Mesh(a.Mesh), entproposal.State(string(change.ApprovalWaiting))).
		SetState(string(a.State)).SetDecidedBy(a.DecidedBy).SetDecidedAt(at.UTC()).SetNote(a.Note).SetChange(a.Change).Save(ctx)
	if err != nil {
		return err
	}
	if n > 0 {
		return s.note(ctx, tx, Notice{Kind: NoticeProposal, Mesh: a.Mesh, Subject: a.ID})
	}
	there, err := tx.Proposal.Query().Where(entproposal.ID(a.ID)).Exist(ctx)
	switch {
	case err != nil:
		return err
	case !there:
		return mesh.Errorf(mesh.NotFound, "there is no proposal %s", a.ID)
	}
	return &mesh.Error{
		Code: mesh.Conflict, Err: change.ErrDecided,
		Message: fmt.Sprintf("proposal %s was decided by somebody else meanwhile: look at what became of it", a.ID),
	}
}

// Approval gives a proposal as it was recorded: one that nobody decided about in time may still say that it waits. Error:
// mesh.NotFound.
func (s *Store) Approval(ctx context.Context, id string) (change.Approval, error) {
	row, err := s.reader.Proposal.Get(ctx, id)
	if ent.IsNotFound(err) {
		return change.Approval{}, mesh.Errorf(mesh.NotFound, "there is no proposal %s", mesh.Shorten(id))
	}
	if err != nil {
		return change.Approval{}, s.explain("read proposal "+id, err)
	}
	return approvalOf(row), nil
}

// Approvals finds proposals, newest first.
func (s *Store) Approvals(ctx context.Context, q change.ApprovalQuery) ([]change.Approval, error) {
	query := s.reader.Proposal.Query().Order(entproposal.ByID(entsql.OrderDesc())).Limit(page)
	if q.Limit > 0 {
		query.Limit(q.Limit)
	}
	if q.Mesh != "" {
		query.Where(entproposal.Mesh(q.Mesh))
	}
	if q.State != "" {
		query.Where(entproposal.State(string(q.State)))
	}
	if q.Before != "" {
		query.Where(entproposal.IDLT(q.Before))
	}
	rows, err := query.All(ctx)
	if err != nil {
		return nil, s.explain("read the proposals", err)
	}
	list := make([]change.Approval, len(rows))
	for i, row := range rows {
		list[i] = approvalOf(row)
	}
	return list, nil
}

func approvalOf(row *ent.Proposal) change.Approval {
	a := change.Approval{
		ID: row.ID, Mesh: row.Mesh, Author: row.Author, Person: row.Person, Reason: row.Reason, Summary: row.Summary, Diff: row.Diff,
		At: row.At.UTC(), Expires: row.Expires.UTC(), State: change.ApprovalState(row.State), DecidedBy: row.DecidedBy, Note: row.Note,
		Change: row.Change, Asked: row.Patch,
	}
	if row.DecidedAt != nil {
		at := row.DecidedAt.UTC()
		a.DecidedAt = &at
	}
	return a
}
