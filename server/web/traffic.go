package web

import (
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/desk"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

func (w *Web) reviewTraffic(c *gin.Context) error {
	return w.withForm(c, "traffic", func(v view, d draft) error { return w.review(c, v, d) })
}

func (w *Web) applyTraffic(c *gin.Context) error {
	return w.withForm(c, "traffic", func(v view, d draft) error { return w.apply(c, v, d) })
}

// withForm hands on the draft of whichever form of a tab was sent.
func (w *Web) withForm(c *gin.Context, tab string, do func(view, draft) error) error {
	name, _, _ := strings.Cut(c.PostForm("form"), ":")
	if e, ok := editorOf(tab, name); ok {
		return w.withEditor(c, e, do)
	}
	if tab == "pool" {
		return w.withPool(c, do)
	}
	return w.withTraffic(c, do)
}

// withTraffic reads the form of a route's weights and hands on the draft, or shows the form again with what is wrong.
func (w *Web) withTraffic(c *gin.Context, do func(view, draft) error) error {
	v, err := w.look(c, "services", "services.title")
	if err != nil {
		return err
	}
	service, _ := v.service(c.Param("name"))
	ref := mesh.Ref{Kind: mesh.KindRoute, Name: c.PostForm("router") + "/" + c.PostForm("route")}
	if service.Router == "" || service.Router != c.PostForm("router") {
		return mesh.Errorf(mesh.NotFound, "service %s: it is not provided by virtual router %s any more", c.Param("name"), c.PostForm("router"))
	}
	stored, err := w.Meshes.Object(v.Mesh, ref)
	if err != nil {
		return err
	}
	route, ok := stored.Object.(mesh.Route)
	if !ok {
		return mesh.Errorf(mesh.Internal, "%s holds a %T", ref, stored.Object)
	}
	form := trafficForm{service: service.Name, route: route, weights: readWeights(route, c.PostForm)}
	if route.Split != "" {
		if form.split, ok = v.current.Mesh.Split(route.Split); !ok {
			return mesh.Errorf(mesh.Conflict, "%s follows split %s, which is not there any more: load the page again", ref, route.Split)
		}
	}
	if asked := c.PostForm("split"); asked != "" && asked != route.Split { // what it moves is not what it moved
		return mesh.Errorf(mesh.Conflict, "%s joined or left a split since this page was opened: load it again, since other routes move with it now, or no more", ref)
	}
	if form.read, err = version(c); err != nil {
		return err
	}
	again := func(refusal error) error { return w.trafficAgain(c, v, form, refusal) }
	if pressed := c.PostForm("preset"); pressed != "" {
		if !form.preset(pressed) {
			return again(mesh.Errorf(mesh.Invalid, "the preset %.40q is not TARGET:PERCENT", pressed))
		}
	} else if form.ok() && c.PostForm("exact") == "" {
		form.settle()
	}
	if !form.ok() {
		return again(nil)
	}
	if slices.Max(form.now) == 0 {
		return again(mesh.Errorf(mesh.Invalid, "%s", v.L.T("split.error.zero")))
	}
	return do(v, w.trafficDraft(v, form, again))
}

// trafficForm is one route's weights as somebody filled them in.
type trafficForm struct {
	service string
	route   mesh.Route // as it is in force
	split   mesh.Split // whose targets the route takes; the zero Split: it has its own
	read    int64      // the version of the split, or else of the route
	weights
}

func (w *Web) trafficDraft(v view, form trafficForm, again func(error) error) draft {
	route, after := form.route, form.route
	after.Targets = slices.Clone(route.Targets)
	d := draft{
		ref: route.Ref(), version: form.read, path: v.ServiceHrefPath(form.service, "/traffic"), again: again, route: route.Name,
		place:  desk.Place{Mesh: v.Mesh, Object: route.Ref(), Form: "weights"},
		fields: []page.Field{{Name: "router", Value: route.Router}, {Name: "route", Value: route.Name}, {Name: "exact", Value: "1"}},
	}
	if form.split.Name != "" {
		d.ref = form.split.Ref()
		d.fields = append(d.fields, page.Field{Name: "split", Value: form.split.Name})
	}
	for i, t := range route.Targets {
		after.Targets[i].Weight = form.now[i]
		d.fields = append(d.fields,
			page.Field{Name: "weight." + t.Node, Value: strconv.Itoa(form.now[i])},
			page.Field{Name: "was." + t.Node, Value: strconv.Itoa(form.was[i])})
		d.rows = append(d.rows, page.ConflictRow{
			Name: t.Node, Read: strconv.Itoa(form.was[i]), Now: strconv.Itoa(t.Weight), Draft: strconv.Itoa(form.now[i]),
		})
	}
	d.after = after
	if form.split.Name != "" { // all routes that share it move
		shared := form.split
		shared.Targets = after.Targets
		d.after = shared
	}
	d.describe = func(r *page.Review) { w.describeTraffic(v, form, after, r) }
	return d
}

// describeTraffic says in words and numbers what new weights do.
func (w *Web) describeTraffic(v view, form trafficForm, after mesh.Route, r *page.Review) {
	service, before := form.service, form.route
	rate := v.routeRate(service, before)
	order := v.versionNames(mesh.VirtualService{}, []mesh.Route{before})
	r.Before, r.After = v.segments(before, order), v.segments(after, order)
	lead, most := -1, 0.0
	for i := range r.After {
		was, now := r.Before[i].Share, r.After[i].Share
		if now-was > most {
			lead, most = i, now-was
		}
		r.Loads = append(r.Loads, v.load(r.After[i].Name, (now-was)*rate))
	}
	r.Form.Apply = v.L.T("split.apply.none")
	if lead >= 0 {
		to := r.After[lead]
		gains := most * rate
		if more, ok := r.Forecast.More(before.Ref().Name, to.Name); ok {
			gains = more
		}
		r.Sentences = append(r.Sentences, v.L.T("split.sentence", "service", service, "node", to.Name,
			"before", r.Before[lead].Label, "after", to.Label, "rate", v.L.Number(gains)))
		r.Form.Apply = v.L.T("split.apply", "share", to.Label, "node", to.Name)
	}
	for i, s := range r.After {
		if i != lead && math.Abs(s.Share-r.Before[i].Share) > 1e-9 {
			r.Sentences = append(r.Sentences, v.L.T("split.sentence.other", "node", s.Name, "before", r.Before[i].Label, "after", s.Label))
		}
	}
	r.Proxies = v.touched(v.callersOf(before.Router))
	if form.split.Name == "" {
		r.Twins = w.weightTwins(v, after, r.Form.ConfirmWithin)
		return
	}
	r.Sentences = append(r.Sentences, v.L.N("split.moves", len(v.sharing(form.split.Name)), "split", form.split.Name,
		"routes", strings.Join(v.sharing(form.split.Name), ", ")))
	r.Proxies = v.touched(v.callersOfSplit(form.split.Name))
	shared := form.split
	shared.Targets = after.Targets
	r.Twins = w.splitTwins(v, shared, r.Form.ConfirmWithin)
}

// load is what a target receives now and after it receives more; what its pool holds is taken to grow with it.
func (v view) load(node string, more float64) page.Load {
	n := v.nodes[node]
	l := page.Load{Node: node, Before: n.RequestRate, After: max(n.RequestRate+more, 0), Instances: n.Proxies}
	if n.Pool == nil {
		return l
	}
	l.Instances = max(n.Pool.Instances, n.Proxies)
	l.Overflowing = n.Pool.OverflowRate > 0
	factor := 1.0
	if l.Before > 0 {
		factor = l.After / l.Before
	}
	for _, limit := range poolLimits() {
		if limit.use == nil {
			continue
		}
		if use, most := limit.use(*n.Pool); most > 0 {
			l.Pools = append(l.Pools, page.LoadPool{Name: limit.name, Use: use, Then: math.Round(use * factor), Most: most})
		}
	}
	return l
}

// routeRate is what flows through a route. The picture knows services, not routes, so a route that shares its targets
// with no other is measured by them.
func (v view) routeRate(service string, r mesh.Route) float64 {
	rate := 0.0
	for _, e := range v.graph.Edges {
		if slices.Contains(e.Services, service) && slices.ContainsFunc(r.Targets, func(t mesh.WeightedTarget) bool { return t.Node == e.To }) {
			rate += e.RequestRate
		}
	}
	return rate
}

// callersOf are the graph ids whose proxies hold a router's routes: nodes with a service of it among their backends,
// and gateways with a route to one.
func (v view) callersOf(router string) map[string]bool {
	services := make(map[string]bool)
	for _, s := range v.current.Mesh.Services {
		if s.Router == router {
			services[s.Name] = true
		}
	}
	ids := make(map[string]bool)
	for _, n := range v.current.Mesh.Nodes {
		for _, b := range n.Backends {
			if services[b.Service] {
				ids[n.Name] = true
			}
		}
	}
	for _, g := range v.current.Mesh.GatewayRoutes {
		if services[g.Target.Service] {
			ids[mesh.GatewayID(g.Gateway)] = true
		}
	}
	return ids
}

// trafficAgain shows the service's page with the form as it was filled in and what is wrong with it.
func (w *Web) trafficAgain(c *gin.Context, v view, form trafficForm, refusal error) error {
	p, err := w.servicePage(c, v, form.service, "traffic")
	if err != nil {
		return err
	}
	i := slices.IndexFunc(p.Splits, func(s page.Split) bool { return s.Route == form.route.Name })
	if i < 0 {
		return mesh.Errorf(mesh.Conflict, "route %s is not shown on this page any more: load it again", form.route.Ref().Name)
	}
	split := &p.Splits[i]
	again(c, &split.Desk)
	split.Version = form.read
	broken, rest := v.byField(refusal, form.route.Ref())
	for i := range split.Targets {
		split.Targets[i].Weight = form.typed[i]
		split.Targets[i].Was = strconv.Itoa(form.was[i])
		if form.wrong[i] != "" {
			split.Targets[i].Error = p.L.T(form.wrong[i], "value", shorten(form.typed[i]), "most", maxWeight)
		}
		for _, field := range []string{"weight", "node", "port"} {
			field = "target." + strconv.Itoa(i) + "." + field
			if x, ok := broken[field]; ok {
				split.Targets[i].Error = v.said(x)
				delete(broken, field)
			}
		}
	}
	rest = append(rest, v.left(broken)...)
	split.Error, split.Together = v.above(rest), len(rest) > 0
	return w.render(c, http.StatusUnprocessableEntity, page.ServicePage(p))
}

// shorten keeps what somebody typed from filling the page.
func shorten(s string) string {
	const most = 40
	if r := []rune(s); len(r) > most {
		return strings.TrimSpace(string(r[:most])) + "…"
	}
	return s
}

// limit is one limit of a connection pool: its name in the API, where it stands, and its use and limit as seen.
type limit struct {
	name string
	flag string
	of   func(*mesh.ConnectionPool) **int
	use  func(graph.Pool) (use, most float64) // nil when nobody measures it
}

func poolLimits() []limit {
	return []limit{
		{
			"maxConnections", "--max-connections",
			func(p *mesh.ConnectionPool) **int { return &p.MaxConnections },
			func(p graph.Pool) (float64, float64) { return p.Connections, p.MaxConnections },
		},
		{
			"maxPendingRequests", "--max-pending",
			func(p *mesh.ConnectionPool) **int { return &p.MaxPendingRequests },
			func(p graph.Pool) (float64, float64) { return p.Pending, p.MaxPendingRequests },
		},
		{
			"maxRequests", "--max-requests",
			func(p *mesh.ConnectionPool) **int { return &p.MaxRequests },
			func(p graph.Pool) (float64, float64) { return p.Active, p.MaxRequests },
		},
		{"maxRetries", "--max-retries", func(p *mesh.ConnectionPool) **int { return &p.MaxRetries }, nil},
	}
}
