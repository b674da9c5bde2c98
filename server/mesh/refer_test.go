package mesh_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/mesh"
)

func TestReferences(t *testing.T) {
	m := mesh.Mesh{
		Name:     "m",
		Nodes:    []mesh.VirtualNode{{Name: "a", Backends: []mesh.Backend{{Service: "s"}, {Service: "s"}, {Service: "ghost"}}}, {Name: "b"}},
		Services: []mesh.VirtualService{{Name: "direct", Node: "b"}, {Name: "s", Router: "r"}},
		Routers:  []mesh.VirtualRouter{{Name: "r"}},
		Routes: []mesh.Route{
			{Router: "r", Name: "one", Targets: []mesh.WeightedTarget{{Node: "b", Weight: 1}, {Node: "b", Port: 9, Weight: 1}}},
		},
		Gateways:      []mesh.VirtualGateway{{Name: "g"}},
		GatewayRoutes: []mesh.GatewayRoute{{Gateway: "g", Name: "all", Target: mesh.GatewayTarget{Service: "s"}}},
	}
	node := func(name string) mesh.Ref { return mesh.Ref{Kind: mesh.KindNode, Name: name} }
	service, route := mesh.Ref{Kind: mesh.KindService, Name: "s"}, mesh.Ref{Kind: mesh.KindRoute, Name: "r/one"}
	router, gateway := mesh.Ref{Kind: mesh.KindRouter, Name: "r"}, mesh.Ref{Kind: mesh.KindGateway, Name: "g"}
	inner := mesh.Ref{Kind: mesh.KindGatewayRoute, Name: "g/all"}
	for _, c := range []struct {
		of   mesh.Object
		want []mesh.Ref
	}{
		{m.Nodes[0], []mesh.Ref{service, {Kind: mesh.KindService, Name: "ghost"}}},
		{m.Services[1], []mesh.Ref{router}},
		{m.Services[0], []mesh.Ref{node("b")}},
		{m.Routes[0], []mesh.Ref{router, node("b")}},
		{m.GatewayRoutes[0], []mesh.Ref{gateway, service}},
		{m.Gateways[0], nil},
		{m.Settings(), nil},
	} {
		if diff := cmp.Diff(c.want, mesh.References(c.of)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", c.of.Ref(), diff)
		}
	}
	for ref, want := range map[mesh.Ref][]mesh.Ref{
		service: {node("a"), inner}, router: {route, service}, node("b"): {route, {Kind: mesh.KindService, Name: "direct"}},
		gateway: {inner}, route: nil, {Kind: mesh.KindMesh, Name: "m"}: nil,
	} {
		if diff := cmp.Diff(want, m.ReferredBy(ref)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", ref, diff)
		}
	}
}
