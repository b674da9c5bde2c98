package people

import (
	"context"
	"time"

	"github.com/weirmesh/weir/server/auth"
)

// Store keeps all that a directory knows. Times are of UTC. Its errors are for people; a record that is not there is
// mesh.NotFound, one that somebody changed first mesh.Conflict.
type Store interface {
	PersonReader
	PersonWriter
	LinkStore
	TokenStore
	SessionStore
}

// PersonReader finds persons.
type PersonReader interface {
	Person(ctx context.Context, id string) (Person, error)
	// PersonNamed finds by Fold of a name.
	PersonNamed(ctx context.Context, folded string) (Person, error)
	PersonOf(ctx context.Context, issuer, subject string) (Person, error)
	Persons(ctx context.Context) ([]Person, error)
}

// PersonWriter changes persons. Where keep is given, it is asked in the transaction, with no other writer beside it, about
// everybody as they would be afterwards; its error ends the transaction and is returned.
type PersonWriter interface {
	// AddPerson records a new one. Error: mesh.Conflict when the name, or who they are to their provider, is taken.
	AddPerson(ctx context.Context, p Person, keep func([]Person) error) error
	// ChangePerson replaces the one recorded in the version before p.Version.
	ChangePerson(ctx context.Context, p Person, keep func([]Person) error) error
	// RemovePerson forgets a person, ends their sessions and revokes their tokens, keys and links, but for proxies' tokens.
	RemovePerson(ctx context.Context, p Person, by string, at time.Time, keep func([]Person) error) error
	// SignedIn notes when somebody signed in, and replaces the hash of their password if it still is the one given.
	SignedIn(ctx context.Context, p Person, rehash string) error
}

// LinkStore keeps one-use links, which are tokens of kind KindSetup and KindInvite.
type LinkStore interface {
	// KeepLink records a link; earlier ones of its kind and person are gone.
	KeepLink(ctx context.Context, link Token) error
	// UseLink marks a link as used and replaces its person's record as ChangePerson does, in one transaction. Error:
	// mesh.Unauthenticated when it was used or revoked before.
	UseLink(ctx context.Context, link Token, p Person) error
	// FirstPerson records a person if there is none, and uses up the setup link, which has to have that hash unless it is
	// nil. Of several at once one wins. Errors: mesh.Conflict when there is a person, mesh.Unauthenticated for the link.
	FirstPerson(ctx context.Context, p Person, hash []byte) error
	// DropTokens forgets tokens and links that were revoked or expired before a time.
	DropTokens(ctx context.Context, before time.Time) error
}

// TokenStore keeps tokens.
type TokenStore interface {
	// AddToken records a token unless its owner, or a proxy its mesh, has limit tokens of that kind already (mesh.Conflict).
	AddToken(ctx context.Context, t Token, limit int) error
	Token(ctx context.Context, id string) (Token, error)
	// Tokens lists, newest first, what the query does not leave out.
	Tokens(ctx context.Context, q TokenQuery) ([]Token, error)
	// RevokeTokens revokes what is not revoked and gives how many.
	RevokeTokens(ctx context.Context, q TokenQuery, by string, at time.Time) (int, error)
	// UsedTokens notes when tokens were used last, by ID.
	UsedTokens(ctx context.Context, used map[string]time.Time) error
}

// SessionStore keeps sessions.
type SessionStore interface {
	// Sessions lists, newest use first, what the query does not leave out.
	Sessions(ctx context.Context, q SessionQuery) ([]Session, error)
	// AddSession records a session. Beyond most sessions of its person (or of nobody) the one used longest ago ends.
	AddSession(ctx context.Context, s Session, most int) error
	// KeepSession replaces a session's data, expiry and last use; false: it ended meanwhile.
	KeepSession(ctx context.Context, s Session) (bool, error)
	// EndSessions ends what the query does not leave out and gives how many. An empty query ends none.
	EndSessions(ctx context.Context, q SessionQuery) (int, error)
}

// TokenKind is what a token is for.
type TokenKind string

// The kinds of tokens.
const (
	KindAPI    TokenKind = "api"
	KindProxy  TokenKind = "proxy"
	KindKey    TokenKind = "key" // an App Mesh access key
	KindSetup  TokenKind = "setup"
	KindInvite TokenKind = "invite"
)

// Token is a secret that was given out; what of it can be known afterwards.
type Token struct {
	ID        string
	Kind      TokenKind
	Hash      []byte `json:"-"` // SHA-256 of the secret half
	Sealed    []byte `json:"-"` // of an access key: its secret, encrypted
	Name      string // what it is for, in its owner's words
	Owner     string // the ID of the person whose it is; of a proxy's token: who minted it, empty for nobody
	Grants    []auth.Grant
	Mesh      string // of a proxy
	Node      string // of a proxy: "node/reviews-v1" or "gateway/edge"
	At        time.Time
	Expires   time.Time // zero: never
	Used      time.Time // last, to the minute; zero: never
	Revoked   time.Time // zero: not
	RevokedBy string
}

// Valid tells whether the token counts at a moment.
func (t Token) Valid(now time.Time) bool {
	return t.Revoked.IsZero() && (t.Expires.IsZero() || now.Before(t.Expires))
}

// TokenQuery finds tokens; empty fields leave nothing out.
type TokenQuery struct {
	ID    string
	Kinds []TokenKind
	Owner string
	Mesh  string
}

// Session is a browser in which somebody is signed in, or is about to.
type Session struct {
	Hash    string    // SHA-256 of the cookie's token, in hex
	Name    string    // by which it is listed and ended
	Person  string    // ID; empty: nobody is signed in yet
	Data    []byte    `json:"-"`
	Expires time.Time // unless it is used before
	At      time.Time
	Seen    time.Time // to the minute
	Agent   string    // the browser, in its own words
	Address string    // where it asked from when it was recorded last
}

// SessionQuery finds sessions; empty fields leave nothing out.
type SessionQuery struct {
	Hash   string
	Name   string
	Person string
	Except string    // the name of one to leave out
	Before time.Time // only those that expired before
}
