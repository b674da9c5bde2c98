package store

import (
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

func waiting(id string, at time.Time) change.Approval {
	return change.Approval{
		ID: id, Mesh: "m", Author: "ann <b> & 한국어", Person: "p1", Reason: "because", Summary: "sets node a", Diff: "--- a\n+++ b\n",
		At: at, Expires: at.Add(time.Hour), State: change.ApprovalWaiting, Asked: json.RawMessage(`{"seen":null,"digest":"d"}`),
	}
}

// TestProposals keeps them over a restart, writes down which expired, and lets one of many deciders win.
func TestProposals(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		first, second := waiting("0000000001", noon), waiting("0000000002", noon.Add(time.Hour))
		for _, a := range []change.Approval{first, second} {
			if err := s.AddApproval(t.Context(), a); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, at)
		got, err := s.Approval(t.Context(), second.ID)
		if diff := cmp.Diff(second, got); err != nil || diff != "" {
			t.Errorf("read back: %v %s", err, diff)
		}
		if old, err := s.Approval(t.Context(), first.ID); err != nil || old.State != change.ApprovalExpired || old.DecidedAt == nil {
			t.Errorf("%+v, %v", old, err)
		}
		var wait sync.WaitGroup
		errs := make([]error, 8)
		for i := range errs {
			wait.Go(func() {
				mine := second
				mine.State, mine.DecidedBy, mine.DecidedAt = change.ApprovalDeclined, string(rune('a'+i)), &second.Expires
				errs[i] = s.DecideApproval(t.Context(), mine)
			})
		}
		wait.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, change.ErrDecided) || mesh.CodeOf(err) != mesh.Conflict:
				t.Error(err)
			}
		}
		if won != 1 {
			t.Errorf("%d of %d deciders won", won, len(errs))
		}
		if err := s.DecideApproval(t.Context(), waiting("nobody", noon)); mesh.CodeOf(err) != mesh.NotFound {
			t.Errorf("nobody's: %v", err)
		}
		list, err := s.Approvals(t.Context(), change.ApprovalQuery{Mesh: "m", State: change.ApprovalDeclined})
		if err != nil || len(list) != 1 || list[0].ID != second.ID {
			t.Errorf("%+v, %v", list, err)
		}
		if list, err := s.Approvals(t.Context(), change.ApprovalQuery{Before: second.ID, Limit: 5}); err != nil || len(list) != 1 || list[0].ID != first.ID {
			t.Errorf("%+v, %v", list, err)
		}
	})
}
