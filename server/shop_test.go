package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// sample is the demo's mesh, and primary its route with two versions.
const sample = "sample_app"

var primary = mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}

// shop is the demo on real Envoys with the server that steers it, one for all tests of the package. A test leaves the
// mesh as it found it.
type shop struct {
	server *Server
	demo   *demo.Demo
	client *client.Client
	http   *http.Client
	said   *output
	log    *output
	stop   context.CancelFunc
	ended  chan error
}

var shared struct {
	sync.Mutex
	shop *shop
	err  error // of the start, which is tried once
}

// openShop gives the shop; the first to ask starts it.
func openShop(t *testing.T) *shop {
	t.Helper()
	shared.Lock()
	defer shared.Unlock()
	if shared.shop == nil && shared.err == nil {
		shared.shop, shared.err = startShop()
	}
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	s := shared.shop
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the demo said:\n%sthe server logged:\n%s", s.said, s.log)
		}
	})
	return s
}

// closeShop ends the shop, if there is one.
func closeShop() error {
	shared.Lock()
	defer shared.Unlock()
	s := shared.shop
	if s == nil {
		return nil
	}
	shared.shop = nil
	s.stop()
	s.client.Close()
	s.http.CloseIdleConnections()
	if err := <-s.ended; err != nil {
		return fmt.Errorf("the demo ended with %w", err)
	}
	return nil
}

// apart runs a test that has proxies or a server of its own, and mostly waits, beside others of its kind. They come when all
// tests of the shop are over, so that it is closed: a mesh that nobody looks at takes time from those that somebody does.
func apart(t *testing.T) {
	t.Helper()
	t.Parallel()
	if err := closeShop(); err != nil {
		t.Error(err)
	}
}

// startShop does what RunDemo does and keeps what the tests look at.
func startShop() (*shop, error) {
	if _, err := demo.FindEnvoy(); err != nil {
		return nil, fmt.Errorf("%w: run `make envoy`", err)
	}
	data, err := os.MkdirTemp("", "shop-")
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	s := &shop{said: &output{}, log: &output{}, stop: stop, ended: make(chan error, 1), http: &http.Client{Timeout: 40 * time.Second}}
	s.http.Transport = &http.Transport{}
	s.server, err = New(ctx, Options{
		Listen: "127.0.0.1:0", XDSListen: "127.0.0.1:0", Data: data, Open: true, Version: "test",
		Envoy:   os.Getenv("ENVOY"),
		History: HistoryOptions{Step: time.Second},
		Logger:  slog.New(slog.NewTextHandler(s.log, &slog.HandlerOptions{Level: slog.LevelWarn})),
	})
	if err != nil {
		stop()
		return nil, err
	}
	s.demo, err = s.server.newDemo(ctx, DemoOptions{Rate: 50, Seed: 1, Out: s.said})
	if err == nil {
		s.client, err = client.New(client.Options{URL: s.server.URL(), Author: "ann"})
	}
	if err != nil {
		stop()
		return nil, errors.Join(err, s.server.Close())
	}
	if err := s.patient(ctx); err != nil {
		stop()
		return nil, errors.Join(err, s.server.Close())
	}
	go func() { s.ended <- s.server.runWith(ctx, s.demo, s.said) }()
	select {
	case <-s.demo.Ready():
		return s, nil
	case err := <-s.ended:
		stop()
		return nil, fmt.Errorf("the demo ended before it was ready: %w", err)
	}
}

// patient takes the short timeouts out of the mesh: a machine with other things to do fails no request.
func (s *shop) patient(ctx context.Context) error {
	route, _ := s.demo.Mesh().Route(primary.Split())
	payment, _ := s.demo.Mesh().Node("payment")
	long := mesh.Duration(time.Minute)
	route.Timeout, route.Retry = &mesh.Timeout{PerRequest: &long}, nil
	payment.Listeners = slices.Clone(payment.Listeners)
	payment.Listeners[0].Timeout = route.Timeout
	_, err := s.server.Propose(ctx, change.Proposal{Mesh: sample, Reason: "patience", Patch: mesh.Patch{Put: []mesh.Object{route, payment}}})
	return err
}

// visits are requests through the gateway, one of each kind.
func (s *shop) visits() []visit {
	at := s.demo.Gateway()
	return []visit{{url: at + "/"}, {url: at + "/reviews/7"}, {url: at + "/cart"}, {url: at + "/a"}}
}

// undisturbed has people visit the shop while a test changes it. finish fails the test if any of their requests failed, or
// any of the demo's own.
func (s *shop) undisturbed(t *testing.T) (finish func()) {
	t.Helper()
	before := s.demo.Load()
	_, end := startProbe(t, 30, s.visits()...)
	return func() {
		t.Helper()
		end(40)
		after := s.demo.Load()
		if failed := after.Failed - before.Failed; failed > 0 {
			t.Errorf("%d of %d of the demo's own requests failed", failed, after.Sent-before.Sent)
		}
	}
}

// reviews is a request that the route primary splits.
func (s *shop) reviews() visit { return visit{url: s.demo.Gateway() + "/reviews/7"} }

// reply is an answer of the REST interface.
type reply struct {
	status int
	header http.Header
	body   []byte
}

// ask makes a request of the REST interface as a script would. Headers are name, value, name, value.
func (s *shop) ask(t *testing.T, method, path, body string, headers ...string) reply {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, s.server.URL()+path, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := s.http.Do(req)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return reply{resp.StatusCode, resp.Header, data}
}

// read decodes an answer that has to have a status.
func read[T any](t *testing.T, r reply, status int) (into T) {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	if err := json.Unmarshal(r.body, &into); err != nil {
		t.Fatalf("%v in %s", err, r.body)
	}
	return into
}

// programmed waits until every proxy that a change concerns has it, and checks how many those are.
func (s *shop) programmed(t *testing.T, id string, proxies int) change.Change {
	t.Helper()
	c, err := s.client.Await(t.Context(), id, "programmed", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Programmed; p == nil || p.Acked != proxies || p.Total != proxies || p.At == nil || len(p.Rejected) > 0 {
		t.Fatalf("%s is programmed %+v, want %d of %d", c.Summary, p, proxies, proxies)
	}
	t.Logf("%s: programmed on %d after %v", c.Summary, proxies, c.Programmed.At.Sub(c.Accepted.At))
	return c
}

// observed waits until a change's traffic agrees with it.
func (s *shop) observed(t *testing.T, id string) change.Change {
	t.Helper()
	c, err := s.client.Await(t.Context(), id, "observed", time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if o := c.Observed; o == nil || o.Agrees == nil || !*o.Agrees || o.Requests == 0 {
		t.Fatalf("%s is observed %+v, want it to agree", c.Summary, o)
	}
	return c
}

// undo takes a change back, waits until that is programmed and checks what became of the change itself.
func (s *shop) undo(t *testing.T, id string, proxies int) {
	t.Helper()
	back, err := s.client.Verb(t.Context(), "undo", id, client.Ask{Reason: "the test is over"})
	if err != nil {
		t.Fatal(err)
	}
	if back.Change.Undoes != id {
		t.Errorf("the undo of %s undoes %q", id, back.Change.Undoes)
	}
	s.programmed(t, back.Change.ID, proxies)
	_, c, err := s.client.Change(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	if c.State != change.Undone || c.UndoneBy != back.Change.ID {
		t.Errorf("the change is %s by %q, want it undone by %s", c.State, c.UndoneBy, back.Change.ID)
	}
}

// sameMesh remembers the mesh and fails the test if it is another at its end.
func (s *shop) sameMesh(t *testing.T) {
	t.Helper()
	before := s.current(t).Mesh
	t.Cleanup(func() {
		if p := mesh.Diff(before, s.current(t).Mesh); len(p.Put)+len(p.Delete) > 0 {
			t.Errorf("the mesh is not as it was: %+v", p)
		}
	})
}

// current is the mesh as recorded.
func (s *shop) current(t *testing.T) change.Current {
	t.Helper()
	m, err := s.server.door.Mesh(sample)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// graph is the live graph as the API gives it.
func (s *shop) graph(t *testing.T) graph.Graph {
	t.Helper()
	g, err := s.client.Graph(t.Context(), sample)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// proxies lists the proxies as the API gives them, by id.
func (s *shop) proxies(t *testing.T) map[string]provider.Proxy {
	t.Helper()
	list, err := s.client.Proxies(t.Context(), sample)
	if err != nil {
		t.Fatal(err)
	}
	all := make(map[string]provider.Proxy, len(list))
	for _, p := range list {
		all[p.ID] = p
	}
	return all
}

// socket is the path of the admin socket of a node's or gateway's Envoy.
func (s *shop) socket(t *testing.T, name string) string {
	t.Helper()
	sockets, err := filepath.Glob(filepath.Join(suiteDir, "weir-demo-*", name+".sock"))
	if err != nil || len(sockets) != 1 {
		t.Fatalf("the admin socket of %s: %v (%v)", name, sockets, err)
	}
	return sockets[0]
}

// admin asks the Envoy of a node over its admin socket.
func (s *shop) admin(t *testing.T, node, path string) string {
	t.Helper()
	socket := s.socket(t, node)
	transport := &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://envoy"+path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Client{Transport: transport, Timeout: 20 * time.Second}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// near says whether a part of n random draws is what chance makes of the wanted one: within five standard deviations.
func near(got, want float64, n int) bool {
	return math.Abs(got-want) <= 5*math.Sqrt(want*(1-want)/float64(n))
}
