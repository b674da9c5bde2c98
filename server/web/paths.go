package web

import (
	"cmp"
	"math"
	"slices"
	"strings"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// paths are the ways to what is wrong, the worst first.
func (v view) paths(p *page.Topology, list []graph.Path) []page.ProblemPath {
	edges := make(map[[2]string]*graph.Edge, len(list))
	for i := range v.graph.Edges {
		if e := &v.graph.Edges[i]; ill(e.Health) {
			edges[[2]string{e.From, e.To}] = e
		}
	}
	var rows []page.ProblemPath
	for _, path := range list[:min(len(list), listedPaths)] {
		row := page.ProblemPath{Key: path.From + " " + path.To, Health: path.Health, Focus: p.FocusHref(v.group(path.To))}
		if path.From == "" {
			row.Key = v.group(path.To)
		}
		for _, unit := range path.Units {
			row.Steps = append(row.Steps, v.step(p, unit))
		}
		if len(row.Steps) == 0 {
			row.Steps = []page.PathStep{v.step(p, v.group(path.To))}
		}
		if e, ok := edges[[2]string{path.From, path.To}]; ok {
			row.Rate, row.Errors, row.P95 = e.RequestRate, e.ErrorRatio, e.P95
			row.Causes = v.causes(e.Causes, e.Why, v.governs(e), e.To)
			v.nameVersion(&row, path)
		} else {
			n := v.nodes[path.To]
			row.Rate, row.Errors, row.P95 = n.RequestRate, n.ErrorRatio, n.P95
			row.Causes = v.causes(n.Causes, n.Why, v.serviceOf(n.ID), n.ID)
		}
		row.Causes = v.offered(row.Causes)
		row.Selected = p.Here != nil && p.Here.Query().Get("select") == row.Key
		rows = append(rows, row)
	}
	return rows
}

// offered takes the links away from causes of the past: what they lead to is set now.
func (v view) offered(causes []page.CauseLine) []page.CauseLine {
	if v.InPast() {
		for i := range causes {
			causes[i].Knob, causes[i].Limit = component.LinkTo{}, component.LinkTo{}
		}
	}
	return causes
}

// nameVersion says which version calls and which is called, where a service has several.
func (v view) nameVersion(row *page.ProblemPath, path graph.Path) {
	last := len(row.Steps) - 1
	if n := v.nodes[path.To]; n.Kind == graph.KindNode {
		row.Steps[last].Name = v.name(path.To)
	}
	if n := v.nodes[path.From]; n.Kind == graph.KindNode && last > 0 {
		row.Steps[last-1].Name = v.name(path.From)
	}
}

func (v view) step(p *page.Topology, id string) page.PathStep {
	return page.PathStep{ID: id, Name: v.name(id), Href: p.FocusHref(id)}
}

// governs is the service whose route and pool decide about a call; "" when none does.
func (v view) governs(e *graph.Edge) string {
	if service := v.serviceOf(e.To); service != "" {
		return service
	}
	if len(e.Services) > 0 {
		return e.Services[0]
	}
	return ""
}

// shifts are what changed most lately.
func (v view) shifts(p *page.Topology, list []graph.Shift) []page.ShiftRow {
	var rows []page.ShiftRow
	for _, s := range list {
		say := v.L.Rate
		switch s.What {
		case "errors":
			say = v.L.Ratio
		case "p95":
			say = v.L.Latency
		}
		from, to := v.step(p, s.From), v.step(p, s.To)
		rows = append(rows, page.ShiftRow{From: from, To: to, What: s.What, Before: say(s.Before), After: say(s.After)})
	}
	return rows
}

// matrix is groups of services against each other.
func (v view) matrix(p *page.Topology, groups *graph.Groups) *page.Matrix {
	if groups == nil {
		return nil
	}
	m := &page.Matrix{By: groups.By, Rows: make([][]*page.GroupCell, len(groups.List))}
	for _, way := range groups.Ways {
		m.Ways = append(m.Ways, page.Link{Text: v.L.T("groups.by." + way), Href: p.To("by", way), Current: way == groups.By})
	}
	for i, g := range groups.List {
		m.Rows[i] = make([]*page.GroupCell, len(groups.List))
		m.Groups = append(m.Groups, page.GroupHead{
			Name: v.groupName(g.Name, g.Kind), Units: g.Units, Health: cmp.Or(g.Health, mesh.Unknown), Rate: g.RequestRate,
			Href: pairHref(p, groups.By, nil, &g),
		})
	}
	busiest := 0.0
	for _, cell := range groups.Cells {
		busiest = max(busiest, cell.RequestRate)
	}
	for _, cell := range groups.Cells {
		from, to := m.Groups[cell.From].Name, m.Groups[cell.To].Name
		m.Rows[cell.From][cell.To] = &page.GroupCell{
			Key: from + "\n" + to, Edges: cell.Edges, Problems: cell.Problems, Rate: cell.RequestRate, Errors: cell.ErrorRatio,
			Health: cmp.Or(cell.Health, mesh.Unknown), Shade: shade(cell.RequestRate, busiest), Href: pairHref(p, groups.By, &groups.List[cell.From], &groups.List[cell.To]),
			Words: v.L.T("groups.cell", "from", from, "to", to, "health", v.L.T("health."+string(cmp.Or(cell.Health, mesh.Unknown))),
				"rate", v.L.Rate(cell.RequestRate), "errors", v.L.Ratio(cell.ErrorRatio), "calls", cell.Edges, "problems", cell.Problems),
		}
	}
	return m
}

// groupName is a group as people know it: what no name stands for is called by its kind.
func (v view) groupName(name, kind string) string {
	if kind == "" {
		return name
	}
	return v.L.T("groups.kind." + kind)
}

// pairHref is the table of the calls from one group to another, or of all to one. What several groups share a row for no
// filter can name: the whole table is the nearest.
func pairHref(p *page.Topology, by string, from, to *graph.Group) string {
	var words []string
	for end, group := range map[string]*graph.Group{"from": from, "to": to} {
		if group != nil && group.Kind != graph.GroupOther {
			words = append(words, end+"-"+by+":"+page.FilterWord(group.Name))
		}
	}
	slices.Sort(words)
	return p.To("view", "table", "focus", "", "filter", strings.Join(words, " "))
}

// shade is a step from 0 to 4 by the rate's order of magnitude beneath the busiest.
func shade(rate, busiest float64) int {
	if rate <= 0 || busiest <= 0 {
		return 0
	}
	return max(1, 4-int(math.Log10(busiest/rate)*1.5))
}
