package dialect

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"

	"github.com/weirmesh/weir/server/metrics/query"
)

// store is Prometheus' own engine over one of its storages: the Querier of the tests.
type store struct {
	engine *promql.Engine
	data   storage.Queryable
	mu     sync.Mutex
	asked  []string // every expression
	fail   func(expr string) error
}

func newStore(t testing.TB, data storage.Queryable) *store {
	engine := promql.NewEngine(promql.EngineOpts{
		MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute, Parser: parser.NewParser(parser.Options{}),
	})
	t.Cleanup(func() {
		if err := engine.Close(); err != nil {
			t.Error(err)
		}
	})
	return &store{engine: engine, data: data}
}

func (s *store) note(expr string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, expr)
	if s.fail != nil {
		return s.fail(expr)
	}
	return nil
}

func (s *store) Query(ctx context.Context, expr string, at time.Time) (query.Answer, error) {
	if err := s.note(expr); err != nil {
		return query.Answer{}, err
	}
	q, err := s.engine.NewInstantQuery(ctx, s.data, nil, expr, at)
	if err != nil {
		return query.Answer{}, query.Errorf(query.BadData, "%s: %w", expr, err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return query.Answer{}, query.Errorf(query.Execution, "%s: %w", expr, res.Err)
	}
	vector, err := res.Vector()
	if err != nil {
		return query.Answer{}, query.Errorf(query.BadData, "%s: %w", expr, err)
	}
	a := query.Answer{Kind: query.Vector, Vector: make([]query.Sample, len(vector))}
	a.Warnings, a.Infos = res.Warnings.AsStrings(expr, 0, 0)
	for i, p := range vector {
		a.Vector[i] = query.Sample{Labels: p.Metric, Point: query.Point{T: p.T, V: p.F, H: p.H}}
	}
	return a, nil
}

func (s *store) QueryRange(ctx context.Context, expr string, over query.Range) (query.Answer, error) {
	if err := s.note(expr); err != nil {
		return query.Answer{}, err
	}
	q, err := s.engine.NewRangeQuery(ctx, s.data, nil, expr, over.Start, over.End, over.Step)
	if err != nil {
		return query.Answer{}, query.Errorf(query.BadData, "%s: %w", expr, err)
	}
	defer q.Close()
	res := q.Exec(ctx)
	if res.Err != nil {
		return query.Answer{}, query.Errorf(query.Execution, "%s: %w", expr, res.Err)
	}
	matrix, err := res.Matrix()
	if err != nil {
		return query.Answer{}, query.Errorf(query.BadData, "%s: %w", expr, err)
	}
	a := query.Answer{Kind: query.Matrix}
	for _, row := range matrix {
		out := query.Series{Labels: row.Metric}
		for _, p := range row.Floats {
			out.Points = append(out.Points, query.Point{T: p.T, V: p.F})
		}
		for _, p := range row.Histograms {
			out.Points = append(out.Points, query.Point{T: p.T, H: p.H.Copy()})
		}
		a.Matrix = append(a.Matrix, out)
	}
	return a, nil
}

func (s *store) LabelValues(ctx context.Context, name string, among query.Selection) ([]string, []string, error) {
	q, err := s.data.Querier(among.Start.UnixMilli(), among.End.UnixMilli())
	if err != nil {
		return nil, nil, query.Errorf(query.Unavailable, "%w", err)
	}
	defer q.Close()
	var all []string
	for _, m := range among.Match {
		matchers, err := parser.NewParser(parser.Options{}).ParseMetricSelector(m)
		if err != nil {
			return nil, nil, query.Errorf(query.BadData, "%s: %w", m, err)
		}
		values, _, err := q.LabelValues(ctx, name, nil, matchers...)
		if err != nil {
			return nil, nil, query.Errorf(query.Execution, "%w", err)
		}
		all = append(all, values...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil, nil
}
