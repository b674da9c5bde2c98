package crowd

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// flows gives the plan's traffic, edge by edge, with the nodes it arrives at.
func (p *plan) flows() ([]flow, []node) {
	nodes := p.nodes()
	var edges []flow
	for i := range p.services {
		s := &p.services[i]
		if s.gateway >= 0 {
			edges = p.reach(edges, mesh.GatewayID(p.gateways[s.gateway]), s, s.entry)
		}
		for _, v := range s.versions {
			arrives := s.rate * float64(v.weight) / 100
			for _, c := range s.calls {
				edges = p.reach(edges, v.node, &p.services[c.to], arrives*c.factor)
			}
			for _, c := range s.outside {
				f := p.edge(v.node, mesh.ExternalID(p.outside[c.to]), arrives*c.factor)
				f.latency, f.members = &p.table[outsideLatency], 1
				edges = append(edges, f)
			}
		}
	}
	slices.SortFunc(edges, func(a, b flow) int { return cmp.Or(strings.Compare(a.from, b.from), strings.Compare(a.to, b.to)) })
	for i := range edges {
		if to := find(nodes, edges[i].to); to < len(nodes) && nodes[to].id == edges[i].to {
			nodes[to].in = append(nodes[to].in, int32(i))
		}
		if from := find(nodes, edges[i].from); strings.HasPrefix(edges[i].from, mesh.GatewayID("")) {
			nodes[from].in = append(nodes[from].in, int32(i))
		}
	}
	p.trouble(edges, nodes)
	return edges, nodes
}

// nodes are those that have proxies: versions and gateways.
func (p *plan) nodes() []node {
	var list []node
	for i := range p.services {
		s := &p.services[i]
		for _, v := range s.versions {
			n := node{id: v.node, instances: v.instances, latency: &p.table[s.latency], key: p.rand.Uint64(), grpc: s.protocol == mesh.GRPC}
			if v.pool != nil {
				n.limit, n.full = limitOf(v.pool)*float64(v.instances), v.full
			}
			list = append(list, n)
		}
	}
	for i, g := range p.gateways {
		list = append(list, node{id: mesh.GatewayID(g), instances: 2 + i%2, latency: &p.table[usualLatencies-1], key: p.rand.Uint64()})
	}
	slices.SortFunc(list, func(a, b node) int { return strings.Compare(a.id, b.id) })
	return list
}

func limitOf(pool *mesh.ConnectionPool) float64 {
	if pool.MaxConnections != nil {
		return float64(*pool.MaxConnections)
	}
	return float64(*pool.MaxRequests)
}

// reach adds the edges from one end to every version of a service.
func (p *plan) reach(edges []flow, from string, s *service, rate float64) []flow {
	for _, v := range s.versions {
		f := p.edge(from, v.node, rate*float64(v.weight)/100)
		f.latency, f.members, f.grpc = &p.table[s.latency], float64(v.instances), s.protocol == mesh.GRPC
		edges = append(edges, f)
	}
	return edges
}

// edge makes a healthy edge.
func (p *plan) edge(from, to string, rate float64) flow {
	r := p.rand
	f := flow{
		from: from, to: to, base: min(rate, 5000), key: r.Uint64(), bytes: p.around(4000, 1, 200, 200_000),
		swing: wave{0.04 + 0.14*r.Float64(), 2 * math.Pi / (90 + 400*r.Float64()), 2 * math.Pi * r.Float64()},
		slow:  wave{0.5 * r.Float64(), 2 * math.Pi / (60 + 300*r.Float64()), 2 * math.Pi * r.Float64()},
	}
	if r.Float64() < 0.5 {
		f.errors = 0.002 * r.Float64()
	}
	if r.Float64() < 0.3 {
		f.refusals = 0.02 * r.Float64()
	}
	return f
}

// trouble makes some edges fail and some degraded: about as many as an operator of so large a mesh would meet in a bad
// hour. It prefers destinations with one caller, so that an edge's trouble is that of one edge.
func (p *plan) trouble(edges []flow, nodes []node) {
	services := float64(len(p.services))
	failing := max(1, int(math.Round(4*math.Pow(services/200, 0.4))))
	degraded := max(1, failing-1)
	candidates := p.candidates(edges, nodes)
	for i, at := range candidates[:min(len(candidates), failing+degraded)] {
		f := &edges[at]
		switch {
		case i < failing:
			f.errors = 0.07 + 0.23*p.rand.Float64()
		case i%2 == 0:
			f.errors = 0.015 + 0.02*p.rand.Float64()
		default:
			f.latency = &p.table[slowLatency]
			nodes[find(nodes, f.to)].latency = f.latency
		}
	}
}

// candidates are edges with enough traffic to show trouble, the likeliest first, no two with an end in common.
func (p *plan) candidates(edges []flow, nodes []node) []int {
	var list []int
	for i := range edges {
		f := &edges[i]
		to := find(nodes, f.to)
		if f.base >= 8 && f.base <= 400 && to < len(nodes) && nodes[to].id == f.to && nodes[to].full == 0 && !strings.HasPrefix(f.from, mesh.GatewayID("")) {
			list = append(list, i)
		}
	}
	p.rand.Shuffle(len(list), func(i, j int) { list[i], list[j] = list[j], list[i] })
	rank := func(i int) int {
		callers := len(nodes[find(nodes, edges[i].to)].in)
		if strings.HasSuffix(edges[i].to, "-v2") && callers <= 2 {
			return 0 // a bad new version is what it is most often
		}
		return callers
	}
	slices.SortStableFunc(list, func(a, b int) int { return cmp.Compare(rank(a), rank(b)) })
	taken := make(map[string]bool)
	return slices.DeleteFunc(list, func(i int) bool {
		f := &edges[i]
		if taken[f.from] || taken[f.to] {
			return true
		}
		taken[f.from], taken[f.to] = true, true
		return false
	})
}
