package graph

import (
	"cmp"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// large makes a mesh of services with one router, one route and one node each, and what is seen of it.
func large(services, edges int) (mesh.Mesh, mesh.Observation, map[string]int) {
	m := mesh.Mesh{Name: "big"}
	now := time.UnixMilli(1_700_000_000_000)
	seen := mesh.Observation{
		Mesh: "big", At: now, Window: 30 * time.Second, Fresh: true, Oldest: now,
	}
	proxies := map[string]int{}
	limit := 100
	for i := range services {
		name := fmt.Sprintf("svc-%04d", i)
		node := mesh.VirtualNode{
			Name:             name + "-v1",
			Listeners:        []mesh.Listener{{Port: 8080, Protocol: mesh.HTTP, ConnectionPool: &mesh.ConnectionPool{MaxConnections: &limit}}},
			ServiceDiscovery: &mesh.ServiceDiscovery{Registration: &mesh.Registration{}},
		}
		calls := edges / services
		if i < edges%services {
			calls++
		}
		for j := range calls {
			to := fmt.Sprintf("svc-%04d", (i+j*13+1)%services)
			node.Backends = append(node.Backends, mesh.Backend{Service: to})
			t := traffic(20, 0.1)
			seen.Edges = append(seen.Edges, mesh.Edge{From: node.Name, To: to + "-v1", Protocol: mesh.HTTP, Traffic: t, At: now})
		}
		m.Nodes = append(m.Nodes, node)
		m.Services = append(m.Services, mesh.VirtualService{Name: name, Router: name})
		m.Routers = append(m.Routers, mesh.VirtualRouter{Name: name, Listeners: []mesh.RouterListener{{Port: 8080, Protocol: mesh.HTTP}}})
		m.Routes = append(m.Routes, mesh.Route{
			Router: name, Name: "primary", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"},
			Targets: []mesh.WeightedTarget{{Node: node.Name, Weight: 100}},
		})
		seen.Nodes = append(seen.Nodes, mesh.Arrival{
			ID: node.Name, Traffic: traffic(80, 0.1), Received: true, Pool: mesh.PoolUse{Connections: 7, Instances: 2}, Pooled: true, At: now,
		})
		proxies[node.Name] = 2
		seen.Reporting += 2
	}
	slices.SortFunc(seen.Edges, func(a, b mesh.Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) })
	return m, seen, proxies
}

func traffic(rate, failing float64) mesh.Traffic {
	t := mesh.Traffic{Requests: rate * 30, RequestRate: rate, Members: 2, Healthy: 2, P50: 4 * time.Millisecond, P95: 21 * time.Millisecond}
	t.Classes[2], t.Classes[5] = rate-failing, failing
	t.ErrorRatio = failing / rate
	return t
}

// BenchmarkBuild is one picture of a mesh, from the configuration on.
func BenchmarkBuild(b *testing.B) {
	for _, size := range []struct{ services, edges int }{{500, 2100}, {2000, 8500}} {
		m, seen, proxies := large(size.services, size.edges)
		b.Run(fmt.Sprintf("services=%d/edges=%d", size.services, size.edges), func(b *testing.B) {
			b.ReportAllocs()
			done := cpu.Start(b)
			for b.Loop() {
				if g := Build(m, seen, proxies, health.Default()); len(g.Edges) != size.edges {
					b.Fatalf("%d edges", len(g.Edges))
				}
			}
			done(b.N)
		})
		b.Run(fmt.Sprintf("planned/services=%d/edges=%d", size.services, size.edges), func(b *testing.B) {
			p := newPlan(m, health.Default())
			b.ReportAllocs()
			done := cpu.Start(b)
			for b.Loop() {
				if g := p.draw(&seen, proxies); len(g.Edges) != size.edges {
					b.Fatalf("%d edges", len(g.Edges))
				}
			}
			done(b.N)
		})
	}
}
