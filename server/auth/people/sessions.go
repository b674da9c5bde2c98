package people

import (
	"context"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
)

// Sessions are browsers in which somebody is signed in, or is about to. Whoever reads requests calls Load with the cookie's
// token; what changes a session gives the cookie to set.
type Sessions struct {
	store     SessionStore
	directory *Directory
	audit     *Audit
	manager   *scs.SessionManager
	idle      time.Duration
	now       func() time.Time
}

// Cookie is what a browser is to keep: a token of 43 letters, digits, - and _ in a cookie without an expiry, which the server
// knows better. An empty Token: throw the cookie away.
type Cookie struct{ Token string }

// touchEvery is how often the last use of a session is written down.
const touchEvery = time.Minute

// Limits of sessions: beyond them the one that was used longest ago ends.
const (
	maxSessions  = 50   // of a person
	maxAnonymous = 5000 // in which nobody is signed in yet
	maxValue     = 4096 // bytes of a value
	tokenLength  = 43   // 32 bytes in base 64 without padding
)

// personKey is where a session's data holds whose it is.
const personKey = "person"

func newSessions(o Options, d *Directory) *Sessions {
	// Not scs.New: its default store starts a goroutine that cannot be ended without a race.
	m := &scs.SessionManager{IdleTimeout: o.Idle, Lifetime: o.Lifetime, Codec: scs.GobCodec{}, Store: &vault{store: o.Store, now: o.Now, idle: o.Idle}}
	return &Sessions{store: o.Store, directory: d, audit: d.audit, manager: m, idle: o.Idle, now: o.Now}
}

// Load gives a context that holds the session of a cookie's token and, if somebody is signed in in it, names them (auth.From).
// A token that is empty, malformed, unknown or expired is no session, and no error; the person of a session is looked up
// each time, so that what they may do is what they may do now. Errors are the store's.
func (s *Sessions) Load(ctx context.Context, token string) (context.Context, error) {
	if len(token) != tokenLength {
		token = ""
	}
	cur := &current{visit: visitOf(ctx)}
	loaded, err := s.manager.Load(context.WithValue(ctx, currentKey{}, cur), token)
	if err != nil {
		return ctx, err
	}
	ctx = loaded
	person := s.manager.GetString(ctx, personKey)
	if person == "" {
		return ctx, nil
	}
	id, err := s.directory.identity(ctx, person)
	switch {
	case mesh.CodeOf(err) == mesh.Unauthenticated:
		return ctx, s.manager.Destroy(ctx)
	case err != nil:
		return ctx, err
	}
	if s.now().Sub(cur.found.Seen) >= touchEvery { // a write for each request would be one too many
		if there, err := s.save(ctx); err != nil || !there {
			return ctx, err
		}
	}
	id.Session = cur.found.Name
	return auth.With(ctx, id), nil
}

// Start signs a person in in the context's session: its token is another one from now on, so that nobody who planted one
// is in it, and what it held is gone.
func (s *Sessions) Start(ctx context.Context, p Person) (Cookie, error) {
	if p.Disabled || p.ID == "" {
		return Cookie{}, errSignIn()
	}
	if err := s.manager.RenewToken(ctx); err != nil {
		return Cookie{}, err
	}
	if err := s.manager.Clear(ctx); err != nil {
		return Cookie{}, err
	}
	s.manager.Put(ctx, personKey, p.ID)
	currentOf(ctx).person = p.ID
	return s.commit(ctx)
}

// Renew gives the context's session another token, after its person's password changed.
func (s *Sessions) Renew(ctx context.Context) (Cookie, error) {
	person := s.manager.GetString(ctx, personKey)
	if person == "" {
		return Cookie{}, errGone()
	}
	if err := s.manager.RenewToken(ctx); err != nil {
		return Cookie{}, err
	}
	currentOf(ctx).person = person
	return s.commit(ctx)
}

// End signs out: the context's session is gone, here and in the store. No error when there is none.
func (s *Sessions) End(ctx context.Context) (Cookie, error) {
	if person := s.manager.GetString(ctx, personKey); person != "" {
		s.audit.Record(ctx, Entry{Event: SignOut})
	}
	return Cookie{}, s.manager.Destroy(ctx)
}

// Put keeps a value in the context's session, which is made if there is none: what a sign-in through a provider has to
// remember until its answer. Error: mesh.Invalid for more than 4096 bytes.
func (s *Sessions) Put(ctx context.Context, name, value string) (Cookie, error) {
	if name == personKey || len(name)+len(value) > maxValue {
		return Cookie{}, mesh.Errorf(mesh.Invalid, "a session keeps no value of %d bytes: at most %d", len(name)+len(value), maxValue)
	}
	currentOf(ctx).person = s.manager.GetString(ctx, personKey)
	s.manager.Put(ctx, name, value)
	return s.commit(ctx)
}

// Pop gives a value that Put kept and forgets it, so that it counts once; empty when there is none.
func (s *Sessions) Pop(ctx context.Context, name string) (string, error) {
	if name == personKey || !s.manager.Exists(ctx, name) {
		return "", nil
	}
	value := s.manager.PopString(ctx, name)
	there, err := s.save(ctx)
	if err != nil || !there {
		return "", err
	}
	return value, nil
}

// commit records the context's session and gives its cookie.
func (s *Sessions) commit(ctx context.Context) (Cookie, error) {
	token, _, err := s.manager.Commit(ctx)
	if err == nil && currentOf(ctx).ended {
		err = errGone()
	}
	if err != nil {
		return Cookie{}, err
	}
	return Cookie{Token: token}, nil
}

// save records the context's session, which was found; false: it ended meanwhile, and stays ended.
func (s *Sessions) save(ctx context.Context) (bool, error) {
	cur := currentOf(ctx)
	cur.person = s.manager.GetString(ctx, personKey)
	_, _, err := s.manager.Commit(ctx)
	return !cur.ended, err
}

// List gives a person's sessions, the newest use first, to them and to whoever manages people. Error: mesh.Denied.
func (s *Sessions) List(ctx context.Context, person string) ([]Session, error) {
	if err := s.own(ctx, person, "list sessions"); err != nil {
		return nil, err
	}
	list, err := s.store.Sessions(ctx, SessionQuery{Person: person})
	now := s.now()
	live := list[:0]
	for _, one := range list {
		if one.Data = nil; now.Before(one.Expires) {
			live = append(live, one)
		}
	}
	return live, err
}

// Close ends a session by its name: one's own, or anybody's for whoever manages people. Errors: mesh.NotFound, mesh.Denied.
func (s *Sessions) Close(ctx context.Context, name string) error {
	if len(name) != nameLength || strings.Trim(name, alphabet) != "" {
		return mesh.Errorf(mesh.NotFound, "the session is over already")
	}
	list, err := s.store.Sessions(ctx, SessionQuery{Name: name})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return mesh.Errorf(mesh.NotFound, "the session is over already")
	}
	if err := s.own(ctx, list[0].Person, "end session "+name); err != nil {
		return err
	}
	if _, err := s.store.EndSessions(ctx, SessionQuery{Name: name}); err != nil {
		return err
	}
	s.audit.Record(ctx, Entry{Event: SessionEnded, Of: name})
	return nil
}

// CloseAll ends a person's sessions, but for the one that the context is in, and gives how many. Error: mesh.Denied.
func (s *Sessions) CloseAll(ctx context.Context, person string) (int, error) {
	if err := s.own(ctx, person, "end sessions"); err != nil {
		return 0, err
	}
	id, _ := auth.From(ctx)
	n, err := s.store.EndSessions(ctx, SessionQuery{Person: person, Except: id.Session})
	if err == nil && n > 0 {
		s.audit.Record(ctx, Entry{Event: SessionEnded, Of: person, Note: "all others"})
	}
	return n, err
}

// own allows a person themselves, and whoever manages people.
func (s *Sessions) own(ctx context.Context, person, what string) error {
	if id, ok := auth.From(ctx); ok && id.Kind == auth.Person && id.ID == person && person != "" {
		return nil
	}
	return s.audit.manage(ctx, what)
}
