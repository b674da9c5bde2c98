package history

import (
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/storage"
)

// The reasons for which a sample is not stored.
const (
	tooOld = iota
	outOfOrder
	doubled
	inFuture
	malformed
	overSeries // from here on: dropped because of a limit, not refused
	overLabel
	overValues
	notStored // the disk is full, or the store is being opened again
	reasons
)

// tally counts what came and what became of it.
type tally struct {
	samples    atomic.Uint64
	by         [reasons]atomic.Uint64
	generation uint64 // of instances so far

	mu    sync.Mutex
	words [reasons]string
	last  [reasons]time.Time // by the monotonic clock: when the words were last true
}

// refuse counts an error of the library.
func (t *tally) refuse(err error) {
	switch {
	case errors.Is(err, errLimit): // counted where it was decided
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		t.by[doubled].Add(1)
	case errors.Is(err, storage.ErrTooOldSample), errors.Is(err, storage.ErrOutOfBounds):
		t.by[tooOld].Add(1)
	case errors.Is(err, storage.ErrOutOfOrderSample):
		t.by[outOfOrder].Add(1)
	default:
		t.by[malformed].Add(1)
	}
}

// drop counts one sample and keeps the words for Status, new ones once a second.
func (t *tally) drop(reason int, words func() string) {
	t.by[reason].Add(1)
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); now.Sub(t.last[reason]) > time.Second {
		t.words[reason], t.last[reason] = words(), now
	}
}

// recent gives the words that were true within d.
func (t *tally) recent(d time.Duration) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var words []string
	for reason, at := range t.last {
		if !at.IsZero() && time.Since(at) < d {
			words = append(words, t.words[reason])
		}
	}
	return words
}

func (t *tally) sum(from, to int) (n uint64) {
	for reason := from; reason < to; reason++ {
		n += t.by[reason].Load()
	}
	return n
}

func (t *tally) refused() uint64 { return t.sum(tooOld, overSeries) }
func (t *tally) dropped() uint64 { return t.sum(overSeries, reasons) }

func (t *tally) register(r prometheus.Registerer) {
	r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "weir_history_samples_total", Help: "Samples stored.",
	}, func() float64 { return float64(t.samples.Load()) }))
	names := [reasons]string{
		"too_old", "out_of_order", "duplicate", "future", "malformed", "series_limit", "label_length", "label_values", "unavailable",
	}
	for reason, name := range names {
		r.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "weir_history_samples_lost_total", Help: "Samples not stored, by reason.", ConstLabels: prometheus.Labels{"reason": name},
		}, func() float64 { return float64(t.by[reason].Load()) }))
	}
}
