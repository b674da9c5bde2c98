package graph

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// plan is what the configuration alone says about the picture. It depends on nothing that is seen, so one plan serves
// until the mesh changes.
type plan struct {
	mesh    string
	whole   *health.Thresholds // where no service and no route says more
	nodes   []planNode         // sorted by id
	edges   []planEdge         // sorted by from, to
	byID    map[string]int32
	scratch sync.Pool // of *scratch
}

type planNode struct {
	id, name string
	kind     NodeKind
	service  string  // of a node: the first of its services
	version  string  // of a node
	versions []int32 // of a service: its nodes
	declared bool
	pool     poolLimits
	object   string // that it is, as mesh.Ref's Path writes it; of a service that does not exist, its first caller
	rules
}

type planEdge struct {
	from, to int32 // in nodes
	services []string
	protocol mesh.Protocol
	weight   *float64
	rivals   []int32 // the edges to the nodes of its only service, itself among them; none when it has several services
	rules
}

// poolLimits are those of one instance's connection pool; zero is none.
type poolLimits struct {
	protocol                                        mesh.Protocol
	maxConnections, maxPendingRequests, maxInFlight float64
}

// newPlan lays out the configuration. The limits are those that hold where the mesh does not say.
func newPlan(m mesh.Mesh, limits health.Thresholds) *plan {
	whole := health.Resolve(limits, health.Level{At: m.Settings().Ref(), Limits: m.Health})
	p := &plan{mesh: m.Name, whole: &whole}
	guide := newGuide(m, &whole)
	p.nodes = make([]planNode, 0, len(m.Nodes)+len(m.Gateways)+len(m.Services))
	for i := range m.Nodes {
		n := &m.Nodes[i]
		v := planNode{
			id: n.Name, name: n.Name, kind: KindNode, declared: true, pool: limitsOf(n.Listeners), object: n.Ref().Path(),
			service: guide.first[n.Name], rules: guide.node(n),
		}
		if v.service != "" {
			v.version = mesh.VersionOf(v.service, n.Name)
		}
		p.nodes = append(p.nodes, v)
	}
	for _, g := range m.Gateways {
		object := g.Ref().Path()
		p.nodes = append(p.nodes, planNode{
			id: mesh.GatewayID(g.Name), name: g.Name, kind: KindGateway, declared: true, pool: limitsOf(g.Listeners),
			object: object, rules: rules{&whole, object},
		})
	}
	for _, s := range m.Services {
		p.nodes = append(p.nodes, planNode{
			id: mesh.ServiceID(s.Name), name: s.Name, kind: KindService, declared: true, object: s.Ref().Path(), rules: guide.services[s.Name],
		})
	}
	callers := missing(m, guide.ways)
	for _, s := range slices.Sorted(maps.Keys(callers)) {
		p.nodes = append(p.nodes, planNode{
			id: mesh.ServiceID(s), name: s, kind: KindService, object: callers[s], rules: rules{&whole, callers[s]},
		})
	}
	p.index()
	for service, ways := range guide.ways {
		p.nodes[p.byID[mesh.ServiceID(service)]].versions = p.find(ways)
	}
	p.layEdges(m, guide.ways)
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

// find gives the nodes that ways lead to. A route may name a node that does not exist only until it is validated.
func (p *plan) find(ways []way) []int32 {
	var list []int32
	for _, h := range ways {
		if i, ok := p.byID[h.Node]; ok {
			list = append(list, i)
		}
	}
	return list
}

// missing finds the services that somebody is declared to call and that do not exist, with the object that says so; the
// first of several.
func missing(m mesh.Mesh, ways map[string][]way) map[string]string {
	callers := make(map[string]string)
	unknown := func(s string) bool {
		_, exists := ways[s]
		_, noted := callers[s]
		return !exists && !noted
	}
	for i := range m.Nodes {
		for _, b := range m.Nodes[i].Backends {
			if unknown(b.Service) {
				callers[b.Service] = m.Nodes[i].Ref().Path()
			}
		}
	}
	for i := range m.GatewayRoutes {
		if r := &m.GatewayRoutes[i]; unknown(r.Target.Service) {
			callers[r.Target.Service] = r.Ref().Path()
		}
	}
	return callers
}

// limitsOf adds up the pools of a node's listeners, since their use is counted together; one without a limit leaves the
// sum without one.
func limitsOf(listeners []mesh.Listener) poolLimits {
	var sum poolLimits
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
