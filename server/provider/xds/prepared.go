package xds

import (
	"fmt"
	"hash"
	"slices"
	"strings"

	"github.com/cespare/xxhash/v2"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/anypb"
)

// kind is one of the four types of resources, in the order in which additions are delivered.
type kind int

const (
	clusters kind = iota
	endpoints
	listeners
	routes
	kinds int = iota
)

// url is the kind's type URL.
func (k kind) url() string {
	return [kinds]string{ClusterType, EndpointType, ListenerType, RouteType}[k]
}

// String is the kind as provider.ResourceType names it.
func (k kind) String() string { return [kinds]string{"cluster", "endpoint", "listener", "route"}[k] }

// kindOf reads a type URL; ok is false for types that Weir does not serve.
func kindOf(url string) (k kind, ok bool) {
	for k := range kind(kinds) {
		if k.url() == url {
			return k, true
		}
	}
	return 0, false
}

// ref names a resource.
type ref struct {
	kind kind
	name string
}

// resource is one resource ready for the wire, shared by every proxy that runs it.
type resource struct {
	ref
	version string
	wire    *discoveryv3.Resource
	needs   []ref // what it names: a route its clusters, a listener its clusters and routes, a cluster its endpoints
}

// set is all of one kind. Its version is a hash over names and versions.
type set struct {
	version string
	byName  map[string]*resource
}

// prepared is a snapshot ready for the wire. It is never changed once built.
type prepared struct {
	sets     [kinds]set
	warnings []string
}

// pool finds resources that were prepared before, so that equal ones are held once.
type pool map[poolKey]*resource

type poolKey struct {
	ref
	version string
}

func (p pool) addAll(ready *prepared) {
	for k := range ready.sets {
		for _, r := range ready.sets[k].byName {
			p[poolKey{r.ref, r.version}] = r
		}
	}
}

// prepare makes a snapshot ready for the wire, with what it can from the pool, and adds the rest to the pool.
func prepare(snap *Snapshot, known pool) *prepared {
	out := &prepared{warnings: snap.Warnings}
	for k := range kind(kinds) {
		from := snap.Resources[k.url()]
		byName := make(map[string]*resource, len(from))
		names := make([]string, 0, len(from))
		for name, r := range from {
			version := r.Version
			if version == "" {
				version = fmt.Sprintf("%016x", xxhash.Sum64(r.Body.GetValue()))
			}
			key := poolKey{ref{k, name}, version}
			ready, ok := known[key]
			if !ok {
				ready = &resource{
					ref: key.ref, version: version, needs: needs(k, r.Body),
					wire: &discoveryv3.Resource{Name: name, Version: version, Resource: r.Body},
				}
				known[key] = ready
			}
			byName[name] = ready
			names = append(names, name)
		}
		slices.Sort(names)
		sum := xxhash.New()
		for _, name := range names {
			writeString(sum, name)
			writeString(sum, byName[name].version)
		}
		out.sets[k] = set{version: fmt.Sprintf("%016x", sum.Sum64()), byName: byName}
	}
	return out
}

// writeString adds a string and an end mark to the hash, whose Write never fails.
func writeString(h hash.Hash, s string) { _, _ = h.Write(append([]byte(s), 0)) }

// equal says whether two snapshots are the same to a proxy.
func (p *prepared) equal(other *prepared) bool {
	if p == nil || other == nil {
		return p == other
	}
	for k := range p.sets {
		if p.sets[k].version != other.sets[k].version {
			return false
		}
	}
	return true
}

// needs lists what a resource names. A body that cannot be read names nothing: Envoy will say what is wrong with it.
func needs(k kind, body *anypb.Any) []ref {
	if k == endpoints || body == nil {
		return nil
	}
	m, err := body.UnmarshalNew()
	if err != nil {
		return nil
	}
	if c, ok := m.(*clusterv3.Cluster); ok {
		if c.GetType() != clusterv3.Cluster_EDS {
			return nil
		}
		if name := c.GetEdsClusterConfig().GetServiceName(); name != "" {
			return []ref{{endpoints, name}}
		}
		return []ref{{endpoints, c.GetName()}}
	}
	found := make(map[ref]struct{})
	walk(m.ProtoReflect(), found)
	out := make([]ref, 0, len(found))
	for r := range found {
		out = append(out, r)
	}
	slices.SortFunc(out, func(a, b ref) int { return strings.Compare(a.name, b.name) })
	return out
}

// names says which resource a string field names, by the field's full name.
func names(field protoreflect.FullName) (k kind, ok bool) {
	switch field {
	case "envoy.config.route.v3.RouteAction.cluster",
		"envoy.config.route.v3.WeightedCluster.ClusterWeight.name",
		"envoy.config.route.v3.RouteAction.RequestMirrorPolicy.cluster",
		"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.cluster",
		"envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy.WeightedCluster.ClusterWeight.name":
		return clusters, true
	case "envoy.extensions.filters.network.http_connection_manager.v3.Rds.route_config_name":
		return routes, true
	}
	return 0, false
}

// walk gathers what a message names, through every message inside it and the packed ones too.
func walk(m protoreflect.Message, found map[ref]struct{}) {
	if packed, ok := m.Interface().(*anypb.Any); ok {
		if inner, err := packed.UnmarshalNew(); err == nil {
			walk(inner.ProtoReflect(), found)
		}
		return
	}
	m.Range(func(field protoreflect.FieldDescriptor, value protoreflect.Value) bool {
		switch {
		case field.Kind() == protoreflect.StringKind && !field.IsList() && !field.IsMap():
			if k, ok := names(field.FullName()); ok && value.String() != "" {
				found[ref{k, value.String()}] = struct{}{}
			}
		case field.IsMap() && field.MapValue().Message() != nil:
			value.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool {
				walk(v.Message(), found)
				return true
			})
		case field.IsMap() || field.Message() == nil:
		case field.IsList():
			for i := range value.List().Len() {
				walk(value.List().Get(i).Message(), found)
			}
		default:
			walk(value.Message(), found)
		}
		return true
	})
}
