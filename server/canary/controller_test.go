package canary

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

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
	if r.Cause != CauseEvidence || !strings.Contains(r.Why, "at canary against") || r.Analysis.Outcome != Failed || r.Weight != 0 || r.Step != 1 {
		t.Errorf("aborted as %s in step %d: %s", r.Cause, r.Step, r.Why)
	}
	if now := b.mesh.Routes[0].Targets; !slices.Equal(now, shop(100, 0).Routes[0].Targets) {
		t.Errorf("the weights are %v", now)
	}
	if _, err := b.c.Promote(t.Context(), r.ID, By{}); mesh.CodeOf(err) != mesh.Conflict || !strings.Contains(err.Error(), "was aborted") {
		t.Errorf("promoted after an abort: %v", err)
	}
	b.canary.errors = 0
	again, err := b.c.Retry(t.Context(), strings.ToUpper(r.ID), By{Author: "ann"})
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
	if _, err := b.c.Pause(t.Context(), r.ID, By{}); mesh.CodeOf(err) != mesh.Conflict {
		t.Errorf("paused again: %v", err)
	}
	if r, err := b.c.Resume(t.Context(), r.ID, By{Author: "ann"}); err != nil || r.Weight != 30 {
		t.Fatalf("resumed as %+v, %v", r, err)
	}
	b.pass(10)
	if got := b.weights(); !slices.Equal(got, []int{10, 50}) {
		t.Errorf("after a resume %v", got)
	}
	if _, err := b.c.Abort(t.Context(), r.ID, By{Author: "ann", Reason: "enough"}); err != nil {
		t.Fatal(err)
	}
	r = b.until(r.ID, Aborted)
	if r.Why != "aborted by ann: enough" || !slices.Equal(b.mesh.Routes[0].Targets, shop(100, 0).Routes[0].Targets) {
		t.Errorf("aborted as %q, weights %v", r.Why, b.mesh.Routes[0].Targets)
	}
}

func TestTroubles(t *testing.T) {
	paused := Spec{Steps: []Step{weight(10), pausing(0)}}
	t.Run("guard rails", func(t *testing.T) {
		b := newBench(t, Options{})
		b.denied = true
		r := b.start(paused)
		b.pass(20)
		if r := b.get(r.ID); r.Phase != Progressing || r.Cause != CauseGuard || !strings.Contains(r.Why, "until Monday") || len(b.made) != 0 {
			t.Errorf("%+v", r)
		}
		b.denied = false
		if r := b.until(r.ID, Paused); r.Weight != 10 || r.Cause != CauseStep {
			t.Errorf("%+v", r)
		}
	})
	t.Run("refused by proxies", func(t *testing.T) {
		b := newBench(t, Options{})
		b.refused = []string{"front-1: no such cluster"}
		r := b.start(paused)
		r = b.until(r.ID, Aborted)
		if r.Cause != CauseRejected || !strings.Contains(r.Why, "no such cluster") || !slices.Equal(b.weights(), []int{10, 0}) {
			t.Errorf("%s: %s, %v", r.Cause, r.Why, b.weights())
		}
	})
	t.Run("proxies say nothing", func(t *testing.T) {
		b := newBench(t, Options{})
		b.silent = true
		s := paused
		s.Deadline = mesh.Duration(time.Minute)
		r := b.start(s)
		r = b.until(r.ID, Inconclusive)
		if r.Cause != CauseDeadline || !strings.Contains(r.Why, "1 of 2 have it") || r.Analysis.Windows != 0 || r.Weight != 10 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("mesh gone", func(t *testing.T) {
		b := newBench(t, Options{})
		r := b.start(paused)
		b.until(r.ID, Paused)
		b.meshes = false
		r = b.until(r.ID, Aborted)
		if r.Cause != CauseGone || r.Analysis.Outcome != AnalysisError || !strings.Contains(r.Why, "no mesh shop") || len(b.made) != 1 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("canary gone", func(t *testing.T) {
		b := newBench(t, Options{})
		r := b.start(paused)
		b.until(r.ID, Paused)
		b.set(b.mesh.Routes[0].Targets[:1])
		r = b.until(r.ID, Aborted)
		if r.Cause != CauseGone || !strings.Contains(r.Why, "v2") || len(b.made) != 1 {
			t.Errorf("%+v", r)
		}
	})
	t.Run("store away", func(t *testing.T) {
		b := newBench(t, Options{})
		r := b.start(paused)
		b.store.away = true
		b.pass(10)
		if len(b.made) != 0 {
			t.Error("weights moved that were not recorded first")
		}
		b.store.away = false
		b.until(r.ID, Paused)
	})
	t.Run("too little traffic", func(t *testing.T) {
		b := newBench(t, Options{})
		b.stable.rate, b.canary.rate = 2, 2
		r := b.start(Spec{Deadline: mesh.Duration(5 * time.Minute)})
		if !strings.Contains(strings.Join(r.Notes, "; "), "longer than a step may take: begin with 50 %") {
			t.Errorf("notes %q", r.Notes)
		}
		r = b.until(r.ID, Inconclusive)
		if r.Analysis.Outcome != Undecided || !r.Gate || r.Weight != 10 {
			t.Errorf("%+v", r)
		}
		if _, err := b.c.Resume(t.Context(), r.ID, By{}); err != nil {
			t.Fatal(err)
		}
		b.pass(60)
		if r := b.get(r.ID); r.Phase != Progressing {
			t.Errorf("resumed, and then %s: %s", r.Phase, r.Why)
		}
	})
}

func TestChecks(t *testing.T) {
	least := 0.9
	spec := Spec{Analysis: Analysis{Metrics: []Check{{Name: "sales", Query: `sales{to="{{canary}}"}`, Min: &least}}}}
	for _, c := range []struct {
		name   string
		values []float64
		err    error
		phase  Phase
		want   string
	}{
		{"good", []float64{0.95}, nil, Succeeded, ""},
		{"bad", []float64{0.5}, nil, Aborted, "sales failed 3 times in a row: 0.5 is below 0.9"},
		{"empty", nil, nil, Inconclusive, "sales could not be read 3 times in a row: the query gave no value"},
		{"broken", nil, errors.New("the store is away"), Inconclusive, "the store is away"},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := ""
			b := newBench(t, Options{Ask: func(_ context.Context, _, expr string) ([]float64, error) {
				asked = expr
				return c.values, c.err
			}})
			r := b.start(spec)
			r = b.until(r.ID, c.phase)
			if !strings.Contains(r.Why, c.want) || asked != `sales{to="v2"}` {
				t.Errorf("%s, asked %s", r.Why, asked)
			}
			if c.phase == Inconclusive && r.Analysis.Outcome != AnalysisError {
				t.Errorf("the outcome is %s", r.Analysis.Outcome)
			}
		})
	}
}

func TestHooks(t *testing.T) {
	hooks := []Webhook{
		{Name: "may it", URL: "http://a", Type: HookConfirmRollout}, {Name: "smoke", URL: "http://a", Type: HookPreRollout},
		{Name: "load", URL: "http://a", Type: HookRollout}, {Name: "red button", URL: "http://a", Type: HookRollback},
		{Name: "release", URL: "http://a", Type: HookConfirmPromotion}, {Name: "over", URL: "http://a", Type: HookPostRollout},
		{Name: "chat", URL: "http://a", Metadata: map[string]string{"room": "1"}},
	}
	answers := make(map[string]error)
	var mu sync.Mutex // several are called at the same time
	var calls []Call
	no := errors.New("it answered 403")
	b := newBench(t, Options{Call: func(_ context.Context, c Call) error {
		mu.Lock()
		defer mu.Unlock()
		calls = append(calls, c)
		return answers[c.Hook.Name]
	}})
	for _, h := range hooks {
		answers[h.Name] = no
	}
	r := b.start(Spec{Webhooks: hooks})
	b.pass(60)
	if r = b.get(r.ID); r.Phase != Pending || !strings.Contains(r.Why, "may it holds it: it answered 403") || len(b.made) != 0 {
		t.Errorf("%s: %s", r.Phase, r.Why)
	}
	answers["may it"], answers["smoke"], answers["load"] = nil, nil, nil
	b.when(r.ID, "its steps are done", func(r Rollout) bool { return r.Step == 4 })
	b.pass(60)
	if r = b.get(r.ID); r.Phase != Paused || !strings.Contains(r.Why, "release holds it") || r.Weight != 50 {
		t.Errorf("%s: %s", r.Phase, r.Why)
	}
	answers["release"] = nil
	b.until(r.ID, Succeeded)
	b.pass(2)
	last := calls[len(calls)-1]
	if last.Hook.Name != "over" || last.Phase != "Succeeded" || last.Name != "reviews/primary" || last.Namespace != "shop" || len(last.Checksum) != 10 {
		t.Errorf("the last call is %+v", last)
	}
	told := slices.DeleteFunc(slices.Clone(calls), func(c Call) bool { return c.Hook.Name != "chat" })
	if len(told) < 6 || told[0].Metadata["room"] != "1" || told[0].Metadata["rollout"] != r.ID || told[0].Metadata["eventMessage"] == "" {
		t.Errorf("%d events, the first %+v", len(told), told)
	}

	answers["red button"] = nil
	b.set(shop(100, 0).Routes[0].Targets)
	r = b.start(Spec{Webhooks: hooks})
	if r = b.until(r.ID, Aborted); r.Cause != CauseHook || !strings.Contains(r.Why, "red button") || r.Weight != 0 {
		t.Errorf("%s: %s", r.Cause, r.Why)
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
	if _, err := b.c.Abort(t.Context(), "nobody", By{}); mesh.CodeOf(err) != mesh.NotFound {
		t.Errorf("%v", err)
	}
	if dry, err := b.c.Abort(t.Context(), r.ID, By{DryRun: true}); err != nil || dry.Phase != Aborted || b.get(r.ID).Phase == Aborted {
		t.Errorf("a dry run of an abort: %+v, %v", dry, err)
	}
}
