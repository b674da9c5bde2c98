package web

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/page"
)

// recentForSubject is how far back the last change of a box or a call is looked for.
const recentForSubject = 100

// subject is the box or the call that the address selects; nil when there is none.
func (w *Web) subject(c *gin.Context, v *view, p *page.Topology) (*page.Subject, error) {
	selected := c.Query("select")
	if selected == "" {
		return nil, nil
	}
	s := &page.Subject{ID: selected, Close: p.To("select", "")}
	var touched []mesh.Ref
	if e := v.edge(selected); e != nil {
		v.edgeSubject(s, e)
		touched = v.refs(s.Governs, e.To)
	} else if n, ok := v.nodes[selected]; ok {
		v.boxSubject(s, n)
		touched = v.refs(s.Governs, n.ID)
	} else {
		return nil, nil
	}
	v.subjectLinks(s, p)
	if v.InPast() {
		return s, nil
	}
	if service, ok := v.service(s.Governs); ok {
		s.Split = slices.ContainsFunc(v.routes(service.Router), func(r mesh.Route) bool { return len(r.Targets) > 1 })
		s.Pools = true
	}
	changes, err := w.Changes.Changes(c.Request.Context(), change.Query{Mesh: v.Mesh, Limit: recentForSubject})
	if err != nil {
		return nil, err
	}
	for _, each := range changes {
		if slices.ContainsFunc(each.Objects, func(ref mesh.Ref) bool { return slices.Contains(touched, ref) }) {
			line := v.changeLine(each)
			s.Change = &line
			break
		}
	}
	return s, nil
}

// edge is a call by its key: both graph ids with a space between. Names may have spaces themselves.
func (v view) edge(key string) *graph.Edge {
	if !strings.Contains(key, " ") {
		return nil
	}
	for i := range v.graph.Edges {
		if e := &v.graph.Edges[i]; strings.HasPrefix(key, e.From) && key == e.From+" "+e.To {
			return e
		}
	}
	return nil
}

func (v view) edgeSubject(s *page.Subject, e *graph.Edge) {
	s.Edge, s.Title, s.Kind = true, v.name(e.From)+" → "+v.name(e.To), v.L.T("graph.call")
	s.Health, s.Rate, s.Errors, s.P50, s.P95, s.P99 = cmp.Or(e.Health, mesh.Unknown), e.RequestRate, e.ErrorRatio, e.P50, e.P95, e.P99
	s.Governs = v.governs(e)
	s.Causes = v.offered(v.causes(e.Causes, e.Why, s.Governs, e.To))
}

func (v view) boxSubject(s *page.Subject, n graph.Node) {
	s.Title, s.Kind = v.name(n.ID), v.L.T("kind."+string(n.Kind))
	s.Health, s.Rate, s.Errors, s.P50, s.P95, s.P99 = cmp.Or(n.Health, mesh.Unknown), n.RequestRate, n.ErrorRatio, n.P50, n.P95, n.P99
	s.Governs = v.serviceOf(n.ID)
	s.Causes = v.offered(v.causes(n.Causes, n.Why, s.Governs, n.ID))
}

// refs are the objects whose changes touch a box: its service's, and its own.
func (v view) refs(service, id string) []mesh.Ref {
	var refs []mesh.Ref
	if s, ok := v.service(service); ok {
		routes := v.routes(s.Router)
		refs = append(refs, s.Ref(), mesh.Ref{Kind: mesh.KindRouter, Name: s.Router})
		for _, r := range routes {
			refs = append(refs, r.Ref())
		}
		for _, name := range v.versionNames(s, routes) {
			refs = append(refs, mesh.Ref{Kind: mesh.KindNode, Name: name})
		}
	}
	if n := v.nodes[id]; n.Kind == graph.KindGateway {
		refs = append(refs, mesh.Ref{Kind: mesh.KindGateway, Name: n.Name})
	} else {
		refs = append(refs, mesh.Ref{Kind: mesh.KindNode, Name: id})
	}
	return refs
}

// subjectLinks are where one goes on from here.
func (v view) subjectLinks(s *page.Subject, p *page.Topology) {
	add := func(text, href string) { s.Links = append(s.Links, page.Link{Text: text, Href: href}) }
	if !s.Edge {
		add(v.L.T("graph.focus", "name", s.Title), p.FocusHref(v.group(s.ID)))
	}
	if v.InPast() {
		return
	}
	if s.Governs != "" {
		add(v.L.T("graph.open", "name", s.Governs), v.ServiceHref(s.Governs, ""))
		add(v.L.T("knob.weights"), v.ServiceHref(s.Governs, "/traffic"))
		add(v.L.T("knob.pool"), v.ServiceHref(s.Governs, "/pool"))
	}
	if p.Scrubber != nil {
		add(v.L.T("subject.compare"), v.CompareHref(v.Now.Add(-15*time.Minute), time.Time{}))
	}
	if !s.Edge {
		add(v.L.T("graph.hide", "name", s.Title), withAll(p.To("select", ""), "hide", []string{v.group(s.ID)}))
	}
}
