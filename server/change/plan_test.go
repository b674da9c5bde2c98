package change_test

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
)

// planner forecasts the shift of primary; a dry run waits for the test.
type planner struct {
	begun, finish chan struct{}
	refuses       func(change.Intent) []plan.DryRun
}

func (p planner) Plan(_ context.Context, i change.Intent) *plan.Plan {
	out := &plan.Plan{Shifts: []plan.Shift{{Route: "reviews/primary", Node: "reviews-v1", RateAfter: 75}, {Route: "reviews/primary", Node: "reviews-v2", RateAfter: 25}}}
	if i.DryRun && p.begun != nil {
		p.begun <- struct{}{}
		<-p.finish
	}
	if p.refuses != nil {
		out.DryRun = p.refuses(i)
	}
	return out
}

func planned(t *testing.T, p change.Planner, traffic change.Traffic) *change.Door {
	t.Helper()
	d, err := change.New(change.Options{
		Store: openStore(t), Provider: newProvider("a"), Planner: p, Traffic: traffic, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := d.Propose(t.Context(), change.Proposal{Mesh: "m", Patch: sample()}); err != nil {
		t.Fatal(err)
	}
	return d
}

// TestDryRunHoldsNobodyUp makes a change while a dry run is still being forecast.
func TestDryRunHoldsNobodyUp(t *testing.T) {
	p := planner{begun: make(chan struct{}), finish: make(chan struct{})}
	d := planned(t, p, nil)
	var dry change.Change
	var failed error
	var running sync.WaitGroup
	running.Go(func() {
		ask := put(weights(10, 90))
		ask.DryRun = true
		dry, failed = d.Propose(t.Context(), ask)
	})
	<-p.begun
	made, err := d.Propose(t.Context(), put(weights(50, 50)))
	if err != nil || made.Plan == nil || len(made.Plan.Shifts) != 2 {
		t.Errorf("a change during a dry run: %+v, %v", made.Plan, err)
	}
	close(p.finish)
	running.Wait()
	if failed != nil || dry.Plan == nil || !dry.DryRun || dry.ID != "" {
		t.Errorf("dry run: %+v, %v", dry, failed)
	}
	stored, err := d.Change(t.Context(), made.ID)
	if err != nil || stored.Plan == nil || stored.Plan.Shifts[1].RateAfter != 25 {
		t.Errorf("the ledger has %+v, %v", stored.Plan, err)
	}
}

// TestRefusedByTheProxies: what the proxies' software refuses needs a reason; the way back does not.
func TestRefusedByTheProxies(t *testing.T) {
	d := planned(t, planner{refuses: func(i change.Intent) []plan.DryRun {
		if i.Before.Name == "" {
			return nil
		}
		return []plan.DryRun{{For: "node web", Message: "what is this"}, {For: "node other", OK: true}}
	}}, nil)
	_, err := d.Propose(t.Context(), put(weights(50, 50)))
	if mesh.CodeOf(err) != mesh.Invalid || !errors.Is(err, change.ErrProxyRefuses) || !strings.Contains(err.Error(), "node web") || !strings.Contains(err.Error(), "what is this") {
		t.Errorf("got %v", err)
	}
	if m, _ := d.Mesh("m"); m.Revision != 1 {
		t.Errorf("revision %d after a refusal", m.Revision)
	}
	dry := put(weights(50, 50))
	dry.DryRun = true
	if c, err := d.Propose(t.Context(), dry); err != nil || len(c.Plan.Refused()) != 1 {
		t.Errorf("dry run: %+v, %v", c.Plan, err)
	}
	over := put(weights(50, 50))
	over.Override = "Envoy is wrong"
	c, err := d.Propose(t.Context(), over)
	if err != nil || c.Override != "Envoy is wrong" {
		t.Fatalf("with a reason: %+v, %v", c, err)
	}
	if _, err := d.Undo(t.Context(), c.ID, bob); err != nil {
		t.Errorf("the way back is closed: %v", err)
	}
}

// TestMeasuredBesideForecast puts what arrived beside what was forecast, and keeps it.
func TestMeasuredBesideForecast(t *testing.T) {
	traffic := &fakeTraffic{}
	d := planned(t, planner{}, traffic)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() {
		if err := d.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	defer running.Wait()
	defer cancel()
	c, err := d.Propose(t.Context(), put(weights(50, 50)))
	if err != nil {
		t.Fatal(err)
	}
	// Reports of half a minute, at once: the measurement goes by their times.
	at := time.Now().Add(time.Minute)
	traffic.send(at, "web", "reviews-v1", 1000, 0)
	traffic.send(at, "web", "reviews-v2", 1000, 0)
	deadline := time.Now().Add(30 * time.Second)
	for {
		time.Sleep(20 * time.Millisecond)
		got, err := d.Change(t.Context(), c.ID)
		if err != nil {
			t.Fatal(err)
		}
		if got.Observed == nil && time.Now().Before(deadline) {
			continue // the measurement has not begun
		}
		if at.Before(time.Now().Add(time.Minute + 25*time.Second)) {
			at = at.Add(30 * time.Second)
			traffic.send(at, "web", "reviews-v1", 1500, 0)
			traffic.send(at, "web", "reviews-v2", 1500, 0)
		}
		if m := got.Plan.Shifts[1].Measured; m != nil {
			if math.Abs(*m-50) > 1e-6 {
				t.Errorf("measured %.2f/s, want 50", *m)
			}
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("nothing was measured: %+v, %+v", got.Plan, got.Observed)
		}
	}
}
