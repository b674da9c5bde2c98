package change_test

import (
	"testing"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/change"
)

// TestExpiryIsTold writes down what nobody decided about in time, tells of it once, and leaves the rest alone.
func TestExpiryIsTold(t *testing.T) {
	onBoth(t, func(t *testing.T, w *two) {
		old := w.ask(t, "ann", put(weights(50, 50)))
		declined := w.ask(t, "ann", put(weights(40, 60)))
		if _, err := w.Decline(as(t, "bob", auth.Operator), declined.ID, change.By{Reason: "no"}); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(change.ApproveWithin / 2)
		young := w.ask(t, "ann", put(weights(30, 70)))
		w.now = w.now.Add(change.ApproveWithin / 2)
		heard := w.Motions().Subscribe(8)
		defer heard.Close()
		for range 2 {
			if err := w.Expire(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if told := <-heard.C; told.ID != old.ID || told.State != change.ApprovalExpired || told.DecidedAt == nil || !told.DecidedAt.Equal(old.Expires) {
			t.Errorf("told of %+v", told)
		}
		if n := len(heard.C); n != 0 {
			t.Errorf("told of %d more", n)
		}
		for id, want := range map[string]change.ApprovalState{old.ID: change.ApprovalExpired, declined.ID: change.ApprovalDeclined, young.ID: change.ApprovalWaiting} {
			if kept, err := w.store.Approval(t.Context(), id); err != nil || kept.State != want {
				t.Errorf("%s is %q, want %q: %v", id, kept.State, want, err)
			}
		}
	})
}
