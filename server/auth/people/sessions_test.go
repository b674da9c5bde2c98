package people_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// browser holds a cookie, as one does.
type browser struct {
	t      *testing.T
	of     *people.People
	cookie string
}

// ask begins a request.
func (b *browser) ask() context.Context {
	b.t.Helper()
	ctx, err := b.of.Sessions.Load(people.WithVisit(b.t.Context(), people.Visit{Address: "192.0.2.1", Agent: "Firefox <b>\x00\xff"}), b.cookie)
	if err != nil {
		b.t.Fatal(err)
	}
	return ctx
}

// who is signed in; empty: nobody.
func (b *browser) who() string {
	b.t.Helper()
	id, _ := auth.From(b.ask())
	return id.Name
}

func (b *browser) keep(c people.Cookie, err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
	b.cookie = c.Token
}

func (b *browser) signIn(name string) {
	b.t.Helper()
	ctx := b.ask()
	p, err := b.of.Directory.SignIn(ctx, name, good)
	if err != nil {
		b.t.Fatal(err)
	}
	b.keep(b.of.Sessions.Start(ctx, p))
}

func TestSession(t *testing.T) {
	w := newWorld(t)
	kim := w.add(t, "kim", "admin")
	b := &browser{t: t, of: w.People}
	if b.who() != "" {
		t.Error("somebody is signed in")
	}
	b.signIn("kim")
	id, ok := auth.From(b.ask())
	if !ok || id.Kind != auth.Person || id.ID != kim.ID || id.Person != kim.ID || id.Session == "" || id.Can(auth.Manage, auth.Resource{}) != nil {
		t.Fatalf("%+v", id)
	}
	list := must[[]people.Session](t)(w.Sessions.List(b.ask(), kim.ID))
	if len(list) != 1 || list[0].Name != id.Session || list[0].Agent != "Firefox <b>�" || list[0].Address != "192.0.2.1" || list[0].Data != nil {
		t.Errorf("%+v", list)
	}
	if strings.Contains(list[0].Hash+list[0].Name, b.cookie) || list[0].Hash == b.cookie {
		t.Error("the store knows the token")
	}
	stolen := b.cookie
	b.keep(w.Sessions.End(b.ask()))
	if b.cookie != "" {
		t.Error("the cookie stays")
	}
	for _, token := range []string{stolen, "", "x", stolen + "x", strings.Repeat("A", 43), strings.Repeat("\xff", 43)} {
		b.cookie = token
		if b.who() != "" {
			t.Errorf("%q is signed in", token)
		}
	}
}

// TestFixation plants a session in somebody's browser: after the sign-in it is another one, and the planted one is nobody's.
func TestFixation(t *testing.T) {
	w := newWorld(t)
	w.add(t, "kim", "admin")
	mallory := &browser{t: t, of: w.People}
	mallory.keep(w.Sessions.Put(mallory.ask(), "state", "planted"))
	kim := &browser{t: t, of: w.People, cookie: mallory.cookie}
	kim.signIn("kim")
	if kim.cookie == mallory.cookie || mallory.who() != "" || kim.who() != "kim" {
		t.Errorf("kim is %q, mallory is %q", kim.who(), mallory.who())
	}
	if v, err := w.Sessions.Pop(kim.ask(), "state"); v != "" || err != nil {
		t.Errorf("what was planted is still there: %q, %v", v, err)
	}
	// A token of Mallory's choice is not taken over either.
	made := &browser{t: t, of: w.People, cookie: strings.Repeat("m", 43)}
	made.signIn("kim")
	if made.cookie == strings.Repeat("m", 43) {
		t.Error("a token from outside is taken over")
	}
}

func TestValues(t *testing.T) {
	w := newWorld(t)
	b := &browser{t: t, of: w.People}
	b.keep(w.Sessions.Put(b.ask(), "nonce", "n-1"))
	b.keep(w.Sessions.Put(b.ask(), "state", "s-1"))
	for _, want := range []string{"s-1", ""} {
		if v, err := w.Sessions.Pop(b.ask(), "state"); v != want || err != nil {
			t.Errorf("%q, %v", v, err)
		}
	}
	for _, bad := range [][2]string{{"person", "x"}, {"k", strings.Repeat("x", 5000)}} {
		_, err := w.Sessions.Put(b.ask(), bad[0], bad[1])
		wants(t, err, mesh.Invalid)
	}
	if v, err := w.Sessions.Pop(b.ask(), "person"); v != "" || err != nil || b.who() != "" {
		t.Errorf("%q, %v", v, err)
	}
}

func TestIdleAndLifetime(t *testing.T) {
	w := newWorld(t)
	w.add(t, "kim", "admin")
	b := &browser{t: t, of: w.People}
	b.signIn("kim")
	w.later(29 * time.Minute)
	if b.who() != "kim" {
		t.Fatal("it ended early")
	}
	w.later(31 * time.Minute)
	if b.who() != "" {
		t.Error("it idles on")
	}
	if err := w.Tidy(t.Context()); err != nil {
		t.Fatal(err)
	}
	if list, err := w.store.Sessions(t.Context(), people.SessionQuery{}); err != nil || len(list) != 0 {
		t.Errorf("%v are left, %v", list, err)
	}
}

// TestEnding is every way to lose a session: the next request is nobody's, on every replica within two seconds, and what lasts
// longer than a request is told.
func TestEnding(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	kim := w.add(t, "kim", "operator")
	there := w.replica(t)
	for name, end := range map[string]func(b *browser) error{
		"closed":  func(b *browser) error { id, _ := auth.From(b.ask()); return w.Sessions.Close(root(t), id.Session) },
		"all":     func(*browser) error { _, err := w.Sessions.CloseAll(root(t), kim.ID); return err },
		"disable": func(*browser) error { _, err := w.Directory.Disable(root(t), kim.ID); return err },
		"accept": func(*browser) error {
			link, err := w.Directory.Invite(root(t), kim.ID)
			if err == nil {
				_, err = w.Directory.Accept(t.Context(), link.Secret, good)
			}
			return err
		},
	} {
		b := &browser{t: t, of: w.People}
		b.signIn("kim")
		id, _ := auth.From(b.ask())
		if _, err := there.Still(t.Context(), id); err != nil {
			t.Fatal(err)
		}
		if err := end(b); err != nil {
			t.Fatal(err)
		}
		if b.who() != "" {
			t.Errorf("%s: still signed in", name)
		}
		_, err := w.Still(t.Context(), id)
		wants(t, err, mesh.Unauthenticated)
		w.later(2 * time.Second)
		_, err = there.Still(t.Context(), id)
		wants(t, err, mesh.Unauthenticated)
		if b.of = there; b.who() != "" {
			t.Errorf("%s: still signed in on the other replica", name)
		}
		if _, err := w.Directory.Enable(root(t), kim.ID); err != nil {
			t.Fatal(err)
		}
		if b.of = w.People; b.who() != "" {
			t.Errorf("%s: it came back", name)
		}
		w.later(2 * time.Second) // the other replica hears of it
	}
}

func TestRightsFollowAtOnce(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	kim := w.add(t, "kim", "operator")
	b := &browser{t: t, of: w.People}
	b.signIn("kim")
	id, _ := auth.From(b.ask())
	if _, err := w.Directory.Grant(root(t), kim.ID, 0, grants(t, "viewer")); err != nil {
		t.Fatal(err)
	}
	wants(t, auth.Can(b.ask(), auth.Steer, auth.Resource{Mesh: "shop"}), mesh.Denied)
	now, err := w.Still(t.Context(), id)
	if err != nil || now.Can(auth.Steer, auth.Resource{Mesh: "shop"}) == nil || now.Session != id.Session {
		t.Errorf("%+v, %v", now, err)
	}
	wants(t, w.Directory.Remove(root(t), kim.ID), "")
	if b.who() != "" {
		t.Error("a person that was removed is signed in")
	}
}

func TestPasswordChangeEndsTheOthers(t *testing.T) {
	w := newWorld(t)
	kim := w.add(t, "kim", "admin")
	mine, lost := &browser{t: t, of: w.People}, &browser{t: t, of: w.People}
	mine.signIn("kim")
	lost.signIn("kim")
	old := mine.cookie
	ctx := mine.ask()
	if err := w.Directory.ChangePassword(ctx, good, other); err != nil {
		t.Fatal(err)
	}
	mine.keep(w.Sessions.Renew(ctx))
	if mine.who() != "kim" || lost.who() != "" || mine.cookie == old {
		t.Errorf("mine is %q, the lost one is %q", mine.who(), lost.who())
	}
	if list := must[[]people.Session](t)(w.Sessions.List(mine.ask(), kim.ID)); len(list) != 1 {
		t.Errorf("%d sessions", len(list))
	}
	_, err := w.Sessions.Renew((&browser{t: t, of: w.People}).ask())
	wants(t, err, mesh.Unauthenticated)
}

func TestSessionsOfOthers(t *testing.T) {
	w := newWorld(t)
	boss := w.add(t, "boss", "admin")
	w.add(t, "kim", "operator")
	bb, kb := &browser{t: t, of: w.People}, &browser{t: t, of: w.People}
	bb.signIn("boss")
	kb.signIn("kim")
	id, _ := auth.From(bb.ask())
	_, err := w.Sessions.List(kb.ask(), boss.ID)
	wants(t, err, mesh.Denied)
	_, err = w.Sessions.CloseAll(kb.ask(), boss.ID)
	wants(t, err, mesh.Denied)
	wants(t, w.Sessions.Close(kb.ask(), id.Session), mesh.Denied)
	wants(t, w.Sessions.Close(kb.ask(), ""), mesh.NotFound)
	wants(t, w.Sessions.Close(kb.ask(), "nosuch"), mesh.NotFound)
	if bb.who() != "boss" {
		t.Error("somebody else ended it")
	}
}

// TestEndedWhileInUse: a request that was begun before its session ended does not bring it back.
func TestEndedWhileInUse(t *testing.T) {
	w := newWorld(t)
	kim := w.add(t, "kim", "admin")
	for range 10 {
		b := &browser{t: t, of: w.People}
		b.signIn("kim")
		var wg sync.WaitGroup
		for range 4 {
			ctx := b.ask()
			wg.Go(func() {
				if _, err := w.Sessions.Put(ctx, "k", "v"); err != nil && mesh.CodeOf(err) != mesh.Unauthenticated {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			if _, err := w.Sessions.CloseAll(root(t), kim.ID); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		if b.who() != "" {
			t.Fatal("the session came back")
		}
	}
}

func TestSessionsAreBounded(t *testing.T) {
	w := newWorld(t)
	kim := w.add(t, "kim", "admin")
	for range 55 {
		w.later(time.Second)
		ctx := (&browser{t: t, of: w.People}).ask()
		if _, err := w.Sessions.Start(ctx, kim); err != nil {
			t.Fatal(err)
		}
	}
	if list := must[[]people.Session](t)(w.Sessions.List(as(t, kim), kim.ID)); len(list) != 50 {
		t.Errorf("%d sessions of one person", len(list))
	}
}
