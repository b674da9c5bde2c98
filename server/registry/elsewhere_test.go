package registry_test

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/registry"
)

func at(list ...string) (out []registry.Record) {
	for _, id := range list {
		out = append(out, registry.Record{Mesh: "shop", Node: "cart", Instance: instance(id)})
	}
	return out
}

func TestElsewhere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saver := &shelf{}
		r := registry.New(registry.Options{Saver: saver})
		run(t, r)
		r.Connected("shop", "cart", instance("a"))
		r.Elsewhere("other", at("b", "c"))
		time.Sleep(time.Second)
		wantIDs(t, r, "cart", "a", "b", "c")
		if own := r.Own(); len(own) != 1 || own[0].Instance.ID != "a" {
			t.Errorf("own %v, want a", own)
		}
		if saved := saver.all(); len(saved) != 1 || saved[0].Instance.ID != "a" {
			t.Errorf("saved %v, want what is connected here", saved)
		}

		r.Elsewhere("other", at("b"))
		time.Sleep(registry.Grace - time.Millisecond)
		wantIDs(t, r, "cart", "a", "b", "c")
		time.Sleep(time.Second)
		wantIDs(t, r, "cart", "a", "b")

		r.Lost("other") // its proxies are likely to be on their way
		time.Sleep(registry.RestoreGrace - time.Millisecond)
		wantIDs(t, r, "cart", "a", "b")
		time.Sleep(time.Second)
		wantIDs(t, r, "cart", "a")
	})
}

// One that comes here from another replica, or goes there, never goes missing.
func TestInstanceMovesBetweenReplicas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		saver := &shelf{}
		r := registry.New(registry.Options{Saver: saver})
		run(t, r)
		r.Elsewhere("other", at("a", "b"))
		moved := instance("a")
		moved.Address = "10.1.1.1"
		r.Connected("shop", "cart", moved)
		time.Sleep(time.Second)
		if got := r.Instances("shop")["cart"][0].Address; got != moved.Address {
			t.Errorf("address %s, want the newest connection's", got)
		}
		r.Elsewhere("other", at("a", "b")) // it has not noticed yet
		time.Sleep(time.Second)
		if got := r.Instances("shop")["cart"][0].Address; got != moved.Address {
			t.Errorf("address %s, want what the connection here says", got)
		}
		r.Elsewhere("other", at("b"))
		time.Sleep(time.Hour)
		wantIDs(t, r, "cart", "a", "b")
		if saved := saver.all(); len(saved) != 1 || saved[0].Instance.ID != "a" {
			t.Errorf("saved %v, want a", saved)
		}
		r.Elsewhere("other", at("a", "b"))
		r.Disconnected("shop", "cart", "a")
		time.Sleep(time.Hour)
		wantIDs(t, r, "cart", "a", "b")
		if saved := saver.all(); len(saved) != 0 {
			t.Errorf("saved %v, want nothing: the other replica keeps it", saved)
		}
	})
}

func (s *shelf) all() []registry.Record {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.saved
}

func TestLastInstancesStayWhenAReplicaIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := registry.New(registry.Options{})
		run(t, r)
		r.Elsewhere("other", at("a", "b"))
		r.Lost("other")
		time.Sleep(24 * time.Hour)
		wantIDs(t, r, "cart", "a", "b")
		r.Elsewhere("third", at("b"))
		time.Sleep(registry.Grace / 2)
		wantIDs(t, r, "cart", "a", "b")
		time.Sleep(registry.Grace)
		wantIDs(t, r, "cart", "b")
	})
}

// TestSpreadInstances says that what is connected anywhere is an instance, whatever came and went in which order, and that what
// is connected nowhere goes once its time is over and another one of the node is there.
func TestSpreadInstances(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1000, 0)
		r := registry.New(registry.Options{Now: func() time.Time { return now }})
		here := map[string]int{}
		there := map[string][]string{}
		ever := map[string]bool{}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := rapid.SampledFrom([]string{"a", "b", "c", "d"}).Draw(t, "instance")
			other := rapid.SampledFrom([]string{"x", "y"}).Draw(t, "replica")
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0:
				here[id]++
				ever[id] = true
				r.Connected("shop", "cart", instance(id))
			case 1:
				here[id] = max(here[id]-1, 0)
				r.Disconnected("shop", "cart", id)
			case 2, 3:
				list := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "d"}), 0, 4, rapid.ID).Draw(t, "list")
				there[other] = list
				for _, id := range list {
					ever[id] = true
				}
				r.Elsewhere(other, at(list...))
			case 4:
				delete(there, other)
				r.Lost(other)
			default:
				now = now.Add(time.Duration(rapid.IntRange(1, 40).Draw(t, "seconds")) * time.Second)
				r.Expire(now)
			}
			listed := ids(r, "cart")
			for id := range ever {
				connected := here[id] > 0 || slices.Contains(there["x"], id) || slices.Contains(there["y"], id)
				if connected && !slices.Contains(listed, id) {
					t.Fatalf("%s is connected and not among %v", id, listed)
				}
			}
			if len(ever) > 0 && len(listed) == 0 {
				t.Fatal("the last instances are gone")
			}
		}
		now = now.Add(time.Hour)
		r.Expire(now)
		var want []string
		for _, id := range []string{"a", "b", "c", "d"} {
			if here[id] > 0 || slices.Contains(there["x"], id) || slices.Contains(there["y"], id) {
				want = append(want, id)
			}
		}
		if got := ids(r, "cart"); len(want) > 0 && !slices.Equal(got, want) {
			t.Fatalf("%v stay, want %v", got, want)
		}
	})
}
