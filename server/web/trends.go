package web

import (
	"slices"
	"sync"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/ui/page"
)

// trends remembers the newest numbers of every box, one a second, page.TrendRoom of them: about 1.5 kB a box.
type trends struct {
	mu     sync.RWMutex
	meshes map[string]map[string]*trend // by mesh, then by graph id
}

type trend struct {
	rate, p95 []float32 // oldest first, page.TrendRoom at most
	seen      bool
}

func newTrends() *trends { return &trends{meshes: make(map[string]map[string]*trend)} }

// add takes one picture; boxes that are no longer in it are forgotten.
func (t *trends) add(g graph.Graph) {
	t.mu.Lock()
	defer t.mu.Unlock()
	boxes := t.meshes[g.Mesh]
	if boxes == nil {
		boxes = make(map[string]*trend)
		t.meshes[g.Mesh] = boxes
	}
	sent := make(map[string]float64)
	for _, e := range g.Edges {
		sent[e.From] += e.RequestRate
	}
	for _, n := range g.Nodes {
		if n.RequestRate == 0 && (n.Kind == graph.KindGateway || n.Kind == graph.KindUnknown) {
			n.RequestRate = sent[n.ID]
		}
		b := boxes[n.ID]
		if b == nil {
			b = &trend{}
			boxes[n.ID] = b
		}
		b.rate, b.p95, b.seen = push(b.rate, n.RequestRate), push(b.p95, n.P95), true
	}
	for id, b := range boxes {
		if !b.seen {
			delete(boxes, id)
		}
		b.seen = false
	}
}

// keep forgets meshes that are no longer there.
func (t *trends) keep(names []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for name := range t.meshes {
		if !slices.Contains(names, name) {
			delete(t.meshes, name)
		}
	}
}

func push(values []float32, v float64) []float32 {
	if len(values) >= page.TrendRoom {
		copy(values, values[1:])
		values = values[:page.TrendRoom-1]
	}
	return append(values, float32(v))
}

// of gives the rates and the 95th percentiles of one box, oldest first.
func (t *trends) of(mesh, id string) (rate, p95 []float64) {
	t.mu.RLock()
	defer t.mu.RUnlock()
	b := t.meshes[mesh][id]
	if b == nil {
		return nil, nil
	}
	return widen(b.rate), widen(b.p95)
}

func widen(values []float32) []float64 {
	wide := make([]float64, len(values))
	for i, v := range values {
		wide[i] = float64(v)
	}
	return wide
}
