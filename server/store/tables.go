package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"entgo.io/ent/dialect"
	"entgo.io/ent/dialect/sql/schema"
	"entgo.io/ent/schema/field"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store/archive"
	"github.com/weirmesh/weir/server/store/migrations"
)

// passing tells whether a table is of running processes or of people's browsers: a backup does not have it. Sessions that
// were ended would otherwise come back with it.
func passing(table string) bool {
	return slices.Contains([]string{"leases", "notices", "replicas", "sessions"}, table)
}

// table is one that a backup has, with the columns that a database has of it.
type table struct {
	name    string
	columns []column
	key     []string // its primary key, by which it is read
	counted bool     // the database numbers its rows
}

type column struct {
	name string
	of   archive.Type
}

func (t table) names() []string {
	names := make([]string, len(t.columns))
	for i, c := range t.columns {
		names[i] = c.name
	}
	return names
}

func (t table) types() []archive.Type {
	types := make([]archive.Type, len(t.columns))
	for i, c := range t.columns {
		types[i] = c.of
	}
	return types
}

// tablesIn lists what a backup has of a database, in an order in which rows come after those that they refer to.
func tablesIn(ctx context.Context, db querier, of string) ([]table, error) {
	known, err := migrations.Tables(of)
	if err != nil {
		return nil, err
	}
	var list []table
	for _, k := range inOrder(known) {
		if passing(k.Name) {
			continue
		}
		there, err := columnsIn(ctx, db, of, k.Name)
		if err != nil {
			return nil, err
		}
		if len(there) == 0 {
			continue // the schema is from before it
		}
		t, err := tableOf(k, there)
		if err != nil {
			return nil, err
		}
		list = append(list, t)
	}
	return list, nil
}

// inOrder puts a table after those that its foreign keys name.
func inOrder(tables []*schema.Table) []*schema.Table {
	var out []*schema.Table
	var put func(t *schema.Table)
	put = func(t *schema.Table) {
		if slices.ContainsFunc(out, func(o *schema.Table) bool { return o.Name == t.Name }) {
			return
		}
		for _, k := range t.ForeignKeys {
			if k.RefTable.Name != t.Name {
				put(k.RefTable)
			}
		}
		out = append(out, t)
	}
	for _, t := range tables {
		put(t)
	}
	return out
}

func tableOf(k *schema.Table, there []string) (table, error) {
	t := table{name: k.Name}
	for _, c := range k.Columns {
		if !slices.Contains(there, c.Name) {
			continue // the schema is from before it
		}
		there = slices.DeleteFunc(there, func(name string) bool { return name == c.Name })
		of, err := typeOf(c.Type)
		if err != nil {
			return t, fmt.Errorf("column %s of %s: %w", c.Name, k.Name, err)
		}
		t.columns = append(t.columns, column{c.Name, of})
	}
	if len(there) > 0 {
		return t, mesh.Errorf(mesh.Unavailable, "table %s has columns that this Weir does not know (%s): use the version that made them", k.Name, strings.Join(there, ", "))
	}
	for _, c := range k.PrimaryKey {
		t.key = append(t.key, c.Name)
		t.counted = t.counted || c.Increment
	}
	return t, nil
}

func typeOf(of field.Type) (archive.Type, error) {
	switch of {
	case field.TypeString:
		return archive.Text, nil
	case field.TypeInt, field.TypeInt64:
		return archive.Int, nil
	case field.TypeBool:
		return archive.Bool, nil
	case field.TypeBytes:
		return archive.Bytes, nil
	case field.TypeJSON:
		return archive.JSON, nil
	case field.TypeTime:
		return archive.Time, nil
	}
	return 0, fmt.Errorf("a backup cannot carry values of type %s", of)
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
}

func columnsIn(ctx context.Context, db querier, of, table string) ([]string, error) {
	query := "SELECT name FROM pragma_table_info(?)"
	if of == dialect.Postgres {
		query = "SELECT column_name::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = $1"
	}
	return texts(ctx, db, query, table)
}

// texts gives the first column of an answer.
func texts(ctx context.Context, db querier, query string, args ...any) ([]string, error) {
	rows, err := db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []string
	for rows.Next() {
		var s string
		if err := rows.Scan(&s); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, rows.Err()
}

// number gives the one number of an answer; zero when it is null.
func number(ctx context.Context, db querier, query string) (n int64, err error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return 0, err
	}
	defer rows.Close()
	for rows.Next() {
		var v sql.NullInt64
		if err := rows.Scan(&v); err != nil {
			return 0, err
		}
		n = v.Int64
	}
	return n, rows.Err()
}

func quoted(names []string) string { return `"` + strings.Join(names, `", "`) + `"` }

// readAll reads a table in the order of its key.
func (t table) readAll(ctx context.Context, db querier, take func(row []any) error) error {
	rows, err := db.QueryContext(ctx, "SELECT "+quoted(t.names())+" FROM "+quoted([]string{t.name})+" ORDER BY "+quoted(t.key)) //nolint:gosec // names of the schema
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row, err := t.scan(rows)
		if err != nil {
			return fmt.Errorf("read table %s: %w", t.name, err)
		}
		if err := take(row); err != nil {
			return err
		}
	}
	return rows.Err()
}

func (t table) scan(rows *sql.Rows) ([]any, error) {
	to := make([]any, len(t.columns))
	for i, c := range t.columns {
		switch c.of {
		case archive.Text:
			to[i] = new(sql.NullString)
		case archive.Int:
			to[i] = new(sql.NullInt64)
		case archive.Bool:
			to[i] = new(sql.NullBool)
		case archive.Bytes, archive.JSON:
			to[i] = new([]byte)
		case archive.Time:
			to[i] = new(sql.NullTime)
		}
	}
	if err := rows.Scan(to...); err != nil {
		return nil, err
	}
	row := make([]any, len(to))
	for i := range to {
		switch v := to[i].(type) {
		case *sql.NullString:
			if v.Valid {
				row[i] = v.String
			}
		case *sql.NullInt64:
			if v.Valid {
				row[i] = v.Int64
			}
		case *sql.NullBool:
			if v.Valid {
				row[i] = v.Bool
			}
		case *sql.NullTime:
			if v.Valid {
				row[i] = v.Time
			}
		case *[]byte:
			if *v != nil && t.columns[i].of == archive.JSON {
				row[i] = string(*v) // its text is kept, to the letter
			} else if *v != nil {
				row[i] = *v
			}
		}
	}
	return row, nil
}
