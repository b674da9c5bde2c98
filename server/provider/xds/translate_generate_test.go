package xds

import (
	"time"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

// drawMesh generates a small mesh over a handful of names, so that its objects refer to each other. A sane one keeps the
// protocols of what refers to each other together, and is valid more often than not; any other one is mostly not.
func drawMesh(t *rapid.T, sane bool) mesh.Mesh {
	d := drawer{t: t, sane: sane}
	d.speaks = d.protocol(true)
	m := mesh.Mesh{Name: "m", EgressFilter: rapid.SampledFrom([]mesh.EgressFilter{"", mesh.DropAll, mesh.AllowAll}).Draw(t, "filter")}
	for _, name := range d.some("nodes", "a", "b", "c") {
		n := mesh.VirtualNode{Name: name, Listeners: d.listeners(true), ServiceDiscovery: d.discovery()}
		for _, s := range d.some("backends", "x", "y", "z.local") {
			n.Backends = append(n.Backends, mesh.Backend{Service: s, LocalPort: d.local(s)})
		}
		m.Nodes = append(m.Nodes, n)
	}
	for _, name := range d.some("routers", "r", "s") {
		p := d.protocol(true)
		m.Routers = append(m.Routers, mesh.VirtualRouter{Name: name, Listeners: []mesh.RouterListener{{Port: d.oneOf("port", 80, 81), Protocol: p}}})
		for _, route := range d.some("routes", "one", "two", "three") {
			m.Routes = append(m.Routes, d.route(name, route, p))
		}
	}
	for _, name := range d.some("services", "x", "y", "z.local") {
		s := mesh.VirtualService{Name: name}
		switch d.oneOf("provider", 0, 1, 2) {
		case 0:
			s.Router = d.name("router", "r", "s")
		case 1:
			s.Node = d.name("node", "a", "b", "c")
		}
		m.Services = append(m.Services, s)
	}
	if d.speaks == mesh.TCP {
		return m.Sorted()
	}
	for _, name := range d.some("gateways", "g") {
		m.Gateways = append(m.Gateways, mesh.VirtualGateway{Name: name, Listeners: d.listeners(false)})
		for _, route := range d.some("gateway routes", "one", "two", "three") {
			m.GatewayRoutes = append(m.GatewayRoutes, d.gatewayRoute(name, route))
		}
	}
	return m.Sorted()
}

// drawer draws the parts of a mesh.
type drawer struct {
	t      *rapid.T
	sane   bool
	speaks mesh.Protocol // of everything in a sane mesh
}

func (d drawer) some(what string, names ...string) (list []string) {
	for _, name := range names {
		if d.sane || rapid.IntRange(0, 3).Draw(d.t, what+" "+name) > 0 {
			list = append(list, name)
		}
	}
	return list
}

func (d drawer) oneOf(what string, of ...int) int { return rapid.SampledFrom(of).Draw(d.t, what) }

func (d drawer) local(service string) int {
	if d.sane {
		return 7000 + int(service[0])
	}
	return d.oneOf("local", 0, 0, 7000, 15001)
}

func (d drawer) name(what string, of ...string) string {
	if !d.sane {
		of = append(of, "gone", "")
	}
	return rapid.SampledFrom(of).Draw(d.t, what)
}

func (d drawer) protocol(tcp bool) mesh.Protocol {
	if d.sane && d.speaks != "" {
		return d.speaks
	}
	of := []mesh.Protocol{mesh.HTTP, mesh.HTTP2, mesh.GRPC}
	if tcp {
		of = append(of, mesh.TCP)
	}
	return rapid.SampledFrom(of).Draw(d.t, "protocol")
}

func (d drawer) listeners(node bool) (list []mesh.Listener) {
	ports := []int{80}
	if !d.sane {
		ports = ports[:d.oneOf("listeners", 0, 1, 1)]
		if d.oneOf("second", 0, 1) == 1 {
			ports = append(ports, d.oneOf("port", 80, 81, 15001))
		}
	}
	for _, port := range ports {
		l := mesh.Listener{Port: port, Protocol: d.protocol(node), Timeout: d.timeout()}
		if d.oneOf("pool", 0, 1) == 1 {
			n := d.oneOf("max", 1, 100, unbounded)
			l.ConnectionPool = &mesh.ConnectionPool{MaxConnections: &n}
		}
		if node && d.oneOf("outliers", 0, 1) == 1 {
			l.OutlierDetection = &mesh.OutlierDetection{
				MaxServerErrors: 5, Interval: mesh.Duration(time.Second), BaseEjectionTime: mesh.Duration(time.Minute), MaxEjectionPercent: d.oneOf("%", 0, 100),
			}
		}
		if node && d.oneOf("health", 0, 1) == 1 {
			l.HealthCheck = &mesh.HealthCheck{
				Protocol: mesh.HTTP, Path: "/", Port: d.oneOf("check", 0, 80, 9), Interval: mesh.Duration(5 * time.Second),
				Timeout: mesh.Duration(2 * time.Second), HealthyThreshold: 2, UnhealthyThreshold: 2,
			}
		}
		list = append(list, l)
	}
	return list
}

func (d drawer) timeout() *mesh.Timeout {
	limit := mesh.Duration(time.Duration(d.oneOf("limit", 0, 1, 90)) * time.Second)
	of := []*mesh.Timeout{nil, {}, {Idle: &limit}}
	if d.speaks != mesh.TCP {
		of = append(of, &mesh.Timeout{PerRequest: &limit})
	}
	return rapid.SampledFrom(of).Draw(d.t, "timeout")
}

func (d drawer) discovery() *mesh.ServiceDiscovery {
	of := []*mesh.ServiceDiscovery{
		{Registration: &mesh.Registration{}},
		{Endpoints: []mesh.Endpoint{{Address: "10.0.0.1"}, {Address: "::1", Port: 8080}}},
		{DNS: &mesh.DNSDiscovery{Hostname: "example.com"}},
		{DNS: &mesh.DNSDiscovery{Hostname: "example.com", ResponseType: mesh.Endpoints}},
	}
	if !d.sane {
		of = append(of, nil, &mesh.ServiceDiscovery{})
	}
	return rapid.SampledFrom(of).Draw(d.t, "discovery")
}

func (d drawer) match() mesh.Match {
	switch {
	case d.sane && d.speaks == mesh.TCP:
		return mesh.Match{}
	case d.sane && d.speaks == mesh.GRPC:
		return rapid.SampledFrom([]mesh.Match{{}, {Service: "p.S"}, {Service: "p.S", RPC: "M"}}).Draw(d.t, "grpc match")
	}
	m := mesh.Match{Prefix: d.name("prefix", "/", "/a", "/a/"), Method: rapid.SampledFrom([]string{"", "GET"}).Draw(d.t, "method")}
	if d.oneOf("path", 0, 1, 2) == 0 {
		m.Prefix, m.Path = "", rapid.SampledFrom([]*mesh.PathMatch{{Exact: "/a"}, {Regex: "/[a-z]+"}}).Draw(d.t, "path match")
	}
	m.Headers = rapid.SampledFrom([][]mesh.ValueMatch{nil, {{Name: "X-A"}}, {{Name: "x-b", Range: &mesh.IntRange{Start: -5, End: 5}, Invert: true}}}).Draw(d.t, "headers")
	m.QueryParameters = rapid.SampledFrom([][]mesh.ValueMatch{nil, {{Name: "q", Exact: "1"}}}).Draw(d.t, "query")
	if !d.sane {
		m.Port = d.oneOf("port", 0, 80, 81)
		m.Service, m.RPC = d.name("grpc", "", "p.S"), d.name("rpc", "", "M")
	}
	return m
}

func (d drawer) route(router, name string, p mesh.Protocol) mesh.Route {
	r := mesh.Route{Router: router, Name: name, Protocol: p, Priority: d.oneOf("priority", 0, 1000), Match: d.match(), Timeout: d.timeout()}
	for _, node := range d.some("targets", "a", "b", "c") {
		w := mesh.WeightedTarget{Node: node, Weight: d.oneOf("weight", 0, 1, 1000000)}
		if d.sane && node == "a" {
			w.Weight = 7
		}
		if !d.sane {
			w.Port = d.oneOf("port", 0, 80, 81)
		}
		r.Targets = append(r.Targets, w)
	}
	if d.speaks != mesh.TCP && d.oneOf("retry", 0, 1) == 1 {
		r.Retry = &mesh.Retry{MaxRetries: d.oneOf("retries", 0, 3), HTTPEvents: []string{"server-error", "stream-error"}, TCPEvents: []string{"connection-error"}}
	}
	return r
}

func (d drawer) gatewayRoute(gateway, name string) mesh.GatewayRoute {
	r := mesh.GatewayRoute{
		Gateway: gateway, Name: name, Protocol: d.protocol(false), Match: d.match(),
		Target: mesh.GatewayTarget{Service: d.name("service", "x", "y", "z.local")},
	}
	r.Match.Hostname = rapid.SampledFrom([]*mesh.HostMatch{nil, {Exact: "a.example.com"}, {Suffix: ".example.com"}, {Suffix: ".com"}}).Draw(d.t, "host")
	if !d.sane {
		r.Target.Port = d.oneOf("port", 0, 80, 81)
	}
	if r.Match.Path == nil && r.Protocol != mesh.GRPC {
		r.Rewrite = rapid.SampledFrom([]*mesh.Rewrite{nil, {KeepHost: true}, {KeepPrefix: true}, {Prefix: "/b/"}}).Draw(d.t, "rewrite")
	}
	return r
}
