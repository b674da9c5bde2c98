package change

import (
	"maps"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// expectation is what to look for in the traffic to see whether a change does what it says.
type expectation struct {
	splits  []split
	byNode  map[string][]int // splits, by the nodes that they lead to: a whole mesh may be one change
	touched map[string]bool  // without splits: the ends whose traffic counts
	gone    map[string]bool  // without either: the nodes that should get nothing any more
}

// split is one route's wanted distribution and where it can be seen.
type split struct {
	route   string
	name    string             // of the split object that the route takes its targets from; empty: its own
	want    map[string]float64 // by node; zero for a target that the change took out
	callers map[string]bool    // ends whose proxies choose among the targets by this route
	shared  []string           // other ways by which the callers reach a target, in words
}

// expect says what to measure after edits that led to m.
func expect(edits []Edit, m mesh.Mesh) expectation {
	p := expectation{touched: make(map[string]bool), gone: make(map[string]bool)}
	for _, e := range edits {
		if onlyLimits(e) {
			continue // nothing in the traffic would tell
		}
		if s, ok := splitOf(e, m); ok {
			p.add(s)
		}
		for _, end := range endsOf(e.After, m) {
			p.touched[end] = true
		}
		if e.After == nil && e.Ref.Kind == mesh.KindNode {
			p.gone[e.Ref.Name] = true
		}
	}
	return p
}

// add adds a split.
func (p *expectation) add(s split) {
	if p.byNode == nil {
		p.byNode = make(map[string][]int)
	}
	for node := range s.want {
		p.byNode[node] = append(p.byNode[node], len(p.splits))
	}
	p.splits = append(p.splits, s)
}

// splitOf gives the distribution that an edit of a route changes. A route to a single target has none to speak of.
func splitOf(e Edit, m mesh.Mesh) (split, bool) {
	after, ok := e.After.(mesh.Route)
	if !ok {
		return split{}, false
	}
	s := split{route: e.Ref.Name, name: after.Split, want: after.Shares(), callers: make(map[string]bool)}
	if before, ok := e.Before.(mesh.Route); ok {
		if maps.Equal(before.Shares(), s.want) {
			return split{}, false
		}
		for node := range before.Shares() {
			if _, still := s.want[node]; !still {
				s.want[node] = 0
			}
		}
	}
	if len(s.want) < 2 {
		return split{}, false
	}
	services := servicesOf(after.Router, m)
	for _, n := range m.Nodes {
		if slices.ContainsFunc(n.Backends, func(b mesh.Backend) bool { return services[b.Service] }) {
			s.callers[n.Name] = true
		}
	}
	for _, r := range m.GatewayRoutes {
		if services[r.Target.Service] {
			s.callers[mesh.GatewayID(r.Gateway)] = true
		}
	}
	s.findShared(after, services, m)
	return s, true
}

// findShared looks for other ways by which the callers reach the targets: those requests are in the same counters. A
// target that was taken out and is reached otherwise is left out, since nothing can be said of it.
func (s *split) findShared(r mesh.Route, services map[string]bool, m mesh.Mesh) {
	other := make(map[string][]string) // by target
	for _, o := range m.RoutesOf(r.Router) {
		if o.Name != r.Name && (r.Split == "" || o.Split != r.Split) { // those that share the split have the same shares
			s.addWay(other, "route "+o.Ref().Name, o)
		}
	}
	called := make(map[string]bool) // thousands of callers may call the same services
	for caller := range s.callers {
		for _, name := range m.Backends(caller) {
			called[name] = !services[name]
		}
	}
	for name, elsewhere := range called {
		service, ok := m.Service(name)
		if !ok || !elsewhere {
			continue
		}
		if _, ours := s.want[service.Node]; ours {
			other[service.Node] = append(other[service.Node], "service "+name)
		}
		for _, o := range m.RoutesOf(service.Router) {
			if r.Split != "" && o.Split == r.Split {
				continue
			}
			s.addWay(other, "route "+o.Ref().Name, o)
		}
	}
	for node, ways := range other {
		if s.want[node] == 0 {
			delete(s.want, node)
			continue
		}
		s.shared = append(s.shared, ways...)
	}
	slices.Sort(s.shared)
	s.shared = slices.Compact(s.shared)
}

// addWay notes the targets of ours that another route sends something to.
func (s *split) addWay(other map[string][]string, way string, o mesh.Route) {
	for node, share := range o.Shares() {
		if _, ours := s.want[node]; ours && share > 0 {
			other[node] = append(other[node], way)
		}
	}
}

// servicesOf gives the services that a router provides.
func servicesOf(router string, m mesh.Mesh) map[string]bool {
	out := make(map[string]bool)
	for _, s := range m.Services {
		if s.Router == router {
			out[s.Name] = true
		}
	}
	return out
}

// ends lists the mesh's callers: virtual nodes and virtual gateways by graph ID.
func ends(m mesh.Mesh) []string {
	out := make([]string, 0, len(m.Nodes)+len(m.Gateways))
	for _, n := range m.Nodes {
		out = append(out, n.Name)
	}
	for _, g := range m.Gateways {
		out = append(out, mesh.GatewayID(g.Name))
	}
	return out
}

// endsOf gives the ends whose traffic an object has to do with; none for an object that is not there.
func endsOf(o mesh.Object, m mesh.Mesh) []string {
	switch o := o.(type) {
	case mesh.Settings:
		return ends(m)
	case mesh.VirtualNode:
		return []string{o.Name}
	case mesh.VirtualService:
		if o.Node != "" {
			return []string{o.Node}
		}
		return targetsOf(o.Router, m)
	case mesh.VirtualRouter:
		return targetsOf(o.Name, m)
	case mesh.Split:
		var out []string
		for _, t := range o.Targets {
			out = append(out, t.Node)
		}
		return out
	case mesh.Route:
		return slices.Collect(maps.Keys(o.Shares()))
	case mesh.VirtualGateway:
		return []string{mesh.GatewayID(o.Name)}
	case mesh.GatewayRoute:
		return []string{mesh.GatewayID(o.Gateway)}
	}
	return nil
}

// targetsOf lists the nodes behind a router.
func targetsOf(router string, m mesh.Mesh) []string {
	var out []string
	for _, r := range m.RoutesOf(router) {
		out = slices.AppendSeq(out, maps.Keys(r.Shares()))
	}
	return out
}

// matters says whether an edge's counters belong to the measurement.
func (p expectation) matters(from, to string) bool {
	if len(p.splits) > 0 {
		return slices.ContainsFunc(p.byNode[to], func(i int) bool { return p.splits[i].has(from, to) })
	}
	if len(p.touched) > 0 {
		return p.touched[from] || p.touched[to]
	}
	return p.gone[to]
}

// has says whether an edge leads from a caller of the route to one of its targets.
func (s split) has(from, to string) bool {
	_, target := s.want[to]
	return target && s.callers[from]
}

// empty says that there is nothing to measure, as when a service or a route was deleted.
func (p expectation) empty() bool { return len(p.splits)+len(p.touched)+len(p.gone) == 0 }

// sharedNote says in words why a split cannot be measured, "" when it can.
func (s split) sharedNote() string {
	if len(s.shared) == 0 {
		return ""
	}
	ways := s.shared
	if len(ways) > 3 {
		ways = append(slices.Clone(ways[:3]), "others")
	}
	verb := " also leads"
	if len(ways) > 1 {
		verb = " also lead"
	}
	return strings.Join(ways, ", ") + verb + " to the targets of " + s.route + ", so its shares cannot be told apart"
}
