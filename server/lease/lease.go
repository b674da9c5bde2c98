// Package lease lets one of several replicas do what only one may do. A lease is a row in the database with an epoch that
// grows when it changes hands; the database's clock says when it ends. Writes made under a lease carry its epoch in their
// context, and the store refuses those of an earlier one: a replica that froze and thaws does no harm.
//
// The package decides when to act and when to stop; it knows nothing of what is done.
package lease

import (
	"context"
	"errors"
	"time"
)

// ErrFenced is in the chain of the error that a write under a lease leads to which somebody else has taken over.
var ErrFenced = errors.New("another replica has taken over")

// Token is what a write under a lease carries.
type Token struct {
	Name  string
	Epoch int64
}

type key struct{}

// With gives a context whose writes are made under a lease.
func With(ctx context.Context, t Token) context.Context { return context.WithValue(ctx, key{}, t) }

// From gives the lease that a context's writes are made under; ok is false when there is none, and then they are not fenced.
func From(ctx context.Context) (t Token, ok bool) {
	t, ok = ctx.Value(key{}).(Token)
	return t, ok
}

// Table is where leases are kept.
type Table interface {
	// TakeLease takes a lease if nobody else has it, under a new epoch; 0: somebody has it. A holder that does not know
	// that it has it, since the answer was lost, takes it again.
	TakeLease(ctx context.Context, name, holder string, ttl time.Duration) (epoch int64, err error)
	// RenewLease keeps it for another ttl; false: it is no longer held under this epoch.
	RenewLease(ctx context.Context, t Token, ttl time.Duration) (bool, error)
	// ReleaseLease gives it back; its epoch is over.
	ReleaseLease(ctx context.Context, t Token) error
}
