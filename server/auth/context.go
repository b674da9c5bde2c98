package auth

import (
	"context"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

type (
	key     struct{}
	renewal struct{}
	cause   struct{}
	use     struct{}
)

// With names in a context who asks.
func With(ctx context.Context, id Identity) context.Context { return context.WithValue(ctx, key{}, id) }

// From gives who asks; false: nobody is named.
func From(ctx context.Context) (Identity, bool) {
	id, ok := ctx.Value(key{}).(Identity)
	return id, ok
}

// Without notes why nobody is named: Can answers with it. Nil: nobody tried to prove who they are.
func Without(ctx context.Context, why error) context.Context {
	return context.WithValue(ctx, cause{}, why)
}

// Away is in the chain of the mesh.Unavailable for whoever cannot be recognised, because what knows them is out of reach.
type Away struct {
	Since time.Time // when that was noticed
	Cause error
}

// Error says since when.
func (a Away) Error() string { return "out of reach since " + a.Since.UTC().Format(time.RFC3339) }

// Unwrap gives the cause.
func (a Away) Unwrap() error { return a.Cause }

// WithRenewal adds how it is found out who asks now, for what goes on longer than a request: sockets and streams.
func WithRenewal(ctx context.Context, again func(context.Context) (Identity, error)) context.Context {
	return context.WithValue(ctx, renewal{}, again)
}

// InUse marks what is asked with a context as somebody's doing, so that asking (Still) keeps their session from idling out: a
// socket's messages while its page is looked at, not the pings of a page that nobody sees.
func InUse(ctx context.Context) context.Context { return context.WithValue(ctx, use{}, true) }

// Used tells whether a context is marked so.
func Used(ctx context.Context) bool {
	used, _ := ctx.Value(use{}).(bool)
	return used
}

// findOut is how long finding out who asks now may take.
const findOut = 3 * time.Second

// Still is Can, asked again of whoever asks now: whose session ended or whose token was revoked since is nobody, and what
// was taken away is gone. While what knows that is out of reach (mesh.Unavailable), what was known before holds: whoever
// looks goes on looking through an outage, in which nobody can take rights away either. Errors: as Can's.
func Still(ctx context.Context, v Verb, r Resource) error {
	if again, ok := ctx.Value(renewal{}).(func(context.Context) (Identity, error)); ok {
		bounded, cancel := context.WithTimeout(ctx, findOut)
		defer cancel()
		id, err := again(bounded)
		switch {
		case err == nil:
			ctx = With(ctx, id)
		case mesh.CodeOf(err) != mesh.Unavailable && bounded.Err() == nil:
			return err
		}
	}
	return Can(ctx, v, r)
}
