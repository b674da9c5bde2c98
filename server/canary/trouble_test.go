package canary

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

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
		if r.Cause != CauseGone || r.Analysis.Outcome != judge.Error || !strings.Contains(r.Why, "no mesh shop") || len(b.made) != 1 {
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
		if r.Analysis.Outcome != judge.ResultInconclusive || !r.Gate || r.Weight != 10 {
			t.Errorf("%+v", r)
		}
		if _, err := b.c.Do(t.Context(), VerbResume, r.ID, By{}); err != nil {
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
			if c.phase == Inconclusive && r.Analysis.Outcome != judge.Error {
				t.Errorf("the outcome is %s", r.Analysis.Outcome)
			}
		})
	}
}

func TestHooks(t *testing.T) {
	hooks := []Webhook{
		{Name: "may it", URL: "http://a", Type: HookConfirmRollout},
		{Name: "smoke", URL: "http://a", Type: HookPreRollout},
		{Name: "load", URL: "http://a", Type: HookRollout},
		{Name: "red button", URL: "http://a", Type: HookRollback},
		{Name: "release", URL: "http://a", Type: HookConfirmPromotion},
		{Name: "over", URL: "http://a", Type: HookPostRollout},
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
