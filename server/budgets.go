package server

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
)

// budgets counts what became of requests for the services' objectives: in the embedded store, or without one in the other
// sources, which know failures but no latencies.
type budgets struct{ s *Server }

// Outcomes counts by destination.
func (b budgets) Outcomes(ctx context.Context, q health.Question) (map[string]health.Outcome, error) {
	v := &b.s.seeing
	switch {
	case v.history != nil:
		return b.stored(ctx, q)
	case len(v.past) == 0:
		return nil, mesh.Errorf(mesh.Unavailable, "no metrics are stored, so that objectives cannot be judged")
	}
	seen, err := v.past.Observe(ctx, q.Mesh, q.At, q.Window)
	if err != nil {
		return nil, err
	}
	outcomes := make(map[string]health.Outcome)
	for i := range seen.Edges {
		e := &seen.Edges[i]
		failed := e.Requests * e.ErrorRatio
		outcomes[e.To] = outcomes[e.To].Add(health.Outcome{Requests: e.Requests, Failed: failed, Answered: e.Requests - failed})
	}
	return outcomes, nil
}

// stored asks the embedded store.
func (b budgets) stored(ctx context.Context, q health.Question) (map[string]health.Outcome, error) {
	outcomes := make(map[string]health.Outcome)
	requests := fmt.Sprintf(`sum by (%s, %s) (increase(%s{mesh=%q}%s))`, metrics.LabelDest, metrics.LabelClass, metrics.EdgeRequests, q.Mesh, span(q.Window))
	err := b.ask(ctx, requests, q.At, func(x query.Sample) {
		c := health.Outcome{Requests: x.V, Answered: x.V}
		if class := x.Labels.Get(metrics.LabelClass); class == "5" || class == metrics.ClassNoAnswer {
			c.Failed, c.Answered = x.V, 0
		}
		to := x.Labels.Get(metrics.LabelDest)
		outcomes[to] = outcomes[to].Add(c)
	})
	if err != nil || q.Latency == 0 {
		return outcomes, err
	}
	durations := fmt.Sprintf(`sum by (%s) (increase(%s{mesh=%q}%s))`, metrics.LabelDest, metrics.EdgeDuration, q.Mesh, span(q.Window))
	slow := fmt.Sprintf(`histogram_count(%[1]s) * (1 - histogram_fraction(0, %[2]s, %[1]s))`, durations, strconv.FormatFloat(q.Latency.Seconds(), 'g', -1, 64))
	return outcomes, b.ask(ctx, slow, q.At, func(x query.Sample) {
		if x.V > 0 {
			to := x.Labels.Get(metrics.LabelDest)
			outcomes[to] = outcomes[to].Add(health.Outcome{Slow: x.V})
		}
	})
}

func (b budgets) ask(ctx context.Context, expr string, at time.Time, each func(query.Sample)) error {
	answer, err := b.s.seeing.history.Query(ctx, expr, at)
	if err != nil {
		return err
	}
	for _, x := range answer.Vector {
		each(x)
	}
	return nil
}

// span writes a window as a range. A long one is read in steps: every sample of three days would be too many, and counters
// that only grow lose nothing by it but the newest step.
func span(window time.Duration) string {
	const whole, parts = 6 * time.Hour, 720
	if window <= whole {
		return "[" + model.Duration(window).String() + "]"
	}
	step := max((window / parts).Round(time.Minute), time.Minute)
	return fmt.Sprintf("[%s:%s]", model.Duration(window), model.Duration(step))
}

// refresh works out anew how fast services use up their error budgets. Why it cannot is said once, until it can again. It
// is for one caller at a time.
func (b budgets) refresh(ctx context.Context) {
	known, unjudged := make(map[string]bool), make(map[string]bool)
	for _, m := range b.s.meshes() {
		known[m.Name] = true
		err := b.s.seeing.budgets.Refresh(ctx, m, health.Default(), time.Now())
		if ctx.Err() != nil {
			return
		}
		unjudged[m.Name] = err != nil
		if err != nil && !b.s.seeing.unjudged[m.Name] {
			b.s.opts.Logger.Warn("objectives cannot be judged", "mesh", m.Name, "error", err)
		}
	}
	b.s.seeing.unjudged = unjudged
	b.s.seeing.budgets.Forget(func(name string) bool { return known[name] })
}
