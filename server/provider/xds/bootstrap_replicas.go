package xds

import (
	"cmp"
	"hash/fnv"
	"slices"
	"strconv"
	"strings"
	"time"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/weirmesh/weir/server/mesh"
)

// maxServers is how many addresses of replicas a proxy is given at most.
const maxServers = 9

// servers reads the addresses of Weir's replicas, in the order in which the proxy of that ID prefers them: each another one,
// so that replicas have about as many proxies, and both streams of a proxy go to the same.
func (o BootstrapOptions) servers(id string) ([]place, error) {
	list := strings.Split(o.XDS, ",")
	if len(list) > maxServers {
		return nil, mesh.Errorf(mesh.Invalid, "bootstrap: %d xDS addresses are more than %d", len(list), maxServers)
	}
	places := make([]place, len(list))
	for i, text := range list {
		one := o
		one.XDS = strings.TrimSpace(text)
		p, err := one.server()
		if err != nil {
			return nil, err
		}
		if slices.Contains(places[:i], p) {
			return nil, mesh.Errorf(mesh.Invalid, "bootstrap: the xDS address %s is given twice", shortQuote(one.XDS))
		}
		if p.path != "" && len(list) > 1 {
			return nil, mesh.Errorf(mesh.Invalid, "bootstrap: a Unix socket leads to one Weir, and not to several: give %s alone, or host:port of each", shortQuote(one.XDS))
		}
		places[i] = p
	}
	rank := func(p place) uint64 {
		h := fnv.New64a()
		_, _ = h.Write([]byte(id + " " + p.host + ":" + strconv.Itoa(p.port)))
		return h.Sum64()
	}
	slices.SortFunc(places, func(a, b place) int { return cmp.Compare(rank(a), rank(b)) })
	return places, nil
}

// replicate makes one cluster of several replicas: a proxy stays with the first that works. A frozen replica still takes
// connections, so each is asked whether it serves; one that stops says that it does not, and its proxies leave it.
func replicate(c *clusterv3.Cluster, weirs []place) {
	c.LoadAssignment.Endpoints = nil
	for i, weir := range weirs {
		c.LoadAssignment.Endpoints = append(c.LoadAssignment.Endpoints, &endpointv3.LocalityLbEndpoints{
			Priority: uint32(i), LbEndpoints: []*endpointv3.LbEndpoint{weir.endpoint()}, //nolint:gosec // at most maxServers
		})
		if weir.discovery() == clusterv3.Cluster_STRICT_DNS { // which takes IP addresses, too
			c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STRICT_DNS}
		}
	}
	if len(weirs) == 1 {
		return
	}
	every := durationpb.New(5 * time.Second)
	c.HealthChecks = []*corev3.HealthCheck{{
		Timeout: durationpb.New(2 * time.Second), Interval: every, NoTrafficInterval: every, IntervalJitter: durationpb.New(time.Second),
		UnhealthyThreshold: uint32Of(2), HealthyThreshold: uint32Of(1),
		HealthChecker: &corev3.HealthCheck_GrpcHealthCheck_{GrpcHealthCheck: &corev3.HealthCheck_GrpcHealthCheck{}},
	}}
	c.CloseConnectionsOnHostHealthFailure = true
}
