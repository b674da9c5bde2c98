package change_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/lease"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/postgrestest"
)

func TestReplicas(t *testing.T) {
	server, err := postgrestest.Start(postgrestest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	for name, test := range map[string]func(*testing.T, *postgrestest.Server){
		"everybody at once":   everybodyAtOnce,
		"one object":          oneObject,
		"confirm or expire":   confirmOrExpire,
		"truths and decision": truthsAndDecisions,
		"hand-over":           handOver,
		"frozen":              frozen,
	} {
		t.Run(name, func(t *testing.T) { test(t, server) })
	}
}

// Changes of different objects do not get into each other's way, whichever replica they are made at, and whatever its
// clock says: the ledger is one line with growing IDs, and everybody ends up with the same.
func everybodyAtOnce(t *testing.T, server *postgrestest.Server) {
	f := newFleet(t, server, 0, time.Hour, -time.Hour)
	f.create()
	const each = 10
	var all sync.WaitGroup
	for i, r := range f.all {
		for w := range 2 {
			all.Go(func() {
				name := fmt.Sprintf("node-%d-%d", i, w)
				for n := range each {
					p := put(mesh.VirtualNode{Name: name, ServiceDiscovery: &mesh.ServiceDiscovery{Endpoints: []mesh.Endpoint{{Address: fmt.Sprintf("127.0.1.%d", n+1)}}}})
					p.Base = map[mesh.Ref]int64{{Kind: mesh.KindNode, Name: name}: int64(n)}
					if _, err := r.Propose(t.Context(), p); err != nil {
						t.Errorf("%s: %v", r.name, err)
						return
					}
				}
			})
		}
	}
	all.Wait()
	f.agreed(1 + int64(len(f.all))*2*each)
}

// Of those who saw the same version one wins, and the others read that somebody was first.
func oneObject(t *testing.T, server *postgrestest.Server) {
	f := newFleet(t, server, 0, 0, 0)
	f.create()
	const rounds = 10
	for round := range int64(rounds) {
		var all sync.WaitGroup
		errs := make([]error, len(f.all))
		for i, r := range f.all {
			all.Go(func() {
				p := put(weights(1+i, 10+int(round)))
				p.Base = map[mesh.Ref]int64{primary: round + 1}
				_, errs[i] = r.Propose(t.Context(), p)
			})
		}
		all.Wait()
		won := 0
		for _, err := range errs {
			switch {
			case err == nil:
				won++
			case !errors.Is(err, change.ErrStale) || mesh.CodeOf(err) != mesh.Conflict:
				t.Errorf("the loser reads %v", err)
			}
		}
		if won != 1 {
			t.Errorf("%d won: %v", won, errs)
		}
	}
	f.agreed(1 + rounds)
}

// Somebody confirms at one replica while the deadline is over at the one that follows: one of them has it its way, and the
// other knows.
func confirmOrExpire(t *testing.T, server *postgrestest.Server) {
	f := newFleet(t, server, 0, 0)
	f.create()
	steward, other := f.all[0], f.all[1]
	f.act(steward)
	revision, kept := int64(1), 0
	const rounds = 8
	for round := range rounds {
		p := put(weights(10+round, 50))
		p.ConfirmWithin = time.Hour
		c, err := other.Propose(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		revision++
		f.until("the steward follows it", func() bool {
			for _, w := range steward.Waiting("m") {
				if w.ID == c.ID {
					return true
				}
			}
			return false
		})
		steward.elapsed.Add(int64(2 * time.Hour))
		time.Sleep(rand.N(30 * time.Millisecond)) //nolint:gosec // any moment will do
		_, err = other.Confirm(t.Context(), c.ID, change.By{Author: "bob"})
		f.until("it is decided", func() bool { return f.recorded(c.ID).State != change.Pending })
		got := f.recorded(c.ID)
		switch {
		case err == nil && got.State == change.Kept && got.ConfirmedBy == "bob" && got.UndoneBy == "":
			kept++
		case mesh.CodeOf(err) == mesh.Conflict && got.State == change.Reverted && got.UndoneBy != "" && got.ConfirmedBy == "":
			revision++
		default:
			t.Fatalf("whoever confirmed was told %v, and it is %+v", err, got)
		}
	}
	f.agreed(revision) // nothing was taken back after somebody was told that it is kept
	t.Logf("%d of %d kept", kept, rounds)
}

// Truths that one replica finds out and decisions that are made at another do not undo each other.
func truthsAndDecisions(t *testing.T, server *postgrestest.Server) {
	f := newFleet(t, server, 0, 0)
	steward, other := f.all[0], f.all[1]
	steward.provider.proxies = make([]string, 400)
	steward.provider.auto = false
	f.create()
	f.act(steward)
	p := put(weights(50, 50))
	p.ConfirmWithin = time.Hour
	c, err := other.Propose(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	f.until("it is with the steward's proxies", func() bool { return steward.provider.newest("m").Revision == 2 })
	var answering sync.WaitGroup
	answering.Go(func() {
		for acked := range 400 {
			steward.provider.answer(2, acked+1)
			time.Sleep(5 * time.Millisecond)
		}
	})
	const times = 12
	for range times {
		if _, err := other.Extend(t.Context(), c.ID, change.By{Author: "bob"}, time.Minute); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	if _, err := other.Confirm(t.Context(), c.ID, change.By{Author: "bob"}); err != nil {
		t.Fatal(err)
	}
	answering.Wait()
	f.until("every proxy has it", func() bool {
		p := f.recorded(c.ID).Programmed
		return p != nil && p.At != nil && p.Acked == 401
	})
	got := f.recorded(c.ID)
	extended := 0
	for _, m := range got.Timeline {
		if m.What == "extended" {
			extended++
		}
	}
	if got.State != change.Kept || got.ConfirmedBy != "bob" || extended != times {
		t.Errorf("%d extensions, %+v", extended, got)
	}
	for _, r := range f.all {
		f.until(r.name+" knows", func() bool {
			c, err := r.Change(t.Context(), c.ID)
			return err == nil && c.State == change.Kept && c.Programmed != nil && c.Programmed.Acked == 401
		})
	}
}

// Whoever takes over reverts what the one before would have reverted, and knows who waits.
func handOver(t *testing.T, server *postgrestest.Server) {
	f := newFleet(t, server, 0, time.Hour)
	f.create()
	first, second := f.all[0], f.all[1]
	f.act(first)
	p := put(weights(50, 50))
	p.ConfirmWithin = time.Hour
	c, err := first.Propose(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	f.until("it is programmed", func() bool { p := f.recorded(c.ID).Programmed; return p != nil && p.At != nil })
	first.stop()
	f.act(second)
	second.elapsed.Add(int64(59 * time.Minute))
	f.until("the second one knows of it", func() bool { return len(second.Waiting("m")) == 1 })
	if got := f.recorded(c.ID); got.State != change.Pending {
		t.Errorf("%s a minute too early", got.State)
	}
	second.elapsed.Add(int64(2 * time.Minute))
	f.until("it is reverted", func() bool { return f.recorded(c.ID).State == change.Reverted })
	f.agreed(3)
	for _, r := range f.all {
		f.until("nobody waits at "+r.name, func() bool { return len(r.Waiting("m")) == 0 })
	}
	// And back again, after having listened only.
	second.stop()
	f.act(first)
	c, err = second.Propose(t.Context(), put(weights(20, 80)))
	if err != nil {
		t.Fatal(err)
	}
	f.until("its truths are found out elsewhere", func() bool {
		got, err := second.Change(t.Context(), c.ID)
		return err == nil && got.Programmed != nil && got.Programmed.Acked == 2
	})
	f.agreed(4)
}

// What a replica that was frozen wanted to write is refused once another one follows the changes.
func frozen(t *testing.T, server *postgrestest.Server) {
	f := newFleet(t, server, 0, 0)
	f.create()
	first, second := f.all[0], f.all[1]
	f.act(first)
	p := put(weights(50, 50))
	p.ConfirmWithin = time.Hour
	c, err := second.Propose(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	f.until("both know of it", func() bool { return len(first.Waiting("m")) == 1 && len(second.Waiting("m")) == 1 })
	thaw := first.gate.freeze()
	defer thaw()
	first.elapsed.Add(int64(2 * time.Hour))
	f.until("the first one is about to write", func() bool { return first.gate.waiting() > 0 })
	f.act(second)
	second.elapsed.Add(int64(2 * time.Hour))
	f.until("the second one reverts it", func() bool { return f.recorded(c.ID).State == change.Reverted })
	thaw()
	f.until("the first one wrote", func() bool { return len(first.gate.late()) > 0 })
	for _, err := range first.gate.late() {
		if !errors.Is(err, lease.ErrFenced) {
			t.Errorf("it came late, and was told %v", err)
		}
	}
	first.stop()
	f.agreed(3)
	got, err := first.Change(t.Context(), c.ID)
	if err != nil || got.State != change.Reverted {
		t.Errorf("the first one says %s, %v", got.State, err)
	}
}
