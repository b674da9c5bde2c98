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
	read, err := reader.Plot(ctx, name, of, over)
	if err != nil {
		return Plot{}, err
	}
	p := Plot{At: read.At, Partial: read.Partial, Notes: append([]string{}, read.Notes...), Marks: marks}
	for _, said := range []string{note, t.unkept(name, over)} {
		if said != "" {
			p.Notes = append(p.Notes, said)
		}
	}
	for _, column := range []struct {
		into *[]*float64
		from []float64
	}{
		{&p.RequestRate, read.RequestRate},
		{&p.ErrorRatio, read.ErrorRatio},
		{&p.P50, read.P50},
		{&p.P95, read.P95},
		{&p.P99, read.P99},
		{&p.BytesRate, read.BytesRate},
		{&p.Connections, read.Connections},
		{&p.Pending, read.Pending},
		{&p.Overflow, read.Overflow},
	} {
		if len(column.from) != len(read.At) {
			return Plot{}, mesh.Errorf(mesh.Internal, "a plot of %d moments has a column of %d", len(read.At), len(column.from))
		}
		*column.into = numbers(slices.Clone(column.from))
	}
	return p, nil
}
