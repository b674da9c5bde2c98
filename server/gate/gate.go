// Package gate stands between HTTP and server/auth/people: it reads who asks from a request's cookie or bearer token, and
// writes the cookie that keeps a browser signed in.
//
// Where a request comes from is the connection's address, unless the operator trusts a proxy in front of Weir: then it is
// the last address in X-Forwarded-For that no trusted proxy has (and X-Forwarded-Proto says whether the browser's
// connection was encrypted). By default none is trusted.
package gate

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// The cookie's names. Browsers take __Host- only over an encrypted connection, and then from this very host (RFC 6265bis).
const (
	cookieSecure = "__Host-weir"
	cookiePlain  = "weir_session"
)

// maxAgent is how much of a browser's name for itself is kept, in bytes.
const maxAgent = 256

// Options are what a Gate needs.
type Options struct {
	Sessions *people.Sessions // required
	Tokens   *people.Tokens   // required
	// Still gives an identity as it is now, for sockets and streams. Required.
	Still   func(ctx context.Context, id auth.Identity) (auth.Identity, error)
	Trusted []netip.Prefix   // proxies in front of Weir
	Now     func() time.Time // nil: the clock
}

// Gate finds out who asks. It may be used by many goroutines.
type Gate struct {
	o    Options
	away atomic.Pointer[time.Time] // since when what knows people is out of reach; nil: it is not
}

// New makes a Gate.
func New(o Options) *Gate {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Gate{o: o}
}

// Visit names in the context of a request where it comes from (people.Visit), and nobody: what needs nobody reads no database.
func (g *Gate) Visit(r *http.Request) context.Context {
	return people.WithVisit(r.Context(), people.Visit{Address: g.Address(r), Agent: agent(r)})
}

// Identify names in the context of a request who sent it, and where it comes from (people.Visit). A request that shows
// nothing is nobody's, which is no error. Errors: mesh.Unauthenticated for a bearer token that does not count,
// mesh.TooMany, and mesh.Unavailable, with auth.Away in its chain, when it cannot be found out.
func (g *Gate) Identify(r *http.Request) (context.Context, error) {
	ctx := g.Visit(r)
	if header := r.Header.Values("Authorization"); len(header) > 0 {
		bearer, ok := bearerOf(header)
		if !ok {
			return ctx, mesh.Errorf(mesh.Unauthenticated, "the header Authorization holds no bearer token: send Authorization: Bearer weir_…, once")
		}
		id, err := g.o.Tokens.Identify(ctx, bearer)
		if err = g.reached(r, err); err != nil {
			return ctx, err
		}
		return g.named(auth.With(ctx, id)), nil
	}
	token := ""
	if cookie, err := r.Cookie(g.cookie(r)); err == nil {
		token = cookie.Value
	}
	loaded, err := g.o.Sessions.Load(ctx, token) // without a token too: a sign-in begins in what it gives
	if err != nil {
		return ctx, g.reached(r, err)
	}
	if token != "" {
		g.away.Store(nil)
	}
	return g.named(loaded), nil
}

// reached says of an error of looking somebody up whether it is about them, or about what knows them being out of reach: then
// since when that is, and what to do. Whoever gave up waiting says nothing about it.
func (g *Gate) reached(r *http.Request, err error) error {
	switch code := mesh.CodeOf(err); {
	case err == nil, code == mesh.Unauthenticated, code == mesh.Denied:
		g.away.Store(nil)
		return err
	case code == mesh.TooMany, errors.Is(r.Context().Err(), context.Canceled):
		return err
	}
	now := g.o.Now()
	g.away.CompareAndSwap(nil, &now)
	since := now
	if first := g.away.Load(); first != nil {
		since = *first
	}
	return &mesh.Error{
		Code: mesh.Unavailable, Err: auth.Away{Since: since, Cause: err},
		Message: "the database is out of reach since " + since.UTC().Format(time.RFC3339) + ", so that nobody can be recognised; sign-ins and tokens are kept: " +
			"try again in a few seconds; if it goes on, whoever runs Weir reads the cause at /readyz?verbose",
	}
}

// named adds the renewal to a context that names somebody.
func (g *Gate) named(ctx context.Context) context.Context {
	id, ok := auth.From(ctx)
	if !ok {
		return ctx
	}
	return auth.WithRenewal(ctx, func(ctx context.Context) (auth.Identity, error) { return g.o.Still(ctx, id) })
}

// bearerOf reads the one header of bearer tokens (RFC 6750, section 2.1).
func bearerOf(header []string) (string, bool) {
	scheme, token, found := strings.Cut(header[0], " ")
	token = strings.TrimSpace(token)
	return token, found && len(header) == 1 && strings.EqualFold(scheme, "Bearer") && token != ""
}

// Keep has the browser keep a cookie, or throw it away when it is empty.
func (g *Gate) Keep(w http.ResponseWriter, r *http.Request, c people.Cookie) {
	out := &http.Cookie{
		Name: g.cookie(r), Value: c.Token, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: g.Encrypted(r),
	}
	if c.Token == "" {
		out.MaxAge = -1
	}
	http.SetCookie(w, out)
}

func (g *Gate) cookie(r *http.Request) string {
	if g.Encrypted(r) {
		return cookieSecure
	}
	return cookiePlain
}

// Encrypted tells whether the browser's connection is encrypted: to Weir, or to a trusted proxy that says so.
func (g *Gate) Encrypted(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	said := r.Header.Values("X-Forwarded-Proto")
	return len(said) == 1 && strings.EqualFold(said[0], "https") && g.trusts(hostOf(r.RemoteAddr))
}

// Address is where a request comes from.
func (g *Gate) Address(r *http.Request) string {
	at := hostOf(r.RemoteAddr)
	if !g.trusts(at) {
		return at
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		ip, err := netip.ParseAddr(hop)
		if err != nil {
			return at // what stands before something unreadable is anybody's word
		}
		at = ip.Unmap().String()
		if !g.trusts(at) {
			return at
		}
	}
	return at
}

// trusts tells whether an address is a proxy's in front of Weir.
func (g *Gate) trusts(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(g.o.Trusted, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}

func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	host, _, _ = strings.Cut(host, "%") // a zone
	return host
}

func agent(r *http.Request) string {
	s := strings.ToValidUTF8(r.UserAgent(), "")
	if len(s) > maxAgent {
		s = strings.ToValidUTF8(s[:maxAgent], "")
	}
	return s
}
