package history

import (
	"context"
	"errors"
	"fmt"
	"math"
	"runtime/debug"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"

	"github.com/weirmesh/weir/server/metrics/query"
)

// Query answers a question at a moment. Errors are query.Error.
func (s *Store) Query(ctx context.Context, expr string, at time.Time) (query.Answer, error) {
	return s.ask(ctx, expr, query.Range{Start: at, End: at})
}

// QueryRange answers a question at every step of a range, 11,000 of them at most. Errors are query.Error.
func (s *Store) QueryRange(ctx context.Context, expr string, r query.Range) (query.Answer, error) {
	if err := checkRange(r); err != nil {
		return query.Answer{}, err
	}
	return s.ask(ctx, expr, r)
}

// ask answers over a range, or at its start when it has no step. A question that meets a damaged block is asked once
// more without that block.
func (s *Store) ask(ctx context.Context, expr string, r query.Range) (query.Answer, error) {
	began := time.Now()
	window, err := s.admit(expr, r)
	if err != nil {
		return query.Answer{}, err
	}
	done, err := s.turn(ctx)
	if err != nil {
		return query.Answer{}, err
	}
	defer done()
	answer, err := s.evaluate(ctx, expr, r)
	if damage(err) {
		if damaged := s.examine(ctx, window.mint, window.maxt); len(damaged) > 0 {
			answer, err = s.evaluate(ctx, expr, r)
			answer.Warnings = append(answer.Warnings, damaged...)
		}
	}
	if err != nil {
		return query.Answer{}, s.fault(ctx, err)
	}
	answer.Took = time.Since(began)
	s.answered(answer.Took)
	return answer, nil
}

// evaluate lets the engine answer.
func (s *Store) evaluate(ctx context.Context, expr string, r query.Range) (answer query.Answer, err error) {
	inst, release, err := s.acquire(ctx)
	if err != nil {
		return answer, err
	}
	defer release()
	err = contained("the question", func() error {
		// A block that the disk cannot read any more ends the process otherwise.
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		answer, err = s.run(ctx, inst.db, expr, r)
		return err
	})
	return answer, err
}

func (s *Store) run(ctx context.Context, from storage.Queryable, expr string, r query.Range) (query.Answer, error) {
	var q promql.Query
	var err error
	if r.Step > 0 {
		q, err = s.engine.NewRangeQuery(ctx, from, nil, expr, r.Start, r.End, r.Step)
	} else {
		q, err = s.engine.NewInstantQuery(ctx, from, nil, expr, r.Start)
	}
	if err != nil {
		return query.Answer{}, query.Errorf(query.BadData, "%w", err)
	}
	// The query is not closed: that gives its memory back to a pool, and the answer refers to histograms in it.
	result := q.Exec(ctx)
	if result.Err != nil {
		return query.Answer{}, result.Err
	}
	answer, err := answerOf(result.Value)
	answer.Warnings, answer.Infos = result.Warnings.AsStrings(expr, 10, 10)
	return answer, err
}

// turn waits for one of the places of questions that may run at once. Four times as many may wait, and not for long.
func (s *Store) turn(ctx context.Context) (done func(), err error) {
	done = func() { <-s.turns }
	select {
	case s.turns <- struct{}{}:
		return done, nil
	default:
	}
	defer s.waiting.Add(-1)
	if n := s.waiting.Add(1); n > int64(4*cap(s.turns)) {
		return nil, query.Errorf(query.Unavailable, "%d questions are being answered and %d wait: ask again in a moment", cap(s.turns), n-1)
	}
	give := time.NewTimer(s.o.Timeout / 3)
	defer give.Stop()
	select {
	case s.turns <- struct{}{}:
		return done, nil
	case <-ctx.Done():
		return nil, s.fault(ctx, ctx.Err())
	case <-give.C:
		return nil, query.Errorf(query.Unavailable, "%d questions are being answered and none ended within %s: ask again in a moment", cap(s.turns), s.o.Timeout/3)
	}
}

// acquire gives the open instance, which stays open until release is called. While the store is being opened again it
// waits, for as long as a question may take.
func (s *Store) acquire(ctx context.Context) (inst *instance, release func(), err error) {
	give := time.NewTimer(s.o.Timeout)
	defer give.Stop()
	for {
		if why := s.verdict.first(closed, down); why != "" {
			return nil, nil, query.Errorf(query.Unavailable, "%s", why)
		}
		inst := s.current.Load()
		if inst != nil && !inst.broken.Load() && inst.users.TryRLock() {
			if inst == s.current.Load() {
				return inst, inst.users.RUnlock, nil
			}
			inst.users.RUnlock()
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-give.C:
			return nil, nil, query.Errorf(query.Unavailable, "the metrics store is being opened again: ask again in a moment")
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// damage tells whether an error may come from a block that cannot be read.
func damage(err error) bool {
	var stored promql.ErrStorage
	var refused *query.Error
	var timeout promql.ErrQueryTimeout
	var canceled promql.ErrQueryCanceled
	var tooMany promql.ErrTooManySamples
	switch {
	case err == nil, errors.As(err, &refused), errors.As(err, &timeout), errors.As(err, &canceled), errors.As(err, &tooMany),
		errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return false
	case errors.As(err, &stored), brokeOff(err):
		return true
	}
	// The engine's other errors are of the question; those of reading it does not mark.
	for _, reading := range []string{"expanding series", "populate chunk", "checksum", "unexpected"} {
		if strings.Contains(err.Error(), reading) {
			return true
		}
	}
	return false
}

// fault makes a query.Error of whatever went wrong.
func (s *Store) fault(ctx context.Context, err error) error {
	var already *query.Error
	var timeout promql.ErrQueryTimeout
	var canceled promql.ErrQueryCanceled
	var tooMany promql.ErrTooManySamples
	switch {
	case errors.As(err, &already):
		return already
	case errors.Is(ctx.Err(), context.Canceled):
		return query.Errorf(query.Canceled, "the question was given up by whoever asked: %w", err)
	case errors.As(err, &timeout), errors.As(err, &canceled), errors.Is(err, context.DeadlineExceeded):
		return query.Errorf(query.Timeout, "the question takes longer than %s: name fewer series, or ask for a shorter time or longer steps: %w", s.o.Timeout, err)
	case errors.As(err, &tooMany):
		return query.Errorf(query.Execution, "the question needs more than %d samples in memory at once: name fewer series, or ask for a shorter time or longer steps: %w", s.o.MaxSamples, err)
	}
	return query.Errorf(query.Execution, "%w", err)
}

// checkRange refuses ranges that have too many steps or none.
func checkRange(r query.Range) error {
	switch {
	case r.Step < time.Millisecond:
		return query.Errorf(query.BadData, "the step is %s: give one of a millisecond at least", r.Step)
	case r.End.Before(r.Start):
		return query.Errorf(query.BadData, "the range ends at %s, before it starts at %s", r.End.UTC().Format(time.RFC3339), r.Start.UTC().Format(time.RFC3339))
	}
	if points := math.Floor(float64(r.End.Sub(r.Start))/float64(r.Step)) + 1; points > maxPoints {
		least := (r.End.Sub(r.Start)/(maxPoints-1) + time.Second).Truncate(time.Second)
		return query.Errorf(query.BadData, "%.0f points a series, at most %d: use a step of %s or more, or a shorter range", points, maxPoints, least)
	}
	return nil
}

// answerOf puts the engine's value into the words that all sources share.
func answerOf(value any) (query.Answer, error) {
	switch v := value.(type) {
	case promql.Vector:
		answer := query.Answer{Kind: query.Vector, Vector: make([]query.Sample, len(v))}
		for i, sample := range v {
			answer.Vector[i] = query.Sample{Labels: sample.Metric, Point: query.Point{T: sample.T, V: sample.F, H: sample.H}}
		}
		return answer, nil
	case promql.Matrix:
		answer := query.Answer{Kind: query.Matrix, Matrix: make([]query.Series, len(v))}
		for i, series := range v {
			answer.Matrix[i] = query.Series{Labels: series.Metric, Points: pointsOf(series)}
		}
		return answer, nil
	case promql.Scalar:
		return query.Answer{Kind: query.Scalar, Scalar: query.Point{T: v.T, V: v.V}}, nil
	case promql.String:
		return query.Answer{Kind: query.String, Text: v.V, Scalar: query.Point{T: v.T}}, nil
	}
	return query.Answer{}, fmt.Errorf("the engine answered with a %T", value)
}

// pointsOf merges a series' numbers and histograms by time.
func pointsOf(s promql.Series) []query.Point {
	points := make([]query.Point, 0, len(s.Floats)+len(s.Histograms))
	floats, histograms := s.Floats, s.Histograms
	for len(floats) > 0 || len(histograms) > 0 {
		if len(histograms) == 0 || len(floats) > 0 && floats[0].T < histograms[0].T {
			points = append(points, query.Point{T: floats[0].T, V: floats[0].F})
			floats = floats[1:]
			continue
		}
		points = append(points, query.Point{T: histograms[0].T, H: histograms[0].H})
		histograms = histograms[1:]
	}
	return points
}
