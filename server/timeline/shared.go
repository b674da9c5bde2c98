package timeline

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// shared is answers that several people may wait for at once, kept for a while for those who ask the same a little
// later: an incident is looked at by many.
type shared[T any] struct {
	most   int // weight of all answers that are kept
	within time.Duration
	now    func() time.Time

	mu      sync.Mutex
	answers map[string]*answer[T]
	order   []string // of those that are there, the oldest first
	weight  int
}

// answer is one that is on its way or there. shared.mu guards all but what done guards.
type answer[T any] struct {
	waiting int
	give    context.CancelFunc // up
	until   time.Time          // to be given to others; zero: on its way
	weight  int

	done  chan struct{} // closed when value and err are there
	value T
	err   error
}

// question is what is asked, and how long its answer lasts.
type question struct {
	key   string
	lasts time.Duration
}

func (s *shared[T]) init(most int, within time.Duration, now func() time.Time) {
	s.most, s.within, s.now, s.answers = most, within, now, make(map[string]*answer[T])
}

// get gives the answer to a question, by work if nobody else is at it or was lately. The work goes on when the one who
// began it goes away and others wait, and ends when nobody waits.
func (s *shared[T]) get(ctx context.Context, q question, work func(context.Context) (T, int, error)) (T, error) {
	a, begun := s.join(ctx, q.key)
	defer context.AfterFunc(ctx, func() { s.leave(q.key, a) })()
	if begun != nil {
		defer a.give()
		s.do(begun, q, a, work)
	}
	select {
	case <-a.done:
		return a.value, a.err
	case <-ctx.Done():
		var none T
		return none, mesh.Errorf(mesh.Unavailable, "gave up waiting for an answer about the past: %w", ctx.Err())
	}
}

// join finds an answer, or begins one: then it gives the context to work in.
func (s *shared[T]) join(ctx context.Context, key string) (*answer[T], context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	if a, ok := s.answers[key]; ok {
		a.waiting++
		return a, nil
	}
	a := &answer[T]{waiting: 1, done: make(chan struct{})}
	begun, give := context.WithTimeout(context.WithoutCancel(ctx), s.within)
	a.give = give
	s.answers[key] = a
	return a, begun
}

// leave notes that somebody does not wait any more.
func (s *shared[T]) leave(key string, a *answer[T]) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a.waiting--; a.waiting > 0 || !a.until.IsZero() {
		return
	}
	a.give()
	if s.answers[key] == a { // whoever comes now begins anew
		delete(s.answers, key)
	}
}

// do works an answer out.
func (s *shared[T]) do(ctx context.Context, q question, a *answer[T], work func(context.Context) (T, int, error)) {
	a.err = errors.New("the work on an answer about the past ended early") // should work panic, nobody waits for ever
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.answers[q.key] == a {
			if a.err == nil && a.weight <= s.most {
				a.until = s.now().Add(q.lasts)
				s.order = append(s.order, q.key)
				s.weight += a.weight
			} else {
				delete(s.answers, q.key)
			}
		}
		close(a.done)
	}()
	var weight int
	a.value, weight, a.err = work(ctx)
	a.weight = weight + 1
	if errors.Is(ctx.Err(), context.DeadlineExceeded) && a.err != nil {
		a.err = mesh.Errorf(mesh.Unavailable, "the past could not be read within %v: shorten the window or the span: %w", s.within, a.err)
	}
}

// forget drops what is over, and the oldest while there is too much. The lock is held.
func (s *shared[T]) forget() {
	now := s.now()
	s.order = slices.DeleteFunc(s.order, func(key string) bool {
		a := s.answers[key]
		if now.Before(a.until) && s.weight <= s.most {
			return false
		}
		s.weight -= a.weight
		delete(s.answers, key)
		return true
	})
}
