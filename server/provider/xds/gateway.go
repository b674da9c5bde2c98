package xds

import (
	"cmp"
	"maps"
	"regexp"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	matcherv3 "github.com/envoyproxy/go-control-plane/envoy/type/matcher/v3"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/weirmesh/weir/server/mesh"
)

// serviceHeader carries a gateway route's decision to the gateway's egress listener. The gateway overwrites whatever a
// client sends under this name, and its egress listener removes it.
const serviceHeader = "x-weir-service"

// gateway makes the resources of a proxy that is a virtual gateway.
//
// A gateway route matches and rewrites first; the routes of its service's router match what came of it. Both stages have
// their own order, priorities, regular expressions, timeouts and "nothing matched" answers, which cannot be multiplied
// into one list of Envoy routes without changing what some requests do. As App Mesh did, the gateway therefore calls
// itself: its listener sends to the self_redirect cluster (where the listener's connection pool is enforced), which leads
// over loopback to an egress listener like a node's. That is exact, works on any bootstrap (an Envoy internal listener
// would need an extension in it), keeps App Mesh's names, and leaves one egress cluster per virtual node for the edges in
// the metrics. It costs a second pass through the proxy, 0.2 ms a request (BenchmarkGateway).
//
// The service is named to the second stage by a header instead of Host, since a route may keep the client's Host. The
// egress listener binds to loopback when the proxy binds to every address: it is not a way around the gateway's routes.
func (t *translator) gateway(g mesh.VirtualGateway) {
	inner := loopback(t.proxy.Bind)
	t.take(t.proxy.EgressPort, "the egress listener")
	ports := t.proxy.ListenPorts(g.Listeners)
	routes := t.mesh.GatewayRoutesOf(g.Name)
	var services []string
	for _, r := range routes {
		services = append(services, r.Target.Service)
	}
	slices.Sort(services)
	for i, l := range g.Listeners {
		t.gatewayListener(g, i, gatewayListener{port: ports[l.Port], inner: inner, routes: slices.DeleteFunc(slices.Clone(routes),
			func(r mesh.GatewayRoute) bool { return r.Match.Port != 0 && r.Match.Port != l.Port })})
	}
	t.egressHTTP(egressListener{address: inner, hosts: t.serviceHosts(slices.Compact(services)), vhostHeader: serviceHeader})
}

// gatewayListener is what one of a gateway's listeners is made from, beside the gateway itself.
type gatewayListener struct {
	port   int    // of the proxy
	inner  string // address of the egress listener
	routes []mesh.GatewayRoute
}

// gatewayListener makes the i-th listener of a gateway, its routes and its self_redirect cluster.
func (t *translator) gatewayListener(g mesh.VirtualGateway, i int, from gatewayListener) {
	l := g.Listeners[i]
	if l.Protocol == mesh.TCP {
		t.warn("listener %d of gateway %s is not served: a gateway speaks http, http2 and grpc, not tcp", l.Port, g.Name)
		return
	}
	what := "listener " + string(l.Protocol) + " " + joinPort(g.Name, l.Port)
	if !t.take(from.port, what) {
		return
	}
	cluster := t.selfRedirectCluster(g, i)
	t.ingressCluster(cluster, l, from.inner, t.proxy.EgressPort)
	name := routesName("rds_ingress_http_", from.port)
	t.httpListener(listenerName("lds_ingress_", t.proxy.Bind, from.port), t.proxy.Bind, from.port, &hcmv3.HttpConnectionManager{
		StatPrefix:                ingressPrefix,
		RouteSpecifier:            t.rds(name),
		CommonHttpProtocolOptions: connectionIdle(l.Timeout),
		NormalizePath:             wrapperspb.Bool(true),
		MergeSlashes:              true,
		UseRemoteAddress:          wrapperspb.Bool(true), // Clients are not trusted: their x-envoy headers are dropped.
	})
	t.add(RouteType, name, &routev3.RouteConfiguration{
		Name:                     name,
		ValidateClusters:         wrapperspb.Bool(true),
		IgnorePortInHostMatching: true,
		VirtualHosts:             t.gatewayHosts(from.routes, cluster, l),
	})
}

// gatewayHosts makes a virtual host for each host that some route names, with all the routes that apply to it in their
// order. Envoy picks one virtual host (an exact name, else the longest suffix, else "*") and never looks at another.
func (t *translator) gatewayHosts(routes []mesh.GatewayRoute, cluster string, l mesh.Listener) []*routev3.VirtualHost {
	domains := map[string]mesh.HostMatch{"*": {}}
	for _, r := range routes {
		if h := r.Match.Hostname; h != nil {
			domains[hostDomain(*h)] = *h
		}
	}
	translated := make([]*routev3.Route, len(routes)) // Each once, although several hosts may share it.
	for i, r := range routes {
		translated[i] = t.gatewayRoute(r, cluster, l)
	}
	var hosts []*routev3.VirtualHost
	for _, domain := range slices.Sorted(maps.Keys(domains)) {
		host := &routev3.VirtualHost{Name: domain, Domains: []string{domain}}
		for i, r := range routes {
			if applies(r.Match.Hostname, domains[domain]) {
				host.Routes = append(host.Routes, translated[i])
			}
		}
		if len(host.Routes) > 0 {
			hosts = append(hosts, host)
		}
	}
	return hosts
}

// hostDomain writes a host match as Envoy does.
func hostDomain(h mesh.HostMatch) string {
	if h.Exact != "" {
		return strings.ToLower(h.Exact)
	}
	return "*" + strings.ToLower(h.Suffix)
}

// applies says whether a route's host match holds for every host of a domain.
func applies(match *mesh.HostMatch, domain mesh.HostMatch) bool {
	switch {
	case match == nil:
		return true
	case match.Exact != "":
		return strings.EqualFold(match.Exact, domain.Exact)
	default:
		name := strings.ToLower(cmp.Or(domain.Exact, domain.Suffix))
		suffix := strings.ToLower(match.Suffix)
		// A suffix is not a host itself: "*.example.com" does not match ".example.com".
		return strings.HasSuffix(name, suffix) && (domain.Exact == "" || len(name) > len(suffix))
	}
}

// gatewayRoute sends what matches to the gateway's own egress listener, in the name of the route's service.
func (t *translator) gatewayRoute(r mesh.GatewayRoute, cluster string, l mesh.Listener) *routev3.Route {
	route := &routev3.Route{Name: r.Gateway + "/" + r.Name, Match: routeMatch(r.Match, r.Protocol)}
	authority, problem := t.gatewayTarget(r)
	if problem != "" {
		t.warn("gateway route %s is answered 404: service %s %s", route.GetName(), r.Target.Service, problem)
		route.Action = directAnswer(404, "weir: service %s %s", r.Target.Service, problem)
		return route
	}
	action := &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster},
		Timeout:          perRequest(l.Timeout),
		IdleTimeout:      idle(l.Timeout),
	}
	rewrite(action, r)
	route.Action = &routev3.Route_Route{Route: action}
	route.RequestHeadersToAdd = []*corev3.HeaderValueOption{{
		Header:       &corev3.HeaderValue{Key: serviceHeader, Value: authority},
		AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS_OR_ADD,
	}}
	return route
}

// gatewayTarget names the virtual host of the route's service and port, or says what is wrong.
func (t *translator) gatewayTarget(r mesh.GatewayRoute) (authority, problem string) {
	name := strings.ToLower(r.Target.Service)
	s, ok := t.mesh.Service(r.Target.Service)
	switch {
	case !ok:
		return "", "does not exist"
	case s.Router == "" && s.Node == "":
		return name, "" // Its virtual host says that nothing provides it.
	}
	if r.Target.Port == 0 {
		return name, ""
	}
	for _, p := range t.mesh.Ports(s.Name) {
		if p.Port == r.Target.Port && p.Protocol != mesh.TCP {
			return joinPort(name, p.Port), ""
		}
	}
	return "", "does not take HTTP calls on the port that the route names"
}

// rewrite sets what the service sees instead of the client's host and path. By default the host becomes the service's
// name and a matched prefix becomes "/".
func rewrite(action *routev3.RouteAction, r mesh.GatewayRoute) {
	how := mesh.Rewrite{}
	if r.Rewrite != nil {
		how = *r.Rewrite
	}
	if !how.KeepHost {
		action.HostRewriteSpecifier = &routev3.RouteAction_HostRewriteLiteral{HostRewriteLiteral: r.Target.Service}
	}
	prefix := r.Match.Prefix
	to := cmp.Or(how.Prefix, "/")
	switch {
	case r.Protocol == mesh.GRPC: // The path is the method.
	case r.Match.Path != nil:
		action.PrefixRewrite = how.Path // With such a match, Envoy replaces the whole path.
	case how.KeepPrefix, prefix == "", prefix == to:
	case strings.HasSuffix(prefix, "/"):
		action.PrefixRewrite = to
	default:
		// "/shop" takes its slash along: "/shop/cart" becomes "/cart" and not "//cart".
		action.RegexRewrite = replace("^"+regexp.QuoteMeta(prefix)+"/?", to)
	}
}

// replace substitutes text, in which a backslash is itself, for what an expression matches in the path.
func replace(expression, text string) *matcherv3.RegexMatchAndSubstitute {
	return &matcherv3.RegexMatchAndSubstitute{Pattern: regex(expression), Substitution: strings.ReplaceAll(text, `\`, `\\`)}
}
