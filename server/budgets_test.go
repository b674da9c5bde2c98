package server

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/history"
)

// The embedded store counts what became of requests for objectives; requests that took longer than any latency are none,
// longer than none are all.
func TestOutcomes(t *testing.T) {
	s := openShop(t)
	count := func(window, latency time.Duration) health.Outcome {
		all, err := budgets{s.server}.Outcomes(t.Context(), health.Question{Mesh: sample, At: time.Now(), Window: window, Latency: latency})
		if err != nil {
			t.Fatal(err)
		}
		return all["inventory"]
	}
	eventually(t, "requests to the inventory are counted", func() bool { return count(time.Minute, 0).Answered > 50 })
	if c := count(time.Minute, time.Hour); c.Slow != 0 || c.Answered+c.Failed != c.Requests {
		t.Errorf("slower than an hour: %+v", c)
	}
	if c := count(time.Minute, time.Microsecond); c.Slow < 0.9*c.Answered || c.Slow > 1.1*c.Answered {
		t.Errorf("slower than a microsecond: %+v", c)
	}
	if c := count(6*time.Hour, 0); c.Requests < 50 {
		t.Errorf("six hours: %+v", c)
	}
	if _, err := s.server.querier("elsewhere"); err == nil {
		t.Error("a source of another name")
	}
}

// A day is read in steps and gives what was counted.
func TestOutcomesOfADay(t *testing.T) {
	store, err := history.Open(t.Context(), history.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Now().Truncate(time.Minute)
	series := labels.FromStrings("__name__", metrics.EdgeRequests, "mesh", "m", "source", "a", "destination", "b", "code_class", "5")
	in := store.Appendable().AppenderV2(t.Context())
	for at := now.Add(-50 * time.Minute); !at.After(now); at = at.Add(15 * time.Second) {
		count := at.Sub(now.Add(-50 * time.Minute)).Seconds() // one a second
		if _, err := in.Append(0, series, 0, at.UnixMilli(), count, nil, nil, storage.AppendV2Options{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := in.Commit(); err != nil {
		t.Fatal(err)
	}
	s := &Server{}
	s.seeing.history = store
	for _, window := range []time.Duration{6 * time.Hour, 24 * time.Hour} {
		all, err := budgets{s}.Outcomes(t.Context(), health.Question{Mesh: "m", At: now, Window: window})
		if c := all["b"]; err != nil || c.Failed < 2850 || c.Failed > 3150 || c.Requests != c.Failed || c.Answered != 0 {
			t.Errorf("%s: %+v, %v, want 3000 failed", window, all, err)
		}
	}
	if got := span(72 * time.Hour); got != "[3d:6m]" {
		t.Errorf("three days are read as %s", got)
	}
}
