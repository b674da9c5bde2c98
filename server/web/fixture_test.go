package web_test

import (
	"slices"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// noon is when the tests' world stands still.
func noon() time.Time { return time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC) }

func ptr[T any](v T) *T { return &v }

// sample is the demo's mesh: a gateway, a split of reviews, a pool of 100 connections before ratings.
func sample() mesh.Mesh {
	m := mesh.Mesh{Name: "sample_app", EgressFilter: mesh.DropAll}
	calls := map[string][]string{
		"storefront": {"catalog", "reviews", "cart"}, "mobile-api": {"reviews", "catalog"}, "reviews-v1": {"ratings"},
		"reviews-v2": {"ratings"}, "cart": {"checkout"}, "checkout": {"payments"},
	}
	for _, name := range []string{"cart", "catalog", "checkout", "mobile-api", "payments", "ratings", "reviews-v1", "reviews-v2", "storefront"} {
		n := mesh.VirtualNode{
			Name: name, ServiceDiscovery: &mesh.ServiceDiscovery{Registration: &mesh.Registration{}},
			Listeners: []mesh.Listener{{Port: 8080, Protocol: mesh.HTTP}},
		}
		switch name {
		case "ratings":
			n.Listeners[0].ConnectionPool = &mesh.ConnectionPool{MaxConnections: ptr(100), MaxPendingRequests: ptr(50)}
		case "reviews-v1", "reviews-v2":
			n.Listeners[0].ConnectionPool = &mesh.ConnectionPool{MaxConnections: ptr(100), MaxPendingRequests: ptr(20), MaxRequests: ptr(200)}
		}
		for _, s := range calls[name] {
			n.Backends = append(n.Backends, mesh.Backend{Service: s})
		}
		m.Nodes = append(m.Nodes, n)
	}
	for _, name := range []string{"cart", "catalog", "checkout", "payments", "ratings", "reviews", "storefront"} {
		s := mesh.VirtualService{Name: name, Node: name}
		if name == "reviews" {
			s.Node, s.Router = "", "reviews"
		}
		m.Services = append(m.Services, s)
	}
	m.Routers = []mesh.VirtualRouter{{Name: "reviews", Listeners: []mesh.RouterListener{{Port: 8080, Protocol: mesh.HTTP}}}}
	m.Routes = []mesh.Route{
		{
			Router: "reviews", Name: "beta", Protocol: mesh.HTTP, Priority: 0,
			Match:   mesh.Match{Prefix: "/", Headers: []mesh.ValueMatch{{Name: "x-beta", Exact: "1"}}},
			Targets: []mesh.WeightedTarget{{Node: "reviews-v2", Weight: 1}},
		},
		{
			Router: "reviews", Name: "primary", Protocol: mesh.HTTP, Priority: 10, Match: mesh.Match{Prefix: "/"},
			Targets: []mesh.WeightedTarget{{Node: "reviews-v1", Weight: 75}, {Node: "reviews-v2", Weight: 25}},
			Timeout: &mesh.Timeout{PerRequest: ptr(mesh.Duration(2 * time.Second))},
			Retry:   &mesh.Retry{MaxRetries: 2, PerRetryTimeout: mesh.Duration(500 * time.Millisecond), HTTPEvents: []string{"server-error"}},
		},
	}
	m.Gateways = []mesh.VirtualGateway{{Name: "ingress", Listeners: []mesh.Listener{{Port: 8080, Protocol: mesh.HTTP}}}}
	m.GatewayRoutes = []mesh.GatewayRoute{{Gateway: "ingress", Name: "shop", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"}, Target: mesh.GatewayTarget{Service: "storefront"}}}
	return m
}

// picture is what is seen of sample: ratings refuses requests, payments is slow, reviews-v2 is fine.
func picture() graph.Graph {
	b := builder{g: graph.Graph{Mesh: "sample_app", At: noon().Add(-200 * time.Millisecond), Window: "30s", Fresh: true, Age: 0.4}}
	b.edge("gateway/ingress", "storefront", "storefront", 96.2, 0.004, 0.031)
	b.edge("unknown", "mobile-api", "", 22.4, 0, 0.018)
	b.edge("storefront", "catalog", "catalog", 88.1, 0.001, 0.012)
	b.edge("storefront", "cart", "cart", 31.5, 0, 0.044)
	for _, from := range []string{"storefront", "mobile-api"} {
		b.edge(from, "reviews-v1", "reviews", 28, 0.002, 0.0186)
		b.edge(from, "reviews-v2", "reviews", 9.4, 0.003, 0.0221)
	}
	b.edge("reviews-v1", "ratings", "ratings", 56, 0.021, 0.083)
	b.edge("reviews-v2", "ratings", "ratings", 18.8, 0.064, 0.12)
	b.edge("cart", "checkout", "checkout", 8.2, 0, 0.071)
	b.edge("checkout", "payments", "payments", 8.1, 0.012, 1.42)
	for i := range b.g.Edges {
		e := &b.g.Edges[i]
		switch e.To {
		case "ratings":
			e.Health = mesh.Degraded
			if e.From == "reviews-v2" {
				e.Health = mesh.Unhealthy
			}
			e.Causes = []graph.Cause{
				{Code: "pool-overflow", Values: map[string]string{"rate": "1.2"}, Knob: "pool"},
				{Code: "errors", Values: map[string]string{"ratio": "6.4 %", "failed": "36", "requests": "564", "limit": "5 %"}, Knob: "weights"},
			}
			e.Why = []string{"the connection pool is full: 1.2 requests a second are refused", "6.4 % of requests fail (36 of 564); the limit is 5 %"}
		case "payments":
			e.Health = mesh.Degraded
			e.Causes = []graph.Cause{{Code: "latency", Values: map[string]string{"p95": "1.4 s", "limit": "1.0 s"}, Knob: "weights"}}
			e.Why = []string{"one request in twenty takes longer than 1.4 s; the limit is 1.0 s"}
		case "reviews-v1":
			e.Weight, e.Share = ptr(0.75), ptr(0.749)
		case "reviews-v2":
			e.Weight, e.Share = ptr(0.25), ptr(0.251)
		}
	}
	b.g.Edges = append(b.g.Edges, graph.Edge{From: "mobile-api", To: "catalog", Protocol: mesh.HTTP, Declared: true, Services: []string{"catalog"}, Health: mesh.Idle})
	b.nodes()
	return b.g
}

type builder struct{ g graph.Graph }

// edge adds a call with its rate, error ratio and 95th percentile.

func (b *builder) edge(from, to, service string, seen ...float64) {
	rate, errors, p95 := seen[0], seen[1], seen[2]
	e := graph.Edge{
		From: from, To: to, Protocol: mesh.HTTP, Declared: service != "", Used: true, RequestRate: rate, ErrorRatio: errors,
		P50: p95 / 3, P95: p95, P99: p95 * 2, Healthy: 1, Members: 1, Health: mesh.Healthy,
	}
	if service != "" {
		e.Services = []string{service}
	}
	b.g.Edges = append(b.g.Edges, e)
}

// nodes adds the boxes that the edges lead to and from, and their services.
func (b *builder) nodes() {
	boxes := map[string]*graph.Node{}
	box := func(id string, kind graph.NodeKind, name, service string) *graph.Node {
		if boxes[id] == nil {
			boxes[id] = &graph.Node{ID: id, Kind: kind, Name: name, Service: service, Declared: true, Health: mesh.Idle, Proxies: 1}
		}
		return boxes[id]
	}
	receive := func(n *graph.Node, e graph.Edge) {
		if sum := n.RequestRate + e.RequestRate; sum > 0 {
			n.ErrorRatio = (n.ErrorRatio*n.RequestRate + e.ErrorRatio*e.RequestRate) / sum
			n.RequestRate = sum
		}
		n.P50, n.P95, n.P99 = max(n.P50, e.P50), max(n.P95, e.P95), max(n.P99, e.P99)
		if order := []mesh.Health{mesh.Idle, mesh.Healthy, mesh.Degraded, mesh.Unhealthy}; slices.Index(order, e.Health) > slices.Index(order, n.Health) {
			n.Health, n.Why, n.Causes = e.Health, e.Why, e.Causes
		}
	}
	for _, e := range b.g.Edges {
		switch {
		case strings.HasPrefix(e.From, "gateway/"):
			box(e.From, graph.KindGateway, strings.TrimPrefix(e.From, "gateway/"), "").Health = mesh.Healthy
		case e.From == "unknown":
			n := box(e.From, graph.KindUnknown, "unknown", "")
			n.Declared, n.Proxies, n.Health = false, 0, mesh.Healthy
		}
		service := ""
		if len(e.Services) > 0 {
			service = e.Services[0]
			receive(box(mesh.ServiceID(service), graph.KindService, service, ""), e)
		}
		receive(box(e.To, graph.KindNode, e.To, service), e)
	}
	boxes["ratings"].Pool = &graph.Pool{Connections: 100, MaxConnections: 100, Pending: 4, MaxPendingRequests: 50, Active: 41, OverflowRate: 1.2, Instances: 1}
	boxes["reviews-v1"].Pool = &graph.Pool{Connections: 31, MaxConnections: 100, Pending: 0, MaxPendingRequests: 20, Active: 7, MaxRequests: 200, Instances: 1}
	boxes["reviews-v2"].Pool = &graph.Pool{Connections: 9, MaxConnections: 100, Pending: 0, MaxPendingRequests: 20, Active: 2, MaxRequests: 200, Instances: 1}
	boxes["reviews-v2"].Version, boxes["reviews-v1"].Version = "v2", "v1"
	for _, n := range boxes {
		b.g.Nodes = append(b.g.Nodes, *n)
	}
	slices.SortFunc(b.g.Nodes, func(x, y graph.Node) int { return strings.Compare(x.ID, y.ID) })
}

// proxies are the sample's: one has refused its configuration, one waits, one is gone, one was not let in.
func proxies() []provider.Proxy {
	var list []provider.Proxy
	for i, node := range []string{"cart", "catalog", "checkout", "mobile-api", "payments", "ratings", "reviews-v1", "reviews-v2", "storefront"} {
		p := provider.Proxy{
			ID: node + "-1", Mesh: "sample_app", Node: node, NodeID: "mesh/sample_app/virtualNode/" + node + "/1", Address: "127.0.0.1",
			Version: "envoy 1.40.0", State: provider.Synced, Since: noon().Add(-42 * time.Minute), Revision: 12, AckedAt: noon().Add(-12 * time.Second),
			MetricsAt: noon().Add(-time.Duration(i) * 100 * time.Millisecond),
		}
		for _, t := range []string{"cluster", "endpoint", "listener", "route"} {
			p.Resources = append(p.Resources, provider.ResourceType{Type: t, Count: 2 + i%3, Acked: "9f2c41d0", AckedAt: noon().Add(-12 * time.Second)})
		}
		switch node {
		case "checkout":
			p.State, p.Message, p.Revision = provider.Rejected, `Error adding/updating listener(s) lds_egress_0.0.0.0_15001: Invalid regex ')': missing )`, 11
			p.Resources[3].Rejected, p.Resources[3].Message = "77a0be12", p.Message
		case "payments":
			p.State, p.Revision, p.MetricsAt = provider.Pending, 11, noon().Add(-19*time.Second)
			p.Resources[0].Pending = "c0ffee01"
		case "catalog":
			p.State = provider.Gone
		}
		list = append(list, p)
	}
	return append(list,
		provider.Proxy{ID: "ingress-1", Mesh: "sample_app", Gateway: "ingress", NodeID: "mesh/sample_app/virtualGateway/ingress/1", State: provider.Synced, Since: noon().Add(-42 * time.Minute), Revision: 12, MetricsAt: noon()},
		provider.Proxy{ID: "refused-1", Mesh: "sample_app", NodeID: "mesh/other/virtualNode/x", State: provider.Refused, Message: "node id mesh/other/virtualNode/x: mesh other does not exist: apply it, or correct the node id", Since: noon().Add(-3 * time.Minute)},
	)
}
