package xds

import (
	"fmt"
	"net"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

const gatewayMesh = `
name: m
gateways:
- name: edge
  listeners: [{port: {http}, protocol: http}, {port: {tight}, protocol: http, connectionPool: {maxConnections: 1, maxPendingRequests: 1}, timeout: {perRequest: 0s}}, {port: {grpc}, protocol: grpc}]
gatewayRoutes:
- {gateway: edge, name: shop, protocol: http, match: {prefix: /shop}, target: {service: shop.local}}
- {gateway: edge, name: old, protocol: http, match: {prefix: /shop/old/}, target: {service: shop.local}, rewrite: {prefix: /v1/}}
- {gateway: edge, name: same, protocol: http, match: {prefix: /same}, target: {service: shop.local}, rewrite: {keepPrefix: true, keepHost: true}}
- {gateway: edge, name: post, protocol: http, match: {prefix: /shop, method: POST}, target: {service: all.local}}
- {gateway: edge, name: exact, protocol: http, match: {path: {exact: /health}}, target: {service: all.local}, rewrite: {path: /status}}
- {gateway: edge, name: regex, protocol: http, match: {path: {regex: "/item/[0-9]+"}}, target: {service: all.local}}
- {gateway: edge, name: host, protocol: http, match: {prefix: /, hostname: {exact: api.Example.com}}, target: {service: all.local}}
- {gateway: edge, name: suffix, protocol: http, match: {prefix: /, hostname: {suffix: .example.com}}, target: {service: reserved.local}}
- {gateway: edge, name: first, protocol: http, priority: 0, match: {prefix: /first}, target: {service: all.local}, rewrite: {prefix: /}}
- {gateway: edge, name: grpc, protocol: grpc, match: {service: grpc.health.v1.Health}, target: {service: health.local}}
nodes:
- {name: all, listeners: [{port: 80, protocol: http}], serviceDiscovery: {endpoints: [{address: 127.0.0.1, port: {all}}]}}
- {name: cart, listeners: [{port: 80, protocol: http}], serviceDiscovery: {endpoints: [{address: 127.0.0.1, port: {cart}}]}}
- {name: v1, listeners: [{port: 80, protocol: http}], serviceDiscovery: {endpoints: [{address: 127.0.0.1, port: {v1}}]}}
- {name: health, listeners: [{port: 80, protocol: grpc}], serviceDiscovery: {endpoints: [{address: 127.0.0.1, port: {health}}]}}
services: [{name: all.local, node: all}, {name: health.local, router: health}, {name: reserved.local}, {name: shop.local, router: shop}]
routers: [{name: shop, listeners: [{port: 80, protocol: http}]}, {name: health, listeners: [{port: 80, protocol: grpc}]}]
routes:
- {router: shop, name: cart, protocol: http, match: {prefix: /cart}, targets: [{node: cart, weight: 1}]}
- {router: shop, name: v1, protocol: http, match: {path: {regex: "/v1/[a-z]+"}}, targets: [{node: v1, weight: 1}]}
- {router: shop, name: same, protocol: http, match: {prefix: /same}, targets: [{node: v1, weight: 1}]}
- {router: health, name: check, protocol: grpc, match: {service: grpc.health.v1.Health, rpc: Check}, targets: [{node: health, weight: 1}]}
`

// startGateway runs gateway "edge" of gatewayMesh and gives its ports.
func startGateway(t testing.TB) (ports map[string]int, echoes map[string]*echo) {
	t.Helper()
	free := freePorts(t, 4)
	ports = map[string]int{"http": free[0], "tight": free[1], "grpc": free[2], "health": startHealth(t)}
	echoes = map[string]*echo{}
	for _, name := range []string{"all", "cart", "v1"} {
		echoes[name] = startEcho(t, name)
		ports[name] = echoes[name].port(t)
	}
	s := mustTranslate(t, Input{Mesh: mustMesh(t, gatewayMesh, ports), Proxy: Identity{
		Mesh: "m", Gateway: "edge", NodeID: "test", Bind: "127.0.0.1", AppAddress: "127.0.0.1", EgressPort: free[3],
	}})
	ports["egress"] = free[3]
	runEnvoy(t, s, free...)
	return ports, echoes
}

// startHealth runs a gRPC server that knows how it is.
func startHealth(t testing.TB) (port int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(s, health.NewServer())
	go func() { _ = s.Serve(l) }()
	t.Cleanup(s.Stop)
	return portOf(t, l.Addr())
}

// TestEnvoyGateway composes gateway routes with the routes of their services: what the first rewrites, the second match.
func TestEnvoyGateway(t *testing.T) {
	ports, _ := startGateway(t)
	for _, tc := range []struct {
		call
		want, path, seenHost string // path and seenHost as the upstream sees them
	}{
		{call{path: "/shop/cart"}, "cart", "/cart", "shop.local"},
		{call{path: "/shop/cart/1?a=b"}, "cart", "/cart/1?a=b", "shop.local"},
		{call{path: "/shopcart"}, "cart", "/cart", "shop.local"},
		{call{path: "/shop"}, "404", "", ""},       // "/" of shop.local, which has no such route,
		{call{path: "/shop/other"}, "404", "", ""}, // and another gateway route is not tried instead.
		{call{path: "/shop/old/thing"}, "v1", "/v1/thing", "shop.local"},
		{call{path: "/shop/old/Thing"}, "404", "", ""},
		{call{path: "/shop/cart", method: "POST"}, "all", "/cart", "all.local"},
		{call{path: "/shop", method: "POST"}, "all", "/", "all.local"},
		{call{path: "/shop?a=b", method: "POST"}, "all", "/?a=b", "all.local"},
		{call{path: "/same/x", host: "client.example.org"}, "v1", "/same/x", "client.example.org"},
		{call{path: "/health?deep"}, "all", "/status?deep", "all.local"},
		{call{path: "/healthy"}, "404", "", ""},
		{call{path: "/item/42"}, "all", "/item/42", "all.local"},
		{call{path: "/first/a"}, "all", "/a", "all.local"},
		{call{path: "/x", host: "api.example.com"}, "all", "/x", "all.local"},
		{call{path: "/x", host: "API.example.com:8080"}, "all", "/x", "all.local"},
		{call{path: "/shop/cart", host: "api.example.com"}, "all", "/shop/cart", "all.local"}, // The exact host is more specific.
		{call{path: "/x", host: "www.example.com"}, "404", "", ""},
		{call{path: "/x"}, "404", "", ""},
		{call{path: "/shop/cart", header: []string{"x-weir-service: all.local"}}, "cart", "/cart", "shop.local"},
	} {
		got := tc.call.do(t, ports["http"])
		got.expect(t, tc.want)
		if got.echoed.Path != tc.path || got.echoed.Host != tc.seenHost {
			t.Errorf("%s %s: the upstream saw %s%s, want %s%s", tc.host, tc.call.path, got.echoed.Host, got.echoed.Path, tc.seenHost, tc.path)
		}
		if leaked := got.echoed.Header.Get(serviceHeader); leaked != "" {
			t.Errorf("%s: the upstream saw %s: %s", tc.call.path, serviceHeader, leaked)
		}
	}
}

// TestEnvoyGatewayPool fills the pool of a gateway's listener; another listener of the gateway does not notice.
func TestEnvoyGatewayPool(t *testing.T) {
	ports, echoes := startGateway(t)
	release := echoes["cart"].pause()
	defer release()
	answers := make(chan call, 4)
	send := func() { answers <- call{path: "/shop/cart"}.do(t, ports["tight"]) }
	go send()
	for deadline := time.Now().Add(time.Minute); echoes["cart"].seen() == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the request does not reach the application")
		}
	}
	for range 3 {
		go send()
	}
	for range 2 {
		(<-answers).expect(t, "503")
	}
	call{path: "/first/"}.do(t, ports["http"]).expect(t, "all")
	release()
	for range 2 {
		(<-answers).expect(t, "cart")
	}
}

// TestEnvoyGatewayGRPC sends a method that the service's router routes, and one that it does not, through both stages.
func TestEnvoyGatewayGRPC(t *testing.T) {
	ports, _ := startGateway(t)
	conn, err := grpc.NewClient(loopbackPort(ports["grpc"]), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	client := grpc_health_v1.NewHealthClient(conn)
	got, err := client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err != nil || got.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("Check: %v, %v", got, err)
	}
	_, err = client.Check(t.Context(), &grpc_health_v1.HealthCheckRequest{Service: "unknown"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("Check of an unknown service: %v, want the server's NotFound", err)
	}
	watch, err := client.Watch(t.Context(), &grpc_health_v1.HealthCheckRequest{})
	if err == nil {
		_, err = watch.Recv()
	}
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("Watch: %v, want Unimplemented, for no route has it", err)
	}
}

// BenchmarkGateway shows what a gateway's second stage costs: a call straight to its egress listener, one through both,
// one to the upstream without a proxy.
func BenchmarkGateway(b *testing.B) {
	ports, _ := startGateway(b)
	for _, way := range []struct {
		name, path string
		port       int
		header     []string
	}{
		{"upstream", "/", ports["all"], nil},
		{"egress", "/", ports["egress"], []string{"x-weir-service: all.local"}},
		{"gateway", "/first/", ports["http"], nil},
	} {
		b.Run(way.name, func(b *testing.B) {
			for b.Loop() {
				got := call{path: way.path, header: way.header}.do(b, way.port)
				if got.status != 200 {
					b.Fatal(fmt.Sprint(got.status, got.text))
				}
			}
		})
	}
}
