package people

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"time"
	"unicode"

	"github.com/alexedwards/scs/v2"
)

// vault keeps sessions for scs: under the hash of their token, and never brings back one that ended while a request was in
// it.
type vault struct {
	store SessionStore
	now   func() time.Time
	idle  time.Duration
}

var _ scs.CtxStore = (*vault)(nil)

// current is what a request knows of the session that it is in.
type current struct {
	visit  Visit
	found  Session // as it was loaded; zero: there was none
	person string  // whose it is when it is recorded
	ended  bool    // somebody ended it meanwhile
}

type currentKey struct{}

// currentOf gives the context's; an empty one where Load was not called.
func currentOf(ctx context.Context) *current {
	if cur, ok := ctx.Value(currentKey{}).(*current); ok {
		return cur
	}
	return &current{visit: visitOf(ctx)}
}

// hashToken is under which a session is recorded.
func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// FindCtx gives the data of a session that has not expired.
func (v *vault) FindCtx(ctx context.Context, token string) ([]byte, bool, error) {
	list, err := v.store.Sessions(ctx, SessionQuery{Hash: hashToken(token)})
	if err != nil || len(list) != 1 || !v.now().Before(list[0].Expires) {
		return nil, false, err
	}
	currentOf(ctx).found = list[0]
	return list[0].Data, true, nil
}

// CommitCtx records a session: the one that was found if it is still there, or a new one. When it expires is reckoned here,
// since the library's own reckoning goes by another clock.
func (v *vault) CommitCtx(ctx context.Context, token string, data []byte, _ time.Time) error {
	cur, now := currentOf(ctx), v.now().UTC()
	until, err := expiry(data, now, v.idle)
	if err != nil {
		return err
	}
	s := Session{
		Hash: hashToken(token), Person: cur.person, Data: data, Expires: until, At: now, Seen: now,
		Agent: shortAgent(cur.visit.Agent), Address: shortAgent(cur.visit.Address),
	}
	if s.Hash == cur.found.Hash {
		s.Name, s.At = cur.found.Name, cur.found.At
		there, err := v.store.KeepSession(ctx, s)
		if err != nil {
			return err
		}
		cur.found, cur.ended = s, !there
		return nil
	}
	s.Name = newSecret(nameLength)
	most := maxSessions
	if s.Person == "" {
		most = maxAnonymous
	}
	if err := v.store.AddSession(ctx, s, most); err != nil {
		return err
	}
	cur.found, cur.ended = s, false
	return nil
}

// nameLength is that of a session's public name, in characters of five bits.
const nameLength = 16

// shortAgent keeps a browser's words from filling the store, and what is no text out of it.
func shortAgent(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(s, "�"))
	if r := []rune(s); len(r) > 200 {
		return string(r[:200])
	}
	return s
}

// DeleteCtx ends a session.
func (v *vault) DeleteCtx(ctx context.Context, token string) error {
	if token == "" { // there is none yet
		return nil
	}
	_, err := v.store.EndSessions(ctx, SessionQuery{Hash: hashToken(token)})
	return err
}

// Find is FindCtx for callers without a context, of which scs has none.
func (v *vault) Find(token string) ([]byte, bool, error) {
	return v.FindCtx(context.Background(), token)
}

// Commit is CommitCtx likewise.
func (v *vault) Commit(token string, data []byte, expiry time.Time) error {
	return v.CommitCtx(context.Background(), token, data, expiry)
}

// Delete is DeleteCtx likewise.
func (v *vault) Delete(token string) error { return v.DeleteCtx(context.Background(), token) }
