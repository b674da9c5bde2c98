package journal

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/mesh"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// eventually waits for a condition.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
	}
}

// running starts a journal, and gives what ends it.
func running(t *testing.T, s *shelf, b *book) (*Journal, func()) {
	t.Helper()
	j, err := New(t.Context(), Options{Store: s, Changes: b})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for _, run := range []func(context.Context) error{j.Run, j.Follow} {
		wait.Go(func() {
			if err := run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	stop := sync.OnceFunc(func() { cancel(); wait.Wait() })
	t.Cleanup(stop)
	return j, stop
}

func (s *shelf) len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.list)
}

func TestEventsAreRecordedOnceAndInOrder(t *testing.T) {
	for _, answer := range []bool{false, true} {
		s, b := &shelf{refuse: 2, answer: answer}, &book{}
		j, stop := running(t, s, b)
		told := j.Published().Subscribe(10_000)
		const many = 3000 // more than the bus has room for at once
		for i := range many {
			c := entry(fmt.Sprintf("%05d", i))
			b.mu.Lock()
			b.entries = slices.Insert(b.entries, 0, c)
			b.mu.Unlock()
			b.bus.Publish(c)
		}
		eventually(t, "every change is recorded", func() bool { return s.len() >= many })
		stop()
		seen := make(map[string]bool)
		for i, e := range s.list {
			if e.ID != int64(i+1) || seen[e.Change] {
				t.Fatalf("event %d is %+v", i, e)
			}
			seen[e.Change] = true
		}
		if len(seen) != many || len(told.C) != many {
			t.Errorf("%d of %d recorded, %d published", len(seen), many, len(told.C))
		}
		if j.Last() != many {
			t.Errorf("the newest is %d", j.Last())
		}
	}
}

func TestTheNextProcessGoesOn(t *testing.T) {
	s, b := &shelf{}, &book{}
	_, stop := running(t, s, b)
	b.entries = append(b.entries, entry("1"))
	b.bus.Publish(b.entries[0])
	eventually(t, "the change is recorded", func() bool { return s.len() == 1 })
	stop()
	b.entries = slices.Insert(b.entries, 0, entry("2")) // recorded in the ledger, and killed before it was told
	j, _ := running(t, s, b)
	eventually(t, "what was not told is told", func() bool { return s.len() == 2 })
	if got := s.list[1]; got.Change != "2" || got.ID != 2 || j.Last() != 2 {
		t.Errorf("%+v", got)
	}
}

// Replicas take turns at recording; each tells every event once, in order, and the IDs go on.
func TestReplicasTakeTurns(t *testing.T) {
	s, b := &shelf{}, &book{}
	ctx, cancel := context.WithCancel(t.Context())
	var wait sync.WaitGroup
	defer wait.Wait()
	defer cancel()
	var all [2]*Journal
	var told [2]*event.Subscription[Event]
	for i := range all {
		j, err := New(ctx, Options{Store: s, Changes: b})
		if err != nil {
			t.Fatal(err)
		}
		all[i], told[i] = j, j.Published().Subscribe(64)
		wait.Go(func() { _ = j.Follow(ctx) })
	}
	const turns = 6
	for turn := range turns {
		j, other := all[turn%2], all[(turn+1)%2]
		act, over := context.WithCancel(ctx)
		var ran sync.WaitGroup
		ran.Go(func() { _ = j.Run(act) })
		c := entry(fmt.Sprint(turn))
		b.mu.Lock()
		b.entries = slices.Insert(b.entries, 0, c)
		b.mu.Unlock()
		b.bus.Publish(c)
		eventually(t, "the change is recorded", func() bool { return s.len() == turn+1 })
		over()
		ran.Wait()
		other.Hear()
		eventually(t, "both know of it", func() bool { return j.Last() == int64(turn+1) && other.Last() == j.Last() })
	}
	for i := range all {
		for turn := range turns {
			if e := <-told[i].C; e.ID != int64(turn+1) || e.Change != fmt.Sprint(turn) {
				t.Errorf("replica %d told %d as %+v", i, turn, e)
			}
		}
	}
}

// receiver is what a hook calls.
type receiver struct {
	mu   sync.Mutex
	got  []Event
	fail error
}

func (r *receiver) send(_ context.Context, e Event) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fail != nil {
		return r.fail
	}
	r.got = append(r.got, e)
	return nil
}

func (r *receiver) texts() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	list := make([]string, len(r.got))
	for i, e := range r.got {
		list[i] = e.What
	}
	return list
}

func (r *receiver) set(err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fail = err
}

func TestATellerWaitsForItsReceiver(t *testing.T) {
	s, b := &shelf{}, &book{}
	j, _ := running(t, s, b)
	all, some := &receiver{}, &receiver{}
	tellers := []*Teller{NewTeller(j, Hook{Name: "all", Send: all.send}), NewTeller(j, Hook{Name: "some", Kinds: []Kind{KindGuard, KindWebhook}, Meshes: []string{"m"}, Send: some.send})}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	for _, each := range tellers {
		each.first = time.Millisecond
		wait.Go(func() {
			if err := each.Run(ctx); err != nil {
				t.Error(err)
			}
		})
	}
	defer wait.Wait()
	defer cancel()

	all.set(mesh.Errorf(mesh.Unavailable, "webhook all answered 503"))
	c := entry("1")
	c.Override = "urgent"
	b.bus.Publish(c)
	eventually(t, "it is known that a hook fails", func() bool { return tellers[0].State().Failing && s.len() >= 3 })
	if got := tellers[0].State(); got.Message != "webhook all answered 503" || got.FailingAt == nil || got.Behind == 0 || got.Delivered != 0 {
		t.Errorf("%+v", got)
	}
	all.set(nil)
	eventually(t, "it catches up", func() bool {
		return slices.Equal(all.texts(), []string{"change.made", "guard.overridden"}) && !tellers[0].State().Failing
	})
	want := []string{"guard.overridden", "webhook.failing", "webhook.works"}
	eventually(t, "the other hook is told of it", func() bool { return slices.Equal(some.texts(), want) })

	all.set(mesh.Errorf(mesh.Invalid, "webhook all sends callers on"))
	c.ID, c.Override = "2", ""
	b.bus.Publish(c)
	eventually(t, "what cannot be told is lost", func() bool { return tellers[0].State().Lost == 1 })
	all.set(nil)
	c.ID, c.Mesh = "3", "other"
	b.bus.Publish(c)
	eventually(t, "the next one is told", func() bool { return len(all.texts()) == 3 && tellers[0].State().Behind == 0 })
	if got := some.texts(); slices.Contains(got, "change.made") {
		t.Errorf("a hook was told what it does not want: %v", got)
	}
}
