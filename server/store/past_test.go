package store

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// fill records a mesh of n nodes that was changed many times, one node after the other, a second apart; in one
// transaction, since syncing each is not what is looked at.
func fill(tb testing.TB, s *Store, nodes, changes int) {
	tb.Helper()
	ref := func(i int) mesh.Ref { return mesh.Ref{Kind: mesh.KindNode, Name: fmt.Sprintf("n%03d", i)} }
	err := s.transact(tb.Context(), "fill", func(tx *ent.Tx) error {
		for revision := 1; revision <= changes; revision++ {
			r := record(fmt.Sprintf("%08d", revision), int64(revision))
			r.Edits = nil
			if revision == 1 {
				r.Edits = append(r.Edits, change.Edit{Ref: mesh.Ref{Kind: mesh.KindMesh, Name: "m"}, After: mesh.Settings{Name: "m"}, Version: 1})
				for i := range nodes {
					r.Edits = append(r.Edits, change.Edit{Ref: ref(i), After: node(ref(i).Name, "s1"), Version: 1})
				}
			} else {
				i := revision % nodes
				after := node(ref(i).Name, fmt.Sprintf("s%d", revision))
				r.Edits = append(r.Edits, change.Edit{Ref: ref(i), After: after, Version: int64(2 + (revision-2)/nodes)})
			}
			if err := put(tb.Context(), tx, r); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
}

// put records a change within a transaction.
func put(ctx context.Context, tx *ent.Tx, r change.Record) error {
	if err := advance(ctx, tx, r.Change.Mesh, r.Change.Accepted.Revision-1); err != nil {
		return err
	}
	if err := insertChange(ctx, tx, r.Change.Accepted.Revision, r); err != nil {
		return err
	}
	return insertEdits(ctx, tx, r)
}

func TestMeshAtAmongMany(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		const nodes, changes = 7, 400
		fill(t, s, nodes, changes)
		for _, revision := range []int{1, 2, 8, 9, 100, 399, 400} {
			at := noon.Add(time.Duration(revision) * time.Second)
			p, err := s.MeshAt(t.Context(), "m", at.Add(999*time.Millisecond))
			if err != nil {
				t.Fatal(err)
			}
			if int(p.Revision) != revision || len(p.Mesh.Nodes) != nodes || !p.From.Equal(at) {
				t.Fatalf("at revision %d: revision %d since %v with %d nodes", revision, p.Revision, p.From, len(p.Mesh.Nodes))
			}
			if until := at.Add(time.Second); revision < changes && !p.Until.Equal(until) || revision == changes && !p.Until.IsZero() {
				t.Errorf("revision %d holds until %v", revision, p.Until)
			}
			want := "s1"
			if revision > 1 {
				want = fmt.Sprintf("s%d", revision)
			}
			if got := p.Mesh.Nodes[revision%nodes].Backends[0].Service; got != want {
				t.Errorf("revision %d: node %d calls %s, want %s", revision, revision%nodes, got, want)
			}
		}
	})
}

func BenchmarkMeshAt(b *testing.B) {
	for _, changes := range []int{100, 10_000} {
		s, err := Open(b.Context(), Options{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		fill(b, s, 100, changes)
		for _, part := range []float64{0.02, 0.5, 0.98} {
			b.Run(fmt.Sprintf("changes=%d/at=%v", changes, part), func(b *testing.B) {
				at := noon.Add(time.Duration(float64(changes)*part) * time.Second)
				for b.Loop() {
					if p, err := s.MeshAt(b.Context(), "m", at); err != nil || p.Revision == 0 {
						b.Fatal(p.Revision, err)
					}
				}
			})
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}
