// Package schema is what Weir keeps in its database, written by hand; ent generates the rest of package ent from it.
//
// The ledger (Change, Edit) is append-only: what a change set never changes after it was recorded, only how far it got
// and whether it still stands. Object and Mesh are the newest state, carried along in the same transaction so that
// starting does not mean replaying the ledger; their version and revision are what compare-and-set compares.
package schema
