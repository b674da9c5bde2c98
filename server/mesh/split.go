package mesh

import "slices"

// Split is one distribution of traffic that any number of routes share: moving its weights moves all of them, in one
// change and one programmed version.
type Split struct {
	Name    string           `json:"name"`
	Targets []WeightedTarget `json:"targets"` // 1 to 10
}

// Ref names the split.
func (s Split) Ref() Ref { return Ref{KindSplit, s.Name} }

// Split finds a split by name.
func (m Mesh) Split(name string) (Split, bool) { return find(m.Splits, Ref{KindSplit, name}) }

// RoutesBy lists the routes that share a split, in the mesh's order.
func (m Mesh) RoutesBy(split string) []Route {
	var list []Route
	for _, r := range m.Routes {
		if split != "" && r.Split == split {
			list = append(list, r)
		}
	}
	return list
}

// follow gives the routes that name a split its targets: whoever reads a route need not know of splits. A route that was
// put with other targets is refused, since one of the two is a mistake; the targets that it had before are none, because
// whoever edits the rest of a route sends them back as read. before is the mesh without the patch; m's slices are its own.
func (m Mesh) follow(before Mesh, p Patch) (Mesh, error) {
	for i, r := range m.Routes {
		if r.Split == "" {
			continue
		}
		s, ok := m.Split(r.Split)
		if !ok {
			continue // Validate says so
		}
		if slices.Equal(r.Targets, s.Targets) {
			continue
		}
		if len(r.Targets) > 0 && p.puts(r.Ref()) {
			old, _ := before.Get(r.Ref())
			if had, ok := old.(Route); !ok || !slices.Equal(had.Targets, r.Targets) {
				return Mesh{}, Errorf(Invalid, "%s takes its targets from split %s, and others are set: change the split, or take it out of the route",
					label(r), shorten(r.Split))
			}
		}
		r.Targets = slices.Clone(s.Targets)
		m.Routes[i] = r
	}
	return m, nil
}

// puts says whether a patch sets an object.
func (p Patch) puts(ref Ref) bool {
	return slices.ContainsFunc(p.Put, func(o Object) bool { return o.Ref() == ref })
}
