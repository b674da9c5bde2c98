package store

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/faultproxy"
	"github.com/weirmesh/weir/server/mesh"
)

// A database that is frozen or away is told of within the time that a caller gives, however many ask; slow, it answers late; back,
// everything goes on without a new start.
func TestDatabaseThatIsAway(t *testing.T) {
	t.Parallel()
	p, through, err := faultproxy.Postgres(postgresServer(t).Database(t, template))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	s := open(t, through)
	mustAppend(t, s, 0, record("01", 1))
	since, err := s.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	following, stop := context.WithCancel(t.Context())
	told, over := make(chan Notice, 100), make(chan error, 1)
	go func() { over <- s.Follow(following, since, func(n Notice) { told <- n }) }()
	defer func() { stop(); <-over }()
	for name, fault := range map[string]func(){"frozen": p.Freeze, "away": p.Cut} {
		fault()
		var asking sync.WaitGroup
		for range 40 { // more than there are connections
			asking.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
				defer cancel()
				if err := s.Readable(ctx); mesh.CodeOf(err) != mesh.Unavailable {
					t.Errorf("%s: read: %v", name, err)
				}
				if _, err := s.Append(ctx, 1, record("xx", 2)); mesh.CodeOf(err) != mesh.Unavailable {
					t.Errorf("%s: write: %v", name, err)
				}
			})
		}
		asking.Wait() // the time for tests is the bound: 40 times a statement's limit is longer
		p.Restore()
		eventuallyReadable(t, s)
	}
	p.Delay(100 * time.Millisecond)
	mustAppend(t, s, 1, record("02", 2))
	p.Restore()
	got, err := s.Records(t.Context(), change.Query{})
	if err != nil || len(got) != 2 || got[0].Change.ID != "02" {
		t.Errorf("the ledger afterwards: %d entries, %v", len(got), err)
	}
	deadline := time.After(30 * time.Second)
	for {
		select {
		case n := <-told:
			if n.Kind == NoticeChange && n.Subject == "02" {
				return
			}
		case <-deadline:
			t.Fatal("whoever follows was not told of what was written afterwards")
		}
	}
}

func eventuallyReadable(t *testing.T, s *Store) {
	t.Helper()
	deadline := time.Now().Add(60 * time.Second)
	for {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		err := s.Readable(ctx)
		cancel()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("it is back, and cannot be read: %v", err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}
