package main

import (
	"fmt"
	"strings"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// dot writes the graph for Graphviz: a box for every node within its service's, an arrow for every edge.
func dot(g graph.Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir=LR;\n  node [shape=box];\n", dotText(g.Mesh))
	services := make(map[string][]graph.Node)
	for _, n := range g.Nodes {
		switch {
		case n.Kind == graph.KindService:
		case n.Service != "":
			services[n.Service] = append(services[n.Service], n)
		default:
			fmt.Fprintf(&b, "  %s [label=%s];\n", dotText(n.ID), dotText(n.Name))
		}
	}
	for _, n := range g.Nodes {
		versions := services[n.Name]
		if n.Kind != graph.KindService || len(versions) == 0 {
			continue
		}
		fmt.Fprintf(&b, "  subgraph %s {\n    label=%s;\n", dotText("cluster_"+n.Name), dotText(n.Name))
		for _, v := range versions {
			fmt.Fprintf(&b, "    %s [label=%s];\n", dotText(v.ID), dotText(v.Name))
		}
		b.WriteString("  }\n")
		delete(services, n.Name)
	}
	for _, n := range g.Nodes { // versions of a service that has no box of its own
		if _, left := services[n.Service]; left && n.Service != "" {
			fmt.Fprintf(&b, "  %s [label=%s];\n", dotText(n.ID), dotText(n.Name))
		}
	}
	for _, e := range g.Edges {
		style := dotColor(e.Health)
		if style == "" && !e.Used {
			style = ", style=dashed"
		}
		label := fmt.Sprintf("%.1f/s · %.1f %% · %s", e.RequestRate, e.ErrorRatio*100, seconds(e.P95))
		if !e.Used {
			label = "unused"
		}
		fmt.Fprintf(&b, "  %s -> %s [label=%s%s];\n", dotText(e.From), dotText(e.To), dotText(label), style)
	}
	b.WriteString("}\n")
	return b.String()
}

// dotText quotes a word for Graphviz.
func dotText(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(printable(s)) + `"`
}

// dotGroups writes groups of services and the calls between them for Graphviz.
func dotGroups(g graph.Graph) string {
	var b strings.Builder
	fmt.Fprintf(&b, "digraph %s {\n  rankdir=LR;\n  node [shape=box];\n", dotText(g.Mesh))
	for i, group := range g.Scene.Groups.List {
		fmt.Fprintf(&b, "  g%d [label=%s];\n", i, dotText(fmt.Sprintf("%s (%d)", group.Name, group.Units)))
	}
	for _, c := range g.Scene.Groups.Cells {
		fmt.Fprintf(&b, "  g%d -> g%d [label=%s%s];\n", c.From, c.To, dotText(fmt.Sprintf("%.1f/s · %.1f %%", c.RequestRate, c.ErrorRatio*100)), dotColor(c.Health))
	}
	b.WriteString("}\n")
	return b.String()
}

// dotColor marks what is wrong.
func dotColor(h mesh.Health) string {
	switch h {
	case mesh.Unhealthy:
		return ", color=red, penwidth=2"
	case mesh.Degraded:
		return ", color=orange"
	default:
		return ""
	}
}
