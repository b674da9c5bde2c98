package plan

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"
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

// ways finds those of one mesh. Thousands may call the same service, so what leads to it is worked out once.
type ways struct {
	mesh.Mesh
	known map[string][]way // by service
}

func waysIn(m mesh.Mesh) *ways {
	if !slices.IsSortedFunc(m.Routes, func(a, b mesh.Route) int { return strings.Compare(a.Router, b.Router) }) {
		m = m.Sorted()
	}
	return &ways{Mesh: m, known: make(map[string][]way)}
}

// routesOf lists a router's routes in the order in which they are tried. They are next to each other: those of all
// routers together would be gone through for every service.
func (w *ways) routesOf(router string) []mesh.Route {
	from, _ := slices.BinarySearchFunc(w.Routes, router, func(r mesh.Route, router string) int { return strings.Compare(r.Router, router) })
	to := from
	for to < len(w.Routes) && w.Routes[to].Router == router {
		to++
	}
	return mesh.Mesh{Routes: w.Routes[from:to]}.RoutesOf(router)
}

// to lists the ways to a service in the order in which they are tried; none when there is no such service or nothing
// provides it. Whoever takes them leaves the shares as they are.
func (w *ways) to(service string) []way {
	list, ok := w.known[service]
	if ok {
		return list
	}
	switch s, _ := w.Service(service); {
	case s.Node != "":
		list = []way{{service: service, route: direct + service, shares: map[string]float64{s.Node: 1}}}
	case s.Router != "":
		for _, r := range w.routesOf(s.Router) {
			list = append(list, way{service: service, route: r.Ref().Name, match: r.Match, speaks: r.Protocol, shares: r.Shares()})
		}
	}
	w.known[service] = list
	return list
}

// of lists those of one caller.
func (w *ways) of(caller string) []way {
	var list []way
	for _, service := range w.Backends(caller) {
		list = append(list, w.to(service)...)
	}
	return list
}

// move follows what one caller sends to where it would go.
func (m *maker) move(caller string) {
	list := m.before.of(caller)
	apportion(list, m.Seen.Sent(caller))
	m.ambiguous(list)
	backends := m.After.Backends(caller)
	for _, w := range list {
		if !m.services[w.service] && slices.Contains(backends, w.service) {
			continue // it goes where it went
		}
		for node, share := range w.shares {
			m.flow(w.route, node).before += w.rate * share
			m.in[node] -= w.rate * share
		}
		for _, to := range m.destinations(caller, backends, w) {
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
	expected := make(map[string]float64, len(reached))
	for range rounds {
		clear(expected)
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
			if a.rate+b.rate > 0 && a.route != b.route && (m.edited[a.route] || m.edited[b.route]) && a.meets(b) {
				m.note("flow.shared", "a", b.route, "b", a.route)
			}
		}
	}
}

// meets says whether two ways lead to a node that both send something to.
func (w way) meets(other way) bool {
	for node, share := range w.shares {
		if share > 0 && other.shares[node] > 0 {
			return true
		}
	}
	return false
}

// destinations gives where the requests of a way would go; none when nothing would take them. backends are the services
// that the caller would call.
func (m *maker) destinations(caller string, backends []string, w way) []way {
	services := []string{w.service}
	if !slices.Contains(backends, w.service) {
		services = m.elsewhere(caller, w.service)
	}
	var list []way
	for _, service := range services {
		if to, ok := m.after.destination(service, w); ok {
			to.rate = w.rate / float64(len(services))
			list = append(list, to)
		}
	}
	if len(list) < max(len(services), 1) && w.rate >= 0.05 {
		m.strays[[2]string{w.service, caller}] += w.rate
	}
	return list
}

// maxStrays bounds the callers whose requests would find no route that are told of one by one, those with the most first.
const maxStrays = 10

// tellStrays says whose requests would find no route.
func (m *maker) tellStrays() {
	list := slices.SortedFunc(maps.Keys(m.strays), func(a, b [2]string) int {
		return cmp.Or(cmp.Compare(m.strays[b], m.strays[a]), slices.Compare(a[:], b[:]))
	})
	var rest float64
	for i, of := range list {
		if i >= maxStrays {
			rest += m.strays[of]
			continue
		}
		m.note("flow.lost", "rate", decimal(m.strays[of]), "service", of[0], "caller", of[1])
	}
	if more := len(list) - maxStrays; more > 0 {
		m.note("flow.more", "rate", decimal(rest), "n", strconv.Itoa(more))
	}
}

// elsewhere gives the services that a caller would call instead of one: a gateway's routes may lead elsewhere.
func (m *maker) elsewhere(caller, service string) []string {
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
func (w *ways) destination(service string, from way) (way, bool) {
	for _, to := range w.to(service) {
		if strings.HasPrefix(to.route, direct) || to.route == from.route || (from.speaks == "" || to.speaks == from.speaks) && to.match.Takes(from.match) {
			return to, true
		}
	}
	return way{}, false
}
