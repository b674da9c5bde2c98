package client_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// asked is what a server was asked.
type asked struct {
	Method, Path, Query, Body           string
	Author, IfMatch, Key, Token, Accept string
}

// serve answers every request with the same, and keeps what was asked.
func serve(t *testing.T, status int, answer string) (*client.Client, *asked) {
	t.Helper()
	got := &asked{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		*got = asked{
			r.Method, r.URL.EscapedPath(), r.URL.RawQuery, string(body),
			r.Header.Get("X-Weir-Author"), r.Header.Get("If-Match"), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), r.Header.Get("Accept"),
		}
		w.WriteHeader(status)
		if _, err := io.WriteString(w, answer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(server.Close)
	c, err := client.New(client.Options{URL: server.URL + "/", Token: "secret", Author: "김 <b>kim</b>\n", Timeout: 10 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, got
}

func TestRequests(t *testing.T) {
	ctx, hundred := t.Context(), 100
	ask := client.Ask{Reason: "why not", DryRun: true, ConfirmWithin: time.Minute, IfMatch: "3", IdempotencyKey: "k"}
	write := asked{Query: "confirmWithin=60000ms&dryRun=true&reason=why+not", Author: "김 bkimb", IfMatch: `"3"`, Key: "k"}
	cases := []struct {
		name string
		do   func(*client.Client) error
		want asked
	}{
		{"weights", func(c *client.Client) error {
			_, err := c.Weights(ctx, "a mesh", "r/p", map[string]int{"v1": 1}, ask)
			return err
		}, asked{Method: "PUT", Path: "/api/v1/meshes/a%20mesh/routers/r/routes/p/weights", Body: `{"weights":{"v1":1}}`}},
		{"pool", func(c *client.Client) error {
			_, err := c.Pool(ctx, "m", "n", client.Pool{Port: 80, Limits: map[string]*int{"maxConnections": &hundred, "maxRetries": nil}}, ask)
			return err
		}, asked{Method: "PUT", Path: "/api/v1/meshes/m/nodes/n/connection-pool", Body: `{"maxConnections":100,"maxRetries":null,"port":80}`}},
		{
			"apply", func(c *client.Client) error { _, err := c.Apply(ctx, "", []byte("mesh: m"), ask); return err },
			asked{Method: "POST", Path: "/api/v1/apply", Body: "mesh: m"},
		},
		{
			"apply to a mesh", func(c *client.Client) error { _, err := c.Apply(ctx, "m", nil, ask); return err },
			asked{Method: "POST", Path: "/api/v1/meshes/m/apply"},
		},
		{
			"undo", func(c *client.Client) error { _, err := c.Verb(ctx, "undo", "../x", ask); return err },
			asked{Method: "POST", Path: "/api/v1/changes/..%2Fx/undo"},
		},
		{"delete", func(c *client.Client) error {
			_, err := c.Delete(ctx, "m", mesh.Ref{Kind: mesh.KindGatewayRoute, Name: "g/r"}, ask)
			return err
		}, asked{Method: "DELETE", Path: "/api/v1/meshes/m/gateway-routes/g/r"}},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			c, got := serve(t, http.StatusAccepted, `{"id":"1"}`)
			if err := test.do(c); err != nil {
				t.Fatal(err)
			}
			want := write
			want.Method, want.Path, want.Body, want.Token, want.Accept = test.want.Method, test.want.Path, test.want.Body, "Bearer secret", "application/json"
			if diff := cmp.Diff(want, *got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrors(t *testing.T) {
	cases := []struct {
		name   string
		status int
		answer string
		code   mesh.Code
		in     string
	}{
		{"problem", 422, `{"status":422,"code":"invalid","detail":"weight -1:\n is from 0"}`, mesh.Invalid, "weight -1: is from 0"},
		{"conflict", 412, `{"status":412,"code":"conflict","detail":"kim was first"}`, mesh.Conflict, "kim was first"},
		{"another server's page", 404, `<html>`, mesh.Unavailable, "is this address right"},
		{"another server's JSON", 200, `[]`, mesh.Internal, "is this address right"},
		{"a redirect", 302, ``, mesh.Unavailable, "answered 302"},
	}
	for _, test := range cases {
		t.Run(test.name, func(t *testing.T) {
			c, _ := serve(t, test.status, test.answer)
			_, err := c.Meshes(t.Context())
			if mesh.CodeOf(err) != test.code || !strings.Contains(err.Error(), test.in) {
				t.Errorf("got %s: %v", mesh.CodeOf(err), err)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		c, err := client.New(client.Options{URL: "http://127.0.0.1:1"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Meshes(t.Context()); mesh.CodeOf(err) != mesh.Unavailable || !strings.Contains(err.Error(), "cannot reach Weir at http://127.0.0.1:1") {
			t.Errorf("got %v", err)
		}
	})
	for _, url := range []string{"", "localhost:8080", "ftp://x", "http://"} {
		if _, err := client.New(client.Options{URL: url}); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("address %q: got %v", url, err)
		}
	}
}

// TestAwait asks again until the truth is known.
func TestAwait(t *testing.T) {
	asked := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked++
		c := change.Change{ID: "1", Programmed: &change.Programmed{Acked: asked - 1, Total: 2}}
		if err := json.NewEncoder(w).Encode(c); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	c, err := client.New(client.Options{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got, err := c.Await(t.Context(), "1", "programmed", time.Minute)
	if err != nil || got.Programmed.Acked != 2 || asked != 3 {
		t.Errorf("got %+v (%v) after %d requests, want 2 of 2 after 3", got.Programmed, err, asked)
	}
	if got, err = c.Await(t.Context(), "1", "observed", 0); err != nil || got.Observed != nil {
		t.Errorf("without time: got %+v, %v", got.Observed, err)
	}
}
