package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/prometheus/prometheus/tsdb"
)

// interval is how often the store looks after itself.
const interval = 15 * time.Second

// Run looks after the store until ctx ends: it writes blocks, merges them and lets go of the oldest, watches the disk
// and the clock, checks one block after the other for damage and opens the store again when its log failed. Without it
// samples are taken in and questions answered, and memory and log grow.
func (s *Store) Run(ctx context.Context) error {
	tick := time.NewTicker(interval)
	defer tick.Stop()
	checked := map[string]bool{}
	s.tend(ctx)
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
			s.tend(ctx)
			s.checkNext(ctx, checked)
		}
	}
}

// tend looks after the store once.
func (s *Store) tend(ctx context.Context) {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	if s.verdict.first(closed) != "" {
		return
	}
	s.measure()
	s.reviewAside()
	if low := s.lowSpace(); low != "" {
		return
	}
	s.recover(ctx)
	inst := s.current.Load()
	if inst == nil || s.behind(ctx, inst) {
		return
	}
	s.compact(ctx, inst)
	s.recover(ctx)
}

// recover opens the store again when it is down or its log failed.
func (s *Store) recover(ctx context.Context) {
	why := s.verdict.first(down, logFailed)
	if why == "" {
		return
	}
	if err := s.room(); err != nil {
		return // Status says so already; meanwhile what is open answers questions
	}
	if err := s.reopen(ctx, nil); err != nil {
		s.o.Logger.ErrorContext(ctx, "the metrics store cannot be opened again", "error", err)
		return
	}
	s.o.Logger.InfoContext(ctx, "the metrics store takes samples again", "after", why)
}

// compact writes what is old enough out of the memory, merges blocks and lets go of those that are too old or too much.
func (s *Store) compact(ctx context.Context, inst *instance) {
	err := s.contain(inst, "writing metrics to the disk", func() error {
		if err := s.probe(); err != nil {
			return fmt.Errorf("%w: %w", errNoRoom, err)
		}
		inst.db.ForceHeadMMap()
		return inst.db.Compact(ctx)
	})
	switch {
	case ctx.Err() != nil:
	case err == nil:
		s.verdict.clear(compaction)
	default:
		s.o.Logger.ErrorContext(ctx, "metrics cannot be written to blocks", "error", err)
		s.verdict.set(compaction, "metrics cannot be written to blocks and stay in memory: "+err.Error())
		if !errors.Is(err, errNoRoom) {
			s.blame(ctx, inst)
		}
	}
}

// blame looks for the damaged block on account of which the others cannot be merged.
func (s *Store) blame(ctx context.Context, inst *instance) {
	if inst.broken.Load() {
		return
	}
	if err := s.setAsideBroken(); err != nil {
		s.o.Logger.ErrorContext(ctx, "damaged blocks of metrics cannot be set aside", "error", err)
	}
	for _, block := range inst.db.Blocks() {
		s.check(ctx, inst, block)
	}
}

// contain runs a part of the library that may break off. The instance is left behind then, for another to be opened.
func (s *Store) contain(inst *instance, what string, f func() error) error {
	err := contained(what, f)
	if brokeOff(err) {
		s.commit.Lock()
		defer s.commit.Unlock()
		inst.broken.Store(true)
		s.verdict.set(logFailed, err.Error()+": samples are dropped until the store has been opened again")
	}
	return err
}

// behind tells whether the clock is behind the newest sample by more than samples may be late: then nothing that comes
// can be stored, and compacting would take the future for the present. After a while it rewinds the store.
func (s *Store) behind(ctx context.Context, inst *instance) bool {
	now, newest := s.o.Now(), inst.db.Head().MaxTime()
	if newest == math.MinInt64 || newest <= now.Add(late).UnixMilli() {
		s.verdict.clear(clockBehind)
		s.verdict.since = time.Time{}
		return false
	}
	s.verdict.set(clockBehind, clockWords(now, newest))
	if s.verdict.since.IsZero() {
		s.verdict.since = time.Now()
	}
	if time.Since(s.verdict.since) < s.patience {
		return true
	}
	if _, maxt, ok := spanOf(inst.db.Blocks()); ok && maxt > now.Add(ahead).UnixMilli() {
		s.verdict.set(clockBehind, clockWords(now, newest)+"; there are blocks of that time too: set the clock or, if it is right now, stop Weir and move those blocks away")
		return true
	}
	if err := s.rewind(ctx, inst, now); err != nil {
		s.o.Logger.ErrorContext(ctx, "the metrics store could not be rewound", "error", err)
		return true
	}
	return false
}

func clockWords(now time.Time, newest int64) string {
	return fmt.Sprintf("the clock says %s and the newest sample is of %s: samples are refused until the clock is right",
		utc(now.UnixMilli()), utc(newest))
}

// rewind keeps the samples up to now as a block, sets the log with those of the future aside and begins a new one. The
// clock was wrong when they were stored, or it is wrong now: so they are kept.
func (s *Store) rewind(ctx context.Context, inst *instance, now time.Time) error {
	mint := inst.db.Head().MinTime()
	if mint <= now.UnixMilli() {
		past := tsdb.NewRangeHead(inst.db.Head(), mint, now.UnixMilli())
		if err := s.contain(inst, "keeping the samples up to now", func() error { return inst.db.CompactHead(past) }); err != nil {
			return err
		}
	}
	err := s.reopen(ctx, func() error { return s.setAside("future", "wal", "wbl", "chunks_head") })
	if err != nil {
		return err
	}
	s.o.Logger.WarnContext(ctx, "the clock went back: samples of the future were set aside", "now", now)
	s.reviewAside()
	s.verdict.clear(clockBehind)
	s.verdict.since = time.Time{}
	return nil
}

// checkNext reads one block that was not checked since the start.
func (s *Store) checkNext(ctx context.Context, checked map[string]bool) {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	inst := s.current.Load()
	if inst == nil {
		return
	}
	for _, block := range inst.db.Blocks() {
		if id := block.Meta().ULID.String(); !checked[id] {
			checked[id] = true
			s.check(ctx, inst, block)
			return
		}
	}
}
