package api

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/gin-gonic/gin"
	"go.uber.org/goleak"

	"github.com/weirmesh/weir/server/api/live"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/evidence"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/store"
)

func TestMain(m *testing.M) {
	gin.SetMode(gin.TestMode)
	goleak.VerifyTestMain(m)
}

// fleet is a provider of two proxies that take everything at once, or refuse it.
type fleet struct {
	mu      sync.Mutex
	refuse  string
	applied map[string]int64
	changed chan struct{}
}

func newFleet() *fleet {
	return &fleet{applied: make(map[string]int64), changed: make(chan struct{}, 1)}
}

func (f *fleet) Name() string { return "fleet" }

func (f *fleet) Apply(_ context.Context, d provider.Desired) error {
	f.mu.Lock()
	f.applied[d.Mesh.Name] = d.Revision
	f.mu.Unlock()
	select {
	case f.changed <- struct{}{}:
	default:
	}
	return nil
}

func (f *fleet) Delivery(name string, revision int64) (provider.Delivery, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if revision > f.applied[name] {
		return provider.Delivery{}, false
	}
	d := provider.Delivery{Revision: revision, Total: 2, Acked: 2, At: time.Now(), Proxies: []string{"a-0", "b-0"}}
	if f.refuse != "" {
		d.Acked, d.Rejected = 1, []provider.Rejection{{Proxy: "b-0", Message: f.refuse}}
	}
	return d, true
}

func (f *fleet) Proxies(name string) []provider.Proxy {
	if name == "stranger" {
		return []provider.Proxy{{ID: "x-0", Mesh: name, NodeID: "mesh/stranger/virtualNode/x", State: provider.Refused, Message: "there is no mesh stranger"}}
	}
	if name != "shop" {
		return nil
	}
	return []provider.Proxy{
		{ID: "a-0", Mesh: name, Node: "a", NodeID: "mesh/shop/virtualNode/a", State: provider.Synced},
		{ID: "b-0", Mesh: name, Node: "b", NodeID: "mesh/shop/virtualNode/b", State: provider.Synced},
	}
}

func (f *fleet) Watch() (<-chan struct{}, func()) { return f.changed, func() {} }

// pictures is where the bench's graphs are.
type pictures struct{ updates event.Bus[graph.Graph] }

func (p *pictures) Updates() *event.Bus[graph.Graph] { return &p.updates }

func (p *pictures) Graph(name string) (graph.Graph, bool) {
	if name != "shop" {
		return graph.Graph{}, false
	}
	weight := 0.75
	return graph.Graph{
		Mesh: name, At: time.UnixMilli(1_795_000_000_000).UTC(), Window: "30s", Fresh: true,
		Nodes: []graph.Node{
			{ID: "front", Kind: graph.KindNode, Name: "front", Declared: true, Health: mesh.Healthy, Why: []string{}, Causes: []graph.Cause{}},
			{ID: "reviews-v1", Kind: graph.KindNode, Name: "reviews-v1", Service: "reviews", Declared: true, Health: mesh.Healthy, Why: []string{}, Causes: []graph.Cause{}},
		},
		Edges: []graph.Edge{{
			From: "front", To: "reviews-v1", Protocol: mesh.HTTP, Declared: true, Used: true, Services: []string{"reviews"}, Weight: &weight,
			RequestRate: 74.8, Health: mesh.Degraded, Why: []string{"5 % of requests fail"},
			Causes: []graph.Cause{{Code: "errors", Values: map[string]string{"ratio": "5 %"}, Knob: "weights"}},
		}},
	}, true
}

// bench is an API over a real door and a real store.
type bench struct {
	t      *testing.T
	api    *API
	door   *change.Door
	fleet  *fleet
	store  *store.Store
	server *httptest.Server
}

// newBench starts one; what is configured is testdata/shop.yaml. Its options are those of a server without history unless
// more says otherwise.
func newBench(t *testing.T, more ...func(*bench, *Options)) *bench {
	t.Helper()
	logger := slog.New(slog.DiscardHandler)
	opened, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	b := &bench{t: t, fleet: newFleet(), store: opened}
	b.door, err = change.New(change.Options{Store: opened, Provider: b.fleet, Guard: evidence.New(evidence.Options{}), Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	shop, err := definition.Mesh([]byte(readFile(t, "testdata/shop.yaml")))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.door.Propose(t.Context(), change.Proposal{Mesh: shop.Name, Author: "setup", Patch: mesh.Diff(mesh.Mesh{}, shop)}); err != nil {
		t.Fatal(err)
	}
	graphs := &pictures{}
	hub := live.New(live.Options{Meshes: b.door, Graphs: graphs, Changes: b.door, Proxies: b.fleet, Logger: logger})
	b.run(func(ctx context.Context) error { return b.door.Run(ctx) })
	b.run(hub.Run)
	o := Options{
		Meshes: b.door, Door: b.door, Ledger: b.door, Graphs: graphs, Proxies: b.fleet, Live: hub, Logger: logger, Version: "test",
		Open: true, Hosts: []string{"weir.example"}, Dumps: b.fleet, Stats: numbers,
		GraphOver: func(name string, window time.Duration) (graph.Graph, error) {
			g, _ := graphs.Graph(name)
			g.Window = window.String()
			return g, nil
		},
	}
	for _, change := range more {
		change(b, &o)
	}
	if b.api, err = New(o); err != nil {
		t.Fatal(err)
	}
	engine := gin.New()
	if err := b.api.Mount(engine); err != nil {
		t.Fatal(err)
	}
	b.server = httptest.NewServer(engine)
	t.Cleanup(b.server.Close)
	return b
}

// run keeps a part going until the test ends.
func (b *bench) run(part func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- part(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil && ctx.Err() == nil {
			b.t.Error(err)
		}
	})
}

// scenario is one request and what it should be answered.
type scenario struct {
	name    string
	method  string
	url     string
	body    string
	headers map[string]string
	status  int
	want    string            // a JSON value that the answer contains
	wantIn  []string          // texts that the answer contains
	answers map[string]string // headers of the answer
}

// do makes one request and gives its answer, checked against the description.
func (b *bench) do(s scenario) (*http.Response, string) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), s.method, b.server.URL+s.url, strings.NewReader(s.body))
	if err != nil {
		b.t.Fatal(err)
	}
	for k, v := range s.headers {
		if k == "Host" {
			request.Host = v
			continue
		}
		request.Header.Set(k, v)
	}
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	b.conforms(s, response, body)
	return response, string(body)
}

// conforms checks an answer against the description: its status, its type and every field.
func (b *bench) conforms(s scenario, response *http.Response, body []byte) {
	b.t.Helper()
	doc := b.api.huma.OpenAPI()
	op := b.operation(s)
	if op == nil || response.StatusCode == http.StatusNotModified {
		return
	}
	described := op.Responses["default"]
	if response.StatusCode < 300 {
		for status, r := range op.Responses {
			if strings.HasPrefix(status, "2") {
				described = r
			}
		}
	}
	if described == nil {
		b.t.Errorf("%s %s: status %d is not described", s.method, s.url, response.StatusCode)
		return
	}
	kind, _, _ := strings.Cut(response.Header.Get("Content-Type"), ";")
	media := described.Content[kind]
	if media == nil {
		b.t.Errorf("%s %s: status %d of type %q is not described", s.method, s.url, response.StatusCode, kind)
		return
	}
	var value any
	if err := json.Unmarshal(body, &value); err != nil {
		b.t.Errorf("%s %s: the answer is not JSON: %v", s.method, s.url, err)
		return
	}
	result := &huma.ValidateResult{}
	huma.Validate(doc.Components.Schemas, media.Schema, huma.NewPathBuffer(nil, 0), huma.ModeReadFromServer, value, result)
	for _, err := range result.Errors {
		b.t.Errorf("%s %s: the answer is not as described: %v", s.method, s.url, err)
	}
}

// operation finds the description of a request.
func (b *bench) operation(s scenario) *huma.Operation {
	path, _, _ := strings.Cut(s.url, "?")
	path = strings.ReplaceAll(path, "%2F", "/")
	got := strings.Split(path, "/")
	for pattern, item := range b.api.huma.OpenAPI().Paths {
		want := strings.Split(pattern, "/")
		if len(want) != len(got) {
			continue
		}
		same, literal := true, true
		for i := range want {
			if strings.HasPrefix(want[i], "{") {
				literal = false
				continue
			}
			same = same && want[i] == got[i]
		}
		if !same || (!literal && b.api.huma.OpenAPI().Paths[path] != nil) {
			continue
		}
		return map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPut: item.Put, http.MethodPost: item.Post, http.MethodDelete: item.Delete,
		}[s.method]
	}
	return nil
}
