package server

import (
	"fmt"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/chaos"
	"github.com/weirmesh/weir/server/provider/xds"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
	"github.com/weirmesh/weir/server/store/postgrestest"
)

// durablePostgres is a real PostgreSQL that writes before it acknowledges, and that is going to crash.
func durablePostgres(t *testing.T) *postgrestest.Server {
	t.Helper()
	server, err := postgrestest.Start(postgrestest.Options{Durable: true, Own: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// TestFaultHistoriesOnPostgres is the same on PostgreSQL, which itself crashes, too.
func TestFaultHistoriesOnPostgres(t *testing.T) {
	apart(t)
	server := durablePostgres(t)
	database, data := server.Database(t, ""), filepath.Join(t.TempDir(), "data")
	h := &hardship{t: t, start: func() *child { return serve(t, data, "--database-url", database) }}
	h.endure("kill -9 of Weir on PostgreSQL", chaos.Scaled(2, 40), (*hardship).kill)
	h.endure("crash of PostgreSQL under Weir", chaos.Scaled(2, 10), func(h *hardship) {
		if err := server.Restart(); err != nil {
			h.t.Fatal(err)
		}
	})
}

// TestFaultDatabaseIsAway takes the database away for a while: proxies that come get their configuration, edits are refused
// with a message and the time to try again, pages and reads go on, and afterwards all is well without a restart.
func TestFaultDatabaseIsAway(t *testing.T) {
	apart(t)
	away := chaos.Scaled(4*time.Second, 10*time.Minute)
	server := durablePostgres(t)
	weir := serve(t, filepath.Join(t.TempDir(), "data"), "--database-url", server.Database(t, ""))
	c, err := client.New(client.Options{URL: weir.url, Author: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Apply(t.Context(), "", []byte(bookshop), client.Ask{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the picture is drawn", func() bool {
		status, _ := get(t, weir.url+"/api/v1/meshes/bookshop/graph")
		return status == http.StatusOK
	})
	work := &chronicle{t: t}
	work.url.Store(&weir.url)
	defer http.DefaultClient.CloseIdleConnections()
	server.Kill()
	begin, refused, proxies := time.Now(), 0, 0
	for time.Since(begin) < away {
		edit := (&worker{chronicle: work, http: http.DefaultClient})
		resp, body, err := edit.ask(http.MethodPut, "/api/v1/meshes/bookshop/nodes/front/connection-pool", `{"maxConnections":5}`, "")
		if err != nil || resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
			t.Fatalf("an edit without a database is answered %v %+v: %s", err, resp, body)
		}
		refused++
		e := xdstest.Start(t, xdstest.Options{Addr: weir.xds, Node: &corev3.Node{Id: fmt.Sprintf("mesh/bookshop/virtualNode/front/%d", proxies)}})
		e.Wait("its configuration", func() bool { return len(e.Running(xds.ListenerType)) > 0 && len(e.Running(xds.RouteType)) > 0 })
		e.Stop()
		proxies++
		for _, path := range []string{"/api/v1/meshes/bookshop/nodes/front", "/api/v1/meshes/bookshop/graph", "/livez"} {
			if status, body := get(t, weir.url+path); status != http.StatusOK {
				t.Errorf("%s is answered %d: %s", path, status, body)
			}
		}
		time.Sleep(min(away/10, 10*time.Second))
	}
	if err := server.Resume(); err != nil {
		t.Fatal(err)
	}
	back := time.Now()
	limit := 77
	eventually(t, "an edit is taken again", func() bool {
		_, err := c.Pool(t.Context(), "bookshop", "front", client.Pool{Limits: map[string]*int{"maxConnections": &limit}}, client.Ask{})
		return err == nil
	})
	chaos.Figure(t, fmt.Sprintf("PostgreSQL away for %v", away), "xDS serves, edits 503 with Retry-After, well without a restart",
		"%d edits refused, %d proxies served, edits taken %.1f s after its return", refused, proxies, time.Since(back).Seconds())
}
