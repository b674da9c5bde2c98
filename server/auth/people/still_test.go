package people_test

import (
	"context"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// watching is a page that is open and asks for nothing: what is left of its request is the identity.
func watching(t *testing.T, w *world) (ask context.Context, id auth.Identity) {
	t.Helper()
	b := &browser{t: t, of: w.People}
	b.signIn("kim")
	ask = b.ask()
	id, ok := auth.From(ask)
	if !ok {
		t.Fatal("nobody is signed in")
	}
	return ask, id
}

// TestWatchedPage: a page that is looked at keeps its session from idling out, but not beyond its longest life; one that nobody
// looks at does not.
func TestWatchedPage(t *testing.T) {
	w := newWorld(t)
	w.add(t, "kim", "admin")
	ask, id := watching(t, w)
	began := w.clock()
	for w.clock().Sub(began) < people.DefaultLifetime-20*time.Minute {
		if _, err := w.Still(auth.InUse(ask), id); err != nil {
			t.Fatalf("%s after its sign-in the page that is looked at is signed out: %v", w.clock().Sub(began), err)
		}
		w.later(19 * time.Minute)
	}
	w.later(20 * time.Minute)
	_, err := w.Still(auth.InUse(ask), id)
	wants(t, err, mesh.Unauthenticated)

	w = newWorld(t)
	w.add(t, "kim", "admin")
	ask, id = watching(t, w)
	w.later(20 * time.Minute)
	if _, err := w.Still(ask, id); err != nil {
		t.Fatal(err)
	}
	w.later(11 * time.Minute)
	_, err = w.Still(ask, id)
	wants(t, err, mesh.Unauthenticated)
}

// TestTouchedOnceAMinute: frames come every second, and are no write each.
func TestTouchedOnceAMinute(t *testing.T) {
	w := newWorld(t)
	kim := w.add(t, "kim", "admin")
	ask, id := watching(t, w)
	seen := map[time.Time]bool{}
	for range 150 {
		w.later(time.Second)
		if _, err := w.Still(auth.InUse(ask), id); err != nil {
			t.Fatal(err)
		}
		seen[must[[]people.Session](t)(w.Sessions.List(ask, kim.ID))[0].Seen] = true
	}
	if len(seen) != 3 { // at the sign-in, a minute and two minutes after it
		t.Errorf("its last use was written %d times in 150 s", len(seen))
	}
}

// TestLifetime: a session that is used all the time ends all the same.
func TestLifetime(t *testing.T) {
	w := newWorld(t)
	w.add(t, "kim", "admin")
	b := &browser{t: t, of: w.People}
	b.signIn("kim")
	for range 35 {
		w.later(20 * time.Minute)
		if b.who() != "kim" {
			t.Fatal("it ended early")
		}
	}
	w.later(21 * time.Minute)
	if b.who() != "" {
		t.Error("it lives on")
	}
}

// TestPasswordsLast: what nobody changes does not expire.
func TestPasswordsLast(t *testing.T) {
	w := newWorld(t)
	w.add(t, "kim", "admin")
	w.later(20 * 365 * 24 * time.Hour)
	if _, err := w.Directory.SignIn(t.Context(), "kim", good); err != nil {
		t.Error(err)
	}
}
