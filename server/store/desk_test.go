package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/mesh"
)

func route(name string) mesh.Ref { return mesh.Ref{Kind: mesh.KindRoute, Name: name} }

func edit(person string, at time.Time, fields url.Values) desk.Draft {
	return desk.Draft{
		Place: desk.Place{Mesh: "m", Object: route("r/a"), Form: "traffic"}, Person: person, Author: "지영 <b>", Version: 3, Fields: fields, At: at,
	}
}

func mustSave(t *testing.T, s *Store, d desk.Draft) {
	t.Helper()
	if err := s.SaveDraft(t.Context(), d); err != nil {
		t.Fatal(err)
	}
}

func mustDraft(t *testing.T, s *Store, at desk.Place, person string) desk.Draft {
	t.Helper()
	d, ok, err := s.Draft(t.Context(), at, person)
	if err != nil || !ok {
		t.Fatalf("there is no draft: %v", err)
	}
	return d
}

func TestDraftsOutliveTheProcess(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		mine := edit("ann", noon, url.Values{"weight.v2": {"5"}, "event": {"a", "b"}, "이름": {"<img onerror>"}})
		other := mine
		other.Person, other.At, other.Form = "min", noon.Add(time.Minute), "timeout"
		mustSave(t, s, mine)
		mustSave(t, s, other)
		mine.Begun, other.Begun = mine.At, other.At // whatever the writer says
		mine.At = mine.At.Add(time.Hour)
		mustSave(t, s, mine)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, at)
		if diff := cmp.Diff(mine, mustDraft(t, s, mine.Place, "ann")); diff != "" {
			t.Error(diff)
		}
		if _, ok, err := s.Draft(t.Context(), other.Place, "ann"); ok || err != nil {
			t.Errorf("somebody has another's draft: %v", err)
		}
		others, err := s.Others(t.Context(), "m", mine.Object, "ann")
		if err != nil {
			t.Fatal(err)
		}
		other.Fields = nil
		if diff := cmp.Diff([]desk.Draft{other}, others); diff != "" {
			t.Error(diff)
		}
		if err := s.DropDraft(t.Context(), mine.Place, "ann"); err != nil {
			t.Fatal(err)
		}
		if err := s.DropDraft(t.Context(), mine.Place, "ann"); err != nil {
			t.Errorf("dropping nothing: %v", err)
		}
		if _, ok, _ := s.Draft(t.Context(), mine.Place, "ann"); ok {
			t.Error("a dropped draft is still there")
		}
		mustDraft(t, s, other.Place, "min")
	})
}

func TestDraftOfBeforeItsBeginningWasKept(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		d := edit("ann", noon, url.Values{"w": {"1"}})
		if err := s.writer.Draft.Create().SetMesh(d.Mesh).SetKind(string(d.Object.Kind)).SetName(d.Object.Name).SetForm(d.Form).SetPerson(d.Person).
			SetAuthor(d.Author).SetVersion(d.Version).SetFields([]byte("{}")).SetAt(d.At).Exec(t.Context()); err != nil {
			t.Fatal(err)
		}
		mustSave(t, s, edit("ann", noon.Add(time.Hour), url.Values{"w": {"2"}}))
		if got := mustDraft(t, s, d.Place, "ann"); !got.Begun.IsZero() || got.Fields.Get("w") != "2" {
			t.Errorf("the draft is %+v: nobody knows when it was begun", got)
		}
	})
}

func TestDraftIsNotOverwrittenUnseen(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		none := time.Time{}
		first := edit("ann", noon, url.Values{"w": {"1"}})
		first.Over = &none
		mustSave(t, s, first)
		kept := mustDraft(t, s, first.Place, "ann")

		blind := edit("ann", noon, url.Values{"w": {"2"}})
		blind.Over = &none
		if err := s.SaveDraft(t.Context(), blind); !errors.Is(err, desk.ErrOvertaken) || mesh.CodeOf(err) != mesh.Conflict {
			t.Fatalf("a second window destroyed the first one's draft: %v", err)
		}
		seen := blind
		seen.Over = &kept.At
		mustSave(t, s, seen)
		now := mustDraft(t, s, first.Place, "ann")
		if !now.At.After(kept.At) || now.Fields.Get("w") != "2" {
			t.Errorf("saved at the same moment, the draft became %+v after %+v", now, kept)
		}
		if err := s.SaveDraft(t.Context(), seen); !errors.Is(err, desk.ErrOvertaken) {
			t.Errorf("the same knowledge served twice: %v", err)
		}
		gone := seen
		gone.Over = &now.At
		if err := s.DropDraft(t.Context(), first.Place, "ann"); err != nil {
			t.Fatal(err)
		}
		if err := s.SaveDraft(t.Context(), gone); !errors.Is(err, desk.ErrOvertaken) {
			t.Errorf("a draft that was dropped elsewhere came back: %v", err)
		}
		gone.Over = nil
		mustSave(t, s, gone)
	})
}

func TestDraftsHaveLimits(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		large := edit("ann", noon, url.Values{"reason": {strings.Repeat("x", desk.MaxForm)}})
		if err := s.SaveDraft(t.Context(), large); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), strconv.Itoa(desk.MaxForm)) {
			t.Errorf("a draft of %d bytes: %v", desk.MaxForm, err)
		}
		for _, bad := range []func(*desk.Draft){
			func(d *desk.Draft) { d.Person = "" }, func(d *desk.Draft) { d.Mesh = "" }, func(d *desk.Draft) { d.Form = strings.Repeat("f", 2000) },
			func(d *desk.Draft) { d.Author = strings.Repeat("f", 2000) }, func(d *desk.Draft) { d.Version = -1 },
		} {
			d := edit("ann", noon, nil)
			bad(&d)
			if err := s.SaveDraft(t.Context(), d); mesh.CodeOf(err) != mesh.Invalid {
				t.Errorf("%+v: %v", d, err)
			}
		}
		old := edit("old", noon.Add(-desk.KeepFor-time.Hour), nil)
		recent := edit("recent", noon.Add(-desk.KeepFor+time.Hour), nil)
		mustSave(t, s, old)
		mustSave(t, s, recent)
		mustDraft(t, s, old.Place, "old")
		mustSave(t, s, edit("ann", noon, nil))
		if _, ok, _ := s.Draft(t.Context(), old.Place, "old"); ok {
			t.Error("a draft that nobody touched for longer than it is kept is still there")
		}
		mustDraft(t, s, recent.Place, "recent")
	})
}

func TestDraftsOfAMeshEndSomewhere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		tx, err := s.writer.Tx(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range desk.MaxDrafts {
			d := edit(strconv.Itoa(i), noon.Add(time.Duration(i)*time.Second), nil)
			if err := tx.Draft.Create().SetMesh("m").SetKind("route").SetName("r/a").SetForm("traffic").SetPerson(d.Person).SetAuthor("a").
				SetVersion(1).SetFields([]byte("{}")).SetAt(d.At).Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := tx.Commit(); err != nil {
			t.Fatal(err)
		}
		mustSave(t, s, edit("newest", noon.Add(24*time.Hour), nil))
		others, err := s.Others(t.Context(), "m", route("r/a"), "")
		if err != nil || len(others) != desk.MaxDrafts || others[0].Person != "newest" || others[len(others)-1].Person != "1" {
			t.Errorf("%d drafts, %v", len(others), err)
		}
	})
}

func TestDraftsOfManyAtOnce(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		var all sync.WaitGroup
		const people, savings = 8, 10
		errs := make(chan error, people*savings)
		for p := range people {
			all.Go(func() {
				for i := range savings {
					d := edit("p"+strconv.Itoa(p), noon.Add(time.Duration(i)*time.Second), url.Values{"w": {strconv.Itoa(i)}})
					errs <- s.SaveDraft(t.Context(), d)
					_, _, err := s.Draft(t.Context(), d.Place, d.Person)
					errs <- err
				}
			})
		}
		// Several windows of one person that all believe to be the first: one of them is.
		won := make(chan bool, people)
		for range people {
			all.Go(func() {
				d := edit("ann", noon, nil)
				d.Over = &time.Time{}
				err := s.SaveDraft(t.Context(), d)
				if err != nil && !errors.Is(err, desk.ErrOvertaken) {
					t.Error(err)
				}
				won <- err == nil
			})
		}
		go func() { all.Wait(); close(errs); close(won) }()
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		winners := 0
		for w := range won {
			if w {
				winners++
			}
		}
		if winners != 1 {
			t.Errorf("%d windows were the first", winners)
		}
		others, err := s.Others(t.Context(), "m", route("r/a"), "nobody")
		if err != nil || len(others) != people+1 {
			t.Errorf("%d drafts, %v", len(others), err)
		}
	})
}

func TestViews(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		view := desk.View{Mesh: "m", Name: "밤 당번 <b>", Query: "view=focus&focus=service%2Freviews&hide=unknown", Author: "ann", At: noon}
		first := desk.View{Mesh: "m", Name: "a", Author: "min", At: noon}
		for _, v := range []desk.View{view, first, {Mesh: "other", Name: "x", At: noon}} {
			if err := s.SaveView(t.Context(), v); err != nil {
				t.Fatal(err)
			}
		}
		view.Query, view.Author, view.At = "view=table", "min", noon.Add(time.Hour)
		if err := s.SaveView(t.Context(), view); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, at)
		got, err := s.Views(t.Context(), "m")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]desk.View{first, view}, got); diff != "" {
			t.Error(diff)
		}
		for range 2 {
			if err := s.DropView(t.Context(), "m", "a"); err != nil {
				t.Fatal(err)
			}
		}
		if got, _ := s.Views(t.Context(), "m"); len(got) != 1 {
			t.Errorf("%d views are left", len(got))
		}
	})
}

func TestViewsHaveLimits(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		for name, v := range map[string]desk.View{
			"no mesh": {Name: "a"}, "no name": {Mesh: "m", Name: "  "}, "no text": {Mesh: "m", Name: "\xff"},
			"a long name":  {Mesh: "m", Name: strings.Repeat("한", desk.MaxName+1)},
			"a long query": {Mesh: "m", Name: "a", Query: strings.Repeat("x", desk.MaxQuery+1)},
			"no query":     {Mesh: "m", Name: "a", Query: "a=%zz"},
		} {
			if err := s.SaveView(t.Context(), v); mesh.CodeOf(err) != mesh.Invalid {
				t.Errorf("%s: %v", name, err)
			}
		}
		for i := range desk.MaxViews {
			if err := s.SaveView(t.Context(), desk.View{Mesh: "m", Name: strconv.Itoa(i), At: noon}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.SaveView(t.Context(), desk.View{Mesh: "m", Name: "one more", At: noon}); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("view %d: %v", desk.MaxViews+1, err)
		}
		if err := s.SaveView(t.Context(), desk.View{Mesh: "m", Name: "7", Query: "view=table", At: noon}); err != nil {
			t.Errorf("an old one can still be changed: %v", err)
		}
	})
}

// saveForever keeps drafts and says of each that it is kept.
func saveForever(at string) error {
	ctx := context.Background()
	s, err := Open(ctx, options(at))
	if err != nil {
		return err
	}
	for i := 1; ; i++ {
		d := edit("ann", noon.Add(time.Duration(i)*time.Millisecond), url.Values{"n": {strconv.Itoa(i)}, "long": {strings.Repeat("d", 10_000)}})
		if err := s.SaveDraft(ctx, d); err != nil {
			return err
		}
		fmt.Println(i)
	}
}

func TestKillNineLosesNoDraft(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, at string) {
		for range 3 {
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), deskEnv+"="+at)
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			lines, last := bufio.NewScanner(out), 0
			for lines.Scan() {
				if last, err = strconv.Atoi(lines.Text()); err != nil {
					t.Fatal(lines.Text(), err)
				}
				if last == 7 {
					if err := child.Process.Kill(); err != nil {
						t.Fatal(err)
					}
				}
			}
			_, _ = io.Copy(io.Discard, out)
			_ = child.Wait()
			s := open(t, at)
			got, err := strconv.Atoi(mustDraft(t, s, edit("", noon, nil).Place, "ann").Fields.Get("n"))
			if err != nil || last < 7 || got < last || got > last+1 {
				t.Errorf("draft %d is there, %d was acknowledged: %v", got, last, err)
			}
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
		}
	})
}
