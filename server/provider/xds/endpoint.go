package xds

import (
	"cmp"
	"slices"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"

	"github.com/weirmesh/weir/server/mesh"
)

// endpoints lists where callers reach one listener of a node: its fixed endpoints, or the instances that registered.
// The set is empty only when no instance was ever known: whoever gathers Input.Instances keeps the last ones of a node
// whose proxies went away together (a restart of Weir does just that), since an empty set would fail every call.
func (t *translator) endpoints(cluster string, node mesh.VirtualNode, l mesh.Listener) *endpointv3.ClusterLoadAssignment {
	var list []*endpointv3.LbEndpoint
	if d := node.ServiceDiscovery; d != nil && len(d.Endpoints) > 0 {
		for _, e := range d.Endpoints {
			list = append(list, lbEndpoint(e.Address, cmp.Or(e.Port, l.Port), healthPort(l)))
		}
		return assignment(cluster, list)
	}
	instances := slices.SortedStableFunc(slices.Values(t.instances[node.Name]), func(a, b Instance) int { return cmp.Compare(a.ID, b.ID) })
	for _, i := range instances {
		port, ok := i.Ports[l.Port]
		if !ok || i.Address == "" {
			continue // It connected before the listener existed, or did not say where it is.
		}
		check := healthPort(l)
		if mapped, ok := i.Ports[check]; ok {
			check = mapped
		}
		list = append(list, lbEndpoint(i.Address, port, check))
	}
	return assignment(cluster, list)
}

// healthPort is the port that health checks use instead of the listener's own, 0 for none.
func healthPort(l mesh.Listener) int {
	if l.HealthCheck == nil || l.HealthCheck.Port == l.Port {
		return 0
	}
	return l.HealthCheck.Port
}

// assignment puts all endpoints into one place: Weir does not tell zones apart.
func assignment(cluster string, list []*endpointv3.LbEndpoint) *endpointv3.ClusterLoadAssignment {
	a := &endpointv3.ClusterLoadAssignment{ClusterName: cluster}
	if len(list) > 0 {
		a.Endpoints = []*endpointv3.LocalityLbEndpoints{{LbEndpoints: list}}
	}
	return a
}

// lbEndpoint is one address; health checks go to another port of it unless check is 0.
func lbEndpoint(host string, port, check int) *endpointv3.LbEndpoint {
	e := &endpointv3.Endpoint{Address: address(host, port)}
	if check != 0 {
		e.HealthCheckConfig = &endpointv3.Endpoint_HealthCheckConfig{PortValue: uint32Of(check).GetValue()}
	}
	return &endpointv3.LbEndpoint{HostIdentifier: &endpointv3.LbEndpoint_Endpoint{Endpoint: e}}
}

// address is an IP address (or, for DNS clusters, a host name) and a TCP port.
func address(host string, port int) *corev3.Address {
	return &corev3.Address{Address: &corev3.Address_SocketAddress{SocketAddress: &corev3.SocketAddress{
		Address:       host,
		PortSpecifier: &corev3.SocketAddress_PortValue{PortValue: uint32Of(port).GetValue()},
	}}}
}
