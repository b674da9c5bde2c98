// Package history is the embedded store of metrics: Prometheus' storage and PromQL engine behind limits, so that neither
// a sender nor a question can take the process down. What was committed survives a crash of the process; a power cut may
// cost what the system had not written yet, half a minute on Linux. Damaged parts are set aside and said, never fatal.
// It neither collects samples nor knows what they mean.
package history

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gofrs/flock"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/weirmesh/weir/server/mesh"
)

// Store keeps samples and answers questions. It may be used from everywhere at once.
type Store struct {
	o       Options
	lock    *flock.Flock
	own     *prometheus.Registry
	engine  *promql.Engine
	parser  parser.Parser
	turns   chan struct{} // one for each question that runs
	waiting atomic.Int64
	tally   tally
	limits  *limits

	current  atomic.Pointer[instance]
	commit   sync.Mutex    // one batch at a time, so that the log shows where each ends; held while the store is opened again
	upkeep   sync.Mutex    // one who compacts, checks, sets aside or opens again
	free     gauge         // bytes on the disk
	verdict  verdict       // what is wrong, as the last upkeep saw it
	patience time.Duration // until a rewind
	asked    atomic.Pointer[success]
}

// Open opens the store in o.Dir, where no other process may have it open. A log that ends in mid-write is cut back to the
// last whole batch; blocks and logs that cannot be read are set aside. On a full disk the store is down until Run finds
// room. Errors: mesh.Invalid for options without sense,
// mesh.Conflict when another process has the store, mesh.Unavailable when the directory cannot be used.
func Open(ctx context.Context, o Options) (*Store, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	lock, err := lockDir(o.Dir)
	if err != nil {
		return nil, err
	}
	s := &Store{o: o, lock: lock, own: prometheus.NewRegistry(), turns: make(chan struct{}, o.Concurrency), patience: patience}
	s.parser = parser.NewParser(parser.Options{EnableExperimentalFunctions: true})
	s.engine = promql.NewEngine(promql.EngineOpts{
		Logger: quiet(o.Logger), Reg: s.own, MaxSamples: o.MaxSamples, Timeout: o.Timeout, LookbackDelta: o.Lookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return max(o.Step, 5*time.Second).Milliseconds() },
		EnableAtModifier:         true, EnableNegativeOffset: true, Parser: s.parser,
	})
	s.limits = newLimits(o.SeriesLimit, o.LabelValues, &s.tally)
	switch err := s.open(ctx); {
	case errors.Is(err, errNoRoom), errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		// A full disk must not keep Weir from starting: the store is down until Run finds that there is room again.
		o.Logger.ErrorContext(ctx, "the metrics store is down", "error", err)
		s.verdict.set(down, err.Error())
	case err != nil:
		return nil, errors.Join(err, lock.Unlock())
	}
	s.measure()
	if o.Registerer != nil {
		s.tally.register(s.own)
		if err := o.Registerer.Register(collector{s}); err != nil {
			return nil, errors.Join(mesh.Errorf(mesh.Internal, "the metrics store's own metrics cannot be registered: %w", err), s.Close())
		}
	}
	return s, nil
}

// Close writes out what is in memory and lets go of the directory. Batches and questions that are under way end first;
// later ones are refused.
func (s *Store) Close() error {
	s.upkeep.Lock()
	defer s.upkeep.Unlock()
	s.commit.Lock()
	defer s.commit.Unlock()
	inst := s.current.Swap(nil)
	s.verdict.set(closed, "the metrics store is closed")
	var err error
	if inst != nil {
		err = inst.close()
	}
	if err != nil {
		err = mesh.Errorf(mesh.Unavailable, "the metrics store in %s did not end cleanly, the next start repairs it: %w", s.o.Dir, err)
	}
	return errors.Join(err, s.lock.Unlock())
}

// lockDir makes the directory if need be and locks it, with the file that Prometheus uses for it too.
func lockDir(dir string) (*flock.Flock, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, dirError(dir, err)
	}
	lock := flock.New(filepath.Join(dir, "lock"), flock.SetPermissions(0o600))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, dirError(dir, err)
	}
	if !ok {
		return nil, mesh.Errorf(mesh.Conflict, "the metrics store in %s is in use by another process: stop that one, or name another directory", dir)
	}
	return lock, nil
}

func dirError(dir string, err error) error {
	switch {
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS):
		return mesh.Errorf(mesh.Unavailable, "the directory of the metrics store %s is not writable: give this user the right, or name another: %w", dir, err)
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, os.ErrExist):
		return mesh.Errorf(mesh.Invalid, "the directory of the metrics store %s is not a directory: name another: %w", dir, err)
	case errors.Is(err, syscall.ENOSPC):
		return mesh.Errorf(mesh.Unavailable, "the disk of the metrics store %s is full: free some space: %w", dir, err)
	}
	return mesh.Errorf(mesh.Unavailable, "the metrics store in %s cannot be opened: %w", dir, err)
}

// contained runs f and makes an error of a panic: the library panics where a disk fails in the middle of a chunk.
func contained(what string, f func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &panicked{what, p}
		}
	}()
	return f()
}

// panicked is the error of a part that broke off and may have left locks behind.
type panicked struct {
	what  string
	cause any
}

func (p *panicked) Error() string { return fmt.Sprintf("%s broke off: %v", p.what, p.cause) }

func brokeOff(err error) bool {
	var p *panicked
	return errors.As(err, &p)
}

// collector shows the store's metrics and those of whatever instance is open. It describes none of them, because they
// change hands when the store is opened again.
type collector struct{ s *Store }

// Describe says nothing, which makes the collector an unchecked one.
func (collector) Describe(chan<- *prometheus.Desc) {}

// Collect sends the metrics of the open store; none when it is closed.
func (c collector) Collect(to chan<- prometheus.Metric) {
	if inst := c.s.current.Load(); inst != nil {
		c.s.own.Collect(to)
		inst.registry.Collect(to)
	}
}
