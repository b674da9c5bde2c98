package change_test

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store"
)

// flaky is a real store that sometimes fails: before it did what it was asked, or after, when the answer is lost.
type flaky struct {
	change.Store
	before, after, updates atomic.Int32 // how many more calls fail
}

var errDisk = mesh.Errorf(mesh.Unavailable, "the disk is full")

func (f *flaky) Append(ctx context.Context, base int64, r change.Record) ([]change.Change, error) {
	if f.before.Add(-1) >= 0 {
		return nil, errDisk
	}
	moved, err := f.Store.Append(ctx, base, r)
	if err == nil && f.after.Add(-1) >= 0 {
		return nil, errDisk
	}
	return moved, err
}

func (f *flaky) Update(ctx context.Context, list ...change.Change) error {
	if f.updates.Add(-1) >= 0 {
		return errDisk
	}
	return f.Store.Update(ctx, list...)
}

// doorOn opens a door on a store that the test may disturb, and runs it.
func doorOn(t *testing.T, s change.Store, p *fakeProvider) *change.Door {
	t.Helper()
	d, err := change.New(change.Options{Store: s, Provider: p})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- d.Run(ctx) }()
	go func() { done <- d.Serve(ctx) }()
	t.Cleanup(func() {
		cancel()
		for range 2 {
			if err := <-done; err != nil {
				t.Error(err)
			}
		}
	})
	return d
}

func openStore(t *testing.T) *store.Store {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestStoreThatFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f, p := &flaky{Store: openStore(t)}, newProvider("a")
		d := doorOn(t, f, p)
		propose := func(proposal change.Proposal, wants error) {
			t.Helper()
			if _, err := d.Propose(t.Context(), proposal); !errors.Is(err, wants) {
				t.Fatalf("got %v, want %v", err, wants)
			}
		}
		at := func(revision int64, when string) {
			t.Helper()
			if m, _ := d.Mesh("m"); m.Revision != revision || p.newest("m").Revision != revision {
				t.Errorf("%s: revision %d, the provider has %d, want %d", when, m.Revision, p.newest("m").Revision, revision)
			}
		}
		propose(change.Proposal{Mesh: "m", Patch: sample()}, nil)
		f.before.Store(1)
		propose(put(weights(50, 50)), errDisk)
		at(1, "it was not recorded")
		propose(put(weights(50, 50)), nil)
		// Recorded, but nobody heard so: the next one finds it and the provider gets it.
		f.after.Store(1)
		propose(put(weights(60, 40)), errDisk)
		at(2, "before anybody looked again")
		propose(put(weights(60, 40)), change.ErrUnchanged)
		at(3, "the next one found it")
		// And so does the door itself after a while.
		f.after.Store(1)
		propose(put(weights(70, 30)), errDisk)
		at(3, "before anybody looked again")
		time.Sleep(5 * time.Second)
		at(4, "it looked by itself")
	})
}

// A door that was not told what another one recorded finds out when it is second, and nobody sees a conflict that is none.
func TestTwoDoorsOnOneStore(t *testing.T) {
	s := openStore(t)
	a := doorOn(t, s, newProvider("a"))
	if _, err := a.Propose(t.Context(), change.Proposal{Mesh: "m", Patch: sample()}); err != nil {
		t.Fatal(err)
	}
	b := doorOn(t, s, newProvider("a"))
	if _, err := a.Propose(t.Context(), put(weights(50, 50))); err != nil {
		t.Fatal(err)
	}
	read := put(weights(10, 90))
	read.Base = map[mesh.Ref]int64{primary: 1}
	if _, err := b.Propose(t.Context(), read); !errors.Is(err, change.ErrStale) {
		t.Fatalf("the second door overwrote what the first had recorded: %v", err)
	}
	if o, err := b.Object("m", primary); err != nil || o.Version != 2 {
		t.Errorf("whoever was refused sees %+v, %v", o, err)
	}
	read.Base[primary] = 3
	if _, err := a.Propose(t.Context(), put(weights(20, 80))); err != nil {
		t.Fatal(err)
	}
	if _, err := b.Propose(t.Context(), read); err != nil {
		t.Fatalf("the version that was read elsewhere is a conflict: %v", err)
	}
	if o, err := b.Object("m", primary); err != nil || o.Version != 4 {
		t.Errorf("got %+v, %v", o, err)
	}
}

func TestTruthsAreSavedOnceTheStoreIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		f := &flaky{Store: s}
		f.updates.Store(5)
		d := doorOn(t, f, newProvider("a"))
		c, err := d.Propose(t.Context(), change.Proposal{Mesh: "m", Patch: sample()})
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		got, err := d.Change(t.Context(), c.ID)
		if err != nil || got.Programmed == nil || got.Programmed.At == nil {
			t.Fatalf("got %+v, %v", got.Programmed, err)
		}
		records, err := s.Records(t.Context(), change.Query{ID: c.ID})
		if err != nil || !cmp.Equal(records[0].Change.Programmed, got.Programmed) {
			t.Errorf("the store has %+v, %v", records[0].Change.Programmed, err)
		}
		if left := f.updates.Load(); left >= 0 {
			t.Errorf("the store was not asked again: %d failures are left", left)
		}
	})
}

func TestCallerThatGaveUp(t *testing.T) {
	r := newRig(t, t.TempDir(), newProvider("a"))
	r.create(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := r.Propose(ctx, put(weights(50, 50))); mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("got %v", err)
	}
	if m, _ := r.Mesh("m"); m.Revision != 1 {
		t.Errorf("revision %d", m.Revision)
	}
}

func TestNewRefusesAStoreItCannotRead(t *testing.T) {
	s := openStore(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := change.New(change.Options{Store: s, Provider: newProvider()}); err == nil {
		t.Error("a door without its meshes")
	}
}

// BenchmarkPropose is one edit through the door into a synced database.
func BenchmarkPropose(b *testing.B) {
	s, err := store.Open(b.Context(), store.Options{Dir: b.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the end of the benchmark
	d, err := change.New(change.Options{Store: s, Provider: newProvider("a")})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := d.Propose(b.Context(), change.Proposal{Mesh: "m", Patch: sample()}); err != nil {
		b.Fatal(err)
	}
	for i := 0; b.Loop(); i++ {
		if _, err := d.Propose(b.Context(), put(weights(1, i%2+1))); err != nil && i > 0 {
			b.Fatal(err)
		}
	}
}
