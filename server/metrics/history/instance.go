package history

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/compression"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// instance is the library's database while it is open. It is replaced when its log failed, its clock was wrong or a part
// of it broke off; references to series are marked with its generation, because another one numbers them anew.
type instance struct {
	db         *tsdb.DB
	generation uint64
	registry   *prometheus.Registry
	users      sync.RWMutex // read by those who ask, written by whoever closes
	broken     atomic.Bool  // locks may be held for ever: it is left behind, not closed
}

// A reference of the library's takes 40 bits, the generation is in the twelve above 48, and the highest four are left to
// whoever wraps the store.
const (
	refBits     = 48
	generations = 1 << 12
)

func (i *instance) mark(ref storage.SeriesRef) storage.SeriesRef {
	return ref | storage.SeriesRef(i.generation<<refBits)
}

// unmark gives the library's reference, or zero when another instance gave it: the labels decide then.
func (i *instance) unmark(ref storage.SeriesRef) storage.SeriesRef {
	if uint64(ref)>>refBits != i.generation {
		return 0
	}
	return ref & (1<<refBits - 1)
}

// close waits for the questions under way and closes the database.
func (i *instance) close() error {
	i.users.Lock()
	return contained("closing the metrics store", i.db.Close)
}

// options are the library's. It compacts, checks and writes chunks out only when the store's upkeep tells it to, because
// its own loop ends the process when the disk is full.
func (o Options) library() *tsdb.Options {
	l := tsdb.DefaultOptions()
	l.RetentionDuration = o.Retention.Milliseconds()
	l.MaxBytes = o.MaxBytes
	l.MinBlockDuration = blockLength.Milliseconds()
	// Blocks as long as a tenth of the retention: longer ones are cheaper to read, shorter ones to let go of.
	l.MaxBlockDuration = max(l.MinBlockDuration, o.Retention.Milliseconds()/10)
	l.OutOfOrderTimeWindow = late.Milliseconds()
	l.OutOfOrderCapMax = 255
	l.WALSegmentSize = segmentBytes
	// The library's sizes are for millions of series and take ten megabytes before there is one.
	l.StripeSize = stripes
	l.HeadChunksWriteBufferSize = writeBuffer
	l.WALCompression = compression.Snappy
	l.NoLockfile = true // the store has its own, which outlives an instance
	l.BlockReloadInterval = 365 * 24 * time.Hour
	return l
}

// open opens the directory and makes it current. What cannot be read is set aside first and, if the log is at fault, on
// the way.
func (s *Store) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return query.Errorf(query.Canceled, "the start of the metrics store was given up: %w", err)
	}
	if err := s.setAsideBroken(); err != nil {
		return dirError(s.o.Dir, err)
	}
	s.trim(ctx)
	if err := s.room(); err != nil {
		return mesh.Errorf(mesh.Unavailable, "the metrics store cannot be opened: %w", err)
	}
	inst, err := s.start()
	if err != nil && !fromSystem(err) {
		s.o.Logger.ErrorContext(ctx, "the metrics log cannot be read and is set aside", "error", err)
		if err := s.setAside("log", "wal", "wbl", "chunks_head"); err != nil {
			return dirError(s.o.Dir, err)
		}
		inst, err = s.start()
	}
	if err != nil {
		return dirError(s.o.Dir, err)
	}
	if repaired(inst.registry) {
		s.lost(ctx, "the library's repair left out what follows the damage")
	}
	s.current.Store(inst)
	s.verdict.clear(down, logFailed)
	return nil
}

// trim cuts the log back to its last whole batch. A batch is smaller than half a megabyte; more that is cut off says that
// the log was damaged, not interrupted.
func (s *Store) trim(ctx context.Context) {
	const oneBatch = 512 << 10
	dropped, err := trim(filepath.Join(s.o.Dir, "wal"))
	switch {
	case err != nil:
		s.o.Logger.WarnContext(ctx, "the end of the metrics log could not be examined", "error", err)
	case dropped > oneBatch:
		s.lost(ctx, "its last "+size(dropped)+" could not be read")
	case dropped > 0:
		s.o.Logger.InfoContext(ctx, "the metrics log ended within a batch, which was cut off", "bytes", dropped)
	}
}

// lost says that samples are missing because the log was damaged. It is said until the next start.
func (s *Store) lost(ctx context.Context, how string) {
	s.o.Logger.ErrorContext(ctx, "the metrics log was damaged, samples are missing", "how", how)
	s.verdict.set(logLoss, "the metrics log was damaged, "+how+": up to the newest hour before the start is missing; check the disk")
}

// repaired tells whether the library found the log damaged while it read it.
func repaired(r *prometheus.Registry) bool {
	families, err := r.Gather()
	if err != nil {
		return false
	}
	for _, f := range families {
		if f.GetName() == "prometheus_tsdb_wal_corruptions_total" {
			return f.GetMetric()[0].GetCounter().GetValue() > 0
		}
	}
	return false
}

// start opens the library's database.
func (s *Store) start() (*instance, error) {
	registry := prometheus.NewRegistry()
	o := s.o.library()
	o.SeriesLifecycleCallback = s.limits.reset()
	var db *tsdb.DB
	err := contained("opening the metrics store", func() (err error) {
		db, err = tsdb.Open(s.o.Dir, quiet(s.o.Logger), registry, o, nil)
		return err
	})
	if err != nil {
		return nil, err
	}
	db.DisableCompactions()
	s.limits.enforce()
	s.tally.generation++
	return &instance{db: db, registry: registry, generation: s.tally.generation % generations}, nil
}

// reopen closes the instance and opens the directory again: after that the log is whole and the memory agrees with it.
// between runs while nothing is open; it may be nil. The caller holds upkeep.
func (s *Store) reopen(ctx context.Context, between func() error) error {
	s.commit.Lock()
	defer s.commit.Unlock()
	if old := s.current.Swap(nil); old != nil && !old.broken.Load() {
		if err := old.close(); err != nil {
			s.o.Logger.WarnContext(ctx, "the metrics store did not close cleanly", "error", err)
		}
	}
	var err error
	if between != nil {
		err = between()
	}
	if err == nil {
		err = s.open(ctx)
	}
	if err != nil {
		s.verdict.set(down, err.Error())
	}
	return err
}

// fromSystem tells whether the directory is at fault and not what is in it.
func fromSystem(err error) bool {
	for _, e := range []error{syscall.ENOSPC, syscall.EROFS, syscall.EACCES, syscall.EPERM, syscall.EMFILE, syscall.EDQUOT, syscall.ENOMEM, syscall.EFBIG} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}

// quiet passes on what the library warns of; its own story of every block is of no use to an operator.
func quiet(l *slog.Logger) *slog.Logger { return slog.New(atLeastWarn{l.Handler()}) }

type atLeastWarn struct{ slog.Handler }

// Enabled is for warnings and errors.
func (h atLeastWarn) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && h.Handler.Enabled(ctx, l)
}

// WithAttrs keeps the threshold.
func (h atLeastWarn) WithAttrs(a []slog.Attr) slog.Handler {
	return atLeastWarn{h.Handler.WithAttrs(a)}
}

// WithGroup keeps the threshold.
func (h atLeastWarn) WithGroup(name string) slog.Handler {
	return atLeastWarn{h.Handler.WithGroup(name)}
}
