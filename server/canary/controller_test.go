package canary

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

func TestHealthyCanaryIsPromoted(t *testing.T) {
	b := newBench(t, Options{})
	events := b.c.Events().Subscribe(64)
	defer events.Close()
	r := b.start(Spec{})
	if r.Phase != Pending || r.Analysis.Detect <= 0 || r.Analysis.Forecast == nil || r.Stable() != "v1" {
		t.Errorf("begun as %+v", r)
	}
	if id, ok := b.c.Holds("shop", reviews); !ok || id != r.ID {
		t.Errorf("the route is held by %q", id)
	}
	b.when(r.ID, "the split is tested", func(r Rollout) bool { return r.Analysis.Split != nil })
	if s := b.get(r.ID).Analysis.Split; s.Contradicted || s.Shares[1].Seen.Requests == 0 {
		t.Errorf("split %+v", s)
	}
	r = b.until(r.ID, Succeeded)
	if got := b.weights(); !slices.Equal(got, []int{10, 50, 100}) {
		t.Errorf("weights %v", got)
	}
	if weightOf(b.mesh.Routes[0].Targets, "v1") != 0 || r.Weight != 100 || len(r.Changes) != 3 || r.Analysis.Windows == 0 {
		t.Errorf("promoted as %+v", r)
	}
	if m := r.Analysis.Verdict.Metrics[0].Meter; m.Windows == 0 {
		t.Errorf("the meter of false alarms has measured nothing: %+v", m)
	}
	for i, o := range b.made {
		if o.Author != "canary rollout "+r.ID || o.Rollout != r.ID || o.Reason == "" || o.Key == "" || slices.IndexFunc(b.made, func(p Order) bool { return p.Key == o.Key }) != i {
			t.Errorf("move %d is %+v", i, o)
		}
	}
	b.pass(1) // the controller lets it go
	if _, ok := b.c.Holds("shop", reviews); ok {
		t.Error("the route is still held")
	}
	var phases []Phase
	for len(events.C) > 0 {
		if p := (<-events.C).Phase; len(phases) == 0 || phases[len(phases)-1] != p {
			phases = append(phases, p)
		}
	}
	if want := []Phase{Pending, Progressing, Paused, Promoting, Succeeded}; !slices.Equal(phases, want) {
		t.Errorf("events of phases %v, want %v", phases, want)
	}
}

// Stable gives the spec's.
func (r Rollout) Stable() string { return r.Spec.Stable }

func TestBadCanaryIsAborted(t *testing.T) {
	b := newBench(t, Options{})
	b.canary.errors = 0.08
	r := b.start(Spec{})
	r = b.until(r.ID, Aborted)
	if r.Cause != CauseEvidence || !strings.Contains(r.Why, "at canary against") || r.Analysis.Outcome != judge.Failed || r.Weight != 0 || r.Step != 1 {
		t.Errorf("aborted as %s in step %d: %s", r.Cause, r.Step, r.Why)
	}
	if now := b.mesh.Routes[0].Targets; !slices.Equal(now, shop(100, 0).Routes[0].Targets) {
		t.Errorf("the weights are %v", now)
	}
	if _, err := b.c.Do(t.Context(), VerbPromote, r.ID, By{}); mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), "was aborted") {
		t.Errorf("promoted after an abort: %v", err)
	}
	b.canary.errors = 0
	again, err := b.c.Do(t.Context(), VerbRetry, strings.ToUpper(r.ID), By{Author: "ann"})
	if err != nil || again.Attempt != 2 || again.Phase != Pending {
		t.Fatalf("retried as %+v, %v", again, err)
	}
	b.until(r.ID, Succeeded)
	if got := b.weights(); !slices.Equal(got, []int{10, 0, 10, 50, 100}) {
		t.Errorf("weights %v", got)
	}
}

// A canary that fails outright does not wait for evidence.
func TestFloor(t *testing.T) {
	b := newBench(t, Options{})
	b.canary.errors = 0.9
	r := b.start(Spec{Steps: []Step{weight(10), pausing(0)}})
	r = b.until(r.ID, Aborted)
	if took := r.Ended.Sub(r.At); took > time.Minute || !strings.Contains(r.Why, "floor") {
		t.Errorf("aborted after %v: %s", took, r.Why)
	}
}

// A new process goes on at the same step with the same evidence; a change whose answer was lost is made once.
func TestRestart(t *testing.T) {
	b := newBench(t, Options{})
	var slow Spec
	slow.Analysis.Judge.MinRequests = 2500
	r := b.start(slow)
	b.when(r.ID, "something is known of the second weight", func(r Rollout) bool { return r.Step == 3 && r.Analysis.Verdict.Requests > 0 })
	before := b.get(r.ID)
	made := len(b.made)
	b.restart()
	after := b.get(r.ID)
	if after.Step != 3 || after.Weight != 50 || after.Phase != Progressing || after.Analysis.Verdict.Windows < before.Analysis.Verdict.Windows-1 ||
		after.Analysis.Verdict.Abort == 0 || after.Analysis.Verdict.Metrics[0].Canary.Requests == 0 {
		t.Errorf("before %+v, after %+v", before.Analysis.Verdict, after.Analysis.Verdict)
	}
	b.pass(12)
	if len(b.made) != made {
		t.Errorf("it moved again: %v", b.weights())
	}
	b.until(r.ID, Succeeded)

	b = newBench(t, Options{})
	r = b.start(Spec{})
	held := b.c.running(r.ID)
	b.second()
	a := Next(held.r, Facts{Held: Held{Targets: b.mesh.Routes[0].Targets, Version: b.version}}, b.now)
	a = Next(a.Rollout, Facts{Held: Held{Targets: b.mesh.Routes[0].Targets, Version: b.version}}, b.now)
	if a.Do != Save || a.Rollout.Move == nil {
		t.Fatalf("next is %+v", a)
	}
	if err := b.c.save(t.Context(), held, a.Rollout); err != nil {
		t.Fatal(err)
	}
	b.c.send(t.Context(), held) // and killed before the answer is recorded
	b.restart()
	b.pass(3)
	if got := b.weights(); !slices.Equal(got, []int{10}) || b.get(r.ID).Weight != 10 || len(b.get(r.ID).Changes) != 1 {
		t.Errorf("weights %v of %+v", got, b.get(r.ID))
	}
	b.until(r.ID, Succeeded)
}

// What was recorded by a Weir that nobody understands any more stops a rollout, not Weir.
func TestUnreadableEvidence(t *testing.T) {
	b := newBench(t, Options{})
	r := b.start(Spec{Steps: []Step{weight(10), pausing(0)}})
	b.until(r.ID, Paused)
	kept := b.store.rows[r.ID]
	kept.evidence = []byte(`{"judge":{"from":"the future"}}`)
	b.store.rows[r.ID] = kept
	b.restart()
	b.pass(10)
	if r := b.get(r.ID); r.Phase != Inconclusive || !r.Gate || !strings.Contains(r.Why, "cannot be read any more") || r.Weight != 10 {
		t.Errorf("%s: %s", r.Phase, r.Why)
	}
	if _, err := b.c.Do(t.Context(), VerbRetry, r.ID, By{}); err != nil {
		t.Fatal(err)
	}
	b.until(r.ID, Paused)
}

// A clock that is set back while Weir is away does not blind the judge.
func TestClockSetBack(t *testing.T) {
	b := newBench(t, Options{})
	b.canary.errors = 0.03
	var slow Spec
	slow.Analysis.Judge.MinRequests, slow.Analysis.Judge.Alpha = 1e6, 1e-6
	slow.Deadline = mesh.Duration(3 * time.Hour)
	r := b.start(slow)
	before := b.when(r.ID, "something is known", func(r Rollout) bool { return r.Analysis.Verdict.Requests > 0 })
	b.pass(6) // it is recorded
	b.now = b.now.Add(-time.Hour)
	b.restart()
	b.pass(60)
	if now := b.get(r.ID); now.Phase != Aborted && now.Analysis.Verdict.Windows < before.Analysis.Verdict.Windows+3 {
		t.Errorf("in a minute after the clock was set back %d windows became %d", before.Analysis.Verdict.Windows, now.Analysis.Verdict.Windows)
	}
	b.until(r.ID, Aborted)
}

// Whoever moves the weights by hand is not fought.
func TestOutside(t *testing.T) {
	b := newBench(t, Options{})
	r := b.start(Spec{Steps: []Step{weight(10), pausing(0), weight(50), pausing(0)}})
	b.until(r.ID, Paused)
	b.set(divide(b.mesh.Routes[0].Targets, "v1", "v2", 30))
	b.pass(30)
	r = b.get(r.ID)
	if r.Phase != Paused || !r.Gate || !r.Outside || r.Cause != CauseOutside || !strings.Contains(r.Why, "ben, by hand") || len(b.made) != 1 {
		t.Errorf("after somebody else's change: %+v, %v", r, b.weights())
	}
	if _, err := b.c.Do(t.Context(), VerbPause, r.ID, By{}); mesh.CodeOf(err) != mesh.Conflict {
		t.Errorf("paused again: %v", err)
	}
	if r, err := b.c.Do(t.Context(), VerbResume, r.ID, By{Author: "ann"}); err != nil || r.Weight != 30 {
		t.Fatalf("resumed as %+v, %v", r, err)
	}
	b.pass(10)
	if got := b.weights(); !slices.Equal(got, []int{10, 50}) {
		t.Errorf("after a resume %v", got)
	}
	if _, err := b.c.Do(t.Context(), VerbAbort, r.ID, By{Author: "ann", Reason: "enough"}); err != nil {
		t.Fatal(err)
	}
	r = b.until(r.ID, Aborted)
	if r.Why != "aborted by ann: enough" || !slices.Equal(b.mesh.Routes[0].Targets, shop(100, 0).Routes[0].Targets) {
		t.Errorf("aborted as %q, weights %v", r.Why, b.mesh.Routes[0].Targets)
	}
}

func TestStartIsRefused(t *testing.T) {
	b := newBench(t, Options{})
	dry, err := b.c.Start(t.Context(), "shop", Spec{Target: reviews}, By{DryRun: true})
	if err != nil || dry.ID != "" || len(b.store.rows) != 0 || len(dry.Spec.Steps) != 6 {
		t.Errorf("a dry run: %+v, %v", dry, err)
	}
	r := b.start(Spec{})
	if _, err := b.c.Start(t.Context(), "shop", Spec{Target: reviews}, By{}); mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), r.ID) {
		t.Errorf("a second one: %v", err)
	}
	least := 1.0
	metrics := Spec{Target: mesh.Ref{Kind: mesh.KindSplit, Name: "even"}, Analysis: Analysis{Metrics: []Check{{Name: "m", Query: "up", Min: &least}}}}
	if _, err := b.c.Start(t.Context(), "shop", metrics, By{}); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), "history.off") {
		t.Errorf("checks without a store: %v", err)
	}
	if _, err := b.c.Get(t.Context(), "nobody"); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("%v", err)
	}
	if _, err := b.c.Do(t.Context(), VerbAbort, "nobody", By{}); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("%v", err)
	}
	if dry, err := b.c.Do(t.Context(), VerbAbort, r.ID, By{DryRun: true}); err != nil || dry.Phase != Aborted || b.get(r.ID).Phase == Aborted {
		t.Errorf("a dry run of an abort: %+v, %v", dry, err)
	}
}
