package xds

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"slices"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds/xdstest"
)

// served is a server that runs for the length of a test.
type served struct {
	*Server
	t    testing.TB
	stop func()
}

// serve starts a server.
func serve(t testing.TB, o Options) *served {
	t.Helper()
	if testing.Verbose() && o.Logger == nil {
		o.Logger = slog.New(slog.NewTextHandler(t.Output(), nil))
	}
	s, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	stopped := false
	out := &served{Server: s, t: t, stop: func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
	}}
	t.Cleanup(out.stop)
	return out
}

func (s *served) apply(revision int64, m mesh.Mesh) {
	s.t.Helper()
	if err := s.Apply(s.t.Context(), provider.Desired{Revision: revision, Mesh: m}); err != nil {
		s.t.Fatal(err)
	}
}

// delivered waits until a revision's delivery is done.
func (s *served) delivered(meshName string, revision int64) provider.Delivery {
	s.t.Helper()
	var d provider.Delivery
	eventually(s.t, "delivery done", func() bool {
		var ok bool
		d, ok = s.Delivery(meshName, revision)
		return ok && d.Done()
	})
	return d
}

// proxy finds a proxy by ID, one that was not let in by its node id; its zero value if there is none.
func (s *served) proxy(meshName, id string) provider.Proxy {
	for _, p := range s.Proxies(meshName) {
		if p.ID == id || p.State == provider.Refused && p.NodeID == id {
			return p
		}
	}
	return provider.Proxy{}
}

// synced waits until proxies run the newest revision.
func (s *served) synced(meshName string, ids ...string) {
	s.t.Helper()
	for _, id := range ids {
		eventually(s.t, id+" synced", func() bool { return s.proxy(meshName, id).State == provider.Synced })
	}
}

// eventually polls until ok holds, for ten seconds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 10 s: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

// never checks for a while that something does not happen.
func never(t testing.TB, what string, happened func() bool) {
	t.Helper()
	deadline := time.Now().Add(200 * time.Millisecond)
	for time.Now().Before(deadline) {
		if happened() {
			t.Fatalf("happened: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// envoyNode is the node of a fake Envoy beside a virtual node of mesh shop.
func envoyNode(node, instance string) *corev3.Node {
	weir, err := structpb.NewStruct(map[string]any{"weir": map[string]any{"address": "127.0.1.1"}})
	if err != nil {
		panic(err)
	}
	return &corev3.Node{
		Id: "mesh/shop/virtualNode/" + node + "/" + instance, Metadata: weir, UserAgentName: "envoy",
		Extensions: []*corev3.Extension{{Name: "envoy.filters.http.router"}},
	}
}

func fake(t testing.TB, s *served, node, instance string) *xdstest.Envoy {
	t.Helper()
	return xdstest.Start(t, xdstest.Options{Addr: s.Addr().String(), Node: envoyNode(node, instance)})
}

// shop is a mesh in which virtual node web calls service reviews, whose router splits over versions by weight.
type shop struct {
	weights   map[string]int    // by version
	ports     map[string]int    // of a version's one instance on 127.0.0.1; 8080 if absent
	outliers  int               // of every version; 0: no outlier detection
	timeout   mesh.Duration     // of the route
	unrouted  []string          // versions that exist without a weight
	discovery map[string]string // "registration" for a version found so
}

func (s shop) mesh() mesh.Mesh {
	m := mesh.Mesh{
		Name:     "shop",
		Services: []mesh.VirtualService{{Name: "reviews", Router: "reviews"}},
		Routers:  []mesh.VirtualRouter{{Name: "reviews", Listeners: []mesh.RouterListener{{Port: 8080, Protocol: mesh.HTTP}}}},
	}
	route := mesh.Route{Router: "reviews", Name: "primary", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"}}
	if s.timeout != 0 {
		route.Timeout = &mesh.Timeout{PerRequest: &s.timeout}
	}
	names := slices.Concat(slices.Collect(maps.Keys(s.weights)), s.unrouted)
	slices.Sort(names)
	for _, name := range names {
		node := mesh.VirtualNode{Name: name, Listeners: []mesh.Listener{{Port: 8080, Protocol: mesh.HTTP}}}
		if s.outliers != 0 {
			node.Listeners[0].OutlierDetection = &mesh.OutlierDetection{
				MaxServerErrors: s.outliers, Interval: mesh.Duration(10 * time.Second),
				BaseEjectionTime: mesh.Duration(30 * time.Second), MaxEjectionPercent: 50,
			}
		}
		node.ServiceDiscovery = &mesh.ServiceDiscovery{Endpoints: []mesh.Endpoint{{Address: "127.0.0.1", Port: s.ports[name]}}}
		if s.discovery[name] != "" {
			node.ServiceDiscovery = &mesh.ServiceDiscovery{Registration: &mesh.Registration{}}
		}
		m.Nodes = append(m.Nodes, node)
		if weight, ok := s.weights[name]; ok {
			route.Targets = append(route.Targets, mesh.WeightedTarget{Node: name, Weight: weight})
		}
	}
	m.Routes = []mesh.Route{route}
	m.Nodes = append(m.Nodes, mesh.VirtualNode{Name: "web", Backends: []mesh.Backend{{Service: "reviews"}}})
	return m
}

// freePort finds a port that nobody listens on.
func freePort(t testing.TB, host string) int {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}
