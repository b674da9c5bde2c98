package graph

import (
	"cmp"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// layEdges lays out where calls may go, caller by caller in the order of their ids.
func (p *plan) layEdges(m mesh.Mesh, ways map[string][]way) {
	backends := make(map[string][]string, len(m.Nodes))
	edges := len(m.GatewayRoutes)
	for i := range m.Nodes {
		n := &m.Nodes[i]
		list := make([]string, len(n.Backends))
		for j, b := range n.Backends {
			list[j] = b.Service
		}
		backends[n.Name] = list
		edges += len(list)
	}
	for i := range m.GatewayRoutes {
		id := mesh.GatewayID(m.GatewayRoutes[i].Gateway)
		backends[id] = append(backends[id], m.GatewayRoutes[i].Target.Service)
	}
	p.edges = make([]planEdge, 0, edges+edges/4)
	for from := range p.nodes {
		list := backends[p.nodes[from].id]
		slices.Sort(list)
		p.layCaller(int32(from), slices.Compact(list), ways)
	}
}

// layCaller lays out one caller's edges. What is reached through several services has no weight: it depends on what is
// called.
func (p *plan) layCaller(from int32, services []string, ways map[string][]way) {
	first := len(p.edges)
	for i, s := range services {
		list := ways[s]
		if len(list) == 0 {
			list = []way{{Hop: mesh.Hop{Service: s}, rules: rules{limits: p.whole}}}
		}
		for _, h := range list {
			to, ok := p.byID[cmp.Or(h.Node, mesh.ServiceID(s))]
			if !ok {
				continue
			}
			p.edges = append(p.edges, planEdge{from: from, to: to, services: services[i : i+1 : i+1], protocol: h.Protocol, weight: h.Share, rules: h.rules})
		}
	}
	own := p.edges[first:]
	slices.SortStableFunc(own, func(a, b planEdge) int { return cmp.Compare(a.to, b.to) })
	n := 0
	for i, e := range own {
		if i > 0 && own[n-1].to == e.to {
			last := &own[n-1]
			last.services, last.weight = append(last.services, e.services...), nil
			last.limits = strictest(last.limits, e.limits)
			continue
		}
		own[n] = e
		n++
	}
	p.edges = p.edges[:first+n]
	p.setRivals(first, len(services))
}

// setRivals finds, among the edges of one caller, those of the same service, for services whose nodes are reached
// through no other.
func (p *plan) setRivals(first, services int) {
	own := p.edges[first:]
	if len(own) == services && !slices.ContainsFunc(own, func(e planEdge) bool { return len(e.services) > 1 }) {
		alone := make([]int32, len(own)) // each service leads to one node: every edge is its only rival
		for i := range own {
			alone[i] = int32(first + i)
			own[i].rivals = alone[i : i+1]
		}
		return
	}
	byService := map[string][]int32{}
	for i := first; i < len(p.edges); i++ {
		for _, s := range p.edges[i].services {
			byService[s] = append(byService[s], int32(i))
		}
	}
	for _, rivals := range byService {
		if slices.ContainsFunc(rivals, func(i int32) bool { return len(p.edges[i].services) > 1 }) {
			continue
		}
		for _, i := range rivals {
			p.edges[i].rivals = rivals
		}
	}
}
