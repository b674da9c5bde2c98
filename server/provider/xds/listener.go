package xds

import (
	"strconv"
	"strings"
	"time"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	dfpfilterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/dynamic_forward_proxy/v3"
	routerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/router/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	ingressPrefix = "ingress" // stat prefixes, App Mesh's
	egressPrefix  = "egress"

	defaultPerRequest = 15 * time.Second
	defaultIdle       = 300 * time.Second

	dfpFilterName = "envoy.filters.http.dynamic_forward_proxy"
	tcpProxyName  = "envoy.filters.network.tcp_proxy"
	hcmName       = "envoy.filters.network.http_connection_manager"
)

// ingress makes one of a node's listeners and the cluster behind it.
func (t *translator) ingress(node mesh.VirtualNode, l mesh.Listener, port int) {
	if !t.take(port, "listener "+string(l.Protocol)+" "+strconv.Itoa(l.Port)+" of node "+node.Name) {
		return
	}
	cluster := mesh.IngressCluster(t.mesh.Name, node.Name, l.Protocol, l.Port)
	t.ingressCluster(cluster, l, t.proxy.AppAddress, l.Port)
	name := listenerName("lds_ingress_", t.proxy.Bind, port)
	if l.Protocol == mesh.TCP {
		t.listener(name, t.proxy.Bind, port, &listenerv3.Filter{
			Name: tcpProxyName,
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: t.any(&tcpv3.TcpProxy{
				StatPrefix:       ingressPrefix,
				ClusterSpecifier: &tcpv3.TcpProxy_Cluster{Cluster: cluster},
				IdleTimeout:      tcpIdle(l.Timeout),
			})},
		})
		return
	}
	routes := routesName("rds_ingress_http_", port)
	t.httpListener(name, t.proxy.Bind, port, &hcmv3.HttpConnectionManager{
		StatPrefix:                ingressPrefix,
		RouteSpecifier:            t.rds(routes),
		CommonHttpProtocolOptions: connectionIdle(l.Timeout),
	})
	t.add(RouteType, routes, &routev3.RouteConfiguration{
		Name:             routes,
		ValidateClusters: wrapperspb.Bool(true),
		VirtualHosts: []*routev3.VirtualHost{{
			Name: cluster, Domains: []string{"*"},
			Routes: []*routev3.Route{{
				Match: &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}},
				Action: &routev3.Route_Route{Route: &routev3.RouteAction{
					ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: cluster},
					Timeout:          perRequest(l.Timeout),
					IdleTimeout:      idle(l.Timeout),
				}},
			}},
		}},
	})
}

// egressListener is where the application (or, on a gateway, the gateway itself) calls the mesh's services.
type egressListener struct {
	address     string
	hosts       []*routev3.VirtualHost
	node        bool   // false: a gateway's
	vhostHeader string // names the service instead of the Host header
}

// egressHTTP makes the one listener that all HTTP backends share. It exists without backends too, so that the first
// backend is a change of routes only. Changes of the egress filter are changes of routes too: the filter that ALLOW_ALL
// needs is always there, switched off, and switched on by the route that uses it. A listener would keep its old form for
// the connections that are open.
func (t *translator) egressHTTP(e egressListener) {
	port := t.proxy.EgressPort
	routes := routesName("rds_egress_http_", port)
	manager := &hcmv3.HttpConnectionManager{
		StatPrefix:     egressPrefix,
		RouteSpecifier: t.rds(routes),
		NormalizePath:  wrapperspb.Bool(true),
		MergeSlashes:   true,
	}
	if e.node {
		manager.LocalReplyConfig = noRouteReply("weir: node " + t.proxy.Node + " has no backend for this host, or its service no route for this request\n")
		manager.HttpFilters = append(manager.HttpFilters, &hcmv3.HttpFilter{
			Name:     dfpFilterName,
			Disabled: true,
			ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: t.any(&dfpfilterv3.FilterConfig{
				ImplementationSpecifier: &dfpfilterv3.FilterConfig_DnsCacheConfig{DnsCacheConfig: dnsCache()},
			})},
		})
	}
	t.httpListener(listenerName("lds_egress_", e.address, port), e.address, port, manager)
	config := &routev3.RouteConfiguration{
		Name:             routes,
		ValidateClusters: wrapperspb.Bool(true),
		VirtualHosts:     e.hosts,
		VhostHeader:      e.vhostHeader,
	}
	if e.vhostHeader != "" {
		config.RequestHeadersToRemove = []string{e.vhostHeader}
	}
	t.add(RouteType, routes, config)
}

// egressTCP makes the listeners for a TCP backend, which carries no host name to route by. The backend's local port
// stands for the service's first TCP port.
func (t *translator) egressTCP(b mesh.Backend) {
	first := true
	for _, p := range t.mesh.Ports(b.Service) {
		if p.Protocol != mesh.TCP {
			continue
		}
		port := p.Port
		if first && b.LocalPort != 0 {
			port = b.LocalPort
		}
		first = false
		route, ok := t.tcpRoute(b.Service, p.Port)
		if !ok {
			continue
		}
		shares := t.shares(route)
		if len(shares) == 0 {
			continue
		}
		if !t.take(port, "backend "+joinPort(b.Service, p.Port)) {
			continue
		}
		proxy := &tcpv3.TcpProxy{StatPrefix: egressPrefix, IdleTimeout: tcpIdle(route.Timeout)}
		if len(shares) == 1 {
			proxy.ClusterSpecifier = &tcpv3.TcpProxy_Cluster{Cluster: shares[0].cluster}
		} else {
			proxy.ClusterSpecifier = &tcpv3.TcpProxy_WeightedClusters{WeightedClusters: tcpWeights(shares)}
		}
		t.listener(listenerName("lds_egress_", t.proxy.Bind, port), t.proxy.Bind, port, &listenerv3.Filter{
			Name:       tcpProxyName,
			ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: t.any(proxy)},
		})
	}
}

// tcpWeights leaves out targets of weight 0, which Envoy refuses here; their clusters stay, ready for the next weights.
func tcpWeights(shares []share) *tcpv3.TcpProxy_WeightedCluster {
	weights := &tcpv3.TcpProxy_WeightedCluster{}
	for _, s := range shares {
		if s.weight > 0 {
			weights.Clusters = append(weights.Clusters, &tcpv3.TcpProxy_WeightedCluster_ClusterWeight{Name: s.cluster, Weight: s.weight})
		}
	}
	return weights
}

// httpListener completes an HTTP connection manager with what all of them have, and makes its listener.
func (t *translator) httpListener(name, bind string, port int, m *hcmv3.HttpConnectionManager) {
	m.CodecType = hcmv3.HttpConnectionManager_AUTO
	m.GenerateRequestId = wrapperspb.Bool(false) // Nothing here traces or logs by it.
	m.UpgradeConfigs = []*hcmv3.HttpConnectionManager_UpgradeConfig{{UpgradeType: "websocket"}}
	m.HttpFilters = append(m.HttpFilters, &hcmv3.HttpFilter{
		Name:       "envoy.filters.http.router",
		ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: t.any(&routerv3.Router{})},
	})
	t.listener(name, bind, port, &listenerv3.Filter{
		Name: hcmName, ConfigType: &listenerv3.Filter_TypedConfig{TypedConfig: t.any(m)},
	})
}

func (t *translator) listener(name, bind string, port int, filter *listenerv3.Filter) {
	direction := corev3.TrafficDirection_OUTBOUND
	if strings.HasPrefix(name, "lds_ingress_") {
		direction = corev3.TrafficDirection_INBOUND
	}
	t.add(ListenerType, name, &listenerv3.Listener{
		Name:             name,
		Address:          address(bind, port),
		TrafficDirection: direction,
		FilterChains:     []*listenerv3.FilterChain{{Filters: []*listenerv3.Filter{filter}}},
	})
}

// noRouteReply gives the 404 of requests that nothing matches a reason. It is not an own route: Envoy counts these requests
// as such (http.egress.no_route), and the console shows the count.
func noRouteReply(text string) *hcmv3.LocalReplyConfig {
	return &hcmv3.LocalReplyConfig{Mappers: []*hcmv3.ResponseMapper{{
		Filter: &accesslogv3.AccessLogFilter{FilterSpecifier: &accesslogv3.AccessLogFilter_ResponseFlagFilter{
			ResponseFlagFilter: &accesslogv3.ResponseFlagFilter{Flags: []string{"NR"}},
		}},
		Body: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: text}},
	}}}
}

// rds fetches routes by themselves, so that a weight or a timeout moves without touching the listener. A new listener
// waits for its routes as long as it takes: without them it would answer 404.
func (t *translator) rds(name string) *hcmv3.HttpConnectionManager_Rds {
	return &hcmv3.HttpConnectionManager_Rds{Rds: &hcmv3.Rds{ConfigSource: adsSource(0), RouteConfigName: name}}
}

func listenerName(prefix, bind string, port int) string {
	return prefix + bind + "_" + strconv.Itoa(port)
}

func routesName(prefix string, port int) string { return prefix + strconv.Itoa(port) }

// perRequest is a request's limit; zero is Envoy's "none".
func perRequest(limit *mesh.Timeout) *durationpb.Duration {
	if limit == nil || limit.PerRequest == nil {
		return durationpb.New(defaultPerRequest)
	}
	return durationOf(*limit.PerRequest)
}

// idle limits a request on which nothing moves; nil leaves Envoy's default, which is App Mesh's 300 s.
func idle(limit *mesh.Timeout) *durationpb.Duration {
	if limit == nil || limit.Idle == nil {
		return nil
	}
	return durationOf(*limit.Idle)
}

// tcpIdle limits a connection on which nothing moves. Envoy's default would be an hour.
func tcpIdle(limit *mesh.Timeout) *durationpb.Duration {
	if limit == nil || limit.Idle == nil {
		return durationpb.New(defaultIdle)
	}
	return durationOf(*limit.Idle)
}

// connectionIdle closes a listener's connections that carry no request, where the mesh says so.
func connectionIdle(limit *mesh.Timeout) *corev3.HttpProtocolOptions {
	if limit == nil || limit.Idle == nil {
		return nil
	}
	return &corev3.HttpProtocolOptions{IdleTimeout: durationOf(*limit.Idle)}
}
