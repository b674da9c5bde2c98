package web

import (
	"math"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/ui/page"
)

// Remember fills the trend lines with two minutes around each box's present numbers.
func (w *Web) Remember(graphs map[string]graph.Graph) {
	w.patience = time.Minute // tests on a slow machine see the same pages
	for _, g := range graphs {
		w.ills.add(graph.Graph{Mesh: g.Mesh}, g.At.Add(-time.Hour))
		w.ills.add(g, g.At.Truncate(time.Minute).Add(-7*time.Minute))
		for i := range page.TrendRoom {
			past := g
			past.Edges = append([]graph.Edge(nil), g.Edges...)
			for k := range past.Edges {
				past.Edges[k].RequestRate *= 1 + 0.08*math.Sin(float64(i)/9)
			}
			past.Nodes = append([]graph.Node(nil), g.Nodes...)
			for k := range past.Nodes {
				wave := 1 + 0.12*math.Sin(float64(i)/7+float64(k)) + 0.05*math.Sin(float64(i*(k+2)))
				past.Nodes[k].RequestRate *= wave
				past.Nodes[k].P95 *= wave
			}
			w.trends.add(past)
		}
	}
}
