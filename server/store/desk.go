package store

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	entdraft "github.com/weirmesh/weir/ent/draft"
	"github.com/weirmesh/weir/ent/predicate"
	entview "github.com/weirmesh/weir/ent/view"
	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
)

// The length of what names a place or a person, in bytes: objects' names are shorter, and a person is a token.
const maxDeskWord = 1 << 10

// Draft gives a person's draft of a place; ok is false when there is none. Times are of UTC.
func (s *Store) Draft(ctx context.Context, at desk.Place, person string) (d desk.Draft, ok bool, err error) {
	row, err := s.reader.Draft.Query().Where(place(at)...).Where(entdraft.Person(person)).Only(ctx)
	if ent.IsNotFound(err) {
		return desk.Draft{}, false, nil
	}
	if err != nil {
		return desk.Draft{}, false, s.explain("read the draft of "+at.Object.String(), err)
	}
	d = draftOf(row)
	if err := json.Unmarshal(row.Fields, &d.Fields); err != nil {
		return desk.Draft{}, false, s.explain("read the draft of "+at.Object.String(), err)
	}
	return d, true, nil
}

// Others lists the drafts that other people have of an object, newest first, without their fields.
func (s *Store) Others(ctx context.Context, meshName string, of mesh.Ref, person string) ([]desk.Draft, error) {
	rows, err := s.reader.Draft.Query().
		Where(entdraft.Mesh(meshName), entdraft.Kind(string(of.Kind)), entdraft.Name(of.Name), entdraft.PersonNEQ(person)).
		Select(entdraft.FieldMesh, entdraft.FieldKind, entdraft.FieldName, entdraft.FieldForm, entdraft.FieldPerson,
			entdraft.FieldAuthor, entdraft.FieldVersion, entdraft.FieldAt, entdraft.FieldBegun).
		Order(entdraft.ByAt(entsql.OrderDesc()), entdraft.ByID()).All(ctx)
	if err != nil {
		return nil, s.explain("read who edits "+of.String(), err)
	}
	list := make([]desk.Draft, len(rows))
	for i, row := range rows {
		list[i] = draftOf(row)
	}
	return list, nil
}

// SaveDraft keeps a draft in place of the person's earlier one, and throws away drafts that have not been touched for
// desk.KeepFor before d.At, and the oldest beyond desk.MaxDrafts of the mesh. Errors: mesh.Invalid when it is too large,
// mesh.Conflict (desk.ErrOvertaken) when Over is set and is not what it replaces.
func (s *Store) SaveDraft(ctx context.Context, d desk.Draft) error {
	fields, err := checkDraft(d)
	if err != nil {
		return err
	}
	return s.transact(ctx, "keep the draft of "+d.Object.String(), func(tx *ent.Tx) error {
		if _, err := tx.Draft.Delete().Where(entdraft.AtLT(d.At.Add(-desk.KeepFor).UTC())).Exec(ctx); err != nil {
			return err
		}
		earlier, err := tx.Draft.Query().Where(place(d.Place)...).Where(entdraft.Person(d.Person)).Only(ctx)
		if err != nil && !ent.IsNotFound(err) {
			return err
		}
		if overtaken(d, earlier) {
			return &mesh.Error{
				Code: mesh.Conflict, Err: desk.ErrOvertaken,
				Message: fmt.Sprintf("the draft of %s was saved from elsewhere meanwhile: look at it before you go on", d.Object),
			}
		}
		if earlier == nil {
			return s.insertDraft(ctx, tx, d, fields)
		}
		at := d.At.UTC()
		if !at.After(earlier.At) { // each saving has a time of its own, by which Over tells it from the one before
			at = earlier.At.UTC().Add(time.Microsecond)
		}
		return tx.Draft.UpdateOne(earlier).SetAuthor(d.Author).SetVersion(d.Version).SetFields(fields).SetAt(at).Exec(ctx)
	})
}

func (s *Store) insertDraft(ctx context.Context, tx *ent.Tx, d desk.Draft, fields json.RawMessage) error {
	oldest, err := tx.Draft.Query().Where(entdraft.Mesh(d.Mesh)).Order(entdraft.ByAt(entsql.OrderDesc()), entdraft.ByID(entsql.OrderDesc())).
		Offset(desk.MaxDrafts - 1).IDs(ctx)
	if err != nil {
		return err
	}
	if len(oldest) > 0 {
		if _, err := tx.Draft.Delete().Where(entdraft.IDIn(oldest...)).Exec(ctx); err != nil {
			return err
		}
	}
	return tx.Draft.Create().SetMesh(d.Mesh).SetKind(string(d.Object.Kind)).SetName(d.Object.Name).SetForm(d.Form).SetPerson(d.Person).
		SetAuthor(d.Author).SetVersion(d.Version).SetFields(fields).SetAt(d.At.UTC()).SetBegun(d.At.UTC()).Exec(ctx)
}

// overtaken says whether what a draft would replace is not what its writer knew.
func overtaken(d desk.Draft, earlier *ent.Draft) bool {
	switch {
	case d.Over == nil:
		return false
	case earlier == nil:
		return !d.Over.IsZero()
	}
	return !earlier.At.Equal(*d.Over)
}

func checkDraft(d desk.Draft) (json.RawMessage, error) {
	for _, word := range []string{d.Mesh, string(d.Object.Kind), d.Object.Name, d.Form, d.Person} {
		if word == "" || len(word) > maxDeskWord {
			return nil, mesh.Errorf(mesh.Invalid, "a draft belongs to a person and to a form of an object of a mesh, each named in 1 to %d bytes", maxDeskWord)
		}
	}
	if len(d.Author) > maxDeskWord || d.Version < 0 {
		return nil, mesh.Errorf(mesh.Invalid, "the draft of %s: its author's name is too long or its version is negative", d.Object)
	}
	fields, err := json.Marshal(d.Fields)
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "the draft of %s: its fields cannot be written: %w", d.Object, err)
	}
	if size := len(d.Fields.Encode()); size > desk.MaxForm || len(fields) > 4*desk.MaxForm {
		return nil, mesh.Errorf(mesh.Invalid, "the draft of %s is %d bytes long; at most %d are kept", d.Object, size, desk.MaxForm)
	}
	return fields, nil
}

// DropDraft forgets a person's draft; no error when there is none.
func (s *Store) DropDraft(ctx context.Context, at desk.Place, person string) error {
	_, err := s.writer.Draft.Delete().Where(place(at)...).Where(entdraft.Person(person)).Exec(ctx)
	return s.explain("drop the draft of "+at.Object.String(), err)
}

func place(at desk.Place) []predicate.Draft {
	return []predicate.Draft{
		entdraft.Mesh(at.Mesh), entdraft.Kind(string(at.Object.Kind)), entdraft.Name(at.Object.Name), entdraft.Form(at.Form),
	}
}

func draftOf(row *ent.Draft) desk.Draft {
	d := desk.Draft{
		Place:  desk.Place{Mesh: row.Mesh, Object: mesh.Ref{Kind: mesh.Kind(row.Kind), Name: row.Name}, Form: row.Form},
		Person: row.Person, Author: row.Author, Version: row.Version, At: row.At.UTC(),
	}
	if row.Begun != nil {
		d.Begun = row.Begun.UTC()
	}
	return d
}

// Views lists a mesh's saved views, sorted by name.
func (s *Store) Views(ctx context.Context, meshName string) ([]desk.View, error) {
	rows, err := s.reader.View.Query().Where(entview.Mesh(meshName)).Order(entview.ByName()).All(ctx)
	if err != nil {
		return nil, s.explain("read the saved views of mesh "+meshName, err)
	}
	list := make([]desk.View, len(rows))
	for i, row := range rows {
		list[i] = desk.View{Mesh: row.Mesh, Name: row.Name, Query: row.Query, Author: row.Author, At: row.At.UTC()}
	}
	return list, nil
}

// SaveView keeps a view in place of an earlier one of that name; mesh.Invalid when a limit of desk is passed.
func (s *Store) SaveView(ctx context.Context, v desk.View) error {
	if err := checkView(v); err != nil {
		return err
	}
	return s.transact(ctx, "save the view "+v.Name, func(tx *ent.Tx) error {
		n, err := tx.View.Update().Where(entview.Mesh(v.Mesh), entview.Name(v.Name)).
			SetQuery(v.Query).SetAuthor(v.Author).SetAt(v.At.UTC()).Save(ctx)
		if err != nil || n > 0 {
			return err
		}
		has, err := tx.View.Query().Where(entview.Mesh(v.Mesh)).Count(ctx)
		if err != nil {
			return err
		}
		if has >= desk.MaxViews {
			return mesh.Errorf(mesh.Invalid, "mesh %s has %d saved views already, and there is room for no more: delete one first", v.Mesh, has)
		}
		return tx.View.Create().SetMesh(v.Mesh).SetName(v.Name).SetQuery(v.Query).SetAuthor(v.Author).SetAt(v.At.UTC()).Exec(ctx)
	})
}

func checkView(v desk.View) error {
	switch {
	case v.Mesh == "" || len(v.Mesh) > maxDeskWord || len(v.Author) > maxDeskWord:
		return mesh.Errorf(mesh.Invalid, "a saved view belongs to a mesh and an author, each named in at most %d bytes", maxDeskWord)
	case !utf8.ValidString(v.Name) || strings.TrimSpace(v.Name) == "":
		return mesh.Errorf(mesh.Invalid, "the view needs a name")
	case utf8.RuneCountInString(v.Name) > desk.MaxName:
		return mesh.Errorf(mesh.Invalid, "the view's name has %d characters; at most %d are possible", utf8.RuneCountInString(v.Name), desk.MaxName)
	case len(v.Query) > desk.MaxQuery:
		return mesh.Errorf(mesh.Invalid, "the view %s is %d bytes long; at most %d are kept", v.Name, len(v.Query), desk.MaxQuery)
	}
	if _, err := url.ParseQuery(v.Query); err != nil {
		return mesh.Errorf(mesh.Invalid, "the view %s is no query of an address: %w", v.Name, err)
	}
	return nil
}

// DropView forgets a saved view; no error when there is none.
func (s *Store) DropView(ctx context.Context, meshName, name string) error {
	_, err := s.writer.View.Delete().Where(entview.Mesh(meshName), entview.Name(name)).Exec(ctx)
	return s.explain("delete the view "+name, err)
}
