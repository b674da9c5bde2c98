package web

import (
	"errors"
	"reflect"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weirmesh/weir/server/mesh"
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
				_, err := f.get(filmKey{mesh: "shop"}, func(mesh.Span) (timeline.Frames, error) {
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
		taken := 0
		look := func(name string) {
			if got, err := f.get(filmKey{mesh: name}, func(mesh.Span) (timeline.Frames, error) { taken++; return timeline.Frames{Mesh: name}, nil }); err != nil || got.Mesh != name {
				t.Errorf("%s: %+v %v", name, got, err)
			}
		}
		look("a")
		time.Sleep(filmLasts)
		look("a")
		if taken != 1 {
			t.Errorf("shot %d times within %v", taken, filmLasts)
		}
		time.Sleep(time.Second)
		look("a")
		if taken != 2 {
			t.Errorf("shot %d times after %v", taken, filmLasts)
		}
		for _, name := range []string{"b", "c", "d", "e", "f", "g", "h", "i"} {
			look(name)
		}
		if len(f.list) != filmsKept {
			t.Errorf("%d films are kept", len(f.list))
		}
		look("a")
		if taken != 11 {
			t.Errorf("shot %d times: the oldest had to go", taken)
		}
	})
}

// shot is a film of a mesh whose rate is the moment's number, that turns each third moment, and was changed each fourth.
func shot(over mesh.Span) timeline.Frames {
	f := timeline.Frames{Window: "30s", Notes: []string{}}
	for at := over.Start; !at.After(over.End); at = at.Add(over.Step) {
		n := at.Unix() / 10
		f.At = append(f.At, at)
		f.Health = append(f.Health, []mesh.Health{mesh.Healthy, mesh.Degraded, mesh.Unhealthy}[n%3])
		f.Total = append(f.Total, timeline.Total{RequestRate: float64(n)})
		if n%3 == 0 && len(f.At) > 1 {
			f.Turns = append(f.Turns, timeline.Turn{At: at, From: "a", To: "b"})
		}
		if n%4 == 0 {
			f.Marks = append(f.Marks, timeline.Mark{ID: at.String(), At: at})
		}
	}
	return f
}

func TestAStripThatMovesOnIsWhatTheWholeFilmIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var f films
		asked := 0
		began := time.Now().Truncate(10 * time.Second)
		for i := range 300 { // fifty minutes
			end := began.Add(time.Duration(i) * 10 * time.Second)
			key := filmKey{mesh: "shop", over: mesh.Span{Start: end.Add(-890 * time.Second), End: end, Step: 10 * time.Second, Window: 30 * time.Second}}
			got, err := f.get(key, func(part mesh.Span) (timeline.Frames, error) {
				whole := shot(part)
				asked += len(whole.At)
				return whole, nil
			})
			if err != nil {
				t.Fatal(err)
			}
			want := shot(key.over)
			if len(got.Turns) > 0 && got.Turns[0].At.Equal(key.over.Start) {
				got.Turns = got.Turns[1:] // one more is known than of a film that begins here
			}
			if !reflect.DeepEqual(got.At, want.At) || !reflect.DeepEqual(got.Health, want.Health) || !reflect.DeepEqual(got.Total, want.Total) {
				t.Fatalf("strip %d: %+v, want %+v", i, got, want)
			}
			if !reflect.DeepEqual(got.Turns, want.Turns) || !reflect.DeepEqual(got.Marks, want.Marks) {
				t.Fatalf("strip %d: turns %v marks %v, want %v %v", i, got.Turns, got.Marks, want.Turns, want.Marks)
			}
			time.Sleep(10 * time.Second)
		}
		if asked > 300*4+4*90 {
			t.Errorf("%d moments were asked for", asked)
		}
	})
}

func TestAFilmOfAnotherMeshOrStepIsNotExtended(t *testing.T) {
	var f films
	end := time.Now().Truncate(time.Hour)
	over := mesh.Span{Start: end.Add(-890 * time.Second), End: end, Step: 10 * time.Second, Window: 30 * time.Second}
	for _, key := range []filmKey{
		{"shop", over},
		{"bank", mesh.Span{Start: over.Start.Add(over.Step), End: end.Add(over.Step), Step: over.Step, Window: over.Window}},
		{"shop", mesh.Span{Start: over.Start.Add(over.Step), End: end.Add(over.Step), Step: 2 * over.Step, Window: over.Window}},
		{"shop", mesh.Span{Start: over.Start.Add(over.Step), End: end.Add(over.Step), Step: over.Step, Window: time.Minute}},
		{"shop", mesh.Span{Start: over.Start.Add(-over.Step), End: end, Step: over.Step, Window: over.Window}},
	} {
		var parts []mesh.Span
		if _, err := f.get(key, func(part mesh.Span) (timeline.Frames, error) { parts = append(parts, part); return shot(part), nil }); err != nil {
			t.Fatal(err)
		}
		if len(parts) != 1 || parts[0] != key.over {
			t.Errorf("%+v: asked for %v", key, parts)
		}
	}
}
