package xds

import (
	"net/netip"
	"slices"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	dfpclusterv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/clusters/dynamic_forward_proxy/v3"
	dfpcommonv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/dynamic_forward_proxy/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	typev3 "github.com/envoyproxy/go-control-plane/envoy/type/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	// unbounded is App Mesh's "no limit" of a circuit breaker; Envoy's own default would be 1,024.
	unbounded = 2147483647
	// connectTimeout is short because every hop is inside one network and a retry tries another instance.
	connectTimeout = time.Second
	// fetchTimeout is only a net: the endpoints are sent together with their cluster. Without it a cluster whose
	// endpoints were lost on the way would hold back every change behind it for 15 s.
	fetchTimeout = 200 * time.Millisecond

	httpOptionsName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
	dnsCacheName    = "weir_allow_all"
)

// AllowAllCluster names the cluster that carries calls to hosts that are no backend, where the egress filter is
// ALLOW_ALL. It does not end in a port, so it is never the name of a virtual node's cluster, whatever the node's name.
func AllowAllCluster(mesh string) string { return "cds_egress_" + mesh + "_allow_all" }

// selfRedirectCluster names the cluster from a gateway's listener to its own egress listener. App Mesh's name ends in the
// egress port; a second listener of the same protocol, which App Mesh did not have, ends in its own port.
func (t *translator) selfRedirectCluster(g mesh.VirtualGateway, i int) string {
	l, port := g.Listeners[i], t.proxy.EgressPort
	if slices.ContainsFunc(g.Listeners[:i], func(o mesh.Listener) bool { return o.Protocol == l.Protocol }) {
		port = l.Port
	}
	return mesh.IngressCluster(t.mesh.Name, g.Name+"_self_redirect", l.Protocol, port)
}

// ingressCluster leads to the application beside the proxy. The listener's connection pool is enforced here.
func (t *translator) ingressCluster(name string, l mesh.Listener, address string, port int) {
	t.add(ClusterType, name, &clusterv3.Cluster{
		Name:                          name,
		ClusterDiscoveryType:          &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC},
		ConnectTimeout:                durationpb.New(connectTimeout),
		LoadAssignment:                assignment(name, []*endpointv3.LbEndpoint{lbEndpoint(address, port, 0)}),
		CircuitBreakers:               circuitBreakers(l.ConnectionPool),
		TypedExtensionProtocolOptions: t.protocolOptions(l.Protocol, nil),
	})
}

// egressCluster leads to one listener of another virtual node, and makes it known the first time it is asked for.
func (t *translator) egressCluster(node mesh.VirtualNode, l mesh.Listener) string {
	name := mesh.EgressCluster(t.mesh.Name, node.Name, l.Protocol, l.Port)
	if t.reached[name] {
		return name
	}
	t.reached[name] = true
	c := &clusterv3.Cluster{
		Name:                          name,
		ConnectTimeout:                durationpb.New(connectTimeout),
		LbPolicy:                      clusterv3.Cluster_ROUND_ROBIN,
		CircuitBreakers:               circuitBreakers(nil),
		OutlierDetection:              outlierDetection(l.OutlierDetection),
		HealthChecks:                  healthChecks(l.HealthCheck),
		TypedExtensionProtocolOptions: t.protocolOptions(l.Protocol, upstreamIdle(l)),
		// Without this, hosts that were taken away stay as long as their health check succeeds.
		IgnoreHealthOnHostRemoval: true,
	}
	if d := node.ServiceDiscovery; d != nil && d.DNS != nil {
		kind := clusterv3.Cluster_LOGICAL_DNS
		if d.DNS.ResponseType == mesh.Endpoints {
			kind = clusterv3.Cluster_STRICT_DNS
		}
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: kind}
		c.DnsLookupFamily = clusterv3.Cluster_V4_PREFERRED
		c.LoadAssignment = assignment(name, []*endpointv3.LbEndpoint{lbEndpoint(d.DNS.Hostname, l.Port, healthPort(l))})
	} else {
		c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}
		c.EdsClusterConfig = &clusterv3.Cluster_EdsClusterConfig{EdsConfig: adsSource(fetchTimeout)}
		t.add(EndpointType, name, t.endpoints(name, node, l))
	}
	t.add(ClusterType, name, c)
	return name
}

// allowAllCluster resolves the host of each request by DNS.
func (t *translator) allowAllCluster() string {
	name := AllowAllCluster(t.mesh.Name)
	t.add(ClusterType, name, &clusterv3.Cluster{
		Name:            name,
		ConnectTimeout:  durationpb.New(5 * time.Second), // the destination may be far away
		LbPolicy:        clusterv3.Cluster_CLUSTER_PROVIDED,
		CircuitBreakers: circuitBreakers(nil),
		ClusterDiscoveryType: &clusterv3.Cluster_ClusterType{ClusterType: &clusterv3.Cluster_CustomClusterType{
			Name: "envoy.clusters.dynamic_forward_proxy",
			TypedConfig: t.any(&dfpclusterv3.ClusterConfig{
				ClusterImplementationSpecifier: &dfpclusterv3.ClusterConfig_DnsCacheConfig{DnsCacheConfig: dnsCache()},
			}),
		}},
	})
	return name
}

// dnsCache is shared by the dynamic forward proxy's filter and its cluster; Envoy demands that both say the same.
func dnsCache() *dfpcommonv3.DnsCacheConfig {
	return &dfpcommonv3.DnsCacheConfig{Name: dnsCacheName, DnsLookupFamily: clusterv3.Cluster_V4_PREFERRED}
}

// circuitBreakers turns a connection pool into Envoy's limits.
func circuitBreakers(pool *mesh.ConnectionPool) *clusterv3.CircuitBreakers {
	if pool == nil {
		pool = &mesh.ConnectionPool{}
	}
	limit := func(n *int) *wrapperspb.UInt32Value {
		if n == nil {
			return wrapperspb.UInt32(unbounded)
		}
		return wrapperspb.UInt32(uint32(max(0, min(*n, unbounded)))) //nolint:gosec // Clamped to what fits.
	}
	return &clusterv3.CircuitBreakers{Thresholds: []*clusterv3.CircuitBreakers_Thresholds{{
		MaxConnections:     limit(pool.MaxConnections),
		MaxPendingRequests: limit(pool.MaxPendingRequests),
		MaxRequests:        limit(pool.MaxRequests),
		MaxRetries:         limit(pool.MaxRetries),
	}}}
}

// outlierDetection counts consecutive 5xx answers only: the operator set no rule about success rates.
func outlierDetection(o *mesh.OutlierDetection) *clusterv3.OutlierDetection {
	if o == nil {
		return nil
	}
	return &clusterv3.OutlierDetection{
		Consecutive_5Xx:      uint32Of(o.MaxServerErrors),
		Interval:             durationOf(o.Interval),
		BaseEjectionTime:     durationOf(o.BaseEjectionTime),
		MaxEjectionPercent:   uint32Of(o.MaxEjectionPercent),
		EnforcingSuccessRate: wrapperspb.UInt32(0),
	}
}

// healthChecks are active checks. A cluster without traffic is checked as often as one with: the interval is a promise.
func healthChecks(h *mesh.HealthCheck) []*corev3.HealthCheck {
	if h == nil {
		return nil
	}
	check := &corev3.HealthCheck{
		Timeout:            durationOf(h.Timeout),
		Interval:           durationOf(h.Interval),
		NoTrafficInterval:  durationOf(h.Interval),
		HealthyThreshold:   uint32Of(h.HealthyThreshold),
		UnhealthyThreshold: uint32Of(h.UnhealthyThreshold),
	}
	switch h.Protocol {
	case mesh.GRPC:
		check.HealthChecker = &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: &corev3.HealthCheck_GrpcHealthCheck{}}
	case mesh.TCP:
		check.HealthChecker = &corev3.HealthCheck_TcpHealthCheck_{TcpHealthCheck: &corev3.HealthCheck_TcpHealthCheck{}}
	default:
		codec := typev3.CodecClientType_HTTP1
		if h.Protocol == mesh.HTTP2 {
			codec = typev3.CodecClientType_HTTP2
		}
		check.HealthChecker = &corev3.HealthCheck_HttpHealthCheck_{HttpHealthCheck: &corev3.HealthCheck_HttpHealthCheck{
			Path: h.Path, CodecClientType: codec,
		}}
	}
	return []*corev3.HealthCheck{check}
}

// protocolOptions fixes the protocol towards the other side: nothing for TCP. A nil idle is Envoy's hour.
func (t *translator) protocolOptions(p mesh.Protocol, idle *durationpb.Duration) map[string]*anypb.Any {
	explicit := &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig{}
	switch p {
	case mesh.TCP:
		return nil
	case mesh.HTTP2, mesh.GRPC:
		explicit.ProtocolConfig = &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_Http2ProtocolOptions{
			Http2ProtocolOptions: &corev3.Http2ProtocolOptions{},
		}
	default:
		explicit.ProtocolConfig = &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_HttpProtocolOptions{
			HttpProtocolOptions: &corev3.Http1ProtocolOptions{},
		}
	}
	options := &upstreamv3.HttpProtocolOptions{
		UpstreamProtocolOptions: &upstreamv3.HttpProtocolOptions_ExplicitHttpConfig_{ExplicitHttpConfig: explicit},
	}
	if idle != nil {
		options.CommonHttpProtocolOptions = &corev3.HttpProtocolOptions{IdleTimeout: idle}
	}
	return map[string]*anypb.Any{httpOptionsName: t.any(options)}
}

// upstreamIdle lets callers close idle connections a little before the listener does. With the same limit on both sides
// a request could meet a connection that is just being closed.
func upstreamIdle(l mesh.Listener) *durationpb.Duration {
	if l.Timeout == nil || l.Timeout.Idle == nil || *l.Timeout.Idle <= 0 {
		return nil
	}
	idle := time.Duration(*l.Timeout.Idle)
	return durationpb.New(min(idle-idle/10, time.Hour))
}

// adsSource says that a resource comes over the stream that the proxy has open already.
func adsSource(timeout time.Duration) *corev3.ConfigSource {
	return &corev3.ConfigSource{
		ConfigSourceSpecifier: &corev3.ConfigSource_Ads{Ads: &corev3.AggregatedConfigSource{}},
		ResourceApiVersion:    corev3.ApiVersion_V3,
		InitialFetchTimeout:   durationpb.New(timeout),
	}
}

// loopback is an address on which the proxy reaches itself when it binds to bind.
func loopback(bind string) string {
	addr, err := netip.ParseAddr(bind)
	switch {
	case err != nil || !addr.IsUnspecified():
		return bind
	case addr.Is4():
		return "127.0.0.1"
	default:
		return "::1"
	}
}

func durationOf(d mesh.Duration) *durationpb.Duration { return durationpb.New(time.Duration(d)) }

func uint32Of(n int) *wrapperspb.UInt32Value {
	return wrapperspb.UInt32(uint32(max(0, min(n, unbounded)))) //nolint:gosec // Clamped to what fits.
}
