package timeline

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// Frames gives a film of a mesh over a span; a Step or Window of zero is chosen to suit. The health of a moment is what
// today's limits say about error ratios, latencies and what full pools refused: how full pools are, and instances, are for
// At to judge. Errors as At's, and mesh.Invalid for more moments than are answered. A film with too many edges for its
// moments keeps the busiest and says so.
func (t *Timeline) Frames(ctx context.Context, name string, over mesh.Span) (Frames, error) {
	over, err := t.span(name, over)
	if err != nil {
		return Frames{}, err
	}
	key := fmt.Sprintf("%q %d %d %d %d", name, over.Start.UnixNano(), over.End.UnixNano(), over.Step, over.Window)
	return t.films.get(ctx, question{key, t.lasting(over.End)}, func(ctx context.Context) (Frames, int, error) {
		f, err := t.film(ctx, name, over)
		return f, 3 * len(f.At) * len(f.Edges), err
	})
}

// film makes the frames.
func (t *Timeline) film(ctx context.Context, name string, over mesh.Span) (Frames, error) {
	m, err := t.latest(ctx, name, over)
	if err != nil {
		return Frames{}, err
	}
	marks, note, err := t.marks(ctx, name, mesh.Subject{}, over)
	if err != nil {
		return Frames{}, err
	}
	reader, err := t.o.Readers(name)
	if err != nil {
		return Frames{}, err
	}
	film, err := reader.Film(ctx, name, over)
	if err != nil {
		return Frames{}, err
	}
	if err := whole(film); err != nil {
		return Frames{}, err
	}
	// A reader takes a longer window where its samples are far apart, and longer steps where there are too many numbers.
	over.Window = max(over.Window, film.Window)
	if len(film.At) > 1 {
		over.Step = film.At[1].Sub(film.At[0])
	}
	f := Frames{
		Mesh: name, Step: words(over.Step), Window: words(over.Window), At: film.At, Edges: film.Edges,
		Health: make([]mesh.Health, len(film.At)), Total: make([]Total, len(film.At)),
		Marks: marks, Partial: film.Partial, Notes: slices.Clone(film.Notes),
	}
	judge := newJudge(m, film.Edges, over.Window, t.o.Limits)
	for i := range film.At {
		f.Health[i], f.Total[i] = judge.moment(&film, i)
		f.Turns = append(f.Turns, judge.turns(&film, i)...)
	}
	f.note(note)
	f.note(t.unkept(name, over))
	kept, note := busiest(film)
	f.note(note)
	f.Partial = f.Partial || note != ""
	f.Edges = pick(film.Edges, kept)
	f.RequestRate, f.ErrorRatio, f.P95 = cells(film.RequestRate, kept), cells(film.ErrorRatio, kept), cells(film.P95, kept)
	if f.Notes == nil {
		f.Notes = []string{}
	}
	return f, nil
}

func (f *Frames) note(s string) {
	if s != "" {
		f.Notes = append(f.Notes, s)
	}
}

// latest gives a mesh as it was at the end of a span, or before it was deleted within the span.
func (t *Timeline) latest(ctx context.Context, name string, over mesh.Span) (mesh.Mesh, error) {
	m, _, err := t.o.Ledger.MeshAt(ctx, name, over.End)
	if mesh.CodeOf(err) == mesh.NotFound {
		if before, _, err := t.o.Ledger.MeshAt(ctx, name, over.Start); err == nil {
			return before, nil
		}
	}
	return m, err
}

// unkept says that a span begins before there were numbers.
func (t *Timeline) unkept(name string, over mesh.Span) string {
	if oldest := t.o.Oldest(name); over.Start.Before(oldest) {
		return fmt.Sprintf("numbers of mesh %s are kept since %s", name, stamp(oldest))
	}
	return ""
}

// whole refuses a film whose columns do not fit together.
func whole(f mesh.Film) error {
	columns := [][][]float64{f.RequestRate, f.ErrorRatio, f.P95}
	if f.Refused != nil {
		columns = append(columns, f.Refused)
	}
	for _, column := range columns {
		fits := len(column) == len(f.At) && !slices.ContainsFunc(column, func(row []float64) bool { return len(row) != len(f.Edges) })
		if !fits {
			return mesh.Errorf(mesh.Internal, "a film of %d moments and %d edges has a column of another size", len(f.At), len(f.Edges))
		}
	}
	return nil
}

// busiest chooses the edges that a film has room for, in their order: those that carried most. Nil stands for all.
func busiest(f mesh.Film) (kept []int, note string) {
	room := maxCells / 3 / max(len(f.At), 1)
	if len(f.Edges) <= room {
		return nil, ""
	}
	sum := make([]float64, len(f.Edges))
	for _, row := range f.RequestRate {
		for i, rate := range row {
			if !math.IsNaN(rate) {
				sum[i] += rate
			}
		}
	}
	kept = make([]int, len(f.Edges))
	for i := range kept {
		kept[i] = i
	}
	slices.SortStableFunc(kept, func(a, b int) int { return cmp.Compare(sum[b], sum[a]) })
	kept = kept[:room]
	slices.Sort(kept)
	return kept, fmt.Sprintf("only the %d busiest of %d edges are in the film: shorten the span or lengthen the step to see all", room, len(f.Edges))
}

// pick gives the chosen of some values; never nil.
func pick[T any](all []T, kept []int) []T {
	if kept == nil {
		return append([]T{}, all...)
	}
	out := make([]T, len(kept))
	for i, k := range kept {
		out[i] = all[k]
	}
	return out
}

// cells gives the chosen columns of each row, without what is no number, in four digits: a film is looked at while it
// moves, and its size is what it costs.
func cells(rows [][]float64, kept []int) [][]*float64 {
	out := make([][]*float64, len(rows))
	for i, row := range rows {
		chosen := pick(row, kept)
		for j, v := range chosen {
			chosen[j] = fourDigits(v)
		}
		out[i] = numbers(chosen)
	}
	return out
}

// fourDigits rounds to four digits that count.
func fourDigits(v float64) float64 {
	if v == 0 || math.IsNaN(v) || math.IsInf(v, 0) {
		return v
	}
	digits := math.Floor(math.Log10(math.Abs(v))) - 3
	unit := math.Pow(10, math.Abs(digits))
	rounded := math.Round(v*unit) / unit
	if digits >= 0 {
		rounded = math.Round(v/unit) * unit
	}
	if math.IsNaN(rounded) || math.IsInf(rounded, 0) { // a number at the end of what there is
		return v
	}
	return rounded
}

// numbers gives pointers into values, nil where there is no number.
func numbers(values []float64) []*float64 {
	out := make([]*float64, len(values))
	for i, v := range values {
		if !math.IsNaN(v) && !math.IsInf(v, 0) {
			out[i] = &values[i]
		}
	}
	return out
}

// words writes a length of time as people do: "30s", "5m".
func words(d time.Duration) string {
	switch {
	case d%time.Hour == 0:
		return fmt.Sprintf("%dh", d/time.Hour)
	case d%time.Minute == 0:
		return fmt.Sprintf("%dm", d/time.Minute)
	default:
		return d.String()
	}
}

// judge tells the health of a film's moments from rates, error ratios, latencies and refusals.
type judge struct {
	window float64              // seconds
	limits []*health.Thresholds // by edge
	now    []mesh.Health        // by edge: the verdicts of the moment that was judged last
	before []mesh.Health        // those of the moment before it; none before the first
}

// newJudge finds each edge's limits, which are those of its picture.
func newJudge(m mesh.Mesh, edges []mesh.FilmEdge, window time.Duration, base health.Thresholds) *judge {
	limits := graph.Limits(m, base)
	j := &judge{window: window.Seconds(), limits: make([]*health.Thresholds, len(edges)), now: make([]mesh.Health, len(edges))}
	for i, e := range edges {
		j.limits[i] = limits(e.From, e.To)
	}
	return j
}

// moment gives the worst verdict of a moment, and what the mesh carried.
func (j *judge) moment(f *mesh.Film, at int) (mesh.Health, Total) {
	var total Total
	worst, failed := mesh.Unknown, 0.0
	ratios, p95s := f.ErrorRatio[at], f.P95[at]
	for i, rate := range f.RequestRate[at] {
		j.now[i] = mesh.Healthy
		if math.IsNaN(rate) {
			continue
		}
		total.RequestRate += rate
		if !math.IsNaN(ratios[i]) {
			failed += rate * ratios[i]
		}
		h := j.edge(i, rate, ratios[i], p95s[i])
		if f.Refused != nil {
			h = worse(h, j.pool(i, rate, f.Refused[at][i]))
		}
		if h == mesh.Degraded || h == mesh.Unhealthy {
			j.now[i] = h
		}
		worst = worse(worst, h)
	}
	if total.RequestRate > 0 {
		total.ErrorRatio = failed / total.RequestRate
	}
	return worst, total
}

// turns lists the edges whose verdict is another than a moment before, once the moment was judged.
func (j *judge) turns(f *mesh.Film, at int) []Turn {
	var list []Turn
	for i, was := range j.before {
		if is := j.now[i]; is != was {
			list = append(list, Turn{At: f.At[at], From: f.Edges[i].From, To: f.Edges[i].To, Was: was, Is: is})
		}
	}
	j.before = append(j.before[:0], j.now...)
	return list
}

// edge gives one edge's verdict. A comparison with NaN is false, which is as it should be.
func (j *judge) edge(i int, rate, ratio, p95 float64) mesh.Health {
	l := j.limits[i]
	requests := rate * j.window
	proves := ratio*requests >= l.MinFailures-0.5
	tells := requests >= l.MinRequests
	switch {
	case rate <= 0:
		return mesh.Idle
	case proves && reached(ratio, l.FailingErrors), tells && reached(p95, l.FailingP95.Seconds()):
		return mesh.Unhealthy
	case proves && reached(ratio, l.DegradedErrors), tells && reached(p95, l.DegradedP95.Seconds()):
		return mesh.Degraded
	default:
		return mesh.Healthy
	}
}

// pool gives the verdict of what was refused because a pool was full, by server/health's rule: any is a reason, however
// well retries hide it, and a share of the requests beyond what may fail is as bad as failures. NaN is none.
func (j *judge) pool(i int, rate, refused float64) mesh.Health {
	l := j.limits[i]
	switch {
	case !(refused > 0):
		return mesh.Unknown
	case rate > 0 && refused*j.window >= l.MinFailures-0.5 && reached(refused/rate, l.FailingErrors):
		return mesh.Unhealthy
	default:
		return mesh.Degraded
	}
}

func worse(a, b mesh.Health) mesh.Health {
	if health.Rank(b) > health.Rank(a) {
		return b
	}
	return a
}

// reached compares with a limit that may be off, as server/health does.
func reached(v, limit float64) bool { return limit > 0 && v >= limit*(1-1e-9) }
