package graph

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// The ways of grouping.
const (
	byNamespace = "namespace" // the domain of services' names: "shop" of checkout.shop.svc.cluster.local and of shop/checkout
	byArea      = "area"      // the first word of that: "shop" of shop-eu
	byPrefix    = "prefix"    // the first word of services' names
	byKind      = "kind"
)

// maxGroups is how many rows the matrix has at most; the groups with the least traffic are one row beyond.
const maxGroups = 30

// The kinds of groups that no service's name stands for, besides the kinds of nodes.
const (
	groupNone = "none"
	// GroupOther is the kind of the group that stands for those that have no row of their own.
	GroupOther = "other"
)

// groups adds the mesh up by groups of units.
func (c *choice) groups() {
	ways, chosen := c.groupings()
	by := chosen
	if slices.Contains(ways, c.wish.By) {
		by = c.wish.By
	}
	list, of := c.grouped(by)
	m := &Groups{By: by, Ways: ways, List: list, Cells: c.cells(of, list)}
	c.scene.Groups = m
	for u := range c.units {
		if !c.hidden[u] {
			c.scene.Units++
		}
	}
}

// groupings gives the ways that tell this mesh's units apart, and the one that serves best: the first that needs no row for
// others, or else the one that puts the fewest units there.
func (c *choice) groupings() (ways []string, best string) {
	least := len(c.units) + 1
	before := 0
	for _, by := range []string{byNamespace, byArea, byPrefix} {
		groups := make(map[string]int)
		services, named := 0, 0
		for i := range c.units {
			if u := &c.units[i]; u.kind == KindService || u.kind == KindNode {
				services++
				if name, kind := c.groupOf(u, by); kind == "" {
					groups[name]++
					named++
				}
			}
		}
		n := len(groups)
		tells := named*2 >= services && n > 1 && n*4 <= services*3
		if !tells || by == byArea && n == before {
			continue // areas that are the namespaces
		}
		ways, before = append(ways, by), n
		if rest := named - largest(groups, maxGroups); rest < least {
			least, best = rest, by
		}
	}
	if best == "" {
		best = byKind
	}
	return append(ways, byKind), best
}

// largest adds up the largest so many of some numbers.
func largest(groups map[string]int, most int) int {
	sizes := slices.Sorted(maps.Values(groups))
	sum := 0
	for _, n := range sizes[max(0, len(sizes)-most):] {
		sum += n
	}
	return sum
}

// findSuffix finds what the domains of all services end with, a dot before it: it tells none from another. Of a domain
// something is left.
func (o *Outline) findSuffix() {
	first := true
	for i := range o.units {
		domain := domainOf(o.units[i].name)
		if k := o.units[i].kind; domain == "" || k != KindService && k != KindNode {
			continue
		}
		if first {
			o.suffix, first = parent(domain), false
		}
		for o.suffix != "" && !strings.HasSuffix(domain, o.suffix) {
			o.suffix = parent(o.suffix[1:])
		}
	}
}

// parent is a domain without its first word, a dot before it; empty when there is none.
func parent(domain string) string {
	if i := strings.IndexByte(domain, '.'); i >= 0 {
		return domain[i:]
	}
	return ""
}

// groupOf names the group of a unit; kind says what no service's name stands for.
func (o *Outline) groupOf(u *unit, by string) (name, kind string) {
	if by == byKind || u.kind == KindExternal || u.kind == KindUnknown {
		return string(u.kind), string(u.kind)
	}
	switch by {
	case byNamespace:
		name = strings.TrimSuffix(domainOf(u.name), o.suffix)
	case byArea:
		name = prefixOf(strings.TrimSuffix(domainOf(u.name), o.suffix))
	default:
		name = prefixOf(u.name)
	}
	switch {
	case name != "":
		return name, ""
	case u.kind == KindGateway:
		return string(u.kind), string(u.kind)
	default:
		return groupNone, groupNone
	}
}

// domainOf is what stands behind the first word of a name, or before its slash.
func domainOf(name string) string {
	if space, _, ok := strings.Cut(name, "/"); ok {
		return space
	}
	_, domain, _ := strings.Cut(name, ".")
	return domain
}

// prefixOf is the first word of a name.
func prefixOf(name string) string {
	if i := strings.IndexAny(name, "-._/"); i >= 0 {
		return name[:i]
	}
	return name
}

// grouped gives the groups by name, and the group of each unit; -1: it is hidden.
func (c *choice) grouped(by string) (list []Group, of []int) {
	of = make([]int, len(c.units))
	place := make(map[[2]string]int)
	for i := range c.units {
		if of[i] = -1; c.hidden[i] {
			continue
		}
		name, kind := c.groupOf(&c.units[i], by)
		k, ok := place[[2]string{name, kind}]
		if !ok {
			k = len(list)
			place[[2]string{name, kind}] = k
			list = append(list, Group{Name: name, Kind: kind, Health: mesh.Unknown})
		}
		of[i] = k
	}
	order := c.rows(list, of)
	moved := make([]int, len(list)) // where each group went
	out := make([]Group, 0, min(len(list), maxGroups+1))
	for i, k := range order {
		if i < maxGroups || len(order) <= maxGroups {
			moved[k] = i
			out = append(out, list[k])
		}
	}
	if len(order) > maxGroups {
		for _, k := range order[maxGroups:] {
			moved[k] = maxGroups
		}
		out = append(out, Group{Name: GroupOther, Kind: GroupOther, Health: mesh.Unknown})
	}
	for i, k := range of {
		if k >= 0 {
			of[i] = moved[k]
			g := &out[of[i]]
			g.Units++
			g.Health = worse(g.Health, c.units[i].worst)
		}
	}
	return out, of
}

// rows orders groups: by name those that have a row of their own, then those that have none. Groups with a problem come
// before busier ones when there are too many.
func (c *choice) rows(list []Group, of []int) []int {
	weight, ill := make([]float64, len(list)), make([]int, len(list))
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	for u, k := range of {
		if k >= 0 {
			weight[k] += c.units[u].rate
			ill[k] = max(ill[k], severity(c.units[u].worst))
		}
	}
	byName := func(a, b int) int {
		return cmp.Or(cmp.Compare(list[a].Name, list[b].Name), cmp.Compare(list[a].Kind, list[b].Kind))
	}
	if len(order) > maxGroups {
		slices.SortFunc(order, func(a, b int) int {
			return cmp.Or(ill[b]-ill[a], magnitude(weight[b])-magnitude(weight[a]), byName(a, b))
		})
	}
	slices.SortFunc(order[:min(len(order), maxGroups)], byName)
	return order
}

// cells adds up the calls between groups, and says of each group how it does.
func (c *choice) cells(of []int, list []Group) []Cell {
	n := len(list)
	sums := make([]Cell, n*n)
	failing := make([]float64, n*n)
	for i := range c.links {
		l := &c.links[i]
		from, to := of[l.from], of[l.to]
		if from < 0 || to < 0 {
			continue
		}
		cell := &sums[from*n+to]
		if cell.Edges == 0 {
			cell.From, cell.To, cell.Health = from, to, mesh.Unknown
		}
		cell.Edges += len(l.edges)
		cell.RequestRate += l.rate
		failing[from*n+to] += l.failing
		if health.Rank(l.worst) > health.Rank(cell.Health) {
			cell.Health = l.worst
		}
		for _, e := range l.edges {
			if wrong(c.graph.Edges[e].Health) {
				cell.Problems++
			}
		}
	}
	cells := []Cell{}
	for i := range sums {
		cell := &sums[i]
		if cell.Edges == 0 {
			continue
		}
		if cell.RequestRate > 0 {
			cell.ErrorRatio = failing[i] / cell.RequestRate
		}
		if cell.From != cell.To {
			list[cell.To].RequestRate += cell.RequestRate
		}
		list[cell.To].Health = worse(list[cell.To].Health, cell.Health)
		cells = append(cells, *cell)
	}
	return cells
}
