// Package change is the one door through which a mesh is changed: propose, validate, record revision and audit in one
// transaction, apply, watch it become programmed and observed, undo. It knows nothing of HTTP or of databases.
package change

import (
	"context"
	"errors"
	"time"

	"github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
	"github.com/weirmesh/weir/server/provider"
)

// State is where a change stands in people's hands.
type State string

// The states of a change.
const (
	Pending    State = "pending"    // carries a deadline and has not been confirmed
	Kept       State = "kept"       // stands
	Reverted   State = "reverted"   // its deadline passed, or somebody reverted it: the state before is restored
	Undone     State = "undone"     // a later change took it back
	Superseded State = "superseded" // later changes replaced all that it set
	// Waiting is no entry of the ledger yet: it waits for a second person, or a dry run of it would.
	Waiting State = "waiting"
)

// Change is one entry of the ledger. Its three truths are Accepted, Programmed and Observed.
type Change struct {
	ID         string      `json:"id"` // sorts by time
	Mesh       string      `json:"mesh"`
	Kind       mesh.Kind   `json:"kind"` // of the one object, or KindMesh when several objects changed
	Name       string      `json:"name"` // of the one object, or the mesh's name
	Objects    []mesh.Ref  `json:"objects"`
	Summary    string      `json:"summary"` // one sentence: "reviews/primary: reviews-v2 25 % → 50 %"
	Author     string      `json:"author"`
	Reason     string      `json:"reason,omitempty"`
	At         time.Time   `json:"at"`
	Diff       string      `json:"diff"` // unified, of the objects' YAML
	Undoes     string      `json:"undoes,omitempty"`
	UndoneBy   string      `json:"undoneBy,omitempty"`
	DryRun     bool        `json:"dryRun,omitempty"` // nothing was recorded
	Accepted   *Accepted   `json:"accepted,omitempty"`
	Programmed *Programmed `json:"programmed,omitempty"`
	Observed   *Observed   `json:"observed,omitempty"`
	ConfirmBy  *time.Time  `json:"confirmBy,omitempty"`
	// ConfirmedBy is who confirmed a change that carried a deadline.
	ConfirmedBy string `json:"confirmedBy,omitempty"`
	State       State  `json:"state"`
	// Version counts the times that the recorded entry's truths or state were replaced, from 1: who replaces them says which
	// they looked at. Zero: it is not recorded.
	Version int64 `json:"-"`
	// Plan is what was forecast when the change was proposed; its shifts carry what was measured afterwards.
	Plan *plan.Plan `json:"plan,omitempty"`
	// Breaches are the guard rails that a dry run ran into, or that Override went over.
	Breaches []guard.Breach `json:"breaches,omitempty"`
	// Override is the reason given for going over guard rails.
	Override string `json:"override,omitempty"`
	// Rollout is the canary rollout that made the change; empty: a person did.
	Rollout string `json:"rollout,omitempty"`
	// ApprovedBy is the second person, where the mesh asks for one.
	ApprovedBy string `json:"approvedBy,omitempty"`
	// Waits is the proposal that a change became, when State is Waiting: nothing of it is in effect.
	Waits *Approval `json:"waits,omitempty"`
	// Hash chains the entry to the one before it, in hexadecimal: whoever alters an entry breaks the chain.
	Hash string `json:"hash,omitempty"`
	// Note says in words what of a change was not taken back at its deadline, and why; on both entries.
	Note string `json:"note,omitempty"`
	// Timeline is when its truths and its state moved, oldest first, at most 40 moments.
	Timeline []Moment `json:"timeline,omitempty"`
}

// Accepted is the first truth: valid, recorded, handed to the mesh.
type Accepted struct {
	Revision int64     `json:"revision"`
	At       time.Time `json:"at"`
}

// Programmed is the second truth: how many proxies run it.
type Programmed struct {
	Acked    int                  `json:"acked"`
	Total    int                  `json:"total"`
	At       *time.Time           `json:"at,omitempty"` // when every proxy had answered
	Rejected []provider.Rejection `json:"rejected"`
}

// Observed is the third truth: what traffic does since every proxy has the change.
type Observed struct {
	Window   string           `json:"window"`           // the time measured, "10s"
	Requests int64            `json:"requests"`         // in the window
	Errors   int64            `json:"errors"`           // of those
	Shares   map[string]Share `json:"shares,omitempty"` // by target, when the change set weights
	Agrees   *bool            `json:"agrees,omitempty"` // absent while there is too little to say
	Note     string           `json:"note,omitempty"`   // what limits the measurement, in words
	Before   *Reading         `json:"before,omitempty"` // the traffic just before the change
	After    *Reading         `json:"after,omitempty"`  // and over the same time since every proxy had it
}

// Reading is what traffic was like for a while, summed over what a change is about.
type Reading struct {
	Window     string  `json:"window"` // "30s"
	Requests   int64   `json:"requests"`
	ErrorRatio float64 `json:"errorRatio"` // 0 to 1
	P50        float64 `json:"p50"`        // seconds, of answered requests; zero: none were
	P95        float64 `json:"p95"`
}

// Share is one target's part of the traffic with a 95 % Wilson interval; all are 0 to 1.
type Share struct {
	Want float64 `json:"want"`
	Got  float64 `json:"got"`
	Low  float64 `json:"low"`
	High float64 `json:"high"`
}

// Proposal is what somebody wants changed.
type Proposal struct {
	Mesh   string
	Author string
	Reason string
	Patch  mesh.Patch
	// Base holds, for objects that must not have changed since they were read, the version that was read; zero means
	// "must not exist". Objects that are not named are not checked.
	Base map[mesh.Ref]int64
	// IdempotencyKey makes a repeated proposal answer with the first one's change. Empty: none.
	IdempotencyKey string
	// ConfirmWithin reverts the change unless it is confirmed within that time. Zero: it stands at once.
	ConfirmWithin time.Duration
	DryRun        bool
	Undoes        string // the change that this one takes back
	// Override is the reason for going over guard rails; empty: they hold.
	Override string
	// Emergency is the reason for not waiting for a second person, which takes auth.Govern; empty: it waits.
	Emergency string
	// Rollout is the canary rollout on whose behalf the change is made; empty: a person's.
	Rollout string
	// Back says that a rollout takes its own steps back: guard rails do not stop it.
	Back bool
}

// Stored is an object with its version: 1 when first recorded, one more with every change.
type Stored struct {
	Object  mesh.Object
	Version int64
}

// Record is what the ledger keeps of a change: the entry, and each touched object before and after.
type Record struct {
	Change Change
	Edits  []Edit
	Key    string // idempotency key
	Digest string // of the proposal, to tell a repeat from a different proposal under the same key
	// Moves are the earlier entries whose state changes because of this one, recorded in the same transaction. Only
	// Append reads them; Records leaves them empty.
	Moves []Move
	// Approves is the proposal that became this entry, approved in the same transaction if it still waits: mesh.Conflict
	// (ErrDecided) otherwise. Nil: none. Only Append reads it.
	Approves *Approval
}

// Edit is one object's step. Before or After is nil when the object did not exist.
type Edit struct {
	Ref           mesh.Ref
	Before, After mesh.Object
	Version       int64 // after
}

// Store is what the door needs of a database. Every method is atomic, and what Append returned survives kill -9.
type Store interface {
	// Meshes gives every mesh, or those of some names, with its newest revision, and the version of each object.
	Meshes(ctx context.Context, only ...string) ([]Current, error)
	// Append records a revision and its audit entry in one transaction if base is still the mesh's revision (mesh.Conflict
	// otherwise, mesh.Unavailable when the disk is full) and numbers it base+1. It gives the entries that its Moves moved, as
	// they are now.
	Append(ctx context.Context, base int64, r Record) (moved []Change, err error)
	// Update replaces, all in one transaction, what may change in entries: truths, state, UndoneBy, ConfirmBy, ConfirmedBy,
	// Note and Timeline, and raises their versions by one. Nothing is replaced when one of them is not at the version any more
	// that the list has it at: mesh.Conflict (ErrMoved).
	Update(ctx context.Context, list ...Change) error
	// Records finds ledger entries, newest first.
	Records(ctx context.Context, q Query) ([]Record, error)
	// MeshAt gives a mesh as it was recorded at a moment. One that was not there then is no error.
	MeshAt(ctx context.Context, name string, at time.Time) (Past, error)
}

// ErrStale is in the chain of the conflict that a Base which no longer holds leads to.
var ErrStale = errors.New("the object changed since it was read")

// ErrMoved is in the chain of the conflict that replacing an entry's state or truths leads to which are not those any more
// that were looked at.
var ErrMoved = errors.New("the entry moved on since it was read")

// Current is a mesh as last recorded.
type Current struct {
	Name     string    // of the mesh, also when it was deleted
	Mesh     mesh.Mesh // the zero Mesh when it was deleted
	Revision int64
	// Versions also has the objects that were deleted, whose versions keep growing; Mesh says which exist.
	Versions map[mesh.Ref]int64
	// Changed is the ID of the change that made each version.
	Changed map[mesh.Ref]string
}

// Query selects ledger entries. Zero fields do not restrict.
type Query struct {
	ID, Mesh, Key string
	Object        mesh.Ref
	State         State
	AfterRevision int64     // entries of a later revision of the mesh
	Heads         bool      // only the newest entry of each mesh
	Before        string    // entries older than this ID
	Since         string    // entries newer than this ID
	Oldest        bool      // the oldest first instead of the newest
	After, Until  time.Time // recorded after the first and up to the second
	Limit         int       // 100 when zero
	NoEdits       bool      // leaves Record.Edits empty
}

// Traffic answers how many requests went where; the live aggregator is one.
type Traffic interface {
	// Counts gives the counters of every edge of a mesh.
	Counts(mesh string) []mesh.EdgeCount
}
