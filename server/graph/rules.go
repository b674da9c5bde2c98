package graph

import (
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// rules are what the configuration says about calls that arrive somewhere.
type rules struct {
	limits *health.Thresholds
	lead   string // the object that has their weights, timeouts and retries, as mesh.Ref's Path writes it
}

// way is where a service leads, and by which rules. The limits are those of the routes that lead there: of several, the
// one of each that is reached first.
type way struct {
	mesh.Hop
	rules
}

// guide finds rules while a plan is laid out.
type guide struct {
	ways     map[string][]way  // by service
	services map[string]rules  // by service
	first    map[string]string // the first service of each node
	nodes    map[string]rules  // by node
	whole    *health.Thresholds
}

// newGuide finds where each service leads, as mesh.Reach says, and by which rules. Reach looks through everything for
// every caller; here each service gets a mesh of its own, cut out once, so that the work grows with the mesh and not with
// its square.
func newGuide(m mesh.Mesh, whole *health.Thresholds) *guide {
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
	g := &guide{
		ways: make(map[string][]way, len(m.Services)), services: make(map[string]rules, len(m.Services)),
		first: make(map[string]string, len(m.Nodes)), nodes: make(map[string]rules, len(m.Nodes)), whole: whole,
	}
	asker := []mesh.GatewayRoute{{Gateway: "asker"}}
	id := mesh.GatewayID(asker[0].Gateway)
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
		g.add(s, one.Reach(id), one.Routes)
	}
	return g
}

// add notes where a service leads. A node goes by the limits of its services: of several, the one of each that is reached
// first.
func (g *guide) add(s mesh.VirtualService, hops []mesh.Hop, routes []mesh.Route) {
	own := rules{g.whole, s.Ref().Path()}
	if s.Health != nil {
		limits := health.Resolve(*g.whole, health.Level{At: s.Ref(), Limits: s.Health})
		own.limits = &limits
	}
	byRoute := make(map[string]rules, len(routes))
	for i := range routes {
		r := &routes[i]
		leads := rules{own.limits, r.Ref().Path()}
		if r.Health != nil {
			limits := health.Resolve(*own.limits, health.Level{At: r.Ref(), Limits: r.Health})
			leads.limits = &limits
		}
		byRoute[r.Name] = leads
	}
	ways := make([]way, 0, len(hops))
	for _, h := range hops {
		w := way{h, own}
		for i, name := range h.Routes {
			if i == 0 {
				w.rules = byRoute[name]
			} else {
				w.limits = strictest(w.limits, byRoute[name].limits)
			}
		}
		ways = append(ways, w)
		if h.Node == "" {
			continue
		}
		node := rules{own.limits, w.lead}
		if before, ok := g.nodes[h.Node]; ok {
			node.limits = strictest(before.limits, own.limits)
			if g.first[h.Node] < s.Name {
				node.lead = before.lead
			}
		}
		g.nodes[h.Node] = node
		if first, ok := g.first[h.Node]; !ok || s.Name < first {
			g.first[h.Node] = s.Name
		}
	}
	g.ways[s.Name] = ways
	if len(ways) > 0 {
		own.lead = ways[0].lead
	}
	g.services[s.Name] = own
}

// node gives the rules of a node; one that no service leads to goes by the mesh's.
func (g *guide) node(n *mesh.VirtualNode) rules {
	if r, ok := g.nodes[n.Name]; ok {
		return r
	}
	return rules{g.whole, n.Ref().Path()}
}

// strictest joins limits, and makes new ones only where they differ.
func strictest(a, b *health.Thresholds) *health.Thresholds {
	if a == b {
		return a
	}
	joined := a.Strictest(*b)
	return &joined
}

// Limits finds the limits by which Build judges the traffic from one end to another, by graph ids. The limits that base
// gives hold where the mesh does not say.
func Limits(m mesh.Mesh, base health.Thresholds) func(from, to string) *health.Thresholds {
	p := newPlan(m, base)
	planned := make(map[[2]int32]*health.Thresholds, len(p.edges))
	for i := range p.edges {
		planned[[2]int32{p.edges[i].from, p.edges[i].to}] = p.edges[i].limits
	}
	return func(from, to string) *health.Thresholds {
		destination, ok := p.byID[to]
		if !ok {
			return p.whole
		}
		if caller, ok := p.byID[from]; ok {
			if limits := planned[[2]int32{caller, destination}]; limits != nil {
				return limits
			}
		}
		return p.nodes[destination].limits
	}
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

// place is where the knobs of a verdict's causes are.
type place struct{ from, to, lead string }

// mark says of each cause which object has its knob.
func (p place) mark(causes []Cause) {
	for i := range causes {
		c := &causes[i]
		switch c.Knob {
		case health.KnobWeights, health.KnobRetry:
			c.At = p.lead
		case health.KnobTimeout:
			c.At = p.lead
			if !strings.HasPrefix(p.lead, string(mesh.KindRoute)+"/") {
				c.At = p.to // without a route, the listener's timeout holds
			}
		case health.KnobBackends:
			c.At = p.from
		case health.KnobInstances:
			if c.Code == health.NoData || c.Code == health.Stale {
				c.At = p.from // whose proxies should have reported
				continue
			}
			c.At = p.to
		default:
			c.At = p.to
		}
	}
}
