package timeline

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

func newShared(most int) *shared[int] {
	s := &shared[int]{}
	s.init(most, time.Minute, time.Now)
	return s
}

func TestManyAskersShareOneAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(100)
		var works atomic.Int32
		work := func(context.Context) (int, int, error) {
			works.Add(1)
			time.Sleep(time.Second)
			return 42, 1, nil
		}
		var all sync.WaitGroup
		for range 50 {
			all.Go(func() {
				if v, err := s.get(t.Context(), question{"a", 10 * time.Second}, work); v != 42 || err != nil {
					t.Error(v, err)
				}
			})
		}
		all.Wait()
		if n := works.Load(); n != 1 {
			t.Errorf("worked %d times at one time", n)
		}
		for _, c := range []struct {
			after time.Duration
			works int32
		}{{9 * time.Second, 1}, {2 * time.Second, 2}} {
			time.Sleep(c.after)
			if _, err := s.get(t.Context(), question{"a", 10 * time.Second}, work); err != nil || works.Load() != c.works {
				t.Errorf("after %v: %v, worked %d times, want %d", c.after, err, works.Load(), c.works)
			}
		}
	})
}

func TestWorkEndsWhenNobodyWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(100)
		ended := make(chan error, 2)
		work := func(ctx context.Context) (int, int, error) {
			<-ctx.Done()
			ended <- context.Cause(ctx)
			return 0, 0, ctx.Err()
		}
		first, leaveFirst := context.WithCancel(t.Context())
		second, leaveSecond := context.WithCancel(t.Context())
		var all sync.WaitGroup
		for _, ctx := range []context.Context{first, second} {
			all.Go(func() {
				if _, err := s.get(ctx, question{"a", time.Second}, work); err == nil {
					t.Error("an answer from nowhere")
				}
			})
			synctest.Wait()
		}
		leaveFirst()
		synctest.Wait()
		select {
		case err := <-ended:
			t.Fatalf("the work ended with %v although somebody waits", err)
		default:
		}
		leaveSecond()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
		all.Wait()
		if v, err := s.get(t.Context(), question{"a", time.Second}, func(context.Context) (int, int, error) { return 7, 1, nil }); v != 7 || err != nil {
			t.Errorf("who comes later gets %d, %v", v, err)
		}
	})
}

func TestSlowAndFailedAnswersAreNotKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShared(100)
		_, err := s.get(t.Context(), question{"a", time.Hour}, func(ctx context.Context) (int, int, error) {
			<-ctx.Done()
			return 0, 0, ctx.Err()
		})
		if mesh.CodeOf(err) != mesh.Unavailable || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("slow: %v", err)
		}
		func() {
			defer func() {
				if recover() == nil {
					t.Error("a panic was swallowed")
				}
			}()
			_, _ = s.get(t.Context(), question{"a", time.Hour}, func(context.Context) (int, int, error) { panic("broken") })
		}()
		if v, err := s.get(t.Context(), question{"a", time.Hour}, func(context.Context) (int, int, error) { return 1, 1, nil }); v != 1 || err != nil {
			t.Errorf("after failures: %d, %v", v, err)
		}
	})
}

func TestKeptAnswersAreBounded(t *testing.T) {
	s := newShared(10)
	works := 0
	ask := func(key string, weight int) {
		t.Helper()
		if _, err := s.get(t.Context(), question{key, time.Hour}, func(context.Context) (int, int, error) { works++; return 1, weight, nil }); err != nil {
			t.Fatal(err)
		}
	}
	ask("large", 11)
	ask("large", 11)
	if works != 2 {
		t.Errorf("an answer that is too large was kept")
	}
	for _, key := range []string{"a", "b", "c", "d", "d"} {
		ask(key, 3) // four each
	}
	if works != 6 || s.weight > 10 || len(s.answers) != len(s.order) {
		t.Errorf("worked %d times, %d kept of weight %d", works, len(s.answers), s.weight)
	}
	ask("a", 3)
	if works != 7 {
		t.Error("the oldest answer was kept although there was no room")
	}
}
