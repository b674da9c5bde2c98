// Package migrations holds the SQL that brings a database from any earlier schema to the one of ent/schema: one folder
// per dialect, applied in order at start. The files are generated (see the diff folder) and, once released, never
// changed; atlas.sum makes a change to one of them fail the test of package store.
package migrations

import (
	"embed"
	"maps"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"

	"github.com/weirmesh/weir/ent/migrate"
)

// SQLite has the folder sqlite with the migrations for SQLite.
//
//go:embed sqlite/*.sql
var SQLite embed.FS

// Postgres has the folder postgres with the migrations for PostgreSQL.
//
//go:embed postgres/*.sql
var Postgres embed.FS

// Tables gives what ent/schema asks for of a dialect, in ent's words. PostgreSQL would reorder the keys of documents that it
// stores as jsonb, and would sort text as the language of the database does: here documents are kept as they were written,
// which the ledger's hashes need, and text sorts by its bytes, as in SQLite, which IDs need.
func Tables(of string) ([]*schema.Table, error) {
	if of != dialect.Postgres {
		return migrate.Tables, nil
	}
	tables, err := schema.CopyTables(migrate.Tables)
	if err != nil {
		return nil, err
	}
	for _, t := range tables {
		for _, c := range t.Columns {
			switch c.Type {
			case field.TypeJSON:
				c.SchemaType = maps.Clone(c.SchemaType)
				if c.SchemaType == nil {
					c.SchemaType = map[string]string{}
				}
				c.SchemaType[dialect.Postgres] = "json"
			case field.TypeString:
				c.Collation = "C"
			}
		}
	}
	return tables, nil
}
