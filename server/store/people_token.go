package store

import (
	"context"
	"encoding/json"
	"time"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/ent/predicate"
	enttoken "github.com/weirmesh/weir/ent/token"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// KeepLink records a one-use link; earlier ones of its kind and person are gone.
func (s *Store) KeepLink(ctx context.Context, link people.Token) error {
	return s.transact(ctx, "record a link", func(tx *ent.Tx) error {
		if _, err := tx.Token.Delete().Where(enttoken.Kind(string(link.Kind)), enttoken.User(link.Owner)).Exec(ctx); err != nil {
			return err
		}
		return insertToken(ctx, tx, link)
	})
}

// UseLink marks a link as used and replaces its person's record, in one transaction. Errors: mesh.Unauthenticated when the
// link was used or revoked before, and those of ChangePerson.
func (s *Store) UseLink(ctx context.Context, link people.Token, p people.Person) error {
	return s.transact(ctx, "use a link", func(tx *ent.Tx) error {
		n, err := tx.Token.Update().Where(enttoken.ID(link.ID), enttoken.UsedIsNil(), enttoken.RevokedIsNil()).SetUsed(link.Used.UTC()).Save(ctx)
		if err != nil {
			return err
		}
		if n == 0 {
			return mesh.Errorf(mesh.Unauthenticated, "the link was used already, or a newer one was made: ask for another")
		}
		return updatePerson(ctx, tx, p)
	})
}

// DropTokens forgets tokens and links that were revoked, or expired, before a time.
func (s *Store) DropTokens(ctx context.Context, before time.Time) error {
	_, err := s.writer.Token.Delete().Where(enttoken.Or(enttoken.ExpiresLT(before.UTC()), enttoken.RevokedLT(before.UTC()))).Exec(ctx)
	return s.explain("forget tokens that are over", err)
}

// AddToken records a token unless its owner, or a proxy's mesh, has limit tokens of that kind that are not over
// (mesh.Conflict).
func (s *Store) AddToken(ctx context.Context, t people.Token, limit int) error {
	return s.transact(ctx, "record token "+t.ID, func(tx *ent.Tx) error {
		alike := []predicate.Token{enttoken.Kind(string(t.Kind)), enttoken.User(t.Owner)}
		if t.Kind == people.KindProxy {
			alike[1] = enttoken.Mesh(t.Mesh)
		}
		n, err := tx.Token.Query().Where(alike...).
			Where(enttoken.RevokedIsNil(), enttoken.Or(enttoken.ExpiresIsNil(), enttoken.ExpiresGT(t.At.UTC()))).Count(ctx)
		if err != nil {
			return err
		}
		if n >= limit {
			return mesh.Errorf(mesh.Conflict, "there are %d tokens of that kind already and there is room for no more: revoke some that nobody uses", n)
		}
		return insertToken(ctx, tx, t)
	})
}

func insertToken(ctx context.Context, tx *ent.Tx, t people.Token) error {
	create := tx.Token.Create().SetID(t.ID).SetKind(string(t.Kind)).SetHash(t.Hash).SetName(t.Name).SetUser(t.Owner).
		SetMesh(t.Mesh).SetNode(t.Node).SetAt(t.At.UTC())
	if t.Sealed != nil {
		create.SetSealed(t.Sealed)
	}
	if !t.Expires.IsZero() {
		create.SetExpires(t.Expires.UTC())
	}
	grants, err := marshalGrants(t.Grants)
	if err != nil {
		return err
	}
	err = create.SetGrants(grants).Exec(ctx)
	if ent.IsConstraintError(err) {
		return mesh.Errorf(mesh.Conflict, "another token was made in the same moment: try again: %w", err)
	}
	return err
}

// Token gives a token by its public half. Error: mesh.NotFound.
func (s *Store) Token(ctx context.Context, id string) (people.Token, error) {
	row, err := s.reader.Token.Get(ctx, id)
	if ent.IsNotFound(err) {
		return people.Token{}, mesh.Errorf(mesh.NotFound, "there is no token %s", mesh.Shorten(id))
	}
	if err != nil {
		return people.Token{}, s.explain("read token "+id, err)
	}
	t, err := tokenOf(row)
	return t, s.explain("read token "+id, err)
}

// Tokens lists what the query does not leave out, newest first.
func (s *Store) Tokens(ctx context.Context, q people.TokenQuery) ([]people.Token, error) {
	rows, err := s.reader.Token.Query().Where(tokens(q)...).
		Order(enttoken.ByAt(entsql.OrderDesc()), enttoken.ByID(entsql.OrderDesc())).All(ctx)
	if err != nil {
		return nil, s.explain("read the tokens", err)
	}
	list := make([]people.Token, len(rows))
	for i, row := range rows {
		if list[i], err = tokenOf(row); err != nil {
			return nil, s.explain("read token "+row.ID, err)
		}
	}
	return list, nil
}

// RevokeTokens revokes what is not revoked and gives how many.
func (s *Store) RevokeTokens(ctx context.Context, q people.TokenQuery, by string, at time.Time) (int, error) {
	n, err := s.writer.Token.Update().Where(tokens(q)...).Where(enttoken.RevokedIsNil()).SetRevoked(at.UTC()).SetRevokedBy(by).Save(ctx)
	return n, s.explain("revoke a token", err)
}

// UsedTokens notes when tokens were used last; a time before the one that is noted changes nothing.
func (s *Store) UsedTokens(ctx context.Context, used map[string]time.Time) error {
	return s.transact(ctx, "note which tokens were used", func(tx *ent.Tx) error {
		for id, at := range used {
			err := tx.Token.Update().Where(enttoken.ID(id), enttoken.Or(enttoken.UsedIsNil(), enttoken.UsedLT(at.UTC()))).SetUsed(at.UTC()).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func tokens(q people.TokenQuery) []predicate.Token {
	var where []predicate.Token
	if q.ID != "" {
		where = append(where, enttoken.ID(q.ID))
	}
	if len(q.Kinds) > 0 {
		kinds := make([]string, len(q.Kinds))
		for i, k := range q.Kinds {
			kinds[i] = string(k)
		}
		where = append(where, enttoken.KindIn(kinds...))
	}
	if q.Owner != "" {
		where = append(where, enttoken.User(q.Owner))
	}
	if q.Mesh != "" {
		where = append(where, enttoken.Mesh(q.Mesh))
	}
	return where
}

func tokenOf(row *ent.Token) (people.Token, error) {
	t := people.Token{
		ID: row.ID, Kind: people.TokenKind(row.Kind), Hash: row.Hash, Sealed: row.Sealed, Name: row.Name, Owner: row.User,
		Mesh: row.Mesh, Node: row.Node, At: row.At.UTC(), Expires: utc(row.Expires), Used: utc(row.Used), Revoked: utc(row.Revoked), RevokedBy: row.RevokedBy,
	}
	if len(row.Grants) == 0 {
		return t, nil
	}
	return t, json.Unmarshal(row.Grants, &t.Grants)
}
