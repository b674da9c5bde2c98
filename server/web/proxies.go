package web

import (
	"cmp"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/ui/page"
)

func (w *Web) proxies(c *gin.Context) error {
	v, err := w.look(c, "proxies", "proxies.title")
	if err != nil {
		return err
	}
	if v.Mesh == "" {
		return w.welcome(c, v)
	}
	p := page.Proxies{Shell: v.Shell, Sources: v.sources(), List: readListing(c, "state", "proxy", "revision")}
	var matching []provider.Proxy
	for _, each := range v.proxies {
		if each.State == provider.Refused {
			if len(p.Refused) < listed {
				p.Refused = append(p.Refused, v.proxyRow(each))
			}
			continue
		}
		p.List.Total++
		if each.State == provider.Synced {
			p.Synced++
		}
		if contains(each.ID, p.List.Query) {
			matching = append(matching, each)
		}
	}
	for _, each := range cut(&p.List, matching, proxyOrder(p.List.Sort)) {
		p.Rows = append(p.Rows, v.proxyRow(each))
	}
	return w.render(c, http.StatusOK, page.ProxiesPage(p))
}

// proxyOrder compares proxies by a column of their list; those that are level go by name.
func proxyOrder(by string) func(a, b provider.Proxy) int {
	return func(a, b provider.Proxy) int {
		order := 0
		switch strings.TrimPrefix(by, "-") {
		case "state":
			order = cmp.Compare(urgency(a.State), urgency(b.State))
		case "revision":
			order = downwards(a.Revision, b.Revision)
		}
		return cmp.Or(order, strings.Compare(a.ID, b.ID))
	}
}

// urgency orders states: those that somebody should look at come first.
func urgency(state provider.ProxyState) int {
	return slices.Index([]provider.ProxyState{provider.Rejected, provider.Pending, provider.Synced, provider.Gone}, state)
}

func (w *Web) proxy(c *gin.Context) error {
	v, err := w.look(c, "proxies", "proxies.title")
	if err != nil {
		return err
	}
	id := c.Param("id")
	i := slices.IndexFunc(v.proxies, func(p provider.Proxy) bool { return p.ID == id })
	if i < 0 {
		return mesh.Errorf(mesh.NotFound, "proxy %s: mesh %s knows no such proxy: it may have been gone for some minutes", id, v.Mesh)
	}
	p := page.Proxy{Shell: v.Shell, Row: v.proxyRow(v.proxies[i])}
	p.Title = id
	return w.render(c, http.StatusOK, page.ProxyPage(p))
}

func (v view) proxyRow(p provider.Proxy) page.ProxyRow {
	row := page.ProxyRow{
		ID: p.ID, NodeID: p.NodeID, Of: cmp.Or(p.Node, p.Gateway), Kind: "node", State: string(p.State), Message: p.Message,
		Version: p.Version, Address: p.Address, Revision: p.Revision, Newest: v.current.Revision,
		Since: v.Ago(p.Since), SinceMoment: v.L.Moment(p.Since), SeriesOver: p.SeriesOver,
	}
	switch {
	case p.Gateway != "":
		row.Kind, row.OfHref = "gateway", v.FocusHref(mesh.GatewayID(p.Gateway))
	case p.Node != "":
		row.OfHref = v.boxHref(p.Node)
	}
	if !p.MetricsAt.IsZero() {
		row.Metrics = v.L.T("format.ago", "age", v.L.Age(v.Now.Sub(p.MetricsAt)))
	}
	row.MetricsLate = connected(p) && v.Now.Sub(p.MetricsAt) >= metricsLate
	for _, t := range p.Resources {
		row.Types = append(row.Types, v.proxyType(t))
	}
	return row
}

func (v view) proxyType(t provider.ResourceType) page.ProxyType {
	shown := page.ProxyType{Type: t.Type, Acked: t.Acked, Pending: t.Pending, Rejected: t.Rejected, Message: t.Message, Count: t.Count}
	if !t.AckedAt.IsZero() {
		shown.AckedAgo = v.Ago(t.AckedAt)
	}
	switch {
	case t.Rejected != "":
		shown.Stage = "bad"
	case t.Pending != "":
		shown.Stage = "wait"
	case t.Acked != "":
		shown.Stage = "done"
	default:
		shown.Stage = "none"
	}
	return shown
}
