package scrape

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/scrape"
)

// TestStopBlamesNobody ends the scraping in the middle of a page: nothing is stored that says the target was down.
func TestStopBlamesNobody(t *testing.T) {
	t.Parallel()
	db, asked := store(t), make(chan struct{}, 8)
	address := serve(t, func(_ http.ResponseWriter, r *http.Request) {
		asked <- struct{}{}
		<-r.Context().Done()
	})
	s, err := New(Options{Jobs: []Job{{Name: "front", Mesh: "demo", Node: "front", Targets: []string{address}, Interval: 5 * time.Second, Timeout: 5 * time.Second}}, Appendable: db})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	<-asked
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if n, _, newest := series(t, db, named("up")); n != 0 {
		t.Errorf("the target was said to be up: %v", newest.V)
	}
}

// TestForgottenAddress lets a target go for good: nothing of it is kept.
func TestForgottenAddress(t *testing.T) {
	t.Parallel()
	w := newWire(t.Context(), 1<<20)
	target := scrape.NewTarget(labels.FromStrings(model.AddressLabel, "10.0.0.1:9901"), &config.ScrapeConfig{}, nil, nil)
	w.answers[target.URL().Host] = answer{bytes: 1}
	past := time.Now().Add(-time.Hour)
	tee := &tee{wire: w, states: map[*scrape.Target]*state{target: {target: target, gone: past}}}
	tee.prune(nil, time.Now())
	if len(tee.states) != 0 || len(w.answers) != 0 {
		t.Errorf("%d targets and %d answers are kept", len(tee.states), len(w.answers))
	}
}
