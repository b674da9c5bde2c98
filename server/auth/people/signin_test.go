package people_test

import (
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth/password"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// TestNobodyIsToldApart: whoever guesses names learns nothing, by words or by the work that is done.
func TestNobodyIsToldApart(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	kim := w.add(t, "kim", "viewer")
	gone := w.add(t, "gone", "viewer")
	if _, err := w.Directory.Disable(root(t), gone.ID); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.Directory.Add(root(t), "invited", nil); err != nil {
		t.Fatal(err)
	}
	words := map[string]bool{}
	for _, c := range []struct{ name, pass string }{
		{"kim", other},
		{"nobody", good},
		{"gone", good},
		{"gone", other},
		{"invited", ""},
		{"", ""},
		{"<img>", good},
		{"kim", strings.Repeat("x", 1<<20)},
		{strings.Repeat("k", 10_000), good},
		{"kim\x00", good},
	} {
		before := w.hasher.Runs()
		_, err := w.Directory.SignIn(t.Context(), c.name, c.pass)
		wants(t, err, mesh.Unauthenticated)
		words[err.Error()] = true
		if n := w.hasher.Runs() - before; n != 1 {
			t.Errorf("%.20q costs %d hashes", c.name, n)
		}
	}
	if len(words) != 1 {
		t.Errorf("%v", words)
	}
	if p, err := w.Directory.SignIn(t.Context(), " KIM ", good); err != nil || p.ID != kim.ID || p.Seen.IsZero() {
		t.Errorf("%+v, %v", p, err)
	}
	text := w.log.String()
	if strings.Contains(text, good) || strings.Contains(text, other) || strings.Contains(text, "argon2id") {
		t.Error("secrets are logged")
	}
	if strings.Contains(text, strings.Repeat("k", 100)) {
		t.Error("a name of 10,000 letters is logged whole")
	}
}

func TestFloodIsRefusedNotQueued(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	ctx := people.WithVisit(t.Context(), people.Visit{Address: "192.0.2.9"})
	for range 3 {
		_, err := w.Directory.SignIn(ctx, "boss", other)
		wants(t, err, mesh.Unauthenticated)
	}
	var wg sync.WaitGroup
	var mu sync.Mutex
	codes := map[mesh.Code]int{}
	for range 50 {
		wg.Go(func() {
			_, err := w.Directory.SignIn(ctx, "boss", other)
			if after, ok := people.RetryAfter(err); mesh.CodeOf(err) == mesh.TooMany && (!ok || after < time.Second) {
				t.Errorf("%v: after %s", err, after)
			}
			mu.Lock()
			defer mu.Unlock()
			codes[mesh.CodeOf(err)]++
		})
	}
	wg.Wait()
	if codes[mesh.Unauthenticated] < 1 || codes[mesh.TooMany] < 40 || codes[mesh.Unauthenticated]+codes[mesh.TooMany] != 50 {
		t.Errorf("%v", codes)
	}
	if _, err := w.Directory.SignIn(people.WithVisit(t.Context(), people.Visit{Address: "192.0.2.10"}), "boss", good); err != nil {
		t.Errorf("from elsewhere: %v", err)
	}
	if _, err := w.Directory.SignIn(ctx, "boss", good); err != nil {
		t.Errorf("the right password after failures: %v", err)
	}
}

func TestRehash(t *testing.T) {
	w := newWorld(t)
	kim := w.add(t, "kim", "admin")
	dearer := password.New(password.Params{Memory: 128, Passes: 1, Lanes: 1}, 1, time.Minute)
	next, err := people.New(people.Options{Store: w.store, Logger: slog.New(slog.DiscardHandler), Key: make([]byte, 32), Hasher: dearer})
	if err != nil {
		t.Fatal(err)
	}
	hash := func() string { return string(must[people.Person](t)(w.store.Person(t.Context(), kim.ID)).Hash) }
	before := hash()
	if _, err := next.Directory.SignIn(t.Context(), "kim", good); err != nil {
		t.Fatal(err)
	}
	after := hash()
	if after == before || !strings.Contains(after, "m=128,") {
		t.Error("the hash is of the old cost")
	}
	if _, err := next.Directory.SignIn(t.Context(), "kim", good); err != nil || hash() != after {
		t.Errorf("again: %v", err)
	}
}

func TestChangePassword(t *testing.T) {
	w := newWorld(t)
	kim := w.add(t, "kim", "admin")
	ctx := as(t, kim)
	wants(t, w.Directory.ChangePassword(ctx, other, other), mesh.Unauthenticated)
	wants(t, w.Directory.ChangePassword(ctx, good, "short"), mesh.Invalid)
	wants(t, w.Directory.ChangePassword(t.Context(), good, other), mesh.Denied)
	wants(t, w.Directory.ChangePassword(ctx, good, other), "")
	_, err := w.Directory.SignIn(ctx, "kim", good)
	wants(t, err, mesh.Unauthenticated)
	if _, err := w.Directory.SignIn(ctx, "kim", other); err != nil {
		t.Error(err)
	}
}

func TestProvider(t *testing.T) {
	w := newWorld(t)
	w.add(t, "boss", "admin")
	claim := people.Claim{Issuer: "https://id.example.com", Subject: "u-1", Name: "lee@example.com", Grants: grants(t, "operator@shop")}
	p, err := w.Directory.Recognise(t.Context(), claim)
	if err != nil || p.Name != claim.Name || p.Invited() {
		t.Fatalf("%+v, %v", p, err)
	}
	claim.Name, claim.Grants = "Lee@example.com", grants(t, "viewer")
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			again, err := w.Directory.Recognise(t.Context(), claim)
			if err != nil || again.ID != p.ID || again.Grants[0].Role != "viewer" {
				t.Errorf("%+v, %v", again, err)
			}
		})
	}
	wg.Wait()
	_, err = w.Directory.Recognise(t.Context(), people.Claim{Issuer: claim.Issuer, Subject: "u-2", Name: "BOSS"})
	wants(t, err, mesh.Conflict) // nobody becomes somebody by their name
	_, err = w.Directory.Recognise(t.Context(), people.Claim{Issuer: claim.Issuer, Subject: "", Name: "x"})
	wants(t, err, mesh.Invalid)
	_, err = w.Directory.SignIn(t.Context(), claim.Name, "")
	wants(t, err, mesh.Unauthenticated)
	_, err = w.Directory.Invite(root(t), p.ID)
	wants(t, err, mesh.Conflict)
	wants(t, w.Directory.ChangePassword(as(t, p), "", other), mesh.Denied)
	if _, err := w.Directory.Disable(root(t), p.ID); err != nil {
		t.Fatal(err)
	}
	_, err = w.Directory.Recognise(t.Context(), claim)
	wants(t, err, mesh.Unauthenticated)
}
