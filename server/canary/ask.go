package canary

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// ask is one question or gate that is asked again and again.
type ask struct {
	due  time.Time
	busy bool
}

// answer is what a question or a gate came to.
type answer struct {
	key     string
	attempt int
	change  string
	next    time.Duration // until it is asked again
	note    func(Rollout, time.Time) Rollout
}

// askTimeout bounds a question in PromQL.
const askTimeout = 10 * time.Second

// collect takes in the answers that have come. t.mu is held.
func (t *run) collect(now time.Time) {
	for {
		select {
		case a := <-t.answers:
			if k := t.asks[a.key]; k != nil {
				k.busy, k.due = false, now.Add(a.next)
			}
			if a.attempt == t.r.Attempt && a.change == t.r.Change {
				t.r = a.note(t.r, now)
				t.fresh = true
			}
		default:
			return
		}
	}
}

// askAll asks what is due. Nobody waits for the answers: they are collected with a later look. t.mu is held.
func (c *Controller) askAll(ctx context.Context, t *run) {
	now := c.now()
	if t.r.judged() && t.r.Phase != Inconclusive && c.o.Ask != nil {
		for i, check := range t.r.Spec.Analysis.Metrics {
			c.ask(ctx, t, "check "+check.Name, now, c.checking(t.r, i, check))
		}
	}
	if c.o.Call == nil {
		return
	}
	for _, w := range t.r.asked() {
		c.ask(ctx, t, "hook "+w.Name, now, c.calling(t.r, w))
	}
}

// ask runs a question in the background, unless it is under way or not due.
func (c *Controller) ask(ctx context.Context, t *run, key string, now time.Time, do func(context.Context) answer) {
	k := t.asks[key]
	if k == nil {
		k = &ask{}
		t.asks[key] = k
	}
	if k.busy || now.Before(k.due) {
		return
	}
	select {
	case c.slots <- struct{}{}:
	default:
		return // enough is under way; it is asked with a later look
	}
	k.busy = true
	attempt, change := t.r.Attempt, t.r.Change
	c.asking.Go(func() {
		defer func() { <-c.slots }()
		a := do(ctx)
		a.key, a.attempt, a.change = key, attempt, change
		select {
		case t.answers <- a:
			c.poke()
		case <-ctx.Done():
		}
	})
}

// checking asks a check's question.
func (c *Controller) checking(r Rollout, i int, check Check) func(context.Context) answer {
	expr := check.question(r)
	return func(ctx context.Context) answer {
		ctx, cancel := context.WithTimeout(ctx, askTimeout)
		defer cancel()
		values, err := c.o.Ask(ctx, r.Mesh, expr)
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("there was no answer in %v", askTimeout)
		}
		return answer{next: time.Duration(check.Interval), note: func(r Rollout, now time.Time) Rollout {
			return r.measured(i, check, values, err, now)
		}}
	}
}

// measured adds a check's answer to what is known.
func (r Rollout) measured(i int, check Check, values []float64, err error, now time.Time) Rollout {
	checks := slices.Clone(r.Analysis.Checks)
	for len(checks) < len(r.Spec.Analysis.Metrics) {
		checks = append(checks, Measured{Name: r.Spec.Analysis.Metrics[len(checks)].Name, Message: "was not asked yet"})
	}
	checks[i] = check.weigh(checks[i], values, err, now)
	r.Analysis.Checks = checks
	return r
}

// calling calls a gate.
func (c *Controller) calling(r Rollout, w Webhook) func(context.Context) answer {
	call := r.call(w, c.now())
	return func(ctx context.Context) answer {
		err := c.o.Call(ctx, call)
		return answer{next: time.Duration(r.Spec.Analysis.Interval), note: func(r Rollout, now time.Time) Rollout {
			return r.called(w, err, now)
		}}
	}
}

// outbox is what is still to be told to webhooks, in order.
type outbox struct {
	calls   []Call
	sending bool
}

// maxOutbox bounds what waits for a webhook that hangs; more is not told.
const maxOutbox = 100

// enqueue notes that the webhooks of a type have to be told of how the rollout stands. t.mu is held.
func (c *Controller) enqueue(t *run, kind string) {
	for _, w := range t.r.Spec.Webhooks {
		if w.Type == kind && c.o.Call != nil && len(t.events.calls) < maxOutbox {
			t.events.calls = append(t.events.calls, t.r.call(w, c.now()))
		}
	}
}

// deliver calls the webhooks that have to be told, one after the other, without waiting for their answers. t.mu is held.
func (c *Controller) deliver(ctx context.Context, t *run) {
	if len(t.events.calls) == 0 || t.events.sending {
		return
	}
	t.events.sending = true
	c.asking.Go(func() {
		for {
			t.mu.Lock()
			if len(t.events.calls) == 0 || ctx.Err() != nil {
				t.events.sending = false
				t.mu.Unlock()
				return
			}
			call := t.events.calls[0]
			t.events.calls = t.events.calls[1:]
			t.mu.Unlock()
			if err := c.o.Call(ctx, call); err != nil {
				c.log.Warn("a webhook of a rollout was not told", "webhook", call.Hook.Name, "rollout", call.Metadata["rollout"], "error", err)
			}
		}
	})
}

// publish tells whoever listens.
func (c *Controller) publish(t *run, r Rollout) {
	t.show()
	c.events.Publish(r)
}

// forecast works out how long a bad canary would stay unseen at the rollout's weight.
func (c *Controller) forecast(r *Rollout) {
	weight := exactShare(r.Targets, r.Spec.Stable, r.Spec.Canary) / 100
	if r.Phase == Pending || weight == 0 {
		for _, s := range r.Spec.Steps {
			if s.SetWeight != nil {
				weight = float64(*s.SetWeight) / 100
				break
			}
		}
	}
	r.Analysis.Detect, r.Analysis.Forecast = 0, nil
	if weight <= 0 || weight >= 1 {
		return
	}
	rate, failed := c.o.Evidence.Traffic(Arms{Mesh: r.Mesh, Target: r.Spec.Target, Stable: r.Spec.Stable, Canary: r.Spec.Canary})
	f, err := judge.Plan(judge.PlanInput{
		// Of a version that never fails, twice the errors are none: then a canary is meant that fails twice as often as is
		// tolerated.
		Rate: rate, ErrorRatio: max(failed, r.Spec.Analysis.Judge.Tolerance), Weight: weight, Ratio: 2, Config: r.Spec.Analysis.Judge,
	})
	if err != nil || f.Detect >= judge.Never {
		return
	}
	r.Analysis.Detect, r.Analysis.Forecast = mesh.Duration(f.Detect.Round(time.Second)), &f
	if f.Late {
		r.Notes = note(r.Notes, late(f, weight))
	}
}

// late says that the evidence will take longer than there is time.
func late(f judge.Forecast, weight float64) string {
	s := fmt.Sprintf("at %s and with the traffic there is, a canary with twice the errors would be seen after about %v, which is longer than a step may take",
		percent(weight), f.Detect.Round(time.Minute))
	if f.Better > 0 {
		s += fmt.Sprintf(": begin with %s, which takes about %v", percent(f.Better), f.BetterDetect.Round(time.Minute))
	}
	return s
}

// splitWords says that the traffic contradicts the weights.
func splitWords(r Rollout, v judge.SplitVerdict) string {
	if len(v.Shares) < 2 {
		return "the traffic contradicts the weights"
	}
	seen := v.Shares[1]
	return fmt.Sprintf("the traffic contradicts the weights: %s should have %s and has %s of %.0f requests (%s to %s); other routes may lead to these nodes, or sessions may stick to them",
		r.Spec.Canary, percent(seen.Wanted), percent(seen.Seen.Ratio), seen.Seen.Requests, percent(seen.Seen.Low), percent(seen.Seen.High))
}

// notes says what whoever reads the evidence should know about the mesh.
func notes(m mesh.Mesh, s Spec) []string {
	var others []string
	for _, route := range m.Routes {
		own := s.Target.Kind == mesh.KindRoute && route.Ref() == s.Target || s.Target.Kind == mesh.KindSplit && route.Split == s.Target.Name
		if !own && (has(route.Targets, s.Stable) || has(route.Targets, s.Canary)) {
			others = append(others, route.Ref().Name)
		}
	}
	if len(others) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("proxies count by node: what %s sends to %s and %s is counted as well", strings.Join(others, ", "), s.Stable, s.Canary)}
}
