package change_test

import (
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// TestVersions reads an object's life back from the ledger, its end and second beginning included.
func TestVersions(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider())
	propose := func(p mesh.Patch) {
		t.Helper()
		if _, err := r.Propose(t.Context(), change.Proposal{Mesh: "m", Author: "ann", Patch: p}); err != nil {
			t.Fatal(err)
		}
	}
	service := mesh.VirtualService{Name: "extra", Router: "reviews"}
	propose(sample())
	propose(mesh.Patch{Put: []mesh.Object{service}})
	propose(mesh.Patch{Delete: []mesh.Ref{service.Ref()}})
	service.Router, service.Node = "", "reviews-v1"
	propose(mesh.Patch{Put: []mesh.Object{service, weights(50, 50)}})
	got, err := r.Versions(t.Context(), change.Query{Mesh: "m", Object: service.Ref()})
	if err != nil || len(got) != 3 {
		t.Fatalf("%v, %+v", err, got)
	}
	if got[0].Number != 3 || got[0].Object != mesh.Object(service) || len(got[0].Change.Objects) != 2 || got[1].Object != nil || got[2].Number != 1 {
		t.Errorf("versions = %+v", got)
	}
	diff, err := change.Between(got[2], got[0])
	if err != nil || !strings.Contains(diff, "-router: reviews") || !strings.Contains(diff, "+node: reviews-v1") || !strings.HasPrefix(diff, "--- service extra (version 1)\n") {
		t.Errorf("%v:\n%s", err, diff)
	}
	if diff, err := change.Between(got[1], got[0]); err != nil || !strings.Contains(diff, "--- version 2 (deleted)") || strings.Contains(diff, "\n-n") {
		t.Errorf("%v:\n%s", err, diff)
	}
	if same, err := change.Between(got[0], got[0]); err != nil || same != "" {
		t.Errorf("%v: %q", err, same)
	}
	if older, err := r.Versions(t.Context(), change.Query{Mesh: "m", Object: service.Ref(), Before: got[0].Change.ID, Limit: 1}); err != nil || len(older) != 1 || older[0].Number != 2 {
		t.Errorf("%v: %+v", err, older)
	}
	if _, err := r.Versions(t.Context(), change.Query{Mesh: "m"}); mesh.CodeOf(err) != mesh.Internal {
		t.Errorf("versions of nothing: %v", err)
	}
}
