package canary

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// world is a rollout with a mesh, a door and proxies that do whatever they like.
type world struct {
	r       Rollout
	mesh    mesh.Mesh
	version int64
	now     time.Time
	facts   Facts
	keys    map[string]bool
	moves   map[[2]int]int // by attempt and step, since somebody else interfered or resumed
	aborted bool           // in this attempt
	others  float64        // share of the third target
}

func (w *world) targets() []mesh.WeightedTarget { return w.mesh.Routes[0].Targets }

func (w *world) share(node string) float64 {
	return float64(weightOf(w.targets(), node)) / float64(sum(w.targets()))
}

// set changes the route as the door does.
func (w *world) set(targets []mesh.WeightedTarget) {
	w.mesh.Routes = append([]mesh.Route(nil), w.mesh.Routes...)
	w.mesh.Routes[0].Targets = targets
	w.version++
}

// settle carries out what the rollout does next until it waits.
func (w *world) settle(t *rapid.T) {
	for i := 0; ; i++ {
		if i > 10*perTick {
			t.Fatalf("it turns in a circle: %+v", w.r)
		}
		w.facts.Held = Held{Targets: w.targets(), Version: w.version}
		a := Next(w.r, w.facts, w.now)
		switch a.Do {
		case Wait:
			return
		case Save:
			if a.Rollout.Step != w.r.Step || a.Rollout.Change != w.r.Change {
				w.r.Analysis.Verdict = judge.Verdict{Outcome: judge.Continue}
			}
			analysis := w.r.Analysis
			w.r = a.Rollout
			if w.r.Phase != Aborted && w.r.Phase != Inconclusive && w.r.Phase != Succeeded {
				w.r.Analysis = analysis
			}
		case Send:
			w.send(t)
		}
		w.aborted = w.aborted || w.r.Phase == Aborted
	}
}

// send is the door: it takes a move, refuses it or breaks down.
func (w *world) send(t *rapid.T) {
	m := *w.r.Move
	if w.r.Outside {
		t.Fatalf("it fights: %+v", w.r)
	}
	switch err := rapid.SampledFrom([]mesh.Code{"", "", "", mesh.Denied, mesh.Conflict, mesh.Unavailable, mesh.Invalid}).Draw(t, "door"); err {
	case "":
	case mesh.Unavailable:
		if w.keys[m.Key] || !rapid.Bool().Draw(t, "recorded") {
			w.r = w.r.unmoved(mesh.Errorf(err, "the store is away"), w.now)
			return
		}
	default:
		if err == mesh.Denied && m.Back {
			break
		}
		w.r = w.r.unmoved(mesh.Errorf(err, "not now"), w.now)
		return
	}
	if w.keys[m.Key] { // made before
		w.r = w.r.moved("c-"+m.Key, w.now)
		return
	}
	if m.Base != w.version {
		w.r = w.r.unmoved(mesh.Errorf(mesh.Conflict, "the route changed"), w.now)
		return
	}
	w.check(t, m)
	w.keys[m.Key] = true
	w.set(m.Targets)
	w.facts.Delivery = Delivery{}
	w.r = w.r.moved("c-"+m.Key, w.now)
}

// check is what holds of every move.
func (w *world) check(t *rapid.T, m Move) {
	before := w.share("v2")
	at := [2]int{w.r.Attempt, w.r.Step}
	if w.r.Phase == Aborted {
		at[1] = -1
	}
	w.moves[at]++
	if w.moves[at] > 1 {
		t.Fatalf("step %v moves twice: %+v", at, m)
	}
	old := w.targets()
	w.mesh.Routes[0].Targets = m.Targets
	defer func() { w.mesh.Routes[0].Targets = old }()
	after := w.share("v2")
	if w.aborted && after > before+1e-12 {
		t.Fatalf("after an abort canary goes from %v to %v", before, after)
	}
	if w.aborted && after != 0 {
		t.Fatalf("an abort leaves canary %v", after)
	}
	if math.Abs(w.share("v3")-w.others) > 1e-6 {
		t.Fatalf("the third target goes from %v to %v", w.others, w.share("v3"))
	}
	if weightOf(m.Targets, "v1") < 0 || weightOf(m.Targets, "v2") < 0 {
		t.Fatalf("weights below zero: %+v", m.Targets)
	}
}

// verb is what a person may want at any time.
func (w *world) verb(t *rapid.T) {
	held, before := w.targets(), w.r
	by := By{Author: "ann"}
	var err error
	switch verb := rapid.SampledFrom([]string{"pause", "resume", "promote", "abort", "retry"}).Draw(t, "verb"); verb {
	case "pause":
		w.r, err = w.r.pause(by, w.now)
	case "resume":
		w.r, err = w.r.resume(by, held, w.now)
	case "promote":
		w.r, err = w.r.promote(by, held, w.now)
		if err == nil && (before.Phase == Aborted || before.Phase == Succeeded) {
			t.Fatal("what is over was promoted")
		}
	case "abort":
		w.r, err = w.r.abort(by, w.now)
	case "retry":
		w.r, err = w.r.retry(by, w.mesh, w.now)
		w.aborted = w.aborted && err != nil
	}
	if err != nil {
		if code := mesh.CodeOf(err); code != mesh.Conflict && code != mesh.NotFound {
			t.Fatalf("refused with %v", err)
		}
		w.r = before
		return
	}
	w.moves = make(map[[2]int]int)
	w.aborted = w.aborted || w.r.Phase == Aborted
}

// happen is one thing that happens.
func (w *world) happen(t *rapid.T) {
	w.now = w.now.Add(time.Duration(rapid.IntRange(0, 90).Draw(t, "seconds")) * time.Second)
	switch rapid.SampledFrom([]string{"nothing", "programmed", "programmed", "rejected", "verdict", "verdict", "verdict", "verb", "check", "outside", "other edit"}).Draw(t, "event") {
	case "programmed":
		w.facts.Delivery = Delivery{At: w.now, Acked: 2, Total: 2}
	case "rejected":
		w.facts.Delivery = Delivery{Acked: 1, Total: 2, Rejected: []string{"no"}}
	case "verdict":
		out := rapid.SampledFrom([]judge.Outcome{judge.Continue, judge.Advance, judge.Advance, judge.Advance, judge.Abort, judge.Inconclusive}).Draw(t, "outcome")
		w.r.Analysis.Verdict = judge.Verdict{Outcome: out}
	case "check":
		w.r.Analysis.Checks = []Measured{{Name: "c", OK: rapid.Bool().Draw(t, "ok"), Failed: rapid.IntRange(0, 3).Draw(t, "failed"), Errors: rapid.IntRange(0, 3).Draw(t, "errors")}}
	case "verb":
		w.verb(t)
	case "outside":
		targets := divide(w.targets(), "v1", "v2", rapid.IntRange(0, 100).Draw(t, "set"))
		w.set(targets)
		w.moves = make(map[[2]int]int)
		w.aborted = false // what canary has now, somebody else gave it
	case "other edit":
		w.version++
	}
}

func TestNextKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
		v3 := rapid.SampledFrom([]int{0, 10, 37}).Draw(t, "third")
		m := shop(rapid.IntRange(1, 1000).Draw(t, "stable"), 0, v3)
		spec := Spec{Target: reviews, Stable: "v1", Canary: "v2", Deadline: mesh.Duration(time.Minute)}
		at := 0
		for range rapid.IntRange(1, 4).Draw(t, "steps") {
			at += rapid.IntRange(1, 25).Draw(t, "more")
			spec.Steps = append(spec.Steps, weight(at))
			spec.Steps = append(spec.Steps, rapid.SampledFrom([]Step{analysed(), pausing(0), pausing(30 * time.Second)}).Draw(t, "then"))
		}
		spec = spec.Filled(m)
		if err := spec.Validate(m, nil); err != nil {
			t.Fatal(err)
		}
		w := &world{
			r: begin("id", m, spec, By{Author: "ann"}, now), mesh: m, version: 1, now: now,
			keys: make(map[string]bool), moves: make(map[[2]int]int),
		}
		w.others = w.share("v3")
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			w.happen(t)
			w.settle(t)
			if w.r.Phase == Succeeded && w.r.Ended == nil || w.r.Weight < 0 || w.r.Weight > 100 || w.r.Why == "" {
				t.Fatalf("the rollout is %+v", w.r)
			}
		}
		// Given time and a door that works, an aborted rollout leaves canary nothing, and one that succeeded everything.
		for range 200 {
			if !w.r.Phase.Over() {
				return
			}
			w.now = w.now.Add(time.Minute)
			w.settle(t)
			if !w.r.Active() {
				break
			}
		}
		if w.r.Active() {
			t.Fatalf("it never comes to its end: %+v", w.r)
		}
	})
}

// play plays a rollout with deliveries and verdicts that are as they should be.
func play(t *testing.T, spec Spec, m mesh.Mesh, verdict judge.Outcome) (Rollout, []int) {
	t.Helper()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	spec.Target = reviews
	spec = spec.Filled(m)
	if err := spec.Validate(m, nil); err != nil {
		t.Fatal(err)
	}
	r := begin("id", m, spec, By{}, now)
	held := Held{Targets: m.Routes[0].Targets, Version: 1}
	weights := []int{}
	for range 100 {
		now = now.Add(10 * time.Second)
		r.Analysis.Verdict = judge.Verdict{Outcome: judge.Continue}
		if r.Programmed != nil { // nothing is judged before
			r.Analysis.Verdict.Outcome = verdict
		}
		a := Next(r, Facts{Held: held, Delivery: Delivery{At: now, Acked: 1, Total: 1}}, now)
		r = a.Rollout
		if a.Do == Send {
			weights = append(weights, r.Move.Weight)
			held = Held{Targets: r.Move.Targets, Version: held.Version + 1}
			r = r.moved("change", now)
		}
	}
	return r, weights
}

func TestWholeRollouts(t *testing.T) {
	steps := []Step{weight(5), analysed(), weight(25), pausing(time.Minute), weight(50), analysed()}
	r, weights := play(t, Spec{Steps: steps}, shop(1, 0), judge.Advance)
	if r.Phase != Succeeded || len(weights) != 4 || weights[3] != 100 || r.Weight != 100 || r.Analysis.Outcome != judge.Successful {
		t.Errorf("a healthy canary: %v, %+v", weights, r)
	}
	if r.Active() || r.Ended == nil {
		t.Errorf("it holds its route after the end: %+v", r)
	}
	r, weights = play(t, Spec{Steps: steps}, shop(300, 0), judge.Abort)
	if r.Phase != Aborted || r.Weight != 0 || weights[len(weights)-1] != 0 || r.Cause != CauseEvidence || r.Active() {
		t.Errorf("a bad canary: %v, %+v", weights, r)
	}
	if !sameShares(r.Targets, r.Before) || weightOf(r.Targets, "v1") != 300 {
		t.Errorf("after an abort the weights are %v, before they were %v", r.Targets, r.Before)
	}
	r, weights = play(t, Spec{Steps: steps}, shop(1, 0), judge.Inconclusive)
	if r.Phase != Inconclusive || !r.Gate || len(weights) != 1 || r.Weight != 5 || !r.Active() {
		t.Errorf("an open case: %v, %+v", weights, r)
	}
	if next, err := r.retry(By{Author: "ann"}, shop(95, 5), r.Since); err != nil || next.Step != 0 || next.Attempt != 2 || next.Phase != Pending {
		t.Errorf("retried as %+v, %v", next, err)
	}
	if next, err := r.resume(By{}, nil, r.Since); err != nil || next.Phase != Progressing || next.Step != 1 {
		t.Errorf("resumed as %+v, %v", next, err)
	}
}
