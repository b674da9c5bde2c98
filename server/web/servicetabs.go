package web

import (
	"slices"

	"github.com/a-h/templ"
	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/ui/page"
)

// serviceProxiesShown is how many proxies a service's tab lists; the page of proxies has all.
const serviceProxiesShown = 200

// serviceProxies is who carries a service's versions out, those first that do not run the newest.
func (w *Web) serviceProxies(_ *gin.Context, v view, p page.Service) (templ.Component, error) {
	shown := page.ServiceProxies{Shell: v.Shell}
	var list []provider.Proxy
	for _, version := range p.Versions {
		running := false
		for _, each := range v.proxies {
			if each.Node != version.Node || each.Gateway != "" {
				continue
			}
			list = append(list, each)
			running = running || each.Connected()
			if each.State == provider.Synced {
				shown.Synced++
			}
		}
		if !running {
			shown.Unrun = append(shown.Unrun, version.Node)
		}
	}
	slices.SortStableFunc(list, func(a, b provider.Proxy) int { return stateRank(a.State) - stateRank(b.State) })
	shown.More = max(len(list)-serviceProxiesShown, 0)
	for _, each := range first(list, serviceProxiesShown) {
		shown.Rows = append(shown.Rows, v.proxyRow(each))
	}
	return page.ServiceProxiesTab(shown), nil
}

// stateRank sorts what needs a look before what is well.
func stateRank(s provider.ProxyState) int {
	return slices.Index([]provider.ProxyState{provider.Rejected, provider.Pending, provider.Synced, provider.Gone, provider.Refused}, s)
}

// serviceConfig is the objects that make a service: itself, its router and routes, its versions.
func (w *Web) serviceConfig(c *gin.Context, v view, p page.Service) (templ.Component, error) {
	survey, err := w.survey(c, v)
	if err != nil {
		return nil, err
	}
	service, _ := v.service(p.Name)
	nodes := make([]string, 0, len(p.Versions))
	for _, version := range p.Versions {
		nodes = append(nodes, version.Node)
	}
	var objects []mesh.Object
	for _, ref := range v.refsOf(service, nodes) {
		if o, ok := v.current.Mesh.Get(ref); ok {
			objects = append(objects, o)
		}
	}
	slices.SortStableFunc(objects, func(a, b mesh.Object) int {
		return slices.Index(mesh.Kinds(), a.Ref().Kind) - slices.Index(mesh.Kinds(), b.Ref().Kind)
	})
	return page.ServiceConfigTab(page.ServiceConfig{Shell: v.Shell, Groups: w.configGroups(c, v, objects, survey.Report())}), nil
}
