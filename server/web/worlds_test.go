package web_test

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// worlds are the states of the world that every page has to cope with.
func worlds() map[string]func() *world {
	return map[string]func() *world{
		"full":      newWorld,
		"extreme":   extreme,
		"many":      many,
		"ten":       ten,
		"forbidden": forbidden,
		"rolling":   rolling,
		"waiting":   waiting,
		"replicas":  replicated,
		"cutoff":    cutOff,
		"errors":    broken,
		"none": func() *world {
			w := newWorld()
			w.meshes, w.changes, w.told = nil, nil, []journal.Event{}
			return w
		},
		"noproxies": func() *world {
			w := newWorld()
			w.changes, w.graphs, w.proxies, w.rollouts, w.told = nil, nil, nil, nil, []journal.Event{}
			return w
		},
		"notraffic": func() *world {
			w := newWorld()
			g := picture()
			g.Edges = nil
			for i := range g.Nodes {
				g.Nodes[i] = graph.Node{ID: g.Nodes[i].ID, Kind: g.Nodes[i].Kind, Name: g.Nodes[i].Name, Health: mesh.Idle}
			}
			w.graphs["sample_app"], w.changes = g, nil
			w.keepRollouts()
			return w
		},
		"stale": func() *world {
			w := newWorld()
			g := picture()
			g.At, g.Fresh, g.Age = noon().Add(-2*time.Second), false, 11
			w.graphs["sample_app"] = g
			return w
		},
		"two": func() *world {
			w := newWorld()
			w.add(mesh.Mesh{Name: "billing"})
			return w
		},
	}
}

// monsters are names that break pages: very long, markup, right to left, and format characters.
func monsters() []string {
	return []string{
		strings.Repeat("very-long-name-", 20), `<img src=x onerror=alert(1)>`, "שירות-ביקורות", `"'&{{}} %s ⟨`, strings.Repeat("한", 100),
	}
}

// extreme is the sample with monsters for names, reasons and messages, and numbers at both ends.
func extreme() *world {
	w := newWorld()
	names := monsters()
	rename := strings.NewReplacer("reviews-v1", names[0], "reviews-v2", names[1], "storefront", names[2], "mobile-api", names[4])
	g := w.graphs["sample_app"]
	for i := range g.Nodes {
		n := &g.Nodes[i]
		n.ID, n.Name = rename.Replace(n.ID), rename.Replace(n.Name)
		n.Service = rename.Replace(n.Service)
		n.Why, n.Causes = []string{names[1]}, []graph.Cause{{Code: names[1], Knob: names[0]}, {Code: "errors", Values: map[string]string{"node": names[1]}}}
		n.RequestRate, n.ErrorRatio, n.P95 = 1e18, 1, 1e5
	}
	for i := range g.Edges {
		e := &g.Edges[i]
		e.From, e.To = rename.Replace(e.From), rename.Replace(e.To)
		e.RequestRate, e.ErrorRatio, e.P95, e.Services = math.NaN(), math.Inf(1), -1, []string{"reviews", names[2]}
	}
	current := w.meshes["sample_app"]
	for i := range current.Mesh.Nodes {
		current.Mesh.Nodes[i].Name = rename.Replace(current.Mesh.Nodes[i].Name)
	}
	for i := range current.Mesh.Services {
		s := &current.Mesh.Services[i]
		s.Name, s.Node = rename.Replace(s.Name), rename.Replace(s.Node)
	}
	for i := range current.Mesh.Routes {
		for k := range current.Mesh.Routes[i].Targets {
			current.Mesh.Routes[i].Targets[k].Node = rename.Replace(current.Mesh.Routes[i].Targets[k].Node)
		}
	}
	for i := range w.changes {
		c := &w.changes[i]
		c.Summary, c.Author, c.Reason, c.Diff = names[i%5], names[(i+1)%5], names[(i+2)%5], names[1]+"\n+"+names[0]
		if c.Programmed != nil {
			c.Programmed.Rejected = []provider.Rejection{{Proxy: names[1], Message: names[0]}}
		}
	}
	for i := range w.told {
		e := &w.told[i]
		e.Detail = names[i%5]
		for word := range e.With {
			e.With[word] = names[(i+len(word))%5]
		}
		if i%2 == 0 {
			e.What, e.Text = "of.a.newer.weir", names[i%5]
		}
	}
	monstrous := rolled("35b0000001", canary.Progressing, time.Minute, 5)
	monstrous.Reason, monstrous.Author, monstrous.Notes, monstrous.Hooks[0].Message, monstrous.Hooks[0].Name = names[1], names[2], names, names[0], names[4]
	monstrous.Spec.Analysis.Metrics[0].Name, monstrous.Analysis.Checks[0].Name, monstrous.Analysis.Checks[0].Message = names[0], names[0], names[3]
	monstrous.Spec.Stable, monstrous.Spec.Canary, monstrous.Spec.Target.Name = names[0], names[1], "reviews/"+names[4]
	w.keepRollouts(monstrous)
	for i := range w.proxies["sample_app"] {
		p := &w.proxies["sample_app"][i]
		p.Message, p.NodeID, p.Version, p.Address = names[i%5], names[(i+1)%5], names[1], names[0]
	}
	return w
}

// many is a mesh of 120 services that all call the next ones.
func many() *world {
	w := newWorld()
	m := mesh.Mesh{Name: "sample_app"}
	b := builder{g: graph.Graph{Mesh: "sample_app", At: noon(), Fresh: true, Age: 0.3}}
	name := func(i int) string { return fmt.Sprintf("service-%03d", i%120) }
	for i := range 120 {
		m.Nodes = append(m.Nodes, mesh.VirtualNode{Name: name(i), Listeners: []mesh.Listener{{Port: 80, Protocol: mesh.HTTP}}})
		m.Services = append(m.Services, mesh.VirtualService{Name: name(i), Node: name(i)})
		for k := range 3 {
			b.edge(name(i), name(i*2+k+1), name(i*2+k+1), float64(i)*1.3, 0.001, 0.02)
		}
	}
	for _, n := range []string{"ratings", "reviews-v1", "reviews-v2"} {
		b.edge(name(1), n, n, 1, 0, 0.001)
	}
	b.nodes()
	w.add(m)
	w.graphs["sample_app"] = b.g
	return w
}

// waiting is the sample with seven changes that wait to be kept, those with monsters for names first.
func waiting() *world {
	w := newWorld()
	c := w.changes[0]
	for i, name := range append(monsters(), "ratings: maxConnections 100 → 120") {
		each := c
		each.ID, each.Summary, each.ConfirmBy = fmt.Sprintf("chg-05%d", i), name, ptr(noon().Add(time.Duration(i+1)*7*time.Minute))
		w.changes = append(w.changes, each)
	}
	return w
}

// ten is the sample with a route of ten targets whose names are as long as names may be.
func ten() *world {
	w := newWorld()
	m := sample()
	primary := &m.Routes[1]
	primary.Targets = nil
	for i := range 10 {
		node := m.Nodes[6] // reviews-v1
		node.Name = fmt.Sprintf("reviews-%d-%s", i, strings.Repeat("long-name-", 19))
		m.Nodes = append(m.Nodes, node)
		primary.Targets = append(primary.Targets, mesh.WeightedTarget{Node: node.Name, Weight: 10 + i})
	}
	w.add(m)
	return w
}
