// Package migrations holds the SQL that brings a database from any earlier schema to the one of ent/schema: one folder
// per dialect, applied in order at start. The files are generated (see the diff folder) and, once released, never
// changed; atlas.sum makes a change to one of them fail the test of package store.
package migrations

import "embed"

// SQLite has the folder sqlite with the migrations for SQLite.
//
//go:embed sqlite/*.sql
var SQLite embed.FS
