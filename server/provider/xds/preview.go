package xds

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

var _ provider.Previewer = (*Server)(nil)

// kindOfProxy is one class of connected proxies, as it is and as it would be.
type kindOfProxy struct {
	group    string
	identity Identity
	ids      []string
	now      *prepared
}

// Preview translates a mesh for every class of connected proxies and compares it with the newest that each is to run. A
// class whose node or gateway would be gone counts as changed.
func (s *Server) Preview(ctx context.Context, next mesh.Mesh, drafts int) (provider.Preview, error) {
	classes, known := s.classes(next.Name)
	instances := s.instances(next)
	var out provider.Preview
	drawn := make(map[string]bool)
	for _, c := range classes {
		if ctx.Err() != nil {
			return provider.Preview{}, mesh.Errorf(mesh.Unavailable, "which proxies of mesh %s would change was not found out in time", next.Name)
		}
		out.Connected += len(c.ids)
		if !exists(next, c.identity) {
			out.Changed = append(out.Changed, c.ids...)
			continue
		}
		snap, err := s.translate(Input{Mesh: next, Proxy: c.identity, Instances: instances})
		if err == nil && prepare(snap, known).equal(c.now) {
			continue
		}
		out.Changed = append(out.Changed, c.ids...)
		switch {
		case drawn[c.group]:
		case len(out.Drafts) >= drafts:
			out.More++
		default:
			out.Drafts = append(out.Drafts, drafted(c.identity, snap, err))
		}
		drawn[c.group] = true
	}
	slices.Sort(out.Changed)
	slices.SortFunc(out.Drafts, func(a, b provider.Draft) int { return strings.Compare(a.For, b.For) })
	return out, nil
}

// classes lists the classes of a mesh's connected proxies, sorted, and what is prepared already.
func (s *Server) classes(meshName string) ([]kindOfProxy, pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	m, ok := s.meshes[meshName]
	if !ok {
		return nil, pool{}
	}
	byClass := make(map[string]*kindOfProxy)
	for key, g := range m.groups {
		for x := range g.sessions {
			c := byClass[x.class]
			if c == nil {
				c = &kindOfProxy{group: key, identity: x.identity, now: g.newest.snaps[x.class]}
				byClass[x.class] = c
			}
			c.ids = append(c.ids, x.id)
		}
	}
	var list []kindOfProxy
	for _, class := range slices.Sorted(maps.Keys(byClass)) {
		list = append(list, *byClass[class])
	}
	return list, s.known(m)
}

// drafted writes what a proxy would run, or why that cannot be made.
func drafted(p Identity, snap *Snapshot, err error) provider.Draft {
	d := provider.Draft{For: "node " + p.Node}
	if p.Gateway != "" {
		d.For = "gateway " + p.Gateway
	}
	if err == nil {
		d.Config, err = Static(p, snap)
	}
	if err != nil {
		d.Refusal = err.Error()
	}
	return d
}

// Static writes a snapshot as the JSON of an Envoy configuration that needs no control plane: endpoints in their clusters,
// routes in their listeners. It is what a proxy would run, for `envoy --mode validate`.
func Static(p Identity, s *Snapshot) ([]byte, error) {
	b := &bootstrapv3.Bootstrap{
		Node:            &corev3.Node{Id: p.NodeID, Cluster: p.Node + p.Gateway},
		StaticResources: &bootstrapv3.Bootstrap_StaticResources{},
	}
	for _, name := range slices.Sorted(maps.Keys(s.Resources[ClusterType])) {
		c := &clusterv3.Cluster{}
		if err := s.unpack(ClusterType, name, c); err != nil {
			return nil, err
		}
		if c.GetType() == clusterv3.Cluster_EDS {
			c.ClusterDiscoveryType = &clusterv3.Cluster_Type{Type: clusterv3.Cluster_STATIC}
			c.EdsClusterConfig, c.LoadAssignment = nil, &endpointv3.ClusterLoadAssignment{}
			if err := s.unpack(EndpointType, name, c.GetLoadAssignment()); err != nil {
				return nil, err
			}
		}
		b.StaticResources.Clusters = append(b.StaticResources.Clusters, c)
	}
	for _, name := range slices.Sorted(maps.Keys(s.Resources[ListenerType])) {
		l := &listenerv3.Listener{}
		if err := s.unpack(ListenerType, name, l); err != nil {
			return nil, err
		}
		for _, chain := range l.GetFilterChains() {
			if err := s.inline(chain); err != nil {
				return nil, err
			}
		}
		b.StaticResources.Listeners = append(b.StaticResources.Listeners, l)
	}
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(b)
	if err != nil {
		return nil, fmt.Errorf("write the configuration of %s: %w", p.NodeID, err)
	}
	return data, nil
}

// inline puts the routes that a filter chain fetches by name into it.
func (s *Snapshot) inline(chain *listenerv3.FilterChain) error {
	for _, f := range chain.GetFilters() {
		manager := &hcmv3.HttpConnectionManager{}
		if !f.GetTypedConfig().MessageIs(manager) {
			continue
		}
		if err := f.GetTypedConfig().UnmarshalTo(manager); err != nil {
			return fmt.Errorf("read filter %s: %w", f.GetName(), err)
		}
		routes := &routev3.RouteConfiguration{}
		if err := s.unpack(RouteType, manager.GetRds().GetRouteConfigName(), routes); err != nil {
			return err
		}
		manager.RouteSpecifier = &hcmv3.HttpConnectionManager_RouteConfig{RouteConfig: routes}
		packed, err := anypb.New(manager)
		if err != nil {
			return fmt.Errorf("write filter %s: %w", f.GetName(), err)
		}
		f.ConfigType = &listenerv3.Filter_TypedConfig{TypedConfig: packed}
	}
	return nil
}

// unpack reads one resource.
func (s *Snapshot) unpack(typeURL, name string, into proto.Message) error {
	r, ok := s.Resources[typeURL][name]
	if !ok {
		return mesh.Errorf(mesh.Internal, "the configuration names %q of type %s and does not have it", name, typeURL)
	}
	if err := r.Body.UnmarshalTo(into); err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	return nil
}
