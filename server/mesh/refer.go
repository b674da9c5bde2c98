package mesh

import "slices"

// References lists the objects that an object names, each once: a route its router, split and targets, a split its targets, a service what provides
// it, a gateway route its gateway and service, a node the services that it calls (which need not exist).
func References(o Object) []Ref {
	var list []Ref
	add := func(kind Kind, name string) {
		if ref := (Ref{kind, name}); name != "" && !slices.Contains(list, ref) {
			list = append(list, ref)
		}
	}
	switch o := o.(type) {
	case VirtualNode:
		for _, b := range o.Backends {
			add(KindService, b.Service)
		}
	case VirtualService:
		add(KindRouter, o.Router)
		add(KindNode, o.Node)
	case Route:
		add(KindRouter, o.Router)
		add(KindSplit, o.Split)
		for _, t := range o.Targets {
			add(KindNode, t.Node)
		}
	case Split:
		for _, t := range o.Targets {
			add(KindNode, t.Node)
		}
	case GatewayRoute:
		add(KindGateway, o.Gateway)
		add(KindService, o.Target.Service)
	}
	return list
}

// ReferredBy lists the objects of a mesh that name ref, in the order of Objects.
func (m Mesh) ReferredBy(ref Ref) []Ref {
	var list []Ref
	for _, o := range m.Objects() {
		if slices.Contains(References(o), ref) {
			list = append(list, o.Ref())
		}
	}
	return list
}
