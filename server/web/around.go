package web

import (
	"cmp"
	"slices"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// around lays the units of a scene out as columns: the one in the middle, and at each distance who calls it and whom it
// calls, each box once and at its smallest distance.
func (v view) around(center string, hops int, scene graph.Scene) *page.Around {
	a := &page.Around{Center: v.box(center, nil)}
	placed := make(map[string]bool, len(scene.Nodes)) // false: in the scene, and not in a column yet
	for _, n := range scene.Nodes {
		placed[v.group(n.ID)] = false
	}
	placed[center] = true
	for _, direction := range []int{-1, 1} {
		front := []string{center}
		for distance := 1; distance <= hops; distance++ {
			column := page.Column{Distance: direction * distance, Title: v.L.T(columnTitle(direction * distance))}
			column.Boxes = v.neighbours(front, direction, placed)
			front = nil
			for _, b := range column.Boxes {
				placed[b.ID] = true
				front = append(front, b.ID)
			}
			if distance == 1 {
				column.More = scene.More[moreSide(direction)].Units
			}
			if distance == 1 || len(column.Boxes) > 0 {
				a.Columns = append(a.Columns, column)
			}
		}
	}
	slices.SortFunc(a.Columns, func(x, y page.Column) int { return cmp.Compare(x.Distance, y.Distance) })
	return a
}

func moreSide(direction int) string {
	if direction < 0 {
		return "callers"
	}
	return "callees"
}

func columnTitle(distance int) string {
	switch distance {
	case -3:
		return "topology.callers3"
	case -2:
		return "topology.callers2"
	case -1:
		return "topology.callers"
	case 1:
		return "topology.callees"
	case 2:
		return "topology.callees2"
	}
	return "topology.callees3"
}

// neighbours are the boxes one call away from a front of boxes that are not placed yet, unhealthy ones first, then by rate.
func (v view) neighbours(front []string, direction int, placed map[string]bool) []page.Box {
	edges := make(map[string][]graph.Edge)
	for _, e := range v.graph.Edges {
		near, far := v.group(e.To), v.group(e.From)
		if direction > 0 {
			near, far = far, near
		}
		if done, shown := placed[far]; shown && !done && slices.Contains(front, near) {
			edges[far] = append(edges[far], e)
		}
	}
	boxes := make([]page.Box, 0, len(edges))
	for id, list := range edges {
		boxes = append(boxes, v.box(id, list))
	}
	slices.SortFunc(boxes, func(a, b page.Box) int {
		return cmp.Or(cmp.Compare(severity(a.EdgeHealth), severity(b.EdgeHealth)), cmp.Compare(b.Rate, a.Rate), cmp.Compare(a.Name, b.Name))
	})
	return boxes
}

// box is a node of the picture. Its numbers are those of the edges, or without edges its own.
func (v view) box(id string, edges []graph.Edge) page.Box {
	n := v.nodes[id]
	b := page.Box{
		ID: id, Name: v.name(id), Kind: string(cmp.Or(n.Kind, graph.KindExternal)), Health: cmp.Or(n.Health, mesh.Unknown),
		Why: v.worst(n.Causes, n.Why), Rate: n.RequestRate, Errors: n.ErrorRatio, P95: n.P95, EdgeHealth: n.Health, Share: -1,
	}
	if n.Kind == graph.KindService {
		b.Service = n.Name
		b.Versions = v.versionBoxes(n.Name)
	}
	if len(edges) == 0 {
		if n.RequestRate == 0 {
			b.Rate, b.Errors, b.P95 = v.sent(id)
		}
		return b
	}
	b.Rate, b.Errors, b.P95, b.EdgeHealth, b.Unused = 0, 0, 0, "", true
	for _, e := range edges {
		b.Rate += e.RequestRate
		b.Errors += e.RequestRate * e.ErrorRatio
		b.P95 = max(b.P95, e.P95)
		b.Undeclared = b.Undeclared || !e.Declared
		b.Unused = b.Unused && !e.Used
		if b.EdgeHealth == "" || severity(e.Health) < severity(b.EdgeHealth) {
			b.EdgeHealth = e.Health
		}
	}
	if b.Rate > 0 {
		b.Errors /= b.Rate
	}
	return b
}

func (v view) versionBoxes(service string) []page.Box {
	s, _ := v.service(service)
	names := v.versionNames(s, v.routes(s.Router))
	for _, n := range v.graph.Nodes {
		if n.Kind == graph.KindNode && n.Service == service && !slices.Contains(names, n.ID) {
			names = append(names, n.ID)
		}
	}
	boxes := make([]page.Box, 0, len(names))
	for i, name := range names {
		n := v.nodes[name]
		boxes = append(boxes, page.Box{
			ID: name, Name: name, Kind: string(graph.KindNode), Health: cmp.Or(n.Health, mesh.Unknown), Rate: n.RequestRate,
			Share: v.observedShare(service, name), Series: i,
		})
	}
	return boxes
}
