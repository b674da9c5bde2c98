package mesh

import (
	"cmp"
	"reflect"
	"slices"
	"strings"
)

// Settings gives the mesh's own settings as an object.
func (m Mesh) Settings() Settings {
	return Settings{Name: m.Name, EgressFilter: m.EgressFilter, Health: m.Health, Guard: m.Guard, Approval: m.Approval}
}

// Objects lists everything in the mesh, its settings first (unless the mesh has no name, which is how an absent mesh
// looks), then in the order in which objects depend on each other.
func (m Mesh) Objects() []Object {
	list := make([]Object, 0, 1+len(m.Nodes)+len(m.Services)+len(m.Routers)+len(m.Splits)+len(m.Routes)+len(m.Gateways)+len(m.GatewayRoutes))
	if m.Name != "" {
		list = append(list, m.Settings())
	}
	list = appendObjects(list, m.Nodes)
	list = appendObjects(list, m.Routers)
	list = appendObjects(list, m.Splits)
	list = appendObjects(list, m.Routes)
	list = appendObjects(list, m.Services)
	list = appendObjects(list, m.Gateways)
	return appendObjects(list, m.GatewayRoutes)
}

func appendObjects[T Object](list []Object, from []T) []Object {
	for _, o := range from {
		list = append(list, o)
	}
	return list
}

// Get finds one object.
func (m Mesh) Get(ref Ref) (Object, bool) {
	switch ref.Kind {
	case KindMesh:
		return m.Settings(), m.Name != "" && ref.Name == m.Name
	case KindNode:
		return found(m.Nodes, ref)
	case KindService:
		return found(m.Services, ref)
	case KindRouter:
		return found(m.Routers, ref)
	case KindSplit:
		return found(m.Splits, ref)
	case KindRoute:
		return found(m.Routes, ref)
	case KindGateway:
		return found(m.Gateways, ref)
	case KindGatewayRoute:
		return found(m.GatewayRoutes, ref)
	default:
		return nil, false
	}
}

func found[T Object](list []T, ref Ref) (Object, bool) {
	if o, ok := find(list, ref); ok {
		return o, true
	}
	return nil, false
}

// find looks in a list that is normally sorted; one that somebody wrote by hand and did not sort is searched whole.
func find[T Object](list []T, ref Ref) (T, bool) {
	i := position(list, ref)
	if i < 0 {
		var none T
		return none, false
	}
	return list[i], true
}

// position is where find finds it; below zero: it is not there.
func position[T Object](list []T, ref Ref) int {
	i, ok := slices.BinarySearchFunc(list, ref, func(o T, r Ref) int { return compareRefs(o.Ref(), r) })
	if !ok {
		i = slices.IndexFunc(list, func(o T) bool { return o.Ref() == ref })
	}
	return i
}

// compareRefs orders references of one kind by parent, then name: the slash between the two comes before all else. Every
// list is sorted with each change, so nothing is cut apart.
func compareRefs(a, b Ref) int {
	parent := true
	for i := range min(len(a.Name), len(b.Name)) {
		x, y := a.Name[i], b.Name[i]
		switch {
		case x == y:
			parent = parent && x != '/'
		case parent && x == '/':
			return -1
		case parent && y == '/':
			return 1
		default:
			return cmp.Compare(x, y)
		}
	}
	return cmp.Compare(len(a.Name), len(b.Name))
}

// Sorted gives the mesh with every slice in a new array and in order.
func (m Mesh) Sorted() Mesh {
	m.Nodes, m.Services, m.Routers = sorted(m.Nodes), sorted(m.Services), sorted(m.Routers)
	m.Splits, m.Routes, m.Gateways, m.GatewayRoutes = sorted(m.Splits), sorted(m.Routes), sorted(m.Gateways), sorted(m.GatewayRoutes)
	return m
}

func sorted[T Object](list []T) []T {
	if len(list) == 0 {
		return nil
	}
	list = slices.Clone(list)
	slices.SortStableFunc(list, func(a, b T) int { return compareRefs(a.Ref(), b.Ref()) })
	return list
}

// With gives the mesh with a patch applied; m itself stays as it is. Deleting what does not exist is NotFound, deleting
// what is still in use is a Conflict that says by whom, and a patch that contradicts itself or belongs to another mesh
// is Invalid. Routes that share a split take its targets. The result is not validated otherwise: ask Validate.
func (m Mesh) With(p Patch) (Mesh, error) {
	if err := p.consistent(); err != nil {
		return Mesh{}, err
	}
	next := m.Sorted()
	for _, ref := range p.Delete {
		if _, ok := next.Get(ref); !ok {
			return Mesh{}, Errorf(NotFound, "there is no %s in mesh %s", shorten(ref.String()), shorten(m.Name))
		}
		next = next.without(ref)
	}
	for _, o := range p.Put {
		if s, ok := o.(Settings); ok && next.Name != "" && s.Name != next.Name {
			return Mesh{}, Errorf(Invalid, "the patch is for mesh %s, not for mesh %s", shorten(s.Name), shorten(next.Name))
		}
		next = next.with(o)
	}
	next, err := next.follow(m, p)
	if err != nil {
		return Mesh{}, err
	}
	for _, ref := range p.Delete {
		if users := next.users(ref); len(users) > 0 {
			return Mesh{}, Errorf(Conflict, "%s is in use by %s: change that first, or with it",
				shorten(ref.String()), shortList(users))
		}
	}
	return next, nil
}

// consistent refuses a patch that names an object twice.
func (p Patch) consistent() error {
	seen := make(map[Ref]bool, len(p.Put)+len(p.Delete))
	for _, o := range p.Put {
		if o == nil {
			return Errorf(Internal, "the patch holds a nil object")
		}
		if seen[o.Ref()] {
			return Errorf(Invalid, "the patch sets %s twice", label(o))
		}
		seen[o.Ref()] = true
	}
	for _, ref := range p.Delete {
		if seen[ref] {
			return Errorf(Invalid, "the patch deletes %s and sets or deletes it a second time", shorten(ref.String()))
		}
		seen[ref] = true
	}
	return nil
}

// without removes an object; m's slices are its own.
func (m Mesh) without(ref Ref) Mesh {
	switch ref.Kind {
	case KindMesh:
		m.Name, m.EgressFilter, m.Health, m.Guard, m.Approval = "", "", nil, nil, ""
	case KindNode:
		m.Nodes = removed(m.Nodes, ref)
	case KindService:
		m.Services = removed(m.Services, ref)
	case KindRouter:
		m.Routers = removed(m.Routers, ref)
	case KindSplit:
		m.Splits = removed(m.Splits, ref)
	case KindRoute:
		m.Routes = removed(m.Routes, ref)
	case KindGateway:
		m.Gateways = removed(m.Gateways, ref)
	case KindGatewayRoute:
		m.GatewayRoutes = removed(m.GatewayRoutes, ref)
	}
	return m
}

func removed[T Object](list []T, ref Ref) []T {
	list = slices.DeleteFunc(list, func(o T) bool { return o.Ref() == ref })
	if len(list) == 0 {
		return nil
	}
	return list
}

// with adds or replaces an object; m's slices are its own.
func (m Mesh) with(o Object) Mesh {
	switch o := o.(type) {
	case Settings:
		m.Name, m.EgressFilter, m.Health, m.Guard, m.Approval = o.Name, o.EgressFilter, o.Health, o.Guard, o.Approval
	case VirtualNode:
		m.Nodes = placed(m.Nodes, o)
	case VirtualService:
		m.Services = placed(m.Services, o)
	case VirtualRouter:
		m.Routers = placed(m.Routers, o)
	case Split:
		m.Splits = placed(m.Splits, o)
	case Route:
		m.Routes = placed(m.Routes, o)
	case VirtualGateway:
		m.Gateways = placed(m.Gateways, o)
	case GatewayRoute:
		m.GatewayRoutes = placed(m.GatewayRoutes, o)
	}
	return m
}

func placed[T Object](list []T, o T) []T {
	i, ok := slices.BinarySearchFunc(list, o, func(a, b T) int { return compareRefs(a.Ref(), b.Ref()) })
	if ok {
		list[i] = o
		return list
	}
	return slices.Insert(list, i, o)
}

// users lists the objects that need ref, which was deleted. A mesh that got another name still holds its objects.
func (m Mesh) users(ref Ref) []string {
	if ref.Kind == KindMesh && m.Name != "" {
		return nil
	}
	var users []string
	for _, o := range m.Objects() {
		if uses(o, ref) {
			users = append(users, label(o))
		}
	}
	return users
}

// uses says whether an object cannot be without another. A node's backends may name services that do not exist.
func uses(o Object, ref Ref) bool {
	switch o := o.(type) {
	case Route:
		return ref == Ref{KindRouter, o.Router} || o.Split != "" && ref == Ref{KindSplit, o.Split} ||
			ref.Kind == KindNode && slices.ContainsFunc(o.Targets, func(t WeightedTarget) bool { return t.Node == ref.Name }) ||
			ref.Kind == KindMesh
	case Split:
		return ref.Kind == KindNode && slices.ContainsFunc(o.Targets, func(t WeightedTarget) bool { return t.Node == ref.Name }) ||
			ref.Kind == KindMesh
	case VirtualService:
		return o.Router != "" && ref == Ref{KindRouter, o.Router} || o.Node != "" && ref == Ref{KindNode, o.Node} || ref.Kind == KindMesh
	case GatewayRoute:
		return ref == Ref{KindGateway, o.Gateway} || ref == Ref{KindService, o.Target.Service} || ref.Kind == KindMesh
	default:
		return ref.Kind == KindMesh
	}
}

// shortList writes the first few of many names.
func shortList(names []string) string {
	const most = 5
	if len(names) > most {
		names = append(slices.Clone(names[:most]), "others")
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// Diff gives the patch that turns one mesh into another: from.With(Diff(from, to)) is to. Objects are put in the order
// in which they depend on each other, and deleted in the reverse one.
func Diff(from, to Mesh) Patch {
	var p Patch
	differ(&p, settings(from), settings(to))
	differ(&p, from.Nodes, to.Nodes)
	differ(&p, from.Routers, to.Routers)
	differ(&p, from.Splits, to.Splits)
	differ(&p, from.Routes, to.Routes)
	differ(&p, from.Services, to.Services)
	differ(&p, from.Gateways, to.Gateways)
	differ(&p, from.GatewayRoutes, to.GatewayRoutes)
	slices.Reverse(p.Delete)
	return p
}

// settings lists a mesh's own settings, which an absent mesh has none of.
func settings(m Mesh) []Settings {
	if m.Name == "" {
		return nil
	}
	return []Settings{m.Settings()}
}

// differ adds what differs between two lists; what is deleted in the order of from. Both are gone through side by side,
// since nearly always nearly all of them is the same, and nothing is searched while it is.
func differ[T Object](p *Patch, from, to []T) {
	kept, next := make([]bool, len(from)), 0
	for i := range to {
		at := next
		if at >= len(from) || !reflect.DeepEqual(&from[at], &to[i]) {
			if at = position(from, to[i].Ref()); at < 0 || !reflect.DeepEqual(&from[at], &to[i]) {
				p.Put = append(p.Put, to[i])
			}
		}
		if at >= 0 {
			kept[at], next = true, at+1
		}
	}
	for at, o := range from {
		if !kept[at] && position(to, o.Ref()) < 0 {
			p.Delete = append(p.Delete, o.Ref())
		}
	}
}
