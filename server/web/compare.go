package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// compareRows is how many rows of each kind are shown.
const compareRows = 50

func (w *Web) compare(c *gin.Context) error {
	v, err := w.look(c, "topology", "compare.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	if w.Timeline == nil {
		return mesh.Errorf(mesh.Unavailable, "this Weir keeps no history, so that there is nothing to compare")
	}
	from, err := parseMoment("from", c.Query("from"), v.Now)
	if err != nil {
		return err
	}
	to, err := parseMoment("to", c.Query("to"), v.Now)
	if err != nil {
		return err
	}
	window, err := parseWindow(c.Query("window"))
	if err != nil {
		return err
	}
	p := v.comparePage(from, to, window)
	if !p.Asked {
		return w.render(c, http.StatusOK, page.ComparePage(p))
	}
	status := http.StatusOK
	result, err := w.Timeline.Compare(c.Request.Context(), v.Mesh, from, cmp.Or(to, v.Now), window)
	if err != nil {
		status, p.Problem = statusOf(err), err.Error()
	} else {
		v.fillComparison(&p, result, from, to)
	}
	return w.render(c, status, page.ComparePage(p))
}

// comparePage is the page before there is a result. A zero from was not given; a zero to is the present.
func (v view) comparePage(from, to time.Time, window time.Duration) page.Compare {
	p := page.Compare{Shell: v.Shell, Window: window.String(), Latest: fieldText(v.Now), Asked: !from.IsZero(), ToText: v.L.T("compare.now")}
	if p.Asked {
		p.From, p.FromText, p.FromHref = fieldText(from), v.When(from), v.PastHref(from)
	}
	if !to.IsZero() {
		p.To, p.ToText, p.ToHref = fieldText(to), v.When(to), v.PastHref(to)
	}
	return p
}

func (v view) fillComparison(p *page.Compare, result timeline.Comparison, from, to time.Time) {
	rows := make(map[graph.Presence][]page.DeltaRow)
	told := make(map[string]bool)
	at := func(presence graph.Presence) func(string) string {
		moment := to
		if presence == graph.Vanished {
			moment = from
		}
		return func(id string) string { return v.boxAt(id, moment) }
	}
	for _, e := range result.Edges {
		href := at(e.Presence)
		told[e.From], told[e.To] = true, true
		rows[e.Presence] = append(rows[e.Presence], page.DeltaRow{
			From: component.LinkTo{Name: v.name(e.From), Href: href(e.From)}, To: component.LinkTo{Name: v.name(e.To), Href: href(e.To)},
			Before: v.side(e.Before, e.Presence != graph.Appeared), After: v.side(e.After, e.Presence != graph.Vanished), Worse: worse(e.Before, e.After, e.Presence),
		})
	}
	for _, n := range result.Nodes {
		// An edge says more than the box that it leads to.
		if told[n.ID] || n.Kind == graph.KindService {
			continue
		}
		rows[n.Presence] = append(rows[n.Presence], page.DeltaRow{
			To:     component.LinkTo{Name: v.name(n.ID), Href: at(n.Presence)(n.ID)},
			Before: v.side(n.Before, n.Presence != graph.Appeared), After: v.side(n.After, n.Presence != graph.Vanished), Worse: worse(n.Before, n.After, n.Presence),
		})
	}
	total := 0
	for _, presence := range []graph.Presence{graph.Both, graph.Appeared, graph.Vanished} {
		if list := rows[presence]; len(list) > 0 {
			total += len(list)
			p.Groups = append(p.Groups, page.DeltaGroup{Key: string(presence), N: len(list), Rows: first(list, compareRows)})
		}
	}
	p.Verdict, p.Notes = v.compareVerdict(rows, total), result.Notes
	for _, each := range slices.Backward(result.Changes) {
		p.Changes = append(p.Changes, v.changeLine(each))
	}
}

// boxAt leads to a box in the topology of a moment; a zero one is the present.
func (v view) boxAt(id string, at time.Time) string {
	if at.IsZero() {
		return v.FocusHref(id)
	}
	return v.Href("/topology", "view", "focus", "focus", id, "at", page.ISO(at))
}

func (v view) side(r graph.Reading, shown bool) page.DeltaSide {
	s := page.DeltaSide{Shown: shown, Health: cmp.Or(r.Health, mesh.Unknown), Rate: r.RequestRate, Errors: r.ErrorRatio, P95: r.P95}
	if ill(r.Health) {
		s.Why = v.worst(r.Causes, r.Why)
	}
	return s
}

// worse says whether a verdict got worse. What came or went got neither.
func worse(before, after graph.Reading, presence graph.Presence) int {
	if presence != graph.Both {
		return 0
	}
	bad := func(r graph.Reading) int {
		switch r.Health {
		case mesh.Unhealthy:
			return 2
		case mesh.Degraded:
			return 1
		default:
			return 0
		}
	}
	return cmp.Compare(bad(after), bad(before))
}

// compareVerdict is the difference in a sentence.
func (v view) compareVerdict(rows map[graph.Presence][]page.DeltaRow, total int) string {
	if total == 0 {
		return v.L.T("compare.same")
	}
	worse, better := 0, 0
	for _, r := range rows[graph.Both] {
		switch {
		case r.Worse > 0:
			worse++
		case r.Worse < 0:
			better++
		}
	}
	var parts []string
	add := func(key string, n int) {
		if n > 0 {
			parts = append(parts, v.L.N("compare.part."+key, n))
		}
	}
	add("worse", worse)
	add("better", better)
	add("new", len(rows[graph.Appeared]))
	add("vanished", len(rows[graph.Vanished]))
	add("other", len(rows[graph.Both])-worse-better)
	return strings.Join(parts, v.L.T("compare.comma"))
}
