// Package api is Weir's REST interface under /api/v1 and the door to the live socket. It turns requests into calls of
// the change door and of the graph, and errors into RFC 9457 problems; it decides nothing about meshes itself. Its
// description, openapi.yaml, is made from this code and committed; docs/guide/api.md is for people.
package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humagin"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/advice"
	"github.com/weirmesh/weir/server/api/live"
	"github.com/weirmesh/weir/server/api/prometheus"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	stats "github.com/weirmesh/weir/server/metrics/reading"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/timeline"
)

// maxBody is the most that a request may carry, in bytes.
const maxBody = 1 << 20

// Meshes reads what is configured; the change door is one. Unknown meshes and objects are mesh.NotFound.
type Meshes interface {
	Meshes() []string
	Mesh(name string) (change.Current, error)
	Object(mesh string, ref mesh.Ref) (change.Stored, error)
}

// Door changes meshes. A proposal whose base is no longer current is an error that wraps change.ErrStale.
type Door interface {
	Propose(ctx context.Context, p change.Proposal) (change.Change, error)
	Confirm(ctx context.Context, id string, by change.By) (change.Change, error)
	Revert(ctx context.Context, id string, by change.By) (change.Change, error)
	Undo(ctx context.Context, id string, by change.By) (change.Change, error)
}

// Ledger reads what was changed.
type Ledger interface {
	// Ledgers names the meshes that something was ever done to, sorted: those that were deleted, too.
	Ledgers() []string
	Change(ctx context.Context, id string) (change.Change, error)
	Changes(ctx context.Context, q change.Query) ([]change.Change, error)
	Events() *event.Bus[change.Change]
}

// Graphs is where the newest graph of each mesh is kept.
type Graphs interface {
	Graph(mesh string) (graph.Graph, bool)
	Updates() *event.Bus[graph.Graph]
}

// Proxies knows the proxies of each mesh.
type Proxies interface {
	Proxies(mesh string) []provider.Proxy
}

// Timeline answers about moments that have passed; timeline.Timeline does.
type Timeline interface {
	At(ctx context.Context, name string, at time.Time, window time.Duration) (graph.Graph, error)
	Compare(ctx context.Context, name string, from, to time.Time, window time.Duration) (timeline.Comparison, error)
	Frames(ctx context.Context, name string, over mesh.Span) (timeline.Frames, error)
	Plot(ctx context.Context, name string, of mesh.Subject, over mesh.Span) (timeline.Plot, error)
}

// Check is one part's readiness.
type Check struct {
	Name  string
	Err   error  // nil: ready
	Note  string // more about it, when it is ready
	Minor bool   // it may fail without the server being of no use: it is said, and the server is ready
}

// Options are what the API needs.
type Options struct {
	Meshes  Meshes
	Door    Door
	Ledger  Ledger
	Entries Entries // nil: what it does is answered with 501
	// Proposals decides about what waits for a second person. Nil: what it does is answered with 501.
	Proposals Proposals
	Graphs    Graphs
	Proxies   Proxies
	Live      *live.Hub
	Replicas  Replicas // nil: what it tells is answered with 501
	Logger    *slog.Logger
	// Version is Weir's own version, for the OpenAPI description and GET /api/v1/version.
	Version string
	// GraphOver gives a mesh's graph over another window than the live one. Nil: only the live window is answered.
	GraphOver func(mesh string, window time.Duration) (graph.Graph, error)
	// Timeline answers about moments that have passed. Nil: only the present is answered.
	Timeline Timeline
	// Sources tells the state of the places that metrics are read from, Targets of what is scraped. Nil: neither is asked
	// for, which is answered in words.
	Sources func() []query.Source
	Targets func() []query.Target
	// Querier gives the store that answers questions in PromQL by its source's name; empty: the embedded one. Its errors
	// are for people. Nil: no question is answered.
	Querier func(source string) (prometheus.Querier, error)
	// Dumps tells what proxies run in detail. Nil: that is not known.
	Dumps Dumps
	// Stats gives the store in which proxies' own statistics are, or says why there is none. Nil: nothing is stored.
	Stats func() (stats.Store, error)
	// Events tells what happened; journal.Journal does. Nil: nobody writes that down. Hooks gives how the webhooks do that
	// are told of it; nil: there are none.
	Events Events
	Hooks  func() []journal.HookState
	// Advise sizes a connection pool from what was recorded; its errors are for people. Nil: nothing is recorded.
	Advise func(ctx context.Context, ask advice.Ask) (advice.Advice, error)
	// Rollouts starts rollouts, steers and reads them. Nil: none are carried out.
	Rollouts Rollouts
	// ProxyTokens keeps the proxies' tokens. Nil: there is no sign-in, and proxies show none.
	ProxyTokens ProxyTokens
	// Certifier signs proxies' certificates. Nil: there is no sign-in, and proxies show none.
	Certifier Certifier
	// People are those who may come in, Standing is whether they may, Tokens are what their programs show. Nil: there is no
	// sign-in.
	People   People
	Standing Standing
	Tokens   Tokens
	// Ready tells for /readyz whether the parts work. Nil: always.
	Ready func(ctx context.Context) []Check
	// Identify names in the context of a request who sent it, with a renewal. Its error says why that is nobody:
	// mesh.Unauthenticated, mesh.TooMany, mesh.Unavailable. Nil: every request is nobody's.
	Identify func(r *http.Request) (context.Context, error)
	// Visit names in the context of a request where it comes from. Nil: nobody keeps that.
	Visit func(r *http.Request) context.Context
	// Refused hears of requests that somebody known may not make (people.Denied), and of those from other sites' pages
	// (people.OriginRefused); why is for people. Nil: nobody hears of them.
	Refused func(r *http.Request, event people.Event, why string)
	// Open says that there is no sign-in: whoever asks may do everything. Then only requests to a loopback name or to one of
	// Hosts are answered, so that no page of another site reaches Weir through a name it controls (DNS rebinding).
	Open bool
	// Hosts are host names, without port, by which Weir is called besides loopback ones.
	Hosts []string
}

// API answers requests.
type API struct {
	o     Options
	guard *guard
	huma  huma.API
	json  []byte // the OpenAPI description
	yaml  []byte

	streams atomic.Int64 // that are open
}

// New makes the API and describes it.
func New(o Options) (*API, error) {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Refused == nil {
		o.Refused = func(*http.Request, people.Event, string) {}
	}
	if o.Meshes == nil || o.Door == nil || o.Ledger == nil || o.Graphs == nil || o.Proxies == nil || o.Live == nil {
		return nil, errors.New("api: a part is missing from its options")
	}
	a := &API{o: o, guard: newGuard(o)}
	return a, a.describe()
}

// describe builds the OpenAPI description once, on an engine of its own.
func (a *API) describe() error {
	engine := gin.New()
	a.routes(engine)
	describeNothingToDo(a.huma.OpenAPI())
	var err error
	if a.json, err = json.MarshalIndent(a.huma.OpenAPI(), "", "  "); err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	if a.yaml, err = a.huma.OpenAPI().YAML(); err != nil {
		return fmt.Errorf("describe the API: %w", err)
	}
	return nil
}

// describeNothingToDo adds the answer of requests for changes that change nothing: a dry run, a repeat, what is so already.
func describeNothingToDo(o *huma.OpenAPI) {
	for _, item := range o.Paths {
		for _, op := range []*huma.Operation{item.Put, item.Post, item.Delete} {
			if op == nil || op.Responses["202"] == nil || op.Responses["200"] != nil {
				continue
			}
			done := *op.Responses["202"]
			done.Description = "Nothing was recorded: a dry run, a repeat, or what is so already"
			op.Responses["200"] = &done
		}
	}
}

// OpenAPI gives the description in YAML, as committed.
func (a *API) OpenAPI() []byte { return a.yaml }

// Mount adds the API to an engine. Call it before other routes are added: its guard (host, cross-origin and header
// rules) covers what comes after, too.
func (a *API) Mount(engine *gin.Engine) error {
	if err := engine.SetTrustedProxies(nil); err != nil {
		return fmt.Errorf("trust no proxies: %w", err)
	}
	engine.HandleMethodNotAllowed = true
	engine.Use(a.visit, a.guard.handle, a.rights())
	a.routes(engine)
	return nil
}

// routes is the route table of everything under /api, and of the two probes.
func (a *API) routes(engine *gin.Engine) {
	engine.GET("/livez", a.livez)
	engine.GET("/readyz", a.readyz)
	engine.GET("/api/v1/openapi.json", func(c *gin.Context) { c.Data(http.StatusOK, "application/openapi+json", a.json) })
	engine.GET("/api/v1/openapi.yaml", func(c *gin.Context) { c.Data(http.StatusOK, "application/openapi+yaml", a.yaml) })
	engine.GET("/api/v1/live", a.socket)

	a.huma = humagin.New(engine, a.config())
	a.meshRoutes()
	register(a, shape[Node]{mesh.KindNode, "a virtual node: one version of one workload", nodeOf})
	register(a, shape[Service]{mesh.KindService, "a virtual service: a name that callers use", serviceOf})
	register(a, shape[Router]{mesh.KindRouter, "a virtual router", routerOf})
	register(a, shape[Split]{mesh.KindSplit, "a split: one distribution of traffic that routes share", splitOf})
	register(a, shape[Route]{mesh.KindRoute, "a route of a virtual router", routeOf})
	register(a, shape[Gateway]{mesh.KindGateway, "a virtual gateway", gatewayOf})
	register(a, shape[GatewayRoute]{mesh.KindGatewayRoute, "a route of a virtual gateway", gatewayRouteOf})
	a.weightRoutes()
	a.poolRoutes()
	a.adviceRoutes()
	a.applyRoutes()
	a.graphRoutes()
	a.proxyRoutes()
	a.replicaRoutes()
	a.proxyTokenRoutes()
	a.certificateRoutes()
	a.peopleRoutes()
	a.tokenRoutes()
	a.runningRoutes()
	a.changeRoutes()
	a.proposalRoutes()
	a.canaryRoutes()
	a.sourceRoutes(engine)
	a.liveRoutes()
	a.eventRoutes(engine)
}

// config is how huma is told to behave.
func (a *API) config() huma.Config {
	registry := huma.NewMapRegistry("#/components/schemas/", schemaName)
	registry.RegisterTypeAlias(reflect.TypeFor[mesh.Duration](), reflect.TypeFor[durationText]())
	registry.RegisterTypeAlias(reflect.TypeFor[huma.ErrorModel](), reflect.TypeFor[Problem]())
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Weir", Version: "v1",
				Description: "See every call between services; steer any of them; know that what you asked for is what is happening.",
			},
			Components: &huma.Components{Schemas: registry},
			Servers:    []*huma.Server{{URL: "/"}},
		},
		Formats:                      map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat},
		DefaultFormat:                "application/json",
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{problemOf},
	}
	config.FieldsOptionalByDefault = true
	return config
}

// schemaName keeps the graph's nodes and edges apart from configured ones, and from both what proxies run of them.
func schemaName(t reflect.Type, hint string) string {
	name := huma.DefaultSchemaNamer(t, hint)
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch path := t.PkgPath(); {
	case strings.HasSuffix(path, "/server/graph") && name != "Graph":
		return "Graph" + name
	case strings.HasSuffix(path, "/server/change") && name == "Approval":
		return "Proposal"
	case strings.HasSuffix(path, "/server/advice") && name != "Advice":
		return "Advice" + name
	case strings.HasSuffix(path, "/server/canary") && name != "Rollout":
		return "Rollout" + name
	case strings.HasSuffix(path, "/canary/judge"):
		return "Judge" + name
	case strings.HasSuffix(path, "/server/drift"):
		return "Drift" + name
	case strings.HasSuffix(path, "/metrics/reading"):
		return "Stats" + name
	case strings.HasSuffix(path, "/server/provider") && slices.Contains(runs(), name):
		return "Running" + name
	}
	return name
}

// runs are the provider's types that describe what a proxy runs.
func runs() []string {
	return []string{
		"Resource", "Listener", "Cluster", "Endpoint", "VirtualHost", "Route", "Target", "Condition", "Certificate", "Dump",
	}
}

// durationText describes mesh.Duration.
type durationText string

// Schema is a duration with its unit.
func (durationText) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeString, Description: "A duration with its unit.", Examples: []any{"15s", "250ms"},
	}
}

// operation begins the description of one address.
func operation(id, method, path, summary string) huma.Operation {
	return huma.Operation{
		OperationID: id, Method: method, Path: "/api/v1" + path, Summary: summary,
		MaxBodyBytes: maxBody, BodyReadTimeout: 5 * time.Second,
	}
}
