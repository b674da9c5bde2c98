package xds

import (
	"cmp"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	upstreamv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/upstreams/http/v3"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// describe puts what a resource says into the provider's neutral words. A body that cannot be read says nothing: the
// proxy's refusal then does.
func describe(r *provider.Resource, meshName string, body *anypb.Any) {
	m, err := body.UnmarshalNew()
	if err != nil {
		return
	}
	switch m := m.(type) {
	case *listenerv3.Listener:
		r.Listener = describeListener(m)
	case *clusterv3.Cluster:
		r.Cluster = describeCluster(m, meshName)
	case *endpointv3.ClusterLoadAssignment:
		r.Endpoints = describeEndpoints(m)
	case *routev3.RouteConfiguration:
		for _, h := range m.GetVirtualHosts() {
			host := provider.VirtualHost{Name: h.GetName(), Domains: h.GetDomains(), Routes: []provider.Route{}}
			for _, route := range h.GetRoutes() {
				host.Routes = append(host.Routes, describeRoute(route, meshName))
			}
			r.Hosts = append(r.Hosts, host)
		}
	}
}

func describeListener(l *listenerv3.Listener) *provider.Listener {
	at := l.GetAddress().GetSocketAddress()
	out := &provider.Listener{Address: at.GetAddress(), Port: int(at.GetPortValue()), Kind: "tcp"}
	for _, chain := range l.GetFilterChains() {
		for _, f := range chain.GetFilters() {
			m, err := f.GetTypedConfig().UnmarshalNew()
			if err != nil {
				continue
			}
			switch m := m.(type) {
			case *hcmv3.HttpConnectionManager:
				out.Kind, out.Routes = "http", cmp.Or(m.GetRds().GetRouteConfigName(), m.GetRouteConfig().GetName())
			case *tcpv3.TcpProxy:
				out.Cluster = m.GetCluster()
			}
		}
	}
	return out
}

func describeCluster(c *clusterv3.Cluster, meshName string) *provider.Cluster {
	out := &provider.Cluster{
		Kind: c.GetType().String(), Protocol: "http", Connect: lengthOf(c.GetConnectTimeout()), Checked: len(c.GetHealthChecks()) > 0,
	}
	if custom := c.GetClusterType(); custom != nil {
		out.Kind = custom.GetName()
	}
	if node, ingress, ok := mesh.ClusterNode(meshName, c.GetName()); ok {
		out.Node, out.Ingress = node, ingress
	}
	for _, place := range c.GetLoadAssignment().GetEndpoints() {
		for _, e := range place.GetLbEndpoints() {
			host, port := placeOf(e.GetEndpoint().GetAddress())
			out.Addresses = append(out.Addresses, joinPort(host, port))
		}
	}
	out.Protocol = protocolOf(c)
	for _, t := range c.GetCircuitBreakers().GetThresholds() {
		if t.GetPriority() == corev3.RoutingPriority_DEFAULT {
			out.Limits = mesh.ConnectionPool{
				MaxConnections: bound(t.GetMaxConnections()), MaxPendingRequests: bound(t.GetMaxPendingRequests()),
				MaxRequests: bound(t.GetMaxRequests()), MaxRetries: bound(t.GetMaxRetries()),
			}
		}
	}
	if o := c.GetOutlierDetection(); o != nil {
		out.Outliers = &mesh.OutlierDetection{
			MaxServerErrors: int(o.GetConsecutive_5Xx().GetValue()), Interval: lengthOf(o.GetInterval()),
			BaseEjectionTime: lengthOf(o.GetBaseEjectionTime()), MaxEjectionPercent: int(o.GetMaxEjectionPercent().GetValue()),
		}
	}
	return out
}

// protocolOf reads which protocol a cluster speaks; without options of HTTP it is TCP's.
func protocolOf(c *clusterv3.Cluster) string {
	packed := c.GetTypedExtensionProtocolOptions()[httpOptionsName]
	var options upstreamv3.HttpProtocolOptions
	switch {
	case packed == nil && c.GetClusterType() != nil:
		return "http"
	case packed == nil || packed.UnmarshalTo(&options) != nil:
		return "tcp"
	case options.GetExplicitHttpConfig().GetHttp2ProtocolOptions() != nil:
		return "http2"
	}
	return "http"
}

// bound is a limit of a pool; nil for Envoy's way to write that there is none.
func bound(v *wrapperspb.UInt32Value) *int {
	if v == nil || v.GetValue() >= unbounded {
		return nil
	}
	n := int(v.GetValue())
	return &n
}

func describeEndpoints(a *endpointv3.ClusterLoadAssignment) []provider.Endpoint {
	out := []provider.Endpoint{}
	for _, place := range a.GetEndpoints() {
		where := strings.TrimRight(strings.Join([]string{
			place.GetLocality().GetRegion(), place.GetLocality().GetZone(), place.GetLocality().GetSubZone(),
		}, "/"), "/")
		for _, e := range place.GetLbEndpoints() {
			host, port := placeOf(e.GetEndpoint().GetAddress())
			out = append(out, provider.Endpoint{
				Address: host, Port: port, Health: e.GetHealthStatus().String(), Locality: where,
				Weight: int(e.GetLoadBalancingWeight().GetValue()), Priority: int(place.GetPriority()),
			})
		}
	}
	return out
}

// placeOf is the address and port of an endpoint; the path of a Unix socket has no port.
func placeOf(a *corev3.Address) (host string, port int) {
	if pipe := a.GetPipe(); pipe != nil {
		return pipe.GetPath(), 0
	}
	return a.GetSocketAddress().GetAddress(), int(a.GetSocketAddress().GetPortValue())
}

func describeRoute(r *routev3.Route, meshName string) provider.Route {
	out := provider.Route{Name: r.GetName(), Match: describeMatch(r.GetMatch())}
	switch {
	case r.GetDirectResponse() != nil:
		out.Status, out.Body = int(r.GetDirectResponse().GetStatus()), r.GetDirectResponse().GetBody().GetInlineString()
	case r.GetRedirect() != nil:
		out.Redirect = true
	}
	action := r.GetRoute()
	if action == nil {
		return out
	}
	add := func(cluster string, weight int) {
		node, _, _ := mesh.ClusterNode(meshName, cluster)
		out.Targets = append(out.Targets, provider.Target{Cluster: cluster, Node: node, Weight: weight})
	}
	if name := action.GetCluster(); name != "" {
		add(name, 1)
	}
	sum := 0
	for _, c := range action.GetWeightedClusters().GetClusters() {
		add(c.GetName(), int(c.GetWeight().GetValue()))
	}
	for _, t := range out.Targets {
		sum += t.Weight
	}
	for i := range out.Targets {
		out.Targets[i].Share = float64(out.Targets[i].Weight) / float64(max(sum, 1))
	}
	if t := action.GetTimeout(); t != nil {
		length := lengthOf(t)
		out.Timeout = &length
	}
	if p := action.GetRetryPolicy(); p != nil {
		out.Retries, out.RetryOn = int(p.GetNumRetries().GetValue()), p.GetRetryOn()
	}
	return out
}

func lengthOf(d *durationpb.Duration) mesh.Duration {
	if d == nil {
		return 0
	}
	return mesh.Duration(d.AsDuration().Round(time.Microsecond))
}
