// Package blend joins what several sources say of one mesh: the live aggregator, the embedded store, other people's
// servers. The first source that knows an edge is believed; later ones only add what it does not know, so that nothing is
// counted twice. It asks slow sources in the background and never makes a live picture wait for one.
package blend

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Reader reads what was seen of a mesh from one source's stored metrics.
type Reader interface {
	Observe(ctx context.Context, name string, at time.Time, window time.Duration) (mesh.Observation, error)
	Plot(ctx context.Context, name string, of mesh.Subject, over mesh.Span) (mesh.Plot, error)
	Film(ctx context.Context, name string, over mesh.Span) (mesh.Film, error)
}

// Source is a reader with its name and the meshes that it is asked for.
type Source struct {
	Name   string
	Reader Reader
	Meshes []string // empty: all
	// Interval is how often its newest numbers are worth asking for. Zero: never; it is asked about the past only.
	Interval time.Duration
}

func (s Source) has(name string) bool { return len(s.Meshes) == 0 || slices.Contains(s.Meshes, name) }

// Past reads the past from several sources as if they were one. The order is the order of belief.
type Past []Source

// Observe joins what the sources saw. What a source could not tell is a note; it is an error when none could. A source
// that has nothing about the mesh is as if it were not there, unless all are so: a store that began yesterday takes nothing
// from what another one knows of last week.
func (p Past) Observe(ctx context.Context, name string, at time.Time, window time.Duration) (mesh.Observation, error) {
	whole := mesh.Observation{Mesh: name, At: at, Window: window, Fresh: true}
	first := true
	notes, err := p.each(ctx, name, func(s Source) (bool, error) {
		o, err := s.Reader.Observe(ctx, name, at, window)
		switch {
		case err != nil:
			return false, err
		case first || whole.Silent && !o.Silent:
			whole, first = o, false
		case !o.Silent || whole.Silent:
			whole = Join(whole, o)
		}
		return true, nil
	})
	whole.Notes = append(whole.Notes, notes...)
	whole.Partial = whole.Partial || len(notes) > 0
	return whole, err
}

// Plot gives at every moment the numbers of the first source that has any.
func (p Past) Plot(ctx context.Context, name string, of mesh.Subject, over mesh.Span) (mesh.Plot, error) {
	var plot mesh.Plot
	notes, err := p.each(ctx, name, func(s Source) (bool, error) {
		if plot.At != nil && !lacking(plot.RequestRate) {
			return true, nil
		}
		next, err := s.Reader.Plot(ctx, name, of, over)
		switch {
		case err != nil:
			return false, err
		case !hasNumbers(plot.RequestRate) && (plot.At == nil || hasNumbers(next.RequestRate)):
			plot = next
		case hasNumbers(next.RequestRate):
			plot = joinPlots(plot, next)
		}
		return true, nil
	})
	plot.Notes = append(plot.Notes, notes...)
	plot.Partial = plot.Partial || len(notes) > 0
	return plot, err
}

// Film joins the sources' films.
func (p Past) Film(ctx context.Context, name string, over mesh.Span) (mesh.Film, error) {
	var film mesh.Film
	notes, err := p.each(ctx, name, func(s Source) (bool, error) {
		next, err := s.Reader.Film(ctx, name, over)
		switch {
		case err != nil:
			return false, err
		case film.At == nil || film.Silent && !next.Silent:
			film = next
		case !next.Silent || film.Silent:
			film = joinFilms(film, next)
		}
		return true, nil
	})
	film.Notes = append(film.Notes, notes...)
	film.Partial = film.Partial || len(notes) > 0
	return film, err
}

// each asks the mesh's sources in order and turns the failures of some into notes. It fails when all do.
func (p Past) each(ctx context.Context, name string, ask func(Source) (bool, error)) (notes []string, err error) {
	answered := false
	var errs []error
	for _, s := range p {
		if !s.has(name) {
			continue
		}
		ok, err := ask(s)
		answered = answered || ok
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.Name, err))
			notes = append(notes, s.Name+": "+err.Error())
		}
	}
	if answered {
		return notes, nil
	}
	if len(errs) == 0 {
		return nil, mesh.Errorf(mesh.Unavailable, "no store of metrics is asked for mesh %s: switch the embedded one on, or name a source with --metrics-url", name)
	}
	return nil, errors.Join(errs...)
}
