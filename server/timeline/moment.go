package timeline

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// DefaultWindow is what a moment's numbers are taken over when nobody says.
const DefaultWindow = 30 * time.Second

// Ledger knows what was configured and what was changed; change.Door is one.
type Ledger interface {
	// MeshAt gives a mesh as it was recorded at a moment, with its revision; mesh.NotFound when it was not.
	MeshAt(ctx context.Context, name string, at time.Time) (mesh.Mesh, int64, error)
	// Changes finds entries of the ledger, newest first.
	Changes(ctx context.Context, q change.Query) ([]change.Change, error)
}

// Options are what a Timeline needs. Ledger and Readers are required.
type Options struct {
	Ledger Ledger
	// Readers gives the reader of a mesh's stored metrics. Its errors are for people: where no metrics are stored, it is
	// one that says so.
	Readers func(mesh string) (Reader, error)
	Limits  health.Thresholds // where a mesh does not say; zero: health.Default
	// Oldest gives the oldest moment that a mesh's reader has numbers of. Nil, or a zero time: it is not known.
	Oldest func(mesh string) time.Time
	Within time.Duration    // the most that one answer may take: 30 s
	Now    func() time.Time // time.Now when nil
}

// Timeline answers about moments that have passed. Its methods may be called by many goroutines; those who ask the same
// at the same time share one answer, which none of them may change.
type Timeline struct {
	o          Options
	pictures   shared[graph.Graph]
	films      shared[Frames]
	plots      shared[Plot]
	entireties entireties
}

// What the answers that are kept for others who ask the same may weigh: edges and nodes of pictures, cells of films and
// plots. Each is some ten megabytes.
const (
	keepPictures = 30_000
	keepFilms    = maxCells
	keepPlots    = 200_000
)

// New makes a Timeline.
func New(o Options) *Timeline {
	if o.Limits == (health.Thresholds{}) {
		o.Limits = health.Default()
	}
	if o.Oldest == nil {
		o.Oldest = func(string) time.Time { return time.Time{} }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Within = cmp.Or(o.Within, 30*time.Second)
	t := &Timeline{o: o}
	t.pictures.init(keepPictures, o.Within, o.Now)
	t.films.init(keepFilms, o.Within, o.Now)
	t.plots.init(keepPlots, o.Within, o.Now)
	return t
}

// At gives the picture of a mesh as it was at a moment: what was configured then, and what was seen in the window that
// ends then (zero: DefaultWindow). Errors: mesh.Invalid for a moment or a window that nobody can answer for;
// mesh.NotFound when there was no such mesh, or numbers do not reach back that far; those of the reader.
func (t *Timeline) At(ctx context.Context, name string, at time.Time, window time.Duration) (graph.Graph, error) {
	window = cmp.Or(window, DefaultWindow)
	at, err := t.moment(name, "at", at)
	if err != nil {
		return graph.Graph{}, err
	}
	if err := checkWindow(window); err != nil {
		return graph.Graph{}, err
	}
	key := fmt.Sprintf("%q %d %d", name, at.UnixNano(), window)
	return t.pictures.get(ctx, question{key, t.lasting(at)}, func(ctx context.Context) (graph.Graph, int, error) {
		g, err := t.draw(ctx, name, at, window)
		return g, len(g.Edges) + len(g.Nodes), err
	})
}

// draw makes a picture.
func (t *Timeline) draw(ctx context.Context, name string, at time.Time, window time.Duration) (graph.Graph, error) {
	m, _, err := t.o.Ledger.MeshAt(ctx, name, at)
	if err != nil {
		return graph.Graph{}, err
	}
	reader, err := t.o.Readers(name)
	if err != nil {
		return graph.Graph{}, err
	}
	seen, err := reader.Observe(ctx, name, at, window)
	if err != nil {
		return graph.Graph{}, err
	}
	// A reader whose samples are far apart takes a longer window, and that is what its numbers are over.
	seen.Mesh, seen.At, seen.Window = name, at, max(seen.Window, window)
	limits := t.o.Limits
	// Stored numbers are as far apart as they were taken: what lies within the window is not late.
	limits.StaleAfter = max(limits.StaleAfter, seen.Window, time.Minute)
	return graph.Build(m, seen, seen.Proxies, limits), nil
}

// Compare gives what is different between two moments, each of the window that ends at it (zero: DefaultWindow), and
// what was changed after the first and up to the second. Errors as At's.
func (t *Timeline) Compare(ctx context.Context, name string, from, to time.Time, window time.Duration) (Comparison, error) {
	if !from.Before(to) {
		return Comparison{}, mesh.Errorf(mesh.Invalid, "from %s, to %s: give the earlier moment first", stamp(from), stamp(to))
	}
	for what, at := range map[string]time.Time{"from": from, "to": to} {
		if _, err := t.moment(name, what, at); err != nil {
			return Comparison{}, err
		}
	}
	before, err := t.At(ctx, name, from, window)
	if err != nil {
		return Comparison{}, err
	}
	after, err := t.At(ctx, name, to, window)
	if err != nil {
		return Comparison{}, err
	}
	c := Comparison{Difference: graph.Compare(before, after), Partial: before.Partial || after.Partial, Notes: []string{}}
	for _, note := range slices.Concat(before.Notes, after.Notes) {
		if !slices.Contains(c.Notes, note) {
			c.Notes = append(c.Notes, note)
		}
	}
	changes, note, err := t.changes(ctx, name, before.At, after.At)
	if err != nil {
		return Comparison{}, err
	}
	if note != "" {
		c.Notes = append(c.Notes, note)
	}
	c.Changes = changes
	return c, nil
}
