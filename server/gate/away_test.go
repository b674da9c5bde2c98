package gate_test

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/gate"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store"
)

// leaving is a database that counts who reads sessions, and can be out of reach.
type leaving struct {
	people.Store
	away  atomic.Bool
	reads atomic.Int64
}

func (l *leaving) Sessions(ctx context.Context, q people.SessionQuery) ([]people.Session, error) {
	l.reads.Add(1)
	if l.away.Load() {
		return nil, errors.New("connection refused")
	}
	return l.Store.Sessions(ctx, q)
}

// TestAway: while the database is out of reach nobody is taken for a stranger: it is said since when, until it is back.
func TestAway(t *testing.T) {
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	db := &leaving{Store: s}
	p, err := people.New(people.Options{Store: db, Logger: slog.New(slog.DiscardHandler), Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	kim, err := p.Directory.AddWithPassword(auth.With(t.Context(), auth.Open()), "kim", "a weir holds the river", []auth.Grant{{Role: auth.Operator}})
	if err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	began := now
	g := gate.New(gate.Options{Sessions: p.Sessions, Tokens: p.Tokens, Still: p.Still, Now: func() time.Time { return now }})
	ctx, err := g.Identify(request(t, nil))
	if err != nil {
		t.Fatal(err)
	}
	cookie, err := p.Sessions.Start(ctx, kim)
	if err != nil {
		t.Fatal(err)
	}
	asking := func() *http.Request {
		return request(t, func(r *http.Request) { r.AddCookie(&http.Cookie{Name: "weir_session", Value: cookie.Token}) })
	}
	before := db.reads.Load()
	if _, known := auth.From(g.Visit(asking())); known || db.reads.Load() != before {
		t.Error("what needs nobody reads the session")
	}
	db.away.Store(true)
	for range 2 { // since when is that of the first
		_, err := g.Identify(asking())
		away, ok := errors.AsType[auth.Away](err)
		if mesh.CodeOf(err) != mesh.Unavailable || !ok || !away.Since.Equal(began) || !strings.Contains(err.Error(), "2026-03-01T12:00:00Z") {
			t.Fatalf("%v", err)
		}
		now = now.Add(time.Minute)
	}
	if _, err := g.Identify(request(t, nil)); err != nil {
		t.Errorf("whoever shows nothing is nobody, whatever the database says: %v", err)
	}
	db.away.Store(false)
	ctx, err = g.Identify(asking())
	if id, ok := auth.From(ctx); !ok || id.ID != kim.ID || err != nil {
		t.Errorf("the sign-in is lost: %v", err)
	}
	db.away.Store(true)
	_, err = g.Identify(asking())
	if away, _ := errors.AsType[auth.Away](err); !away.Since.Equal(now) {
		t.Errorf("away since %v, want %v", away.Since, now)
	}
}
