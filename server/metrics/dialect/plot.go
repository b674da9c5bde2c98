package dialect

import (
	"context"
	"math"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// Plot gives a subject's numbers over a span. A node's are what its own proxies received, or what its callers sent where
// nobody tells; the pool is the destination's. More than 11000 moments are spread by a longer step, and the plot says so.
func (r *Reader) Plot(ctx context.Context, name string, of mesh.Subject, during mesh.Span) (mesh.Plot, error) {
	n := &notes{}
	axis, err := r.axis(during, n)
	if err != nil {
		return mesh.Plot{}, err
	}
	found, err := r.find(ctx, axis.start.Add(-axis.window), axis.end())
	if err != nil {
		return mesh.Plot{}, err
	}
	list := r.questions(name, found, &of, n, func(a *ask, s *scope) []expr {
		if a.kind == span || a.arrivals && s.whole() {
			return nil
		}
		return a.exprs(s, axis.window)
	})
	err = r.ask(ctx, list, n, func(ctx context.Context, expr string) (query.Answer, error) {
		return r.q.QueryRange(ctx, expr, axis.rng())
	})
	if err != nil {
		return mesh.Plot{}, err
	}
	c := curve{of: of, sent: make([]tally, axis.n), own: make([]tally, axis.n)}
	for i := range list {
		c.take(&list[i], axis)
	}
	if len(found.used) == 0 {
		n.partial = true
		n.add(found.missing())
	}
	p := c.plot(axis)
	p.Partial, p.Notes = n.partial, n.list
	return p, nil
}

// axis is the moments of a span.
type axis struct {
	start        time.Time
	step, window time.Duration
	n            int
}

func (a axis) end() time.Time { return a.at(a.n - 1) }

func (a axis) at(i int) time.Time { return a.start.Add(time.Duration(i) * a.step) }

func (a axis) rng() query.Range { return query.Range{Start: a.start, End: a.end(), Step: a.step} }

// index finds a point's moment.
func (a axis) index(ms int64) (int, bool) {
	d := ms - a.start.UnixMilli()
	step := a.step.Milliseconds()
	i := int((d + step/2) / step)
	return i, d >= 0 && i < a.n
}

// axis checks a span and bounds its moments.
func (r *Reader) axis(s mesh.Span, n *notes) (axis, error) {
	switch {
	case s.Start.IsZero() || s.End.Before(s.Start):
		return axis{}, mesh.Errorf(mesh.Invalid, "the span ends before it begins: %s to %s", s.Start.UTC().Format(time.RFC3339), s.End.UTC().Format(time.RFC3339))
	case s.Step < time.Millisecond:
		return axis{}, mesh.Errorf(mesh.Invalid, "a step of %s is too short: at least a millisecond, usefully %s", s.Step, r.opts.Step)
	}
	length := s.End.Sub(s.Start)
	step := s.Step.Round(time.Millisecond)
	if length/step >= maxPoints {
		step = (length / (maxPoints - 1)).Truncate(time.Second) + time.Second
		n.add("the step is " + step.String() + ": a span has at most 11000 moments")
	}
	return axis{start: s.Start, step: step, window: r.widen(s.Window, n), n: int(length/step) + 1}, nil
}

// curve is what was read of a subject: what was sent to it, and what it received itself, by moment.
type curve struct {
	of        mesh.Subject
	sent, own []tally
}

// take reads an answer.
func (c *curve) take(q *question, a axis) {
	if q.err != nil {
		return
	}
	for i := range q.answer.Matrix {
		row := &q.answer.Matrix[i]
		var into reading
		if !q.read(row.Labels, &into) {
			continue
		}
		side := c.side(&into, q.scope.whole())
		if side == nil {
			continue
		}
		for _, p := range row.Points {
			if at, ok := a.index(p.T); ok {
				side[at].enter(q, &into, p)
			}
		}
	}
}

// side says whether a reading is of the subject.
func (c *curve) side(into *reading, whole bool) []tally {
	switch {
	case whole && into.from == "" && into.to != "":
		return nil
	case whole:
		return c.sent
	case into.from == "" && into.to == c.of.To:
		return c.own
	case into.to == c.of.To && (c.of.From == "" || into.from == c.of.From):
		return c.sent
	}
	return nil
}

// plot makes columns of a curve.
func (c *curve) plot(a axis) mesh.Plot {
	p := mesh.Plot{At: make([]time.Time, a.n)}
	list := []*[]float64{
		&p.RequestRate, &p.ErrorRatio, &p.P50, &p.P95, &p.P99, &p.BytesRate, &p.Connections, &p.Pending, &p.Overflow,
	}
	for _, column := range list {
		*column = make([]float64, a.n)
	}
	useOwn := c.received()
	for i := range a.n {
		p.At[i] = a.at(i)
		t := &c.sent[i]
		if useOwn {
			t = &c.own[i]
		}
		rate, ratio := t.rates()
		q := t.quantiles()
		values := [9]float64{rate, ratio, q[0], q[1], q[2], t.value(octets), c.pool(i, connections), c.pool(i, pending), c.pool(i, overflow)}
		for j, column := range list {
			(*column)[i] = values[j]
		}
	}
	return p
}

// received says that a node is to be shown by what it received: it is asked for as a whole, or its callers are outside
// the mesh and report nothing.
func (c *curve) received() bool {
	if c.of.From != "" && c.of.From != mesh.UnknownID || c.of.To == "" {
		return false
	}
	for i := range c.sent {
		if c.of.From == mesh.UnknownID && c.sent[i].has != 0 {
			return false
		}
	}
	for i := range c.own {
		if c.own[i].counts() || c.own[i].has.has(opened) {
			return true
		}
	}
	return false
}

// pool gives a number of the destination's pool, and what its callers see where the pool itself says nothing.
func (c *curve) pool(i int, col column) float64 {
	if c.of.To == "" {
		return math.NaN()
	}
	if own := &c.own[i]; own.has&(poolColumns|cols(overflow)) != 0 {
		if v := own.value(col); col != overflow || !math.IsNaN(v) {
			return v
		}
		return 0
	}
	return c.sent[i].value(col)
}

// value gives a column, NaN where it was not told.
func (t *tally) value(c column) float64 {
	if !t.has.has(c) {
		return math.NaN()
	}
	return t.v[c]
}

// rates gives the rate of requests and the share of those that failed; NaN is no data, and no requests have no share.
func (t *tally) rates() (rate, ratio float64) {
	if !t.counts() && t.has&cols(opened, attempts, refused) == 0 {
		return math.NaN(), math.NaN()
	}
	rate, bad := t.sum()
	if rate <= 0 {
		return rate, math.NaN()
	}
	return rate, min(1, bad/rate)
}
