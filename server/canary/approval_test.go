package canary

import (
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

// TestNoRolloutPastASecondPerson: what moves weights by itself would move them by one person's word.
func TestNoRolloutPastASecondPerson(t *testing.T) {
	b := newBench(t, Options{})
	b.mesh.Approval = mesh.ApprovalRequired
	for _, dry := range []bool{true, false} {
		_, err := b.c.Start(t.Context(), "shop", Spec{Target: reviews}, By{DryRun: dry})
		if mesh.CodeOf(err) != mesh.Denied || !strings.Contains(err.Error(), "second person") || len(b.store.rows) != 0 {
			t.Errorf("dry run %v: %v", dry, err)
		}
	}
}
