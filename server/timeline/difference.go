package timeline

import (
	"cmp"
	"slices"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/health"
)

// difference lists the nodes and edges that are used in one of two pictures or differ in both, worst first.
func difference(before, after graph.Graph) graph.Difference {
	d := graph.Difference{Mesh: after.Mesh, From: before.At, To: after.At, Window: after.Window, Nodes: []graph.NodeDelta{}, Edges: []graph.EdgeDelta{}}
	was := make(map[string]graph.Node, len(before.Nodes))
	for _, n := range before.Nodes {
		was[n.ID] = n
	}
	for _, n := range after.Nodes {
		old, both := was[n.ID]
		delete(was, n.ID)
		delta := graph.NodeDelta{ID: n.ID, Kind: n.Kind, Presence: presence(both, true), Before: ofNode(old), After: ofNode(n)}
		if !both || differs(delta.Before, delta.After) {
			d.Nodes = append(d.Nodes, delta)
		}
	}
	for _, n := range before.Nodes {
		if _, gone := was[n.ID]; gone {
			d.Nodes = append(d.Nodes, graph.NodeDelta{ID: n.ID, Kind: n.Kind, Presence: graph.Vanished, Before: ofNode(n), After: graph.Reading{Why: []string{}}})
		}
	}
	d.Edges = edgeDeltas(before.Edges, after.Edges)
	slices.SortStableFunc(d.Nodes, func(a, b graph.NodeDelta) int { return worse(a.After, b.After) })
	slices.SortStableFunc(d.Edges, func(a, b graph.EdgeDelta) int { return worse(a.After, b.After) })
	return d
}

func edgeDeltas(before, after []graph.Edge) []graph.EdgeDelta {
	type ends struct{ from, to string }
	list := []graph.EdgeDelta{}
	was := make(map[ends]graph.Edge, len(before))
	for _, e := range before {
		if e.Used {
			was[ends{e.From, e.To}] = e
		}
	}
	for _, e := range after {
		if !e.Used {
			continue
		}
		old, both := was[ends{e.From, e.To}]
		delete(was, ends{e.From, e.To})
		delta := graph.EdgeDelta{From: e.From, To: e.To, Protocol: e.Protocol, Presence: presence(both, true), Before: ofEdge(old), After: ofEdge(e)}
		if !both || differs(delta.Before, delta.After) {
			list = append(list, delta)
		}
	}
	for _, e := range before {
		if _, gone := was[ends{e.From, e.To}]; gone {
			list = append(list, graph.EdgeDelta{From: e.From, To: e.To, Protocol: e.Protocol, Presence: graph.Vanished, Before: ofEdge(e), After: graph.Reading{Why: []string{}}})
		}
	}
	return list
}

func presence(before, after bool) graph.Presence {
	switch {
	case before && after:
		return graph.Both
	case after:
		return graph.Appeared
	default:
		return graph.Vanished
	}
}

func ofNode(n graph.Node) graph.Reading {
	return graph.Reading{RequestRate: n.RequestRate, ErrorRatio: n.ErrorRatio, P95: n.P95, Health: n.Health, Why: append([]string{}, n.Why...)}
}

func ofEdge(e graph.Edge) graph.Reading {
	return graph.Reading{RequestRate: e.RequestRate, ErrorRatio: e.ErrorRatio, P95: e.P95, Health: e.Health, Why: append([]string{}, e.Why...)}
}

func differs(a, b graph.Reading) bool {
	return a.RequestRate != b.RequestRate || a.ErrorRatio != b.ErrorRatio || a.P95 != b.P95 || a.Health != b.Health
}

func worse(a, b graph.Reading) int { return cmp.Compare(health.Rank(b.Health), health.Rank(a.Health)) }
