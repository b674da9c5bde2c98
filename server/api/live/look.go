package live

import (
	"time"

	"github.com/weirmesh/weir/server/graph"
)

// look draws a graphical topic. A mesh without a graph yet is empty and not fresh; so is one whose graph stopped moving.
func (h *Hub) look(t *topic, now time.Time) content {
	g, ok := h.o.Graphs.Graph(t.view.mesh)
	if !ok {
		return content{head: Frame{Time: now.UnixMilli()}}
	}
	p := content{head: headOf(g)}
	if t.view.kind != "pulse" {
		p = t.draw(h.outline(g), now)
	}
	if old := now.Sub(g.At); old > staleAfter {
		p.head.Fresh = false
		p.head.Age = max(p.head.Age, old.Round(100*time.Millisecond).Seconds())
	}
	return p
}

// outline gives the outline of a mesh's newest graph; every view of the mesh shares it.
func (h *Hub) outline(g graph.Graph) *graph.Outline {
	h.reading.Lock()
	defer h.reading.Unlock()
	if o := h.outlines[g.Mesh]; o != nil && sameGraph(o.Graph(), g) {
		return o
	}
	o := graph.NewOutline(g)
	h.outlines[g.Mesh] = o
	return o
}

// sameGraph says whether two graphs are one: a graph is never changed once it is out.
func sameGraph(a, b graph.Graph) bool {
	return a.At.Equal(b.At) && len(a.Nodes) == len(b.Nodes) && len(a.Edges) == len(b.Edges) &&
		(len(a.Nodes) == 0 || &a.Nodes[0] == &b.Nodes[0]) && (len(a.Edges) == 0 || &a.Edges[0] == &b.Edges[0])
}
