package mesh

import (
	"cmp"
	"slices"
	"strings"
)

// Hop is one way that the configuration lets calls take: from one end, through a virtual service, to a virtual node.
type Hop struct {
	Service  string
	Node     string // empty when the service does not exist or leads nowhere
	Protocol Protocol
	// Share is the node's part of the caller's traffic to the service, 0 to 1. It is nil when several routes with
	// different shares lead there, since it then depends on what is called.
	Share  *float64
	Routes []string // the router's routes that lead there, in the order in which they are tried; none without a router
}

// Reach lists where calls from one end may go, by its declared backends: a virtual node by its name, a virtual gateway by
// its graph id (GatewayID), whose backends are its routes' targets. It is sorted by service, then node.
func (m Mesh) Reach(end string) []Hop {
	var hops []Hop
	for _, s := range m.Backends(end) {
		hops = append(hops, m.hops(s)...)
	}
	return hops
}

// Backends lists the services that one end (see Reach) is declared to call, sorted and each once.
func (m Mesh) Backends(end string) []string {
	var list []string
	if gateway, ok := strings.CutPrefix(end, GatewayID("")); ok {
		for _, r := range m.GatewayRoutes {
			if r.Gateway == gateway {
				list = append(list, r.Target.Service)
			}
		}
	} else if n, ok := m.Node(end); ok {
		for _, b := range n.Backends {
			list = append(list, b.Service)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Callers lists the ends (virtual nodes by name, gateways by graph id) whose declared backends lead to a node, sorted.
func (m Mesh) Callers(node string) []string {
	services := m.ServicesOf(node)
	var list []string
	for _, n := range m.Nodes {
		if slices.ContainsFunc(n.Backends, func(b Backend) bool { return slices.Contains(services, b.Service) }) {
			list = append(list, n.Name)
		}
	}
	for _, r := range m.GatewayRoutes {
		if slices.Contains(services, r.Target.Service) {
			list = append(list, GatewayID(r.Gateway))
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// hops lists the nodes behind one service.
func (m Mesh) hops(service string) []Hop {
	s, ok := m.Service(service)
	if ok && s.Node != "" {
		whole := 1.0
		return []Hop{{Service: service, Node: s.Node, Protocol: m.speaks(s.Node, 0), Share: &whole}}
	}
	var routes []Route
	if s.Router != "" {
		routes = m.RoutesOf(s.Router)
	}
	if len(routes) == 0 {
		return []Hop{{Service: service}}
	}
	byNode := make(map[string]*Hop)
	for _, r := range routes {
		for i, t := range r.Targets {
			h := byNode[t.Node]
			if h == nil {
				h = &Hop{Service: service, Node: t.Node, Protocol: m.speaks(t.Node, t.Port)}
				byNode[t.Node] = h
			}
			h.Routes = append(h.Routes, r.Name)
			if share, ok := r.share(i); ok && len(h.Routes) == 1 {
				h.Share = &share
			} else if ok && h.Share != nil && *h.Share != share {
				h.Share = nil
			}
		}
	}
	return settle(byNode, len(routes))
}

// settle sorts the hops. A node that only some of the routes lead to has no share of its own.
func settle(byNode map[string]*Hop, routes int) []Hop {
	hops := make([]Hop, 0, len(byNode))
	for _, h := range byNode {
		if len(h.Routes) != routes {
			h.Share = nil
		}
		hops = append(hops, *h)
	}
	slices.SortFunc(hops, func(a, b Hop) int { return cmp.Compare(a.Node, b.Node) })
	return hops
}

// speaks is the protocol of a node's listener, empty when there is no such listener.
func (m Mesh) speaks(node string, port int) Protocol {
	n, _ := m.Node(node)
	l, _ := n.Listener(port)
	return l.Protocol
}

// share is a target's part of the route's weights; ok is false when they sum to zero.
func (r Route) share(i int) (share float64, ok bool) {
	sum := 0
	for _, t := range r.Targets {
		sum += t.Weight
	}
	if sum <= 0 {
		return 0, false
	}
	return float64(r.Targets[i].Weight) / float64(sum), true
}

// Shares gives each target's part of the route's traffic, 0 to 1, by node. It is empty when the weights sum to zero.
func (r Route) Shares() map[string]float64 {
	shares := make(map[string]float64, len(r.Targets))
	for i, t := range r.Targets {
		if share, ok := r.share(i); ok {
			shares[t.Node] = share
		}
	}
	return shares
}
