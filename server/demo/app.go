package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// NodeHeader is the header in which an application says which virtual node it is.
const NodeHeader = "X-Weir-Demo-Node"

// app is the application of one virtual node: it works for a while, calls the services behind it through its own proxy,
// and answers.
type app struct {
	node    string
	address string // where it listens
	calls   []string
	egress  string // its proxy's port for calls out
	knobs   *Knobs
	client  *http.Client
}

func newApp(n mesh.VirtualNode, p Proxy, seed uint64) *app {
	return &app{
		node:    n.Name,
		address: net.JoinHostPort(p.AppAddress, strconv.Itoa(n.Listeners[0].Port)),
		calls:   calls(serviceOf(n.Name)),
		egress:  "http://" + net.JoinHostPort(p.Address, strconv.Itoa(p.EgressPort)) + "/",
		knobs:   newKnobs(n.Name, seed, usual(n.Name)),
		client:  newClient(),
	}
}

// newClient makes a client that keeps its connections and talks to loopback addresses without a proxy.
func newClient() *http.Client {
	return &http.Client{
		Timeout: 15 * time.Second,
		Transport: &http.Transport{
			DialContext:         (&net.Dialer{Timeout: 2 * time.Second}).DialContext,
			MaxIdleConnsPerHost: 64,
			IdleConnTimeout:     30 * time.Second,
			DisableCompression:  true,
		},
	}
}

// ServeHTTP answers any path. /knobs shows and (with POST) turns the application's knobs.
func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set(NodeHeader, a.node)
	if r.URL.Path == "/knobs" {
		a.serveKnobs(w, r)
		return
	}
	takes, fails := a.knobs.draw()
	if !pause(r.Context(), takes) {
		return // the caller is gone
	}
	if fails {
		http.Error(w, a.node+" failed, as its knobs say", http.StatusInternalServerError)
		return
	}
	for _, service := range a.calls {
		if err := a.call(r.Context(), service); err != nil {
			http.Error(w, fmt.Sprintf("%s: %v", a.node, err), http.StatusBadGateway)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(map[string]any{"node": a.node, "called": a.calls}) // the caller may be gone
}

// pause waits, and says false when ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return ctx.Err() == nil
	}
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil // both may have come true, and select takes either
	case <-ctx.Done():
		return false
	}
}

// call asks one service through the application's own proxy.
func (a *app) call(ctx context.Context, service string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, a.egress, http.NoBody)
	if err != nil {
		return err
	}
	req.Host = service
	resp, err := a.client.Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", service, err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s answered %s", service, complaint(resp))
	}
	_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<16)) // so that the connection is used again
	return nil
}

// serveKnobs shows the knobs, and turns them for programs; web pages of other origins may not.
func (a *app) serveKnobs(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		if r.Header.Get("Origin") != "" {
			http.Error(w, "knobs are not for web pages", http.StatusForbidden)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<12))
		if err == nil {
			err = a.knobs.update(body)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(a.knobs.Behaviour()) // the caller may be gone
}

// servers are the applications while they run.
type servers struct {
	list []*http.Server
	apps []*app
	done sync.WaitGroup
}

// startApps brings every application up.
func startApps(ctx context.Context, apps []*app) (*servers, error) {
	s := &servers{apps: apps}
	for _, a := range apps {
		var lc net.ListenConfig
		l, err := lc.Listen(ctx, "tcp4", a.address)
		if err != nil {
			s.stop()
			return nil, mesh.Errorf(mesh.Unavailable, "the demo's %s cannot listen on %s: %w", a.node, a.address, err)
		}
		server := &http.Server{Handler: a, ReadHeaderTimeout: 5 * time.Second, IdleTimeout: time.Minute}
		s.list = append(s.list, server)
		s.done.Go(func() { _ = server.Serve(l) }) // it ends when stop closes it
	}
	return s, nil
}

// stop ends the applications and returns when they are gone.
func (s *servers) stop() {
	for _, server := range s.list {
		_ = server.Close()
	}
	s.done.Wait()
	for _, a := range s.apps {
		a.client.CloseIdleConnections()
	}
}
