package web

import (
	"cmp"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// recentForService is how many ledger entries are searched for the newest one that touched a service.
const recentForService = 50

// serviceCauses is how many causes a service's head lists; its versions say the rest.
const serviceCauses = 4

func (w *Web) service(c *gin.Context) error {
	v, err := w.look(c, "services", "services.title")
	if err != nil {
		return err
	}
	tab := strings.TrimPrefix(strings.TrimPrefix(c.FullPath(), "/services/:name"), "/")
	p, err := w.servicePage(c, v, c.Param("name"), tab)
	if err != nil {
		return err
	}
	if tab == "" {
		if p.Plots, p.Spans, err = w.servicePlots(c, v, p); err != nil {
			return err
		}
	}
	if body, ok := w.serviceBodies()[tab]; ok {
		if p.Body, err = body(c, v, p); err != nil {
			return err
		}
	}
	return w.render(c, http.StatusOK, page.ServicePage(p))
}

// serviceBodies are the tabs of a service that show something of their own.
func (w *Web) serviceBodies() map[string]func(*gin.Context, view, page.Service) (templ.Component, error) {
	return map[string]func(*gin.Context, view, page.Service) (templ.Component, error){
		"events":  w.serviceEvents,
		"proxies": w.serviceProxies,
		"config":  w.serviceConfig,
	}
}

// servicePage fills the page of a service; a form with errors is put into it afterwards.
func (w *Web) servicePage(c *gin.Context, v view, name, tab string) (page.Service, error) {
	service, known := v.service(name)
	n, seen := v.nodes[mesh.ServiceID(name)]
	if !known && !seen {
		return page.Service{}, mesh.Errorf(mesh.NotFound, "service %s: mesh %s has no such virtual service", name, v.Mesh)
	}
	p := page.Service{
		Shell: v.Shell, Name: name, Tab: tab, Known: known, Provider: v.providerText(service), Health: cmp.Or(n.Health, mesh.Unknown),
		Causes: first(v.causes(n.Causes, n.Why, name, ""), serviceCauses), Rate: n.RequestRate, Errors: n.ErrorRatio, P95: n.P95,
	}
	p.Title = name
	for _, id := range v.callers(name) {
		p.Callers = append(p.Callers, component.LinkTo{Name: v.name(id), Href: v.boxHref(id)})
	}
	routes := v.routes(service.Router)
	versions := v.versionNames(service, routes)
	for _, r := range routes {
		p.Routes = append(p.Routes, v.routeRow(name, r, versions))
	}
	ds := w.desks(c, v)
	if shown, ok := shownRoute(routes, orElse(c.PostForm("route"), c.Query("route"))); ok {
		p.Route = shown.Name
		p.Splits = []page.Split{ds.split(name, shown, n.RequestRate, versions)}
		for i := range p.Routes {
			p.Routes[i].Open = p.Routes[i].Name == shown.Name
		}
		if tab == "traffic" {
			p.Knobs = ds.knobs(spot{service: name, router: shown.Router, route: shown})
		}
	}
	if tab == "traffic" && service.Router != "" {
		p.Router = ds.knobs(spot{service: name, router: service.Router})
	}
	for i, node := range versions {
		p.Versions = append(p.Versions, w.version(v, name, node, i))
		p.Pools = append(p.Pools, ds.pools(name, node, tab)...)
	}
	if len(routes) == 1 {
		want(p.Versions, v.segments(routes[0], versions))
	}
	if known && tab == "health" {
		p.Limits = append(p.Limits, ds.limits(service, name))
		for _, r := range routes {
			p.Limits = append(p.Limits, ds.limits(r, name))
		}
	}
	newest, err := w.newestChange(c, v, service, routes, versions)
	if err != nil {
		return page.Service{}, err
	}
	p.Change = newest
	return p, nil
}

// shownRoute is the route whose weights can be edited on the page; ok is false when there is no route.
func shownRoute(routes []mesh.Route, chosen string) (mesh.Route, bool) {
	for _, r := range routes {
		if r.Name == chosen {
			return r, true
		}
	}
	if len(routes) > 0 {
		return mainRoute(routes), true
	}
	return mesh.Route{}, false
}

// versionNames lists the virtual nodes behind a service in the order in which they get their colours.
func (v view) versionNames(s mesh.VirtualService, routes []mesh.Route) []string {
	var names []string
	add := func(name string) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	add(s.Node)
	if len(routes) > 0 {
		for _, t := range mainRoute(routes).Targets {
			add(t.Node)
		}
	}
	for _, r := range routes {
		for _, t := range r.Targets {
			add(t.Node)
		}
	}
	return names
}

func (v view) routeRow(service string, r mesh.Route, versions []string) page.RouteRow {
	row := page.RouteRow{
		Name: r.Name, Match: matchText(v.L, r), Priority: r.Priority, Targets: v.segments(r, versions),
		Href: v.Href(v.ServiceHrefPath(service, "/traffic"), "route", r.Name) + "#traffic",
	}
	row.Timeout, row.Retry = v.L.T("timeout.default"), v.L.T("retry.none")
	if r.Timeout != nil && r.Timeout.PerRequest != nil {
		row.Timeout = v.L.Length(time.Duration(*r.Timeout.PerRequest))
	}
	if r.Retry != nil {
		row.Retry = v.retryText(*r.Retry)
	}
	return row
}

func (v view) retryText(r mesh.Retry) string {
	return v.L.T("retry.text", "n", r.MaxRetries, "time", v.L.Length(time.Duration(r.PerRetryTimeout)))
}

// split is the form of a route's weights, with the draft of its reader in it when there is one.
func (d *desks) split(service string, r mesh.Route, rate float64, versions []string) page.Split {
	p := d.v.split(r, rate, versions)
	for i := range p.Targets {
		t := &p.Targets[i]
		seen := d.v.nodes[t.Node]
		t.Live = page.Live{Share: d.v.observedShare(service, t.Node), Errors: seen.ErrorRatio, P95: seen.P95, Health: cmp.Or(seen.Health, mesh.Unknown)}
	}
	p.Held = d.w.heldBy(d.v, r.Ref())
	switch {
	case p.Held.Name != "" && d.c.Query("override") == "":
		p.Override = d.v.Href(d.v.ServiceHrefPath(service, "/traffic"), "route", r.Name, "override", "1")
	case p.Held.Name == "" && d.w.Rollouts != nil && len(r.Targets) > 1 && r.Split == "":
		p.RollOut = targetQuery(d.v.Shell, r.Ref())
	}
	if r.Split != "" {
		p.Leave = d.v.Href(d.v.ServiceHrefPath(service, "/traffic"), "route", r.Name) + "#" + knobID("leave", r.Ref().Name, "")
	}
	at := desk.Place{Mesh: d.v.Mesh, Object: r.Ref(), Form: "weights"}
	around, draft := d.of(at, p.Version, d.v.ServiceHref(service, "/traffic"))
	p.Desk = around
	if draft == nil {
		return p
	}
	p.Version, _ = strconv.ParseInt(draft.Get("version"), 10, 64)
	for i := range p.Targets {
		t := &p.Targets[i]
		if draft.Has("weight." + t.Node) { // a target may have come since
			t.Weight, t.Was = draft.Get("weight."+t.Node), draft.Get("was."+t.Node)
		}
	}
	return p
}

// knobs are the forms of a route, of a router or of a listener.
func (d *desks) knobs(at spot) []page.Knob {
	var list []page.Knob
	for _, e := range editors() {
		ofRouter := e.name == "order" || e.name == "add"
		if e.tab == "pool" != (at.node.Name != "") || e.tab == "traffic" && ofRouter != (at.route.Name == "") {
			continue
		}
		if at.route.Name != "" && !e.fits(at.route, d.c.PostForm("form")) {
			continue
		}
		list = append(list, d.knob(e, at, e.tab))
	}
	return list
}

func (v view) split(r mesh.Route, rate float64, versions []string) page.Split {
	p := page.Split{
		Router: r.Router, Route: r.Name, Match: matchText(v.L, r), Version: v.current.Versions[r.Ref()], Rate: rate,
	}
	if r.Split != "" {
		ref := mesh.Ref{Kind: mesh.KindSplit, Name: r.Split}
		p.Split, p.Sharing, p.Version = r.Split, v.sharing(r.Split), v.current.Versions[ref]
		p.SplitHref = v.ConfigHref(ref)
	}
	for i, s := range v.segments(r, versions) {
		weight := r.Targets[i].Weight
		p.Sum += weight
		p.Targets = append(p.Targets, page.Target{
			Node: s.Name, Label: v.nodes[s.Name].Version, Weight: strconv.Itoa(weight), Was: strconv.Itoa(weight),
			Share: s.Share, Series: s.Series,
		})
	}
	if p.Sum == 0 {
		p.Sum = whole
	}
	return p
}

func (w *Web) version(v view, service, node string, series int) page.Version {
	n := v.nodes[node]
	version := page.Version{
		Node: node, Label: n.Version, Series: series, Health: cmp.Or(n.Health, mesh.Unknown), Why: v.worst(n.Causes, n.Why),
		Share: v.observedShare(service, node), Wanted: -1, Rate: n.RequestRate, Errors: n.ErrorRatio, P95: n.P95, Proxies: n.Proxies,
	}
	_, version.TrendP95 = w.trends.of(v.Mesh, node)
	return version
}

// want adds the configured shares, when one route carries all of the service's traffic.
func want(versions []page.Version, segments []component.Segment) {
	for _, s := range segments {
		for i := range versions {
			if versions[i].Node == s.Name {
				versions[i].Wanted = s.Share
			}
		}
	}
}

// observedShare is a version's part of a service's requests; -1 when there are none.
func (v view) observedShare(service, node string) float64 {
	all, part := 0.0, 0.0
	for _, e := range v.graph.Edges {
		if !slices.Contains(e.Services, service) {
			continue
		}
		all += e.RequestRate
		if e.To == node {
			part += e.RequestRate
		}
	}
	if all <= 0 {
		return -1
	}
	return part / all
}

func (v view) node(name string) (mesh.VirtualNode, bool) {
	for _, n := range v.current.Mesh.Nodes {
		if n.Name == name {
			return n, true
		}
	}
	return mesh.VirtualNode{}, false
}

func (d *desks) pools(service, name, tab string) []page.Pool {
	v := d.v
	node, ok := v.node(name)
	if !ok {
		return nil
	}
	var list []page.Pool
	for i, l := range node.Listeners {
		seen := v.nodes[name].Pool
		pool := page.Pool{
			Node: name, Label: v.nodes[name].Version, Port: l.Port, Protocol: strings.ToUpper(string(l.Protocol)),
			Version: v.current.Versions[node.Ref()], Fields: poolFields(l.ConnectionPool, seen),
		}
		if seen != nil {
			pool.Instances, pool.Overflow = seen.Instances, seen.OverflowRate
		}
		at := desk.Place{Mesh: v.Mesh, Object: node.Ref(), Form: "pool:" + strconv.Itoa(l.Port)}
		around, draft := d.of(at, pool.Version, v.ServiceHref(service, "/pool"))
		pool.Desk = around
		if draft != nil {
			pool.Version, _ = strconv.ParseInt(draft.Get("version"), 10, 64)
			for k := range pool.Fields {
				f := &pool.Fields[k]
				f.Value, f.Was = draft.Get(f.Name), draft.Get("was."+f.Name)
			}
		}
		if tab == "pool" {
			pool.Knobs = d.knobs(spot{service: service, node: node, listener: i})
			pool.Advice = d.advice(node, l)
		}
		list = append(list, pool)
	}
	return list
}

func poolFields(limits *mesh.ConnectionPool, seen *graph.Pool) []page.PoolField {
	if limits == nil {
		limits = &mesh.ConnectionPool{}
	}
	fields := make([]page.PoolField, 0, 4)
	for _, l := range poolLimits() {
		f := page.PoolField{Name: l.name}
		if n := *l.of(limits); n != nil {
			f.Value = strconv.Itoa(*n)
		}
		f.Was = f.Value
		if seen != nil && l.use != nil {
			f.Known = true
			f.Use, f.Limit = l.use(*seen)
		}
		fields = append(fields, f)
	}
	return fields
}

// serviceCard is a change as it concerns one service. What took in more than one object is taken back on its own page,
// where one sees what else would go.
func (v view) serviceCard(c change.Change, versions []string) *page.ChangeCard {
	card := v.changeCard(c)
	card.CanUndo = card.CanUndo && len(c.Objects) == 1
	card.Truths.Shares = slices.DeleteFunc(card.Truths.Shares, func(s component.MeasuredShare) bool { return !slices.Contains(versions, s.Name) })
	return &card
}

func first[T any](list []T, n int) []T { return list[:min(len(list), n)] }

// newestChange is the newest ledger entry that touched the service, its router, routes or versions; nil when there is
// none among the recent ones.
func (w *Web) newestChange(c *gin.Context, v view, s mesh.VirtualService, routes []mesh.Route, versions []string) (*page.ChangeCard, error) {
	refs := []mesh.Ref{s.Ref(), {Kind: mesh.KindRouter, Name: s.Router}}
	for _, r := range routes {
		refs = append(refs, r.Ref())
	}
	for _, name := range versions {
		refs = append(refs, mesh.Ref{Kind: mesh.KindNode, Name: name})
	}
	changes, err := w.Changes.Changes(c.Request.Context(), change.Query{Mesh: v.Mesh, Limit: recentForService})
	if err != nil {
		return nil, err
	}
	for _, each := range changes {
		if slices.ContainsFunc(each.Objects, func(ref mesh.Ref) bool { return slices.Contains(refs, ref) }) {
			card := v.serviceCard(each, versions)
			card.Linked = s.Name
			return card, nil
		}
	}
	return nil, nil
}
