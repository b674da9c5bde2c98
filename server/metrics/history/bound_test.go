package history

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/metrics/query"
)

func TestRefusedQuestions(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now, MaxSamples: 500, Step: time.Second})
	start := c.now()
	c.move(10 * time.Minute)
	fill(t, s, start, c.now(), time.Second)
	end := c.now()
	hour := query.Range{Start: start, End: end, Step: 5 * time.Second}
	for _, x := range []struct {
		expr  string
		r     query.Range
		fault query.Fault
		words string
	}{
		{`sum(`, query.Range{}, query.BadData, "1:5: parse error"},
		{``, query.Range{}, query.BadData, "give an expression"},
		{strings.Repeat("(", maxExpr+1), query.Range{}, query.BadData, "bytes long, at most"},
		{strings.Repeat("(", maxExpr/2) + "1" + strings.Repeat(")", maxExpr/2-1), query.Range{}, query.Execution, ""},
		{`nosuch(up)`, query.Range{}, query.BadData, "unknown function"},
		{`{}`, query.Range{}, query.BadData, "matcher"},
		{`up`, query.Range{Start: start, End: start.Add(11_000 * time.Second), Step: time.Second}, query.BadData, "11001 points a series, at most 11000: use a step of 2s or more"},
		{`up`, query.Range{Start: start, End: start, Step: -1}, query.BadData, "the step is"},
		{`up`, query.Range{Start: end, End: start, Step: 1e9}, query.BadData, "before it starts"},
		{`up[5m]`, hour, query.BadData, "range vector"},
		{`{__name__=~".+"}`, hour, query.Execution, "reads everything, about"},
		{`sum(count_over_time({job!=""}[1d]))`, query.Range{}, query.Execution, "at most 500: name a metric"},
		{`sum_over_time({__name__!=""}[1d:1m] @ end())`, query.Range{}, query.Execution, "reads everything"},
		{`sum_over_time(steps_total[10m])`, query.Range{}, query.Execution, "needs more than 500 samples in memory"},
	} {
		var err error
		if x.r.Step != 0 {
			_, err = s.QueryRange(t.Context(), x.expr, x.r)
		} else {
			_, err = s.Query(t.Context(), x.expr, end)
		}
		if x.words == "" {
			if err == nil && !strings.HasPrefix(x.expr, "((") {
				t.Errorf("%.40s was answered", x.expr)
			}
			continue
		}
		if err == nil || query.FaultOf(err) != x.fault || !strings.Contains(err.Error(), x.words) {
			t.Errorf("%.60s: %v: %v", x.expr, query.FaultOf(err), err)
		}
	}
	// A short look at everything is allowed, and so is a long one at something.
	for _, expr := range []string{`count({__name__=~".+"})`, `count(rate({__name__=~"steps_.*"}[1m]))`, `count({__name__=~"steps_total|up"})`} {
		if _, err := s.Query(t.Context(), expr, end); err != nil {
			t.Errorf("%s: %v", expr, err)
		}
	}
	want(t, s, `steps_total`, end, 600)
}

func TestQuestionThatTakesTooLong(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now, Timeout: time.Millisecond})
	start := c.now()
	c.move(10 * time.Minute)
	fill(t, s, start, c.now(), time.Second)
	long := `max_over_time(sum(rate(steps_total[5m]))[10m:1s]) + max_over_time(sum(rate(steps_total[5m]))[9m:1s])`
	if _, err := s.Query(t.Context(), strings.Repeat(long+" + ", 100)+"1", c.now()); query.FaultOf(err) != query.Timeout || !strings.Contains(err.Error(), "longer than 1ms") {
		t.Errorf("a long question ended with %v: %v", query.FaultOf(err), err)
	}
}

func TestCanceled(t *testing.T) {
	s := openStore(t, Options{})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Query(ctx, `vector(1)`, time.Now()); query.FaultOf(err) != query.Canceled {
		t.Errorf("a question that was given up ended with %v: %v", query.FaultOf(err), err)
	}
}

func TestQueue(t *testing.T) {
	s := openStore(t, Options{Concurrency: 1, Timeout: 10 * time.Minute})
	done, err := s.turn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	for range 4 {
		waiting.Go(func() {
			if _, err := s.Query(ctx, `1`, time.Now()); query.FaultOf(err) != query.Canceled {
				t.Errorf("one that waited ended with %v", err)
			}
		})
	}
	for s.waiting.Load() < 4 {
		time.Sleep(time.Millisecond)
	}
	if _, err := s.Query(t.Context(), `1`, time.Now()); query.FaultOf(err) != query.Unavailable || !strings.Contains(err.Error(), "4 wait") {
		t.Errorf("a sixth question ended with %v", err)
	}
	cancel()
	waiting.Wait()
	done()
	want(t, s, `1`, time.Now(), 1)
}

func TestBreakingOffIsContained(t *testing.T) {
	err := contained("a test", func() error { panic("boom") })
	if !brokeOff(err) || !damage(err) || !strings.Contains(err.Error(), "a test broke off: boom") {
		t.Errorf("a panic became %v", err)
	}
	if brokeOff(errors.New("no")) || contained("a test", func() error { return nil }) != nil {
		t.Error("what did not panic is said to have")
	}
}

// TestInstanceThatBrokeOff has the store leave an instance behind and go on with another.
func TestInstanceThatBrokeOff(t *testing.T) {
	c := newClock()
	s := openStore(t, Options{Now: c.now})
	appendAll(t, s, floatOf(c.now(), 1, "__name__", "up"))
	old := s.current.Load()
	defer func() { _ = old.db.Close() }()
	s.upkeep.Lock()
	_ = s.contain(old, "a test", func() error { panic("boom") })
	s.upkeep.Unlock()
	if err := tryAppend(s, floatOf(c.now(), 1, "__name__", "up")); err == nil {
		t.Error("a broken instance took samples")
	}
	if status := s.Status(); status.State != query.Degraded || !strings.Contains(status.Message, "boom") {
		t.Errorf("status is %s: %s", status.State, status.Message)
	}
	s.tend(t.Context())
	c.move(time.Second)
	appendAll(t, s, floatOf(c.now(), 2, "__name__", "up"))
	want(t, s, `sum_over_time(up[1m])`, c.now(), 3)
	if status := s.Status(); status.State != query.OK {
		t.Errorf("status is %s: %s", status.State, status.Message)
	}
}
