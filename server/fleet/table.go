package fleet

import (
	"context"
	"time"
)

// Table is where replicas tell each other what they know: a row for each. All errors are mesh.Unavailable unless they say
// otherwise; then nothing is known of what was written.
type Table interface {
	// SaveReplica writes that a replica lives, with its state unless that is nil, and gives the database's time.
	SaveReplica(ctx context.Context, row Row) (now time.Time, err error)
	// SaveCounts replaces what its proxies counted; nothing happens when it has no row.
	SaveCounts(ctx context.Context, id string, seq int64, counts []byte) error
	// Replicas lists the rows without their documents, this process' own one too.
	Replicas(ctx context.Context) ([]Row, error)
	// Document reads the state or the counts of a row with their number. Error: mesh.NotFound when there is no such row.
	Document(ctx context.Context, id string, counts bool) (seq int64, document []byte, err error)
	// DropReplicas removes one row, and those that were not written for as long as stale.
	DropReplicas(ctx context.Context, id string, stale time.Duration) error
}

// Row is what one replica tells the others.
type Row struct {
	ID      string // new with every start
	Name    string // stays the same
	Version string // Weir's
	Started time.Time
	Age     time.Duration // since it was last written, by the database's clock; never negative

	StateSeq  int64 // grows with every State
	CountsSeq int64
	State     []byte // only when it is written; nil leaves the one before
}
