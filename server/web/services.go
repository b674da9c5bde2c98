package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

func (w *Web) services(c *gin.Context) error {
	v, err := w.look(c, "services", "services.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	p := page.Services{Shell: v.Shell, List: readListing(c, "health", "service", "rate", "errors", "p95", "callers")}
	names := v.serviceNames()
	p.List.Total = len(names)
	names = slices.DeleteFunc(names, func(name string) bool { return !contains(name, p.List.Query) })
	callers := v.callerCounts()
	for _, name := range cut(&p.List, names, v.serviceOrder(p.List.Sort, callers)) {
		p.Rows = append(p.Rows, w.serviceRow(v, name, callers[name]))
	}
	if p.List.Query == "" && p.List.Page == p.List.Pages {
		p.Others = v.workloads()
	}
	return w.render(c, http.StatusOK, page.ServicesPage(p))
}

// serviceOrder compares services by a column of their list; those that are level go by health, rate and name.
func (v view) serviceOrder(by string, callers map[string]int) func(a, b string) int {
	key := strings.TrimPrefix(by, "-")
	return func(a, b string) int {
		m, n := v.nodes[mesh.ServiceID(a)], v.nodes[mesh.ServiceID(b)]
		order := 0
		switch key {
		case "service":
			return strings.Compare(a, b)
		case "rate":
			order = downwards(m.RequestRate, n.RequestRate)
		case "errors":
			order = downwards(m.ErrorRatio, n.ErrorRatio)
		case "p95":
			order = downwards(m.P95, n.P95)
		case "callers":
			order = downwards(callers[a], callers[b])
		}
		return cmp.Or(
			order, cmp.Compare(severity(cmp.Or(m.Health, mesh.Unknown)), severity(cmp.Or(n.Health, mesh.Unknown))),
			downwards(m.RequestRate, n.RequestRate), strings.Compare(a, b),
		)
	}
}

// callerCounts counts those that call each service. Edges come caller by caller, so each is told apart by the one before.
func (v view) callerCounts() map[string]int {
	counts, last := make(map[string]int), make(map[string]string)
	for i := range v.graph.Edges {
		e := &v.graph.Edges[i]
		if !e.Used {
			continue
		}
		for _, service := range e.Services {
			if last[service] != e.From {
				last[service] = e.From
				counts[service]++
			}
		}
	}
	return counts
}

func contains(name, query string) bool {
	return strings.Contains(strings.ToLower(name), strings.ToLower(query))
}

// serviceNames lists the configured services and those that are only called, sorted.
func (v view) serviceNames() []string {
	seen := make(map[string]bool)
	for _, s := range v.current.Mesh.Services {
		seen[s.Name] = true
	}
	for _, n := range v.services() {
		seen[n.Name] = true
	}
	names := make([]string, 0, len(seen))
	for name := range seen {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (w *Web) serviceRow(v view, name string, callers int) page.ServiceRow {
	n := v.nodes[mesh.ServiceID(name)]
	row := page.ServiceRow{
		Name: name, Health: cmp.Or(n.Health, mesh.Unknown), Why: v.worst(n.Causes, n.Why),
		Rate: n.RequestRate, Errors: n.ErrorRatio, P95: n.P95, Callers: callers,
	}
	row.Trend, _ = w.trends.of(v.Mesh, n.ID)
	service, _ := v.service(name)
	row.Provider = v.providerText(service)
	if routes := v.routes(service.Router); len(routes) > 0 {
		row.Split = v.segments(mainRoute(routes), nil)
	}
	return row
}

// service finds a configured service.
func (v view) service(name string) (mesh.VirtualService, bool) {
	for _, s := range v.current.Mesh.Services {
		if s.Name == name {
			return s, true
		}
	}
	return mesh.VirtualService{}, false
}

func (v view) providerText(s mesh.VirtualService) string {
	switch {
	case s.Router != "":
		return v.L.T("provider.router", "router", s.Router)
	case s.Node != "":
		return v.L.T("provider.node", "node", s.Node)
	case s.Name != "":
		return v.L.T("provider.none")
	}
	return v.L.T("provider.undeclared")
}

func (v view) routes(router string) []mesh.Route {
	var list []mesh.Route
	for _, r := range v.current.Mesh.Routes {
		if router != "" && r.Router == router {
			list = append(list, r)
		}
	}
	return list
}

// mainRoute is the route that is shown when none is chosen: the first that splits traffic, or else the first.
func mainRoute(routes []mesh.Route) mesh.Route {
	for _, r := range routes {
		if len(r.Targets) > 1 {
			return r
		}
	}
	return routes[0]
}

// segments are a route's targets as a bar. order gives each node its colour; nil: as the route lists them.
func (v view) segments(r mesh.Route, order []string) []component.Segment {
	sum := 0
	for _, t := range r.Targets {
		sum += t.Weight
	}
	segments := make([]component.Segment, len(r.Targets))
	for i, t := range r.Targets {
		share := float64(t.Weight) / float64(max(sum, 1))
		series := i
		if at := slices.Index(order, t.Node); at >= 0 {
			series = at
		}
		segments[i] = component.Segment{Name: t.Node, Share: share, Label: v.L.Share(share), Series: series}
	}
	return segments
}

// callers are the graph ids of those that call a service, most requests first.
func (v view) callers(service string) []string {
	rates := make(map[string]float64)
	for _, e := range v.graph.Edges {
		if e.Used && slices.Contains(e.Services, service) {
			rates[e.From] += e.RequestRate
		}
	}
	ids := make([]string, 0, len(rates))
	for id := range rates {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int { return cmp.Or(cmp.Compare(rates[b], rates[a]), strings.Compare(a, b)) })
	return ids
}

// workloads are the boxes that no service leads to.
func (v view) workloads() []page.WorkloadRow {
	var rows []page.WorkloadRow
	for _, n := range v.graph.Nodes {
		if n.Kind == graph.KindService || n.Kind == graph.KindUnknown || n.Service != "" {
			continue
		}
		rate, errors, p95 := n.RequestRate, n.ErrorRatio, n.P95
		if rate == 0 {
			rate, errors, p95 = v.sent(n.ID)
		}
		rows = append(rows, page.WorkloadRow{
			Name: v.name(n.ID), Kind: string(n.Kind), Href: v.FocusHref(n.ID), Health: n.Health, Rate: rate, Errors: errors, P95: p95,
		})
	}
	return rows
}
