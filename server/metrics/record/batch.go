package record

import (
	"context"
	"log/slog"
	"math"
	"sync"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
)

// series is one series in the store.
type series struct {
	labels labels.Labels
	ref    storage.SeriesRef // the store's own name for it
	epoch  uint32            // of the batch that ref is from
	begun  bool              // it has a sample
}

// portion is how many samples are committed together: the store's buffers grow to the largest, and stay.
const portion = 5000

// batch is what is written in one second, a portion at a time.
type batch struct {
	to    storage.AppendableV2
	step  int64 // ms
	limit int64 // of series
	count *tally
	epoch uint32 // one more after each failed commit: what the store told until then may not hold

	ctx     context.Context
	app     storage.AppenderV2 // nil between two portions
	open    int                // samples of this portion that were tried
	good    uint64             // and taken
	failed  error              // the first commit that failed
	t       int64              // of all samples, in ms
	from    int64              // the time of the batch before
	all     bool               // it is everyone's turn
	begun   []*series
	samples uint64
	refused uint64
	err     error // the first refusal
}

func (b *batch) start(ctx context.Context, t int64, all bool) {
	b.from = b.t
	if b.from == 0 || b.from > t {
		b.from = t - tick.Milliseconds()
	}
	b.ctx, b.t, b.all = ctx, t, all
	b.samples, b.refused, b.err, b.failed = 0, 0, nil, nil
}

// due says whether a turn has come since the batch before. A batch that came late does not leave any out.
func (b *batch) due(turn int64) bool {
	nth := func(t int64) int64 { return (t - turn*tick.Milliseconds()) / b.step }
	return b.all || nth(b.t) > nth(b.from)
}

// commit ends a portion. After a failure nothing of it is known to be stored.
func (b *batch) commit() {
	if b.app == nil {
		return
	}
	err := b.app.Commit()
	if err == nil {
		b.samples += b.good
	} else {
		if b.failed == nil {
			b.failed = err
		}
		b.epoch++
		for _, s := range b.begun {
			s.begun = false
		}
	}
	b.app, b.open, b.good = nil, 0, 0
	clear(b.begun)
	b.begun = b.begun[:0]
}

// done ends the second.
func (b *batch) done() error {
	b.commit()
	b.ctx = nil
	b.count.add(b, b.failed)
	return b.failed
}

// put appends to the portion, and commits it when it is full. A store that takes late samples must not take these: a
// counter's value among later ones would look like a restart.
func (b *batch) put(s *series, t int64, v float64, h *histogram.Histogram) (storage.SeriesRef, error) {
	if b.open >= portion {
		b.commit()
	}
	if b.app == nil {
		b.app = b.to.AppenderV2(b.ctx)
	}
	ref := s.ref
	if s.epoch != b.epoch {
		ref = 0
	}
	b.open++
	return b.app.Append(ref, s.labels, 0, t, v, h, nil, storage.AOptions{RejectOutOfOrder: true})
}

// counter writes a float counter. If it began at zero, the zero is written one step before its first sample: otherwise
// rate and increase would not see what it counted until then.
func (b *batch) counter(s *series, v float64, fromZero bool) {
	if !s.begun && fromZero {
		b.zero(s, nil)
	}
	b.append(s, v, nil)
}

// gauge writes a float.
func (b *batch) gauge(s *series, v float64) { b.append(s, v, nil) }

// histogram writes a histogram, which always began at zero.
func (b *batch) histogram(s *series, o *output, d distribution) {
	h := o.fill(d, b.epoch)
	if !s.begun {
		b.zero(s, zeroOf(h))
	}
	if b.append(s, 0, h) {
		o.taken()
	}
}

// zero is refused when the store has newer samples, and then it is not needed.
func (b *batch) zero(s *series, h *histogram.Histogram) {
	if ref, err := b.put(s, b.t-b.step, 0, h); err == nil && ref != 0 {
		s.ref, s.epoch = ref, b.epoch
	}
}

// stale says that a series has ended.
func (b *batch) stale(s *series) {
	if s.begun {
		b.append(s, math.Float64frombits(value.StaleNaN), nil)
	}
}

// append writes one sample. That the store refuses it, with an error or by giving no reference, never keeps another from
// being written.
func (b *batch) append(s *series, v float64, h *histogram.Histogram) bool {
	ref, err := b.put(s, b.t, v, h)
	if err != nil || ref == 0 {
		b.refused++
		if b.err == nil {
			b.err = err
		}
		return false
	}
	s.ref, s.epoch = ref, b.epoch
	b.good++
	if !s.begun {
		s.begun = true
		b.begun = append(b.begun, s)
	}
	return true
}

// room takes the place of another series of an edge or node, if there is one.
func (b *batch) room() bool {
	if b.count.rollups.Add(1) <= b.limit {
		return true
	}
	b.count.rollups.Add(-1)
	b.count.dropped.Add(1)
	return false
}

// tally counts for people and programs.
type tally struct {
	samples, refused, dropped atomic.Uint64
	rollups, raw              atomic.Int64 // series
	flows                     atomic.Int64 // edges and nodes
	bounds                    shared

	mu  sync.Mutex
	err error
}

func (c *tally) add(b *batch, err error) {
	c.samples.Add(b.samples)
	c.refused.Add(b.refused)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.err = err
}

// used is the series that there are, with room for those that edges which are known will have.
func (c *tally) used() int64 { return max(c.rollups.Load(), c.flows.Load()*typical) + c.raw.Load() }

// typical is how many series an edge comes to have.
const typical = 16

func (c *tally) failure() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// sayAgain is how long a trouble that comes and goes is not told again, in ms.
const sayAgain = 60_000

// said tells a trouble when it begins and when it is over, not with every sample.
type said struct {
	log      *slog.Logger
	failing  bool
	refusing bool
	refuseAt int64
}

func (s *said) tell(t int64, b *batch, err error) {
	if failing := err != nil; failing != s.failing {
		s.failing = failing
		if failing {
			s.log.Error("metrics are not being recorded; trying again every second, the live view goes on", "err", err)
		} else {
			s.log.Info("metrics are being recorded again")
		}
	}
	refusing := b.err != nil && err == nil
	if refusing && !s.refusing && t-s.refuseAt >= sayAgain {
		s.refuseAt = t
		s.log.Warn("the store refused samples; those of other series and times are recorded", "samples", b.refused, "err", b.err)
	}
	s.refusing = refusing
}
