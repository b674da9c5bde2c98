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
	list []*film // oldest first
}

type film struct {
	key  filmKey
	made time.Time
	mu   sync.Mutex // held while it is made; those who want the same one wait
	done bool
	take timeline.Frames
}

// get gives a film that was made lately, or makes it. A failure is not kept.
func (f *films) get(key filmKey, shoot func() (timeline.Frames, error)) (timeline.Frames, error) {
	kept := f.find(key, time.Now())
	kept.mu.Lock()
	defer kept.mu.Unlock()
	if kept.done {
		return kept.take, nil
	}
	take, err := shoot()
	if err != nil {
		return timeline.Frames{}, err
	}
	kept.take, kept.done = take, true
	return take, nil
}

func (f *films) find(key filmKey, now time.Time) *film {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.list = slices.DeleteFunc(f.list, func(k *film) bool { return now.Sub(k.made) > filmLasts })
	for _, k := range f.list {
		if k.key == key {
			return k
		}
	}
	made := &film{key: key, made: now}
	f.list = append(f.list, made)
	if len(f.list) > filmsKept {
		f.list = f.list[1:]
	}
	return made
}
