package history

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmesh/weir/server/metrics/query"
)

// The things that can be wrong with the store, worst first.
const (
	closed = iota
	down
	logFailed
	clockBehind
	compaction
	logLoss
	aside
	wrongs
)

// verdict is what is wrong, in words.
type verdict struct {
	mu    sync.Mutex
	words [wrongs]string
	since time.Time // the clock is behind; of whoever holds upkeep
	state query.State
	began time.Time // that state
}

// turned keeps when the state last became another one, and gives that time.
func (v *verdict) turned(to query.State, now time.Time) time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.state != to {
		v.state, v.began = to, now
	}
	return v.began
}

func (v *verdict) set(what int, words string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.words[what] = words
}

func (v *verdict) clear(what ...int) {
	for _, w := range what {
		v.set(w, "")
	}
}

// first gives the words of the first of these that is wrong.
func (v *verdict) first(what ...int) string {
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, w := range what {
		if v.words[w] != "" {
			return v.words[w]
		}
	}
	return ""
}

// gauge is a number that is measured at most once a second, and others that upkeep measures.
type gauge struct {
	at    atomic.Int64 // ns of the monotonic clock since base
	free  atomic.Int64 // bytes on the disk for this user; negative: not known
	bytes atomic.Int64 // that the store takes

	once sync.Once
	base time.Time
}

// due tells whether a second has passed since it last said so.
func (g *gauge) due() bool {
	g.once.Do(func() { g.base = time.Now() })
	now, last := int64(time.Since(g.base)), g.at.Load()
	return (last == 0 || now-last > int64(time.Second)) && g.at.CompareAndSwap(last, now+1)
}
