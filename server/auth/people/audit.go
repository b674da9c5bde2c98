package people

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/mesh"
)

// Event is what happened, in a word that log searches are written for: these stay as they are.
type Event string

// The events of the security log.
const (
	SignIn          Event = "sign_in"
	SignInFailed    Event = "sign_in_failed"
	SignInDelayed   Event = "sign_in_delayed"
	SignOut         Event = "sign_out"
	SessionEnded    Event = "session_ended" // by its person elsewhere, or an administrator
	PersonAdded     Event = "person_added"
	PersonChanged   Event = "person_changed" // grants, enabled, disabled
	PersonRemoved   Event = "person_removed"
	PasswordChanged Event = "password_changed"
	LinkMade        Event = "link_made"
	LinkUsed        Event = "link_used"
	LinkRefused     Event = "link_refused"
	TokenMinted     Event = "token_minted"
	TokenRevoked    Event = "token_revoked"
	TokenRefused    Event = "token_refused"
	Denied          Event = "denied"         // somebody known asked for what they may not
	OriginRefused   Event = "origin_refused" // a request or socket from another site
	ProxyRefused    Event = "proxy_refused"
	CertificateMade Event = "certificate_made" // for a proxy
	RootDistrusted  Event = "root_distrusted"  // of the authority for proxies
	Dropped         Event = "dropped"          // so many entries of a kind were left out, since they came too fast
)

// Entry is a line of the security log. Nothing in it is secret.
type Entry struct {
	At    time.Time
	Event Event
	Who   string // the name they are known by, or the one that was typed
	From  string // the address
	Of    string // what it is about: a person's name, a token's ID
	Note  string // in words
	Count int    // of Dropped
}

// Visit is where a request comes from, as the gate knows it.
type Visit struct {
	Address string // without port
	Agent   string // the browser, in its own words
}

type visitKey struct{}

// WithVisit names in a context where a request comes from.
func WithVisit(ctx context.Context, v Visit) context.Context {
	return context.WithValue(ctx, visitKey{}, v)
}

func visitOf(ctx context.Context) Visit {
	v, _ := ctx.Value(visitKey{}).(Visit)
	return v
}

// The bounds of the log: entries of one event beyond burst are left out faster than perSecond, and counted.
const (
	perSecond = 20
	burst     = 200
	recent    = 500 // entries in memory
)

// Audit is the security log: lines of the structured log marked log=security, the newest also in memory.
type Audit struct {
	logger *slog.Logger
	now    func() time.Time

	mu      sync.Mutex
	limits  map[Event]*rate.Limiter
	dropped map[Event]int
	ring    []Entry // the oldest first
}

func newAudit(logger *slog.Logger, now func() time.Time) *Audit {
	return &Audit{logger: logger.With("log", "security"), now: now, limits: make(map[Event]*rate.Limiter), dropped: make(map[Event]int)}
}

// Record writes an entry. At, Who and From are filled in from the clock and the context where they are empty.
func (a *Audit) Record(ctx context.Context, e Entry) {
	e.At = a.now()
	if e.Who == "" {
		e.Who = actor(ctx)
	}
	if e.From == "" {
		e.From = visitOf(ctx).Address
	}
	e.Who, e.From, e.Of, e.Note = mesh.Shorten(e.Who), mesh.Shorten(e.From), mesh.Shorten(e.Of), mesh.Shorten(e.Note)
	for _, e := range a.admit(e) {
		level := slog.LevelInfo
		if slices.Contains([]Event{SignInFailed, LinkRefused, TokenRefused, Denied, OriginRefused, ProxyRefused, Dropped}, e.Event) {
			level = slog.LevelWarn
		}
		args := []slog.Attr{slog.String("event", string(e.Event)), slog.String("who", e.Who), slog.String("from", e.From), slog.String("of", e.Of), slog.String("note", e.Note)}
		if e.Count > 0 {
			args = append(args, slog.Int("count", e.Count))
		}
		a.logger.LogAttrs(ctx, level, "security", args...)
	}
}

// admit gives what is to be written: the entry and what was left out of its kind before it, or nothing.
func (a *Audit) admit(e Entry) []Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	limit := a.limits[e.Event]
	if limit == nil {
		limit = rate.NewLimiter(perSecond, burst)
		a.limits[e.Event] = limit
	}
	if !limit.AllowN(e.At, 1) {
		a.dropped[e.Event]++
		return nil
	}
	var out []Entry
	if n := a.dropped[e.Event]; n > 0 {
		out = append(out, Entry{At: e.At, Event: Dropped, Of: string(e.Event), Count: n, Note: "entries were left out: they came too fast"})
		delete(a.dropped, e.Event)
	}
	out = append(out, e)
	a.ring = append(a.ring, out...)
	if over := len(a.ring) - recent; over > 0 {
		a.ring = slices.Delete(a.ring, 0, over)
	}
	return out
}

// Recent gives the newest entries that this process wrote, the newest first, at most 500.
func (a *Audit) Recent() []Entry {
	a.mu.Lock()
	defer a.mu.Unlock()
	list := slices.Clone(a.ring)
	slices.Reverse(list)
	return list
}

// LeftOut tells how many entries of each event were left out since the last that was written.
func (a *Audit) LeftOut() map[Event]int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.dropped)
}

// actor is the name of whoever the context names.
func actor(ctx context.Context) string {
	id, ok := auth.From(ctx)
	switch {
	case !ok:
		return ""
	case id.Name == "":
		return string(id.Kind)
	default:
		return id.Name
	}
}

// manage asks whether whoever the context names may manage people, and writes down when they may not.
func (a *Audit) manage(ctx context.Context, what string) error {
	err := auth.Can(ctx, auth.Manage, auth.Resource{})
	if err != nil {
		a.Record(ctx, Entry{Event: Denied, Of: what, Note: err.Error()})
	}
	return err
}
