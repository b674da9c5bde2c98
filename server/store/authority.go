package store

import (
	"context"

	entsql "entgo.io/ent/dialect/sql"

	"github.com/weirmesh/weir/ent"
	entauthority "github.com/weirmesh/weir/ent/authority"
	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
)

// Authorities gives the roots of the authority for proxies, oldest first; Store is an authority.Store.
func (s *Store) Authorities(ctx context.Context) ([]authority.Root, error) {
	rows, err := s.reader.Authority.Query().Order(entauthority.ByAt(), entauthority.ByID()).All(ctx)
	if err != nil {
		return nil, s.explain("read the authority for proxies", err)
	}
	out := make([]authority.Root, len(rows))
	for i, row := range rows {
		out[i] = authority.Root{ID: row.ID, Certificate: row.Certificate, Key: row.Key, NotAfter: row.NotAfter.UTC(), At: row.At.UTC()}
	}
	return out, nil
}

// RemoveAuthority forgets a root of the authority for proxies. Error: mesh.NotFound.
func (s *Store) RemoveAuthority(ctx context.Context, id string) error {
	return s.transact(ctx, "forget a root of the authority for proxies", func(tx *ent.Tx) error {
		n, err := tx.Authority.Delete().Where(entauthority.ID(id)).Exec(ctx)
		if err == nil && n == 0 {
			err = mesh.Errorf(mesh.NotFound, "the authority for proxies has no root %s: it was distrusted before", mesh.Shorten(id))
		}
		return err
	})
}

// AddAuthority records a root of the authority for proxies. Error: mesh.Conflict when the newest is another than after, by its
// ID; empty: there is none.
func (s *Store) AddAuthority(ctx context.Context, r authority.Root, after string) error {
	return s.transact(ctx, "record a root of the authority for proxies", func(tx *ent.Tx) error {
		newest, err := tx.Authority.Query().Order(entauthority.ByAt(entsql.OrderDesc()), entauthority.ByID(entsql.OrderDesc())).Limit(1).IDs(ctx)
		if err != nil {
			return err
		}
		if len(newest) == 0 && after != "" || len(newest) == 1 && newest[0] != after {
			return mesh.Errorf(mesh.Conflict, "another replica made a root of the authority for proxies in the same moment")
		}
		return tx.Authority.Create().SetID(r.ID).SetCertificate(r.Certificate).SetKey(r.Key).SetNotAfter(r.NotAfter.UTC()).SetAt(r.At.UTC()).Exec(ctx)
	})
}
