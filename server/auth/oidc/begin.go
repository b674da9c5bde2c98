package oidc

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"path"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	coreos "github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
)

// Sign-ins that a browser has begun and not finished: in as many tabs, for so long. Together they fit into one value of a
// session.
const (
	maxPending = 4
	maxNext    = 400 // bytes
	patience   = 15 * time.Minute
)

// Under which names the session keeps them, and whether the next one is to ask who it is.
const (
	pendingKey = "oidc"
	anewKey    = "oidc.anew"
)

// pending is a sign-in that was begun.
type pending struct {
	State    string `json:"s"`
	Nonce    string `json:"n"`
	Verifier string `json:"v"`
	Next     string `json:"p"`
	At       int64  `json:"t"` // in seconds of Unix
}

// Begin starts a sign-in: the browser is to keep the cookie and go to the address. next is where it wants to be afterwards;
// what is no path of the console becomes its first page. The context has to hold a session (people.Sessions.Load), which may
// be new. Error: mesh.Unavailable when the provider does not answer.
func (p *Provider) Begin(ctx context.Context, next string) (redirectURL string, cookie people.Cookie, err error) {
	m, err := p.metadata(ctx)
	if err != nil {
		return "", people.Cookie{}, err
	}
	now := p.o.Now()
	one := pending{State: random(), Nonce: random(), Verifier: oauth2.GenerateVerifier(), Next: Local(next), At: now.Unix()}
	list, err := p.begun(ctx, now)
	if err != nil {
		return "", people.Cookie{}, err
	}
	anew, err := p.o.Sessions.Pop(ctx, anewKey)
	if err != nil {
		return "", people.Cookie{}, err
	}
	list = append(list, one)
	cookie, err = p.keep(ctx, list[max(0, len(list)-maxPending):])
	if err != nil {
		return "", people.Cookie{}, err
	}
	with := []oauth2.AuthCodeOption{coreos.Nonce(one.Nonce), oauth2.S256ChallengeOption(one.Verifier)}
	if anew != "" {
		with = append(with, oauth2.SetAuthURLParam("prompt", "login"))
	}
	return m.config.AuthCodeURL(one.State, with...), cookie, nil
}

// begun takes the sign-ins out of the context's session that may still be finished.
func (p *Provider) begun(ctx context.Context, now time.Time) ([]pending, error) {
	text, err := p.o.Sessions.Pop(ctx, pendingKey)
	if err != nil || text == "" {
		return nil, err
	}
	var list []pending
	if err := json.Unmarshal([]byte(text), &list); err != nil {
		return nil, mesh.Errorf(mesh.Internal, "the session's sign-ins cannot be read: %w", err)
	}
	return slices.DeleteFunc(list, func(one pending) bool { return now.Sub(time.Unix(one.At, 0)) > patience }), nil
}

func (p *Provider) keep(ctx context.Context, list []pending) (people.Cookie, error) {
	var text strings.Builder
	out := json.NewEncoder(&text)
	out.SetEscapeHTML(false)
	if err := out.Encode(list); err != nil {
		return people.Cookie{}, err
	}
	return p.o.Sessions.Put(ctx, pendingKey, text.String())
}

// take gives the sign-in that an answer belongs to, which counts once, whatever becomes of it. Error: mesh.Unauthenticated.
func (p *Provider) take(ctx context.Context, query url.Values) (pending, error) {
	state, now := query["state"], p.o.Now()
	list, err := p.begun(ctx, now)
	if err != nil {
		return pending{}, err
	}
	var found pending
	rest := slices.DeleteFunc(list, func(one pending) bool {
		same := len(state) == 1 && subtle.ConstantTimeCompare([]byte(one.State), []byte(state[0])) == 1
		if same {
			found = one
		}
		return same
	})
	if len(rest) > 0 {
		if _, err := p.keep(ctx, rest); err != nil {
			return pending{}, err
		}
	}
	if found.State == "" {
		return pending{}, mesh.Errorf(mesh.Unauthenticated, "this sign-in is over, or was begun in another browser: begin again")
	}
	return found, nil
}

// random gives 256 bits in base 64.
func random() string {
	var bits [32]byte
	_, _ = rand.Read(bits[:]) // never fails: it ends the program instead
	return base64.RawURLEncoding.EncodeToString(bits[:])
}

// Local gives where a browser may be sent after signing in: a path of the console with its query, or "/" for whatever else
// somebody wrote there, such as another host in any disguise that browsers see through, and for the addresses of signing in
// and of programs. Signing in by a password goes by it, too.
func Local(next string) string {
	u, err := url.Parse(next)
	switch {
	case err != nil, len(next) > maxNext, !utf8.ValidString(next), !strings.HasPrefix(next, "/"):
		return "/"
	case u.Scheme != "", u.Host != "", u.User != nil, u.Opaque != "", strings.HasPrefix(u.Path, "//"), strings.ContainsRune(next, '\\'), strings.ContainsFunc(next, unicode.IsControl):
		return "/"
	}
	escaped := u.EscapedPath()
	whole := path.Clean(escaped)
	if whole != escaped && whole+"/" != escaped {
		return "/"
	}
	for _, own := range []string{SignInPath, "/signout", "/setup", "/invite", "/api"} {
		if whole == own || strings.HasPrefix(whole, own+"/") {
			return "/"
		}
	}
	return next
}
