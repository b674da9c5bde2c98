package xds

import (
	"fmt"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	endpointv3 "github.com/envoyproxy/go-control-plane/envoy/config/endpoint/v3"
	listenerv3 "github.com/envoyproxy/go-control-plane/envoy/config/listener/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	tcpv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/tcp_proxy/v3"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

// FuzzTranslate translates every proxy of any mesh, valid or not: the snapshot holds together or there is an error, and
// nothing panics.
func FuzzTranslate(f *testing.F) { f.Fuzz(rapid.MakeFuzz(checkAnyMesh)) }

// TestTranslateAnyMesh does the same on a hundred meshes, each time other ones.
func TestTranslateAnyMesh(t *testing.T) { rapid.Check(t, checkAnyMesh) }

// TestEnvoyAcceptsAnyMesh lets a real Envoy load what a few generated meshes come to.
func TestEnvoyAcceptsAnyMesh(t *testing.T) {
	loaded := 0
	for seed := 0; loaded < 10; seed++ {
		m := rapid.Custom(func(t *rapid.T) mesh.Mesh { return drawMesh(t, true) }).Example(seed)
		for _, in := range everyProxy(m) {
			if s, err := Translate(in); err == nil && m.Validate() == nil && len(s.Resources[ClusterType]) > 1 {
				envoyValidates(t, mustYAML(t, staticBootstrap(t, s)))
				loaded++
			}
		}
	}
}

func checkAnyMesh(t *rapid.T) {
	sane := rapid.Bool().Draw(t, "sane")
	m := drawMesh(t, sane)
	valid := m.Validate() == nil
	for _, in := range everyProxy(m) {
		s, err := Translate(in)
		if err != nil {
			if valid {
				t.Fatalf("a valid mesh is refused: %v", err)
			}
			continue
		}
		if err := consistent(s); err != nil {
			t.Fatalf("%s: %v", in.Proxy.NodeID, err)
		}
	}
}

// everyProxy is one proxy of each node and gateway.
func everyProxy(m mesh.Mesh) []Input {
	instances := map[string][]Instance{}
	var list []Input
	identity := Identity{Mesh: m.Name, Bind: "0.0.0.0", AppAddress: "127.0.0.1", EgressPort: defaultEgressPort}
	for i, n := range m.Nodes {
		ports := identity.ListenPorts(n.Listeners)
		instances[n.Name] = []Instance{{ID: "1", Address: fmt.Sprintf("10.0.0.%d", i+1), Ports: ports}}
		p := identity
		p.Node, p.NodeID = n.Name, "mesh/"+m.Name+"/virtualNode/"+n.Name
		list = append(list, Input{Mesh: m, Proxy: p, Instances: instances})
	}
	for _, g := range m.Gateways {
		p := identity
		p.Gateway, p.NodeID = g.Name, "mesh/"+m.Name+"/virtualGateway/"+g.Name
		list = append(list, Input{Mesh: m, Proxy: p, Instances: instances})
	}
	return list
}

// consistent checks that everything a snapshot names is in it, and nothing twice.
func consistent(s *Snapshot) error {
	for name, r := range s.Resources[ClusterType] {
		c := &clusterv3.Cluster{}
		if err := r.Body.UnmarshalTo(c); err != nil || c.GetName() != name {
			return fmt.Errorf("cluster %s: %s, %w", name, c.GetName(), err)
		}
		if _, ok := s.Resources[EndpointType][name]; ok != (c.GetType() == clusterv3.Cluster_EDS) {
			return fmt.Errorf("cluster %s is %s and its endpoints are there: %v", name, c.GetType(), ok)
		}
	}
	for name, r := range s.Resources[EndpointType] {
		e := &endpointv3.ClusterLoadAssignment{}
		if err := r.Body.UnmarshalTo(e); err != nil || e.GetClusterName() != name || s.Resources[ClusterType][name].Body == nil {
			return fmt.Errorf("endpoints %s: for %s, %w", name, e.GetClusterName(), err)
		}
	}
	for name, r := range s.Resources[RouteType] {
		c := &routev3.RouteConfiguration{}
		if err := r.Body.UnmarshalTo(c); err != nil || c.GetName() != name {
			return fmt.Errorf("routes %s: %s, %w", name, c.GetName(), err)
		}
		if err := consistentRoutes(s, c); err != nil {
			return fmt.Errorf("routes %s: %w", name, err)
		}
	}
	addresses, used := map[string]string{}, map[string]bool{}
	for name, r := range s.Resources[ListenerType] {
		l := &listenerv3.Listener{}
		if err := r.Body.UnmarshalTo(l); err != nil || l.GetName() != name {
			return fmt.Errorf("listener %s: %s, %w", name, l.GetName(), err)
		}
		address := fmt.Sprint(l.GetAddress().GetSocketAddress().GetPortValue())
		if other, ok := addresses[address]; ok {
			return fmt.Errorf("listeners %s and %s are on one port", name, other)
		}
		addresses[address] = name
		if err := consistentListener(s, l, used); err != nil {
			return fmt.Errorf("listener %s: %w", name, err)
		}
	}
	if len(used) != len(s.Resources[RouteType]) {
		return fmt.Errorf("%d route configurations, of which %d are used", len(s.Resources[RouteType]), len(used))
	}
	return nil
}

func consistentListener(s *Snapshot, l *listenerv3.Listener, used map[string]bool) error {
	filter := l.GetFilterChains()[0].GetFilters()[0]
	m, err := filter.GetTypedConfig().UnmarshalNew()
	if err != nil {
		return err
	}
	var clusters []string
	switch m := m.(type) {
	case *hcmv3.HttpConnectionManager:
		name := m.GetRds().GetRouteConfigName()
		used[name] = true
		if s.Resources[RouteType][name].Body == nil {
			return fmt.Errorf("there are no routes %s", name)
		}
	case *tcpv3.TcpProxy:
		clusters = append(clusters, m.GetCluster())
		if w := m.GetWeightedClusters(); w != nil {
			clusters = nil
			for _, c := range w.GetClusters() {
				clusters = append(clusters, c.GetName())
			}
		}
	default:
		return fmt.Errorf("unexpected %T", m)
	}
	for _, c := range clusters {
		if s.Resources[ClusterType][c].Body == nil {
			return fmt.Errorf("there is no cluster %s", c)
		}
	}
	return nil
}

func consistentRoutes(s *Snapshot, config *routev3.RouteConfiguration) error {
	names, domains := map[string]bool{}, map[string]bool{}
	for _, host := range config.GetVirtualHosts() {
		if names[host.GetName()] {
			return fmt.Errorf("virtual host %s is there twice", host.GetName())
		}
		names[host.GetName()] = true
		for _, d := range host.GetDomains() {
			if domains[d] {
				return fmt.Errorf("domain %s is there twice", d)
			}
			domains[d] = true
		}
		for _, r := range host.GetRoutes() {
			clusters := []string{r.GetRoute().GetCluster()}
			if w := r.GetRoute().GetWeightedClusters(); w != nil {
				clusters = nil
				for _, c := range w.GetClusters() {
					clusters = append(clusters, c.GetName())
				}
			}
			for _, c := range clusters {
				if r.GetDirectResponse() == nil && s.Resources[ClusterType][c].Body == nil {
					return fmt.Errorf("route %s: there is no cluster %s", r.GetName(), c)
				}
			}
		}
	}
	return nil
}
