package registry_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/registry"
)

func instance(id string) registry.Instance {
	return registry.Instance{ID: id, Address: "127.0.1.1", Ports: map[int]int{8080: 15000}}
}

func ids(r *registry.Registry, node string) []string {
	var out []string
	for _, i := range r.Instances("shop")[node] {
		out = append(out, i.ID)
	}
	return out
}

// run starts the registry's loop in the bubble and stops it when the test ends.
func run(t *testing.T, r *registry.Registry) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- r.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	})
}

func wantIDs(t *testing.T, r *registry.Registry, node string, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := ids(r, node); !slices.Equal(got, want) {
		t.Errorf("instances of %s = %v, want %v", node, got, want)
	}
}

func TestDisconnectedInstanceGoesAfterGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.Options{})
		run(t, r)
		r.Connected("shop", "cart", instance("b"))
		r.Connected("shop", "cart", instance("a"))
		wantIDs(t, r, "cart", "a", "b")

		r.Disconnected("shop", "cart", "a")
		time.Sleep(registry.Grace - time.Millisecond)
		wantIDs(t, r, "cart", "a", "b")
		time.Sleep(2 * time.Millisecond)
		wantIDs(t, r, "cart", "b")
	})
}

func TestReconnectWithinGraceKeepsTheInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.Options{})
		run(t, r)
		r.Connected("shop", "cart", instance("a"))
		r.Connected("shop", "cart", instance("b"))
		changed, stop := r.Watch()
		defer stop()
		r.Disconnected("shop", "cart", "a")
		time.Sleep(registry.Grace / 2)
		r.Connected("shop", "cart", instance("a"))
		time.Sleep(2 * registry.Grace)
		wantIDs(t, r, "cart", "a", "b")
		select {
		case <-changed:
			t.Error("watchers were told of a change, although no instance changed")
		default:
		}
	})
}

func TestLastInstancesStayUntilReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.Options{})
		run(t, r)
		for _, id := range []string{"a", "b"} {
			r.Connected("shop", "cart", instance(id))
		}
		for _, id := range []string{"a", "b"} {
			r.Disconnected("shop", "cart", id)
		}
		time.Sleep(time.Hour)
		wantIDs(t, r, "cart", "a", "b")

		// One comes back; the other may be a moment behind it and is not dropped at once.
		r.Connected("shop", "cart", instance("a"))
		time.Sleep(registry.Grace / 2)
		wantIDs(t, r, "cart", "a", "b")
		time.Sleep(registry.Grace)
		wantIDs(t, r, "cart", "a")
	})
}

func TestSecondConnectionOfTheSameInstance(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.Options{})
		run(t, r)
		r.Connected("shop", "cart", instance("other"))
		r.Connected("shop", "cart", instance("a"))
		moved := instance("a")
		moved.Address = "127.0.1.9"
		r.Connected("shop", "cart", moved) // back before the old connection was found dead
		r.Disconnected("shop", "cart", "a")
		time.Sleep(2 * registry.Grace)
		wantIDs(t, r, "cart", "a", "other")
		if got := r.Instances("shop")["cart"][0].Address; got != "127.0.1.9" {
			t.Errorf("address = %s, want the newest", got)
		}
	})
}

func TestRestored(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.Options{})
		r.Restore([]registry.Record{
			{Mesh: "shop", Node: "cart", Instance: instance("a")},
			{Mesh: "shop", Node: "cart", Instance: instance("b")},
			{Mesh: "shop", Node: "gone", Instance: instance("c")},
		})
		run(t, r)
		wantIDs(t, r, "cart", "a", "b")
		r.Connected("shop", "cart", instance("a"))
		time.Sleep(registry.RestoreGrace - time.Second)
		wantIDs(t, r, "cart", "a", "b")
		time.Sleep(2 * time.Second)
		wantIDs(t, r, "cart", "a")
		wantIDs(t, r, "gone", "c") // nobody replaced it
	})
}

// shelf is a Saver that can fail.
type shelf struct {
	mu    sync.Mutex
	saved []registry.Record
	calls int
	err   error
}

func (s *shelf) SaveInstances(_ context.Context, all []registry.Record) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls++
	if s.err != nil {
		return s.err
	}
	s.saved = all
	return nil
}

func TestSaving(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saver := &shelf{err: errors.New("disk full")}
		r := registry.New(registry.Options{Saver: saver})
		run(t, r)
		for _, id := range []string{"c", "a", "b"} {
			r.Connected("shop", "cart", instance(id))
		}
		time.Sleep(10 * time.Second)
		saver.mu.Lock()
		if saver.calls < 5 {
			t.Errorf("a failed save was tried %d times in 10 s, want about one a second", saver.calls)
		}
		saver.err, saver.calls = nil, 0
		saver.mu.Unlock()
		time.Sleep(10 * time.Second)
		want := []registry.Record{
			{Mesh: "shop", Node: "cart", Instance: instance("a")},
			{Mesh: "shop", Node: "cart", Instance: instance("b")},
			{Mesh: "shop", Node: "cart", Instance: instance("c")},
		}
		saver.mu.Lock()
		defer saver.mu.Unlock()
		if diff := cmp.Diff(want, saver.saved); diff != "" {
			t.Errorf("saved (-want +got):\n%s", diff)
		}
		if saver.calls != 1 {
			t.Errorf("saved %d times, want once: nothing changed since", saver.calls)
		}
	})
}

// gate is a Saver that takes its time.
type gate struct{ open chan error }

func (g gate) SaveInstances(context.Context, []registry.Record) error { return <-g.open }

// What is new is shown once it is saved, or cannot be: nobody is told of an instance that a crash would forget.
func TestListedWhenSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saver := gate{make(chan error)}
		r := registry.New(registry.Options{Saver: saver})
		changed, stop := r.Watch()
		defer stop()
		run(t, r)
		r.Connected("shop", "cart", instance("a"))
		synctest.Wait()
		wantIDs(t, r, "cart")
		r.Connected("shop", "cart", instance("b")) // while a is saved
		saver.open <- nil
		<-changed
		wantIDs(t, r, "cart", "a")
		saver.open <- errors.New("disk full")
		<-changed
		wantIDs(t, r, "cart", "a", "b")

		moved := instance("a")
		moved.Address = "10.9.9.9"
		r.Connected("shop", "cart", moved)
		time.Sleep(2 * time.Second)
		if got := r.Instances("shop")["cart"][0].Address; got == moved.Address {
			t.Errorf("a is at %s before that is saved", got)
		}
		saver.open <- nil
		<-changed
		if got := r.Instances("shop")["cart"][0].Address; got != moved.Address {
			t.Errorf("a is at %s, want %s", got, moved.Address)
		}
	})
}
