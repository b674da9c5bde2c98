// Package event is typed publish and subscribe inside the process. A slow subscriber never holds up a publisher: what
// it has no room for, it misses, and it learns that it did.
package event

import "sync"

// Bus carries values of one type. The zero value is ready for use.
type Bus[T any] struct {
	mu   sync.Mutex
	subs map[*Subscription[T]]struct{}
}

// Subscription receives what is published after Subscribe.
type Subscription[T any] struct {
	C      <-chan T
	ch     chan T
	bus    *Bus[T]
	missed bool // under bus.mu
}

// Subscribe begins a subscription with room for that many values. Close it when done.
func (b *Bus[T]) Subscribe(room int) *Subscription[T] {
	ch := make(chan T, room)
	s := &Subscription[T]{C: ch, ch: ch, bus: b}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.subs == nil {
		b.subs = make(map[*Subscription[T]]struct{})
	}
	b.subs[s] = struct{}{}
	return s
}

// Publish hands v to every subscription that has room and never blocks.
func (b *Bus[T]) Publish(v T) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for s := range b.subs {
		select {
		case s.ch <- v:
		default:
			s.missed = true
		}
	}
}

// Missed says whether values were lost since it was last asked.
func (s *Subscription[T]) Missed() bool {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	missed := s.missed
	s.missed = false
	return missed
}

// Close ends the subscription; C is closed. Closing twice is fine.
func (s *Subscription[T]) Close() {
	s.bus.mu.Lock()
	defer s.bus.mu.Unlock()
	if _, ok := s.bus.subs[s]; ok {
		delete(s.bus.subs, s)
		close(s.ch)
	}
}
