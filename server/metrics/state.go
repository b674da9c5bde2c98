package metrics

import (
	"cmp"
	"math"
	"slices"
	"sync"

	"github.com/weirmesh/weir/server/mesh"
)

// meshState is everything seen of one mesh.
type meshState struct {
	name string
	opts Options

	mu      sync.Mutex
	sources map[string]*source // by proxy
	edges   map[pair]*flow
	nodes   map[string]*flow // by id in the graph
	ordered []*flow          // the edges by from, to; nil when it must be made again
	ends    []end            // the nodes by id; nil when it must be made again
	arrive  []*flow          // of the ends that have one; made with them
	bounds  []float64        // of the latency buckets that a flow had last
	to      []uint8          // where a link's latency buckets went last
	rows    rows
	spare   spare  // of an observation that was released
	rollup  Rollup // handed out one after the other
	retired map[pair]retired
	sweptAt int64
	slots   []*source // nil where a proxy was forgotten
	watch   watch

	telling bool               // other processes are told what is counted here
	tellers map[string]*teller // the other processes
	born    int64              // flows that had latencies of their own
}

// watch is the state of all proxies for one reading, side by side by their slots.
type watch struct {
	slots []struct {
		late  int64 // links that were not reported since then are silent
		stamp uint64
	}
	stamp uint64

	reporting int   // proxies that are connected
	oldest    int64 // of their newest reports, in ms
	until     int64 // all of them are fresh up to then, in ms
}

type pair struct{ from, to string }

// retired is what an edge had counted when it was forgotten.
type retired struct {
	totals sums
	at     int64
}

func newMeshState(name string, opts Options) *meshState {
	return &meshState{
		name: name, opts: opts,
		sources: make(map[string]*source),
		edges:   make(map[pair]*flow),
		nodes:   make(map[string]*flow),
		retired: make(map[pair]retired),
		tellers: make(map[string]*teller),
	}
}

func (m *meshState) source(id mesh.Source) *source {
	s := m.sources[id.Proxy]
	if s != nil && (s.id.Node != id.Node || s.id.Gateway != id.Gateway) {
		m.remove(s) // the name went to another proxy
		s = nil
	}
	if s == nil {
		slot := slices.Index(m.slots, nil)
		if slot < 0 {
			slot = len(m.slots)
			m.slots = append(m.slots, nil)
		}
		s = newSource(m, id, int32(slot))
		m.slots[slot] = s
		m.sources[id.Proxy] = s
		m.ends = nil
	}
	return s
}

// edge gives the flow from a proxy's end to a node.
func (m *meshState) edge(s *source, to string) *flow {
	key := pair{s.end, to}
	f := m.edges[key]
	if f == nil {
		f = &flow{from: s.end, to: to}
		f.ring.begin(&m.rows, columns, s.since)
		f.totals = m.retired[key].totals
		m.edges[key] = f
		m.ordered = nil
	}
	return f
}

// node gives the flow that arrives at a proxy's end.
func (m *meshState) node(s *source) *flow {
	f := m.nodes[s.end]
	if f == nil {
		f = &flow{to: s.end}
		f.ring.begin(&m.rows, columns, s.since)
		m.nodes[s.end] = f
		m.ends = nil
	}
	return f
}

// look begins a reading.
func (m *meshState) look() *watch {
	w := &m.watch
	w.slots = slices.Grow(w.slots[:0], len(m.slots))[:len(m.slots)]
	w.reporting, w.oldest, w.until = 0, math.MaxInt64, math.MaxInt64
	for i, s := range m.slots {
		late := int64(math.MaxInt64)
		if s != nil && !s.gone {
			late = s.late()
			w.reporting++
			w.oldest, w.until = min(w.oldest, s.at), min(w.until, s.at+s.tolerance())
		}
		w.slots[i].late, w.slots[i].stamp = late, w.stamp
	}
	return w
}

// order gives the edges sorted.
func (m *meshState) order() []*flow {
	if m.ordered == nil {
		m.ordered = make([]*flow, 0, len(m.edges))
		for _, f := range m.edges {
			m.ordered = append(m.ordered, f)
		}
		slices.SortFunc(m.ordered, func(a, b *flow) int {
			return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to))
		})
	}
	return m.ordered
}

// orderNodes gives what arrives at nodes, sorted.
func (m *meshState) orderNodes() []*flow {
	m.orderEnds()
	return m.arrive
}

// share gives one slice to all flows that have the same latency buckets.
func (m *meshState) share(bounds []float64) []float64 {
	if !slices.Equal(m.bounds, bounds) {
		m.bounds = slices.Clone(bounds)
	}
	return m.bounds
}

// shareBuckets does the same for links, and for where their buckets go in their flows. Neither slice is changed later.
func (m *meshState) shareBuckets(bounds []float64, to []uint8) ([]float64, []uint8) {
	if !slices.Equal(m.to, to) {
		m.to = to
	}
	if slices.Equal(m.bounds, bounds) {
		bounds = m.bounds
	}
	return bounds, m.to
}

// sweep ends the gauges of clusters that were removed, and forgets what has left every window.
func (m *meshState) sweep(now int64) {
	if now-m.sweptAt < sweepEach.Milliseconds() {
		return
	}
	m.sweptAt = now
	horizon := now - MaxWindow.Milliseconds() - maxGap.Milliseconds()
	for _, s := range m.sources {
		if s.gone && s.at < horizon {
			m.remove(s)
			continue
		}
		for name, k := range s.links {
			if k == nil || !k.silent() {
				continue
			}
			k.withdraw()
			if s.at-k.at() > MaxWindow.Milliseconds() {
				s.forget(k)
				delete(s.links, name)
			}
		}
	}
	for key, f := range m.edges {
		if len(f.links) == 0 && f.ring.at < horizon {
			m.retired[key] = retired{f.totals, now}
			f.ring.end()
			delete(m.edges, key)
			m.ordered = nil
		}
	}
	for id, f := range m.nodes {
		if len(f.links) == 0 && f.ring.at < horizon {
			f.ring.end()
			delete(m.nodes, id)
			m.ends = nil
		}
	}
	for process, t := range m.tellers {
		if t.heardAt < horizon {
			delete(m.tellers, process)
		}
	}
	for key, r := range m.retired {
		if now-r.at > retireAfter.Milliseconds() {
			delete(m.retired, key)
		}
	}
}

// remove forgets a proxy.
func (m *meshState) remove(s *source) {
	for _, k := range s.links {
		if k != nil {
			s.forget(k)
		}
	}
	for _, k := range []*link{s.arriving[0], s.arriving[1], s.leaving} {
		if k != nil {
			s.forget(k)
		}
	}
	m.slots[s.slot] = nil
	delete(m.sources, s.id.Proxy)
	m.ends = nil
}
