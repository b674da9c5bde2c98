package web

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// What the topology's pages show at most; a search finds the rest.
const (
	listedPaths = 25  // problems
	suggested   = 300 // names that the search knows before anything is typed
)

func (w *Web) topology(c *gin.Context) error {
	p, v, status, err := w.readTopology(c)
	if err != nil || p == nil {
		return err
	}
	scene := graph.Choose(v.graph, wish(p), nil)
	p.Caption = v.caption(scene)
	switch graph.View(p.View) {
	case graph.ViewProblems:
		p.Paths = v.paths(p, scene.Paths)
		p.More = max(len(scene.Paths)-listedPaths, 0)
		p.Shifts = v.shifts(p, scene.Shifts)
	case graph.ViewFocus:
		if p.Choice != "" {
			p.Around = v.around(p.Choice, p.Hops, scene)
		}
	case graph.ViewGroups:
		p.Matrix = v.matrix(p, scene.Groups)
	case graph.ViewTable, graph.ViewWhole:
		p.Edges = v.edges(p, pageOf(c))
	}
	p.Edges.Total = len(v.graph.Edges)
	p.Looks = w.looks(c, v)
	if p.Subject, err = w.subject(c, v, p); err != nil {
		return err
	}
	return w.render(c, status, page.TopologyPage(*p))
}

// readTopology reads what a topology's address asks for and the picture that it is about; without a page, it has answered.
func (w *Web) readTopology(c *gin.Context) (*page.Topology, *view, int, error) {
	v, err := w.look(c, "topology", "nav.topology")
	if err != nil {
		return nil, nil, 0, err
	}
	if v.Mesh == "" {
		return nil, nil, 0, w.welcome(c, v)
	}
	when, err := w.readMoment(c, v.Now)
	if err != nil {
		return nil, nil, 0, err
	}
	if to := canonical(c, &v, when); to != "" {
		c.Redirect(http.StatusSeeOther, to)
		return nil, nil, 0, nil
	}
	p := &page.Topology{}
	status := http.StatusOK
	if w.Timeline != nil {
		v.past(when)
		if !when.at.IsZero() && c.Query("fragment") != "strip" {
			if err := w.goBack(c, &v, when); err != nil {
				status, p.Problem = statusOf(err), err.Error()
			}
		}
		p.Scrubber = w.scrubber(c, v, when)
	}
	p.Shell = v.Shell
	v.readAddress(c, p)
	if to := v.found(c, p); to != "" {
		c.Redirect(http.StatusSeeOther, to)
		return nil, nil, 0, nil
	}
	if p.Gone != "" && status == http.StatusOK && !v.InPast() && c.Query("fragment") == "" { // parts of the page are there all the same
		status = http.StatusNotFound
	}
	if v.InPast() {
		p.Notes = v.graph.Notes
	} else if p.Empty = v.empty(); p.Empty == page.NoProxies && len(v.graph.Nodes) > 0 {
		p.Empty = page.NothingMissing
	}
	return p, &v, status, nil
}

// readAddress reads what to show. An address that says nothing sensible shows what there is to see.
func (v view) readAddress(c *gin.Context, p *page.Topology) {
	p.Focus, p.Filter, p.By = c.Query("focus"), strings.TrimSpace(c.Query("filter")), c.Query("by")
	p.Hops, p.Sort, p.View = 1, "health", c.Query("view")
	if hops, err := strconv.Atoi(c.Query("hops")); err == nil && hops >= 1 && hops <= 3 {
		p.Hops = hops
	}
	if slices.Contains(graph.SortColumns(), strings.TrimPrefix(c.Query("sort"), "-")) {
		p.Sort = c.Query("sort")
	}
	if label := c.Query("label"); slices.Contains([]string{"rate", "errors", "p95"}, label) {
		p.Label = label
	}
	views := []graph.View{graph.ViewProblems, graph.ViewFocus, graph.ViewGroups, graph.ViewTable, graph.ViewWhole}
	if !slices.Contains(views, graph.View(p.View)) {
		p.View = string(graph.ViewProblems)
		if p.Focus != "" {
			p.View = string(graph.ViewFocus)
		}
	}
	hide := c.QueryArray("hide")
	for _, id := range hide {
		p.Hid = append(p.Hid, page.HiddenBox{ID: id, Name: v.name(id), Show: hiding(*p, slices.DeleteFunc(slices.Clone(hide), func(h string) bool { return h == id }))})
	}
	p.Choice = v.boxID(p.Focus)
	if p.View == string(graph.ViewFocus) {
		if p.Choice == "" {
			p.Gone = p.Focus
		}
		if p.Focus == "" {
			p.Choice = v.mostInteresting()
		}
	}
	p.Boxes = v.suggestions()
}

// hiding is the address with another hide list.
func hiding(p page.Topology, hide []string) string {
	address, err := url.Parse(p.To("hide", ""))
	if err != nil {
		return "/topology"
	}
	query := address.Query()
	query["hide"] = hide
	address.RawQuery = query.Encode()
	return address.String()
}

// found is where a search leads that was sent rather than typed: to the picture around the first match. "" stays.
func (v view) found(c *gin.Context, p *page.Topology) string {
	if c.Query("go") == "" || p.Filter == "" {
		return ""
	}
	best, rank := "", 3
	for _, n := range v.graph.Nodes {
		unit := v.group(n.ID)
		name, query := strings.ToLower(v.name(n.ID)), strings.ToLower(p.Filter)
		at := 3
		switch {
		case name == query || strings.ToLower(n.ID) == query:
			at = 0
		case strings.HasPrefix(name, query):
			at = 1
		case strings.Contains(name, query):
			at = 2
		}
		if at < rank {
			best, rank = unit, at
		}
	}
	if best == "" {
		p.Gone = p.Filter
		return ""
	}
	return p.FocusHref(best)
}

// wish is what the address asks of the picture.
func wish(p *page.Topology) graph.Wish {
	return graph.Wish{View: graph.View(p.View), Focus: p.Choice, Hops: p.Hops, By: p.By, Hide: hidden(p)}
}

// caption is the picture in a sentence: what is wrong, and how much of the mesh is there.
func (v view) caption(s graph.Scene) string {
	units, total := v.L.Count(int64(s.Units)), v.L.Count(int64(s.UnitTotal))
	text := ""
	switch {
	case s.View == graph.ViewTable || s.View == graph.ViewGroups:
		return ""
	case s.UnitTotal == 0:
		return v.L.T("graph.nothing")
	case s.Units == 0 && s.Hid > 0:
		return v.L.T("graph.all-hidden")
	case s.Problems > 0 && s.Units == s.UnitTotal:
		text = v.L.N("graph.problems-all", s.Problems, "total", total)
	case s.Problems > 0:
		text = v.L.N("graph.problems-some", s.Problems, "units", units, "total", total)
	case s.Units == s.UnitTotal:
		text = v.L.T("graph.well-all", "total", total)
	default:
		text = v.L.T("graph.well-some", "units", units, "total", total)
	}
	if s.HidProblems > 0 {
		text += " · " + v.L.N("graph.hidden-problems", s.HidProblems)
	}
	return text
}

// suggestions are the names that the search knows, as many as a page can carry.
func (v view) suggestions() []page.Choice {
	list := v.boxes()
	return list[:min(len(list), suggested)]
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
