package web

import (
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
)

// How many films are kept, and for how long: until the next frame of the shortest strip is due. A film is extended for
// longer, since most of the next strip is in it.
const (
	filmsKept  = 8
	filmLasts  = 10 * time.Second
	filmGrows  = 15 * time.Minute
	filmRetake = 2 // moments at its end that are asked for again: their numbers may have come late
)

// filmKey names a film: the strips' ends lie on whole steps, so that viewers of the same strip ask for the same one.
type filmKey struct {
	mesh string
	over mesh.Span
}

// films keeps the newest films, so that ten viewers of a strip cost what one does, and a strip that moves on costs what is
// new in it: the film of a mesh of thousands takes seconds of CPU, a frame of it hundredths.
type films struct {
	mu   sync.Mutex
	list []film // oldest first
}

type film struct {
	key   filmKey
	made  time.Time
	whole time.Time // when all of it was asked for
	take  timeline.Frames
}

// shoot asks for a film.
type shoot func(over mesh.Span) (timeline.Frames, error)

// get gives a film that was made lately, or makes it: what is missing of it, or all. A failure is not kept, and nobody
// waits for somebody else's: those who ask the timeline for the same film at the same time share it there.
func (f *films) get(key filmKey, ask shoot) (timeline.Frames, error) {
	now := time.Now()
	if take, ok := f.find(key, now); ok {
		return take, nil
	}
	base, ok := f.before(key, now)
	if ok {
		tail := key.over
		tail.Start = base.key.over.End.Add(-filmRetake * tail.Step)
		end, err := ask(tail)
		if err != nil {
			return timeline.Frames{}, err
		}
		if take, fits := extended(base.take, end, key.over); fits {
			f.keep(film{key, time.Now(), base.whole, take})
			return take, nil
		}
	}
	take, err := ask(key.over)
	if err != nil {
		return timeline.Frames{}, err
	}
	f.keep(film{key, time.Now(), now, take})
	return take, nil
}

func (f *films) find(key filmKey, now time.Time) (take timeline.Frames, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(k film) bool { return now.Sub(k.whole) > filmGrows })
	i := slices.IndexFunc(f.list, func(k film) bool { return k.key == key && now.Sub(k.made) <= filmLasts })
	if i < 0 {
		return timeline.Frames{}, false
	}
	return f.list[i].take, true
}

// before is the newest film of the same kind that ends within the asked one, if it has more of it than it lacks.
func (f *films) before(key filmKey, now time.Time) (film, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var best film
	for _, k := range f.list {
		span, asked := k.key.over, key.over
		same := k.key.mesh == key.mesh && span.Step == asked.Step && span.Window == asked.Window && now.Sub(k.whole) <= filmGrows
		reaches := !span.Start.After(asked.Start) && !span.End.After(asked.End) && span.End.Sub(asked.Start) > asked.End.Sub(asked.Start)/2
		if same && reaches && (best.made.IsZero() || span.End.After(best.key.over.End)) {
			best = k
		}
	}
	return best, !best.made.IsZero()
}

func (f *films) keep(made film) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(slices.DeleteFunc(f.list, func(k film) bool { return k.key == made.key }), made)
	if len(f.list) > filmsKept {
		f.list = slices.Delete(f.list, 0, 1)
	}
}

// extended joins a film with one of its end and what follows, as far as a strip needs it: without edges. They fit when
// both have the moments that the span asks for; a reader may have taken longer steps for one of them.
func extended(base, tail timeline.Frames, over mesh.Span) (timeline.Frames, bool) {
	if len(base.At) < 2 || len(tail.At) < 2 || base.At[1].Sub(base.At[0]) != over.Step || tail.At[1].Sub(tail.At[0]) != over.Step {
		return timeline.Frames{}, false
	}
	joint := tail.At[0]
	from := slices.IndexFunc(base.At, func(at time.Time) bool { return !at.Before(over.Start) })
	to := slices.IndexFunc(base.At, func(at time.Time) bool { return at.Equal(joint) })
	if from < 0 || to < from || base.Window != tail.Window {
		return timeline.Frames{}, false
	}
	f := tail
	f.Edges, f.RequestRate, f.ErrorRatio, f.P95 = nil, nil, nil, nil
	f.At = slices.Concat(base.At[from:to], tail.At)
	f.Health = slices.Concat(base.Health[from:to], tail.Health)
	f.Total = slices.Concat(base.Total[from:to], tail.Total)
	f.Partial = base.Partial || tail.Partial
	f.Notes = nil
	for _, note := range slices.Concat(base.Notes, tail.Notes) {
		if !slices.Contains(f.Notes, note) {
			f.Notes = append(f.Notes, note)
		}
	}
	f.Turns, f.Marks = nil, nil
	for _, turn := range base.Turns {
		if !turn.At.Before(over.Start) && !turn.At.After(joint) {
			f.Turns = append(f.Turns, turn)
		}
	}
	f.Turns = append(f.Turns, tail.Turns...) // the first moment of a film has none: it follows nothing
	for _, mark := range base.Marks {
		again := slices.ContainsFunc(tail.Marks, func(m timeline.Mark) bool { return m.ID == mark.ID })
		if !mark.At.Before(over.Start) && !again {
			f.Marks = append(f.Marks, mark)
		}
	}
	f.Marks = append(f.Marks, tail.Marks...)
	return f, true
}
