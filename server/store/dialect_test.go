package store

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/weirmesh/weir/server/store/postgrestest"
)

// template is a database with the newest schema and nothing in it.
const template = "weir_template"

// started is the server of this test binary, once a test asked for it.
var started struct {
	once   sync.Once
	server *postgrestest.Server
	err    error
}

func postgresServer(t testing.TB) *postgrestest.Server {
	t.Helper()
	started.once.Do(func() {
		if started.server, started.err = postgrestest.Start(postgrestest.Options{}); started.err == nil {
			started.err = makeTemplate(started.server)
		}
	})
	if started.err != nil {
		t.Fatal(started.err)
	}
	return started.server
}

func makeTemplate(server *postgrestest.Server) error {
	if err := server.Exec("DROP DATABASE IF EXISTS " + template); err != nil {
		return err
	}
	if err := server.Exec("CREATE DATABASE " + template + " TEMPLATE template0"); err != nil {
		return err
	}
	s, err := Open(context.Background(), options(server.URL(template)))
	if err != nil {
		return err
	}
	return s.Close()
}

func stopPostgres() error {
	if started.server == nil {
		return nil
	}
	return errors.Join(started.server.Exec("DROP DATABASE IF EXISTS "+template), started.server.Close())
}

// each runs a test on every database: at is what open opens, empty and the test's own.
func each(t *testing.T, do func(t *testing.T, at string)) {
	t.Run("sqlite", func(t *testing.T) { do(t, t.TempDir()) })
	t.Run("postgres", func(t *testing.T) { do(t, postgresServer(t).Database(t, template)) })
}

// options open a data directory or a URL.
func options(at string) Options {
	o := Options{Logger: slog.New(slog.DiscardHandler)}
	if strings.HasPrefix(at, "postgres:") {
		o.DatabaseURL = at
	} else {
		o.Dir = at
	}
	return o
}
