package change_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

func TestWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, t.TempDir(), newProvider("web"))
		r.create(t)
		if got := r.Waiting("shop"); len(got) != 0 {
			t.Fatalf("nothing was to be kept, and waiting are %v", got)
		}
		later := r.pending(t, time.Hour, weights(50, 50))
		sooner := r.pending(t, time.Minute, mesh.VirtualNode{Name: "extra"})
		is := func(want ...change.Change) {
			t.Helper()
			got := r.Waiting(later.Mesh)
			if len(got) != len(want) {
				t.Fatalf("%d wait, want %d", len(got), len(want))
			}
			for i, c := range got {
				if c.ID != want[i].ID || c.ConfirmBy == nil {
					t.Errorf("change %d is %s, want %s", i, c.ID, want[i].ID)
				}
			}
		}
		is(sooner, later)
		if got := r.Waiting("another"); len(got) != 0 {
			t.Errorf("in another mesh %v wait", got)
		}
		if _, err := r.Extend(t.Context(), sooner.ID, bob, 2*time.Hour); err != nil {
			t.Fatal(err)
		}
		is(later, sooner)
		if _, err := r.Confirm(t.Context(), later.ID, bob); err != nil {
			t.Fatal(err)
		}
		is(sooner)
		time.Sleep(3 * time.Hour)
		is()
	})
}
