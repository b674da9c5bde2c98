package web

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/timeline"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// How many ledger entries are searched for those of a service, and how many events its tab shows.
const (
	eventEntries = 300
	eventsShown  = 120
)

// serviceEvents is what happened around a service: what was changed, what its proxies refused, and when calls of it
// became ill or well.
func (w *Web) serviceEvents(c *gin.Context, v view, p page.Service) (templ.Component, error) {
	r, err := readReach(c, v.Now)
	if err != nil {
		return nil, err
	}
	e := page.Events{Shell: v.Shell, Name: p.Name, Spans: v.spanLinks(r)}
	service, _ := v.service(p.Name)
	nodes := make([]string, 0, len(p.Versions))
	for _, version := range p.Versions {
		nodes = append(nodes, version.Node)
	}
	list, err := w.changeEvents(c, v, v.refsOf(service, nodes), r.over)
	if err != nil {
		return nil, err
	}
	list = append(list, v.refusals(nodes, r.over)...)
	told, err := w.journalEvents(c, v, mine{p.Name, v.refsOf(service, nodes), nodes, r.over})
	if err != nil {
		return nil, err
	}
	list = append(list, told...)
	if w.Timeline == nil {
		e.Off = true
	} else if frames, err := w.frames(c.Request.Context(), v.Mesh, r.over); err != nil {
		e.Problem = err.Error()
	} else {
		list = append(list, v.turns(frames.Turns, nodes)...)
		if frames.Partial {
			e.Notes = frames.Notes
		}
	}
	slices.SortStableFunc(list, func(a, b page.Event) int { return b.At.Compare(a.At) })
	if extra := len(list) - eventsShown; extra > 0 {
		e.More, list = extra, list[:eventsShown]
	}
	for _, each := range list {
		if n := len(e.Days); n == 0 || e.Days[n-1].Date != v.L.Date(each.At) {
			e.Days = append(e.Days, page.EventDay{Date: v.L.Date(each.At)})
		}
		day := &e.Days[len(e.Days)-1]
		day.Events = append(day.Events, each)
	}
	return page.EventsTab(e), nil
}

// refsOf are the objects that decide what a service does: itself, its router and routes, its versions.
func (v view) refsOf(s mesh.VirtualService, nodes []string) []mesh.Ref {
	refs := []mesh.Ref{s.Ref()}
	if s.Router != "" {
		refs = append(refs, mesh.Ref{Kind: mesh.KindRouter, Name: s.Router})
	}
	for _, r := range v.routes(s.Router) {
		refs = append(refs, r.Ref())
	}
	for _, name := range nodes {
		refs = append(refs, mesh.Ref{Kind: mesh.KindNode, Name: name})
	}
	return refs
}

// event is one at a moment, with the ways to look at it.
func (w *Web) event(v view, kind string, at time.Time) page.Event {
	e := page.Event{Kind: kind, At: at, ISO: page.ISO(at), Clock: v.L.Clock(at), Ago: v.Ago(at)}
	if w.Timeline != nil {
		e.Past = v.PastHref(at.Truncate(time.Second))
	}
	return e
}

// changeEvents are the entries of the ledger that touch objects, and what proxies refused of them. A route that is no
// longer there is told by its router's name.
func (w *Web) changeEvents(c *gin.Context, v view, refs []mesh.Ref, over mesh.Span) ([]page.Event, error) {
	changes, err := w.Changes.Changes(c.Request.Context(), change.Query{
		Mesh: v.Mesh, After: over.Start.Add(-over.Step), Until: v.Now, Limit: eventEntries, NoEdits: true,
	})
	if err != nil {
		return nil, err
	}
	touches := func(ref mesh.Ref) bool {
		parent, _ := ref.Split()
		return slices.Contains(refs, ref) ||
			ref.Kind == mesh.KindRoute && slices.Contains(refs, mesh.Ref{Kind: mesh.KindRouter, Name: parent})
	}
	var list []page.Event
	for _, each := range changes {
		if each.At.Before(over.Start.Add(-over.Step)) || each.At.After(over.End.Add(over.Step)) || !slices.ContainsFunc(each.Objects, touches) {
			continue
		}
		e := w.event(v, "change", each.At)
		e.Text = component.LinkTo{Name: summaryText(v.L, each.Summary), Href: v.ChangeHref(each.ID)}
		e.Detail = strings.TrimSpace(each.Author + " " + quoted(each.Reason))
		e.State = string(each.State)
		if each.Programmed != nil && len(each.Programmed.Rejected) > 0 {
			e.Refusals = each.Programmed.Rejected
		}
		list = append(list, e)
	}
	return list, nil
}

func quoted(s string) string {
	if s == "" {
		return ""
	}
	return "“" + s + "”"
}

// refusals are what proxies of versions refuse to run now, and when they came and went.
func (v view) refusals(nodes []string, over mesh.Span) []page.Event {
	var list []page.Event
	add := func(p provider.Proxy, kind string, at time.Time, detail string) {
		if at.Before(over.Start) || at.After(over.End.Add(over.Step)) {
			return
		}
		list = append(list, page.Event{
			Kind: kind, At: at, ISO: page.ISO(at), Clock: v.L.Clock(at), Ago: v.Ago(at), Detail: detail, Code: kind == "refusal",
			Text: component.LinkTo{Name: v.L.T("event."+kind, "proxy", p.ID), Href: v.ProxyHref(p.ID)},
		})
	}
	for _, p := range v.proxies {
		if !slices.Contains(nodes, p.Node) {
			continue
		}
		switch {
		case p.State == provider.Gone:
			add(p, "gone", p.Since, "")
		case connected(p):
			add(p, "came", p.Since, p.Version)
		}
		for _, t := range p.Resources {
			if t.Rejected != "" {
				add(p, "refusal", cmp.Or(t.RejectedAt, p.AckedAt, p.Since), cmp.Or(t.Message, p.Message))
			}
		}
	}
	return list
}

// turns are when calls to or from versions became ill, worse than before, or well. A call that goes to and fro between
// degraded and failing has one trouble, and is not told again and again.
func (v view) turns(all []timeline.Turn, nodes []string) []page.Event {
	var list []page.Event
	worst := make(map[string]mesh.Health)
	for _, t := range all {
		if !slices.Contains(nodes, t.To) && !slices.Contains(nodes, t.From) {
			continue
		}
		key := edgeKey(t.From, t.To)
		if known, ok := worst[key]; ok && ill(t.Is) && severity(t.Is) >= severity(known) {
			continue
		}
		worst[key] = t.Is
		if !ill(t.Is) {
			delete(worst, key)
		}
		list = append(list, page.Event{
			Kind: "turn", At: t.At, ISO: page.ISO(t.At), Clock: v.L.Clock(t.At), Ago: v.Ago(t.At), Health: t.Is, Past: v.PastHref(t.At),
			Text: component.LinkTo{
				Name: v.L.T("event.turn", "from", v.name(t.From), "to", v.name(t.To)),
				Href: v.Href("/topology", "view", "problems", "at", page.ISO(t.At), "select", edgeKey(t.From, t.To)),
			},
			Detail: v.L.T("event.turned", "was", component.HealthWord(v.L, t.Was), "is", component.HealthWord(v.L, t.Is)),
		})
	}
	return list
}
