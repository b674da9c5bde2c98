package web

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// How much of each list the overview shows.
const (
	overviewProblems = 6
	overviewChanges  = 6
	overviewEntries  = 8
	overviewNeeds    = 6
)

func (w *Web) overview(c *gin.Context) error {
	v, err := w.look(c, "overview", "nav.overview")
	if err != nil {
		return err
	}
	o := page.Overview{Shell: v.Shell, Empty: v.empty(), Sources: v.sources()}
	if v.Mesh != "" {
		if err := w.fillOverview(c, v, &o); err != nil {
			return err
		}
		changes, err := w.Changes.Changes(c.Request.Context(), change.Query{Mesh: v.Mesh, Limit: overviewChanges})
		if err != nil {
			return err
		}
		for _, each := range changes {
			o.Changes = append(o.Changes, v.changeLine(each))
		}
		o.Rollouts = w.activeRollouts(c, v)
	}
	return w.render(c, http.StatusOK, page.OverviewPage(o))
}

// fillOverview puts what is wrong, what comes in and what should be looked at on the page, the worst of each.
func (w *Web) fillOverview(c *gin.Context, v view, o *page.Overview) error {
	r, err := readReach(c, v.Now)
	if err != nil {
		return err
	}
	o.Problems = w.since(v, v.problems())
	o.Pictured = v.Href("/topology", "view", "problems")
	if extra := len(o.Problems) - overviewProblems; extra > 0 {
		o.More, o.Problems = extra, o.Problems[:overviewProblems]
	}
	o.Counts = v.counts()
	o.Verdict = verdict(o.Counts)
	o.Entries = w.entries(v)
	if extra := len(o.Entries) - overviewEntries; extra > 0 {
		o.MoreEntries, o.Entries = extra, o.Entries[:overviewEntries]
	}
	o.Needs = v.needs()
	if extra := len(o.Needs) - overviewNeeds; extra > 0 {
		o.MoreNeeds, o.Needs = extra, o.Needs[:overviewNeeds]
	}
	o.Ages = w.ages(v)
	o.Errors, o.Load = w.meshPlots(c, v, r)
	o.Spans = v.spanLinks(r)
	for _, p := range o.Problems {
		if p.Health == mesh.Unhealthy && p.From != "" {
			o.FailingCalls++
		}
	}
	if o.FailingCalls > 0 {
		o.Verdict = mesh.Unhealthy
	}
	return w.began(c, v, o)
}

// suspectWithin is how long before a problem a change may have been made and still be named beside it.
const suspectWithin = 10 * time.Minute

// began says since when there are problems, and what had been changed shortly before.
func (w *Web) began(c *gin.Context, v view, o *page.Overview) error {
	var first time.Time
	for _, p := range o.Problems {
		at, atLeast := w.ills.of(v.Mesh, p.Key)
		if !at.IsZero() && !atLeast && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	if first.IsZero() {
		return nil
	}
	o.Began = v.L.T("verdict.began", "moment", v.When(first), "age", v.L.Age(v.Now.Sub(first).Truncate(time.Second)))
	changes, err := w.Changes.Changes(c.Request.Context(), change.Query{Mesh: v.Mesh, After: first.Add(-suspectWithin), Until: first, Limit: 1, NoEdits: true})
	if err != nil {
		return err
	}
	for _, each := range changes {
		if each.At.Before(first) && first.Sub(each.At) <= suspectWithin {
			o.Before = v.L.T("verdict.before", "age", v.L.Age(first.Sub(each.At).Truncate(time.Second)))
			o.Suspect = component.LinkTo{Name: summaryText(v.L, each.Summary), Href: v.ChangeHref(each.ID)}
		}
	}
	return nil
}

// since says of problems since when they are there, and how much of the mesh they touch.
func (w *Web) since(v view, list []page.Problem) []page.Problem {
	all := 0.0
	for _, e := range v.graph.Edges {
		all += finite(e.RequestRate)
	}
	for i := range list {
		p := &list[i]
		p.Failing = finite(p.Rate * p.Errors)
		if all > 0 {
			p.Part = finite(p.Rate) / all
		}
		p.Picture = v.Href("/topology", "view", "problems", "select", p.Key)
		began, atLeast := w.ills.of(v.Mesh, p.Key)
		if began.IsZero() {
			continue
		}
		p.SinceISO, p.Since = page.ISO(began), v.L.T("problem.since", "moment", v.When(began), "age", v.L.Age(v.Now.Sub(began).Truncate(time.Second)))
		if atLeast {
			p.Since = v.L.T("problem.atleast", "age", v.L.Age(v.Now.Sub(began).Truncate(time.Second)))
		}
	}
	return list
}

// welcome is what every list shows before there is a mesh.
func (w *Web) welcome(c *gin.Context, v view) error {
	return w.render(c, http.StatusOK, page.OverviewPage(page.Overview{Shell: v.Shell, Empty: page.NoMesh}))
}

// severity orders verdicts, worst first.
func severity(h mesh.Health) int {
	return slices.Index([]mesh.Health{mesh.Unhealthy, mesh.Degraded, mesh.Healthy, mesh.Idle, mesh.Unknown}, h)
}

// services are the boxes that are judged as a whole: the virtual services.
func (v view) services() []graph.Node {
	var list []graph.Node
	for _, n := range v.graph.Nodes {
		if n.Kind == graph.KindService {
			list = append(list, n)
		}
	}
	return list
}

func (v view) counts() page.HealthCounts {
	var counts page.HealthCounts
	for _, name := range v.serviceNames() {
		switch v.nodes[mesh.ServiceID(name)].Health {
		case mesh.Healthy:
			counts.Healthy++
		case mesh.Degraded:
			counts.Degraded++
		case mesh.Unhealthy:
			counts.Unhealthy++
		case mesh.Idle:
			counts.Idle++
		default:
			counts.Unknown++
		}
	}
	return counts
}

func verdict(c page.HealthCounts) mesh.Health {
	switch {
	case c.Unhealthy > 0:
		return mesh.Unhealthy
	case c.Degraded > 0:
		return mesh.Degraded
	case c.Healthy > 0:
		return mesh.Healthy
	case c.Idle > 0:
		return mesh.Idle
	}
	return mesh.Unknown
}

func ill(h mesh.Health) bool { return h == mesh.Unhealthy || h == mesh.Degraded }

// problems lists what is not well, worst first: edges, which say who suffers, and those boxes that no edge explains.
func (v view) problems() []page.Problem {
	var list []page.Problem
	explained := make(map[string]bool)
	for _, e := range v.graph.Edges {
		if !ill(e.Health) {
			continue
		}
		explained[e.To] = true
		service := v.serviceOf(e.To)
		if service == "" && len(e.Services) > 0 {
			service = e.Services[0]
		}
		list = append(list, page.Problem{
			Key: edgeKey(e.From, e.To), Health: e.Health, From: v.name(e.From), What: component.LinkTo{Name: v.name(e.To), Href: v.boxHref(e.To)},
			Causes: v.causes(e.Causes, e.Why, service, e.To), Rate: e.RequestRate, Errors: e.ErrorRatio, P95: e.P95,
			Symptom: symptom(e.Causes),
		})
	}
	for _, n := range v.graph.Nodes {
		// A service repeats its versions' verdict; one that no version of it explains speaks for itself.
		if !ill(n.Health) || explained[n.ID] || n.Kind == graph.KindService && v.versionExplains(n.Name, explained) {
			continue
		}
		list = append(list, page.Problem{
			Key: n.ID, Health: n.Health, What: component.LinkTo{Name: v.name(n.ID), Href: v.boxHref(n.ID)},
			Causes: v.causes(n.Causes, n.Why, v.serviceOf(n.ID), n.ID), Rate: n.RequestRate, Errors: n.ErrorRatio, P95: n.P95,
			Symptom: symptom(n.Causes),
		})
	}
	slices.SortStableFunc(list, func(a, b page.Problem) int {
		return cmp.Or(
			cmp.Compare(severity(a.Health), severity(b.Health)), cmp.Compare(a.Symptom, b.Symptom),
			cmp.Compare(b.Rate*b.Errors, a.Rate*a.Errors), cmp.Compare(b.Rate, a.Rate),
		)
	})
	return list
}

// symptom says how far a problem is from its root: 0 when a cause names what is broken, 1 when it names what gives up
// waiting, 2 when there are only failures and slowness, which callers inherit from those they call.
func symptom(causes []graph.Cause) int {
	least := 2
	for _, cause := range causes {
		switch cause.Code {
		case health.Errors, health.Latency, health.NoData, health.Stale:
		case health.Timeouts, health.RetriesExhausted:
			least = min(least, 1)
		default:
			return 0
		}
	}
	return least
}

func (v view) versionExplains(service string, explained map[string]bool) bool {
	for _, n := range v.graph.Nodes {
		if n.Kind == graph.KindNode && n.Service == service && (explained[n.ID] || ill(n.Health)) {
			return true
		}
	}
	return false
}

// boxHref leads to the page that says most about a box.
func (v view) boxHref(id string) string {
	if service := v.serviceOf(id); service != "" {
		return v.ServiceHref(service, "")
	}
	return v.FocusHref(id)
}

// entries are the places where calls come in: gateways, and callers outside the mesh when they are seen.
func (w *Web) entries(v view) []page.Entry {
	var list []page.Entry
	for _, n := range v.graph.Nodes {
		if n.Kind != graph.KindGateway && n.Kind != graph.KindUnknown {
			continue
		}
		e := page.Entry{Name: v.name(n.ID), Href: v.FocusHref(n.ID), Health: n.Health, Rate: n.RequestRate, Errors: n.ErrorRatio, P95: n.P95}
		if n.RequestRate == 0 {
			// Nobody measures in front of what is outside; what it sends is seen by those it calls.
			e.Rate, e.Errors, e.P95 = v.sent(n.ID)
		}
		e.Trend, _ = w.trends.of(v.Mesh, n.ID)
		list = append(list, e)
	}
	slices.SortStableFunc(list, func(a, b page.Entry) int {
		return cmp.Or(cmp.Compare(severity(a.Health), severity(b.Health)), cmp.Compare(b.Rate, a.Rate))
	})
	return list
}

// sent sums what a box sends: its rate, the error ratio of all of it, and the slowest 95th percentile.
func (v view) sent(id string) (rate, errors, p95 float64) {
	for _, e := range v.graph.Edges {
		if e.From == id {
			rate += e.RequestRate
			errors += e.RequestRate * e.ErrorRatio
			p95 = max(p95, e.P95)
		}
	}
	if rate > 0 {
		errors /= rate
	}
	return rate, errors, p95
}
