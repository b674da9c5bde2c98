package load_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/load"
	"github.com/weirmesh/weir/server/metrics/query"
)

func noon() time.Time { return time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC) }

// stored answers questions by what they contain; one without an answer has no series.
type stored struct {
	values map[string]float64
	broken error
	asked  []string
}

func (s *stored) value(expr string) (v float64, ok bool) {
	s.asked = append(s.asked, expr)
	for part, v := range s.values {
		if strings.Contains(expr, part) {
			return v, true
		}
	}
	return 0, false
}

func (s *stored) QueryRange(_ context.Context, expr string, r query.Range) (query.Answer, error) {
	a := query.Answer{Kind: query.Matrix}
	if v, ok := s.value(expr); ok {
		series := query.Series{}
		for at := r.Start; !at.After(r.End); at = at.Add(r.Step) {
			series.Points = append(series.Points, query.Point{T: at.UnixMilli(), V: v})
		}
		a.Matrix = append(a.Matrix, series)
	}
	return a, s.broken
}

func (s *stored) Query(_ context.Context, expr string, at time.Time) (query.Answer, error) {
	a := query.Answer{Kind: query.Vector}
	v, ok := s.value(expr)
	switch {
	case !ok:
	case strings.Contains(expr, "by (source)"):
		for i, from := range []string{"b", "a"} {
			a.Vector = append(a.Vector, query.Sample{Labels: labels.FromStrings("source", from), Point: query.Point{T: at.UnixMilli(), V: v * float64(i+1)}})
		}
	case strings.Contains(expr, "by (proxy)"):
		for i, proxy := range []string{"x-1", "x-2"} {
			a.Vector = append(a.Vector, query.Sample{Labels: labels.FromStrings("proxy", proxy), Point: query.Point{V: v * float64(2*i+1)}})
		}
	default:
		a.Vector = []query.Sample{{Point: query.Point{V: v}}}
	}
	return a, s.broken
}

func ask(p mesh.Protocol) load.Ask {
	return load.Ask{
		Mesh: "shop", Node: `x"`, Listener: mesh.Listener{Port: 80, Protocol: p},
		Over: mesh.Span{Start: noon().Add(-time.Minute), End: noon(), Step: 15 * time.Second, Window: 30 * time.Second},
	}
}

func TestOf(t *testing.T) {
	store := &stored{values: map[string]float64{
		"weir_node_proxies": 2, "rate(weir_node_requests_total": 40, "histogram_sum(sum(rate(weir_node_duration_seconds": 10,
		"sum(weir_node_pool_requests{": 8, "weir_node_pool_pending_requests": 1, `event="overflow"`: 4, `event="retry"`: 3, "rate(weir_edge_requests_total": 20,
		"histogram_sum(sum by (source) (rate(weir_edge_duration_seconds": 5, "weir_edge_proxies": 1,
		"envoy_cluster_upstream_rq_total": 10, "envoy_cluster_upstream_rq_active": 7,
	}}
	l, err := load.Of(t.Context(), store, ask(mesh.HTTP))
	if err != nil || len(l.Moments) != 4 {
		t.Fatalf("%d moments, %v", len(l.Moments), err)
	}
	want := mesh.LoadMoment{At: noon(), Rate: 40, Refused: 4, Repeated: 3, Within: 10, Waiting: 1, InFlight: 8, Instances: 2}
	if got := l.Moments[3]; got != want {
		t.Errorf("the newest moment is %+v, want %+v", got, want)
	}
	if l.Busiest != 1.5 || l.Peak != 7 {
		t.Errorf("the busiest instance gets %v times its share and had %v in flight", l.Busiest, l.Peak)
	}
	if len(l.Callers) != 2 || l.Callers[0] != (mesh.LoadCaller{From: "a", Rate: 40, Within: 10, Proxies: 2}) {
		t.Errorf("callers %+v", l.Callers)
	}
	for _, expr := range store.asked {
		if !strings.Contains(expr, `"x\""`) || !strings.Contains(expr, `mesh="shop"`) {
			t.Errorf("asked %s", expr)
		}
	}
}

// TestTCP counts connections, those too that were refused and never opened.
func TestTCP(t *testing.T) {
	store := &stored{values: map[string]float64{
		"weir_node_proxies": 1, "weir_node_connections_opened_total": 3, "avg_over_time(weir_node_pool_connections": 12,
		"sum(weir_node_pool_connections{": 11, `event="overflow"`: 2, "weir_edge_connections_opened_total": 5, "envoy_cluster_upstream_cx_active": 14,
	}}
	l, err := load.Of(t.Context(), store, ask(mesh.TCP))
	if err != nil || len(l.Moments) != 4 {
		t.Fatalf("%d moments, %v", len(l.Moments), err)
	}
	if got := l.Moments[0]; got.Rate != 5 || got.Within != 12 || got.InFlight != 11 || l.Peak != 14 || l.Busiest != 0 {
		t.Errorf("%+v of %+v", got, l)
	}
}

// TestNothing is not an error; a store that fails is.
func TestNothing(t *testing.T) {
	l, err := load.Of(t.Context(), &stored{}, ask(mesh.HTTP2))
	if err != nil || len(l.Moments) != 0 {
		t.Errorf("%+v, %v", l, err)
	}
	down := query.Errorf(query.Unavailable, "the store is down")
	if _, err := load.Of(t.Context(), &stored{broken: down}, ask(mesh.HTTP2)); !errors.Is(err, down) {
		t.Errorf("a broken store answers %v", err)
	}
}
