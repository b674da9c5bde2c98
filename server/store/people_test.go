package store

import (
	"errors"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// person is one as they are recorded first.
func person(id, name string) people.Person {
	return people.Person{ID: id, Name: name, Hash: "$argon2id$x", Grants: []auth.Grant{{Role: auth.Admin}}, At: noon, Version: 1}
}

func wantCode(t *testing.T, err error, code mesh.Code) {
	t.Helper()
	if mesh.CodeOf(err) != code {
		t.Errorf("%v: %q, want %q", err, mesh.CodeOf(err), code)
	}
}

func TestPeople(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		kim, lee := person("01", "Kim"), person("02", "지영")
		lee.Hash, lee.Issuer, lee.Subject, lee.Grants, lee.Seen = "", "https://id", "u-1", []auth.Grant{{Role: auth.Operator, Mesh: "shop", Name: "reviews*"}}, noon
		for _, p := range []people.Person{kim, lee} {
			wantCode(t, s.AddPerson(t.Context(), p, nil), "")
		}
		wantCode(t, s.AddPerson(t.Context(), person("03", "KIM"), nil), mesh.Conflict)
		same := person("04", "other")
		same.Issuer, same.Subject = lee.Issuer, lee.Subject
		wantCode(t, s.AddPerson(t.Context(), same, nil), mesh.Conflict)
		got, err := s.PersonOf(t.Context(), "https://id", "u-1")
		if diff := cmp.Diff(lee, got); diff != "" || err != nil {
			t.Error(diff, err)
		}
		if got, err := s.PersonNamed(t.Context(), "kim"); err != nil || got.ID != "01" || got.Hash != kim.Hash {
			t.Errorf("%+v, %v", got, err)
		}
		for _, read := range []func() (people.Person, error){
			func() (people.Person, error) { return s.Person(t.Context(), "09") },
			func() (people.Person, error) { return s.PersonNamed(t.Context(), "nobody") },
			func() (people.Person, error) { return s.PersonOf(t.Context(), "https://id", "u-2") },
		} {
			_, err := read()
			wantCode(t, err, mesh.NotFound)
		}
		wantCode(t, s.ChangePerson(t.Context(), kim, nil), mesh.Conflict) // version 0 is not recorded
		kim.Version, kim.Disabled = 2, true
		no := errors.New("no")
		if err := s.ChangePerson(t.Context(), kim, func(all []people.Person) error {
			if len(all) != 2 || !all[slices.IndexFunc(all, func(p people.Person) bool { return p.ID == "01" })].Disabled {
				t.Errorf("%+v", all)
			}
			return no
		}); err == nil {
			t.Error("it was kept in spite of the answer")
		}
		if got, _ := s.Person(t.Context(), "01"); got.Disabled || got.Version != 1 {
			t.Errorf("%+v", got)
		}
		wantCode(t, s.ChangePerson(t.Context(), kim, nil), "")
		kim.Seen = noon.Add(time.Hour)
		wantCode(t, s.SignedIn(t.Context(), kim, "$argon2id$y"), "")
		wantCode(t, s.SignedIn(t.Context(), kim, "$argon2id$z"), "") // of a hash that is not recorded any more
		if got, _ := s.Person(t.Context(), "01"); got.Hash != "$argon2id$y" || !got.Seen.Equal(kim.Seen) || got.Version != 2 {
			t.Errorf("%+v %q", got, string(got.Hash))
		}
		wantCode(t, s.RemovePerson(t.Context(), person("09", "x"), "kim", noon, nil), mesh.NotFound)
	})
}

func TestFirstPersonIsOne(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		link := people.Token{ID: "start", Kind: people.KindSetup, Hash: []byte("h"), At: noon, Expires: noon.Add(time.Hour)}
		wantCode(t, s.KeepLink(t.Context(), link), "")
		wantCode(t, s.KeepLink(t.Context(), link), "") // in place of the first
		wantCode(t, s.FirstPerson(t.Context(), person("01", "kim"), []byte("other")), mesh.Unauthenticated)
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 6 {
			hash := []byte("h")
			if i == 0 {
				hash = nil
			}
			wg.Go(func() {
				switch err := s.FirstPerson(t.Context(), person(strconv.Itoa(i), "kim"+strconv.Itoa(i)), hash); mesh.CodeOf(err) {
				case "":
					won.Add(1)
				case mesh.Conflict, mesh.Unauthenticated:
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		list, err := s.Persons(t.Context())
		if won.Load() != 1 || len(list) != 1 || err != nil {
			t.Errorf("%d won, there are %d people: %v", won.Load(), len(list), err)
		}
	})
}

func TestTokensAreKept(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		token := func(id string, kind people.TokenKind) people.Token {
			return people.Token{
				ID: id, Kind: kind, Hash: []byte{0, 1, 255}, Sealed: []byte{2}, Name: "for <b>", Owner: "01", Grants: []auth.Grant{{Role: auth.Viewer, Mesh: "shop"}},
				Mesh: "shop", Node: "node/a", At: noon, Expires: noon.Add(time.Hour),
			}
		}
		for _, next := range []people.Token{token("a1", people.KindAPI), token("a2", people.KindKey), token("a3", people.KindProxy)} {
			wantCode(t, s.AddToken(t.Context(), next, 1), "")
			again := next
			again.ID += "x"
			wantCode(t, s.AddToken(t.Context(), again, 1), mesh.Conflict)
			got, err := s.Token(t.Context(), next.ID)
			if diff := cmp.Diff(next, got); diff != "" || err != nil {
				t.Error(diff, err)
			}
		}
		late := token("a4", people.KindAPI)
		late.At, late.Expires = noon.Add(2*time.Hour), time.Time{}
		wantCode(t, s.AddToken(t.Context(), late, 1), "") // the first one is over
		list, err := s.Tokens(t.Context(), people.TokenQuery{Kinds: []people.TokenKind{people.KindAPI, people.KindKey}, Owner: "01"})
		if err != nil || len(list) != 3 || list[0].ID != "a4" {
			t.Errorf("%+v, %v", list, err)
		}
		for _, used := range []time.Time{noon.Add(time.Minute), noon} {
			wantCode(t, s.UsedTokens(t.Context(), map[string]time.Time{"a4": used, "gone": used}), "")
		}
		if n, err := s.RevokeTokens(t.Context(), people.TokenQuery{ID: "a4"}, "kim", noon); n != 1 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if n, err := s.RevokeTokens(t.Context(), people.TokenQuery{ID: "a4"}, "lee", noon); n != 0 || err != nil {
			t.Errorf("%d, %v", n, err)
		}
		if got, _ := s.Token(t.Context(), "a4"); !got.Used.Equal(noon.Add(time.Minute)) || got.RevokedBy != "kim" {
			t.Errorf("%+v", got)
		}
		wantCode(t, s.AddPerson(t.Context(), person("01", "kim"), nil), "")
		wantCode(t, s.RemovePerson(t.Context(), person("01", "kim"), "boss", noon, nil), "")
		if a1, _ := s.Token(t.Context(), "a1"); a1.RevokedBy != "boss" {
			t.Errorf("%+v", a1)
		}
		if a3, _ := s.Token(t.Context(), "a3"); !a3.Revoked.IsZero() {
			t.Errorf("a proxy's token went with who minted it: %+v", a3)
		}
		wantCode(t, s.DropTokens(t.Context(), noon.Add(time.Second)), "")
		if list, err := s.Tokens(t.Context(), people.TokenQuery{}); err != nil || len(list) != 1 || list[0].ID != "a3" {
			t.Errorf("%+v, %v", list, err)
		}
	})
}

func TestLinkIsUsedOnce(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		kim := person("01", "kim")
		wantCode(t, s.AddPerson(t.Context(), kim, nil), "")
		link := people.Token{ID: "l1", Kind: people.KindInvite, Hash: []byte("h"), Owner: "01", At: noon, Expires: noon.Add(time.Hour)}
		wantCode(t, s.KeepLink(t.Context(), link), "")
		link.ID, link.Used = "l2", noon
		wantCode(t, s.KeepLink(t.Context(), link), "")
		_, err := s.Token(t.Context(), "l1")
		wantCode(t, err, mesh.NotFound)
		kim.Version = 3
		wantCode(t, s.UseLink(t.Context(), link, kim), mesh.Conflict) // and the link is as good as before
		kim.Version, kim.Hash = 2, "$argon2id$new"
		wantCode(t, s.UseLink(t.Context(), link, kim), "")
		kim.Version = 3
		wantCode(t, s.UseLink(t.Context(), link, kim), mesh.Unauthenticated)
		if got, _ := s.Person(t.Context(), "01"); got.Hash != "$argon2id$new" || got.Version != 2 {
			t.Errorf("%+v", got)
		}
	})
}

func TestSessionsAreKept(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		session := func(name, person string, seen time.Time) people.Session {
			return people.Session{Hash: "h" + name, Name: name, Person: person, Data: []byte{0, 255}, Expires: seen.Add(time.Hour), At: noon, Seen: seen, Agent: "Firefox 🦊", Address: "::1"}
		}
		for i, name := range []string{"a", "b", "c", "d"} {
			wantCode(t, s.AddSession(t.Context(), session(name, "01", noon.Add(time.Duration(i)*time.Minute)), 3), "")
		}
		wantCode(t, s.AddSession(t.Context(), session("x", "", noon), 3), "")
		list, err := s.Sessions(t.Context(), people.SessionQuery{Person: "01"})
		if err != nil || len(list) != 3 || list[0].Name != "d" || list[2].Name != "b" {
			t.Fatalf("%+v, %v", list, err)
		}
		if diff := cmp.Diff(session("d", "01", noon.Add(3*time.Minute)), list[0]); diff != "" {
			t.Error(diff)
		}
		moved := session("b", "01", noon.Add(time.Hour))
		if there, err := s.KeepSession(t.Context(), moved); !there || err != nil {
			t.Errorf("%v, %v", there, err)
		}
		if there, err := s.KeepSession(t.Context(), session("a", "01", noon)); there || err != nil {
			t.Errorf("a session that ended is kept: %v, %v", there, err)
		}
		for _, end := range []struct {
			q people.SessionQuery
			n int
		}{
			{people.SessionQuery{}, 0},
			{people.SessionQuery{Except: "b"}, 0},
			{people.SessionQuery{Before: noon.Add(time.Hour)}, 0},
			{people.SessionQuery{Before: noon.Add(time.Hour + time.Second)}, 1},
			{people.SessionQuery{Person: "01", Except: "b"}, 2},
			{people.SessionQuery{Hash: "hb"}, 1},
		} {
			if n, err := s.EndSessions(t.Context(), end.q); n != end.n || err != nil {
				t.Errorf("%+v ends %d, %v", end.q, n, err)
			}
		}
	})
}
