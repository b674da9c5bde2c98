package store

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/weirmesh/weir/ent"
	entsession "github.com/weirmesh/weir/ent/session"
	enttoken "github.com/weirmesh/weir/ent/token"
	entuser "github.com/weirmesh/weir/ent/user"
	"github.com/weirmesh/weir/server/auth/password"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

var _ people.Store = (*Store)(nil)

// Person gives a person by ID. Error: mesh.NotFound.
func (s *Store) Person(ctx context.Context, id string) (people.Person, error) {
	row, err := s.reader.User.Get(ctx, id)
	return s.onePerson(row, id, err)
}

// PersonNamed gives a person by people.Fold of their name. Error: mesh.NotFound.
func (s *Store) PersonNamed(ctx context.Context, folded string) (people.Person, error) {
	row, err := s.reader.User.Query().Where(entuser.Folded(folded)).Only(ctx)
	return s.onePerson(row, folded, err)
}

// PersonOf gives the person that somebody is to an identity provider. Error: mesh.NotFound.
func (s *Store) PersonOf(ctx context.Context, issuer, subject string) (people.Person, error) {
	row, err := s.reader.User.Query().Where(entuser.Issuer(issuer), entuser.Subject(subject)).Only(ctx)
	return s.onePerson(row, subject, err)
}

func (s *Store) onePerson(row *ent.User, name string, err error) (people.Person, error) {
	if ent.IsNotFound(err) {
		return people.Person{}, mesh.Errorf(mesh.NotFound, "there is no person %s", mesh.Shorten(name))
	}
	if err != nil {
		return people.Person{}, s.explain("read who may sign in", err)
	}
	p, err := personOf(row)
	return p, s.explain("read who may sign in", err)
}

// Persons gives everybody, in the order in which they were added.
func (s *Store) Persons(ctx context.Context) ([]people.Person, error) {
	rows, err := s.reader.User.Query().Order(entuser.ByID()).All(ctx)
	if err != nil {
		return nil, s.explain("read who may sign in", err)
	}
	list, err := personsOf(rows)
	return list, s.explain("read who may sign in", err)
}

// AddPerson records a new person. Errors: mesh.Conflict when the name, or who they are to their provider, is taken; keep's.
func (s *Store) AddPerson(ctx context.Context, p people.Person, keep func([]people.Person) error) error {
	return s.transact(ctx, "record "+p.Name, func(tx *ent.Tx) error {
		if err := insertPerson(ctx, tx, p); err != nil {
			return err
		}
		return agreed(ctx, tx, keep)
	})
}

// FirstPerson records a person if there is none, and uses up the setup link, which has to have that hash unless it is nil.
// Errors: mesh.Conflict when there is somebody, mesh.Unauthenticated for the link.
func (s *Store) FirstPerson(ctx context.Context, p people.Person, hash []byte) error {
	return s.transact(ctx, "record "+p.Name, func(tx *ent.Tx) error {
		there, err := tx.User.Query().Exist(ctx)
		if err != nil {
			return err
		}
		if there {
			return mesh.Errorf(mesh.Conflict, "Weir is set up already: sign in, or have an administrator add you")
		}
		drop := tx.Token.Delete().Where(enttoken.Kind(string(people.KindSetup)))
		if hash != nil {
			drop.Where(enttoken.Hash(hash))
		}
		n, err := drop.Exec(ctx)
		if err != nil {
			return err
		}
		if hash != nil && n == 0 {
			return mesh.Errorf(mesh.Unauthenticated, "the setup link is not good any more: take the newest one that Weir printed")
		}
		return insertPerson(ctx, tx, p)
	})
}

func insertPerson(ctx context.Context, tx *ent.Tx, p people.Person) error {
	grants, err := marshalGrants(p.Grants)
	if err != nil {
		return err
	}
	create := tx.User.Create().SetID(p.ID).SetName(p.Name).SetFolded(people.Fold(p.Name)).SetPassword(string(p.Hash)).
		SetGrants(grants).SetDisabled(p.Disabled).SetAt(p.At.UTC()).SetVersion(p.Version)
	if p.Issuer != "" {
		create.SetIssuer(p.Issuer).SetSubject(p.Subject)
	}
	if !p.Seen.IsZero() {
		create.SetSeen(p.Seen.UTC())
	}
	return taken(create.Exec(ctx), p.Name)
}

func taken(err error, name string) error {
	if ent.IsConstraintError(err) {
		e := mesh.Errorf(mesh.Conflict, "there is somebody by the name of %s already, or was a moment ago: choose another name", name)
		e.Err = err
		return e
	}
	return err
}

// agreed asks keep about everybody as they are in the transaction.
func agreed(ctx context.Context, tx *ent.Tx, keep func([]people.Person) error) error {
	if keep == nil {
		return nil
	}
	rows, err := tx.User.Query().All(ctx)
	if err != nil {
		return err
	}
	list, err := personsOf(rows)
	if err != nil {
		return err
	}
	return keep(list)
}

// ChangePerson replaces the person recorded in the version before p.Version. Errors: mesh.Conflict when it is not, or when
// the name is taken; mesh.NotFound; keep's.
func (s *Store) ChangePerson(ctx context.Context, p people.Person, keep func([]people.Person) error) error {
	return s.transact(ctx, "record "+p.Name, func(tx *ent.Tx) error {
		if err := updatePerson(ctx, tx, p); err != nil {
			return err
		}
		return agreed(ctx, tx, keep)
	})
}

func updatePerson(ctx context.Context, tx *ent.Tx, p people.Person) error {
	grants, err := marshalGrants(p.Grants)
	if err != nil {
		return err
	}
	update := tx.User.Update().Where(entuser.ID(p.ID), entuser.Version(p.Version-1)).
		SetName(p.Name).SetFolded(people.Fold(p.Name)).SetPassword(string(p.Hash)).SetGrants(grants).SetDisabled(p.Disabled).SetVersion(p.Version)
	if !p.Seen.IsZero() {
		update.SetSeen(p.Seen.UTC())
	}
	n, err := update.Save(ctx)
	if err != nil {
		return taken(err, p.Name)
	}
	if n > 0 {
		return nil
	}
	there, err := tx.User.Query().Where(entuser.ID(p.ID)).Exist(ctx)
	if err == nil && !there {
		return mesh.Errorf(mesh.NotFound, "there is no person %s any more", p.Name)
	}
	if err == nil {
		return mesh.Errorf(mesh.Conflict, "%s was changed by somebody else meanwhile: look at it and try again", p.Name)
	}
	return err
}

// RemovePerson forgets a person, ends their sessions, and revokes their API tokens, keys and links; the tokens of proxies
// that they minted stay. Errors: mesh.NotFound, keep's.
func (s *Store) RemovePerson(ctx context.Context, p people.Person, by string, at time.Time, keep func([]people.Person) error) error {
	return s.transact(ctx, "remove "+p.Name, func(tx *ent.Tx) error {
		n, err := tx.User.Delete().Where(entuser.ID(p.ID)).Exec(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			return mesh.Errorf(mesh.NotFound, "there is no person %s any more", p.Name)
		}
		if _, err := tx.Session.Delete().Where(entsession.User(p.ID)).Exec(ctx); err != nil {
			return err
		}
		err = tx.Token.Update().Where(enttoken.User(p.ID), enttoken.KindNEQ(string(people.KindProxy)), enttoken.RevokedIsNil()).
			SetRevoked(at.UTC()).SetRevokedBy(by).Exec(ctx)
		if err != nil {
			return err
		}
		return agreed(ctx, tx, keep)
	})
}

// SignedIn notes when a person signed in, and replaces the hash of their password if it still is the one given.
func (s *Store) SignedIn(ctx context.Context, p people.Person, rehash string) error {
	if err := s.writer.User.Update().Where(entuser.ID(p.ID)).SetSeen(p.Seen.UTC()).Exec(ctx); err != nil || rehash == "" {
		return s.explain("record the sign-in of "+p.Name, err)
	}
	err := s.writer.User.Update().Where(entuser.ID(p.ID), entuser.Password(string(p.Hash))).SetPassword(rehash).Exec(ctx)
	return s.explain("record the sign-in of "+p.Name, err)
}

func personsOf(rows []*ent.User) ([]people.Person, error) {
	list := make([]people.Person, len(rows))
	for i, row := range rows {
		var err error
		if list[i], err = personOf(row); err != nil {
			return nil, err
		}
	}
	return list, nil
}

func personOf(row *ent.User) (people.Person, error) {
	p := people.Person{
		ID: row.ID, Name: row.Name, Hash: password.Hash(row.Password), Issuer: row.Issuer, Disabled: row.Disabled,
		At: row.At.UTC(), Seen: utc(row.Seen), Version: row.Version,
	}
	if row.Subject != nil {
		p.Subject = *row.Subject
	}
	return p, json.Unmarshal(row.Grants, &p.Grants)
}

// utc gives the moment, or none.
func utc(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}

func marshalGrants[T any](grants []T) (json.RawMessage, error) {
	return json.Marshal(slices.Concat([]T{}, grants)) // [] rather than null
}
