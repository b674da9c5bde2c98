package xds

import (
	"fmt"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

// wideMesh has n services of two versions each; every node calls five services.
func wideMesh(n int) mesh.Mesh {
	m := mesh.Mesh{Name: "wide"}
	for i := range n {
		service := fmt.Sprintf("s%04d", i)
		for _, v := range []string{"v1", "v2"} {
			node := mesh.VirtualNode{
				Name:             service + "-" + v,
				Listeners:        []mesh.Listener{{Port: 8080, Protocol: mesh.HTTP}},
				ServiceDiscovery: &mesh.ServiceDiscovery{Registration: &mesh.Registration{}},
			}
			for b := 1; b <= 5; b++ {
				node.Backends = append(node.Backends, mesh.Backend{Service: fmt.Sprintf("s%04d", (i+b)%n)})
			}
			m.Nodes = append(m.Nodes, node)
		}
		m.Services = append(m.Services, mesh.VirtualService{Name: service, Router: service})
		m.Routers = append(m.Routers, mesh.VirtualRouter{Name: service, Listeners: []mesh.RouterListener{{Port: 8080, Protocol: mesh.HTTP}}})
		m.Routes = append(m.Routes, mesh.Route{
			Router: service, Name: "all", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"},
			Targets: []mesh.WeightedTarget{{Node: service + "-v1", Weight: 90}, {Node: service + "-v2", Weight: 10}},
		})
	}
	return m.Sorted()
}

// BenchmarkTranslate shows that one proxy's translation costs what its node reaches: it hardly grows with the mesh.
func BenchmarkTranslate(b *testing.B) {
	for _, n := range []int{10, 100, 1000} {
		m := wideMesh(n)
		instances := map[string][]Instance{}
		for _, node := range m.Nodes {
			for i := range 3 {
				instances[node.Name] = append(instances[node.Name],
					Instance{ID: fmt.Sprint(i), Address: fmt.Sprintf("10.0.0.%d", i), Ports: map[int]int{8080: 15000}})
			}
		}
		in := Input{Mesh: m, Instances: instances, Proxy: Identity{
			Mesh: m.Name, Node: m.Nodes[0].Name, Bind: defaultBind, AppAddress: defaultAppAddress, EgressPort: defaultEgressPort,
		}}
		b.Run(fmt.Sprintf("services=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Translate(in); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
