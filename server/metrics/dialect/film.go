package dialect

import (
	"context"
	"math"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// A film is read in pieces: what the store works out for a piece is held at once, so a piece has fewer moments the more
// edges there are.
const (
	firstPiece = 16
	maxPiece   = 120
	pieceCells = 40000
)

// Film gives every edge's numbers over a span. Moments are spread by a longer step where there would be more than 11000,
// or more than two million numbers, and the film says so.
func (r *Reader) Film(ctx context.Context, name string, during mesh.Span) (mesh.Film, error) {
	n := &notes{}
	axis, err := r.axis(during, n)
	if err != nil {
		return mesh.Film{}, err
	}
	found, err := r.find(ctx, axis.start.Add(-axis.window), axis.end())
	if err != nil {
		return mesh.Film{}, err
	}
	s := &strip{axis: axis}
	s.rewind()
	for s.next < s.axis.n {
		if err := r.piece(ctx, name, found, s, n); err != nil {
			return mesh.Film{}, err
		}
		if cells := len(s.edges) * s.axis.n; cells > r.cells && s.axis.n > 2 {
			times := time.Duration(cells/r.cells) + 1
			s.axis.step *= times
			s.axis.n = (s.axis.n-1)/int(times) + 1
			s.rewind()
			n.add("the step is " + s.axis.step.String() + ": the film would have too many numbers")
		}
	}
	f := s.film()
	f.Window, f.Silent = s.axis.window, len(f.Edges) == 0 && !n.partial
	if len(found.used) == 0 {
		n.partial = true
		n.add(found.missing())
	}
	f.Partial, f.Notes = n.partial, n.list
	return f, nil
}

// strip is a film while it is read.
type strip struct {
	axis  axis
	next  int // the first moment that was not read
	edges map[ends]*track
	pools map[string][]float64 // what a node's own pool refused per second, by moment
}

// rewind begins at the first moment.
func (s *strip) rewind() {
	s.next, s.edges, s.pools = 0, make(map[ends]*track), make(map[string][]float64)
}

// track is one edge of a film by moment.
type track struct {
	protocol                 mesh.Protocol
	rate, ratio, p9, refused []float64
}

// piece reads the next moments.
func (r *Reader) piece(ctx context.Context, name string, f finding, s *strip, n *notes) error {
	part := s.axis
	part.start = s.axis.at(s.next)
	part.n = min(s.axis.n-s.next, s.piece())
	list := r.questions(name, f, nil, n, func(a *ask, sc *scope) []expr {
		if len(a.film) == 0 {
			return nil
		}
		a.names = a.film
		return slices.DeleteFunc(a.exprs(sc, part.window), func(e expr) bool { return e.phi != 0 && e.phi != phis()[1] })
	})
	err := r.ask(ctx, list, n, func(ctx context.Context, expr string) (query.Answer, error) {
		return r.q.QueryRange(ctx, expr, part.rng())
	})
	if err != nil {
		return err
	}
	rows := make(map[ends][]tally)
	for i := range list {
		r.develop(&list[i], part, rows, n)
	}
	for e, row := range rows {
		if e.from == "" {
			s.pool(e.to, row)
			continue
		}
		s.add(e, row)
	}
	s.next += part.n
	return nil
}

// develop reads an answer into rows of tallies.
func (r *Reader) develop(q *question, part axis, rows map[ends][]tally, n *notes) {
	if q.err != nil {
		return
	}
	for i := range q.answer.Matrix {
		series := &q.answer.Matrix[i]
		var into reading
		if !q.read(series.Labels, &into) || into.from == "" && into.cols != cols(overflow) {
			continue // of nodes a film only needs what their pools refuse
		}
		e := ends{into.from, into.to}
		row, ok := rows[e]
		if !ok {
			if q.ask.known && into.from != "" {
				continue
			}
			if len(rows) >= r.opts.MaxEdges {
				n.partial = true
				n.add("edges were left out: the limit is reached")
				continue
			}
			row = make([]tally, part.n)
			rows[e] = row
		}
		for _, p := range series.Points {
			if at, ok := part.index(p.T); ok {
				row[at].enter(q, &into, p)
			}
		}
	}
}

// piece says how many moments are read next.
func (s *strip) piece() int {
	if len(s.edges) == 0 {
		return firstPiece
	}
	return min(max(pieceCells/len(s.edges), 1), maxPiece)
}

// add takes an edge's part of a piece.
func (s *strip) add(e ends, row []tally) {
	t := s.edges[e]
	if t == nil {
		t = &track{rate: blank(s.axis.n), ratio: blank(s.axis.n), p9: blank(s.axis.n), refused: blank(s.axis.n)}
		s.edges[e] = t
	}
	for i := range row {
		m := &row[i]
		if m.has == 0 && m.hist == nil {
			continue
		}
		at := s.next + i
		t.rate[at], t.ratio[at] = m.rates()
		t.p9[at] = m.quantiles()[1]
		t.refused[at] = m.overflows()
		if p := m.spoke(); t.protocol == "" || t.protocol == mesh.TCP {
			t.protocol = p
		}
	}
}

// pool takes a node's part of a piece.
func (s *strip) pool(node string, row []tally) {
	refused := s.pools[node]
	if refused == nil {
		refused = blank(s.axis.n)
		s.pools[node] = refused
	}
	for i := range row {
		refused[s.next+i] = row[i].value(overflow)
	}
}

// share gives every caller its part of what its destination's pool refused, as a picture does: the part that it has in
// what arrives there. Where its own proxies count more, that stands.
func (s *strip) share() {
	arrived := make(map[string][]float64, len(s.pools))
	for node := range s.pools {
		arrived[node] = make([]float64, s.axis.n)
	}
	for e, t := range s.edges {
		for i, sum := range arrived[e.to] {
			if t.rate[i] > 0 {
				arrived[e.to][i] = sum + t.rate[i]
			}
		}
	}
	for e, t := range s.edges {
		for i, refused := range s.pools[e.to] {
			if sum := arrived[e.to][i]; sum > 0 {
				refused *= t.rate[i] / sum
			}
			if math.IsNaN(t.refused[i]) || refused > t.refused[i] {
				t.refused[i] = refused
			}
		}
	}
}

func blank(n int) []float64 {
	list := make([]float64, n)
	for i := range list {
		list[i] = math.NaN()
	}
	return list
}

// film lays the tracks side by side.
func (s *strip) film() mesh.Film {
	order := make([]ends, 0, len(s.edges))
	for e := range s.edges {
		order = append(order, e)
	}
	slices.SortFunc(order, byEnds)
	s.share()
	var f mesh.Film
	for _, e := range order {
		f.Edges = append(f.Edges, mesh.FilmEdge{From: e.from, To: e.to, Protocol: s.edges[e].protocol})
	}
	for i := range s.axis.n {
		f.At = append(f.At, s.axis.at(i))
		rate, ratio := make([]float64, len(order)), make([]float64, len(order))
		p95, refused := make([]float64, len(order)), make([]float64, len(order))
		for j, e := range order {
			t := s.edges[e]
			rate[j], ratio[j], p95[j], refused[j] = t.rate[i], t.ratio[i], t.p9[i], t.refused[i]
		}
		f.RequestRate, f.ErrorRatio, f.P95 = append(f.RequestRate, rate), append(f.ErrorRatio, ratio), append(f.P95, p95)
		f.Refused = append(f.Refused, refused)
	}
	return f
}
