package server

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// TestBadCanary plays the story on real Envoys: the evidence aborts the bad canary, and its healthy twin gets everything.
func TestBadCanary(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s, err := New(ctx, Options{
		Listen: "127.0.0.1:0", XDSListen: "127.0.0.1:0", Data: t.TempDir(), Open: true, Version: "test",
		History: HistoryOptions{Off: true}, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	said := &output{}
	d, err := s.newDemo(ctx, DemoOptions{Rate: 100, Seed: 1, Story: "bad-canary", Out: said})
	if err != nil {
		t.Fatal(err, s.Close())
	}
	ended := make(chan error, 1)
	go func() { ended <- s.runWith(ctx, d, said) }()
	bad := over(t, s, mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"})
	healthy := over(t, s, mesh.Ref{Kind: mesh.KindRoute, Name: "b/primary"})
	if bad.Phase != canary.Aborted || bad.Cause != canary.CauseEvidence || bad.Analysis.Verdict.Outcome != judge.Abort {
		t.Errorf("the bad canary is %s, by %s: %s", bad.Phase, bad.Cause, bad.Why)
	}
	if !strings.Contains(bad.Why, "errors") && !strings.Contains(bad.Why, "slower") {
		t.Errorf("it is aborted without saying why: %q", bad.Why)
	}
	if healthy.Phase != canary.Succeeded {
		t.Errorf("the healthy canary is %s: %s", healthy.Phase, healthy.Why)
	}
	current, err := s.door.Mesh(d.Mesh().Name)
	if err != nil {
		t.Fatal(err)
	}
	reviews, _ := current.Mesh.Route("reviews", "primary")
	b, _ := current.Mesh.Route("b", "primary")
	if reviews.Shares()["reviews-v2"] != 0 || b.Shares()["b-prime"] != 1 {
		t.Errorf("at the end the routes are %v and %v", reviews.Targets, b.Targets)
	}
	for _, id := range append(bad.Changes, healthy.Changes...) {
		if entry, err := s.door.Change(ctx, id); err != nil || entry.Rollout == "" || entry.State == change.Pending {
			t.Errorf("entry %s of the ledger: %+v, %v", id, entry, err)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Log(said)
	}
}

// over waits until the rollout of a route is over and its weights are where they go.
func over(t *testing.T, s *Server, target mesh.Ref) canary.Rollout {
	t.Helper()
	var last canary.Rollout
	for deadline := time.Now().Add(6 * time.Minute); time.Now().Before(deadline); time.Sleep(200 * time.Millisecond) {
		list, err := s.rollouts.List(t.Context(), canary.Query{Mesh: "sample_app", Target: target})
		if err != nil {
			t.Fatal(err)
		}
		if len(list) > 0 {
			if last = list[0]; !last.Active() {
				return last
			}
		}
	}
	t.Fatalf("the rollout of %s is not over after 6 min: %+v", target, last)
	return last
}
