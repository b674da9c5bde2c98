// Package ent is the object-relational code that ent generates from the hand-written ent/schema. Only server/store
// uses it. After a change in ent/schema run `go generate ./ent`, then write the migration with
// `go run ./server/store/migrations/diff NAME`; commit what both produce.
package ent

//go:generate go tool ent generate --feature sql/execquery ./schema
