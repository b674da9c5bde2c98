package gate_test

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/gate"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store"
)

// house is a Weir's people, with kim, who is an operator.
func house(t *testing.T) (*people.People, people.Person) {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	p, err := people.New(people.Options{Store: s, Logger: slog.New(slog.DiscardHandler), Key: make([]byte, 32)})
	if err != nil {
		t.Fatal(err)
	}
	kim, err := p.Directory.AddWithPassword(auth.With(t.Context(), auth.Open()), "kim", "a weir holds the river", []auth.Grant{{Role: auth.Operator}})
	if err != nil {
		t.Fatal(err)
	}
	return p, kim
}

func request(t *testing.T, set func(r *http.Request)) *http.Request {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://weir.example/", nil)
	r.RemoteAddr = "192.0.2.7:4711"
	if set != nil {
		set(r)
	}
	return r
}

func at(p *people.People, trusted ...string) *gate.Gate {
	o := gate.Options{Sessions: p.Sessions, Tokens: p.Tokens, Still: p.Still}
	for _, s := range trusted {
		o.Trusted = append(o.Trusted, netip.MustParsePrefix(s))
	}
	return gate.New(o)
}

func TestIdentify(t *testing.T) {
	p, kim := house(t)
	g := at(p)
	in := auth.With(t.Context(), kim.Identity())
	minted, err := p.Tokens.Mint(in, people.Wish{Name: "ci", Grants: []auth.Grant{{Role: auth.Viewer}}})
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := g.Identify(request(t, nil))
	if _, ok := auth.From(nobody); ok || err != nil {
		t.Errorf("a request that shows nothing is of somebody, %v", err)
	}
	bearer := func(values ...string) *http.Request {
		return request(t, func(r *http.Request) { r.Header["Authorization"] = values })
	}
	ctx, err := g.Identify(bearer("bearer " + minted.Secret))
	if id, ok := auth.From(ctx); !ok || err != nil || id.Kind != auth.Token || id.Can(auth.Steer, auth.Resource{Mesh: "shop"}) == nil {
		t.Errorf("by a token: %+v, %v", id, err)
	}
	if err := auth.Still(ctx, auth.See, auth.Resource{Mesh: "shop"}); err != nil {
		t.Error(err)
	}
	for _, wrong := range [][]string{{minted.Secret}, {"Basic a2ltOng="}, {"Bearer"}, {"Bearer "}, {"Bearer x"}, {"Bearer " + minted.Secret + "x"}, {"Bearer " + minted.Secret, "Bearer " + minted.Secret}} {
		ctx, err := g.Identify(bearer(wrong...))
		if _, ok := auth.From(ctx); ok || mesh.CodeOf(err) != mesh.Unauthenticated || strings.Contains(err.Error(), "a2ltOng") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if err := p.Tokens.Revoke(in, minted.ID); err != nil {
		t.Fatal(err)
	}
	if err := auth.Still(ctx, auth.See, auth.Resource{Mesh: "shop"}); mesh.CodeOf(err) != mesh.Unauthenticated {
		t.Errorf("still there after its token was revoked: %v", err)
	}
}

// TestCookie signs in, is known by the cookie, and is not by a forged one or one of another connection's kind.
func TestCookie(t *testing.T) {
	p, kim := house(t)
	g := at(p, "10.0.0.0/8")
	encrypted := func(r *http.Request) {
		r.RemoteAddr = "10.1.2.3:99"
		r.Header.Set("X-Forwarded-Proto", "https")
	}
	for _, c := range []struct {
		name, cookie string
		set          func(r *http.Request)
		secure       bool
	}{{"plain", "weir_session", func(*http.Request) {}, false}, {"encrypted", "__Host-weir", encrypted, true}} {
		r := request(t, c.set)
		ctx, err := g.Identify(r)
		if err != nil {
			t.Fatal(err)
		}
		session, err := p.Sessions.Start(ctx, kim)
		if err != nil {
			t.Fatal(err)
		}
		answer := httptest.NewRecorder()
		g.Keep(answer, r, session)
		kept := answer.Result().Cookies()[0]
		if kept.Name != c.cookie || kept.Secure != c.secure || !kept.HttpOnly || kept.SameSite != http.SameSiteLaxMode || kept.Path != "/" || kept.Domain != "" || kept.MaxAge != 0 {
			t.Errorf("%s: %+v", c.name, kept)
		}
		is := func(name, value string) bool {
			r := request(t, c.set)
			r.AddCookie(&http.Cookie{Name: name, Value: value})
			ctx, err := g.Identify(r)
			if err != nil {
				t.Fatal(err)
			}
			id, ok := auth.From(ctx)
			return ok && id.ID == kim.ID && id.Session != ""
		}
		other := map[string]string{"weir_session": "__Host-weir", "__Host-weir": "weir_session"}[c.cookie]
		if !is(c.cookie, kept.Value) || is(other, kept.Value) || is(c.cookie, "A"+kept.Value[1:]+"A") || is(c.cookie, "") {
			t.Errorf("%s: the cookie is not what lets in", c.name)
		}
		answer = httptest.NewRecorder()
		g.Keep(answer, r, people.Cookie{})
		if gone := answer.Result().Cookies()[0]; gone.MaxAge >= 0 || gone.Value != "" {
			t.Errorf("%s: %+v", c.name, gone)
		}
	}
}

// TestAddress believes X-Forwarded-For as far as trusted proxies wrote it.
func TestAddress(t *testing.T) {
	p, _ := house(t)
	for _, c := range []struct {
		trusted, remote, forwarded, want string
	}{
		{"", "192.0.2.7:1", "203.0.113.9", "192.0.2.7"},
		{"10.0.0.0/8", "192.0.2.7:1", "203.0.113.9", "192.0.2.7"},
		{"10.0.0.0/8", "10.0.0.1:1", "203.0.113.9", "203.0.113.9"},
		{"10.0.0.0/8", "10.0.0.1:1", "127.0.0.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"},
		{"10.0.0.0/8", "10.0.0.1:1", "203.0.113.9, evil", "10.0.0.1"},
		{"10.0.0.0/8", "10.0.0.1:1", "", "10.0.0.1"},
		{"10.0.0.0/8", "[::ffff:10.0.0.1]:1", "2001:db8::1", "2001:db8::1"},
		{"", "[fe80::1%eth0]:1", "", "fe80::1"},
	} {
		var trusted []string
		if c.trusted != "" {
			trusted = append(trusted, c.trusted)
		}
		r := request(t, func(r *http.Request) {
			r.RemoteAddr = c.remote
			if c.forwarded != "" {
				r.Header.Set("X-Forwarded-For", c.forwarded)
			}
		})
		if got := at(p, trusted...).Address(r); got != c.want {
			t.Errorf("%+v: got %s", c, got)
		}
	}
}
