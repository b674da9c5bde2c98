package store

import (
	"context"
	"fmt"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	entchange "github.com/weirmesh/weir/ent/change"
	entedit "github.com/weirmesh/weir/ent/edit"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// MeshAt gives a mesh as it was recorded at a moment: its newest revision that was recorded at that time or before, with
// every object as the newest of its edits up to then left it. When the clock was set back between two changes, the later
// revision counts.
func (s *Store) MeshAt(ctx context.Context, name string, at time.Time) (change.Past, error) {
	tx, err := s.reader.Tx(ctx)
	if err != nil {
		return change.Past{}, s.explain("read mesh "+name+" of the past", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	p, err := meshAt(ctx, tx, name, at.UTC())
	if err != nil {
		return change.Past{}, s.explain("read mesh "+name+" of the past", err)
	}
	return p, nil
}

func meshAt(ctx context.Context, tx *ent.Tx, name string, at time.Time) (change.Past, error) {
	p := change.Past{Name: name}
	made, err := tx.Change.Query().Where(entchange.Mesh(name), entchange.AtLTE(at)).
		Order(entchange.ByRevision(entsql.OrderDesc())).
		Select(entchange.FieldID, entchange.FieldRevision, entchange.FieldAt).First(ctx)
	if err != nil && !ent.IsNotFound(err) {
		return p, err
	}
	if err == nil {
		p.Revision, p.From = made.Revision, made.At.UTC()
	}
	next, err := tx.Change.Query().Where(entchange.Mesh(name), entchange.RevisionGT(p.Revision)).
		Order(entchange.ByAt()).Select(entchange.FieldID, entchange.FieldAt).First(ctx)
	if err != nil && !ent.IsNotFound(err) {
		return p, err
	}
	if err == nil {
		p.Until = next.At.UTC()
	}
	if p.Revision == 0 {
		return p, nil
	}
	p.Mesh, err = objectsUpTo(ctx, tx, name, made.ID)
	return p, err
}

// objectsUpTo puts a mesh together from the newest edit of each object that a change, or one before it, made. IDs of
// changes grow with the revisions, and an object's version with each of its edits.
func objectsUpTo(ctx context.Context, tx *ent.Tx, name, last string) (mesh.Mesh, error) {
	newest := func(s *entsql.Selector) {
		later := entsql.Table(entedit.Table).As("later")
		s.Where(entsql.NotExists(entsql.Select(later.C(entedit.FieldID)).From(later).Where(entsql.And(
			entsql.ColumnsEQ(later.C(entedit.FieldMesh), s.C(entedit.FieldMesh)),
			entsql.ColumnsEQ(later.C(entedit.FieldKind), s.C(entedit.FieldKind)),
			entsql.ColumnsEQ(later.C(entedit.FieldName), s.C(entedit.FieldName)),
			entsql.ColumnsGT(later.C(entedit.FieldVersion), s.C(entedit.FieldVersion)),
			entsql.LTE(later.C(entedit.FieldChangeID), last),
		))))
	}
	rows, err := tx.Edit.Query().Where(entedit.Mesh(name), entedit.ChangeIDLTE(last), newest).
		Order(entedit.ByKind(), entedit.ByName()).Select(entedit.FieldKind, entedit.FieldName, entedit.FieldAfter).All(ctx)
	if err != nil {
		return mesh.Mesh{}, err
	}
	var patch mesh.Patch
	for _, row := range rows {
		object, err := unmarshalObject(row.Kind, row.Name, row.After)
		if err != nil {
			return mesh.Mesh{}, err
		}
		if object != nil {
			patch.Put = append(patch.Put, object)
		}
	}
	m, err := (mesh.Mesh{}).With(patch)
	if err != nil {
		return mesh.Mesh{}, fmt.Errorf("put its objects together: %w", err)
	}
	return m, nil
}
