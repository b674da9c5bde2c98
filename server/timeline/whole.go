package timeline

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// How many plots of whole meshes are kept to go on from, and for how long until one is read anew. What a moment showed is
// final when it is settled: until then samples may still come in.
const (
	wholesKept  = 8
	wholesLast  = 15 * time.Minute
	wholeSettle = 30 * time.Second
)

// entirety is a plot of everything in a mesh, as it was read.
type entirety struct {
	mesh string
	over mesh.Span
	read time.Time // when its newest moments were read
	from time.Time // when all of it was
	plot mesh.Plot
}

// entireties keeps what was read of whole meshes, the oldest first. Such a plot reads every edge's series, and the same one is
// asked for again and again while it moves on with the time: then only what is new or unsettled is read.
type entireties struct {
	mu   sync.Mutex
	list []entirety
}

// reading reads a part of a plot.
type reading func(ctx context.Context, over mesh.Span) (mesh.Plot, error)

// get reads a plot, as far as it is not known from an earlier one. Plots that lack something are not kept.
func (w *entireties) get(ctx context.Context, asked entirety, ask reading) (mesh.Plot, error) {
	if base, ok := w.before(asked); ok {
		tail := asked.over
		tail.Start = base.plot.At[settled(base)]
		end, err := ask(ctx, tail)
		if err != nil {
			return mesh.Plot{}, err
		}
		if plot, fits := continued(base.plot, end, asked.over); fits {
			asked.from, asked.plot = base.from, plot
			w.keep(asked)
			return plot, nil
		}
	}
	plot, err := ask(ctx, asked.over)
	if err != nil {
		return mesh.Plot{}, err
	}
	asked.from, asked.plot = asked.read, plot
	w.keep(asked)
	return plot, nil
}

// settled is the index of the first moment that is to be read again, or of the last one.
func settled(w entirety) int {
	until := w.read.Add(-wholeSettle)
	i := slices.IndexFunc(w.plot.At, func(at time.Time) bool { return at.After(until) })
	if i < 0 {
		return len(w.plot.At) - 1
	}
	return i
}

// before is the newest plot with the same moments that begins no later, ends no later, and has more of what is asked for
// than it lacks.
func (w *entireties) before(asked entirety) (entirety, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = slices.DeleteFunc(w.list, func(k entirety) bool { return asked.read.Sub(k.from) > wholesLast })
	for _, k := range slices.Backward(w.list) {
		a, b := k.over, asked.over
		same := k.mesh == asked.mesh && a.Step == b.Step && a.Window == b.Window && b.Start.Sub(a.Start)%a.Step == 0
		within := !a.Start.After(b.Start) && !a.End.After(b.End) && !asked.read.Before(k.read)
		if same && within && k.plot.At[settled(k)].Sub(b.Start) > b.End.Sub(b.Start)/2 {
			return k, true
		}
	}
	return entirety{}, false
}

func (w *entireties) keep(made entirety) {
	if made.plot.Partial || len(made.plot.At) == 0 {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(slices.DeleteFunc(w.list, func(k entirety) bool { return k.mesh == made.mesh && k.over == made.over }), made)
	if len(w.list) > wholesKept {
		w.list = slices.Delete(w.list, 0, 1)
	}
}

// continued joins a plot with one of its end and what follows, as far as a span needs it. They fit when the moments of both
// are those of the span: a reader may take longer steps.
func continued(base, tail mesh.Plot, over mesh.Span) (mesh.Plot, bool) {
	if len(tail.At) == 0 {
		return mesh.Plot{}, false
	}
	from := slices.IndexFunc(base.At, over.Start.Equal)
	to := slices.IndexFunc(base.At, tail.At[0].Equal)
	if from < 0 || to < from || !tail.At[0].Add(time.Duration(len(tail.At)-1)*over.Step).Equal(tail.At[len(tail.At)-1]) {
		return mesh.Plot{}, false
	}
	p := mesh.Plot{At: slices.Concat(base.At[from:to], tail.At), Partial: tail.Partial, Notes: slices.Clone(tail.Notes)}
	for _, note := range base.Notes {
		if !slices.Contains(p.Notes, note) {
			p.Notes = append(p.Notes, note)
		}
	}
	into, before, after := columns(&p), columns(&base), columns(&tail)
	for i := range into {
		if len(*before[i]) != len(base.At) || len(*after[i]) != len(tail.At) {
			return mesh.Plot{}, false
		}
		*into[i] = slices.Concat((*before[i])[from:to], *after[i])
	}
	return p, true
}

// columns are a plot's, in the order of Plot's.
func columns(p *mesh.Plot) []*[]float64 {
	return []*[]float64{
		&p.RequestRate, &p.ErrorRatio, &p.P50, &p.P95, &p.P99, &p.BytesRate, &p.Connections, &p.Pending, &p.Overflow,
	}
}
