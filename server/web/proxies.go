package web

import (
	"cmp"
	"net/http"
	"net/url"
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
	p := page.Proxies{Shell: v.Shell, Sources: v.sources(), List: readListing(c, "state", "proxy", "of", "revision")}
	if p.State = c.Query("state"); !slices.Contains(proxyStates(), provider.ProxyState(p.State)) {
		p.State = ""
	}
	p.States = v.stateCounts(p)
	var matching []provider.Proxy
	for _, each := range v.proxies {
		inState := p.State == "" || p.State == string(each.State)
		if each.State == provider.Refused {
			if inState && len(p.Refused) < listed {
				p.Refused = append(p.Refused, v.proxyRow(each))
			}
			continue
		}
		p.List.Total++
		if each.State == provider.Synced {
			p.Synced++
		}
		if inState && (contains(each.ID, p.List.Query) || contains(orElse(each.Node, each.Gateway), p.List.Query)) {
			matching = append(matching, each)
		}
	}
	p.Groups = v.proxyGroups(cut(&p.List, matching, proxyOrder(p.List.Sort)), strings.TrimPrefix(p.List.Sort, "-") == "of")
	return w.render(c, http.StatusOK, page.ProxiesPage(p))
}

// proxyOrder compares proxies by a column of their list; those that are level go by name.
func proxyOrder(by string) func(a, b provider.Proxy) int {
	return func(a, b provider.Proxy) int {
		order := 0
		switch strings.TrimPrefix(by, "-") {
		case "state":
			order = cmp.Compare(urgency(a.State), urgency(b.State))
		case "of":
			order = strings.Compare(orElse(a.Node, a.Gateway), orElse(b.Node, b.Gateway))
		case "revision":
			order = downwards(a.Revision, b.Revision)
		}
		return cmp.Or(order, strings.Compare(a.ID, b.ID))
	}
}

// proxyStates are the states of proxies, those that somebody should look at first.
func proxyStates() []provider.ProxyState {
	return []provider.ProxyState{provider.Rejected, provider.Pending, provider.Synced, provider.Gone, provider.Refused}
}

// urgency orders states: those that somebody should look at come first.
func urgency(s provider.ProxyState) int { return slices.Index(proxyStates(), s) }

// stateCounts counts the proxies state by state. States that nobody is in are left out.
func (v view) stateCounts(p page.Proxies) []page.StateCount {
	counts := make(map[provider.ProxyState]int)
	for _, each := range v.proxies {
		counts[each.State]++
	}
	list := []page.StateCount{{Count: len(v.proxies), Href: v.Href("/proxies", "q", p.List.Query), Current: p.State == ""}}
	for _, s := range proxyStates() {
		if counts[s] > 0 || p.State == string(s) {
			list = append(list, page.StateCount{
				State: string(s), Count: counts[s], Href: v.Href("/proxies", "q", p.List.Query, "state", string(s)), Current: p.State == string(s),
			})
		}
	}
	return list
}

// proxyGroups puts a page of proxies together by what they stand for, when they are sorted so; else they are one group.
func (v view) proxyGroups(rows []provider.Proxy, grouped bool) []page.ProxyGroup {
	total, synced := make(map[string]int), make(map[string]int)
	for _, p := range v.proxies {
		of := orElse(p.Node, p.Gateway)
		if p.Connected() {
			total[of]++
		}
		if p.State == provider.Synced {
			synced[of]++
		}
	}
	var groups []page.ProxyGroup
	for _, p := range rows {
		of := ""
		if grouped {
			of = orElse(p.Node, p.Gateway)
		}
		if n := len(groups); n == 0 || groups[n-1].Of != of {
			groups = append(groups, page.ProxyGroup{Of: of, Synced: synced[of], Total: total[of]})
		}
		last := &groups[len(groups)-1]
		last.Rows = append(last.Rows, v.proxyRow(p))
	}
	return groups
}

func (v view) proxyRow(p provider.Proxy) page.ProxyRow {
	row := page.ProxyRow{
		ID: p.ID, NodeID: p.NodeID, Of: cmp.Or(p.Node, p.Gateway), Kind: "node", State: string(p.State), Message: p.Message,
		Version: p.Version, Address: p.Address, Revision: p.Revision, Newest: v.current.Revision,
		Since: v.Ago(p.Since), SinceMoment: v.L.Moment(p.Since), SeriesOver: p.SeriesOver,
		Replica: p.Replica,
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
		shown := v.proxyType(t)
		shown.Href = v.Href("/proxies/"+url.PathEscape(p.ID), "tab", t.Type)
		row.Types = append(row.Types, shown)
	}
	return row
}

func (v view) proxyType(t provider.ResourceType) page.ProxyType {
	shown := page.ProxyType{
		Type: t.Type, Wanted: short(t.Wanted), Acked: short(t.Acked), Pending: short(t.Pending), Rejected: short(t.Rejected),
		Message: t.Message, Count: t.Count,
	}
	if !t.AckedAt.IsZero() {
		shown.AckedAgo = v.Ago(t.AckedAt)
	}
	if t.Pending != "" && !t.SentAt.IsZero() {
		shown.Waiting = v.L.Age(v.Now.Sub(t.SentAt))
	}
	if !t.RejectedAt.IsZero() {
		shown.RejectedAgo = v.Ago(t.RejectedAt)
	}
	switch {
	case t.Rejected != "":
		shown.Stage = "bad"
	case t.Pending != "", t.Wanted != "" && t.Wanted != t.Acked:
		shown.Stage = "wait"
	case t.Acked != "":
		shown.Stage = "done"
	default:
		shown.Stage = "none"
	}
	return shown
}

// short is enough of a hash to tell two apart.
func short(hash string) string { return hash[:min(len(hash), 8)] }
