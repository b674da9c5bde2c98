package xds

import (
	"fmt"
	"slices"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/weirmesh/weir/server/mesh"
)

// share is one resolved target of a route: a cluster and its part of the sum of the weights.
type share struct {
	cluster string
	weight  uint32
}

// serviceHosts makes the virtual hosts of the services that are called by HTTP, HTTP/2 or gRPC.
func (t *translator) serviceHosts(services []string) []*routev3.VirtualHost {
	var hosts []*routev3.VirtualHost
	seen := make(map[string]bool) // Host names do not tell upper from lower case, and Envoy refuses a name given twice.
	for _, name := range services {
		s, ok := t.mesh.Service(name)
		switch {
		case seen[strings.ToLower(name)]:
			t.warn("service %s is not served: another backend has the same name but for upper and lower case", name)
		case !ok:
			t.warn("service %s does not exist yet: calls to it are treated as calls to any other host", name)
		case s.Router == "" && s.Node == "":
			hosts = append(hosts, reservedHost(name))
		default:
			hosts = append(hosts, t.serviceHost(s)...)
		}
		seen[strings.ToLower(name)] = true
	}
	return hosts
}

// serviceHost makes one virtual host for each of a service's ports that is not TCP. The first one also answers to the
// plain name and to ports that the service does not have: applications often name the port of their own proxy.
func (t *translator) serviceHost(s mesh.VirtualService) []*routev3.VirtualHost {
	var hosts []*routev3.VirtualHost
	ports := t.mesh.Ports(s.Name)
	if len(ports) == 0 {
		t.warn("service %s leads nowhere: its provider is gone or listens nowhere; calls to it are answered 404", s.Name)
		return []*routev3.VirtualHost{reservedHost(s.Name)}
	}
	name := strings.ToLower(s.Name)
	for i, p := range ports {
		again := slices.ContainsFunc(ports[:i], func(o mesh.RouterListener) bool { return o.Port == p.Port })
		if p.Protocol == mesh.TCP || again {
			continue
		}
		host := &routev3.VirtualHost{Name: joinPort(name, p.Port), Domains: []string{joinPort(name, p.Port)}}
		if len(hosts) == 0 {
			host.Name, host.Domains = name, []string{name, joinPort(name, p.Port), name + ":*"}
		}
		for _, r := range t.serviceRoutes(s, p) {
			host.Routes = append(host.Routes, t.httpRoute(r))
		}
		if len(host.Routes) == 0 {
			t.warn("service %s has no route on port %d: calls to it are answered 404", s.Name, p.Port)
		}
		hosts = append(hosts, host)
	}
	return hosts
}

// serviceRoutes lists the routes of one port of a service in the order in which they are tried. A service that a node
// provides has one, with every default.
func (t *translator) serviceRoutes(s mesh.VirtualService, p mesh.RouterListener) []mesh.Route {
	if s.Router == "" {
		return []mesh.Route{{
			Router: s.Name, Name: s.Node, Protocol: p.Protocol, Match: mesh.Match{Prefix: "/"},
			Targets: []mesh.WeightedTarget{{Node: s.Node, Weight: 1, Port: p.Port}},
		}}
	}
	return slices.DeleteFunc(t.mesh.RoutesOf(s.Router), func(r mesh.Route) bool {
		return r.Match.Port != 0 && r.Match.Port != p.Port || (r.Protocol == mesh.TCP) != (p.Protocol == mesh.TCP)
	})
}

// tcpRoute is the one route that takes a TCP port's connections: nothing but the port tells them apart.
func (t *translator) tcpRoute(service string, port int) (mesh.Route, bool) {
	s, _ := t.mesh.Service(service)
	routes := t.serviceRoutes(s, mesh.RouterListener{Port: port, Protocol: mesh.TCP})
	if len(routes) == 0 {
		t.warn("service %s has no route on port %d: nothing listens for calls to it", service, port)
		return mesh.Route{}, false
	}
	for _, r := range routes[1:] {
		t.warn("route %s/%s is never used: route %s takes every connection to port %d", r.Router, r.Name, routes[0].Name, port)
	}
	return routes[0], true
}

// httpRoute translates one route. A route without a target that can be reached keeps its place and answers 503: if it
// were left out, its calls would fall through to the next route.
func (t *translator) httpRoute(r mesh.Route) *routev3.Route {
	route := &routev3.Route{Name: r.Router + "/" + r.Name, Match: routeMatch(r.Match, r.Protocol)}
	shares := t.shares(r)
	if len(shares) == 0 {
		route.Action = directAnswer(503, "weir: route %s has no target that can be reached", route.GetName())
		return route
	}
	action := &routev3.RouteAction{
		Timeout:     perRequest(r.Timeout),
		IdleTimeout: idle(r.Timeout),
		RetryPolicy: t.retryPolicy(r.Retry),
	}
	if len(shares) == 1 {
		action.ClusterSpecifier = &routev3.RouteAction_Cluster{Cluster: shares[0].cluster}
	} else {
		weights := &routev3.WeightedCluster{}
		for _, s := range shares {
			weights.Clusters = append(weights.Clusters, &routev3.WeightedCluster_ClusterWeight{
				Name: s.cluster, Weight: wrapperspb.UInt32(s.weight),
			})
		}
		action.ClusterSpecifier = &routev3.RouteAction_WeightedClusters{WeightedClusters: weights}
	}
	route.Action = &routev3.Route_Route{Route: action}
	return route
}

// shares resolves a route's targets, those of weight 0 too: their clusters stay connected while weights move. What cannot
// be resolved is warned about and left out; nothing is left when no weight is.
func (t *translator) shares(r mesh.Route) []share {
	var list []share
	sum := uint64(0)
	for _, target := range r.Targets {
		node, l, problem := t.target(r, target)
		if problem != "" {
			t.warn("route %s/%s: target %s is left out: %s", r.Router, r.Name, target.Node, problem)
			continue
		}
		s := share{cluster: t.egressCluster(node, l), weight: uint32Of(target.Weight).GetValue()}
		sum += uint64(s.weight)
		if i := slices.IndexFunc(list, func(o share) bool { return o.cluster == s.cluster }); i >= 0 {
			list[i].weight += s.weight
			continue
		}
		list = append(list, s)
	}
	if sum == 0 {
		t.warn("route %s/%s has no target that can be reached: its calls are answered 503", r.Router, r.Name)
		return nil
	}
	return list
}

// target finds the listener that a target means, or says what is wrong.
func (t *translator) target(r mesh.Route, target mesh.WeightedTarget) (mesh.VirtualNode, mesh.Listener, string) {
	node, ok := t.mesh.Node(target.Node)
	if !ok {
		return node, mesh.Listener{}, "there is no such virtual node"
	}
	l, ok := node.Listener(target.Port)
	switch {
	case len(node.Listeners) == 0:
		return node, l, "the node has no listener"
	case !ok && target.Port == 0:
		return node, l, "the node has several listeners; the target must name a port"
	case !ok:
		return node, l, fmt.Sprintf("the node does not listen on port %d", target.Port)
	case (r.Protocol == mesh.TCP) != (l.Protocol == mesh.TCP), r.Protocol == mesh.GRPC && l.Protocol == mesh.HTTP:
		return node, l, fmt.Sprintf("the route is for %s and the node speaks %s on port %d", r.Protocol, l.Protocol, l.Port)
	}
	return node, l, ""
}

// allowAllHost lets calls to hosts that are no backend leave the mesh.
func (t *translator) allowAllHost() *routev3.VirtualHost {
	return &routev3.VirtualHost{
		Name: "*", Domains: []string{"*"},
		Routes: []*routev3.Route{{
			Match: routeMatch(mesh.Match{Prefix: "/"}, mesh.HTTP),
			Action: &routev3.Route_Route{Route: &routev3.RouteAction{
				ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: t.allowAllCluster()},
				Timeout:          durationpb.New(0), // The mesh says nothing about calls that leave it.
			}},
		}},
		TypedPerFilterConfig: map[string]*anypb.Any{dfpFilterName: t.any(&routev3.FilterConfig{Config: &anypb.Any{}})},
	}
}

// reservedHost answers calls to a service that nothing provides.
func reservedHost(service string) *routev3.VirtualHost {
	name := strings.ToLower(service)
	return &routev3.VirtualHost{
		Name: name, Domains: []string{name, name + ":*"},
		Routes: []*routev3.Route{{
			Match:  routeMatch(mesh.Match{Prefix: "/"}, mesh.HTTP),
			Action: directAnswer(404, "weir: nothing provides service %s", service),
		}},
	}
}

// directAnswer is a response by the proxy itself.
func directAnswer(status uint32, format string, args ...any) *routev3.Route_DirectResponse {
	return &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
		Status: status,
		Body: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{
			InlineString: fmt.Sprintf(format, args...) + "\n",
		}},
	}}
}
