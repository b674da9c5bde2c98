package people

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
)

// Tokens are what programs show instead of a password: API tokens and App Mesh access keys, which act for the person who
// minted them and never may more than they, and proxies' tokens.
type Tokens struct {
	store     Store
	directory *Directory
	audit     *Audit
	sealer    *sealer
	now       func() time.Time

	mu   sync.Mutex
	used map[string]time.Time // not written down yet
}

func newTokens(o Options, d *Directory, s *sealer) *Tokens {
	return &Tokens{store: o.Store, directory: d, audit: d.audit, sealer: s, now: o.Now, used: make(map[string]time.Time)}
}

// How long tokens are good, and how many there may be.
const (
	DefaultFor     = 90 * 24 * time.Hour
	MaxFor         = 365 * 24 * time.Hour
	maxTokens      = 100    // of a person and kind
	maxProxyTokens = 10_000 // of a mesh
	maxTokenName   = 80     // characters
)

// Wish is what a token is to be.
type Wish struct {
	Name   string        // what it is for
	Grants []auth.Grant  // what it may do: at least one, none more than its owner may
	For    time.Duration // how long it is good; 0: DefaultFor. At most MaxFor
}

// Minted is a token and its secret, which is shown once and cannot be found out again.
type Minted struct {
	Token
	Secret string `json:"-"` // of an API or proxy's token: the whole of what is sent; of an access key: the secret half
}

// String keeps the secret out of logs.
func (m Minted) String() string { return "token " + m.ID }

// Mint makes an API token of the person that the context names. Errors: mesh.Invalid, mesh.Denied for more rights than its
// owner has and for whoever is no person, mesh.Conflict for too many.
func (t *Tokens) Mint(ctx context.Context, w Wish) (Minted, error) {
	token, err := t.prepare(ctx, KindAPI, w)
	if err != nil {
		return Minted{}, err
	}
	secret := newSecret(tokenSecret)
	token.ID, token.Hash = t.directory.ids.next(t.now()), hashOf(secret)
	if err := t.keep(ctx, token, maxTokens); err != nil {
		return Minted{}, err
	}
	return Minted{Token: token, Secret: join(tokenPrefix, token.ID, secret)}, nil
}

// prepare checks a wish and its owner.
func (t *Tokens) prepare(ctx context.Context, kind TokenKind, w Wish) (Token, error) {
	owner, err := t.owner(ctx)
	if err != nil {
		return Token{}, err
	}
	name, err := tokenName(w.Name)
	if err != nil {
		return Token{}, err
	}
	if err := checkWish(&w); err != nil {
		return Token{}, err
	}
	for _, g := range w.Grants {
		if !Within(owner.Grants, g) {
			err := mesh.Errorf(mesh.Denied, "the token may not do more than you: you have no role that covers %s (you have: %s)", g, words(owner.Grants))
			t.audit.Record(ctx, Entry{Event: Denied, Of: "mint token", Note: err.Error()})
			return Token{}, err
		}
	}
	now := t.now().UTC()
	return Token{Kind: kind, Name: name, Owner: owner.ID, Grants: slices.Clone(w.Grants), At: now, Expires: now.Add(w.For)}, nil
}

// owner is the person whom the context names: a program mints nothing, so that a token that leaked cannot outlive itself.
func (t *Tokens) owner(ctx context.Context) (Person, error) {
	id, ok := auth.From(ctx)
	if !ok {
		return Person{}, mesh.Errorf(mesh.Unauthenticated, "nobody is signed in: sign in, then mint tokens")
	}
	if id.Kind != auth.Person {
		return Person{}, mesh.Errorf(mesh.Denied, "only a person who is signed in mints tokens: sign in with a name and a password, or through your identity provider")
	}
	p, err := t.store.Person(ctx, id.ID)
	if mesh.CodeOf(err) == mesh.NotFound || err == nil && p.Disabled {
		return Person{}, errGone()
	}
	return p, err
}

func checkWish(w *Wish) error {
	if w.For == 0 {
		w.For = DefaultFor
	}
	if w.For < time.Minute || w.For > MaxFor {
		return mesh.Errorf(mesh.Invalid, "a token is good for a minute to %d days: not for %s", int(MaxFor/(24*time.Hour)), w.For)
	}
	if len(w.Grants) == 0 {
		return mesh.Errorf(mesh.Invalid, "say what the token may do, as in viewer, operator@shop or operator@shop/reviews*")
	}
	return checkGrants(w.Grants)
}

// tokenName checks what a token is for.
func tokenName(s string) (string, error) {
	s = strings.TrimSpace(s)
	if s == "" || !utf8.ValidString(s) || utf8.RuneCountInString(s) > maxTokenName || strings.ContainsFunc(s, unicode.IsControl) {
		return "", mesh.Errorf(mesh.Invalid, "say in 1 to %d characters what the token is for, such as deploy pipeline", maxTokenName)
	}
	return s, nil
}

// keep records a token and says so in the log.
func (t *Tokens) keep(ctx context.Context, token Token, limit int) error {
	if err := t.store.AddToken(ctx, token, limit); err != nil {
		return err
	}
	note := string(token.Kind) + ": " + words(token.Grants)
	if token.Kind == KindProxy {
		note = "proxy: " + token.Node + " of " + token.Mesh
	}
	t.audit.Record(ctx, Entry{Event: TokenMinted, Of: token.ID, Note: note})
	return nil
}

// Identify gives who a bearer token acts for: with its owner's rights as they are now, narrowed to the token's. Error:
// mesh.Unauthenticated, in the same words whatever is wrong with it.
func (t *Tokens) Identify(ctx context.Context, bearer string) (auth.Identity, error) {
	token, err := t.find(ctx, KindAPI, tokenPrefix, bearer)
	if err != nil {
		return auth.Identity{}, err
	}
	return t.identity(ctx, token)
}

// find gives the token that was shown, if it is good.
func (t *Tokens) find(ctx context.Context, kind TokenKind, prefix, bearer string) (Token, error) {
	id, secret, ok := split(prefix, bearer, tokenSecret)
	if !ok {
		return Token{}, t.refuse(ctx, "", "malformed")
	}
	token, err := t.store.Token(ctx, id)
	switch {
	case mesh.CodeOf(err) == mesh.NotFound:
		return Token{}, t.refuse(ctx, id, "unknown")
	case err != nil:
		return Token{}, err
	case token.Kind != kind || !sameHash(token.Hash, hashOf(secret)):
		return Token{}, t.refuse(ctx, id, "unknown")
	case !token.Valid(t.now()):
		return Token{}, t.refuse(ctx, id, "expired or revoked")
	}
	return token, nil
}

func (t *Tokens) refuse(ctx context.Context, id, why string) error {
	t.audit.Record(ctx, Entry{Event: TokenRefused, Of: id, Note: why})
	return errToken()
}

// identity is what a good token stands for.
func (t *Tokens) identity(ctx context.Context, token Token) (auth.Identity, error) {
	owner, err := t.directory.identity(ctx, token.Owner)
	if mesh.CodeOf(err) == mesh.Unauthenticated {
		return auth.Identity{}, t.refuse(ctx, token.ID, "its owner may not sign in")
	}
	if err != nil {
		return auth.Identity{}, err
	}
	t.touch(token)
	id := auth.Identity{Kind: auth.Token, ID: token.ID, Person: token.Owner, Name: owner.Name, Grants: owner.Grants, Limit: slices.Clone(token.Grants)}
	if token.Kind == KindKey {
		id.Kind = auth.Key
	}
	if id.Limit == nil {
		id.Limit = []auth.Grant{} // nothing at all, not no limit
	}
	return id, nil
}

// still gives what a token stands for now.
func (t *Tokens) still(ctx context.Context, id auth.Identity) (auth.Identity, error) {
	token, err := t.store.Token(ctx, id.ID)
	if mesh.CodeOf(err) == mesh.NotFound || err == nil && (!token.Valid(t.now()) || token.Kind != KindAPI && token.Kind != KindKey) {
		return auth.Identity{}, errToken()
	}
	if err != nil {
		return auth.Identity{}, err
	}
	return t.identity(ctx, token)
}

// touch remembers that a token was used in this minute.
func (t *Tokens) touch(token Token) {
	minute := t.now().UTC().Truncate(time.Minute)
	if !minute.After(token.Used) {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.used[token.ID] = minute
}

// Note writes down when tokens were used: once in a while, not with each request.
func (t *Tokens) Note(ctx context.Context) error {
	t.mu.Lock()
	used := t.used
	t.used = make(map[string]time.Time)
	t.mu.Unlock()
	if len(used) == 0 {
		return nil
	}
	err := t.store.UsedTokens(ctx, used)
	if err == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for id, at := range used {
		if at.After(t.used[id]) {
			t.used[id] = at
		}
	}
	return err
}
