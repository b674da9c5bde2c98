package server

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
