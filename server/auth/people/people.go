package people

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"log/slog"
	"runtime"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/password"
	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/mesh"
)

// Options says what the parts are made of.
type Options struct {
	Store    Store            // required
	Logger   *slog.Logger     // required; the security log goes there too
	Key      []byte           // required: 32 bytes that seal access keys, as LoadKey gives them; the same on every replica
	Hasher   *password.Hasher // nil: the default cost, at most GOMAXPROCS at once
	Idle     time.Duration    // a session that is not used for so long ends; 30 minutes
	Lifetime time.Duration    // a session ends however much it is used; 12 hours
	Now      func() time.Time // nil: the clock
}

// The defaults of sessions.
const (
	DefaultIdle     = 30 * time.Minute
	DefaultLifetime = 12 * time.Hour
)

// hashWait is how long a sign-in waits for its turn to be checked.
const hashWait = time.Second

// People is everything about who may come in. All of it may be used by many goroutines.
type People struct {
	Directory *Directory
	Sessions  *Sessions
	Tokens    *Tokens
	Audit     *Audit
}

// New puts the parts together. Error: mesh.Invalid for a key of the wrong length or times that cannot be.
func New(o Options) (*People, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Hasher == nil {
		o.Hasher = password.New(password.Default(), runtime.GOMAXPROCS(0), hashWait)
	}
	if o.Idle == 0 {
		o.Idle = DefaultIdle
	}
	if o.Lifetime == 0 {
		o.Lifetime = DefaultLifetime
	}
	if o.Idle < time.Minute || o.Lifetime < o.Idle {
		return nil, mesh.Errorf(mesh.Invalid, "sessions that idle %s and last %s: at least a minute, and the latter at least as long", o.Idle, o.Lifetime)
	}
	sealer, err := newSealer(o.Key)
	if err != nil {
		return nil, err
	}
	audit := newAudit(o.Logger, o.Now)
	d := newDirectory(o, audit)
	return &People{Directory: d, Sessions: newSessions(o, d), Tokens: newTokens(o, d, sealer), Audit: audit}, nil
}

// Still gives an identity as it is now: with the rights that are left of it, for sockets and whatever else lasts longer than
// a request. Error: mesh.Unauthenticated when its session ended, its token was revoked, its person was disabled or removed.
func (p *People) Still(ctx context.Context, id auth.Identity) (auth.Identity, error) {
	switch id.Kind {
	case auth.Person:
		return p.Sessions.still(ctx, id)
	case auth.Token, auth.Key:
		return p.Tokens.still(ctx, id)
	default:
		return id, nil
	}
}

// tidyEvery is how often what has expired is thrown away; notes of when tokens were used are written more often.
const (
	tidyEvery  = 10 * time.Minute
	noteEvery  = time.Minute
	keepTokens = 90 * 24 * time.Hour // tokens that are over stay listed for so long
)

// Run throws away what has expired and writes down when tokens were used, until the context ends; then a last time.
func (p *People) Run(ctx context.Context) error {
	note, tidy := time.NewTicker(noteEvery), time.NewTicker(tidyEvery)
	defer note.Stop()
	defer tidy.Stop()
	p.report(ctx, p.Tidy(ctx))
	for {
		select {
		case <-note.C:
			p.report(ctx, p.Tokens.Note(ctx))
		case <-tidy.C:
			p.report(ctx, p.Tidy(ctx))
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
			defer cancel()
			p.report(last, p.Tokens.Note(last))
			return nil
		}
	}
}

func (p *People) report(ctx context.Context, err error) {
	if err != nil && ctx.Err() == nil {
		p.Audit.logger.WarnContext(ctx, "sessions and tokens could not be tidied, trying again", "error", err)
	}
}

// Tidy throws away sessions that have expired and tokens that are long over.
func (p *People) Tidy(ctx context.Context) error {
	now := p.Directory.now()
	if _, err := p.Directory.store.EndSessions(ctx, SessionQuery{Before: now}); err != nil {
		return err
	}
	return p.Directory.store.DropTokens(ctx, now.Add(-keepTokens))
}

// ids makes the IDs of records, each greater than the one before.
type ids struct {
	mu   sync.Mutex
	last string
}

func (i *ids) next(now time.Time) string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails: it ends the program instead
	i.mu.Lock()
	defer i.mu.Unlock()
	i.last = ident.New(now, i.last, binary.BigEndian.Uint64(random[:]))
	return i.last
}
