package history

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/metrics/query"
)

// childEnv names the work of a child process: this test binary, started again.
const childEnv = "WEIR_HISTORY_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "write":
		os.Exit(writeUntilKilled())
	case "full":
		os.Exit(fillTheDisk())
	}
	goleak.VerifyTestMain(m)
}

// clock is a wall clock that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) move(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

func newClock() *clock { return &clock{t: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)} }

// openStore opens a store that is closed with the test.
func openStore(t testing.TB, o Options) *Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	s, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// sample is one sample of a batch: a number, or a histogram when there is one.
type sample struct {
	labels labels.Labels
	at     time.Time
	v      float64
	h      *histogram.Histogram
}

func floatOf(at time.Time, v float64, l ...string) sample {
	return sample{labels.FromStrings(l...), at, v, nil}
}

// latency is a cumulative histogram with custom buckets, 0.1 s and 1 s, and n answers in each of its three buckets.
func latency(at time.Time, n int64, l ...string) sample {
	return sample{labels.FromStrings(l...), at, 0, &histogram.Histogram{
		Schema: histogram.CustomBucketsSchema, Count: uint64(3 * n), Sum: 2 * float64(n), CustomValues: []float64{0.1, 1},
		PositiveSpans: []histogram.Span{{Offset: 0, Length: 3}}, PositiveBuckets: []int64{n, 0, 0},
	}}
}

// tryAppend commits one batch.
func tryAppend(s *Store, samples ...sample) error {
	app := s.Appendable().AppenderV2(context.Background())
	for _, x := range samples {
		if _, err := app.Append(0, x.labels, 0, x.at.UnixMilli(), x.v, x.h, nil, storage.AOptions{}); err != nil {
			return fmt.Errorf("append %s: %w", x.labels, err)
		}
	}
	return app.Commit()
}

func appendAll(t testing.TB, s *Store, samples ...sample) {
	t.Helper()
	if err := tryAppend(s, samples...); err != nil {
		t.Fatal(err)
	}
}

// valueOf asks for one number, and tells whether there is one.
func valueOf(t testing.TB, s *Store, expr string, at time.Time) (v float64, there bool) {
	t.Helper()
	answer, err := s.Query(t.Context(), expr, at)
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	switch {
	case answer.Kind == query.Scalar:
		return answer.Scalar.V, true
	case len(answer.Vector) == 0:
		return 0, false
	}
	return answer.Vector[0].V, true
}

func want(t testing.TB, s *Store, expr string, at time.Time, wanted float64) {
	t.Helper()
	if got, there := valueOf(t, s, expr, at); !there || got < wanted-1e-9 || got > wanted+1e-9 {
		t.Errorf("%s at %s = %v (there: %v), want %v", expr, at.Format(time.TimeOnly), got, there, wanted)
	}
}

// fill writes a counter that grows by one every step, from start to end.
func fill(t testing.TB, s *Store, start, end time.Time, step time.Duration) {
	t.Helper()
	for at := start; !at.After(end); at = at.Add(step) {
		appendAll(t, s, floatOf(at, at.Sub(start).Seconds()/step.Seconds(), "__name__", "steps_total", "job", "test"))
	}
}
