package oidc_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/oidc"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store"
)

// world is a provider, and a Weir that trusts it.
type world struct {
	*people.People
	op   *provider
	oidc *oidc.Provider
	log  *text

	mu  sync.Mutex
	now time.Time
}

// text holds what was logged.
type text struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *text) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *text) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// empty is a database with its schema and nothing in it: making one takes longer than the tests that begin with it.
var empty = sync.OnceValue(func() []byte {
	dir, err := os.MkdirTemp("", "weir-oidc")
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

// newWorld makes one. change, which may be nil, changes the options of Weir's side.
func newWorld(t testing.TB, change func(*oidc.Options)) *world {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "weir.db"), empty(), 0o600); err != nil {
		t.Fatal(err)
	}
	w := &world{op: newProvider(t, shared()), now: time.Now(), log: &text{}}
	logger := slog.New(slog.NewTextHandler(w.log, nil))
	s, err := store.Open(t.Context(), store.Options{Dir: dir, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if w.People, err = people.New(people.Options{Store: s, Logger: logger, Key: []byte(strings.Repeat("k", 32)), Now: w.clock}); err != nil {
		t.Fatal(err)
	}
	w.again(t, change)
	return w
}

// again is Weir with other options, or one that has not asked its provider yet.
func (w *world) again(t testing.TB, change func(*oidc.Options)) {
	t.Helper()
	o := oidc.Options{
		Issuer: w.op.issuer, ClientID: clientID, SecretFile: secretFile(t, secret+"\n"), PublicURL: public + "/",
		Roles:     map[string][]auth.Grant{"weir-admins": {{Role: auth.Admin}}, "shop-team": {{Role: auth.Operator, Mesh: "shop"}, {Role: auth.Viewer}}},
		Directory: w.Directory, Sessions: w.Sessions, Audit: w.Audit, Logger: slog.New(slog.NewTextHandler(w.log, nil)), Now: w.clock, Timeout: time.Minute,
	}
	if change != nil {
		change(&o)
	}
	var err error
	if w.oidc, err = oidc.New(o); err != nil {
		t.Fatal(err)
	}
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

// browser is somebody's: it holds Weir's cookie, and the provider's.
type browser struct {
	w      *world
	cookie people.Cookie
	client *http.Client
}

func (w *world) browser(t testing.TB) *browser {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	return &browser{w: w, client: &http.Client{
		Jar: jar, Transport: transport, Timeout: time.Minute,
		CheckRedirect: func(next *http.Request, _ []*http.Request) error {
			if strings.HasPrefix(next.URL.String(), public) {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}}
}

// ask is the context of a request of the browser.
func (b *browser) ask(t testing.TB) context.Context {
	t.Helper()
	ctx := people.WithVisit(t.Context(), people.Visit{Address: "192.0.2.7", Agent: "Firefox"})
	ctx, err := b.w.Sessions.Load(ctx, b.cookie.Token)
	if err != nil {
		t.Fatal(err)
	}
	return ctx
}

// begin asks Weir where to go.
func (b *browser) begin(t testing.TB, next string) string {
	t.Helper()
	to, cookie, err := b.w.oidc.Begin(b.ask(t), next)
	if err != nil {
		t.Fatal(err)
	}
	b.cookie = cookie
	return to
}

var loginForm = regexp.MustCompile(`name="id" value="([^"]+)"`)

// login goes to the provider, types a name and a password there, and gives the query that it is sent back with.
func (b *browser) login(t testing.TB, to, user string) url.Values {
	t.Helper()
	page, err := b.client.Get(to)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(page.Body)
	_ = page.Body.Close()
	id := loginForm.FindSubmatch(body)
	if err != nil || id == nil {
		t.Fatalf("no form at %s: %s %v", page.Request.URL, body, err)
	}
	answer, err := b.client.PostForm(page.Request.URL.String(), url.Values{"id": {string(id[1])}, "username": {user}, "password": {password}})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	back, err := answer.Location()
	if err != nil || !strings.HasPrefix(back.String(), public+oidc.CallbackPath+"?") {
		t.Fatalf("%s is sent to %s %v", user, back, err)
	}
	return back.Query()
}

// finish shows Weir the answer.
func (b *browser) finish(t testing.TB, query url.Values) (people.Person, string, error) {
	t.Helper()
	who, cookie, next, err := b.w.oidc.Finish(b.ask(t), query)
	if err == nil {
		b.cookie = cookie
	}
	return who, next, err
}

// signIn goes all the way.
func (b *browser) signIn(t testing.TB, user, next string) (people.Person, string, error) {
	t.Helper()
	return b.finish(t, b.login(t, b.begin(t, next), user))
}

// name is who is signed in in the browser; empty: nobody.
func (b *browser) name(t testing.TB) string {
	t.Helper()
	id, _ := auth.From(b.ask(t))
	return id.Name
}

// refused checks that nobody got in, and that people are told why.
func (b *browser) refused(t testing.TB, err error, code mesh.Code, words string) {
	t.Helper()
	if mesh.CodeOf(err) != code || !strings.Contains(err.Error(), words) {
		t.Errorf("%v (%s), want %s and %q", err, mesh.CodeOf(err), code, words)
	}
	if name := b.name(t); name != "" {
		t.Errorf("%s is signed in", name)
	}
}

// recorded tells whether the security log has an entry with a note.
func (w *world) recorded(event people.Event, note string) bool {
	for _, e := range w.Audit.Recent() {
		if e.Event == event && strings.Contains(e.Note, note) {
			return true
		}
	}
	return false
}
