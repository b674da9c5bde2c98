package dialect

import (
	"context"
	"errors"
	"math/bits"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"golang.org/x/sync/errgroup"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
)

// together is how many questions are asked at once: a store in this process has other work to do.
const together = 2

// question is an expression on its way, with what it is for.
type question struct {
	spoken *spoken
	scope  *scope
	ask    *ask
	expr   expr
	answer query.Answer
	err    error
}

// Observe gives what was seen of a mesh in the window that ends at that moment. A window shorter than four samples is
// widened, and the observation says so. What a source could not give is named in its notes; an error means that it gave
// nothing.
func (r *Reader) Observe(ctx context.Context, name string, at time.Time, window time.Duration) (mesh.Observation, error) {
	n := &notes{}
	window = r.widen(window, n)
	found, err := r.find(ctx, at.Add(-window), at)
	if err != nil {
		return mesh.Observation{}, err
	}
	list := r.questions(name, found, nil, n, func(a *ask, s *scope) []expr {
		return a.exprs(s, window)
	})
	err = r.ask(ctx, list, n, func(ctx context.Context, expr string) (query.Answer, error) { return r.q.Query(ctx, expr, at) })
	if err != nil {
		return mesh.Observation{}, err
	}
	sh := newSheet(r.opts.MaxEdges)
	sh.fill(list)
	if len(sh.over) > 0 { // what is left out must not depend on the order of an answer
		for i := range list {
			slices.SortFunc(list[i].answer.Vector, func(a, b query.Sample) int { return labels.Compare(a.Labels, b.Labels) })
		}
		sh = newSheet(r.opts.MaxEdges)
		sh.fill(list)
	}
	sh.say(n)
	return r.compose(sh, mesh.Observation{Mesh: name, At: at, Window: window}, &found, n), nil
}

// widen makes a window long enough to hold samples.
func (r *Reader) widen(window time.Duration, n *notes) time.Duration {
	if least := 4 * r.opts.Step; window < least {
		n.add("the window is " + least.String() + ": the source has a sample every " + r.opts.Step.String())
		return least
	}
	return window
}

// questions lists what is asked about a mesh, in every dialect that is spoken.
func (r *Reader) questions(name string, f finding, subject *mesh.Subject, n *notes, write func(*ask, *scope) []expr) []question {
	var list []question
	for i := range f.used {
		d := &f.used[i]
		s := r.scope(name, d, subject, n)
		asks := d.asks(s)
		for j := range asks {
			for _, e := range write(&asks[j], s) {
				list = append(list, question{spoken: d, scope: s, ask: &asks[j], expr: e})
			}
		}
	}
	return list
}

func (r *Reader) scope(name string, d *spoken, subject *mesh.Subject, n *notes) *scope {
	rule, ok := r.rules[name]
	if !ok {
		rule = r.rules[""]
	}
	return &scope{
		mesh: name, rule: rule, opts: &r.opts, have: d.have, beside: d.beside, subject: subject, notes: n,
		ids: make(map[[2]string]string), plain: make(map[string]string),
	}
}

// ask asks all questions, two at a time. Those that fail are noted; it is an error when the vital ones of every dialect
// fail, or when whoever asks went away.
func (r *Reader) ask(ctx context.Context, list []question, n *notes, do func(context.Context, string) (query.Answer, error)) error {
	group := errgroup.Group{}
	group.SetLimit(together)
	for i := range list {
		q := &list[i]
		group.Go(func() error {
			q.answer, q.err = do(ctx, q.expr.text)
			return nil
		})
	}
	_ = group.Wait() // errors are kept beside the questions
	if err := ctx.Err(); err != nil {
		return mesh.Errorf(mesh.Unavailable, "the question was given up: %w", context.Cause(ctx))
	}
	vital, failed := 0, []error(nil)
	for i := range list {
		q := &list[i]
		for _, w := range q.answer.Warnings {
			n.add(w)
		}
		n.partial = n.partial || q.answer.Partial
		if q.ask.vital {
			vital++
		}
		if q.err == nil {
			continue
		}
		n.partial = true
		n.add(q.spoken.name + ": no " + q.ask.about + ": " + q.err.Error())
		if q.ask.vital {
			failed = append(failed, q.err)
		}
	}
	if vital > 0 && len(failed) == vital {
		return mesh.Errorf(mesh.Unavailable, "the source does not tell what was requested: %w", errors.Join(failed[0]))
	}
	return nil
}

// fill reads all answers.
func (sh *sheet) fill(list []question) {
	for i := range list {
		sh.take(&list[i])
	}
}

// take reads an answer into the sheet.
func (sh *sheet) take(q *question) {
	if q.err != nil {
		return
	}
	for i := range q.answer.Vector {
		p := &q.answer.Vector[i]
		var into reading
		if !q.read(p.Labels, &into) {
			continue
		}
		if p.H == nil && !number(p.V) {
			if q.expr.phi == 0 { // a quantile of nothing is NaN, and no reason to worry
				sh.odd++
			}
			continue
		}
		if t := sh.at(ends{into.from, into.to}, q.ask.known); t != nil {
			t.enter(q, &into, p.Point)
		}
	}
}

// tell takes from a reading what is not a number. Of several protocols the first by name stands, as in the live picture;
// TCP only where nothing says HTTP.
func (t *tally) tell(into *reading) {
	p := mesh.Protocol(into.protocol)
	switch {
	case p == "":
	case t.protocol == "", t.protocol == mesh.TCP, p != mesh.TCP && p < t.protocol:
		t.protocol = p
	}
	t.separate = t.separate || into.separate
}

// enter takes one value of a series.
func (t *tally) enter(q *question, into *reading, p query.Point) {
	if p.H == nil && !number(p.V) {
		return
	}
	t.tell(into)
	if p.H != nil {
		t.addHistogram(p.H, q.ask.unit)
		return
	}
	v := p.V
	if q.expr.phi > 0 {
		v *= q.ask.unit
	}
	for left := uint64(into.cols); left != 0; left &= left - 1 {
		t.add(column(bits.TrailingZeros64(left)), v)
	}
}

// compose makes an observation of a sheet.
func (r *Reader) compose(sh *sheet, o mesh.Observation, f *finding, n *notes) mesh.Observation {
	order := sh.sorted()
	for _, e := range order {
		if e.from == "" {
			r.composeNode(e.to, sh.tallies[e], &o)
		}
	}
	o.Edges = make([]mesh.Edge, 0, len(order))
	for _, e := range order {
		if e.from == "" {
			continue
		}
		t := sh.tallies[e]
		at := o.At
		if a := o.Arrival(e.from); a != nil && !a.At.IsZero() {
			at = a.At
		}
		o.Edges = append(o.Edges, mesh.Edge{From: e.from, To: e.to, Protocol: t.spoke(), Traffic: t.traffic(o.Window), At: at})
	}
	o.Fresh = len(order) > 0
	for i := range o.Nodes {
		at := o.Nodes[i].At
		o.Fresh = o.Fresh && (at.IsZero() || o.At.Sub(at) <= r.stale())
	}
	o.Silent = len(order) == 0 && !n.partial
	switch {
	case len(f.used) == 0:
		n.partial = true
		n.add(f.missing())
	case len(order) == 0:
		n.add("the source has nothing about the mesh " + strconv.Quote(o.Mesh) + " in this window")
	}
	o.Partial, o.Notes = n.partial, n.list
	return o
}

// stale is the age beyond which what a source says is not fresh.
func (r *Reader) stale() time.Duration { return 3 * r.opts.Step }

// spoke gives an edge's protocol.
func (t *tally) spoke() mesh.Protocol {
	switch {
	case t.protocol != "" && (t.protocol != mesh.TCP || !t.counts() || t.separate):
		return t.protocol
	case t.counts():
		return mesh.HTTP
	case t.v[opened]+t.v[attempts]+t.v[refused]+t.v[octets]+t.v[connections]+t.v[connectFail] > 0:
		return mesh.TCP
	}
	return mesh.HTTP
}

// composeNode adds what is known of a node by itself.
func (r *Reader) composeNode(id string, t *tally, o *mesh.Observation) {
	a := mesh.Arrival{ID: id, Unrouted: max(0, t.v[noRoute])}
	if t.counts() || t.has.has(opened) {
		a.Traffic, a.Received = t.traffic(o.Window), true
		a.Traffic.PoolUse = mesh.PoolUse{}
	}
	if n := int(t.v[proxies]); t.has.has(proxies) {
		if o.Proxies == nil {
			o.Proxies = make(map[string]int)
		}
		o.Proxies[id] = n
	}
	if t.has&poolColumns != 0 {
		a.Pooled = true
		a.Pool = mesh.PoolUse{
			Connections: t.v[connections], Pending: t.v[pending], InFlight: t.v[inFlight],
			OverflowRate: t.v[overflow], FailRate: t.v[connectFail], Instances: max(int(t.v[proxies]), 1),
		}
	}
	if t.has.has(age) {
		a.At = o.At.Add(-r.age(t, o.At))
		if n := int(t.v[proxies]); n > 0 {
			o.Reporting += n
			if o.Oldest.IsZero() || a.At.Before(o.Oldest) {
				o.Oldest = a.At
			}
		}
	}
	o.Nodes = append(o.Nodes, a)
}

// age says how old a node's report was. The sample that says so is itself up to a few steps old, which is the rhythm of
// the store and not the fault of a proxy; an older one means that nobody recorded.
func (r *Reader) age(t *tally, at time.Time) time.Duration {
	report := seconds(t.v[age])
	if t.has.has(sampled) {
		sample := at.Sub(time.UnixMilli(int64(t.v[sampled] * 1000)))
		if sample > r.stale() {
			report += sample
		}
	}
	return report
}

// read reads a series' labels.
func (q *question) read(l labels.Labels, into *reading) bool {
	name := l.Get(seriesLabel)
	if name == "" {
		name = l.Get("__name__")
	}
	if name == "" && !q.ask.distinct && (len(q.ask.names) == 1 || q.ask.kind == duration) {
		name = q.ask.names[0]
	}
	if !q.ask.read(q.scope, l, name, into) {
		return false
	}
	if into.to == "" && !(q.scope.whole() && (q.ask.whole != nil || q.expr.phi > 0)) {
		return false
	}
	switch {
	case q.ask.kind == span:
		into.cols = cols(sampled)
	case q.expr.phi > 0:
		for i, phi := range phis() {
			if phi == q.expr.phi {
				into.cols = cols(p50 + column(i))
			}
		}
	}
	return true
}
