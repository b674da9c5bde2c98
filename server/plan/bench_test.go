package plan_test

import (
	"fmt"
	"testing"

	"github.com/weirmesh/weir/server/bench/cpu"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
)

// hub sends the same to everything that anybody calls.
type hub struct{ m mesh.Mesh }

func (h hub) Sent(from string) []plan.Flow {
	n, _ := h.m.Node(from)
	var list []plan.Flow
	for _, b := range n.Backends {
		for _, version := range []string{"-v1", "-v2"} {
			list = append(list, plan.Flow{To: b.Service + version, Rate: 5})
		}
	}
	return list
}

func (h hub) Box(string) plan.Box { return plan.Box{Rate: 10, Instances: 1} }

// BenchmarkMake forecasts a change of weights before which 2,000 callers stand, of which each calls four services: the
// door is held meanwhile.
func BenchmarkMake(b *testing.B) {
	const callers = 2000
	put := []mesh.Object{mesh.Settings{Name: "large"}}
	for i := range callers {
		service := fmt.Sprintf("s%04d", i)
		for _, version := range []string{"-v1", "-v2"} {
			n := mesh.VirtualNode{Name: service + version}
			if version == "-v1" {
				for _, to := range []int{0, i + 1, i + 2, i + 3} {
					n.Backends = append(n.Backends, mesh.Backend{Service: fmt.Sprintf("s%04d", to%callers)})
				}
			}
			put = append(put, n)
		}
		put = append(put, mesh.VirtualRouter{Name: service}, mesh.VirtualService{Name: service, Router: service}, mesh.Route{
			Router: service, Name: "all", Protocol: mesh.HTTP, Match: mesh.Match{Prefix: "/"},
			Targets: []mesh.WeightedTarget{{Node: service + "-v1", Weight: 1}, {Node: service + "-v2", Weight: 1}},
		})
	}
	before, err := mesh.Mesh{}.With(mesh.Patch{Put: put})
	if err != nil {
		b.Fatal(err)
	}
	was, _ := before.Route("s0000", "all")
	is := was
	is.Targets = []mesh.WeightedTarget{{Node: "s0000-v1", Weight: 3}, {Node: "s0000-v2", Weight: 1}}
	after, err := before.With(mesh.Patch{Put: []mesh.Object{is}})
	if err != nil {
		b.Fatal(err)
	}
	in := plan.Input{Before: before, After: after, Edits: []plan.Edit{{Ref: was.Ref(), Before: was, After: is}}, Seen: hub{before}}
	b.ReportAllocs()
	used, n := cpu.Start(b), 0
	for b.Loop() {
		n++
		if p := plan.Make(in); len(p.Shifts) != 2 || p.Shifts[0].RateAfter-p.Shifts[0].RateBefore < callers*2 {
			b.Fatalf("%+v", p)
		}
	}
	used(n)
}
