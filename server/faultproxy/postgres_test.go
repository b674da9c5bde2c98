package faultproxy_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/weirmesh/weir/server/faultproxy"
	"github.com/weirmesh/weir/server/store/postgrestest"
)

func TestPostgres(t *testing.T) {
	server, err := postgrestest.Start(postgrestest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	p, through, err := faultproxy.Postgres(server.Database(t, ""))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Close() })
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	conn, err := pgx.Connect(ctx, through)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	if _, err := conn.Exec(ctx, "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	p.Cut()
	if _, err := conn.Exec(ctx, "SELECT 1"); err == nil {
		t.Error("a question was answered over a connection that was cut")
	}
}

func TestPostgresOfAnotherURL(t *testing.T) {
	if _, _, err := faultproxy.Postgres("mysql://nowhere/"); err == nil {
		t.Error("the URL of another database was taken")
	}
}
