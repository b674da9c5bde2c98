package fleet_test

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	dto "github.com/prometheus/client_model/go"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirmesh/weir/server/fleet"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
	"github.com/weirmesh/weir/server/registry"
	"github.com/weirmesh/weir/server/store"
	"github.com/weirmesh/weir/server/store/postgrestest"
)

// patience is how long a busy machine may take for what is awaited.
const patience = 30 * time.Second

var server struct { //nolint:gochecknoglobals // one server for all tests, stopped by TestMain
	once sync.Once
	*postgrestest.Server
	err error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if server.Server != nil {
		if err := server.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	if err := goleak.Find(); code == 0 && err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// database is a new one on the real PostgreSQL.
func database(t *testing.T) string {
	t.Helper()
	server.once.Do(func() { server.Server, server.err = postgrestest.Start(postgrestest.Options{}) })
	if server.err != nil {
		t.Fatal(server.err)
	}
	return server.Database(t, "")
}

// replica is the part of a Weir that this package joins to others.
type replica struct {
	*fleet.Fleet
	name     string
	xds      *xds.Server
	live     *metrics.Live
	registry *registry.Registry
	store    *store.Store
	table    *table
	stop     func() // in good order
}

// table can be cut off from the database.
type table struct {
	fleet.Table
	mu  sync.Mutex
	cut error
}

func (c *table) set(err error) { c.mu.Lock(); c.cut = err; c.mu.Unlock() }

func (c *table) check() error { c.mu.Lock(); defer c.mu.Unlock(); return c.cut }

func (c *table) SaveReplica(ctx context.Context, row fleet.Row) (time.Time, error) {
	if err := c.check(); err != nil {
		return time.Time{}, err
	}
	return c.Table.SaveReplica(ctx, row)
}

func (c *table) SaveCounts(ctx context.Context, id string, seq int64, counts []byte) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.Table.SaveCounts(ctx, id, seq, counts)
}

func (c *table) Replicas(ctx context.Context) ([]fleet.Row, error) {
	if err := c.check(); err != nil {
		return nil, err
	}
	return c.Table.Replicas(ctx)
}

func (c *table) DropReplicas(ctx context.Context, id string, stale time.Duration) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.Table.DropReplicas(ctx, id, stale)
}

// start runs a replica on a database.
func start(t *testing.T, url, name string) *replica {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil)).With("at", name)
	s, err := store.Open(t.Context(), store.Options{DatabaseURL: url, Replica: name, Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	r := &replica{name: name, store: s, live: metrics.New(metrics.Options{}), table: &table{Table: s.Replicas()}}
	r.registry = registry.New(registry.Options{Saver: s, Logger: log})
	if r.xds, err = xds.New(xds.Options{Registry: r.registry, Sink: r.live}); err != nil {
		t.Fatal(err)
	}
	r.Fleet = fleet.New(fleet.Options{
		Table: r.table, Replica: name, Version: "test", Local: r.xds, Live: r.live, Registry: r.registry,
		Meshes: func() []string { return []string{"shop"} }, Logger: log,
	})
	ctx, cancel := context.WithCancel(context.Background())
	var group sync.WaitGroup
	for _, run := range []func(context.Context) error{r.xds.Run, r.registry.Run, r.Run} {
		group.Go(func() {
			if err := run(ctx); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		})
	}
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			group.Wait()
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(r.stop)
	return r
}

// shop is a mesh whose every revision changes what web's proxies run.
func shop(revision int64) provider.Desired {
	timeout := mesh.Duration(time.Duration(revision) * time.Second)
	return provider.Desired{Revision: revision, Mesh: mesh.Mesh{
		Name: "shop",
		Nodes: []mesh.VirtualNode{
			{
				Name: "reviews", Listeners: []mesh.Listener{{Port: 8080, Protocol: mesh.HTTP}},
				ServiceDiscovery: &mesh.ServiceDiscovery{Registration: &mesh.Registration{}},
			},
			{Name: "web", Backends: []mesh.Backend{{Service: "reviews"}}},
		},
		Services: []mesh.VirtualService{{Name: "reviews", Router: "reviews"}},
		Routers:  []mesh.VirtualRouter{{Name: "reviews", Listeners: []mesh.RouterListener{{Port: 8080, Protocol: mesh.HTTP}}}},
		Routes: []mesh.Route{{
			Router: "reviews", Name: "all", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"},
			Targets: []mesh.WeightedTarget{{Node: "reviews", Weight: 1}}, Timeout: &mesh.Timeout{PerRequest: &timeout},
		}},
	}}
}

func (r *replica) apply(t *testing.T, revision int64) {
	t.Helper()
	if err := r.Apply(t.Context(), shop(revision)); err != nil {
		t.Fatal(err)
	}
}

// envoy connects a proxy.
func (r *replica) envoy(t *testing.T, node, instance string) *xdstest.Envoy {
	t.Helper()
	about, err := structpb.NewStruct(map[string]any{"weir": map[string]any{"address": "127.0.1.1"}})
	if err != nil {
		t.Fatal(err)
	}
	return xdstest.Start(t, xdstest.Options{Addr: r.xds.Addr().String(), Node: &corev3.Node{
		Id: "mesh/shop/virtualNode/" + node + "/" + instance, Metadata: about, UserAgentName: "envoy",
		Extensions: []*corev3.Extension{{Name: "envoy.filters.http.router"}},
	}})
}

// push reports what a proxy of web has counted of calls to reviews.
func (r *replica) push(instance string, requests float64) {
	now := time.Now()
	r.live.Push(mesh.Source{Mesh: "shop", Proxy: "web-" + instance, Node: "web"}, now, []*dto.MetricFamily{
		{Name: proto.String("server.uptime"), Metric: []*dto.Metric{{
			TimestampMs: proto.Int64(now.UnixMilli()), Gauge: &dto.Gauge{Value: proto.Float64(1)},
		}}},
		{Name: proto.String("cluster.upstream_rq_xx"), Metric: []*dto.Metric{{
			TimestampMs: proto.Int64(now.UnixMilli()), Counter: &dto.Counter{Value: proto.Float64(requests)},
			Label: []*dto.LabelPair{
				{Name: proto.String("envoy.response_code_class"), Value: proto.String("2")},
				{Name: proto.String("envoy.cluster_name"), Value: proto.String(mesh.EgressCluster("shop", "reviews", mesh.HTTP, 8080))},
			},
		}}},
	})
}

// requests is how many calls from web to reviews are known.
func (r *replica) requests() float64 {
	for _, c := range r.live.Counts("shop") {
		if c.From == "web" && c.To == "reviews" {
			return c.Requests
		}
	}
	return 0
}

// listed gives the connected proxies with where they are.
func (r *replica) listed() map[string]string {
	out := make(map[string]string)
	for _, p := range r.Proxies("shop") {
		if p.Connected() {
			out[p.ID] = p.Replica
		}
	}
	return out
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

type (
	partOf = metrics.Part
	rowOf  = fleet.Row
)
