package mesh

import (
	"fmt"
	"strings"
)

func (c *checker) gateway(g VirtualGateway) {
	c.name("name", g.Name)
	if len(g.Listeners) == 0 {
		c.fail("listeners", nil, "are at least one")
	}
	c.listeners(g.Listeners, false)
}

func (c *checker) gatewayRoute(g GatewayRoute) {
	c.name("gateway", g.Gateway)
	c.name("name", g.Name)
	c.protocol("protocol", g.Protocol, false)
	c.between("priority", g.Priority, 0, maxPriority)
	c.match(g.Match, g.Protocol)
	if g.Match.Hostname != nil {
		c.hostMatch(*g.Match.Hostname)
	}
	c.host("target.service", g.Target.Service)
	c.optionalPort("target.port", g.Target.Port)
	if g.Rewrite != nil {
		c.rewrite(*g.Rewrite, g)
	}
}

func (c *checker) hostMatch(h HostMatch) {
	if (h.Exact == "") == (h.Suffix == "") {
		c.fail("match.hostname", nil, "has exactly one of exact and suffix")
		return
	}
	if h.Exact != "" {
		c.host("match.hostname.exact", h.Exact)
		return
	}
	rest, ok := strings.CutPrefix(h.Suffix, ".")
	if !ok || len(rest) > maxHostname || !isHost(rest) {
		c.fail("match.hostname.suffix", h.Suffix, "is the end of a host name and starts with a dot, as in .example.com")
	}
}

func (c *checker) rewrite(r Rewrite, g GatewayRoute) {
	if g.Protocol == GRPC && (r.KeepPrefix || r.Prefix != "" || r.Path != "") {
		c.fail("rewrite", nil, "of a grpc route concerns the host only")
		return
	}
	if r.Prefix != "" {
		c.path("rewrite.prefix", r.Prefix)
		if !strings.HasSuffix(r.Prefix, "/") {
			c.fail("rewrite.prefix", r.Prefix, "ends with /")
		}
		if g.Match.Prefix == "" {
			c.fail("rewrite.prefix", r.Prefix, "needs match.prefix, which it replaces")
		}
	}
	if r.Path != "" {
		c.path("rewrite.path", r.Path)
		if g.Match.Path == nil {
			c.fail("rewrite.path", r.Path, "needs match.path, which it replaces")
		}
	}
	if r.KeepPrefix && r.Prefix != "" || r.Prefix != "" && r.Path != "" || r.KeepPrefix && r.Path != "" {
		c.fail("rewrite", nil, "has one of keepPrefix, prefix and path at most")
	}
}

// gatewayRoute checks a gateway route against its gateway and its service.
func (x index) gatewayRoute(c *checker, g GatewayRoute) {
	if gw, ok := x.gateways[g.Gateway]; ok {
		gatewayPort(c, g, gw)
	} else if g.Gateway != "" {
		c.fail("gateway", g.Gateway, "is a virtual gateway of the mesh")
	}
	s, ok := x.services[g.Target.Service]
	switch {
	case !ok && g.Target.Service != "":
		c.fail("target.service", g.Target.Service, "is a virtual service of the mesh")
	case s.Router != "":
		servicePort(c, g, x.routers[s.Router].Listeners)
	default:
		servicePort(c, g, x.nodes[s.Node].ports())
	}
}

// gatewayPort checks that a listener of the gateway speaks the route's protocol.
func gatewayPort(c *checker, g GatewayRoute, gw VirtualGateway) {
	there := false
	for _, l := range gw.Listeners {
		if g.Match.Port != 0 && l.Port != g.Match.Port {
			continue
		}
		there = true
		if l.Protocol == g.Protocol {
			return
		}
	}
	if !there && g.Match.Port != 0 {
		c.fail("match.port", g.Match.Port, "is a port that the gateway listens on")
		return
	}
	c.fail("protocol", g.Protocol, "is the protocol of a listener of the gateway")
}

// servicePort checks the port of the service that the gateway route sends to. A service without ports is a reserved
// name, which answers 404.
func servicePort(c *checker, g GatewayRoute, ports []RouterListener) {
	if len(ports) == 0 {
		return
	}
	if g.Target.Port == 0 && len(ports) > 1 {
		c.fail("target.port", nil, "is required: service "+shorten(g.Target.Service)+" has several ports")
		return
	}
	for _, p := range ports {
		if g.Target.Port != 0 && p.Port != g.Target.Port {
			continue
		}
		if !suits(g.Protocol, p.Protocol) {
			c.fail("target.service", g.Target.Service, fmt.Sprintf("speaks %s there, which a %s route cannot use", p.Protocol, g.Protocol))
		}
		return
	}
	c.fail("target.port", g.Target.Port, "is a port of service "+shorten(g.Target.Service))
}
