package mesh

import (
	"cmp"
	"slices"
	"strings"
)

// Node finds a virtual node.
func (m Mesh) Node(name string) (VirtualNode, bool) { return find(m.Nodes, Ref{KindNode, name}) }

// Service finds a virtual service.
func (m Mesh) Service(name string) (VirtualService, bool) {
	return find(m.Services, Ref{KindService, name})
}

// Router finds a virtual router.
func (m Mesh) Router(name string) (VirtualRouter, bool) {
	return find(m.Routers, Ref{KindRouter, name})
}

// Route finds a route of a router.
func (m Mesh) Route(router, name string) (Route, bool) {
	return find(m.Routes, Ref{KindRoute, router + "/" + name})
}

// Gateway finds a virtual gateway.
func (m Mesh) Gateway(name string) (VirtualGateway, bool) {
	return find(m.Gateways, Ref{KindGateway, name})
}

// Listener finds a node's listener by port; with port zero the only one.
func (n VirtualNode) Listener(port int) (Listener, bool) {
	if port == 0 && len(n.Listeners) == 1 {
		return n.Listeners[0], true
	}
	i := slices.IndexFunc(n.Listeners, func(l Listener) bool { return l.Port == port })
	if i < 0 {
		return Listener{}, false
	}
	return n.Listeners[i], true
}

// Ports lists where a virtual service is called: its router's listeners, or its node's. It is empty for a service that
// leads nowhere.
func (m Mesh) Ports(service string) []RouterListener {
	s, ok := m.Service(service)
	if !ok {
		return nil
	}
	if s.Router != "" {
		r, _ := m.Router(s.Router)
		return slices.Clone(r.Listeners)
	}
	n, _ := m.Node(s.Node)
	return n.ports()
}

// ports lists the node's listeners as a service's ports.
func (n VirtualNode) ports() []RouterListener {
	var ports []RouterListener
	for _, l := range n.Listeners {
		ports = append(ports, RouterListener{Port: l.Port, Protocol: l.Protocol})
	}
	return ports
}

// RoutesOf lists a router's routes in the order in which they are tried: by priority, then the more specific match
// first, then by name.
func (m Mesh) RoutesOf(router string) []Route {
	var list []Route
	for i := range m.Routes { // routes are large, and nearly all of them are another router's
		if m.Routes[i].Router == router {
			list = append(list, m.Routes[i])
		}
	}
	slices.SortStableFunc(list, func(a, b Route) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), compareMatches(a.Match, b.Match), strings.Compare(a.Name, b.Name))
	})
	return list
}

// GatewayRoutesOf lists a gateway's routes in the order in which they are tried, as RoutesOf does.
func (m Mesh) GatewayRoutesOf(gateway string) []GatewayRoute {
	var list []GatewayRoute
	for _, r := range m.GatewayRoutes {
		if r.Gateway == gateway {
			list = append(list, r)
		}
	}
	slices.SortStableFunc(list, func(a, b GatewayRoute) int {
		return cmp.Or(cmp.Compare(a.Priority, b.Priority), compareMatches(a.Match, b.Match), strings.Compare(a.Name, b.Name))
	})
	return list
}

// compareMatches puts the more specific match first: an exact host before a suffix before any; an exact path before an
// expression before a longer prefix before a shorter one; a gRPC method before a service before any; more conditions
// before fewer.
func compareMatches(a, b Match) int {
	return cmp.Or(
		cmp.Compare(hostRank(b), hostRank(a)),
		cmp.Compare(pathRank(b), pathRank(a)),
		cmp.Compare(len(b.Prefix), len(a.Prefix)),
		cmp.Compare(conditions(b), conditions(a)),
	)
}

// hostRank is higher for a more specific host: exact, then suffixes by length.
func hostRank(m Match) int {
	switch {
	case m.Hostname == nil:
		return 0
	case m.Hostname.Exact != "":
		return maxHostname + 2 // above the longest suffix
	default:
		return len(m.Hostname.Suffix)
	}
}

// pathRank is higher for a more specific kind of path.
func pathRank(m Match) int {
	switch {
	case m.Path != nil && m.Path.Exact != "", m.RPC != "":
		return 2
	case m.Path != nil, m.Service != "":
		return 1
	default:
		return 0
	}
}

// conditions counts what has to hold beside the path.
func conditions(m Match) int {
	n := len(m.Headers) + len(m.QueryParameters)
	for _, set := range []bool{m.Method != "", m.Scheme != "", m.Port != 0} {
		if set {
			n++
		}
	}
	return n
}

// NodesOf lists the virtual nodes that provide a service, sorted: its node, or the targets of its router's routes, those
// of weight 0 too. It is empty for a service that leads nowhere.
func (m Mesh) NodesOf(service string) []string {
	s, ok := m.Service(service)
	switch {
	case !ok:
		return nil
	case s.Node != "":
		return []string{s.Node}
	}
	var list []string
	for _, r := range m.Routes {
		if r.Router != s.Router || s.Router == "" {
			continue
		}
		for _, t := range r.Targets {
			list = append(list, t.Node)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// ServicesOf lists the services that a virtual node provides, sorted by name.
func (m Mesh) ServicesOf(node string) []string {
	routers := make(map[string]bool)
	for _, r := range m.Routes {
		if slices.ContainsFunc(r.Targets, func(t WeightedTarget) bool { return t.Node == node }) {
			routers[r.Router] = true
		}
	}
	var list []string
	for _, s := range m.Services {
		if s.Node == node || s.Router != "" && routers[s.Router] {
			list = append(list, s.Name)
		}
	}
	slices.Sort(list)
	return list
}

// VersionOf is what tells a node apart from the others of its service: "v2" for node reviews-v2 of service reviews (or
// of reviews.default.svc); the node's whole name when it does not begin with the service's.
func VersionOf(service, node string) string {
	first, _, _ := strings.Cut(service, ".")
	for _, name := range []string{service, first} {
		rest, ok := strings.CutPrefix(node, name)
		if ok && len(rest) > 1 && (rest[0] == '-' || rest[0] == '_') {
			return rest[1:]
		}
	}
	return node
}
