package auth

import (
	"context"
	"time"
)

type (
	key     struct{}
	renewal struct{}
	cause   struct{}
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

// Still is Can, asked again of whoever asks now: whose session ended or whose token was revoked since is nobody, and what
// was taken away is gone. Errors: as Can's, and those of finding out.
func Still(ctx context.Context, v Verb, r Resource) error {
	if again, ok := ctx.Value(renewal{}).(func(context.Context) (Identity, error)); ok {
		id, err := again(ctx)
		if err != nil {
			return err
		}
		ctx = With(ctx, id)
	}
	return Can(ctx, v, r)
}
