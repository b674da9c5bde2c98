package web

import (
	"cmp"
	"slices"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// poolNear is the part of a pool from which on somebody should look at it, before it refuses anything.
const poolNear = 0.8

// needs lists workloads that somebody should look at although nothing fails yet, the most urgent first: proxies that
// refused their configuration, workloads that no proxy runs, proxies that say nothing, pools that are nearly full.
func (v view) needs() []page.Need {
	var list []page.Need
	add := func(urgency int, key string, of component.LinkTo, pairs ...any) {
		list = append(list, page.Need{Urgency: urgency, Kind: key, Of: of, Text: v.L.T("need."+key, pairs...)})
	}
	running := make(map[string]bool)
	for _, p := range v.proxies {
		running[cmp.Or(p.Node, mesh.GatewayID(p.Gateway))] = running[cmp.Or(p.Node, mesh.GatewayID(p.Gateway))] || connected(p)
		of := component.LinkTo{Name: p.ID, Href: v.ProxyHref(p.ID)}
		switch {
		case p.State == provider.Rejected:
			add(0, "rejected", of)
		case connected(p) && !p.MetricsAt.IsZero() && v.Now.Sub(p.MetricsAt) >= metricsLate:
			add(2, "silent", of, "ago", v.Ago(p.MetricsAt))
		}
	}
	for _, n := range v.graph.Nodes {
		of := component.LinkTo{Name: v.name(n.ID), Href: v.boxHref(n.ID)}
		if n.Kind == graph.KindNode && n.Declared && n.Proxies == 0 && !running[n.ID] {
			add(1, "unrun", of)
		}
		if name, use, limit := fullest(n.Pool); use >= poolNear && n.Kind == graph.KindNode {
			of.Href = v.FocusHref(n.ID)
			if service := v.serviceOf(n.ID); service != "" {
				of.Href = v.ServiceHref(service, "/pool") + "#pool"
			}
			add(3, "pool", of, "what", v.L.T("pool.what."+name), "share", v.L.Ratio(use), "limit", v.L.Number(limit))
		}
	}
	slices.SortStableFunc(list, func(a, b page.Need) int {
		return cmp.Or(cmp.Compare(a.Urgency, b.Urgency), cmp.Compare(a.Of.Name, b.Of.Name))
	})
	return list
}

// fullest is the limit of a pool that is nearest to being reached, how much of it is used, and what it is.
func fullest(p *graph.Pool) (name string, use, limit float64) {
	if p == nil {
		return "", 0, 0
	}
	for _, l := range []struct {
		name       string
		use, limit float64
	}{
		{"connections", p.Connections, p.MaxConnections},
		{"pending", p.Pending, p.MaxPendingRequests},
		{"requests", p.Active, p.MaxRequests},
	} {
		if l.limit > 0 && l.use/l.limit > use {
			name, use, limit = l.name, l.use/l.limit, l.limit
		}
	}
	return name, use, limit
}

// ages says of each source of numbers how old its newest are.
func (w *Web) ages(v view) []page.SourceAge {
	s := v.sources()
	pushed := page.SourceAge{Name: v.L.T("ages.pushed"), Href: v.Href("/proxies"), State: string(query.Idle)}
	switch {
	case s.Connected == 0:
		pushed.Text = v.L.T("ages.nobody")
	case s.Reporting < s.Connected:
		pushed.State = string(query.Degraded)
		pushed.Text = v.L.N("sources.reporting", s.Connected, "reporting", s.Reporting)
	default:
		pushed.State = string(query.OK)
		pushed.Text = v.L.N("sources.reporting", s.Connected, "reporting", s.Reporting)
	}
	list := []page.SourceAge{pushed}
	if w.Sources == nil {
		return append(list, page.SourceAge{Name: v.L.T("ages.stored"), Href: v.Href("/sources"), State: string(query.Idle), Text: v.L.T("ages.off")})
	}
	for _, source := range w.Sources() {
		if len(source.Meshes) > 0 && !slices.Contains(source.Meshes, v.Mesh) {
			continue
		}
		age := page.SourceAge{Name: source.Name, Href: v.Href("/sources"), State: string(cmp.Or(source.State, query.Idle)), Text: v.L.T("source.state." + string(cmp.Or(source.State, query.Idle)))}
		newest := source.LastSuccess
		if source.Store != nil {
			age.Name, newest = v.L.T("ages.stored"), source.Store.Newest
		}
		if !newest.IsZero() {
			age.Text = v.L.T("ages.newest", "state", age.Text, "ago", v.Ago(newest))
		}
		list = append(list, age)
	}
	return list
}
