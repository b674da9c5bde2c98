package store

import (
	"context"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/ent/predicate"
	entsession "github.com/weirmesh/weir/ent/session"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// Sessions lists what the query does not leave out, newest use first, also what has expired.
func (s *Store) Sessions(ctx context.Context, q people.SessionQuery) ([]people.Session, error) {
	rows, err := s.reader.Session.Query().Where(sessions(q)...).
		Order(entsession.BySeen(entsql.OrderDesc()), entsession.ByID()).All(ctx)
	if err != nil {
		return nil, s.explain("read the sessions", err)
	}
	list := make([]people.Session, len(rows))
	for i, row := range rows {
		list[i] = people.Session{
			Hash: row.ID, Name: row.Name, Person: row.User, Data: row.Data, Expires: row.Expiry.UTC(), At: row.At.UTC(), Seen: row.Seen.UTC(),
			Agent: row.Agent, Address: row.Address,
		}
	}
	return list, nil
}

// AddSession records a session. Beyond most sessions of its person, or of nobody, those used longest ago end.
func (s *Store) AddSession(ctx context.Context, v people.Session, most int) error {
	return s.transact(ctx, "record a session", func(tx *ent.Tx) error {
		over, err := tx.Session.Query().Where(entsession.User(v.Person)).
			Order(entsession.BySeen(entsql.OrderDesc()), entsession.ByID()).Offset(max(most-1, 0)).IDs(ctx)
		if err != nil {
			return err
		}
		if len(over) > 0 {
			if _, err := tx.Session.Delete().Where(entsession.IDIn(over[:min(len(over), batch)]...)).Exec(ctx); err != nil {
				return err
			}
		}
		err = tx.Session.Create().SetID(v.Hash).SetName(v.Name).SetUser(v.Person).SetData(v.Data).SetExpiry(v.Expires.UTC()).
			SetAt(v.At.UTC()).SetSeen(v.Seen.UTC()).SetAgent(v.Agent).SetAddress(v.Address).Exec(ctx)
		if ent.IsConstraintError(err) {
			return mesh.Errorf(mesh.Conflict, "the session is there already: sign in again: %w", err)
		}
		return err
	})
}

// KeepSession replaces a session's person, data, expiry and last use; false: it ended meanwhile, and stays ended.
func (s *Store) KeepSession(ctx context.Context, v people.Session) (bool, error) {
	n, err := s.writer.Session.Update().Where(entsession.ID(v.Hash)).
		SetUser(v.Person).SetData(v.Data).SetExpiry(v.Expires.UTC()).SetSeen(v.Seen.UTC()).SetAgent(v.Agent).SetAddress(v.Address).Save(ctx)
	return n > 0, s.explain("record a session", err)
}

// EndSessions ends what the query does not leave out and gives how many. An empty query ends none.
func (s *Store) EndSessions(ctx context.Context, q people.SessionQuery) (int, error) {
	where := sessions(q)
	if q == (people.SessionQuery{Except: q.Except}) {
		return 0, nil
	}
	n, err := s.writer.Session.Delete().Where(where...).Exec(ctx)
	return n, s.explain("end sessions", err)
}

func sessions(q people.SessionQuery) []predicate.Session {
	var where []predicate.Session
	if q.Hash != "" {
		where = append(where, entsession.ID(q.Hash))
	}
	if q.Name != "" {
		where = append(where, entsession.Name(q.Name))
	}
	if q.Person != "" {
		where = append(where, entsession.User(q.Person))
	}
	if q.Except != "" {
		where = append(where, entsession.NameNEQ(q.Except))
	}
	if !q.Before.IsZero() {
		where = append(where, entsession.ExpiryLT(q.Before.UTC()))
	}
	return where
}
