package history

import (
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/metrics/query"
)

// TestClockGoesBack has the machine's clock step forward by a day, as samples come in, and back again.
func TestClockGoesBack(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	start := c.now()
	c.move(3 * time.Minute)
	fill(t, s, start, c.now(), 10*time.Second)
	c.move(24 * time.Hour)
	appendAll(t, s, floatOf(c.now(), 1000, "__name__", "steps_total", "job", "test"))
	c.move(-24 * time.Hour)

	appendAll(t, s, floatOf(c.now(), 19, "__name__", "steps_total", "job", "test"))
	status := s.Status()
	if status.Store.Refused != 1 || status.State != query.Degraded || !strings.Contains(status.Message, "the newest sample is of 2026-03-02T12:03:00Z") {
		t.Errorf("after the step back: %s: %s, %+v", status.State, status.Message, status.Store)
	}
	s.tend(t.Context())
	if s.Status().State != query.Degraded {
		t.Error("the store was rewound without patience")
	}
	want(t, s, `steps_total`, start.Add(time.Minute), 6)

	s.patience = 0
	c.move(10 * time.Second)
	s.tend(t.Context())
	appendAll(t, s, floatOf(c.now(), 20, "__name__", "steps_total", "job", "test"))
	want(t, s, `steps_total`, c.now(), 20)
	want(t, s, `steps_total`, start.Add(time.Minute), 6)
	want(t, s, `count_over_time(steps_total[5m])`, c.now(), 20)
	if _, there := valueOf(t, s, `steps_total`, c.now().Add(24*time.Hour)); there {
		t.Error("a sample of the future is still there")
	}
	status = s.Status()
	if status.Store.Newest.Sub(c.now()) > time.Second || !strings.Contains(status.Message, "set aside") || strings.Contains(status.Message, "the clock says") {
		t.Errorf("after the rewind: %s, %s", status.Store.Newest, status.Message)
	}
}

// TestClockGoesBackALittle is a correction within the time that samples may be late.
func TestClockGoesBackALittle(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	appendAll(t, s, floatOf(c.now(), 1, "__name__", "up"))
	c.move(-2 * time.Minute)
	appendAll(t, s, floatOf(c.now(), 2, "__name__", "up"))
	want(t, s, `up`, c.now(), 2)
	if status := s.Status(); status.State != query.OK || status.Store.Refused != 0 {
		t.Errorf("status is %s: %s", status.State, status.Message)
	}
}

// TestClockWasWrongForLong leaves blocks of the future alone: whoever set the clock has to say which time is right.
func TestClockWasWrongForLong(t *testing.T) {
	s, c, start := withBlocks(t, Options{})
	s.patience = 0
	c.move(-24 * time.Hour)
	s.tend(t.Context())
	s.tend(t.Context())
	if status := s.Status(); status.State != query.Degraded || !strings.Contains(status.Message, "there are blocks of that time too: set the clock or") {
		t.Errorf("status is %s: %s", status.State, status.Message)
	}
	want(t, s, `steps_total`, start.Add(time.Minute), 2)
	c.move(24*time.Hour + time.Minute)
	appendAll(t, s, floatOf(c.now(), 7, "__name__", "steps_total", "job", "test"))
	s.tend(t.Context())
	want(t, s, `steps_total`, c.now(), 7)
	if status := s.Status(); status.State != query.OK {
		t.Errorf("status is %s: %s", status.State, status.Message)
	}
}
