package mesh

import (
	"cmp"
	"strings"
)

// Validate checks every object of the mesh and every reference between them. The error is an *Error with code Invalid
// and one Violation per broken rule, at most 100 of them.
func (m Mesh) Validate() error { return m.validate(m.Objects()) }

// ValidateChanged is Validate for a mesh that differs by a patch of Diff from one that was valid: what objects say of each
// other is checked of all of them, but only those that the patch puts are looked at by themselves.
func (m Mesh) ValidateChanged(p Patch) error { return m.validate(p.Put) }

// validate checks some objects by themselves, and how all of the mesh fit together.
func (m Mesh) validate(alone []Object) error {
	c := &checker{}
	for _, o := range alone {
		c.object(o)
	}
	if m.Name == "" {
		c.on = Ref{}
		c.name("mesh name", m.Name)
	}
	x := newIndex(m)
	x.unique(c, m)
	x.references(c, m)
	x.limits(c, m)
	return c.err("mesh " + shorten(m.Name))
}

// ValidateObject checks one object by itself, without the objects that it names. The error is as Validate's.
func ValidateObject(o Object) error {
	c := &checker{}
	c.object(o)
	return c.err(label(o))
}

// label names an object in messages, whatever its name holds.
func label(o Object) string { return shorten(o.Ref().String()) }

// object checks one object by itself.
func (c *checker) object(o Object) {
	c.on = o.Ref()
	switch o := o.(type) {
	case Settings:
		c.settings(o)
	case VirtualNode:
		c.node(o)
	case VirtualService:
		c.service(o)
	case VirtualRouter:
		c.router(o)
	case Split:
		c.name("name", o.Name)
		c.targets(o.Targets)
	case Route:
		c.route(o)
	case VirtualGateway:
		c.gateway(o)
	case GatewayRoute:
		c.gatewayRoute(o)
	default:
		c.fail("object", nil, "is of a known kind")
	}
}

func (c *checker) settings(s Settings) {
	c.name("name", s.Name)
	if s.EgressFilter != "" {
		c.oneOf("egressFilter", string(s.EgressFilter), string(DropAll), string(AllowAll))
	}
	if s.Approval != "" {
		c.oneOf("approval", string(s.Approval), string(ApprovalRequired), string(ApprovalNone))
	}
	c.health(s.Health, true)
	c.guard(s.Guard)
}

func (c *checker) service(s VirtualService) {
	c.host("name", s.Name)
	if s.Router != "" {
		c.name("router", s.Router)
	}
	if s.Node != "" {
		c.name("node", s.Node)
	}
	if s.Router != "" && s.Node != "" {
		c.fail("node", s.Node, "is left out when there is a router: one of the two provides a service")
	}
	c.health(s.Health, true)
	c.guard(s.Guard)
}

// index finds objects by name while a mesh is checked.
type index struct {
	nodes    map[string]VirtualNode
	routers  map[string]VirtualRouter
	services map[string]VirtualService
	gateways map[string]VirtualGateway
	splits   map[string]Split
}

func newIndex(m Mesh) index {
	x := index{
		nodes:    make(map[string]VirtualNode, len(m.Nodes)),
		routers:  make(map[string]VirtualRouter, len(m.Routers)),
		services: make(map[string]VirtualService, len(m.Services)),
		gateways: make(map[string]VirtualGateway, len(m.Gateways)),
		splits:   make(map[string]Split, len(m.Splits)),
	}
	for _, n := range m.Nodes {
		x.nodes[n.Name] = n
	}
	for _, r := range m.Routers {
		x.routers[r.Name] = r
	}
	for _, s := range m.Services {
		x.services[s.Name] = s
	}
	for _, s := range m.Splits {
		x.splits[s.Name] = s
	}
	for _, g := range m.Gateways {
		x.gateways[g.Name] = g
	}
	return x
}

// unique checks that nothing is named twice. Services' names are hosts, in which proxies do not tell case.
func (x index) unique(c *checker, m Mesh) {
	if x.distinct(m) {
		return
	}
	seen := make(map[Ref]bool)
	for _, o := range m.Objects() {
		ref := o.Ref()
		if ref.Kind == KindService {
			ref.Name = strings.ToLower(ref.Name)
		}
		if seen[ref] {
			c.on = o.Ref()
			c.fail("name", nil, "is used once in a mesh")
		}
		seen[ref] = true
	}
}

// distinct says that nothing is named twice, at less cost than finding out what is. It may be wrong about a mesh that is
// not sorted.
func (x index) distinct(m Mesh) bool {
	hosts := make(map[string]bool, len(m.Services))
	for _, s := range m.Services {
		hosts[strings.ToLower(s.Name)] = true
	}
	for i := 1; i < len(m.Routes); i++ {
		if a, b := m.Routes[i-1], m.Routes[i]; cmp.Or(strings.Compare(a.Router, b.Router), strings.Compare(a.Name, b.Name)) >= 0 {
			return false
		}
	}
	for i := 1; i < len(m.GatewayRoutes); i++ {
		if a, b := m.GatewayRoutes[i-1], m.GatewayRoutes[i]; cmp.Or(strings.Compare(a.Gateway, b.Gateway), strings.Compare(a.Name, b.Name)) >= 0 {
			return false
		}
	}
	return len(hosts) == len(m.Services) && len(x.nodes) == len(m.Nodes) && len(x.routers) == len(m.Routers) &&
		len(x.splits) == len(m.Splits) && len(x.gateways) == len(m.Gateways)
}

// references checks what objects say of each other.
func (x index) references(c *checker, m Mesh) {
	for _, s := range m.Services {
		c.on = s.Ref()
		if _, ok := x.routers[s.Router]; s.Router != "" && !ok {
			c.fail("router", s.Router, "is a virtual router of the mesh")
		}
		n, ok := x.nodes[s.Node]
		switch {
		case s.Node == "":
		case !ok:
			c.fail("node", s.Node, "is a virtual node of the mesh")
		case len(n.Listeners) == 0:
			c.fail("node", s.Node, "is a virtual node with a listener")
		}
	}
	for _, s := range m.Splits {
		c.on = s.Ref()
		x.splitTargets(c, s)
	}
	for _, r := range m.Routes {
		c.on = r.Ref()
		x.route(c, r)
	}
	for _, g := range m.GatewayRoutes {
		c.on = g.Ref()
		x.gatewayRoute(c, g)
	}
}

// suits says whether requests of a route's protocol can be sent to a listener of another: HTTP/1.1 and HTTP/2 are
// translated into each other, and gRPC is carried by HTTP/2.
func suits(route, listener Protocol) bool {
	switch {
	case route == listener:
		return true
	case route == TCP || listener == TCP:
		return false
	case route == GRPC:
		return listener == HTTP2
	default:
		return listener != GRPC
	}
}
