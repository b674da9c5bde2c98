package timeline

import (
	"context"
	"fmt"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// Plot gives how a subject's numbers went over a span, with the changes that concern it; a Step or Window of zero is
// chosen to suit. Errors as At's, and mesh.Invalid for more moments than are answered.
func (t *Timeline) Plot(ctx context.Context, name string, of mesh.Subject, over mesh.Span) (Plot, error) {
	if err := checkSubject(of); err != nil {
		return Plot{}, err
	}
	over, err := t.span(name, over)
	if err != nil {
		return Plot{}, err
	}
	key := fmt.Sprintf("%q %q %q %d %d %d %d", name, of.From, of.To, over.Start.UnixNano(), over.End.UnixNano(), over.Step, over.Window)
	return t.plots.get(ctx, question{key, t.lasting(over.End)}, func(ctx context.Context) (Plot, int, error) {
		p, err := t.plot(ctx, name, of, over)
		return p, 9 * len(p.At), err
	})
}

// plot makes the plot.
func (t *Timeline) plot(ctx context.Context, name string, of mesh.Subject, over mesh.Span) (Plot, error) {
	if _, err := t.latest(ctx, name, over); err != nil {
		return Plot{}, err
	}
	marks, note, err := t.marks(ctx, name, of, over)
	if err != nil {
		return Plot{}, err
	}
	reader, err := t.o.Readers(name)
	if err != nil {
		return Plot{}, err
	}
	ask := func(ctx context.Context, over mesh.Span) (mesh.Plot, error) { return reader.Plot(ctx, name, of, over) }
	var read mesh.Plot
	if of == (mesh.Subject{}) {
		read, err = t.entireties.get(ctx, entirety{mesh: name, over: over, read: t.o.Now()}, ask)
	} else {
		read, err = ask(ctx, over)
	}
	if err != nil {
		return Plot{}, err
	}
	p := Plot{At: read.At, Partial: read.Partial, Notes: append([]string{}, read.Notes...), Marks: marks}
	for _, said := range []string{note, t.unkept(name, over)} {
		if said != "" {
			p.Notes = append(p.Notes, said)
		}
	}
	from := columns(&read)
	for i, into := range []*[]*float64{
		&p.RequestRate, &p.ErrorRatio, &p.P50, &p.P95, &p.P99, &p.BytesRate, &p.Connections, &p.Pending, &p.Overflow,
	} {
		if len(*from[i]) != len(read.At) {
			return Plot{}, mesh.Errorf(mesh.Internal, "a plot of %d moments has a column of %d", len(read.At), len(*from[i]))
		}
		*into = numbers(slices.Clone(*from[i]))
	}
	return p, nil
}
