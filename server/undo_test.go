package server

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/demo"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/provider/xds"
	"github.com/weirmesh/weir/server/store"
)

// nobody is a provider without proxies.
type nobody struct{}

func (nobody) Name() string                                     { return "nobody" }
func (nobody) Apply(context.Context, provider.Desired) error    { return nil }
func (nobody) Delivery(string, int64) (provider.Delivery, bool) { return provider.Delivery{}, false }
func (nobody) Proxies(string) []provider.Proxy                  { return nil }
func (nobody) Watch() (<-chan struct{}, func())                 { return nil, func() {} }

// translated is everything that every proxy of a mesh would get, byte by byte.
func translated(t *rapid.T, m mesh.Mesh) map[string][]byte {
	all := make(map[string][]byte)
	instances := make(map[string][]xds.Instance)
	var proxies []xds.Identity
	proxy := func(node, gateway string, ports map[int]int) {
		const address = "10.0.0.1"
		proxies = append(proxies, xds.Identity{
			Mesh: m.Name, Node: node, Gateway: gateway, Instance: "1", NodeID: node + gateway,
			Address: address, Bind: address, AppAddress: address, EgressPort: 15001, IngressPort: ports,
		})
	}
	for _, n := range m.Nodes {
		ports := make(map[int]int)
		for _, l := range n.Listeners {
			ports[l.Port] = l.Port + 1000
		}
		proxy(n.Name, "", ports)
		instances[n.Name] = []xds.Instance{{ID: "1", Address: "10.0.0.1", Ports: ports}}
	}
	for _, g := range m.Gateways {
		ports := make(map[int]int)
		for _, l := range g.Listeners {
			ports[l.Port] = l.Port + 1000
		}
		proxy("", g.Name, ports)
	}
	for _, p := range proxies {
		s, err := xds.Translate(xds.Input{Mesh: m, Proxy: p, Instances: instances})
		if err != nil {
			t.Fatal(err)
		}
		for kind, resources := range s.Resources {
			for name, r := range resources {
				all[p.NodeID+" "+kind+" "+name] = r.Body.GetValue()
			}
		}
	}
	return all
}

// edited draws a change of the sample mesh: of every kind of object, made, changed and deleted.
func edited(t *rapid.T, m mesh.Mesh) (p mesh.Patch) {
	number := rapid.IntRange(1, 50)
	switch rapid.SampledFrom(mesh.Kinds()).Draw(t, "kind") {
	case mesh.KindMesh:
		s := m.Settings()
		s.EgressFilter = rapid.SampledFrom([]mesh.EgressFilter{mesh.AllowAll, mesh.DropAll}).Draw(t, "egress")
		p.Put = append(p.Put, s)
	case mesh.KindNode:
		n := rapid.SampledFrom(m.Nodes).Draw(t, "node")
		n.Listeners = slices.Clone(n.Listeners)
		limit := number.Draw(t, "limit")
		for i := range n.Listeners {
			n.Listeners[i].ConnectionPool = &mesh.ConnectionPool{MaxConnections: &limit}
		}
		n.Backends = n.Backends[:rapid.IntRange(0, len(n.Backends)).Draw(t, "backends")]
		p.Put = append(p.Put, n)
	case mesh.KindRoute, mesh.KindSplit:
		r := rapid.SampledFrom(m.Routes).Draw(t, "route")
		r.Targets = slices.Clone(r.Targets)
		for i := range r.Targets {
			r.Targets[i].Weight = number.Draw(t, "weight")
		}
		r.Priority = number.Draw(t, "priority")
		if rapid.Bool().Draw(t, "split") {
			s := mesh.Split{Name: "shared", Targets: r.Targets}
			r.Split = s.Name
			p.Put = append(p.Put, s)
		}
		p.Put = append(p.Put, r)
		if rapid.Bool().Draw(t, "more") {
			other := r
			other.Name, other.Match = "other", mesh.Match{Prefix: "/other"}
			p.Put = append(p.Put, other)
		}
	case mesh.KindRouter, mesh.KindService:
		s := rapid.SampledFrom(m.Services).Draw(t, "service")
		p.Put = append(p.Put, mesh.VirtualNode{Name: "made", Listeners: []mesh.Listener{{Port: 9080, Protocol: mesh.HTTP}}, ServiceDiscovery: &mesh.ServiceDiscovery{Registration: &mesh.Registration{}}})
		s.Router, s.Node = "", "made"
		p.Put = append(p.Put, s)
	case mesh.KindGateway, mesh.KindGatewayRoute:
		for _, g := range m.GatewayRoutes {
			p.Delete = append(p.Delete, g.Ref())
		}
		for _, g := range m.Gateways {
			if rapid.Bool().Draw(t, "gateway") {
				p.Delete = append(p.Delete, g.Ref())
			}
		}
	}
	return p
}

// TestUndoRestoresEveryByte changes the sample mesh in whatever way and takes it back: every resource of every proxy is again
// what it was, byte by byte.
func TestUndoRestoresEveryByte(t *testing.T) {
	sample, err := demo.Sample()
	if err != nil {
		t.Fatal(err)
	}
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close() //nolint:errcheck // the end of the test
	door, err := change.New(change.Options{Store: s, Provider: nobody{}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.Propose(t.Context(), change.Proposal{Mesh: sample.Name, Patch: mesh.Diff(mesh.Mesh{}, sample)}); err != nil {
		t.Fatal(err)
	}
	touched := make(map[string]int)
	rapid.Check(t, func(rt *rapid.T) {
		before, err := door.Mesh(sample.Name)
		if err != nil {
			rt.Fatal(err)
		}
		was := translated(rt, before.Mesh)
		made, err := door.Propose(context.Background(), change.Proposal{Mesh: sample.Name, Patch: edited(rt, before.Mesh)})
		if mesh.CodeOf(err) == mesh.Invalid { // nothing would change, or a rule is broken
			return
		}
		if err != nil {
			rt.Fatal(err)
		}
		during, _ := door.Mesh(sample.Name)
		if !maps.EqualFunc(was, translated(rt, during.Mesh), slices.Equal) {
			touched[fmt.Sprint(made.Objects)]++
		}
		if _, err := door.Undo(context.Background(), made.ID, change.By{Author: "ann"}); err != nil {
			rt.Fatal(err)
		}
		after, _ := door.Mesh(sample.Name)
		if !cmp.Equal(before.Mesh, after.Mesh) {
			rt.Fatalf("the mesh is another: %s", cmp.Diff(before.Mesh, after.Mesh))
		}
		is := translated(rt, after.Mesh)
		for name, body := range was {
			if !slices.Equal(body, is[name]) {
				rt.Fatalf("%s is not what it was after %s", name, made.Summary)
			}
		}
		if len(is) != len(was) {
			rt.Fatalf("%d resources, before %d", len(is), len(was))
		}
	})
	if len(touched) < 3 {
		t.Errorf("hardly anything that was drawn reaches proxies: %v", touched)
	}
}
