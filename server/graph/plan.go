package graph

import (
	"cmp"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// plan is what the configuration alone says about the picture. It depends on nothing that is seen, so one plan serves
// until the mesh changes.
type plan struct {
	mesh  string
	nodes []planNode // sorted by id
	edges []planEdge // sorted by from, to
	byID  map[string]int32
}

type planNode struct {
	id, name string
	kind     NodeKind
	service  string  // of a node: the first of its services
	version  string  // of a node
	versions []int32 // of a service: its nodes
	declared bool
	limits   limits
}

type planEdge struct {
	from, to int32 // in nodes
	services []string
	protocol mesh.Protocol
	weight   *float64
	rivals   []int32 // the edges to the nodes of its only service, itself among them; none when it has several services
}

// limits are those of one instance's connection pool; zero is none.
type limits struct {
	protocol                                        mesh.Protocol
	maxConnections, maxPendingRequests, maxInFlight float64
}

// newPlan lays out the configuration.
func newPlan(m mesh.Mesh) *plan {
	p := &plan{mesh: m.Name}
	hops := hopsByService(m)
	services := make(map[string]string, len(m.Nodes)) // first service of each node
	for _, s := range m.Services {
		for _, h := range hops[s.Name] {
			if first, ok := services[h.Node]; h.Node != "" && (!ok || s.Name < first) {
				services[h.Node] = s.Name
			}
		}
	}
	p.nodes = make([]planNode, 0, len(m.Nodes)+len(m.Gateways)+len(m.Services))
	for i := range m.Nodes {
		n := &m.Nodes[i]
		service := services[n.Name]
		v := planNode{id: n.Name, name: n.Name, kind: KindNode, service: service, declared: true, limits: limitsOf(n.Listeners)}
		if service != "" {
			v.version = mesh.VersionOf(service, n.Name)
		}
		p.nodes = append(p.nodes, v)
	}
	for _, g := range m.Gateways {
		p.nodes = append(p.nodes, planNode{
			id: mesh.GatewayID(g.Name), name: g.Name, kind: KindGateway, declared: true, limits: limitsOf(g.Listeners),
		})
	}
	for _, s := range m.Services {
		p.nodes = append(p.nodes, planNode{id: mesh.ServiceID(s.Name), name: s.Name, kind: KindService, declared: true})
	}
	for _, s := range missing(m, hops) {
		p.nodes = append(p.nodes, planNode{id: mesh.ServiceID(s), name: s, kind: KindService})
	}
	p.index()
	for service, ways := range hops {
		p.nodes[p.byID[mesh.ServiceID(service)]].versions = p.find(ways)
	}
	p.layEdges(m, hops)
	return p
}

// index sorts the nodes and makes them known by id.
func (p *plan) index() {
	slices.SortFunc(p.nodes, func(a, b planNode) int { return cmp.Compare(a.id, b.id) })
	p.byID = make(map[string]int32, len(p.nodes))
	for i := range p.nodes {
		p.byID[p.nodes[i].id] = int32(i)
	}
}

// find gives the nodes that hops lead to. A route may name a node that does not exist only until it is validated.
func (p *plan) find(hops []mesh.Hop) []int32 {
	var list []int32
	for _, h := range hops {
		if i, ok := p.byID[h.Node]; ok {
			list = append(list, i)
		}
	}
	return list
}

// hopsByService finds where each service leads, as mesh.Reach says. Reach looks through everything for every caller; here
// each service gets a mesh of its own, cut out once, so that the work grows with the mesh and not with its square.
func hopsByService(m mesh.Mesh) map[string][]mesh.Hop {
	routes := make(map[string][]mesh.Route, len(m.Routers))
	for first, i := 0, 1; i <= len(m.Routes); i++ {
		if i == len(m.Routes) || m.Routes[i].Router != m.Routes[first].Router {
			name := m.Routes[first].Router
			routes[name] = append(routes[name], m.Routes[first:i]...)
			first = i
		}
	}
	nodes := make(map[string]*mesh.VirtualNode, len(m.Nodes))
	for i := range m.Nodes {
		nodes[m.Nodes[i].Name] = &m.Nodes[i]
	}
	asker := []mesh.GatewayRoute{{Gateway: "asker"}}
	id := mesh.GatewayID(asker[0].Gateway)
	hops := make(map[string][]mesh.Hop, len(m.Services))
	for i, s := range m.Services {
		asker[0].Target.Service = s.Name
		one := mesh.Mesh{Services: m.Services[i : i+1], GatewayRoutes: asker}
		if s.Router != "" {
			one.Routes = routes[s.Router]
		}
		for _, name := range targets(s, one.Routes) {
			if n := nodes[name]; n != nil {
				one.Nodes = append(one.Nodes, *n)
			}
		}
		hops[s.Name] = one.Reach(id)
	}
	return hops
}

// targets lists the nodes behind a service, sorted.
func targets(s mesh.VirtualService, routes []mesh.Route) []string {
	if s.Node != "" {
		return []string{s.Node}
	}
	var list []string
	for i := range routes {
		for _, t := range routes[i].Targets {
			list = append(list, t.Node)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// missing lists the services that somebody is declared to call and that do not exist.
func missing(m mesh.Mesh, hops map[string][]mesh.Hop) []string {
	var list []string
	note := func(s string) {
		if _, ok := hops[s]; !ok {
			list = append(list, s)
		}
	}
	for i := range m.Nodes {
		for _, b := range m.Nodes[i].Backends {
			note(b.Service)
		}
	}
	for i := range m.GatewayRoutes {
		note(m.GatewayRoutes[i].Target.Service)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// layEdges lays out where calls may go, caller by caller in the order of their ids.
func (p *plan) layEdges(m mesh.Mesh, hops map[string][]mesh.Hop) {
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
		p.layCaller(int32(from), slices.Compact(list), hops)
	}
}

// layCaller lays out one caller's edges. What is reached through several services has no weight: it depends on what is
// called.
func (p *plan) layCaller(from int32, services []string, hops map[string][]mesh.Hop) {
	first := len(p.edges)
	for i, s := range services {
		ways := hops[s]
		if len(ways) == 0 {
			ways = []mesh.Hop{{Service: s}}
		}
		for _, h := range ways {
			to, ok := p.byID[cmp.Or(h.Node, mesh.ServiceID(s))]
			if !ok {
				continue
			}
			p.edges = append(p.edges, planEdge{from: from, to: to, services: services[i : i+1 : i+1], protocol: h.Protocol, weight: h.Share})
		}
	}
	own := p.edges[first:]
	slices.SortStableFunc(own, func(a, b planEdge) int { return cmp.Compare(a.to, b.to) })
	n := 0
	for i, e := range own {
		if i > 0 && own[n-1].to == e.to {
			last := &own[n-1]
			last.services, last.weight = append(last.services, e.services...), nil
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

// limitsOf adds up the pools of a node's listeners, since their use is counted together; one without a limit leaves the
// sum without one.
func limitsOf(listeners []mesh.Listener) limits {
	var sum limits
	for i, l := range listeners {
		pool := l.ConnectionPool
		if pool == nil {
			pool = &mesh.ConnectionPool{}
		}
		if i == 0 {
			sum.protocol = l.Protocol
		}
		add(&sum.maxConnections, pool.MaxConnections, i == 0)
		add(&sum.maxPendingRequests, pool.MaxPendingRequests, i == 0)
		add(&sum.maxInFlight, pool.MaxRequests, i == 0)
	}
	return sum
}

func add(sum *float64, limit *int, first bool) {
	switch {
	case limit == nil:
		*sum = 0
	case first || *sum > 0:
		*sum += float64(*limit)
	}
}

// kindOf tells from an id what a node is that the configuration does not know.
func kindOf(id string) (kind NodeKind, name string) {
	for _, k := range []NodeKind{KindGateway, KindService, KindExternal} {
		if rest, ok := strings.CutPrefix(id, string(k)); ok && strings.HasPrefix(rest, "/") {
			return k, rest[1:]
		}
	}
	if id == mesh.UnknownID {
		return KindUnknown, id
	}
	return KindNode, id
}
