package xdstest

import (
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// The type URLs, as on the wire.
const (
	cluster  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	endpoint = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	listener = "type.googleapis.com/envoy.config.listener.v3.Listener"
	route    = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
)

// check notices what would fail requests, and refuses routes to clusters that do not exist, as validate_clusters does.
func (s *stream) check(resp *discoveryv3.DeltaDiscoveryResponse) (refused string) {
	e := s.envoy
	running := e.types[cluster].versions
	switch resp.GetTypeUrl() {
	case route:
		for _, r := range resp.GetResources() {
			for _, name := range routeClusters(r.GetResource()) {
				if _, ok := running[name]; !ok {
					e.broken = append(e.broken, fmt.Sprintf("route configuration %s names cluster %s, which does not run", r.GetName(), name))
					return fmt.Sprintf("route: unknown weighted cluster '%s'", name)
				}
				if eds := edsName(e.types[cluster].bodies[name]); s.warming[eds] {
					e.broken = append(e.broken, fmt.Sprintf("route configuration %s names cluster %s, which is not warm", r.GetName(), name))
				}
			}
		}
	case cluster:
		for _, gone := range resp.GetRemovedResources() {
			for name, body := range e.types[route].bodies {
				for _, used := range routeClusters(body) {
					if used == gone {
						e.broken = append(e.broken, fmt.Sprintf("cluster %s is removed while route configuration %s names it", gone, name))
					}
				}
			}
		}
	}
	return ""
}

// take applies a response that was not refused.
func (s *stream) take(resp *discoveryv3.DeltaDiscoveryResponse) {
	h := s.envoy.types[resp.GetTypeUrl()]
	for _, name := range resp.GetRemovedResources() {
		delete(h.versions, name)
		delete(h.bodies, name)
		if resp.GetTypeUrl() == endpoint {
			delete(s.warming, name)
		}
	}
	for _, r := range resp.GetResources() {
		changed := h.versions[r.GetName()] != r.GetVersion()
		h.versions[r.GetName()], h.bodies[r.GetName()] = r.GetVersion(), r.GetResource()
		switch resp.GetTypeUrl() {
		case cluster:
			if eds := edsName(r.GetResource()); eds != "" && changed {
				s.warming[eds] = true
			}
		case endpoint:
			delete(s.warming, r.GetName())
		}
	}
	names := make(map[string]bool)
	switch resp.GetTypeUrl() {
	case cluster:
		for _, body := range h.bodies {
			if eds := edsName(body); eds != "" {
				names[eds] = true
			}
		}
		for name := range s.warming {
			if !names[name] {
				delete(s.warming, name)
			}
		}
		s.want(endpoint, names)
	case listener:
		for _, body := range h.bodies {
			for _, name := range listenerRoutes(body) {
				names[name] = true
			}
		}
		s.want(route, names)
	}
}

// edsName is the name of the endpoints that a cluster asks for; empty if it does not.
func edsName(body *anypb.Any) string {
	var c clusterv3.Cluster
	if body == nil || body.UnmarshalTo(&c) != nil || c.GetType() != clusterv3.Cluster_EDS {
		return ""
	}
	if name := c.GetEdsClusterConfig().GetServiceName(); name != "" {
		return name
	}
	return c.GetName()
}

// routeClusters lists the clusters that a route configuration names.
func routeClusters(body *anypb.Any) (names []string) {
	var rc routev3.RouteConfiguration
	if body == nil || body.UnmarshalTo(&rc) != nil {
		return nil
	}
	for _, host := range rc.GetVirtualHosts() {
		for _, r := range host.GetRoutes() {
			if name := r.GetRoute().GetCluster(); name != "" {
				names = append(names, name)
			}
			for _, w := range r.GetRoute().GetWeightedClusters().GetClusters() {
				names = append(names, w.GetName())
			}
		}
	}
	return names
}

// listenerRoutes lists the route configurations that a listener asks for.
func listenerRoutes(body *anypb.Any) (names []string) {
	var l listenerv3.Listener
	if body == nil || body.UnmarshalTo(&l) != nil {
		return nil
	}
	for _, chain := range append(l.GetFilterChains(), l.GetDefaultFilterChain()) {
		for _, filter := range chain.GetFilters() {
			var hcm hcmv3.HttpConnectionManager
			if filter.GetTypedConfig().UnmarshalTo(&hcm) == nil && hcm.GetRds() != nil {
				names = append(names, hcm.GetRds().GetRouteConfigName())
			}
		}
	}
	return names
}
