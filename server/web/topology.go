package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

func (w *Web) topology(c *gin.Context) error {
	v, err := w.look(c, "topology", "nav.topology")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	when, err := w.readMoment(c, v.Now)
	if err != nil {
		return err
	}
	if to := canonical(c, &v, when); to != "" {
		c.Redirect(http.StatusSeeOther, to)
		return nil
	}
	status, problem := http.StatusOK, ""
	var scrubber *page.Scrubber
	if w.Timeline != nil {
		v.past(when)
		if !when.at.IsZero() && c.Query("fragment") != "strip" {
			if err := w.goBack(c, &v, when); err != nil {
				status, problem = statusOf(err), err.Error()
			}
		}
		scrubber = w.scrubber(c, v, when)
	}
	p := page.Topology{
		Shell: v.Shell, View: "focus", Focus: c.Query("focus"), Hops: 2, Sort: "health", Filter: strings.TrimSpace(c.Query("filter")),
		Scrubber: scrubber, Problem: problem,
	}
	if v.InPast() {
		p.Notes = v.graph.Notes
	}
	if len(v.graph.Nodes) == 0 && !v.InPast() {
		p.Empty = v.empty()
	}
	if c.Query("view") == "table" {
		p.View = "table"
	}
	if c.Query("hops") == "1" {
		p.Hops = 1
	}
	if slices.Contains(edgeColumns(), c.Query("sort")) {
		p.Sort = c.Query("sort")
	}
	p.Boxes = v.boxes()
	p.Rows = v.edgeRows(p.Filter, p.Sort)
	if p.Choice = v.boxID(p.Focus); p.Choice == "" && p.Focus != "" && !v.InPast() {
		return mesh.Errorf(mesh.NotFound, "topology: mesh %s has no service, version or gateway %s", v.Mesh, p.Focus)
	}
	if center := cmp.Or(p.Choice, v.mostInteresting()); center != "" {
		p.Around = v.around(center, p.Hops)
	}
	return w.render(c, status, page.TopologyPage(p))
}

func edgeColumns() []string {
	return []string{"health", "from", "to", "rate", "errors", "p50", "p95", "p99", "share"}
}

// boxID finds the box that an address names: a graph id, or the plain name of a service or gateway.
func (v view) boxID(name string) string {
	for _, id := range []string{name, mesh.ServiceID(name), mesh.GatewayID(name)} {
		if _, ok := v.nodes[id]; ok && name != "" {
			return v.group(id)
		}
	}
	return ""
}

// group is the box that a node is drawn in: its service's, or its own.
func (v view) group(id string) string {
	if n, ok := v.nodes[id]; ok && n.Kind == graph.KindNode && n.Service != "" {
		if _, ok := v.nodes[mesh.ServiceID(n.Service)]; ok {
			return mesh.ServiceID(n.Service)
		}
	}
	return id
}

func (v view) boxes() []page.Choice {
	var list []page.Choice
	for _, n := range v.graph.Nodes {
		if v.group(n.ID) == n.ID {
			list = append(list, page.Choice{ID: n.ID, Name: v.name(n.ID), Kind: string(n.Kind)})
		}
	}
	slices.SortFunc(list, func(a, b page.Choice) int {
		return cmp.Or(strings.Compare(a.Name, b.Name), strings.Compare(a.ID, b.ID))
	})
	return list
}

// mostInteresting is the box to look at when none is chosen: the worst, then the busiest service.
func (v view) mostInteresting() string {
	best := graph.Node{}
	for _, n := range v.graph.Nodes {
		if n.Kind != graph.KindService {
			continue
		}
		if best.ID == "" || cmp.Or(cmp.Compare(severity(n.Health), severity(best.Health)), cmp.Compare(best.RequestRate, n.RequestRate)) < 0 {
			best = n
		}
	}
	return best.ID
}

func (v view) edgeRows(filter, order string) []page.EdgeRow {
	var rows []page.EdgeRow
	for _, e := range v.graph.Edges {
		row := page.EdgeRow{
			From: e.From, To: e.To, FromName: v.name(e.From), ToName: v.name(e.To), Health: e.Health, Why: v.worst(e.Causes, e.Why),
			Rate: e.RequestRate, Errors: e.ErrorRatio, P50: e.P50, P95: e.P95, P99: e.P99, Share: e.Share, Wanted: e.Weight,
			Declared: e.Declared, Used: e.Used,
		}
		if contains(row.FromName+" "+row.ToName, filter) {
			rows = append(rows, row)
		}
	}
	slices.SortStableFunc(rows, func(a, b page.EdgeRow) int { return compareEdges(a, b, order) })
	return rows
}

func compareEdges(a, b page.EdgeRow, order string) int {
	share := func(r page.EdgeRow) float64 {
		if r.Share == nil {
			return -1
		}
		return *r.Share
	}
	var by int
	switch order {
	case "from":
		by = strings.Compare(a.FromName, b.FromName)
	case "to":
		by = strings.Compare(a.ToName, b.ToName)
	case "rate":
		by = cmp.Compare(b.Rate, a.Rate)
	case "errors":
		by = cmp.Compare(b.Errors, a.Errors)
	case "p50":
		by = cmp.Compare(b.P50, a.P50)
	case "p95":
		by = cmp.Compare(b.P95, a.P95)
	case "p99":
		by = cmp.Compare(b.P99, a.P99)
	case "share":
		by = cmp.Compare(share(b), share(a))
	}
	return cmp.Or(by, cmp.Compare(severity(a.Health), severity(b.Health)), cmp.Compare(b.Rate, a.Rate))
}
