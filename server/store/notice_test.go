package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/ent"
	"github.com/weirmesh/weir/server/change"
)

// patience is how long a busy machine may take for what is awaited.
const patience = 30 * time.Second

// follower hears notices.
type listening struct {
	mu   sync.Mutex
	all  []Notice
	stop context.CancelFunc
	done chan struct{}
}

func follow(t *testing.T, s *Store, since int64) *listening {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l := &listening{stop: cancel, done: make(chan struct{})}
	go func() {
		defer close(l.done)
		if err := s.Follow(ctx, since, func(n Notice) { l.mu.Lock(); l.all = append(l.all, n); l.mu.Unlock() }); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-l.done })
	return l
}

func (l *listening) heard() []Notice {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.all)
}

// await waits until as many notices were heard.
func (l *listening) await(t *testing.T, n int) []Notice {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if list := l.heard(); len(list) >= n {
			return list
		}
	}
	t.Fatalf("heard %d notices, want %d", len(l.heard()), n)
	return nil
}

func TestFollow(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		mustAppend(t, s, 0, record("01", 1))
		since, err := s.Newest(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		l := follow(t, s, since)
		mustAppend(t, s, 1, record("02", 2))
		if err := s.CreateRollout(t.Context(), rollout("0000000001", "r/a")); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Append(t.Context(), 0, record("03", 1)); err == nil {
			t.Fatal("it was recorded")
		}
		if err := s.Update(t.Context(), change.Change{ID: "02", Mesh: "m", State: change.Undone, Version: 1}); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, n := range l.await(t, 3) {
			got = append(got, fmt.Sprint(n.Kind, " ", n.Mesh, " ", n.Subject))
		}
		if want := []string{"change m 02", "rollout m 0000000001", "change m 02"}; !slices.Equal(got, want) {
			t.Errorf("heard %q, want %q", got, want)
		}
	})
}

// Every follower hears of every write of every replica once, in one order, however they are mixed up with writes that fail:
// a number that was drawn early and committed late would be passed over.
func TestFollowManyWriters(t *testing.T) {
	t.Parallel()
	at := postgresServer(t).Database(t, template)
	const replicas, each = 3, 25
	var stores []*Store
	var ears []*listening
	for range replicas {
		s := open(t, at)
		stores, ears = append(stores, s), append(ears, follow(t, s, 0))
	}
	var all sync.WaitGroup
	for i, s := range stores {
		for w := range 2 {
			all.Go(func() {
				for n := range each {
					subject := fmt.Sprintf("%d-%d-%d", i, w, n)
					fails := n%5 == 4
					err := s.transact(t.Context(), "write", func(tx *ent.Tx) error {
						if err := s.note(t.Context(), tx, Notice{Kind: NoticePeople, Subject: subject}); err != nil {
							return err
						}
						time.Sleep(time.Duration(n%3) * time.Millisecond) // between drawing a number and committing it
						if fails {
							return context.Canceled
						}
						return nil
					})
					if (err != nil) != fails {
						t.Error(err)
					}
				}
			})
		}
	}
	all.Wait()
	const want = replicas * 2 * each / 5 * 4
	first := ears[0].await(t, want)
	seen := map[string]bool{}
	for i, n := range first {
		if seen[n.Subject] || i > 0 && n.Seq <= first[i-1].Seq {
			t.Fatalf("notice %d, %s, came twice or out of order", n.Seq, n.Subject)
		}
		seen[n.Subject] = true
	}
	for _, l := range ears[1:] {
		if got := l.await(t, want); !slices.EqualFunc(got, first, func(a, b Notice) bool { return a.Seq == b.Seq && a.Subject == b.Subject }) {
			t.Error("followers heard different things")
		}
	}
	if len(first) != want {
		t.Errorf("heard %d, want %d", len(first), want)
	}
}

// A follower whose connections are cut goes on where it was.
func TestFollowOverLostConnections(t *testing.T) {
	t.Parallel()
	server := postgresServer(t)
	at := server.Database(t, template)
	s, writer := open(t, at), open(t, at)
	l := follow(t, s, 0)
	for i := range 6 {
		mustAppend(t, writer, int64(i), record(fmt.Sprintf("%02d", i+1), int64(i+1)))
		l.await(t, i+1)
		if i%2 == 1 {
			if err := server.Exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + database(t, at) + "'"); err != nil {
				t.Fatal(err)
			}
			// What the writer's pool held is gone as well: it finds that out when it uses it.
			for end := time.Now().Add(patience); writer.Readable(t.Context()) != nil && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
	for i, n := range l.await(t, 6) {
		if n.Subject != fmt.Sprintf("%02d", i+1) {
			t.Errorf("notice %d is of %s", i, n.Subject)
		}
	}
}

// Who was away for longer than notices are kept is told so, and then goes on.
func TestFollowTooFarBehind(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		err := s.transact(t.Context(), "number", func(tx *ent.Tx) error {
			return tx.Notice.Create().SetID(keptNotices + pruneEvery - 1).SetKind("change").SetMesh("").SetSubject("x").Exec(t.Context())
		})
		if err != nil {
			t.Fatal(err)
		}
		far, ahead := follow(t, s, 3), follow(t, s, keptNotices*9)
		if got := far.await(t, 1)[0]; got.Kind != NoticeMissed || got.Seq != keptNotices+pruneEvery-1 {
			t.Errorf("heard %+v", got)
		}
		if got := ahead.await(t, 1)[0]; got.Kind != NoticeMissed {
			t.Errorf("of an earlier database: heard %+v", got)
		}
	})
}

// database is the name in a URL.
func database(t *testing.T, at string) string {
	t.Helper()
	e, err := newPostgres(at, nil)
	if err != nil {
		t.Fatal(err)
	}
	return e.config.Database
}
