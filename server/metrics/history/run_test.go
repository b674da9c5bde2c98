package history

import (
	"context"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/tsdb/record"
	"github.com/prometheus/prometheus/tsdb/wlog"
	"github.com/prometheus/prometheus/util/compression"

	"github.com/weirmesh/weir/server/metrics/query"
)

func TestRun(t *testing.T) {
	s := openStore(t, Options{})
	appendAll(t, s, floatOf(time.Now(), 1, "__name__", "up"))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	for deadline := time.Now().Add(time.Minute); s.Status().Store.Bytes == 0; {
		if time.Now().After(deadline) {
			t.Fatal("nobody looked at the disk")
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestManyAtOnce writes and asks while the store is opened again under the hands of all: what was committed is there.
func TestManyAtOnce(t *testing.T) {
	base := time.Now().Add(-30 * time.Minute).UnixMilli()
	s := openStore(t, Options{Concurrency: 8})
	var stored [4]int
	var users sync.WaitGroup
	for w := range stored {
		users.Go(func() {
			for n := 1; n <= 150; n++ {
				if tryAppend(s, floatOf(batchAt(base, n), float64(n), "__name__", "written", "w", strconv.Itoa(w)), latency(batchAt(base, n), int64(n), "__name__", "took", "w", strconv.Itoa(w))) == nil {
					stored[w]++
				}
			}
		})
	}
	for range 2 {
		users.Go(func() {
			for range 50 {
				if _, err := s.Query(t.Context(), `sum(rate(written[10m])) + sum(histogram_count(rate(took[10m])))`, batchAt(base, 160)); err != nil {
					t.Error(err)
				}
				if _, _, err := s.Series(t.Context(), query.Selection{Match: []string{`written`}}); err != nil {
					t.Error(err)
				}
				s.Status()
			}
		})
	}
	for range 4 {
		s.upkeep.Lock()
		err := s.reopen(t.Context(), nil)
		s.upkeep.Unlock()
		if err != nil {
			t.Error(err)
		}
		s.tend(t.Context())
	}
	users.Wait()
	total := 0.0
	for w, n := range stored {
		total += float64(n)
		for _, metric := range []string{"written", "took"} {
			if n > 0 {
				want(t, s, `count_over_time(`+metric+`{w="`+strconv.Itoa(w)+`"}[10m])`, batchAt(base, 160), float64(n))
			}
		}
	}
	if total < 100 {
		t.Errorf("only %v batches were stored", total)
	}
}

// TestTrim cuts nothing off a log that is whole, and everything behind the last seal off one that goes on in another
// segment.
func TestTrim(t *testing.T) {
	base := time.Now().Add(-30 * time.Minute).UnixMilli()
	s := openStore(t, Options{})
	for n := 1; n <= 3; n++ {
		appendAll(t, s, batch(base, n)...)
	}
	open := copyOf(t, s)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for name, dir := range map[string]string{"of a crash": open, "of a clean end": s.o.Dir} {
		if n, err := trim(filepath.Join(dir, "wal")); n != 0 || err != nil {
			t.Errorf("%d bytes were cut off a whole log %s, %v", n, name, err)
		}
	}
	log, err := wlog.New(nil, nil, filepath.Join(open, "wal"), compression.Snappy)
	if err != nil {
		t.Fatal(err)
	}
	var encoder record.Encoder
	series := encoder.Series([]record.RefSeries{{Ref: chunks.HeadSeriesRef(99_999), Labels: labels.FromStrings("__name__", "half")}}, nil)
	samples := encoder.Samples([]record.RefSample{{Ref: 99_999, T: batchAt(base, 4).UnixMilli(), V: 4}}, nil)
	if err := log.Log(series, samples); err != nil {
		t.Fatal(err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := trim(filepath.Join(open, "wal")); n == 0 || err != nil {
		t.Errorf("%d bytes were cut off a log with half a batch, %v", n, err)
	}
	again := openStore(t, Options{Dir: open})
	if _, there := valueOf(t, again, `half`, batchAt(base, 4)); there {
		t.Error("half a batch is there")
	}
	checkBatches(t, again, base, 3)
	if n, err := trim(t.TempDir()); n != 0 || err != nil {
		t.Errorf("an empty folder: %d, %v", n, err)
	}
	if n, err := trim(filepath.Join(t.TempDir(), "none")); n != 0 || err != nil {
		t.Errorf("no folder: %d, %v", n, err)
	}
}
