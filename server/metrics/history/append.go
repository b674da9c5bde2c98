package history

import (
	"context"
	"fmt"
	"math"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/weirmesh/weir/server/mesh"
)

// Appendable takes samples in. A sample that cannot be stored is counted and left out, and its batch goes on: Append
// returns no error for it and the reference zero. Labels are to be given with every sample, also beside a reference.
// Commit fails with mesh.Unavailable when the batch was not stored: the disk is full or the store is being opened again.
func (s *Store) Appendable() storage.AppendableV2 { return appendable{s} }

type appendable struct{ s *Store }

// AppenderV2 begins a batch.
func (a appendable) AppenderV2(ctx context.Context) storage.AppenderV2 {
	s := a.s
	now := s.o.Now()
	batch := &appender{s: s, latest: now.Add(ahead).UnixMilli(), earliest: math.MinInt64, newest: math.MinInt64}
	inst := s.current.Load()
	if inst == nil || s.unwritable() != "" {
		return batch
	}
	if inst.db.Head().MaxTime() == math.MinInt64 {
		batch.earliest = now.Add(-oldest).UnixMilli()
	}
	batch.inst, batch.to = inst, inst.db.AppenderV2(ctx)
	return batch
}

// appender is one batch. It is of one goroutine, and of one instance.
type appender struct {
	s                *Store
	inst             *instance
	to               storage.AppenderV2 // nil: nothing can be stored now
	latest, earliest int64              // ms since 1970
	newest           int64
	n, lost          uint64
}

// Append adds a sample to the batch or counts why not.
func (a *appender) Append(
	ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, o storage.AOptions,
) (storage.SeriesRef, error) {
	if a.to == nil || a.inst.broken.Load() || a.inst != a.s.current.Load() {
		a.lost++
		return 0, nil
	}
	if t > a.latest {
		a.s.tally.drop(inFuture, func() string {
			return fmt.Sprintf("samples of more than %s in the future are refused: set the clock of the machine that sends them, or of this one", ahead)
		})
		return 0, nil
	}
	if t < a.earliest {
		a.s.tally.by[tooOld].Add(1)
		return 0, nil
	}
	got, err := a.to.Append(a.inst.unmark(ref), ls, st, t, v, h, fh, o)
	if err != nil {
		a.s.tally.refuse(err)
		return 0, nil
	}
	a.n++
	a.newest = max(a.newest, t)
	return a.inst.mark(got), nil
}

// Commit stores the batch, whole or not at all.
func (a *appender) Commit() error {
	s := a.s
	s.commit.Lock()
	defer s.commit.Unlock()
	if why := a.refused(); why != "" {
		s.tally.by[notStored].Add(a.n + a.lost)
		err := mesh.Errorf(mesh.Unavailable, "%d samples were not stored: %s", a.n+a.lost, why)
		a.discard()
		return err
	}
	if a.n > 0 {
		a.seal()
	}
	if err := contained("writing to the metrics store", a.to.Commit); err != nil {
		s.tally.by[notStored].Add(a.n)
		if brokeOff(err) {
			a.inst.broken.Store(true)
		}
		// A record may have been written in part. More behind it would be lost with the next start, so the log is
		// left alone until it has been repaired.
		s.verdict.set(logFailed, "the metrics log could not be written ("+err.Error()+"): samples are dropped until it can; free space on the disk of "+s.o.Dir)
		return mesh.Errorf(mesh.Unavailable, "%d samples were not stored: %w", a.n, err)
	}
	s.tally.samples.Add(a.n)
	return nil
}

// Rollback gives the batch up.
func (a *appender) Rollback() error {
	a.s.commit.Lock()
	defer a.s.commit.Unlock()
	a.discard()
	return nil
}

// refused says why the batch cannot be stored; it is empty when it can.
func (a *appender) refused() string {
	if why := a.s.unwritable(); why != "" {
		return why
	}
	if a.to == nil || a.inst != a.s.current.Load() {
		return "the metrics store was being opened again; the next batch is stored"
	}
	return ""
}

// discard lets go of the batch. What goes wrong with that has no consequence: the instance is gone or about to be.
func (a *appender) discard() {
	if a.to == nil || a.inst.broken.Load() {
		return
	}
	if brokeOff(contained("giving up a batch of samples", a.to.Rollback)) {
		a.inst.broken.Store(true)
	}
	a.to = nil
}

// seal ends the batch with a sample that the library writes into the last record of the batch, whatever else is in it.
// It has the time of the newest sample there is, so that it is never refused, and always the same value.
func (a *appender) seal() {
	t := max(a.newest, a.inst.db.Head().MaxTime())
	if _, err := a.to.Append(0, labels.FromStrings(model.MetricNameLabel, commitMarker), 0, t, 0, nil, marker(), storage.AOptions{}); err != nil {
		a.s.o.Logger.Warn("a batch of samples could not be sealed", "error", err)
	}
}

// unwritable says why nothing can be stored now; it is empty when something can.
func (s *Store) unwritable() string {
	if why := s.verdict.first(closed, down, logFailed); why != "" {
		return why
	}
	return s.lowSpace()
}
