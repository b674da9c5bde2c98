package people

import (
	"context"
	"time"

	"github.com/alexedwards/scs/v2"

	"github.com/weirmesh/weir/server/auth"
)

// still gives who is signed in in a session now. Asking on somebody's behalf who uses it (auth.InUse) is a use of the session:
// whoever watches a page that is kept current through a socket sends no requests, and must not be signed out in front of it.
func (s *Sessions) still(ctx context.Context, id auth.Identity) (auth.Identity, error) {
	now, err := s.directory.identity(ctx, id.ID)
	if err != nil || id.Session == "" {
		return now, err
	}
	list, err := s.store.Sessions(ctx, SessionQuery{Name: id.Session})
	if err != nil {
		return auth.Identity{}, err
	}
	if len(list) != 1 || list[0].Person != id.ID || !s.now().Before(list[0].Expires) {
		return auth.Identity{}, errGone()
	}
	if auth.Used(ctx) {
		if err := s.touch(ctx, list[0]); err != nil {
			return auth.Identity{}, err
		}
	}
	now.Session = id.Session
	return now, nil
}

// touch writes down that a session is used, at most once in touchEvery.
func (s *Sessions) touch(ctx context.Context, one Session) error {
	now := s.now()
	if now.Sub(one.Seen) < touchEvery {
		return nil
	}
	until, err := expiry(one.Data, now, s.idle)
	if err != nil {
		return err
	}
	one.Seen, one.Expires = now.UTC(), until
	there, err := s.store.KeepSession(ctx, one)
	if err == nil && !there {
		return errGone()
	}
	return err
}

// expiry is when a session ends that is used now and not again: after the idle time, or when its longest life ends, which its
// data have had since it began, if that is sooner.
func expiry(data []byte, now time.Time, idle time.Duration) (time.Time, error) {
	deadline, _, err := scs.GobCodec{}.Decode(data)
	if err != nil {
		return time.Time{}, err
	}
	until := now.Add(idle)
	if deadline.Before(until) {
		until = deadline
	}
	return until.UTC(), nil
}
