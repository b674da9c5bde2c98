package web

import (
	"github.com/weirmesh/weir/server/plan"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// forecast shows a plan, with ways to the proxies that would get new configuration; nil when there is none.
func (v view) forecast(p *plan.Plan) *page.Forecast {
	if p == nil {
		return nil
	}
	f := &page.Forecast{Plan: p}
	if p.Proxies != nil {
		for _, id := range p.Proxies.IDs {
			f.Proxies = append(f.Proxies, component.LinkTo{Name: id, Href: v.ProxyHref(id)})
		}
	}
	return f
}
