package blend_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/blend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var epoch = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)

// source plays a source of metrics.
type source struct {
	mu    sync.Mutex
	seen  mesh.Observation
	plot  mesh.Plot
	film  mesh.Film
	err   error
	asked int
}

func (s *source) Observe(_ context.Context, _ string, at time.Time, _ time.Duration) (mesh.Observation, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked++
	o := s.seen
	o.At = at
	return o, s.err
}

func (s *source) Plot(context.Context, string, mesh.Subject, mesh.Span) (mesh.Plot, error) {
	return s.plot, s.err
}

func (s *source) Film(context.Context, string, mesh.Span) (mesh.Film, error) { return s.film, s.err }

func (s *source) set(f func()) { s.mu.Lock(); defer s.mu.Unlock(); f() }

func edge(from, to string, rate float64) mesh.Edge {
	return mesh.Edge{From: from, To: to, Traffic: mesh.Traffic{RequestRate: rate}}
}

func TestFirstSourceIsBelieved(t *testing.T) {
	a := &source{seen: mesh.Observation{Fresh: true, Edges: []mesh.Edge{edge("b", "c", 1)}, Nodes: []mesh.Arrival{{ID: "c", Traffic: mesh.Traffic{RequestRate: 1}, Received: true}}}}
	b := &source{seen: mesh.Observation{Fresh: true, Edges: []mesh.Edge{edge("a", "b", 3), edge("b", "c", 9)}, Nodes: []mesh.Arrival{
		{ID: "b", Received: true}, {ID: "c", Traffic: mesh.Traffic{RequestRate: 9}, Received: true, Pool: mesh.PoolUse{Pending: 2}, Pooled: true, At: epoch, Unrouted: 5},
	}}}
	got, err := blend.Past{{Name: "a", Reader: a}, {Name: "b", Reader: b}, {Name: "c", Reader: &source{}, Meshes: []string{"other"}}}.Observe(t.Context(), "m", epoch, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	want := mesh.Observation{
		At: epoch, Fresh: true, Edges: []mesh.Edge{edge("a", "b", 3), edge("b", "c", 1)},
		Nodes: []mesh.Arrival{
			{ID: "b", Received: true}, {ID: "c", Traffic: mesh.Traffic{RequestRate: 1}, Received: true, Pool: mesh.PoolUse{Pending: 2}, Pooled: true, At: epoch, Unrouted: 5},
		},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if len(a.seen.Edges) != 1 || len(a.seen.Nodes) != 1 || a.seen.Nodes[0].Pooled {
		t.Error("a source's own answer was changed")
	}
}

func TestOneSourceFails(t *testing.T) {
	down := &source{err: errors.New("connection refused")}
	up := &source{
		seen: mesh.Observation{Edges: []mesh.Edge{edge("a", "b", 3)}},
		plot: mesh.Plot{At: []time.Time{epoch}, RequestRate: []float64{2}},
		film: mesh.Film{At: []time.Time{epoch}, Edges: []mesh.FilmEdge{{From: "a", To: "b"}}, RequestRate: [][]float64{{2}}, ErrorRatio: [][]float64{{0}}, P95: [][]float64{{0}}},
	}
	past := blend.Past{{Name: "prod", Reader: down}, {Name: "embedded", Reader: up}}
	o, err := past.Observe(t.Context(), "m", epoch, time.Minute)
	if err != nil || len(o.Edges) != 1 || !o.Partial || len(o.Notes) != 1 || o.Notes[0] != "prod: connection refused" {
		t.Errorf("%+v, %v", o, err)
	}
	if p, err := past.Plot(t.Context(), "m", mesh.Subject{}, mesh.Span{}); err != nil || p.RequestRate[0] != 2 || !p.Partial {
		t.Errorf("%+v, %v", p, err)
	}
	if f, err := past.Film(t.Context(), "m", mesh.Span{}); err != nil || len(f.Edges) != 1 || !f.Partial {
		t.Errorf("%+v, %v", f, err)
	}
	if _, err := past[:1].Observe(t.Context(), "m", epoch, time.Minute); err == nil || !strings.Contains(err.Error(), "prod: connection refused") {
		t.Errorf("all fail: %v", err)
	}
	if _, err := past[:0].Observe(t.Context(), "m", epoch, time.Minute); mesh.CodeOf(err) != mesh.Unavailable {
		t.Errorf("none: %v", err)
	}
}

func TestFilmsAreJoined(t *testing.T) {
	nan := math.NaN()
	film := func(rate float64, edges ...mesh.FilmEdge) mesh.Film {
		f := mesh.Film{At: []time.Time{epoch, epoch.Add(time.Second)}, Edges: edges}
		for range f.At {
			column := make([]float64, len(edges))
			for i := range column {
				column[i] = rate + float64(i)
			}
			f.RequestRate, f.ErrorRatio, f.P95 = append(f.RequestRate, column), append(f.ErrorRatio, column), append(f.P95, column)
		}
		return f
	}
	one := &source{film: film(10, mesh.FilmEdge{From: "b", To: "c"})}
	two := &source{film: film(20, mesh.FilmEdge{From: "a", To: "b"}, mesh.FilmEdge{From: "b", To: "c"})}
	got, err := blend.Past{{Reader: one}, {Reader: two}}.Film(t.Context(), "m", mesh.Span{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]mesh.FilmEdge{{From: "a", To: "b"}, {From: "b", To: "c"}}, got.Edges); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]float64{{20, 10}, {20, 10}}, got.RequestRate); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([][]float64{{nan, nan}, {nan, nan}}, got.Refused, cmpopts.EquateNaNs()); diff != "" {
		t.Errorf("nobody knows of refusals: %s", diff)
	}
	one.film, two.film = film(10, one.film.Edges...), film(20, two.film.Edges...)
	one.film.Refused, two.film.Refused = [][]float64{{1}, {2}}, [][]float64{{3, 4}, {5, 6}}
	if got, err = (blend.Past{{Reader: one}, {Reader: two}}).Film(t.Context(), "m", mesh.Span{}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][]float64{{3, 1}, {5, 2}}, got.Refused); diff != "" {
		t.Errorf("refusals: %s", diff)
	}
	late := &source{film: mesh.Film{At: []time.Time{epoch}, Edges: []mesh.FilmEdge{{From: "x"}}, RequestRate: [][]float64{{1}}, ErrorRatio: [][]float64{{1}}, P95: [][]float64{{1}}}}
	if got, err := (blend.Past{{Reader: two}, {Reader: late}}).Film(t.Context(), "m", mesh.Span{}); err != nil || len(got.Edges) != 2 || !got.Partial {
		t.Errorf("other moments: %+v, %v", got, err)
	}
}

// TestAStoreThatBeganLater asks about moments before one's store began, of which another one knows.
func TestAStoreThatBeganLater(t *testing.T) {
	nan := math.NaN()
	began, before := epoch.Add(time.Minute), epoch
	at := []time.Time{before, began}
	young := &source{
		seen: mesh.Observation{Silent: true, Partial: true, Notes: []string{"no dialect matches"}},
		plot: columns(at, []float64{nan, 2}),
		film: mesh.Film{At: at, Edges: []mesh.FilmEdge{{From: "a", To: "b"}}, RequestRate: [][]float64{{nan}, {2}}, ErrorRatio: [][]float64{{nan}, {0.2}}, P95: [][]float64{{nan}, {0.02}}, Refused: [][]float64{{nan}, {0}}},
	}
	old := &source{
		seen: mesh.Observation{Fresh: true, Window: time.Minute, Edges: []mesh.Edge{edge("a", "b", 3)}},
		plot: columns(at, []float64{3, 4}),
		film: mesh.Film{At: at, Edges: []mesh.FilmEdge{{From: "a", To: "b"}}, RequestRate: [][]float64{{3}, {4}}, ErrorRatio: [][]float64{{0.3}, {0.4}}, P95: [][]float64{{0.03}, {0.04}}, Refused: [][]float64{{5}, {6}}},
	}
	for _, past := range []blend.Past{{{Name: "young", Reader: young}, {Name: "old", Reader: old}}, {{Name: "old", Reader: old}, {Name: "young", Reader: young}}} {
		o, err := past.Observe(t.Context(), "m", before, time.Minute)
		if err != nil || len(o.Edges) != 1 || !o.Fresh || o.Partial || len(o.Notes) != 0 || o.Silent {
			t.Errorf("%s first: %+v, %v", past[0].Name, o, err)
		}
	}
	past := blend.Past{{Name: "young", Reader: young}, {Name: "old", Reader: old}}
	if o, err := past[:1].Observe(t.Context(), "m", before, time.Minute); err != nil || !o.Partial || len(o.Notes) != 1 {
		t.Errorf("nobody knows: %+v, %v", o, err)
	}
	p, err := past.Plot(t.Context(), "m", mesh.Subject{}, mesh.Span{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(columns(at, []float64{3, 2}), p, cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("plot (-want +got):\n%s", diff)
	}
	if !math.IsNaN(young.plot.RequestRate[0]) {
		t.Error("a source's own plot was changed")
	}
	f, err := past.Film(t.Context(), "m", mesh.Span{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([][][]float64{{{3}, {2}}, {{0.3}, {0.2}}, {{0.03}, {0.02}}, {{5}, {0}}}, [][][]float64{f.RequestRate, f.ErrorRatio, f.P95, f.Refused}); diff != "" {
		t.Errorf("film (-want +got):\n%s", diff)
	}
}

// columns makes a plot whose every column is this one.
func columns(at []time.Time, values []float64) mesh.Plot {
	p := mesh.Plot{At: at}
	for _, column := range []*[]float64{
		&p.RequestRate, &p.ErrorRatio, &p.P50, &p.P95, &p.P99, &p.BytesRate, &p.Connections, &p.Pending, &p.Overflow,
	} {
		*column = slices.Clone(values)
	}
	return p
}

func TestPlotOfWhoeverHasNumbers(t *testing.T) {
	empty := &source{plot: mesh.Plot{At: []time.Time{epoch}, RequestRate: []float64{math.NaN()}}}
	full := &source{plot: mesh.Plot{At: []time.Time{epoch}, RequestRate: []float64{4}}}
	if p, err := (blend.Past{{Reader: empty}, {Reader: full}}).Plot(t.Context(), "m", mesh.Subject{}, mesh.Span{}); err != nil || p.RequestRate[0] != 4 {
		t.Errorf("%+v, %v", p, err)
	}
}

// still is a live aggregator that no proxy reports to.
type still struct{ mesh.Observation }

func (s still) Observe(string, time.Duration, time.Time) mesh.Observation { return s.Observation }

// TestSlowSource follows a source through an outage: its numbers stay, grow old, and are said to be.
func TestSlowSource(t *testing.T) {
	var mu sync.Mutex
	now := epoch
	clock := func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	remote := &source{seen: mesh.Observation{Edges: []mesh.Edge{edge("a", "b", 3)}}}
	live := blend.New(blend.Options{
		Live:    still{mesh.Observation{Fresh: true}},
		Sources: []blend.Source{{Name: "prod", Reader: remote, Interval: 5 * time.Millisecond}, {Name: "archive", Reader: &source{err: errors.New("not to be asked")}}},
		Meshes:  func() []string { return []string{"m"} }, Now: clock,
		Burns: func(string) map[string][]mesh.Burn { return map[string][]mesh.Burn{"b": {{LongRate: 2}}} },
	})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = live.Run(ctx) })
	defer func() { cancel(); running.Wait() }()

	until(t, func() bool {
		o := live.Observe("m", time.Minute, epoch.Add(time.Millisecond))
		return len(o.Edges) == 1 && o.Fresh && o.Edges[0].At.Equal(epoch.Add(time.Millisecond)) && o.Reporting == 1 && o.Oldest.Equal(epoch) && len(o.Burns["b"]) == 1
	})
	remote.set(func() { remote.err = errors.New("a login page") })
	until(t, func() bool {
		o := live.Observe("m", time.Minute, epoch.Add(time.Hour))
		return len(o.Edges) == 1 && !o.Fresh && o.Partial && len(o.Notes) == 1 && o.Notes[0] == "prod: a login page"
	})
	mu.Lock()
	now = epoch.Add(time.Hour)
	mu.Unlock()
	remote.set(func() { remote.err = nil })
	until(t, func() bool {
		o := live.Observe("m", time.Minute, epoch.Add(time.Hour))
		return o.Fresh && !o.Partial && len(o.Notes) == 0
	})
}

func until(t *testing.T, holds func() bool) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		if holds() {
			return
		}
	}
	t.Fatal("it never held")
}
