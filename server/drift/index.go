package drift

import "github.com/weirmesh/weir/server/mesh"

// index says which proxies an object concerns: those whose configuration is made from it.
type index struct {
	callers   map[string][]string // service → the ends that call it
	onRouter  map[string][]string // router → services
	onNode    map[string][]string // node → services, by their routers' routes too
	routersOf map[string][]string // node → routers with a route to it
	onSplit   map[string][]string // split → routers with a route that shares it
}

// ends is a set of graph ids; every stands for all.
type ends struct {
	every bool
	ids   map[string]bool
}

func (e ends) has(id string) bool { return e.every || e.ids[id] }

func newIndex(m mesh.Mesh) index {
	i := index{
		callers: make(map[string][]string), onRouter: make(map[string][]string),
		onNode: make(map[string][]string), routersOf: make(map[string][]string),
		onSplit: make(map[string][]string),
	}
	for _, n := range m.Nodes {
		for _, b := range n.Backends {
			i.callers[b.Service] = append(i.callers[b.Service], n.Name)
		}
	}
	for _, r := range m.GatewayRoutes {
		i.callers[r.Target.Service] = append(i.callers[r.Target.Service], mesh.GatewayID(r.Gateway))
	}
	for _, s := range m.Services {
		if s.Router != "" {
			i.onRouter[s.Router] = append(i.onRouter[s.Router], s.Name)
		}
		if s.Node != "" {
			i.onNode[s.Node] = append(i.onNode[s.Node], s.Name)
		}
	}
	for _, r := range m.Routes {
		if r.Split != "" {
			i.onSplit[r.Split] = append(i.onSplit[r.Split], r.Router)
		}
		for _, t := range r.Targets {
			i.routersOf[t.Node] = append(i.routersOf[t.Node], r.Router)
		}
	}
	return i
}

// concerned gives the ends whose proxies an object configures: a node its own and its callers', a route, split, router and
// service the callers', a gateway and its routes the gateway's, the mesh's settings everybody's.
func (i index) concerned(ref mesh.Ref) ends {
	out := ends{ids: make(map[string]bool)}
	call := func(services []string) {
		for _, s := range services {
			for _, end := range i.callers[s] {
				out.ids[end] = true
			}
		}
	}
	parent, _ := ref.Split()
	switch ref.Kind {
	case mesh.KindMesh:
		out.every = true
	case mesh.KindNode:
		out.ids[ref.Name] = true
		call(i.onNode[ref.Name])
		for _, router := range i.routersOf[ref.Name] {
			call(i.onRouter[router])
		}
	case mesh.KindService:
		call([]string{ref.Name})
	case mesh.KindRouter:
		call(i.onRouter[ref.Name])
	case mesh.KindSplit:
		for _, router := range i.onSplit[ref.Name] {
			call(i.onRouter[router])
		}
	case mesh.KindRoute:
		call(i.onRouter[parent])
	case mesh.KindGateway:
		out.ids[mesh.GatewayID(ref.Name)] = true
	case mesh.KindGatewayRoute:
		out.ids[mesh.GatewayID(parent)] = true
	}
	return out
}

// Concerned gives, of the graph ids in among, those whose proxies are configured by any of the objects.
func Concerned(m mesh.Mesh, refs []mesh.Ref, among []string) map[string]bool {
	i, out := newIndex(m), make(map[string]bool)
	for _, ref := range refs {
		ends := i.concerned(ref)
		for _, id := range among {
			if ends.has(id) {
				out[id] = true
			}
		}
	}
	return out
}
