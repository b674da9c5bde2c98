// Command diff writes the next migration of each dialect: what is missing between the migrations so far, replayed on an
// empty database, and ent/schema. It needs PostgreSQL (`make postgres`, or $WEIR_TEST_POSTGRES). Run it from the root of
// the checkout:
//
//	go run ./server/store/migrations/diff NAME
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ariga.io/atlas/sql/sqltool"
	"entgo.io/ent/dialect"
	entsql "entgo.io/ent/dialect/sql"
	"entgo.io/ent/dialect/sql/schema"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // the driver "sqlite"

	"github.com/weirmesh/weir/server/store/migrations"
	"github.com/weirmesh/weir/server/store/postgres"
	"github.com/weirmesh/weir/server/store/postgrestest"
)

const root = "server/store/migrations"

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: go run ./server/store/migrations/diff NAME")
		os.Exit(2)
	}
	if err := run(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "diff:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, name string) error {
	db, err := sql.Open("sqlite", "file:diff?mode=memory&cache=shared&_pragma=foreign_keys(1)")
	if err != nil {
		return err
	}
	defer db.Close()
	if err := diff(ctx, dialect.SQLite, db, name); err != nil {
		return err
	}
	server, err := postgrestest.Start(postgrestest.Options{})
	if err != nil {
		return err
	}
	return errors.Join(onPostgres(ctx, server, name), server.Close())
}

func onPostgres(ctx context.Context, server *postgrestest.Server, name string) error {
	const scratch = "weir_diff"
	if err := server.Exec("CREATE DATABASE " + scratch + " TEMPLATE template0"); err != nil {
		return err
	}
	config, err := pgx.ParseConfig(server.URL(scratch))
	if err != nil {
		return err
	}
	db := postgres.Open(config, 0)
	err = diff(ctx, dialect.Postgres, db, name)
	return errors.Join(err, db.Close(), server.Exec("DROP DATABASE "+scratch))
}

func diff(ctx context.Context, of string, db *sql.DB, name string) error {
	dir, err := sqltool.NewGooseDir(filepath.Join(root, folder(of)))
	if err != nil {
		return err
	}
	tables, err := migrations.Tables(of)
	if err != nil {
		return err
	}
	m, err := schema.NewMigrate(entsql.OpenDB(of, db),
		schema.WithDir(dir),
		schema.WithFormatter(sqltool.GooseFormatter),
		schema.WithMigrationMode(schema.ModeReplay),
		schema.WithDropColumn(true),
		schema.WithDropIndex(true),
	)
	if err != nil {
		return err
	}
	return m.NamedDiff(ctx, name, tables...)
}

func folder(of string) string {
	if of == dialect.Postgres {
		return "postgres"
	}
	return "sqlite"
}
