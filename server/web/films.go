package web

import (
	"slices"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
)

// How many films are kept, and for how long: until the next frame of the shortest strip is due.
const (
	filmsKept = 8
	filmLasts = 10 * time.Second
)

// filmKey names a film: the strips' ends lie on whole steps, so that viewers of the same strip ask for the same one.
type filmKey struct {
	mesh string
	over mesh.Span
}

// films keeps the newest films, so that ten viewers of a strip cost what one does.
type films struct {
	mu   sync.Mutex
	list []film // oldest first
}

type film struct {
	key  filmKey
	made time.Time
	take timeline.Frames
}

// get gives a film that was made lately, or makes it. A failure is not kept, and nobody waits for somebody else's: those
// who ask the timeline for the same film at the same time share it there.
func (f *films) get(key filmKey, shoot func() (timeline.Frames, error)) (timeline.Frames, error) {
	if take, ok := f.find(key, time.Now()); ok {
		return take, nil
	}
	take, err := shoot()
	if err != nil {
		return timeline.Frames{}, err
	}
	f.keep(film{key, time.Now(), take})
	return take, nil
}

func (f *films) find(key filmKey, now time.Time) (take timeline.Frames, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(k film) bool { return now.Sub(k.made) > filmLasts })
	i := slices.IndexFunc(f.list, func(k film) bool { return k.key == key })
	if i < 0 {
		return timeline.Frames{}, false
	}
	return f.list[i].take, true
}

func (f *films) keep(made film) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = append(slices.DeleteFunc(f.list, func(k film) bool { return k.key == made.key }), made)
	if len(f.list) > filmsKept {
		f.list = slices.Delete(f.list, 0, 1)
	}
}
