// Package xds is Weir's own control plane: it translates a mesh into Envoy's resources (Translate, pure) and serves
// them over delta ADS, type by type and in an order that fails no request. It also takes the proxies' metrics on the
// same port. Envoy's types stay inside this package.
package xds

import (
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/registry"
)

// The four types of resources, in the order in which additions are delivered.
const (
	ClusterType  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	EndpointType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	ListenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"
	RouteType    = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
)

// Resource is one Envoy resource, marshalled once. Version is a hash of its content, so that a proxy that reconnects,
// or a Weir that restarts, finds nothing to send when nothing changed.
type Resource struct {
	Name    string
	Version string
	Body    *anypb.Any
}

// Snapshot is everything that one proxy should run: by type URL, then by name. It is never changed once built.
type Snapshot struct {
	Resources map[string]map[string]Resource
	// Warnings are parts of the mesh that could not be carried out for this proxy, in words.
	Warnings []string
}

// Identity is who a proxy is and where it listens, as read from its first message.
type Identity struct {
	Mesh, Node, Gateway string // exactly one of Node and Gateway
	Instance            string // tells proxies of the same node apart
	NodeID              string // as the proxy named itself
	Version             string // "envoy 1.40.0"

	Address     string      // where other proxies reach it; empty if it did not say
	Bind        string      // its listeners' address, "0.0.0.0" by default
	AppAddress  string      // where its application listens, "127.0.0.1" by default
	EgressPort  int         // 15001 by default
	IngressPort map[int]int // mesh listener port → the proxy's port; by default 15000, then 15002 and up
}

// Instance is one place where a virtual node can be reached.
type Instance = registry.Instance

// Input is what one proxy's snapshot depends on.
type Input struct {
	Mesh      mesh.Mesh
	Proxy     Identity
	Instances map[string][]Instance // by virtual node, for those found by registration; sorted by ID
}
