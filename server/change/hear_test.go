package change_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// counting is a store that counts how often entries are read, and may be out of reach.
type counting struct {
	change.Store
	records int
	away    atomic.Bool
}

func (c *counting) Records(ctx context.Context, q change.Query) ([]change.Record, error) {
	c.records++
	if c.away.Load() {
		return nil, errDisk
	}
	return c.Store.Records(ctx, q)
}

// pair is two doors on one store that nobody runs: the second hears what it is told.
func pair(t *testing.T) (a, b *change.Door, s *counting, p *fakeProvider) {
	t.Helper()
	s = &counting{Store: openStore(t)}
	p = newProvider("b")
	var err error
	if a, err = change.New(change.Options{Store: s.Store, Provider: newProvider("a")}); err != nil {
		t.Fatal(err)
	}
	if b, err = change.New(change.Options{Store: s, Provider: p}); err != nil {
		t.Fatal(err)
	}
	return a, b, s, p
}

func mustPropose(t *testing.T, d *change.Door, p change.Proposal) change.Change {
	t.Helper()
	c, err := d.Propose(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func mustHear(t *testing.T, d *change.Door, id string) {
	t.Helper()
	if err := d.Hear(t.Context(), id); err != nil {
		t.Fatal(err)
	}
}

// same says what differs between what two doors and the second one's proxies have of mesh m.
func same(t *testing.T, a, b *change.Door, p *fakeProvider) {
	t.Helper()
	want, errA := a.Mesh("m")
	got, errB := b.Mesh("m")
	if mesh.CodeOf(errA) != mesh.CodeOf(errB) {
		t.Errorf("one says %v, the other %v", errA, errB)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what was heard is something else (-written +heard):\n%s", diff)
	}
	if errA == nil {
		if diff := cmp.Diff(want.Mesh, p.newest("m").Mesh); diff != "" {
			t.Errorf("its proxies have something else:\n%s", diff)
		}
	}
}

func TestHear(t *testing.T) {
	a, b, s, p := pair(t)
	events := b.Events().Subscribe(1000)
	defer events.Close()
	heard := func() (list []string) {
		for len(events.C) > 0 {
			c := <-events.C
			list = append(list, fmt.Sprint(c.Accepted.Revision, " ", c.State))
		}
		return list
	}
	expect := func(what string, want ...string) {
		t.Helper()
		if got := heard(); !slices.Equal(got, want) {
			t.Errorf("%s: heard %q, want %q", what, got, want)
		}
	}
	first := mustPropose(t, a, change.Proposal{Mesh: "m", Patch: sample()})
	mustHear(t, b, first.ID)
	same(t, a, b, p)
	expect("a mesh", "1 kept")
	before := s.records
	mustHear(t, b, first.ID)
	if n := s.records - before; n != 1 {
		t.Errorf("what is known costs %d reads", n)
	}
	expect("what is known")

	waits := put(weights(50, 50))
	waits.ConfirmWithin = time.Hour
	second := mustPropose(t, a, waits)
	third := mustPropose(t, a, put(mesh.VirtualNode{Name: "extra"}))
	fourth := mustPropose(t, a, change.Proposal{Mesh: "m", Patch: mesh.Patch{Delete: []mesh.Ref{{Kind: mesh.KindNode, Name: "extra"}}}})
	mustHear(t, b, fourth.ID) // with all that was missed before
	same(t, a, b, p)
	// The third one's work is gone with the fourth: what became of it is read at once.
	expect("three at once", "2 pending", "3 superseded", "4 kept")
	if list := b.Waiting("m"); len(list) != 1 || list[0].ID != second.ID {
		t.Errorf("%+v waits", list)
	}
	for _, id := range []string{second.ID, third.ID, fourth.ID} {
		mustHear(t, b, id)
	}
	expect("notices that come late")
	if _, err := a.Confirm(t.Context(), second.ID, change.By{Author: "bob"}); err != nil {
		t.Fatal(err)
	}
	mustHear(t, b, second.ID)
	expect("a decision", "2 kept")
	if list := b.Waiting("m"); len(list) != 0 {
		t.Errorf("%+v still waits", list)
	}
	if _, err := a.Undo(t.Context(), second.ID, change.By{Author: "bob"}); err != nil {
		t.Fatal(err)
	}
	mustHear(t, b, second.ID) // that it moved may be heard before what moved it
	same(t, a, b, p)
	expect("an undo", "5 kept", "2 undone")
	mustHear(t, b, "nobody")
	mustPropose(t, b, put(weights(60, 40)))
	mustHear(t, a, "")
	same(t, b, a, p)
}

// Who missed more than can be gone through, a mesh that was deleted and one that is new reads what there is.
func TestHearAfterMissing(t *testing.T) {
	a, b, s, p := pair(t)
	mustPropose(t, a, change.Proposal{Mesh: "m", Patch: sample()})
	gone := change.Proposal{Mesh: "gone", Patch: mesh.Patch{Put: []mesh.Object{mesh.Settings{Name: "gone"}}}}
	mustPropose(t, a, gone)
	mustHear(t, b, "")
	same(t, a, b, p)
	for i := range 201 {
		mustPropose(t, a, put(weights(1+i, 300)))
	}
	waits := put(weights(50, 50))
	waits.ConfirmWithin = time.Hour
	c := mustPropose(t, a, waits)
	mustPropose(t, a, change.Proposal{Mesh: "new", Patch: mesh.Patch{Put: []mesh.Object{mesh.Settings{Name: "new"}}}})
	mustPropose(t, a, change.Proposal{Mesh: "gone", Patch: mesh.Patch{Delete: []mesh.Ref{{Kind: mesh.KindMesh, Name: "gone"}}}})
	s.away.Store(true)
	if err := b.Hear(t.Context(), ""); mesh.CodeOf(err) != mesh.Unavailable {
		t.Fatalf("the store is away: %v", err)
	}
	s.away.Store(false)
	mustHear(t, b, "")
	same(t, a, b, p)
	if got := b.Meshes(); !slices.Equal(got, []string{"m", "new"}) {
		t.Errorf("meshes %q", got)
	}
	if list := b.Waiting("m"); len(list) != 1 || list[0].ID != c.ID {
		t.Errorf("%+v waits", list)
	}
	mustPropose(t, b, put(weights(1, 1)))
	for _, name := range []string{"m", "new", "gone"} {
		if v, err := b.Verify(t.Context(), name); err != nil || !v.OK {
			t.Errorf("mesh %s: %+v, %v", name, v, err)
		}
	}
}

// A notice that cannot be followed up is not lost: the door reads everything again by itself.
func TestHearWhileTheStoreIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b, s, p := pair(t)
		c := mustPropose(t, a, change.Proposal{Mesh: "m", Patch: sample()})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- b.Serve(ctx) }()
		s.away.Store(true)
		if err := b.Hear(t.Context(), c.ID); mesh.CodeOf(err) != mesh.Unavailable {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		synctest.Wait()
		s.away.Store(false)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		same(t, a, b, p)
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// Whatever two doors do in whatever order, and whatever they hear in between: the shares are of a hundred, taking back what
// was done last restores what was, and in the end both have the same, which is what the ledger says.
func TestTwoDoorsAsOne(t *testing.T) {
	for name, few := range map[string]string{"rapid.checks": "4", "rapid.steps": "12"} { // each step is synced to a disk
		f := flag.Lookup(name).Value
		was := f.String()
		if err := f.Set(few); err != nil {
			t.Fatal(err)
		}
		defer f.Set(was) //nolint:errcheck // it was so before
	}
	rapid.Check(t, func(rt *rapid.T) {
		a, b, _, p := pair(t)
		doors := []*change.Door{a, b}
		mustPropose(t, a, change.Proposal{Mesh: "m", Patch: sample()})
		which := rapid.IntRange(0, 1)
		var last change.Change // the newest, unless it took something back
		was := map[string]float64{}
		shares := func(d *change.Door) map[string]float64 {
			o, err := d.Object("m", primary)
			if err != nil {
				rt.Fatal(err)
			}
			return o.Object.(mesh.Route).Shares()
		}
		rt.Repeat(map[string]func(*rapid.T){
			"shift": func(rt *rapid.T) {
				d := doors[which.Draw(rt, "door")]
				if err := d.Hear(t.Context(), ""); err != nil {
					rt.Fatal(err)
				}
				before := shares(d)
				w := rapid.IntRange(0, 100).Draw(rt, "weight")
				c, err := d.Propose(t.Context(), put(weights(100-w, w)))
				if mesh.CodeOf(err) == mesh.Invalid {
					return // it is so already
				}
				if err != nil {
					rt.Fatal(err)
				}
				last, was = c, before
			},
			"shift unheard": func(rt *rapid.T) {
				w := rapid.IntRange(0, 100).Draw(rt, "weight")
				_, err := doors[which.Draw(rt, "door")].Propose(t.Context(), put(weights(100-w, w)))
				if err != nil && mesh.CodeOf(err) != mesh.Invalid {
					rt.Fatal(err)
				}
				if err == nil {
					last = change.Change{}
				}
			},
			"undo": func(rt *rapid.T) {
				if last.ID == "" {
					return
				}
				d := doors[which.Draw(rt, "door")]
				if _, err := d.Undo(t.Context(), last.ID, change.By{Author: "bob"}); err != nil {
					rt.Fatal(err)
				}
				if diff := cmp.Diff(was, shares(d)); diff != "" {
					rt.Fatalf("apply and undo is not what was:\n%s", diff)
				}
				last = change.Change{}
			},
			"hear": func(rt *rapid.T) {
				if err := doors[which.Draw(rt, "door")].Hear(t.Context(), ""); err != nil {
					rt.Fatal(err)
				}
			},
			"": func(rt *rapid.T) {
				for i, d := range doors {
					sum := 0.0
					if i == 1 {
						if _, err := d.Mesh("m"); err != nil {
							continue // it has heard nothing yet
						}
					}
					for _, s := range shares(d) {
						sum += s
					}
					if sum < 0.999999 || sum > 1.000001 {
						rt.Fatalf("the shares are %v of one", sum)
					}
				}
			},
		})
		for _, d := range doors {
			mustHear(t, d, "")
			if v, err := d.Verify(t.Context(), "m"); err != nil || !v.OK {
				rt.Fatalf("%+v, %v", v, err)
			}
		}
		same(t, a, b, p)
	})
}
