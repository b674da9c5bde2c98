// Command diff writes the next migration: what is missing between the migrations so far, replayed on an empty
// database, and ent/schema. Run it from the root of the checkout:
//
//	go run ./server/store/migrations/diff NAME
package main

import (
	"context"
	"database/sql"
	"fmt"
	"os"

	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/weirmesh/weir/ent/migrate"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./server/store/migrations/diff NAME")
		os.Exit(2)
	}
	if err := run(context.Background(), "server/store/migrations/sqlite", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "diff:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, folder, name string) error {
	dir, err := sqltool.NewGooseDir(folder)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", "file:diff?mode=memory&cache=shared&_pragma=foreign_keys(1)")
	if err != nil {
		return err
	}
	defer db.Close()
	diff, err := schema.NewMigrate(entsql.OpenDB(dialect.SQLite, db),
		schema.WithDir(dir),
		schema.WithFormatter(sqltool.GooseFormatter),
		schema.WithMigrationMode(schema.ModeReplay),
		schema.WithDropColumn(true),
		schema.WithDropIndex(true),
	)
	if err != nil {
		return err
	}
	return diff.NamedDiff(ctx, name, migrate.Tables...)
}
