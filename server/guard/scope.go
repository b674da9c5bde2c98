package guard

import (
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// rails are guard rails taken together along one way from the mesh down, with the object that set each.
type rails struct {
	mesh.Guard
	chain []mesh.Object // whose rails were taken together, the largest first
}

// along takes the rails of objects together, the largest first.
func along(objects ...mesh.Object) rails {
	r := rails{chain: objects}
	for _, o := range objects {
		r.Guard = mesh.GuardOf(o).Over(r.Guard)
	}
	return r
}

// from names the object that set a rail.
func (r rails) from(sets func(*mesh.Guard) bool) mesh.Ref {
	for _, o := range slices.Backward(r.chain) {
		if g := mesh.GuardOf(o); g != nil && sets(g) {
			return o.Ref()
		}
	}
	return mesh.Ref{}
}

// over lists the rails that an object is under. An object that serves several services is under the rails of each.
func over(m mesh.Mesh, e Edit) []rails {
	whole := m.Settings()
	if e.Ref.Kind == mesh.KindMesh {
		return []rails{along(whole)}
	}
	var route mesh.Object // the route's own rails are the nearest
	if r, ok := e.Before.(mesh.Route); ok {
		route = r
	}
	var list []rails
	for _, s := range servicesOf(m, e) {
		chain := []mesh.Object{whole, s}
		if route != nil {
			chain = append(chain, route)
		}
		list = append(list, along(chain...))
	}
	if len(list) > 0 {
		return list
	}
	if route != nil {
		return []rails{along(whole, route)}
	}
	return []rails{along(whole)}
}

// servicesOf lists the services that an object belongs to: itself, those of its router, of the routes that lead to it.
func servicesOf(m mesh.Mesh, e Edit) []mesh.VirtualService {
	routers := make(map[string]bool)
	name, node := "", ""
	switch e.Ref.Kind {
	case mesh.KindService:
		name = e.Ref.Name
	case mesh.KindRouter:
		routers[e.Ref.Name] = true
	case mesh.KindRoute:
		router, _ := e.Ref.Split()
		routers[router] = true
	case mesh.KindSplit:
		for _, r := range m.RoutesBy(e.Ref.Name) {
			routers[r.Router] = true
		}
	case mesh.KindNode:
		node = e.Ref.Name
		for _, r := range m.Routes {
			if slices.ContainsFunc(r.Targets, func(t mesh.WeightedTarget) bool { return t.Node == node }) {
				routers[r.Router] = true
			}
		}
	case mesh.KindMesh, mesh.KindGateway, mesh.KindGatewayRoute:
	}
	var list []mesh.VirtualService
	for _, s := range m.Services {
		if s.Name == name || s.Router != "" && routers[s.Router] || node != "" && s.Node == node {
			list = append(list, s)
		}
	}
	return list
}
