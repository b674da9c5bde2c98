package history

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"

	"github.com/weirmesh/weir/server/metrics/query"
)

func TestSeriesLimit(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now, SeriesLimit: 10})
	write := func(from, to int) {
		t.Helper()
		var samples []sample
		for i := from; i < to; i++ {
			samples = append(samples, floatOf(c.now(), float64(i), "__name__", "up", "i", fmt.Sprint(i)))
		}
		appendAll(t, s, samples...)
	}
	write(0, 15)
	c.move(time.Second)
	write(0, 15)
	want(t, s, `count(up)`, c.now(), 10)
	want(t, s, `count(timestamp(up) == `+fmt.Sprint(c.now().Unix())+`)`, c.now(), 10)
	status := s.Status()
	if status.Store.Dropped != 10 || status.Store.Samples != 20 || status.Store.Series != 10 || status.State != query.Degraded ||
		!strings.Contains(status.Message, "10 series, the limit") {
		t.Errorf("status is %s: %s, %+v", status.State, status.Message, status.Store)
	}
	// The same data under a lower limit: what was let in stays in.
	lower := openStore(t, Options{Now: c.now, Dir: copyOf(t, s), SeriesLimit: 5})
	appendAll(t, lower, floatOf(c.now(), 9, "__name__", "up", "i", "9"), floatOf(c.now(), 9, "__name__", "new"))
	if got := lower.Status().Store; got.Series != 10 || got.Samples != 1 || got.Dropped != 1 {
		t.Errorf("under a lower limit: %+v", got)
	}
}

func TestLabelLimits(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now, LabelValues: 100})
	long := strings.Repeat("x", 10_000)
	many := []string{"__name__", "many"}
	for i := range maxLabels {
		many = append(many, fmt.Sprintf("l%02d", i), "x")
	}
	appendAll(t, s, floatOf(c.now(), 1, "__name__", "up", "path", long), floatOf(c.now(), 1, "__name__", "up", long, "x"),
		floatOf(c.now(), 1, many...), floatOf(c.now(), 1, "__name__", "up"))
	if got := s.Status(); got.Store.Dropped != 3 || got.Store.Series != 1 || got.State != query.Degraded || len(got.Message) > 500 {
		t.Errorf("long labels: %s, %+v", got.Message, got.Store)
	}
	var samples []sample
	for i := range 100_000 {
		samples = append(samples, floatOf(c.now(), 1, "__name__", "requests_total", "path", fmt.Sprint(i), "pod", "a"))
	}
	samples = append(samples, floatOf(c.now(), 1, "__name__", "other_total", "path", "99999"))
	appendAll(t, s, samples...)
	// The first hundred make the metric one that is watched, and a hundred more values are let in then.
	want(t, s, `count(requests_total)`, c.now(), 200)
	want(t, s, `count(other_total)`, c.now(), 1)
	status := s.Status()
	if !strings.Contains(status.Message, "label path of requests_total has more than 100 values") || status.Store.Dropped != 3+99_800 {
		t.Errorf("status is %s, %+v", status.Message, status.Store)
	}
	// Known series go on, and so do new ones of known values.
	c.move(time.Second)
	appendAll(t, s, floatOf(c.now(), 2, "__name__", "requests_total", "path", "5", "pod", "a"), floatOf(c.now(), 2, "__name__", "requests_total", "path", "150", "pod", "b"))
	want(t, s, `count(requests_total == 2)`, c.now(), 2)
}

func TestRefusedSamplesDoNotHarmTheirBatch(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	up := func(d time.Duration, v float64) sample { return floatOf(c.now().Add(d), v, "__name__", "up") }
	appendAll(t, s, up(0, 1))
	broken := latency(c.now(), 1, "__name__", "latency")
	broken.h = &histogram.Histogram{Schema: histogram.CustomBucketsSchema, CustomValues: []float64{2, 1}}
	appendAll(t, s,
		up(0, 2),                // the same time and another value
		up(-10*time.Minute, 1),  // older than late
		up(365*24*time.Hour, 1), // the future
		broken,
		sample{at: c.now(), v: 1}, // no labels
		up(-time.Minute, 7),       // late, and taken
		floatOf(c.now(), 3, "__name__", "good"))
	want(t, s, `good`, c.now(), 3)
	want(t, s, `up`, c.now(), 1)
	want(t, s, `up`, c.now().Add(-time.Minute), 7)
	status := s.Status()
	if status.Store.Refused != 5 || status.Store.Samples != 3 || status.State != query.Degraded || !strings.Contains(status.Message, "in the future are refused") {
		t.Errorf("status is %s: %s, %+v", status.State, status.Message, status.Store)
	}
	for reason, n := range map[int]uint64{doubled: 1, tooOld: 1, inFuture: 1, malformed: 2, outOfOrder: 0} {
		if got := s.tally.by[reason].Load(); got != n {
			t.Errorf("reason %d: %d, want %d", reason, got, n)
		}
	}
	if !status.Store.Newest.Equal(c.now()) {
		t.Errorf("the newest sample is of %s", status.Store.Newest)
	}
}

func TestFirstSampleOfLongAgo(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	appendAll(t, s, floatOf(time.Unix(0, 0), 1, "__name__", "up"), floatOf(c.now(), 2, "__name__", "up"))
	if got := s.Status().Store; !got.Oldest.Equal(c.now()) || got.Refused != 1 {
		t.Errorf("the store begins at %s and refused %d", got.Oldest, got.Refused)
	}
}

func TestOddValues(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	for _, v := range []float64{5, 10, 2, 4} { // a restart between ten and two
		appendAll(t, s, floatOf(c.now(), v, "__name__", "resets_total"),
			floatOf(c.now(), math.Inf(1), "__name__", "infinite"), floatOf(c.now(), math.NaN(), "__name__", "unknown"),
			floatOf(c.now(), v, "__name__", "twice"), floatOf(c.now(), v+1, "__name__", "twice"))
		c.move(20 * time.Second)
	}
	at := c.now().Add(-20 * time.Second)
	want(t, s, `resets(resets_total[2m])`, at, 1)
	want(t, s, `increase(resets_total[1m1ms]) > bool 8`, at, 1)
	want(t, s, `infinite == bool Inf`, at, 1)
	want(t, s, `unknown != bool unknown`, at, 1)
	want(t, s, `twice`, at, 4) // the first of a batch
}
