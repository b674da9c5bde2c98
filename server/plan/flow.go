package plan

import (
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// direct names the calls to a service that a node provides without a router.
const direct = "service "

// way is one way by which a caller's requests reach targets.
type way struct {
	service string
	route   string // "router/route", or "service NAME"
	match   mesh.Match
	speaks  mesh.Protocol // of the route; empty without a router
	shares  map[string]float64
	rate    float64 // requests per second
}

// ways lists those of one caller.
func ways(m mesh.Mesh, caller string) []way {
	var list []way
	for _, name := range m.Backends(caller) {
		s, ok := m.Service(name)
		switch {
		case !ok:
		case s.Node != "":
			list = append(list, way{service: name, route: direct + name, shares: map[string]float64{s.Node: 1}})
		case s.Router != "":
			for _, r := range m.RoutesOf(s.Router) {
				list = append(list, way{service: name, route: r.Ref().Name, match: r.Match, speaks: r.Protocol, shares: r.Shares()})
			}
		}
	}
	return list
}

// move follows what one caller sends to where it would go.
func (m *maker) move(caller string) {
	list := ways(m.Before, caller)
	apportion(list, m.Seen.Sent(caller))
	m.ambiguous(list)
	for _, w := range list {
		for node, share := range w.shares {
			m.flow(w.route, node).before += w.rate * share
			m.in[node] -= w.rate * share
		}
		for _, to := range m.destinations(caller, w) {
			for node, share := range to.shares {
				m.flow(to.route, node).after += to.rate * share
				m.in[node] += to.rate * share
			}
		}
	}
}

// flow gives what a target gets by a route.
func (m *maker) flow(route, node string) *moved {
	if m.flows[route] == nil {
		m.flows[route] = make(map[string]*moved)
	}
	if m.flows[route][node] == nil {
		m.flows[route][node] = &moved{}
	}
	return m.flows[route][node]
}

// rounds is how often apportion improves its guess at most, and settled the part by which a guess must still change for
// another round.
const (
	rounds  = 2000
	settled = 1e-6
)

// apportion says how many requests take each way, from what the caller sends to each target.
func apportion(list []way, sent []Flow) {
	total, reached := 0.0, make(map[string]float64)
	for _, f := range sent {
		if slices.ContainsFunc(list, func(w way) bool { return w.shares[f.To] > 0 }) {
			reached[f.To] += f.Rate
			total += f.Rate
		}
	}
	if total == 0 {
		return
	}
	for i := range list {
		list[i].rate = total / float64(len(list))
	}
	if len(list) == 1 {
		return
	}
	for range rounds {
		expected := make(map[string]float64, len(reached))
		for _, w := range list {
			for node, share := range w.shares {
				expected[node] += w.rate * share
			}
		}
		moves := false
		for i, w := range list {
			factor := 0.0
			for node, share := range w.shares {
				if expected[node] > 0 {
					factor += share * reached[node] / expected[node]
				}
			}
			list[i].rate *= factor
			moves = moves || math.Abs(factor-1)*w.rate > settled*total
		}
		if !moves {
			return
		}
	}
}

// ambiguous notes routes that lead to the same targets: how many requests take which is an estimate then.
func (m *maker) ambiguous(list []way) {
	for i, a := range list {
		for _, b := range list[:i] {
			both := slices.ContainsFunc(slices.Collect(maps.Keys(a.shares)), func(n string) bool { return a.shares[n] > 0 && b.shares[n] > 0 })
			if both && a.rate+b.rate > 0 && a.route != b.route && (m.edited(a.route) || m.edited(b.route)) {
				m.note("flow.shared", "a", b.route, "b", a.route)
			}
		}
	}
}

func (m *maker) edited(route string) bool {
	return slices.ContainsFunc(m.Edits, func(e Edit) bool { return e.Ref.Kind == mesh.KindRoute && e.Ref.Name == route })
}

// destinations gives where the requests of a way would go; none when nothing would take them.
func (m *maker) destinations(caller string, w way) []way {
	services := m.services(caller, w.service)
	var list []way
	for _, service := range services {
		to, ok := destination(m.After, service, w)
		if ok {
			to.rate = w.rate / float64(len(services))
			list = append(list, to)
		}
	}
	if len(list) < max(len(services), 1) && w.rate >= 0.05 {
		m.note("flow.lost", "rate", decimal(w.rate), "service", w.service, "caller", caller)
	}
	return list
}

// services gives the services that a caller would call where it calls one now. A gateway's routes may lead elsewhere.
func (m *maker) services(caller, service string) []string {
	if slices.Contains(m.After.Backends(caller), service) {
		return []string{service}
	}
	gateway, ok := strings.CutPrefix(caller, mesh.GatewayID(""))
	if !ok {
		return nil
	}
	var list []string
	for _, r := range m.Before.GatewayRoutes {
		if r.Gateway != gateway || r.Target.Service != service {
			continue
		}
		o, _ := m.After.Get(r.Ref())
		if now, ok := o.(mesh.GatewayRoute); ok {
			list = append(list, now.Target.Service)
		}
	}
	slices.Sort(list)
	list = slices.Compact(list)
	if len(list) > 1 {
		m.note("flow.gateway", "caller", caller, "service", service)
	}
	return list
}

// destination finds what would take the requests of a way to a service: its own route, or one that is tried before it and
// takes everything that it does.
func destination(m mesh.Mesh, service string, w way) (way, bool) {
	s, ok := m.Service(service)
	switch {
	case !ok || s.Node == "" && s.Router == "":
		return way{}, false
	case s.Node != "":
		return way{route: direct + service, shares: map[string]float64{s.Node: 1}}, true
	}
	for _, r := range m.RoutesOf(s.Router) {
		name := r.Ref().Name
		if name == w.route || (w.speaks == "" || r.Protocol == w.speaks) && r.Match.Takes(w.match) {
			return way{route: name, shares: r.Shares()}, true
		}
	}
	return way{}, false
}
