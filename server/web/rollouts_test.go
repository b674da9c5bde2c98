package web_test

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// attic keeps rollouts in memory, with their evidence.
type attic struct {
	w        *world
	list     []canary.Rollout
	evidence map[string]json.RawMessage
}

func (s *attic) CreateRollout(_ context.Context, r canary.Rollout) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	s.list = append(s.list, r)
	return nil
}

func (s *attic) UpdateRollout(_ context.Context, r canary.Rollout, evidence json.RawMessage) error {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for i := range s.list {
		if s.list[i].ID == r.ID {
			s.list[i], s.evidence[r.ID] = r, evidence
			return nil
		}
	}
	return mesh.Errorf(mesh.NotFound, "there is no rollout %s", r.ID)
}

func (s *attic) Rollout(_ context.Context, id string) (canary.Rollout, json.RawMessage, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	for _, r := range s.list {
		if r.ID == id {
			return r, s.evidence[id], nil
		}
	}
	return canary.Rollout{}, nil, mesh.Errorf(mesh.NotFound, "there is no rollout %s", id)
}

func (s *attic) Rollouts(_ context.Context, q canary.Query) ([]canary.Rollout, error) {
	s.w.mu.Lock()
	defer s.w.mu.Unlock()
	var found []canary.Rollout
	for _, r := range s.list {
		if (q.Mesh == "" || r.Mesh == q.Mesh) && (!q.Active || r.Active()) && (q.Before == "" || r.ID < q.Before) {
			found = append(found, r)
		}
	}
	slices.SortFunc(found, func(a, b canary.Rollout) int { return cmp.Compare(b.ID, a.ID) })
	return found[:min(len(found), cmp.Or(q.Limit, 100))], s.w.fail
}

// grip are the world's weights as rollouts hold them: nothing runs, so nothing moves.
type grip struct{ w *world }

func (g grip) Mesh(name string) (mesh.Mesh, error) {
	current, err := g.w.Mesh(name)
	return current.Mesh, err
}

func (g grip) Held(meshName string, target mesh.Ref) (canary.Held, error) {
	stored, err := g.w.Object(meshName, target)
	if err != nil {
		return canary.Held{}, err
	}
	route, _ := stored.Object.(mesh.Route)
	return canary.Held{Targets: route.Targets, Version: stored.Version}, nil
}

func (grip) Move(context.Context, canary.Order) (string, error) {
	return "", mesh.Errorf(mesh.Unavailable, "nothing moves here")
}

func (grip) State(context.Context, string) (canary.Delivery, error) { return canary.Delivery{}, nil }

func (grip) Setter(context.Context, string) string { return "" }

func (grip) Counts(canary.Arms) (canary.Counts, error) { return canary.Counts{}, nil }

func (grip) Traffic(canary.Arms) (rate, errors float64) { return 74.8, 0.004 }

// controller is the world's rollouts, or nil where none are carried out.
func (w *world) controller() *canary.Controller {
	if w.rollouts == nil {
		return nil
	}
	fail := w.fail
	w.fail = nil // it began well
	defer func() { w.fail = fail }()
	c, err := canary.New(context.Background(), canary.Options{Store: w.rollouts, Hands: grip{w}, Evidence: grip{w}, Now: noon})
	if err != nil {
		panic(err)
	}
	return c
}

func (w *world) keepRollouts(list ...canary.Rollout) {
	w.rollouts = &attic{w: w, evidence: make(map[string]json.RawMessage)}
	for _, r := range list {
		j := judged(r)
		data, err := json.Marshal(map[string]any{"judge": j})
		if err != nil {
			panic(err)
		}
		if r.Analysis.Windows > 0 {
			r.Analysis.Verdict = j.Verdict(noon())
		}
		w.rollouts.list, w.rollouts.evidence[r.ID] = append(w.rollouts.list, r), data
	}
}

// judged is a judge that has seen a rollout's windows: those of an aborted one speak against canary.
func judged(r canary.Rollout) *judge.Judge {
	j, err := judge.New(r.Spec.Analysis.Judge, r.At)
	if err != nil {
		panic(err)
	}
	at := r.At
	for i := range r.Analysis.Windows {
		next := at.Add(10 * time.Second)
		arm := func(requests, errors, slow float64) judge.Arm {
			return judge.Arm{Requests: requests, Errors: errors, Latency: judge.Histogram{
				Bounds: []float64{0.1, 0.25}, Counts: []float64{requests - slow, requests - slow/2}, Total: requests,
			}}
		}
		w := judge.Window{From: at, To: next, Stable: arm(560, float64(i%3), 4), Canary: arm(188, float64(i%5/4), 1)}
		if r.Phase == canary.Aborted && r.Cause == canary.CauseEvidence {
			w.Canary = arm(188, 6+float64(i%4), 11)
		}
		half := w.Stable
		half.Requests, half.Errors, half.Latency = 280, float64(i%2), judge.Histogram{}
		w.Halves = &[2]judge.Arm{half, half}
		if err := j.Add(w); err != nil {
			panic(err)
		}
		at = next
	}
	return j
}

// rolled is a rollout of the sample's reviews.
func rolled(id string, phase canary.Phase, ago time.Duration, windows int) canary.Rollout {
	m := sample()
	step := func(percent int) canary.Step { return canary.Step{SetWeight: &percent} }
	high := 0.5
	spec := canary.Spec{
		Target: mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}, Stable: "reviews-v1", Canary: "reviews-v2",
		Steps: []canary.Step{step(25), {Analysis: &struct{}{}}, {Pause: &canary.Pause{Duration: mesh.Duration(10 * time.Minute)}}, step(50), {Pause: &canary.Pause{}}, {Analysis: &struct{}{}}},
		Analysis: canary.Analysis{
			Judge: judge.Config{Boundaries: []float64{0.1, 0.25}}, Metrics: []canary.Check{{Name: "checkout p99", Query: "vector(1)", Max: &high}},
		},
		Webhooks: []canary.Webhook{{Name: "chat", URL: "https://chat.example/hook"}},
	}.Filled(m)
	at := noon().Add(-ago)
	r := canary.Rollout{
		ID: id, Mesh: "sample_app", Spec: spec, Author: "jiyoung", Reason: "2.4 of the shop", At: at, Phase: phase, Step: 1, Weight: 25, Since: at.Add(20 * time.Second),
		Cause: canary.CauseStep, Why: "step 2 of 6: canary is judged at 25 %", Changes: []string{"chg-039"}, Attempt: 1, Version: 9,
		Before: m.Routes[1].Targets, Targets: m.Routes[1].Targets, Programmed: &at,
		Analysis: canary.Finding{Outcome: judge.Running, Windows: windows, Dropped: 2, Detect: mesh.Duration(7 * time.Minute)},
	}
	value := 0.31
	if windows > 0 {
		r.Analysis.Checks = []canary.Measured{{Name: "checkout p99", Value: &value, At: noon().Add(-9 * time.Second), OK: true}}
		r.Hooks = []canary.Called{{Name: "chat", Type: "event", At: noon().Add(-40 * time.Second), Message: "answered 503 Service Unavailable", Failed: 1}}
	}
	switch phase {
	case canary.Succeeded:
		r.Step, r.Weight, r.Ended = len(spec.Steps), 100, &at
	case canary.Aborted:
		r.Cause, r.Why, r.Weight, r.Ended = canary.CauseEvidence, "errors 4 % of 2,000 at canary against 0.2 % of 6,000 at stable", 0, &at
		r.Analysis.Outcome = judge.Failed
	}
	return r
}

// rollouts is what the sample's ledger of rollouts has: two that are over.
func rollouts() []canary.Rollout {
	stopped := rolled("0w", canary.Aborted, 74*time.Hour, 0)
	stopped.Cause, stopped.Why = canary.CausePerson, "aborted by min: lunch"
	return []canary.Rollout{stopped, rolled("35a0000004", canary.Aborted, 26*time.Hour, 7), rolled("35a0000005", canary.Succeeded, 2*time.Hour, 60)}
}

// rolling is the sample with a rollout under way, and more behind it than fit on a page.
func rolling() *world {
	w := newWorld()
	list := append(rollouts(), rolled("35b0000000", canary.Progressing, 7*time.Minute, 40))
	for i := range 40 {
		list = append(list, rolled("34a00000"+strconv.Itoa(10+i), canary.Succeeded, time.Duration(80+i)*time.Hour, 0))
	}
	w.keepRollouts(list...)
	return w
}
