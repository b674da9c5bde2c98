package record

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/metrics"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// store is a store that can fail. It keeps the times of its commits.
type store struct {
	real    storage.AppendableV2 // nil: samples are thrown away
	mu      sync.Mutex
	commits []time.Time
	full    bool
	refuse  string // a metric
}

func (s *store) AppenderV2(ctx context.Context) storage.AppenderV2 {
	a := &appender{store: s}
	if s.real != nil {
		a.AppenderV2 = s.real.AppenderV2(ctx)
	}
	return a
}

type appender struct {
	storage.AppenderV2
	store *store
}

func (a *appender) Append(
	ref storage.SeriesRef, l labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, o storage.AOptions,
) (storage.SeriesRef, error) {
	switch {
	case l.Get(model.MetricNameLabel) == a.store.refuse:
		return 0, storage.ErrOutOfOrderSample
	case a.AppenderV2 == nil:
		return 1, nil
	}
	return a.AppenderV2.Append(ref, l, st, t, v, h, fh, o)
}

func (a *appender) Commit() error {
	a.store.mu.Lock()
	defer a.store.mu.Unlock()
	a.store.commits = append(a.store.commits, time.Now())
	switch {
	case a.store.full:
		if a.AppenderV2 != nil {
			_ = a.AppenderV2.Rollback()
		}
		return syscall.ENOSPC
	case a.AppenderV2 == nil:
		return nil
	}
	return a.AppenderV2.Commit()
}

// TestCommitsEachSecond says that a crash can lose no more than a second, whatever the step, and that what was counted
// last is written when the recorder stops.
func TestCommitsEachSecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, l := &store{}, metrics.New(metrics.Options{})
		r := New(Options{Appendable: s, Live: l, Raw: true, Step: 5 * time.Second})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- r.Run(ctx) }()
		const proxies = 50 // so that someone has the turn in every second
		for i := range 60 * 2 {
			for n := range proxies {
				p := newEnvoy(strings.Repeat("n", 1+n), "1")
				p.answer("b", "2", float64(i))
				p.push(time.Now(), l, r)
			}
			time.Sleep(500 * time.Millisecond)
		}
		time.Sleep(300 * time.Millisecond)
		stop()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		for i := 1; i < len(s.commits); i++ {
			if gap := s.commits[i].Sub(s.commits[i-1]); gap > time.Second {
				t.Errorf("%s without a commit", gap)
			}
		}
		if n := len(s.commits); n < 60 || s.commits[n-1] != time.Now() {
			t.Errorf("%d commits, the last %s ago", n, time.Since(s.commits[n-1]))
		}
	})
}

// TestDiskFull says that a store which cannot write is told of once, costs no count, and goes on by itself.
func TestDiskFull(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, Options{Raw: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	s := &store{real: w.db}
	w.batch.to = s
	p := newEnvoy("a", "1")
	p.live()
	w.second(p)
	s.full = true
	for range 10 {
		p.answer("b", "2", 3)
		p.took("b", 7, 3)
		w.second(p)
	}
	if err := w.Counts().Err; !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("%v", err)
	}
	if e := w.live.Observe("m", 5*time.Second, w.now).Edges; len(e) != 1 || e[0].RequestRate < 2.9 {
		t.Errorf("the live view: %+v", e)
	}
	s.full = false
	for range 5 {
		p.answer("b", "2", 3)
		w.second(p)
	}
	if c := w.Counts(); c.Err != nil || c.Refused != 0 {
		t.Errorf("%+v", c)
	}
	if list := w.only("weir_edge_requests_total"); list[0] != "11:0" || list[1] != "12:33" || list[len(list)-1] != "16:45" {
		t.Errorf("%v", list)
	}
	if list := w.only("weir_edge_duration_seconds"); list[1] != "12:30/0.21[0 0 0 30 0 0 0 0 0 0 0 0 0]" {
		t.Errorf("%v", list)
	}
	if text := log.String(); strings.Count(text, "not being recorded") != 1 || strings.Count(text, "recorded again") != 1 || strings.Count(text, "\n") != 2 {
		t.Errorf("said: %s", text)
	}
}

// TestRefusals says that a sample which the store refuses keeps no other from being written.
func TestRefusals(t *testing.T) {
	var log bytes.Buffer
	w := newWorld(t, Options{Raw: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	w.batch.to = &store{real: w.db, refuse: metrics.EdgeRequests}
	p := newEnvoy("a", "1")
	p.live()
	w.second(p)
	for range 30 {
		p.answer("b", "2", 3)
		w.second(p)
	}
	if n := len(w.samples(name(metrics.EdgeRequests))); n != 0 {
		t.Errorf("%d series of what was refused", n)
	}
	if list := w.only("weir_edge_proxies"); len(list) != 30 {
		t.Errorf("%v", list)
	}
	if list := w.only("envoy_cluster_upstream_rq_xx"); len(list) != 31 {
		t.Errorf("%v", list)
	}
	if c := w.Counts(); c.Refused != 30 || c.Err != nil || strings.Count(log.String(), "\n") != 1 {
		t.Errorf("%+v, said: %s", c, log.String())
	}
}

// TestClockSetBack says that time which was there already is not written again, and that nothing stops for long.
func TestClockSetBack(t *testing.T) {
	w := newWorld(t, Options{Raw: true})
	p := newEnvoy("a", "1")
	for range 10 {
		w.second(p)
	}
	before := w.Counts()
	w.now = w.now.Add(-5 * time.Second)
	for range 5 {
		w.second(p)
	}
	if c := w.Counts(); c != before {
		t.Errorf("%+v, before %+v", c, before)
	}
	w.second(p)
	if c := w.Counts(); c.Samples == before.Samples || c.Refused != 0 {
		t.Errorf("%+v", c)
	}
	// By an hour: the store refuses what is older than it has, and each is counted.
	w.now = w.now.Add(-time.Hour)
	for range 3 {
		w.second(p)
	}
	if c := w.Counts(); c.Refused == 0 || c.Err != nil {
		t.Errorf("%+v", c)
	}
	w.now = w.now.Add(2 * time.Hour)
	after := w.Counts()
	w.second(p)
	if c := w.Counts(); c.Samples == after.Samples {
		t.Errorf("%+v", c)
	}
}

// TestConcurrency pushes, disconnects, reads and writes at once; the race detector is the judge.
func TestConcurrency(t *testing.T) {
	w := newWorld(t, Options{Raw: true, SeriesLimit: 60, ProxyLimit: 10})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			p := newEnvoy("a", string(rune('0'+i/2))) // two at a time have one name
			at := begin()
			for n := range 100 {
				at = at.Add(500 * time.Millisecond)
				p.answer(string(rune('b'+n%7)), "2", 1)
				p.took("b", 3, 1)
				p.push(at, w.live, w.Recorder)
				if n%30 == 29 {
					w.gone(p)
				}
				w.Over(p.src)
				w.Counts()
			}
		})
	}
	for i := range 100 {
		w.write(t.Context(), begin().Add(time.Duration(i)*time.Second).UnixMilli(), false)
	}
	wg.Wait()
	for range 20 {
		w.second(newEnvoy("b", "1"))
	}
	sum := 0
	for _, p := range w.proxies {
		sum += len(p.series)
	}
	if c := w.Counts(); c.Raw != sum || c.Err != nil {
		t.Errorf("%+v, %d series", c, sum)
	}
}
