package plan

import (
	"maps"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// lost finds what no request could reach any more, and could until now.
func (m *maker) lost() {
	routers := make(map[string]bool)
	for _, name := range slices.Sorted(maps.Keys(m.services)) {
		m.lostService(name)
		if s, ok := m.After.Service(name); ok && s.Router != "" {
			routers[s.Router] = true
		}
	}
	for _, e := range m.Edits {
		if r, ok := e.After.(mesh.Route); ok {
			routers[r.Router] = true
		}
	}
	shadowed := make(map[string]string) // by route: what takes everything that it matches
	for _, router := range slices.Sorted(maps.Keys(routers)) {
		m.lostRoutes(router, shadowed)
	}
	m.matches(shadowed)
	m.deserted()
}

// lostService says why calls to a service would be answered 404.
func (m *maker) lostService(name string) {
	before, after := dead(m.Before, name), dead(m.After, name)
	if after.Code != "" && before.Code == "" {
		m.plan.Unreachable = append(m.plan.Unreachable, Unreachable{Object: mesh.Ref{Kind: mesh.KindService, Name: name}, Why: after})
	}
}

// dead says why a service answers nobody; nothing when it does answer or nobody is declared to call it.
func dead(m mesh.Mesh, name string) Note {
	s, ok := m.Service(name)
	called := func() bool {
		return slices.ContainsFunc(m.Nodes, func(n mesh.VirtualNode) bool {
			return slices.ContainsFunc(n.Backends, func(b mesh.Backend) bool { return b.Service == name })
		}) || slices.ContainsFunc(m.GatewayRoutes, func(r mesh.GatewayRoute) bool { return r.Target.Service == name })
	}
	switch {
	case !ok && called():
		return Say("lost.gone")
	case !ok:
		return Note{}
	case s.Node == "" && s.Router == "":
		return Say("lost.provider")
	case s.Router != "" && len(m.RoutesOf(s.Router)) == 0:
		return Say("lost.routes", "router", s.Router)
	}
	return Note{}
}

// lostRoutes finds the routes of a router that can never match any more, and adds all that cannot to shadowed.
func (m *maker) lostRoutes(router string, shadowed map[string]string) {
	already, now := mesh.Shadowed(m.Before.RoutesOf(router)), mesh.Shadowed(m.After.RoutesOf(router))
	for _, route := range slices.Sorted(maps.Keys(now)) {
		shadowed[mesh.Route{Router: router, Name: route}.Ref().Name] = now[route]
		if _, was := already[route]; !was {
			m.plan.Unreachable = append(m.plan.Unreachable, Unreachable{
				Object: mesh.Route{Router: router, Name: route}.Ref(), Why: Say("lost.shadowed", "by", now[route]),
			})
		}
	}
}

// matches notes the routes of which it is not known how many requests would take them.
func (m *maker) matches(shadowed map[string]string) {
	for _, e := range m.Edits {
		r, ok := e.After.(mesh.Route)
		if !ok || shadowed[e.Ref.Name] != "" {
			continue
		}
		if _, is := differences(e.Before, e.After)["match"]; is || e.Before == nil && len(m.Before.RoutesOf(r.Router)) > 0 {
			m.note("flow.match", "route", r.Ref().Name)
		}
	}
}

// deserted notes the nodes that nobody would call any more.
func (m *maker) deserted() {
	left := make(map[string]bool)
	for _, e := range m.Edits {
		for _, node := range leadsTo(e.Before) {
			left[node] = true
		}
		for _, node := range leadsTo(e.After) {
			delete(left, node)
		}
		if before, ok := e.Before.(mesh.VirtualNode); ok && !sameBackends(e) {
			for _, b := range before.Backends {
				for _, h := range m.Before.Reach(before.Name) {
					left[h.Node] = left[h.Node] || h.Service == b.Service
				}
			}
		}
	}
	for _, node := range slices.Sorted(maps.Keys(left)) {
		if _, ok := m.After.Node(node); ok && left[node] && len(m.Before.Callers(node)) > 0 && len(m.After.Callers(node)) == 0 {
			m.note("node.deserted", "node", node)
		}
	}
}

// leadsTo lists the nodes that an object sends requests to.
func leadsTo(o mesh.Object) []string {
	switch o := o.(type) {
	case mesh.Route:
		return slices.Collect(maps.Keys(o.Shares()))
	case mesh.VirtualService:
		if o.Node != "" {
			return []string{o.Node}
		}
	}
	return nil
}
