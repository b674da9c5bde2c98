package store

import (
	"context"
	"fmt"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	entchange "github.com/weirmesh/weir/ent/change"
	entedit "github.com/weirmesh/weir/ent/edit"
	entmesh "github.com/weirmesh/weir/ent/mesh"
	entobject "github.com/weirmesh/weir/ent/object"
	"github.com/weirmesh/weir/ent/predicate"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// page is how many entries Records gives when the query does not say.
const page = 100

// Readable says whether the database answers, at the least cost. Error: mesh.Unavailable.
func (s *Store) Readable(ctx context.Context) error {
	if _, err := s.reader.Mesh.Query().Exist(ctx); err != nil {
		return s.explain("read the database", err)
	}
	return nil
}

// Meshes gives every mesh, or those of some names, with its newest revision, and the version of each object, deleted ones
// too; all as of one moment. A mesh that was deleted is there too, as a revision without a mesh. Sorted by name.
func (s *Store) Meshes(ctx context.Context, only ...string) ([]change.Current, error) {
	tx, err := s.reader.Tx(ctx)
	if err != nil {
		return nil, s.explain("read the meshes", err)
	}
	defer tx.Rollback() //nolint:errcheck // it only read
	query := tx.Mesh.Query().Order(entmesh.ByID())
	if len(only) > 0 {
		query.Where(entmesh.IDIn(only...))
	}
	rows, err := query.All(ctx)
	if err != nil {
		return nil, s.explain("read the meshes", err)
	}
	out := make([]change.Current, 0, len(rows))
	for _, row := range rows {
		objects, err := tx.Object.Query().Where(entobject.Mesh(row.ID)).Order(entobject.ByName()).All(ctx)
		if err != nil {
			return nil, s.explain("read mesh "+row.ID, err)
		}
		current, err := decodeMesh(row, objects)
		if err != nil {
			return nil, s.explain("read mesh "+row.ID, err)
		}
		out = append(out, current)
	}
	return out, nil
}

func decodeMesh(row *ent.Mesh, objects []*ent.Object) (change.Current, error) {
	c := change.Current{
		Name:     row.ID,
		Revision: row.Revision,
		Versions: make(map[mesh.Ref]int64, len(objects)),
		Changed:  make(map[mesh.Ref]string, len(objects)),
	}
	var patch mesh.Patch
	for _, o := range objects {
		ref := mesh.Ref{Kind: mesh.Kind(o.Kind), Name: o.Name}
		c.Versions[ref], c.Changed[ref] = o.Version, o.Change
		object, err := unmarshalObject(o.Kind, o.Name, o.Body)
		if err != nil {
			return change.Current{}, err
		}
		if object != nil {
			patch.Put = append(patch.Put, object)
		}
	}
	var err error
	if c.Mesh, err = (mesh.Mesh{}).With(patch); err != nil {
		return change.Current{}, fmt.Errorf("put its objects together: %w", err)
	}
	return c, nil
}

// Records finds ledger entries, newest first.
func (s *Store) Records(ctx context.Context, q change.Query) ([]change.Record, error) {
	query := s.reader.Change.Query().Limit(page)
	if q.Oldest {
		query.Order(entchange.ByID())
	} else {
		query.Order(entchange.ByID(entsql.OrderDesc()))
	}
	if q.Limit > 0 {
		query.Limit(q.Limit)
	}
	restrict(query, q)
	if !q.NoEdits {
		query.WithEdits(func(e *ent.EditQuery) { e.Order(entedit.ByPosition()) })
	}
	rows, err := query.All(ctx)
	if err != nil {
		return nil, s.explain("read the changes", err)
	}
	out := make([]change.Record, len(rows))
	for i, row := range rows {
		if out[i], err = decodeRecord(row); err != nil {
			return nil, s.explain("read the changes", err)
		}
	}
	return out, nil
}

// restrict leaves only the entries that a query asks for.
func restrict(query *ent.ChangeQuery, q change.Query) {
	if q.ID != "" {
		query.Where(entchange.ID(q.ID))
	}
	if q.Mesh != "" {
		query.Where(entchange.Mesh(q.Mesh))
	}
	if q.Key != "" {
		query.Where(entchange.Key(q.Key))
	}
	if q.State != "" {
		query.Where(entchange.State(string(q.State)))
	}
	if q.AfterRevision > 0 {
		query.Where(entchange.RevisionGT(q.AfterRevision))
	}
	if q.Heads {
		query.Where(isHead)
	}
	if q.Before != "" {
		query.Where(entchange.IDLT(q.Before))
	}
	if q.Since != "" {
		query.Where(entchange.IDGT(q.Since))
	}
	if !q.After.IsZero() {
		query.Where(entchange.AtGT(q.After.UTC()))
	}
	if !q.Until.IsZero() {
		query.Where(entchange.AtLTE(q.Until.UTC()))
	}
	if q.Object != (mesh.Ref{}) {
		edits := []predicate.Edit{entedit.Kind(string(q.Object.Kind)), entedit.Name(q.Object.Name)}
		if q.Mesh != "" {
			edits = append(edits, entedit.Mesh(q.Mesh)) // the index begins with it
		}
		query.Where(entchange.HasEditsWith(edits...))
	}
}

// isHead selects the entries that made the meshes what they are now.
func isHead(s *entsql.Selector) {
	t := entsql.Table(entmesh.Table).As("of")
	s.Join(t).OnP(entsql.And(
		entsql.ColumnsEQ(s.C(entchange.FieldMesh), t.C(entmesh.FieldID)),
		entsql.ColumnsEQ(s.C(entchange.FieldRevision), t.C(entmesh.FieldRevision)),
	))
}
