package crowd

import (
	"cmp"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	port     = 8080
	grpcPort = 9090
)

func portOf(p mesh.Protocol) int {
	if p == mesh.GRPC {
		return grpcPort
	}
	return port
}

// mesh writes the plan down as a mesh.
func (p *plan) mesh(name string) mesh.Mesh {
	m := mesh.Mesh{Name: name, EgressFilter: mesh.AllowAll}
	for _, g := range p.gateways {
		m.Gateways = append(m.Gateways, mesh.VirtualGateway{Name: g, Listeners: []mesh.Listener{{Port: port, Protocol: mesh.HTTP}}})
	}
	for i := range p.services {
		p.define(&m, &p.services[i])
	}
	slices.SortFunc(m.Nodes, func(a, b mesh.VirtualNode) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(m.Services, func(a, b mesh.VirtualService) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(m.Routers, func(a, b mesh.VirtualRouter) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(m.Routes, func(a, b mesh.Route) int {
		return cmp.Or(strings.Compare(a.Router, b.Router), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(m.Gateways, func(a, b mesh.VirtualGateway) int { return strings.Compare(a.Name, b.Name) })
	slices.SortFunc(m.GatewayRoutes, func(a, b mesh.GatewayRoute) int {
		return cmp.Or(strings.Compare(a.Gateway, b.Gateway), strings.Compare(a.Name, b.Name))
	})
	return m
}

// define adds a service with its versions, its router and its way in.
func (p *plan) define(m *mesh.Mesh, s *service) {
	backends := make([]mesh.Backend, 0, len(s.calls))
	for _, c := range s.calls {
		backends = append(backends, mesh.Backend{Service: p.services[c.to].name})
	}
	for _, v := range s.versions {
		m.Nodes = append(m.Nodes, mesh.VirtualNode{
			Name:             v.node,
			Listeners:        []mesh.Listener{{Port: portOf(s.protocol), Protocol: s.protocol, ConnectionPool: v.pool}},
			ServiceDiscovery: &mesh.ServiceDiscovery{Registration: &mesh.Registration{}},
			Backends:         backends,
		})
	}
	if len(s.versions) == 1 {
		m.Services = append(m.Services, mesh.VirtualService{Name: s.name, Node: s.short})
	} else {
		m.Services = append(m.Services, mesh.VirtualService{Name: s.name, Router: s.short})
		m.Routers = append(m.Routers, mesh.VirtualRouter{
			Name: s.short, Listeners: []mesh.RouterListener{{Port: portOf(s.protocol), Protocol: s.protocol}},
		})
		m.Routes = append(m.Routes, s.route())
	}
	if s.gateway >= 0 {
		m.GatewayRoutes = append(m.GatewayRoutes, mesh.GatewayRoute{
			Gateway: p.gateways[s.gateway], Name: s.short, Protocol: mesh.HTTP,
			Match: mesh.Match{Prefix: "/" + s.short}, Target: mesh.GatewayTarget{Service: s.name},
		})
	}
}

func (s *service) route() mesh.Route {
	r := mesh.Route{Router: s.short, Name: "primary", Protocol: s.protocol}
	if s.protocol != mesh.GRPC {
		r.Match.Prefix = "/"
	}
	for _, v := range s.versions {
		r.Targets = append(r.Targets, mesh.WeightedTarget{Node: v.node, Weight: v.weight})
	}
	return r
}
