package store

import (
	"context"
	"database/sql"
	"errors"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/weirmesh/weir/server/mesh"
)

// pgFacts is what is looked at before anything is written.
type pgFacts struct {
	version                   int    // server_version_num
	release                   string // for people
	encoding, commit, fsync   string
	schema                    sql.NullString // where tables go; null: there is no such place
	standby, readOnly, create bool
}

const askFacts = `SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding'),
	current_setting('synchronous_commit'), current_setting('fsync'), current_schema(), pg_is_in_recovery(),
	current_setting('transaction_read_only') = 'on',
	COALESCE(has_schema_privilege(current_user, current_schema(), 'CREATE'), false)`

func (e *pgEngine) look(ctx context.Context, db *sql.DB) (f pgFacts, err error) {
	err = db.QueryRowContext(ctx, askFacts).Scan(&f.version, &f.release, &f.encoding, &f.commit, &f.fsync, &f.schema, &f.standby, &f.readOnly, &f.create)
	return f, err
}

// suits refuses a database that cannot hold what Weir writes.
func (e *pgEngine) suits(f pgFacts) error {
	switch {
	case f.version < oldestPostgres:
		return mesh.Errorf(mesh.Unavailable, "%s is of PostgreSQL %s: Weir needs version 15 or a newer one", e.name, f.release)
	case f.encoding != "UTF8":
		return mesh.Errorf(mesh.Unavailable, "%s keeps text as %s: create one with ENCODING 'UTF8'", e.name, f.encoding)
	case f.standby:
		return mesh.Errorf(mesh.Unavailable, "%s is a standby, which takes no writes: name the primary, or several hosts with target_session_attrs=read-write", e.name)
	case f.readOnly:
		return mesh.Errorf(mesh.Unavailable, "%s is read-only for %s: give this role the right to write (default_transaction_read_only = off)", e.name, e.config.User)
	case !f.schema.Valid:
		return mesh.Errorf(mesh.Unavailable, "%s has no schema that tables go to: create the one that search_path names", e.name)
	case !f.create:
		return mesh.Errorf(mesh.Unavailable, "%s: %s may not create tables in schema %s: make it the owner of the database (ALTER DATABASE … OWNER TO), or GRANT CREATE ON SCHEMA",
			e.name, e.config.User, f.schema.String)
	}
	return nil
}

// ours refuses a database in which another program has its tables.
func (e *pgEngine) ours(ctx context.Context, db *sql.DB, files fs.FS) error {
	var tables sql.NullString
	var versioned bool
	err := db.QueryRowContext(ctx, `SELECT string_agg(c.relname, ', ' ORDER BY c.relname), COALESCE(bool_or(c.relname = 'goose_db_version'), false)
		FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
		AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`).Scan(&tables, &versioned)
	if err != nil || !tables.Valid {
		return err
	}
	if versioned {
		names, err := fs.Glob(files, "*.sql")
		if err != nil {
			return err
		}
		first, _, _ := strings.Cut(names[0], "_")
		var known bool
		// A start that was cut off may have left the table of versions alone, with its row of zero.
		err = db.QueryRowContext(ctx, "SELECT bool_or(version_id::text = $1) OR max(version_id) = 0 OR count(*) = 0 FROM goose_db_version", first).Scan(&known)
		if err != nil || known {
			return err
		}
	}
	return mesh.Errorf(mesh.Unavailable, "%s holds tables of another program (%s): give Weir a database of its own, or a schema with search_path",
		e.name, mesh.Shorten(tables.String))
}

// oneLine is an error of several lines as one.
type oneLine struct{ error }

// Error gives the line.
func (o oneLine) Error() string { return strings.Join(strings.Fields(o.error.Error()), " ") }

// Unwrap gives what it was.
func (o oneLine) Unwrap() error { return o.error }

func (e *pgEngine) fault(doing string, err error) error {
	err = oneLine{err}
	reason, answered := errors.AsType[*pgconn.PgError](err)
	if !answered {
		if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
			return mesh.Errorf(mesh.Unavailable, "%s: %s cannot be reached: check that PostgreSQL runs there and that nothing is in between: %w", doing, e.name, err)
		}
		return mesh.Errorf(mesh.Unavailable, "%s: the connection to %s was lost: try again: %w", doing, e.name, err)
	}
	if code, says := e.words(reason); says != "" {
		return mesh.Errorf(code, "%s: %s %s: %w", doing, e.name, says, err)
	}
	return mesh.Errorf(mesh.Internal, "%s: %s failed: %w", doing, e.name, err)
}

// words says what an answer of the server means; "" when it is of no use to a person.
func (e *pgEngine) words(reason *pgconn.PgError) (mesh.Code, string) {
	switch reason.Code {
	case "28P01", "28000":
		return mesh.Unavailable, "does not let " + e.config.User + " in: check the name, the password and the server's pg_hba.conf"
	case "3D000":
		return mesh.Unavailable, "does not exist: create it, or name another"
	case "42501":
		return mesh.Unavailable, "does not give " + e.config.User + " the right to do this: make it the owner of the database"
	case "53300":
		return mesh.Unavailable, "has no connection to spare: raise its max_connections (each Weir takes up to 16)"
	case "25006":
		return mesh.Unavailable, "is read-only, perhaps since another server became the primary: nothing was recorded; try again when it takes writes"
	case "53100":
		return mesh.Unavailable, "has no disk space left: nothing was recorded; make room and try again"
	case "57P01", "57P02", "57P03":
		return mesh.Unavailable, "is starting or stopping: try again"
	case "55P03", "40P01", "40001", "57014", "25P03":
		return mesh.Unavailable, "was busy for too long: nothing was recorded; try again"
	case "22021", "22P05":
		return mesh.Invalid, "cannot keep a text with a NUL character or one that is not UTF-8: leave it out"
	case "54000":
		return mesh.Invalid, "cannot keep names that are this long: shorten them"
	case "XX001", "XX002":
		return mesh.Unavailable, "is damaged: restore it from a backup"
	case "42P01", "42703":
		return mesh.Unavailable, "has lost tables that Weir made: restore it from a backup, or name another database"
	}
	return mesh.Internal, ""
}

// connected gives a connection of its own.
func (e *pgEngine) connected(ctx context.Context) (*pgx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, e.config.ConnectTimeout)
	defer cancel()
	return pgx.ConnectConfig(ctx, e.config)
}
