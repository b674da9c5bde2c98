package store

import (
	"bytes"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// with is the URL with another path or another parameter.
func with(t *testing.T, at, key, value string) string {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	if key == "" {
		u.Path = "/" + value
	} else {
		q := u.Query()
		q.Set(key, value)
		u.RawQuery = q.Encode()
	}
	return u.String()
}

// guarded is the URL of a role with a password, which may connect and no more.
func guarded(t *testing.T, at, password string) string {
	t.Helper()
	return with(t, with(t, at, "user", "guarded"), "password", password)
}

func TestPostgresThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	server := postgresServer(t)
	at := server.Database(t, "")
	if err := server.Exec("DO $$ BEGIN CREATE ROLE guarded LOGIN PASSWORD '" + secret + "'; EXCEPTION WHEN duplicate_object THEN NULL; END $$"); err != nil {
		t.Fatal(err)
	}
	foreign := server.Database(t, "")
	if _, err := plain(t, foreign).ExecContext(t.Context(), "CREATE TABLE orders (id int)"); err != nil {
		t.Fatal(err)
	}
	goose := server.Database(t, "")
	if _, err := plain(t, goose).ExecContext(t.Context(), `CREATE TABLE goose_db_version (id int, version_id bigint, is_applied bool);
		INSERT INTO goose_db_version VALUES (1, 0, true), (2, 17, true); CREATE TABLE customers (id int)`); err != nil {
		t.Fatal(err)
	}
	readOnly := server.Database(t, "")
	latin := "weir_latin"
	if err := server.Exec("CREATE DATABASE " + latin + " TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Exec("DROP DATABASE " + latin) })
	nowhere := (&url.URL{Scheme: "postgres", User: url.UserPassword("weir", secret), Host: "127.0.0.1:1", Path: "/weir"}).String()
	for name, c := range map[string]struct {
		at    string
		code  mesh.Code
		words []string
	}{
		"no URL":           {"postgres://weir:" + secret + "@host:port%zz/x", mesh.Invalid, []string{"postgres://user:password@host:5432/database"}},
		"bad parameter":    {"postgres://weir:" + secret + "@host/x?sslmode=perhaps", mesh.Invalid, []string{"parameters"}},
		"nobody there":     {nowhere, mesh.Unavailable, []string{"weir on 127.0.0.1:1", "cannot be reached"}},
		"no such database": {with(t, at, "", "nobody_made_it"), mesh.Unavailable, []string{"nobody_made_it", "does not exist"}},
		"wrong password":   {guarded(t, at, "wrong"), mesh.Unavailable, []string{"guarded", "password", "pg_hba.conf"}},
		"no right":         {guarded(t, at, secret), mesh.Unavailable, []string{"guarded", "may not create tables", "OWNER TO"}},
		"no schema":        {with(t, at, "search_path", "none"), mesh.Unavailable, []string{"search_path"}},
		"somebody else's":  {foreign, mesh.Unavailable, []string{"another program", "orders"}},
		"another's goose":  {goose, mesh.Unavailable, []string{"another program", "customers"}},
		"read-only":        {with(t, readOnly, "default_transaction_read_only", "on"), mesh.Unavailable, []string{"read-only", "right to write"}},
		"not UTF-8":        {with(t, at, "", latin), mesh.Unavailable, []string{"LATIN1", "UTF8"}},
	} {
		t.Run(name, func(t *testing.T) { refused(t, c.at, c.code, c.words...) })
	}
}

// A server that is too old cannot be run here: what is decided is decided from what it says of itself.
func TestPostgresTooOldOrAStandby(t *testing.T) {
	e, err := newPostgres("postgres://weir@db/weir", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	fine := pgFacts{version: 150003, release: "15.3", encoding: "UTF8", create: true}
	fine.schema.Valid = true
	if err := e.suits(fine); err != nil {
		t.Error(err)
	}
	old, standby := fine, fine
	old.version, old.release, standby.standby = 140011, "14.11", true
	for want, f := range map[string]pgFacts{"PostgreSQL 14.11: Weir needs version 15": old, "standby": standby} {
		if err := e.suits(f); mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestPasswordIsNotLogged(t *testing.T) {
	var log bytes.Buffer
	logger := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	server := postgresServer(t)
	at := with(t, server.Database(t, ""), "password", secret)
	s, err := Open(t.Context(), Options{DatabaseURL: at, Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.Append(t.Context(), 7, record("01", 8))
	if err == nil || strings.Contains(err.Error(), secret) {
		t.Errorf("got %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if text := log.String(); !strings.Contains(text, "schema") || strings.Contains(text, secret) {
		t.Errorf("the log: %s", text)
	}
}

// Several replicas that start at once on an empty database find it as one of them made it.
func TestReplicasStartAtOnce(t *testing.T) {
	t.Parallel()
	at := postgresServer(t).Database(t, "")
	const replicas = 4
	var log bytes.Buffer
	var mu sync.Mutex
	logger := slog.New(slog.NewTextHandler(writer(func(p []byte) (int, error) { mu.Lock(); defer mu.Unlock(); return log.Write(p) }), nil))
	var all sync.WaitGroup
	stores := make([]*Store, replicas)
	for i := range stores {
		all.Go(func() {
			s, err := Open(t.Context(), Options{DatabaseURL: at, Logger: logger})
			if err != nil {
				t.Error(err)
				return
			}
			stores[i] = s
		})
	}
	all.Wait()
	for i, s := range stores {
		if s == nil {
			continue
		}
		if _, err := s.Append(t.Context(), int64(i), record(fmt.Sprintf("%02d", i+1), int64(i+1))); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
	if n := strings.Count(log.String(), "schema brought up to date"); n != 1 {
		t.Errorf("%d replicas migrated:\n%s", n, log.String())
	}
}

type writer func([]byte) (int, error)

func (w writer) Write(p []byte) (int, error) { return w(p) }

// The bytes that hashes are made of come back as they went in: documents with their keys in order, moments to the microsecond.
func TestTheSameOnEveryDatabase(t *testing.T) {
	r := record("01", 1)
	r.Change.At = time.Date(2026, 3, 1, 12, 0, 0, 123_456_000, time.FixedZone("KST", 9*3600))
	r.Change.Reason = "ünïcödé 한국어 \u202e <img onerror> \\u0000 \"quoted\""
	hash, err := change.Seal("", r)
	if err != nil {
		t.Fatal(err)
	}
	r.Change.Hash = hash
	bodies := map[string][]byte{}
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		mustAppend(t, s, 0, r)
		got, err := s.Records(t.Context(), change.Query{ID: "01"})
		if err != nil || len(got) != 1 {
			t.Fatalf("%d records, %v", len(got), err)
		}
		again, err := change.Seal("", got[0])
		if err != nil || again != hash || got[0].Change.Hash != hash {
			t.Errorf("hash %s, want %s: %v", again, hash, err)
		}
		rows, err := s.reader.Edit.Query().All(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			key := row.Kind + "/" + row.Name
			if earlier, ok := bodies[key]; ok && !bytes.Equal(earlier, row.After) {
				t.Errorf("%s: %s and %s", key, earlier, row.After)
			}
			bodies[key] = row.After
		}
	})
}

// IDs sort by their bytes, whatever the language of the database.
func TestIDsSortByBytes(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		for i, id := range []string{"A", "Z", "a", "a~", "b"} {
			mustAppend(t, s, int64(i), record(id, int64(i+1)))
		}
		list, err := s.Records(t.Context(), change.Query{Before: "a~", NoEdits: true})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, r := range list {
			ids = append(ids, r.Change.ID)
		}
		if diff := cmp.Diff([]string{"a", "Z", "A"}, ids); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTextThatPostgresCannotKeep(t *testing.T) {
	s := open(t, postgresServer(t).Database(t, template))
	for _, bad := range []string{"a\x00b", "a\xffb"} {
		r := record("01", 1)
		r.Change.Reason = bad
		if _, err := s.Append(t.Context(), 0, r); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%q: %v", bad, err)
		}
	}
	mustAppend(t, s, 0, record("01", 1))
}

// A data directory beside the database is locked all the same: more than the ledger is in it.
func TestDirectoryBesidePostgres(t *testing.T) {
	dir := t.TempDir()
	o := Options{Dir: dir, DatabaseURL: postgresServer(t).Database(t, template), Logger: slog.New(slog.DiscardHandler)}
	s, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), o); mesh.CodeOf(err) != mesh.Conflict {
		t.Errorf("it was opened twice: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, databaseFile)); err == nil {
		t.Error("there is a SQLite file as well")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
