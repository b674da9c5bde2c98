package main

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// problems writes what is wrong and how calls get there, worst first; of a mesh where nothing is, what changed most.
func (a *app) problems(g graph.Graph) error {
	a.caution(g)
	s := g.Scene
	if len(s.Paths) == 0 {
		fmt.Fprintf(a.stderr, "weir: nothing is beyond its limits in mesh %s\n", printable(g.Mesh))
		return a.shifts(s.Shifts)
	}
	if n := s.Problems - s.HidProblems - len(s.Paths); n > 0 {
		fmt.Fprintf(a.stderr, "weir: %d more problems are not listed\n", n)
	}
	edges, nodes := make(map[[2]string]*graph.Edge, len(g.Edges)), make(map[string]*graph.Node, len(g.Nodes))
	for i := range g.Edges {
		edges[[2]string{g.Edges[i].From, g.Edges[i].To}] = &g.Edges[i]
	}
	for i := range g.Nodes {
		nodes[g.Nodes[i].ID] = &g.Nodes[i]
	}
	rows := make([][]string, len(s.Paths))
	for i, p := range s.Paths {
		row := []string{string(p.Health), p.From, p.To, "", "", "", path(p.Units), ""}
		if e := edges[[2]string{p.From, p.To}]; e != nil {
			row[3], row[4], row[5], row[7] = fmt.Sprintf("%.1f/s", e.RequestRate), fmt.Sprintf("%.1f %%", e.ErrorRatio*100), seconds(e.P95), strings.Join(e.Why, "; ")
		} else if n := nodes[p.To]; n != nil && p.From == "" {
			row[3], row[4], row[5], row[7] = fmt.Sprintf("%.1f/s", n.RequestRate), fmt.Sprintf("%.1f %%", n.ErrorRatio*100), seconds(n.P95), strings.Join(n.Why, "; ")
		}
		rows[i] = row
	}
	return a.table([]string{"HEALTH", "FROM", "TO", "RATE", "ERRORS", "P95", "PATH", "WHY"}, rows)
}

// path writes the units of a way; services by their plain names.
func path(units []string) string {
	names := make([]string, len(units))
	for i, id := range units {
		names[i] = strings.TrimPrefix(id, mesh.ServiceID(""))
	}
	return strings.Join(names, " → ")
}

// shifts writes what changed most lately.
func (a *app) shifts(list []graph.Shift) error {
	rows := make([][]string, len(list))
	for i, s := range list {
		write := func(v float64) string { return fmt.Sprintf("%.1f/s", v) }
		switch s.What {
		case "errors":
			write = func(v float64) string { return fmt.Sprintf("%.1f %%", v*100) }
		case "p95":
			write = seconds
		}
		rows[i] = []string{s.From, s.To, s.What, write(s.Before), write(s.After)}
	}
	return a.table([]string{"FROM", "TO", "CHANGED", "BEFORE", "NOW"}, rows)
}

// groups writes the calls between groups of services, the worst and then the busiest first.
func (a *app) groups(g graph.Graph) error {
	a.caution(g)
	m := g.Scene.Groups
	cells := slices.Clone(m.Cells)
	slices.SortStableFunc(cells, compareCells)
	rows := make([][]string, len(cells))
	for i, c := range cells {
		from, to := m.List[c.From], m.List[c.To]
		rows[i] = []string{
			from.Name, to.Name, strconv.Itoa(from.Units), strconv.Itoa(to.Units), strconv.Itoa(c.Edges), strconv.Itoa(c.Problems),
			fmt.Sprintf("%.1f/s", c.RequestRate), fmt.Sprintf("%.1f %%", c.ErrorRatio*100), string(c.Health),
		}
	}
	fmt.Fprintf(a.stderr, "weir: services grouped by %s; --by takes %s\n", m.By, strings.Join(m.Ways, ", "))
	return a.table([]string{"FROM", "TO", "CALLERS", "CALLEES", "EDGES", "PROBLEMS", "RATE", "ERRORS", "HEALTH"}, rows)
}

func compareCells(a, b graph.Cell) int {
	return cmp.Or(health.Rank(b.Health)-health.Rank(a.Health), cmp.Compare(b.RequestRate, a.RequestRate))
}
