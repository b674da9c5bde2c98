package change_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestProposeRecordsAndApplies(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a", "b", "c"))
	r.provider.auto = false
	sub := r.Events().Subscribe(10)
	defer sub.Close()
	created := r.create(t)
	if created.Kind != mesh.KindMesh || created.Name != "m" || len(created.Objects) != 7 || created.Accepted.Revision != 1 {
		t.Errorf("created %+v", created)
	}
	c := r.must(t, put(weights(50, 50)))
	if p := c.Programmed; p != nil && (p.Acked != 0 || p.Total != 3) {
		t.Errorf("programmed %+v before any proxy answered", p)
	}
	if len(c.Hash) != 64 || c.Hash == created.Hash || len(c.Timeline) == 0 || c.Timeline[0].What != "accepted" || !c.Timeline[0].At.Equal(c.At) {
		t.Errorf("hash %q, timeline %v", c.Hash, c.Timeline)
	}
	c.Hash, c.Timeline, c.Version = "", nil, 0
	c.Programmed = nil // none of three, or not yet looked at: Run may have been quicker
	want := change.Change{
		ID: c.ID, Mesh: "m", Kind: mesh.KindRoute, Name: "reviews/primary", Objects: []mesh.Ref{primary},
		Summary: "reviews/primary: reviews-v2 25 % → 50 %", Author: "ann", Reason: "because", At: c.At, Diff: c.Diff,
		Accepted: &change.Accepted{Revision: 2, At: c.At}, State: change.Kept,
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("change (-want +got):\n%s", diff)
	}
	for _, line := range []string{"--- route reviews/primary (version 1)\n+++ route reviews/primary (version 2)\n@@", "-  weight: 75\n+  weight: 50\n", "-  weight: 25\n+  weight: 50\n"} {
		if !strings.Contains(c.Diff, line) {
			t.Errorf("the diff lacks %q:\n%s", line, c.Diff)
		}
	}
	if c.ID <= created.ID {
		t.Errorf("%s does not sort after %s", c.ID, created.ID)
	}
	if got := r.provider.newest("m"); got.Revision != 2 || !cmp.Equal(got.Mesh.Routes[0], weights(50, 50)) {
		t.Errorf("the provider got %+v", got)
	}
	if o, err := r.Object("m", primary); err != nil || o.Version != 2 || !cmp.Equal(o.Object, mesh.Object(weights(50, 50))) {
		t.Errorf("object %+v, %v", o, err)
	}
	if first := <-sub.C; first.ID != created.ID {
		t.Errorf("first event %+v", first)
	}
	list, err := r.Changes(t.Context(), change.Query{Mesh: "m"})
	if err != nil || len(list) != 2 || list[0].ID != c.ID {
		t.Errorf("changes %v, %v", list, err)
	}
	if got, err := r.Change(t.Context(), " "+strings.ToUpper(c.ID)); err != nil || got.ID != c.ID {
		t.Errorf("by an ID in capitals: %v, %v", got, err)
	}
}

func TestProposeRefuses(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	second := r.must(t, put(weights(50, 50)))
	stale := put(weights(10, 90))
	stale.Base = map[mesh.Ref]int64{primary: 1}
	exists := put(weights(10, 90))
	exists.Base = map[mesh.Ref]int64{primary: 0}
	absent := put(mesh.VirtualNode{Name: "new"})
	absent.Base = map[mesh.Ref]int64{{Kind: mesh.KindNode, Name: "new"}: 4}
	broken := weights(1, 1)
	broken.Targets[0].Node = "nobody"
	unknown := put(weights(1, 1))
	unknown.Mesh = "elsewhere"
	soon, long := put(weights(1, 1)), put(weights(1, 1))
	soon.ConfirmWithin, long.Reason = time.Millisecond, strings.Repeat("x", 3000)
	undo := put(weights(1, 1))
	undo.Undoes = "nothing"
	for name, c := range map[string]struct {
		p    change.Proposal
		code mesh.Code
		is   error
		says string
	}{
		"stale":           {stale, mesh.Conflict, change.ErrStale, "route reviews/primary was changed by ann at " + second.At.Format("2006-01-02 15:04:05 UTC") + " (change " + second.ID + ", now version 2)"},
		"exists already":  {exists, mesh.Conflict, change.ErrStale, "ann"},
		"never existed":   {absent, mesh.Conflict, change.ErrStale, "node new does not exist"},
		"no change":       {put(weights(50, 50)), mesh.Invalid, change.ErrUnchanged, "nothing would change"},
		"empty patch":     {put(), mesh.Invalid, change.ErrUnchanged, "nothing would change"},
		"unknown node":    {put(broken), mesh.Invalid, nil, "nobody"},
		"zero weights":    {put(weights(0, 0)), mesh.Invalid, nil, "weight"},
		"unknown mesh":    {unknown, mesh.NotFound, nil, "the meshes are m"},
		"in use":          {change.Proposal{Mesh: "m", Patch: mesh.Patch{Delete: []mesh.Ref{{Kind: mesh.KindNode, Name: "reviews-v1"}}}}, mesh.Conflict, nil, "reviews/primary"},
		"not there":       {change.Proposal{Mesh: "m", Patch: mesh.Patch{Delete: []mesh.Ref{{Kind: mesh.KindNode, Name: "x"}}}}, mesh.NotFound, nil, "node x"},
		"other mesh":      {put(mesh.Settings{Name: "n"}), mesh.Invalid, nil, "mesh n"},
		"hasty deadline":  {soon, mesh.Invalid, nil, "confirmWithin"},
		"long reason":     {long, mesh.Invalid, nil, "reason"},
		"undo of nothing": {undo, mesh.NotFound, nil, "no change"},
		"nil object":      {put(nil), mesh.Internal, nil, "nil"},
		"nameless mesh":   {change.Proposal{Patch: mesh.Patch{Put: []mesh.Object{mesh.Settings{}}}}, mesh.Invalid, nil, "mesh is required"},
	} {
		_, err := r.Propose(t.Context(), c.p)
		if mesh.CodeOf(err) != c.code || c.is != nil && !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %q (%s), want %s with %q", name, err, mesh.CodeOf(err), c.code, c.says)
		}
	}
	if m, err := r.Mesh("m"); err != nil || m.Revision != 2 {
		t.Errorf("a refused proposal left revision %d, %v", m.Revision, err)
	}
	list, err := r.Changes(t.Context(), change.Query{})
	if err != nil || len(list) != 2 {
		t.Errorf("the ledger has %d entries, %v", len(list), err)
	}
}

func TestIdempotencyKey(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, dir, newProvider("a"))
	r.create(t)
	p := put(weights(50, 50))
	p.IdempotencyKey, p.Base = "key", map[mesh.Ref]int64{primary: 1}
	first := r.must(t, p)
	if again := r.must(t, p); again.ID != first.ID {
		t.Errorf("the same proposal was recorded as %s and %s", first.ID, again.ID)
	}
	other := put(weights(60, 40))
	other.IdempotencyKey = "key"
	if _, err := r.Propose(t.Context(), other); mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), first.ID) {
		t.Errorf("another proposal under the same key: %v", err)
	}
	r.stop()
	r = newRig(t, dir, newProvider("a"))
	if again := r.must(t, p); again.ID != first.ID {
		t.Errorf("after a restart the same proposal was recorded as %s and %s", first.ID, again.ID)
	}
}

func TestDryRunRecordsNothing(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	p := put(weights(50, 50))
	p.DryRun = true
	c := r.must(t, p)
	if !c.DryRun || c.ID != "" || c.Accepted != nil || !strings.Contains(c.Diff, "weight: 50") || c.Summary == "" {
		t.Errorf("dry run answered %+v", c)
	}
	if m, _ := r.Mesh("m"); m.Revision != 1 || r.provider.newest("m").Revision != 1 {
		t.Errorf("the dry run left revision %d", m.Revision)
	}
	p.Patch = mesh.Patch{Put: []mesh.Object{weights(0, 0)}}
	if _, err := r.Propose(t.Context(), p); mesh.CodeOf(err) != mesh.Invalid {
		t.Errorf("an invalid dry run: %v", err)
	}
}

func TestReadsOfWhatIsNotThere(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider())
	if _, err := r.Mesh("x"); mesh.CodeOf(err) != mesh.NotFound {
		t.Error(err)
	}
	r.create(t)
	if _, err := r.Mesh("x"); mesh.CodeOf(err) != mesh.NotFound || !strings.Contains(err.Error(), "meshes are m") {
		t.Error(err)
	}
	if _, err := r.Object("m", mesh.Ref{Kind: mesh.KindNode, Name: "x"}); mesh.CodeOf(err) != mesh.NotFound {
		t.Error(err)
	}
	for _, id := range []string{"", "x", "0000000000"} {
		if _, err := r.Change(t.Context(), id); mesh.CodeOf(err) != mesh.NotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
	if got := r.Meshes(); !cmp.Equal(got, []string{"m"}) {
		t.Errorf("meshes %v", got)
	}
}

func TestDeletingAMeshAndHavingItBack(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, dir, newProvider("a"))
	r.create(t)
	before, _ := r.Mesh("m")
	patch := mesh.Patch{}
	for _, o := range before.Mesh.Objects() {
		patch.Delete = append(patch.Delete, o.Ref())
	}
	gone := r.must(t, change.Proposal{Mesh: "m", Author: "ann", Patch: patch})
	if len(r.Meshes()) != 0 || len(r.provider.newest("m").Mesh.Nodes) != 0 || r.provider.newest("m").Revision != 2 {
		t.Errorf("meshes %v, the provider has %+v", r.Meshes(), r.provider.newest("m"))
	}
	r.stop()
	r = newRig(t, dir, newProvider("a"))
	if len(r.Meshes()) != 0 {
		t.Errorf("meshes %v after a restart", r.Meshes())
	}
	if _, err := r.Undo(t.Context(), gone.ID, change.By{Author: "bob"}); err != nil {
		t.Fatal(err)
	}
	after, err := r.Mesh("m")
	if err != nil || !cmp.Equal(before.Mesh, after.Mesh) || after.Revision != 3 {
		t.Errorf("not as it was: %v %s", err, cmp.Diff(before.Mesh, after.Mesh))
	}
}

func TestApplyThatIsRefusedIsShownAndRepeated(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	r.provider.setRefuse(errors.New("cannot translate"))
	c := r.must(t, put(weights(50, 50)))
	if c.Accepted == nil || c.Programmed == nil || c.Programmed.Rejected[0].Message != "cannot translate" {
		t.Errorf("got %+v", c)
	}
	r.provider.setRefuse(nil)
	got := r.until(t, c.ID, "programmed", func(c change.Change) bool { return c.Programmed.At != nil })
	if got.Programmed.Acked != 1 || len(got.Programmed.Rejected) != 0 {
		t.Errorf("got %+v", got.Programmed)
	}
}
