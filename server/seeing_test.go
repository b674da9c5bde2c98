package server

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/blend"
	"github.com/weirmesh/weir/server/metrics/history"
	"github.com/weirmesh/weir/server/metrics/scrape"
)

// What is scraped once a minute is read over more than two of its samples, and counts as present until the next but one.
func TestSlowJob(t *testing.T) {
	store, err := history.Open(t.Context(), history.Options{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	s := &Server{opts: Options{Scrape: []scrape.Job{
		{Name: "slow", Mesh: "shop", Targets: []string{"127.0.0.1:1"}, Path: "/metrics", Interval: time.Minute},
		{Name: "quick", Mesh: "shop", Targets: []string{"127.0.0.1:2"}, Path: "/metrics", Interval: time.Second},
	}}.withDefaults()}
	s.seeing.history = store
	sources, err := s.scrape(prometheus.NewRegistry())
	if err != nil || len(sources) != 1 {
		t.Fatalf("%d sources, %v", len(sources), err)
	}
	if w := blend.Window(sources[0].Interval); w < 3*time.Minute {
		t.Errorf("the live picture is taken over %s", w)
	}
	if l := lookback(0, s.slowest()); l <= 2*time.Minute {
		t.Errorf("a sample counts for %s", l)
	}
	if l := lookback(time.Second, 0); l != time.Minute {
		t.Errorf("without jobs a sample counts for %s", l)
	}
}

// Objectives that nothing can judge are spoken of once, not every ten seconds.
func TestUnjudgedOnce(t *testing.T) {
	o := quiet(t)
	o.History.Off = true
	var log strings.Builder
	o.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
	s, err := New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Propose(t.Context(), change.Proposal{Mesh: "m", Patch: mesh.Patch{Put: []mesh.Object{
		mesh.Settings{Name: "m", Health: &mesh.HealthLimits{Objective: &mesh.Objective{Availability: 0.999}}},
		mesh.VirtualService{Name: "cart"},
	}}})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		budgets{s}.refresh(t.Context())
	}
	if n := strings.Count(log.String(), "msg=\"objectives cannot be judged\""); n != 1 {
		t.Errorf("said %d times:\n%s", n, &log)
	}
}
