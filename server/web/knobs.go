package web

import (
	"cmp"
	"strings"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/page"
)

// target is the object whose knob governs a cause, as far as the cause or its place on the page tells.
type target struct{ service, node, route string }

// target finds the object: the cause's own, or else the box that it is shown at.
func (v view) target(cause graph.Cause, service, node string) target {
	t := target{service: service, node: cmp.Or(cause.Values["node"], node)}
	kind, name, _ := strings.Cut(cause.At, "/")
	switch mesh.Kind(kind) {
	case mesh.KindNode:
		t.node = name
		t.service = cmp.Or(v.serviceOf(name), service)
	case mesh.KindService:
		t.service = name
	case mesh.KindGateway:
		t.node = mesh.GatewayID(name)
	case mesh.KindRoute:
		t.service, t.route = v.serviceOfRoute(name, service)
	case mesh.KindRouter:
		t.service, _ = v.serviceOfRoute(name+"/", service)
	}
	if t.service == "" {
		t.service = v.serviceOf(t.node)
	}
	return t
}

// serviceOfRoute is a service that a route is behind, the given one if it is, and the route's own name.
func (v view) serviceOfRoute(name, service string) (of, route string) {
	router, route, _ := strings.Cut(name, "/")
	if s, ok := v.service(service); ok && s.Router == router {
		return service, route
	}
	for _, s := range v.current.Mesh.Services {
		if s.Router == router {
			return s.Name, route
		}
	}
	return service, route
}

// knob is the link to what governs a cause. There is always one: where no page sets it, the picture of who is concerned.
func (v view) knob(cause graph.Cause, service, node string) component.LinkTo {
	if cause.Knob == "" {
		return component.LinkTo{}
	}
	t := v.target(cause, service, node)
	link := component.LinkTo{Name: v.L.T("knob." + cause.Knob), Href: v.FocusHref(t.node)}
	switch cause.Knob {
	case health.KnobInstances:
		link.Href = v.Href("/proxies")
	case health.KnobPool, health.KnobOutliers:
		if t.service != "" {
			link.Href = v.ServiceHref(t.service, "/pool") + "#pool"
		}
	case health.KnobWeights:
		if t.service != "" {
			link.Href = v.Href(v.ServiceHrefPath(t.service, "/traffic"), "route", t.route) + "#traffic"
		}
	case health.KnobTimeout, health.KnobRetry:
		if t.service != "" {
			link.Href = v.ServiceHref(t.service, "")
			if s, _ := v.service(t.service); s.Router != "" {
				link.Href += "#routes"
			}
		}
	case health.KnobBackends:
	default: // one that this console does not know
		return component.LinkTo{}
	}
	return link
}

// limitKnob is the link to where the limit is set that a cause is beyond; none for causes without one.
func (v view) limitKnob(cause graph.Cause, service, node string) component.LinkTo {
	switch cause.Code {
	case health.Errors, health.Latency, health.ErrorBudget, health.SlowBudget:
	case health.PoolNearFull:
		if cause.Values["where"] == "" {
			return component.LinkTo{}
		}
	default:
		return component.LinkTo{}
	}
	link := component.LinkTo{Name: v.L.T("knob.limits"), Href: v.Href("/settings") + "#health"}
	kind, name, _ := strings.Cut(cause.Values["where"], "/")
	switch mesh.Kind(kind) {
	case mesh.KindService:
		link.Href = v.ServiceHref(name, "/health") + "#health"
	case mesh.KindRoute:
		if of, _ := v.serviceOfRoute(name, service); of != "" {
			link.Href = v.ServiceHref(of, "/health") + "#" + page.LimitsID(mesh.KindRoute, name)
		}
	case mesh.KindMesh:
	default:
		// Nobody has set it yet: the place to begin is the service itself.
		if t := v.target(cause, service, node); t.service != "" {
			link.Href = v.ServiceHref(t.service, "/health") + "#health"
		}
	}
	return link
}

func (v view) causes(causes []graph.Cause, why []string, service, node string) []page.CauseLine {
	lines := make([]page.CauseLine, 0, max(len(causes), len(why)))
	for i, cause := range causes {
		lines = append(lines, page.CauseLine{
			Text: causeText(v.L, cause, at(why, i)), Knob: v.knob(cause, service, node), Limit: v.limitKnob(cause, service, node),
		})
	}
	for i := len(causes); i < len(why); i++ {
		lines = append(lines, page.CauseLine{Text: why[i]})
	}
	return lines
}
