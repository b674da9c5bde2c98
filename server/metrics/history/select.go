package history

import (
	"context"
	"fmt"
	"maps"
	"math"
	"runtime/debug"
	"slices"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/annotations"

	"github.com/weirmesh/weir/server/metrics/query"
)

// Series gives the labels of the series that sel chooses, sorted, and warnings: what was cut. It needs a matcher. Errors
// are query.Error.
func (s *Store) Series(ctx context.Context, sel query.Selection) ([]labels.Labels, []string, error) {
	if len(sel.Match) == 0 {
		return nil, nil, query.Errorf(query.BadData, "no series are named: give a matcher such as up or {job=\"envoy\"} in match[]")
	}
	var found []labels.Labels
	limit := limitOf(sel)
	seen := map[uint64]bool{}
	warnings, err := s.look(ctx, sel, func(ctx context.Context, q storage.Querier, matchers []*labels.Matcher) (annotations.Annotations, error) {
		// The hint spares the library the samples: only which series there are is asked.
		set := q.Select(ctx, false, &storage.SelectHints{Start: startOf(sel), End: endOf(sel), Func: "series", Limit: limit + 1}, matchers...)
		for set.Next() && len(found) <= limit {
			series := set.At().Labels()
			if hash := series.Hash(); !seen[hash] {
				seen[hash] = true
				found = append(found, series)
			}
		}
		return set.Warnings(), set.Err()
	})
	if err != nil {
		return nil, nil, err
	}
	slices.SortFunc(found, labels.Compare)
	found, warnings = cutTo(found, limit, warnings)
	return found, warnings, nil
}

// LabelNames gives the names of the labels of the series that sel chooses, or of all, sorted, and warnings.
func (s *Store) LabelNames(ctx context.Context, sel query.Selection) ([]string, []string, error) {
	return s.union(ctx, sel, func(ctx context.Context, q storage.Querier, hints *storage.LabelHints, matchers []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelNames(ctx, hints, matchers...)
	})
}

// LabelValues gives the values of a label among the series that sel chooses, or among all, sorted, and warnings.
func (s *Store) LabelValues(ctx context.Context, name string, sel query.Selection) ([]string, []string, error) {
	if name == "" {
		return nil, nil, query.Errorf(query.BadData, "no label is named: give its name, such as job")
	}
	return s.union(ctx, sel, func(ctx context.Context, q storage.Querier, hints *storage.LabelHints, matchers []*labels.Matcher) ([]string, annotations.Annotations, error) {
		return q.LabelValues(ctx, name, hints, matchers...)
	})
}

// union collects what f gives for each set of matchers.
func (s *Store) union(
	ctx context.Context, sel query.Selection,
	f func(context.Context, storage.Querier, *storage.LabelHints, []*labels.Matcher) ([]string, annotations.Annotations, error),
) ([]string, []string, error) {
	limit := limitOf(sel)
	found := map[string]bool{}
	warnings, err := s.look(ctx, sel, func(ctx context.Context, q storage.Querier, matchers []*labels.Matcher) (annotations.Annotations, error) {
		values, notes, err := f(ctx, q, &storage.LabelHints{Limit: limit + 1}, matchers)
		for _, value := range values {
			found[value] = true
		}
		return notes, err
	})
	if err != nil {
		return nil, nil, err
	}
	values, warnings := cutTo(slices.Sorted(maps.Keys(found)), limit, warnings)
	return values, warnings, nil
}

// look calls f for each set of matchers in sel, once without any when there is none.
func (s *Store) look(
	ctx context.Context, sel query.Selection, f func(context.Context, storage.Querier, []*labels.Matcher) (annotations.Annotations, error),
) ([]string, error) {
	matchers := [][]*labels.Matcher{nil}
	if len(sel.Match) > 0 {
		parsed, err := s.parser.ParseMetricSelectors(sel.Match)
		if err != nil {
			return nil, query.Errorf(query.BadData, "%w", err)
		}
		matchers = parsed
	}
	if !sel.Start.IsZero() && !sel.End.IsZero() && sel.End.Before(sel.Start) {
		return nil, query.Errorf(query.BadData, "the time ends before it starts")
	}
	done, err := s.turn(ctx)
	if err != nil {
		return nil, err
	}
	defer done()
	timed, cancel := context.WithTimeout(ctx, s.o.Timeout)
	defer cancel()
	warnings, err := s.visit(timed, sel, matchers, f)
	if damage(err) {
		if damaged := s.examine(timed, startOf(sel), endOf(sel)); len(damaged) > 0 {
			warnings, err = s.visit(timed, sel, matchers, f)
			warnings = append(warnings, damaged...)
		}
	}
	if err != nil {
		return nil, s.fault(ctx, err)
	}
	return warnings, nil
}

func (s *Store) visit(
	ctx context.Context, sel query.Selection, matchers [][]*labels.Matcher,
	f func(context.Context, storage.Querier, []*labels.Matcher) (annotations.Annotations, error),
) ([]string, error) {
	inst, release, err := s.acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer release()
	var warnings []string
	err = contained("the question", func() error {
		defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
		q, err := inst.db.Querier(startOf(sel), endOf(sel))
		if err != nil {
			return fmt.Errorf("unexpected: %w", err)
		}
		defer func() { _ = q.Close() }()
		for _, m := range matchers {
			notes, err := f(ctx, q, m)
			if err != nil {
				return fmt.Errorf("unexpected: %w", err)
			}
			found, _ := notes.AsStrings("", 10, 0)
			warnings = append(warnings, found...)
		}
		return nil
	})
	return warnings, err
}

func cutTo[T any](found []T, limit int, warnings []string) ([]T, []string) {
	if len(found) <= limit {
		return found, warnings
	}
	return found[:limit], append(warnings, fmt.Sprintf("there are more than %d, the rest is left out: narrow the matchers or the time", limit))
}

func limitOf(sel query.Selection) int {
	if sel.Limit > 0 {
		return min(sel.Limit, maxSeries)
	}
	return maxSeries
}

func startOf(sel query.Selection) int64 {
	if sel.Start.IsZero() {
		return math.MinInt64
	}
	return sel.Start.UnixMilli()
}

func endOf(sel query.Selection) int64 {
	if sel.End.IsZero() {
		return time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()
	}
	return sel.End.UnixMilli()
}
