package store

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
)

// TestAuthorities: of several replicas that make a root after the same one, one does.
func TestAuthorities(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		if got, err := s.Authorities(t.Context()); err != nil || len(got) != 0 {
			t.Fatalf("%+v, %v", got, err)
		}
		root := func(id string, made time.Time) authority.Root {
			return authority.Root{ID: id, Certificate: []byte{1, 0, 2}, Key: []byte{0, 3}, NotAfter: made.AddDate(5, 0, 0), At: made}
		}
		wantCode(t, s.AddAuthority(t.Context(), root("early", noon), "nobody"), mesh.Conflict)
		won := make([]atomic.Bool, 8)
		var group sync.WaitGroup
		for i := range won {
			group.Go(func() {
				err := s.AddAuthority(t.Context(), root(string(rune('a'+i)), noon.Add(time.Duration(i))), "")
				won[i].Store(err == nil)
				if err != nil {
					wantCode(t, err, mesh.Conflict)
				}
			})
		}
		group.Wait()
		got, err := s.Authorities(t.Context())
		if err != nil || len(got) != 1 || !won[got[0].ID[0]-'a'].Load() {
			t.Fatalf("there is %+v, %v", got, err)
		}
		next := root("next", noon.AddDate(4, 0, 0))
		wantCode(t, s.AddAuthority(t.Context(), next, ""), mesh.Conflict)
		wantCode(t, s.AddAuthority(t.Context(), next, got[0].ID), "")
		again, err := s.Authorities(t.Context())
		if diff := cmp.Diff([]authority.Root{got[0], next}, again); diff != "" || err != nil {
			t.Error(diff, err)
		}
		wantCode(t, s.RemoveAuthority(t.Context(), got[0].ID), "")
		wantCode(t, s.RemoveAuthority(t.Context(), got[0].ID), mesh.NotFound)
		if left, err := s.Authorities(t.Context()); err != nil || len(left) != 1 || left[0].ID != "next" {
			t.Errorf("left is %+v, %v", left, err)
		}
	})
}
