package change_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store"
	"github.com/weirmesh/weir/server/store/postgrestest"
)

// as is a context of somebody with a role.
func as(t *testing.T, name string, role auth.Role) context.Context {
	t.Helper()
	return auth.With(t.Context(), auth.Identity{Kind: auth.Person, ID: "id-" + name, Person: "id-" + name, Name: name, Grants: []auth.Grant{{Role: role}}})
}

// two is a mesh that asks for a second person, and a clock.
type two struct {
	*change.Door
	store *store.Store
	now   time.Time
}

// steers is the rule of rights that the server sets, without names: operators change what is in a mesh.
func steers(ctx context.Context, _ mesh.Mesh, edits []change.Edit) error {
	for _, e := range edits {
		if err := auth.Can(ctx, auth.Steer, auth.Resource{Mesh: "m", Of: e.Ref}); err != nil {
			return err
		}
	}
	return nil
}

// knocks tells who asks, as the server does.
func knocks(ctx context.Context) change.Whoever {
	id, _ := auth.From(ctx)
	return change.Whoever{Person: id.Person, Name: id.Name, Overrides: func(name string) error {
		return auth.Can(ctx, auth.Govern, auth.Resource{Mesh: name})
	}}
}

// newTwo opens a door on a store and makes mesh m there, which asks for a second person.
func newTwo(t *testing.T, o store.Options) *two {
	t.Helper()
	o.Logger = slog.New(slog.DiscardHandler)
	s, err := store.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := &two{store: s, now: time.Now()}
	w.Door = w.another(t)
	made := sample()
	made.Put[0] = mesh.Settings{Name: "m", Approval: mesh.ApprovalRequired}
	if _, err := w.Propose(as(t, "root", auth.Admin), change.Proposal{Mesh: "m", Author: "root", Patch: made}); err != nil {
		t.Fatal(err)
	}
	return w
}

// another is a second door on the same store, as another replica has.
func (w *two) another(t *testing.T) *change.Door {
	t.Helper()
	d, err := change.New(change.Options{
		Store: w.store, Approvals: w.store, Provider: newProvider("a"), Allow: steers, Logger: slog.New(slog.DiscardHandler),
		Now: func() time.Time { return w.now }, Who: knocks,
	})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ask proposes as somebody and gives what waits.
func (w *two) ask(t *testing.T, name string, p change.Proposal) change.Approval {
	t.Helper()
	p.Author = name
	c, err := w.Propose(as(t, name, auth.Operator), p)
	waits, held := change.HeldBack(err)
	if !held || c.ID != "" || waits.State != change.Waiting || waits.Waits == nil {
		t.Fatalf("%+v, %v: it does not wait", c, err)
	}
	return *waits.Waits
}

func code(t *testing.T, err error, want mesh.Code, words ...string) {
	t.Helper()
	if mesh.CodeOf(err) != want {
		t.Errorf("code %q, want %q: %v", mesh.CodeOf(err), want, err)
		return
	}
	for _, w := range words {
		if !strings.Contains(err.Error(), w) {
			t.Errorf("%q does not say %q", err, w)
		}
	}
}

func (w *two) revision(t *testing.T) int64 {
	t.Helper()
	m, err := w.Mesh("m")
	if err != nil {
		t.Fatal(err)
	}
	return m.Revision
}

// onBoth runs a test on SQLite and on PostgreSQL.
func onBoth(t *testing.T, do func(t *testing.T, w *two)) {
	t.Helper()
	t.Run("sqlite", func(t *testing.T) { do(t, newTwo(t, store.Options{Dir: t.TempDir()})) })
	t.Run("postgres", func(t *testing.T) {
		server, err := postgrestest.Start(postgrestest.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Close() })
		do(t, newTwo(t, store.Options{DatabaseURL: server.Database(t, "")}))
	})
}

// TestSecondPerson takes a change the whole way: nothing happens by one person alone, whoever they are; another one lets it
// through, and the entry says both names and is chained.
func TestSecondPerson(t *testing.T) {
	onBoth(t, func(t *testing.T, w *two) {
		a := w.ask(t, "ann", put(weights(50, 50)))
		if again := w.ask(t, "ann", put(weights(50, 50))); again.ID != a.ID {
			t.Errorf("asked twice, it waits twice: %s and %s", a.ID, again.ID)
		}
		if w.revision(t) != 1 {
			t.Fatal("something happened before anybody approved")
		}
		ann, bob := as(t, "ann", auth.Operator), as(t, "bob", auth.Operator)
		_, err := w.Approve(ann, a.ID, change.By{})
		code(t, err, mesh.Denied, "your own")
		token := auth.Identity{Kind: auth.Token, ID: "t1", Person: "id-ann", Name: "ann/ci", Grants: []auth.Grant{{Role: auth.Admin}}}
		_, err = w.Approve(auth.With(t.Context(), token), a.ID, change.By{})
		code(t, err, mesh.Denied, "your own")
		_, err = w.Approve(auth.With(t.Context(), auth.Open()), a.ID, change.By{})
		code(t, err, mesh.Denied, "is none")
		_, err = w.Approve(auth.With(t.Context(), auth.Itself("deadline")), a.ID, change.By{})
		code(t, err, mesh.Denied, "is none")
		_, err = w.Approve(as(t, "eve", auth.Viewer), a.ID, change.By{})
		code(t, err, mesh.Denied, "eve is not operator")
		if w.revision(t) != 1 {
			t.Fatal("somebody slipped past")
		}
		dry, err := w.Approve(ann, a.ID, change.By{DryRun: true})
		if err != nil || dry.Diff != a.Diff || !dry.DryRun {
			t.Errorf("what would happen: %+v, %v", dry, err)
		}
		c, err := w.Approve(bob, strings.ToUpper(a.ID), change.By{})
		if err != nil || c.Author != "ann" || c.ApprovedBy != "bob" || c.ID == "" {
			t.Fatalf("%+v, %v", c, err)
		}
		_, err = w.Approve(bob, a.ID, change.By{})
		code(t, err, mesh.Conflict, "approved by bob", c.ID)
		now, err := w.Approval(t.Context(), a.ID)
		if err != nil || now.State != change.ApprovalApproved || now.Change != c.ID || now.DecidedBy != "bob" {
			t.Errorf("%+v, %v", now, err)
		}
		v, err := w.Verify(t.Context(), "m")
		if err != nil || !v.OK || v.Chained != 2 {
			t.Errorf("the chain: %+v, %v", v, err)
		}
		if kept, err := w.Change(t.Context(), c.ID); err != nil || kept.ApprovedBy != "bob" {
			t.Errorf("in the ledger: %+v, %v", kept, err)
		}
	})
}

// TestTwoDeciders lets two people decide on two replicas at once: one of them wins, and the other is told so.
func TestTwoDeciders(t *testing.T) {
	onBoth(t, func(t *testing.T, w *two) {
		a := w.ask(t, "ann", put(weights(50, 50)))
		other := w.another(t)
		var wait sync.WaitGroup
		errs := make([]error, 2)
		bob, cem := as(t, "bob", auth.Operator), as(t, "cem", auth.Operator)
		wait.Go(func() { _, errs[0] = w.Approve(bob, a.ID, change.By{}) })
		wait.Go(func() { _, errs[1] = other.Decline(cem, a.ID, change.By{Reason: "not tonight"}) })
		wait.Wait()
		if (errs[0] == nil) == (errs[1] == nil) {
			t.Fatalf("both or none won: %v, %v", errs[0], errs[1])
		}
		lost := errors.Join(errs...)
		if !errors.Is(lost, change.ErrDecided) {
			t.Errorf("the other was told %v", lost)
		}
		now, err := other.Approval(t.Context(), a.ID)
		if err != nil || (now.State == change.ApprovalApproved) != (errs[0] == nil) {
			t.Errorf("%+v, %v", now, err)
		}
	})
}
