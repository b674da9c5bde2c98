package people_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

func TestNames(t *testing.T) {
	for given, want := range map[string]string{"kim": "kim", " Kim.Lee@example.com ": "Kim.Lee@example.com", "지영": "지영", "cafe\u0301": "café", "a-b_c+d": "a-b_c+d", "किरण": "किरण", "สมชาย.น้ำ": "สมชาย.น้ำ", "\u110c\u1175\u110b\u1167\u11bc": "지영", strings.Repeat("x", 64): strings.Repeat("x", 64)} {
		if got, err := people.Name(given); err != nil || got != want {
			t.Errorf("%q: %q, %v", given, got, err)
		}
	}
	for _, bad := range []string{"", " ", "a b", "<img onerror=alert(1)>", strings.Repeat("x", 65), "a\x00", "a/b", "../etc", "\u202eevil", "k\u200bim", "k\u20ddim", "k\u2066im", "x\xff", "weir", "ROLLOUT", "Anonymous"} {
		if got, err := people.Name(bad); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%q: %q, %v", bad, got, err)
		}
	}
	for _, same := range [][2]string{{"Kim", "kIM"}, {"straße", "STRASSE"}, {"ΣΊΣΥΦΟΣ", "σίσυφος"}, {"café", "cafe\u0301"}, {"ｋｉｍ", "kim"}} {
		if people.Fold(same[0]) != people.Fold(same[1]) {
			t.Errorf("%q and %q are two", same[0], same[1])
		}
	}
}

func TestFirstRun(t *testing.T) {
	w := newWorld(t)
	old, ok, err := w.Directory.Setup(t.Context())
	if err != nil || !ok || len(old.Secret) < 26 {
		t.Fatalf("%v %v %v", old, ok, err)
	}
	link, _, err := w.Directory.Setup(t.Context()) // the server was started again
	if err != nil {
		t.Fatal(err)
	}
	wants(t, w.Directory.CheckSetup(t.Context(), old.Secret), mesh.Unauthenticated)
	wants(t, w.Directory.CheckSetup(t.Context(), link.Secret), "")
	for _, bad := range []string{"", "x", link.Secret + "0", strings.Replace(link.Secret, link.Secret[11:13], "zz", 1)} {
		_, err := w.Directory.Begin(t.Context(), bad, "kim", good)
		wants(t, err, mesh.Unauthenticated)
	}
	for _, c := range []struct{ name, pass string }{{"", good}, {"kim", "short"}, {"a b", good}, {"kim", "password12345"}} {
		_, err := w.Directory.Begin(t.Context(), link.Secret, c.name, c.pass)
		wants(t, err, mesh.Invalid) // and the link is still good
	}
	p, err := w.Directory.Begin(t.Context(), link.Secret, "Kim", good)
	if err != nil || !p.Manages() {
		t.Fatalf("%+v, %v", p, err)
	}
	_, err = w.Directory.Begin(t.Context(), link.Secret, "mallory", good)
	wants(t, err, mesh.Unauthenticated)
	if link, ok, err := w.Directory.Setup(t.Context()); ok || err != nil || link.Secret != "" {
		t.Errorf("a link while there is somebody: %v %v", link, err)
	}
	if _, err := w.Directory.SignIn(t.Context(), "kIM", good); err != nil {
		t.Error(err)
	}
	if strings.Contains(w.log.String(), link.Secret) || strings.Contains(w.log.String(), good) {
		t.Error("secrets are logged")
	}
}

func TestSetupLinkExpires(t *testing.T) {
	w := newWorld(t)
	link, _, err := w.Directory.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w.later(24 * time.Hour)
	_, err = w.Directory.Begin(t.Context(), link.Secret, "kim", good)
	wants(t, err, mesh.Unauthenticated)
}

// TestTwoBeginAtOnce: of many who set Weir up at once, by the link and by a password file, on two replicas, one wins.
func TestTwoBeginAtOnce(t *testing.T) {
	w := newWorld(t)
	link, _, err := w.Directory.Setup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(good+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	var won atomic.Int32
	var wg sync.WaitGroup
	for i := range 8 {
		d := w.Directory
		if i%2 == 1 {
			d = w.replica(t).Directory
		}
		wg.Go(func() {
			made := false
			var err error
			if i < 2 {
				made, err = d.Bootstrap(t.Context(), "admin", file)
			} else {
				_, err = d.Begin(t.Context(), link.Secret, "kim"+strings.Repeat("x", i), good)
				made = err == nil
			}
			if code := mesh.CodeOf(err); code != "" && code != mesh.Conflict && code != mesh.Unauthenticated {
				t.Error(err)
			}
			if made {
				won.Add(1)
			}
		})
	}
	wg.Wait()
	list := must[[]people.Person](t)(w.Directory.List(root(t)))
	if won.Load() != 1 || len(list) != 1 {
		t.Errorf("%d won, there are %d people", won.Load(), len(list))
	}
}

func TestBootstrap(t *testing.T) {
	w := newWorld(t)
	file := filepath.Join(t.TempDir(), "password")
	for _, bad := range []string{"", "short\n", strings.Repeat("x", 5000)} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := w.Directory.Bootstrap(t.Context(), "admin", file)
		wants(t, err, mesh.Invalid)
	}
	_, err := w.Directory.Bootstrap(t.Context(), "admin", file+".none")
	wants(t, err, mesh.Invalid)
	if err := os.WriteFile(file, []byte(good+"\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if made, err := w.Directory.Bootstrap(t.Context(), "boss", file); err != nil || !made {
		t.Fatalf("%v %v", made, err)
	}
	if made, err := w.Directory.Bootstrap(t.Context(), "boss", file+".none"); err != nil || made {
		t.Errorf("at the second start: %v %v", made, err)
	}
	if _, err := w.Directory.SignIn(t.Context(), "boss", good); err != nil {
		t.Error(err)
	}
}

func TestInvitation(t *testing.T) {
	w := newWorld(t)
	w.add(t, "root", "admin")
	p, link, err := w.Directory.Add(root(t), "Kim", grants(t, "operator@shop"))
	if err != nil || !p.Invited() {
		t.Fatalf("%+v, %v", p, err)
	}
	_, err = w.Directory.SignIn(t.Context(), "kim", "")
	wants(t, err, mesh.Unauthenticated)
	_, _, err = w.Directory.Add(root(t), "kIM", nil)
	wants(t, err, mesh.Conflict)
	newer := must[people.Link](t)(w.Directory.Invite(root(t), p.ID))
	_, err = w.Directory.Accept(t.Context(), link.Secret, good)
	wants(t, err, mesh.Unauthenticated)
	if who, err := w.Directory.Invited(t.Context(), newer.Secret); err != nil || who.Name != "Kim" {
		t.Errorf("%+v, %v", who, err)
	}
	_, err = w.Directory.Begin(t.Context(), newer.Secret, "mallory", good)
	wants(t, err, mesh.Unauthenticated) // it is no setup link
	_, err = w.Directory.Accept(t.Context(), newer.Secret, "kimkimkimkim1")
	wants(t, err, mesh.Invalid)

	if unseen := must[people.Person](t)(w.Directory.Person(t.Context(), p.ID)); !unseen.Seen.IsZero() {
		t.Errorf("seen at %v before the link was opened", unseen.Seen)
	}
	w.later(2 * time.Second)
	var won atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			_, err := w.Directory.Accept(t.Context(), newer.Secret, good)
			if err == nil {
				won.Add(1)
			} else if code := mesh.CodeOf(err); code != mesh.Unauthenticated && code != mesh.Conflict {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if in := must[people.Person](t)(w.Directory.Person(t.Context(), p.ID)); in.Seen.IsZero() {
		t.Error("whoever came in by the link was never seen")
	}
	if won.Load() != 1 {
		t.Errorf("the link was used %d times", won.Load())
	}
	if _, err := w.Directory.SignIn(t.Context(), "kim", good); err != nil {
		t.Error(err)
	}
	late := must[people.Link](t)(w.Directory.Invite(root(t), p.ID))
	w.later(25 * time.Hour)
	_, err = w.Directory.Accept(t.Context(), late.Secret, other)
	wants(t, err, mesh.Unauthenticated)
}

func TestOnlyAdministratorsManage(t *testing.T) {
	w := newWorld(t)
	w.add(t, "root", "admin")
	kim := w.add(t, "kim", "operator admin@shop")
	for _, ctx := range []struct {
		of   people.Person
		code mesh.Code
	}{{kim, mesh.Denied}} {
		c := as(t, ctx.of)
		_, err := w.Directory.List(c)
		wants(t, err, ctx.code)
		_, _, err = w.Directory.Add(c, "lee", nil)
		wants(t, err, ctx.code)
		_, err = w.Directory.AddWithPassword(c, "lee", good, nil)
		wants(t, err, ctx.code)
		_, err = w.Directory.Grant(c, kim.ID, 0, grants(t, "admin"))
		wants(t, err, ctx.code)
		_, err = w.Directory.Disable(c, kim.ID)
		wants(t, err, ctx.code)
		_, err = w.Directory.Enable(c, kim.ID)
		wants(t, err, ctx.code)
		_, err = w.Directory.Invite(c, kim.ID)
		wants(t, err, ctx.code)
		wants(t, w.Directory.Remove(c, kim.ID), ctx.code)
	}
	_, err := w.Directory.List(t.Context())
	wants(t, err, mesh.Unauthenticated)
	if !strings.Contains(w.log.String(), "event=denied who=kim from=192.0.2.1") {
		t.Error("nobody wrote down who tried")
	}
}

func TestTheLastAdministratorStays(t *testing.T) {
	w := newWorld(t)
	boss := w.add(t, "boss", "admin")
	invited, _, err := w.Directory.Add(root(t), "later", grants(t, "admin"))
	if err != nil {
		t.Fatal(err)
	}
	w.add(t, "kim", "admin@shop")
	for what, try := range map[string]func() error{
		"demote": func() error {
			_, err := w.Directory.Grant(as(t, boss), boss.ID, 0, grants(t, "admin@shop"))
			return err
		},
		"disable": func() error { _, err := w.Directory.Disable(as(t, boss), boss.ID); return err },
		"remove":  func() error { return w.Directory.Remove(as(t, boss), boss.ID) },
	} {
		if err := try(); mesh.CodeOf(err) != mesh.Conflict || !errors.Is(err, people.ErrLastAdmin) {
			t.Errorf("%s: %v", what, err)
		}
	}
	if p, err := w.Directory.Person(t.Context(), boss.ID); err != nil || !p.Manages() {
		t.Errorf("%+v, %v", p, err)
	}
	link := must[people.Link](t)(w.Directory.Invite(root(t), invited.ID))
	if _, err := w.Directory.Accept(t.Context(), link.Secret, good); err != nil {
		t.Fatal(err)
	}
	// Two administrators throw each other out at once.
	var wg sync.WaitGroup
	var done atomic.Int32
	for _, id := range []string{boss.ID, invited.ID} {
		wg.Go(func() {
			if _, err := w.Directory.Disable(root(t), id); err == nil {
				done.Add(1)
			} else if !errors.Is(err, people.ErrLastAdmin) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if done.Load() != 1 {
		t.Errorf("%d of two last administrators were disabled", done.Load())
	}
}

func TestStaleEdit(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	kim := w.add(t, "kim", "viewer")
	next := must[people.Person](t)(w.Directory.Grant(root(t), kim.ID, kim.Version, grants(t, "operator")))
	_, err := w.Directory.Grant(root(t), kim.ID, kim.Version, grants(t, "admin"))
	wants(t, err, mesh.Conflict)
	if p, _ := w.Directory.Person(t.Context(), kim.ID); p.Version != next.Version || p.Grants[0].Role != auth.Operator {
		t.Errorf("%+v", p)
	}
	_, err = w.Directory.Grant(root(t), "nobody", 0, nil)
	wants(t, err, mesh.NotFound)
	_, err = w.Directory.Grant(root(t), kim.ID, 0, []auth.Grant{{Role: "root"}})
	wants(t, err, mesh.Invalid)
	_, err = w.Directory.Grant(root(t), kim.ID, 0, make([]auth.Grant, people.MaxGrants+1))
	wants(t, err, mesh.Invalid)
}

// TestOtherReplica: what one replica changed counts on another one within two seconds.
func TestOtherReplica(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	kim := w.add(t, "kim", "operator")
	there := w.replica(t)
	if p, err := there.Directory.Person(t.Context(), kim.ID); err != nil || p.Disabled {
		t.Fatal(err)
	}
	if _, err := w.Directory.Disable(root(t), kim.ID); err != nil {
		t.Fatal(err)
	}
	if p, err := w.Directory.Person(t.Context(), kim.ID); err != nil || !p.Disabled {
		t.Errorf("here: %+v, %v", p, err)
	}
	w.later(2 * time.Second)
	if p, err := there.Directory.Person(t.Context(), kim.ID); err != nil || !p.Disabled {
		t.Errorf("there: %+v, %v", p, err)
	}
}
