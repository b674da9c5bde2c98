package store

import (
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/registry"
)

func TestInstances(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		var _ registry.Saver = s
		want := []registry.Record{
			{Mesh: "m", Node: "a", Instance: registry.Instance{ID: "1", Address: "127.0.0.1", Ports: map[int]int{8080: 15000, 9090: 15002}}},
			{Mesh: "m", Node: "b", Instance: registry.Instance{ID: "1", Address: "::1"}},
		}
		gone := registry.Record{Mesh: "m", Node: "a", Instance: registry.Instance{ID: "0", Address: "10.0.0.1"}}
		if err := s.SaveInstances(t.Context(), append([]registry.Record{gone}, want...)); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveInstances(t.Context(), want); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		got, err := open(t, at).Instances(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("instances (-want +got):\n%s", diff)
		}
	})
}

func TestConcurrentAppendsLoseNothing(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		mustAppend(t, s, 0, record("000", 1))
		const workers, each = 4, 15
		var group sync.WaitGroup
		for w := range workers {
			group.Go(func() {
				for i := range each {
					id := fmt.Sprintf("%d%02d", w+1, i)
					for {
						meshes, err := s.Meshes(t.Context())
						if err != nil {
							t.Error(err)
							return
						}
						base := meshes[0].Revision
						if _, err = s.Append(t.Context(), base, record(id, base+1)); err == nil {
							break
						}
						if mesh.CodeOf(err) != mesh.Conflict {
							t.Error(err)
							return
						}
					}
				}
			})
		}
		group.Wait()
		meshes, err := s.Meshes(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if want := int64(workers*each + 1); meshes[0].Revision != want {
			t.Errorf("revision %d after %d appends", meshes[0].Revision, want)
		}
	})
}
