package journal_test

import (
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
)

// TestOfApproval has a sentence for whatever becomes of a proposal, and never names somebody who decided where nobody did.
func TestOfApproval(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	for state, want := range map[change.ApprovalState]string{
		change.ApprovalWaiting:   "ann asks for a second person: route: 50/50",
		change.ApprovalApproved:  "bob approved what ann proposed: route: 50/50",
		change.ApprovalDeclined:  "bob declined what ann proposed: route: 50/50",
		change.ApprovalWithdrawn: "ann withdrew: route: 50/50",
		change.ApprovalExpired:   "nobody approved in time what ann proposed: route: 50/50",
	} {
		a := change.Approval{Mesh: "shop", Author: "ann", Summary: "route: 50/50", State: state, At: now.Add(-time.Hour), Objects: []mesh.Ref{{Kind: mesh.KindRoute, Name: "reviews/primary"}}}
		if state == change.ApprovalApproved || state == change.ApprovalDeclined {
			a.DecidedBy = "bob"
		}
		e := journal.OfApproval(a, now)
		if got := journal.Sentence(e.What, e.With); got != want {
			t.Errorf("%s: %q, want %q", state, got, want)
		}
		if e.Kind != journal.KindApproval || e.Mesh != "shop" || e.Subject != a.Objects[0].Path() {
			t.Errorf("%s: %+v", state, e)
		}
	}
}
