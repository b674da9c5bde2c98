package web_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/api/live"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// TestMain serves the worlds at WEIR_PREVIEW, an address such as 127.0.0.1:8090, for whoever wants to look at pages
// while working on them; without it, it runs the tests.
func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	address := os.Getenv("WEIR_PREVIEW")
	if address == "" {
		os.Exit(m.Run())
	}
	fmt.Fprintln(os.Stderr, preview(address))
	os.Exit(1)
}

// preview serves one world per host name: full, extreme, none … .localhost, and the sample at any other.
func preview(address string) error {
	sites := map[string]http.Handler{}
	for name, make := range worlds() {
		sites[name] = alive(make())
	}
	sites["unavailable"] = alive(unavailable())
	dir, err := os.MkdirTemp("", "weir-preview")
	if err != nil {
		return err
	}
	two, err := newPair(dir)
	if err != nil {
		return err
	}
	sites["two"] = two.engine
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return fmt.Errorf("preview: %w", err)
	}
	fmt.Fprintf(os.Stderr, "preview http://full.localhost:%d\n", listener.Addr().(*net.TCPAddr).Port)
	return http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, _, _ := strings.Cut(r.Host, ".")
		if site := sites[name]; site != nil {
			site.ServeHTTP(w, r)
			return
		}
		sites["full"].ServeHTTP(w, r)
	}))
}

// alive serves a world whose pictures move on with the clock, so that islands have something to draw.
func alive(w *world) http.Handler {
	site := serve(w)
	hub := live.New(live.Options{Meshes: w, Graphs: &moving{world: w}, Changes: &told{world: w}, Proxies: w, Logger: slog.New(slog.DiscardHandler)})
	go func() { _ = hub.Run(context.Background()) }()
	return http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/api/v1/live" {
			hub.ServeHTTP(rw, r)
			return
		}
		site.ServeHTTP(rw, r)
	})
}

// moving is a world's pictures as if each had been taken just now.
type moving struct {
	*world
	updates event.Bus[graph.Graph]
}

func (m *moving) Graph(name string) (graph.Graph, bool) {
	g, ok := m.world.Graph(name)
	g.At = time.Now().Add(-noon().Sub(g.At))
	g.Edges = slices.Clone(g.Edges)
	slices.SortFunc(g.Edges, func(a, b graph.Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	for i := range g.Edges {
		for _, v := range []*float64{&g.Edges[i].RequestRate, &g.Edges[i].ErrorRatio, &g.Edges[i].P95} {
			if math.IsNaN(*v) || math.IsInf(*v, 0) {
				*v = 0 // no socket carries these
			}
		}
	}
	return g, ok
}

func (m *moving) Updates() *event.Bus[graph.Graph] { return &m.updates }

// told is a ledger in which nothing more happens.
type told struct {
	*world
	events event.Bus[change.Change]
}

func (t *told) Events() *event.Bus[change.Change] { return &t.events }

// forbidden is the sample for somebody who may only look.
func forbidden() *world {
	w := newWorld()
	w.grants = "viewer"
	return w
}

// broken is the sample with a ledger that cannot be read.
func broken() *world {
	w := newWorld()
	w.fail = errors.New("disk on fire at /secret")
	return w
}

// unavailable is the sample with a ledger that is not there just now.
func unavailable() *world {
	w := newWorld()
	w.fail = mesh.Errorf(mesh.Unavailable, "the ledger is being restored: try again in a minute")
	return w
}
