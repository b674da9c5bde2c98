package web

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmesh/weir/server/timeline"
)

func TestViewersDoNotWaitForEachOthersFailures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f films
		began := time.Now()
		hangs := errors.New("the source does not answer")
		var viewers sync.WaitGroup
		for range 10 {
			viewers.Go(func() {
				_, err := f.get(filmKey{mesh: "shop"}, func() (timeline.Frames, error) {
					time.Sleep(30 * time.Second)
					return timeline.Frames{}, hangs
				})
				if !errors.Is(err, hangs) {
					t.Error(err)
				}
			})
		}
		viewers.Wait()
		if waited := time.Since(began); waited != 30*time.Second {
			t.Errorf("ten viewers of a source that hangs for 30 s waited for %v", waited)
		}
	})
}

func TestFilmsAreKeptForAWhile(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f films
		shot := 0
		look := func(mesh string) {
			if got, err := f.get(filmKey{mesh: mesh}, func() (timeline.Frames, error) { shot++; return timeline.Frames{Mesh: mesh}, nil }); err != nil || got.Mesh != mesh {
				t.Errorf("%s: %+v %v", mesh, got, err)
			}
		}
		look("a")
		time.Sleep(filmLasts)
		look("a")
		if shot != 1 {
			t.Errorf("shot %d times within %v", shot, filmLasts)
		}
		time.Sleep(time.Second)
		look("a")
		if shot != 2 {
			t.Errorf("shot %d times after %v", shot, filmLasts)
		}
		for _, mesh := range []string{"b", "c", "d", "e", "f", "g", "h", "i"} {
			look(mesh)
		}
		if len(f.list) != filmsKept {
			t.Errorf("%d films are kept", len(f.list))
		}
		look("a")
		if shot != 11 {
			t.Errorf("shot %d times: the oldest had to go", shot)
		}
	})
}
