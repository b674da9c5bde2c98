package change_test

import (
	"errors"
	"flag"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/chaos"
	"github.com/weirmesh/weir/server/mesh"
)

// ledger is what a door must agree with: the mesh after every revision, and who took what back.
type ledger struct {
	after   []mesh.Mesh // by revision; [0] is nothing
	ids     []string    // by revision; [0] is nothing
	touched map[string]map[mesh.Ref]int64
	undone  map[string]bool
}

// Whatever is proposed, undone and refused in whatever order: the mesh is what the accepted steps make it, an undo
// restores what was before to the letter, versions and revisions grow by one, and a refusal leaves no trace.
func TestDoorAgreesWithItsModel(t *testing.T) {
	// Every run opens and syncs real databases, so that the usual hundred take long; -rapid.checks asks for more.
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set(chaos.Scaled("5", "30")); err != nil {
			t.Fatal(err)
		}
		defer func() { _ = checks.Value.Set(checks.DefValue) }()
	}
	rapid.Check(t, func(rt *rapid.T) {
		dir := t.TempDir()
		r := newRig(t, dir, newProvider("a"))
		defer r.stop()
		first := r.create(t)
		m, _ := r.Mesh("m")
		l := &ledger{
			after: []mesh.Mesh{{}, m.Mesh}, ids: []string{"", first.ID},
			touched: map[string]map[mesh.Ref]int64{first.ID: m.Versions}, undone: map[string]bool{},
		}
		rt.Repeat(map[string]func(*rapid.T){
			"weights": func(rt *rapid.T) {
				l.propose(rt, r, put(weights(rapid.IntRange(0, 3).Draw(rt, "v1"), rapid.IntRange(0, 3).Draw(rt, "v2"))))
			},
			"stale": func(rt *rapid.T) {
				p := put(weights(rapid.IntRange(0, 3).Draw(rt, "v1"), 7))
				p.Base = map[mesh.Ref]int64{primary: int64(rapid.IntRange(0, 5).Draw(rt, "base"))}
				o, err := r.Object("m", primary)
				if err != nil {
					rt.Fatal(err)
				}
				holds := p.Base[primary] == o.Version
				if _, err := l.propose(rt, r, p); errors.Is(err, change.ErrStale) == holds {
					rt.Fatalf("base %d against version %d: %v", p.Base[primary], o.Version, err)
				}
			},
			"add": func(rt *rapid.T) {
				n := mesh.VirtualNode{Name: "n" + strconv.Itoa(rapid.IntRange(0, 2).Draw(rt, "n"))}
				if rapid.Bool().Draw(rt, "calls") {
					n.Backends = []mesh.Backend{{Service: "reviews"}}
				}
				l.propose(rt, r, put(n, weights(1, rapid.IntRange(1, 2).Draw(rt, "v2"))))
			},
			"delete": func(rt *rapid.T) {
				ref := mesh.Ref{Kind: mesh.KindNode, Name: "n" + strconv.Itoa(rapid.IntRange(0, 2).Draw(rt, "n"))}
				l.propose(rt, r, change.Proposal{Mesh: "m", Patch: mesh.Patch{Delete: []mesh.Ref{ref}}})
			},
			"undo":    func(rt *rapid.T) { l.undo(rt, r) },
			"restart": func(*rapid.T) { r.stop(); r = newRig(t, dir, newProvider("a")) },
			"":        func(rt *rapid.T) { l.check(rt, r) },
		})
	})
}

// propose does it and expects either one more revision or nothing.
func (l *ledger) propose(t *rapid.T, r *rig, p change.Proposal) (change.Change, error) {
	c, err := r.Propose(t.Context(), p)
	if err == nil {
		l.grow(t, r, c)
	}
	return c, err
}

func (l *ledger) grow(t *rapid.T, r *rig, c change.Change) {
	m, err := r.Mesh("m")
	if err != nil {
		t.Fatal(err)
	}
	if c.Accepted.Revision != int64(len(l.ids)) || c.ID <= l.ids[len(l.ids)-1] {
		t.Fatalf("revision %d, ID %s after %v", c.Accepted.Revision, c.ID, l.ids)
	}
	touched := make(map[mesh.Ref]int64)
	for _, ref := range c.Objects {
		touched[ref] = m.Versions[ref]
	}
	l.after, l.ids = append(l.after, m.Mesh), append(l.ids, c.ID)
	l.touched[c.ID] = touched
}

// undo takes back any change but the first and expects it to work just when nobody touched the same since.
func (l *ledger) undo(t *rapid.T, r *rig) {
	if len(l.ids) < 3 {
		return
	}
	i := rapid.IntRange(2, len(l.ids)-1).Draw(t, "revision")
	id := l.ids[i]
	m, err := r.Mesh("m")
	if err != nil {
		t.Fatal(err)
	}
	free := !l.undone[id]
	for ref, version := range l.touched[id] {
		free = free && m.Versions[ref] == version
	}
	c, err := r.Undo(t.Context(), id, bob)
	if (err == nil) != free {
		t.Fatalf("undo of %s: %v, nobody touched it since: %v", id, err, free)
	}
	if err != nil {
		if mesh.CodeOf(err) != mesh.Conflict {
			t.Fatal(err)
		}
		return
	}
	l.undone[id] = true
	l.grow(t, r, c)
	for ref := range l.touched[id] {
		was, existed := l.after[i-1].Get(ref)
		is, exists := l.after[len(l.after)-1].Get(ref)
		if existed != exists || !cmp.Equal(was, is) {
			t.Fatalf("the undo of %s left %s as %v, before it was %v", id, ref, is, was)
		}
	}
}

func (l *ledger) check(t *rapid.T, r *rig) {
	m, err := r.Mesh("m")
	if err != nil {
		t.Fatal(err)
	}
	if m.Revision != int64(len(l.ids)-1) || !cmp.Equal(m.Mesh, l.after[len(l.after)-1]) {
		t.Fatalf("revision %d, expected %d: %s", m.Revision, len(l.ids)-1, cmp.Diff(l.after[len(l.after)-1], m.Mesh))
	}
	if got := r.provider.newest("m"); got.Revision != m.Revision || !cmp.Equal(got.Mesh, m.Mesh) {
		t.Fatalf("the provider is at revision %d", got.Revision)
	}
	list, err := r.Changes(t.Context(), change.Query{Limit: 1000})
	if err != nil || len(list) != len(l.ids)-1 {
		t.Fatalf("%d entries, %v", len(list), err)
	}
	v, err := r.Verify(t.Context(), "m")
	if err != nil || !v.OK || v.Entries != len(list) || v.Chained != len(list) {
		t.Fatalf("the chain: %+v, %v", v, err)
	}
	standing := make(map[string]bool)
	for _, id := range m.Changed {
		standing[id] = true
	}
	for _, c := range list {
		want := change.Kept
		if l.undone[c.ID] {
			want = change.Undone
		} else if !standing[c.ID] {
			want = change.Superseded
		}
		if c.State != want {
			t.Fatalf("change %s is %s, want %s", c.ID, c.State, want)
		}
	}
}

// Many people at once, each reading, changing by one, and trying again when refused: no step is lost.
func TestConcurrentProposersLoseNothing(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	r.must(t, put(weights(1, 1)))
	const people, each = 6, 8
	var group sync.WaitGroup
	for p := range people {
		group.Go(func() {
			for range each {
				for {
					o, err := r.Object("m", primary)
					if err != nil {
						t.Error(err)
						return
					}
					proposal := put(weights(1, o.Object.(mesh.Route).Targets[1].Weight+1))
					proposal.Author, proposal.Base = fmt.Sprint("person ", p), map[mesh.Ref]int64{primary: o.Version}
					if _, err = r.Propose(t.Context(), proposal); err == nil {
						break
					}
					if !errors.Is(err, change.ErrStale) {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	group.Wait()
	o, err := r.Object("m", primary)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.Object.(mesh.Route).Targets[1].Weight; got != people*each+1 {
		t.Errorf("weight %d after %d steps from 1", got, people*each)
	}
	if m, _ := r.Mesh("m"); m.Revision != people*each+2 || o.Version != people*each+2 {
		t.Errorf("revision %d, version %d", m.Revision, o.Version)
	}
}
