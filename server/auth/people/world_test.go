package people_test

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/password"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	good  = "otter lamp kayak tin"
	other = "violin moss quartz pond"
)

// world is everything about people on a database of its own, with a clock that tests turn.
type world struct {
	*people.People
	store  *store.Store
	hasher *password.Hasher
	log    *log

	mu  sync.Mutex
	now time.Time
}

// log holds what was logged.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func newWorld(t *testing.T) *world {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weir.db"), empty(), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{store: s, now: time.Now(), log: &log{}}
	w.hasher = password.New(password.Params{Memory: 64, Passes: 1, Lanes: 1}, 4, time.Minute)
	w.People = w.replica(t)
	return w
}

// empty is a database with its schema and nothing in it: making one takes longer than the tests that begin with it.
var empty = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "weir-people")
	if err != nil {
		panic(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	s, err := store.Open(context.Background(), store.Options{Dir: dir, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	if err := s.Close(); err != nil {
		panic(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "weir.db"))
	if err != nil {
		panic(err)
	}
	return data
})

// replica is another Weir on the same database.
func (w *world) replica(t *testing.T) *people.People {
	t.Helper()
	p, err := people.New(people.Options{
		Store: w.store, Logger: slog.New(slog.NewTextHandler(w.log, nil)), Key: []byte(strings.Repeat("k", 32)), Hasher: w.hasher, Now: w.clock,
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) later(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// root is a context that may do everything.
func root(t testing.TB) context.Context { return auth.With(t.Context(), auth.Itself("weir")) }

// as is a context that names a person.
func as(t testing.TB, p people.Person) context.Context {
	return people.WithVisit(auth.With(t.Context(), p.Identity()), people.Visit{Address: "192.0.2.1", Agent: "Firefox"})
}

func grants(t testing.TB, list string) []auth.Grant {
	t.Helper()
	var out []auth.Grant
	for _, s := range strings.Fields(list) {
		g, err := auth.ParseGrant(s)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, g)
	}
	return out
}

func (w *world) add(t testing.TB, name, may string) people.Person {
	t.Helper()
	p, err := w.Directory.AddWithPassword(root(t), name, good, grants(t, may))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wants(t testing.TB, err error, code mesh.Code) {
	t.Helper()
	if mesh.CodeOf(err) != code {
		t.Errorf("%v: %q, want %q", err, mesh.CodeOf(err), code)
	}
}

func must[T any](t testing.TB) func(T, error) T {
	t.Helper()
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
