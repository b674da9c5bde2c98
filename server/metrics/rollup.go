package metrics

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// The series that are kept of every edge and node, whatever told of them: history in one dialect. Edges have the labels
// mesh, source, destination (graph ids) and protocol; nodes mesh, node (graph id) and protocol. Counters begin at zero
// when Weir starts to see them; durations are native histograms with custom buckets, in seconds.
const (
	EdgeRequests    = "weir_edge_requests_total"           // + code_class: 1 to 5, none
	EdgeOpened      = "weir_edge_connections_opened_total" // TCP
	EdgeDuration    = "weir_edge_duration_seconds"         // of answered requests
	EdgeBytes       = "weir_edge_bytes_total"              // both directions
	EdgeEvents      = "weir_edge_events_total"             // + event, one of the events below
	EdgeActive      = "weir_edge_active_requests"          // in flight now
	EdgePending     = "weir_edge_pending_requests"         // waiting for a connection now
	EdgeConnections = "weir_edge_connections"              // open now
	EdgeMembers     = "weir_edge_members"                  // + state: known, healthy, ejected
	EdgeProxies     = "weir_edge_proxies"                  // of the caller that report it

	NodeRequests    = "weir_node_requests_total" // what its own proxies received; + code_class
	NodeOpened      = "weir_node_connections_opened_total"
	NodeDuration    = "weir_node_duration_seconds"
	NodeBytes       = "weir_node_bytes_total"
	NodeEvents      = "weir_node_events_total"
	NodeActive      = "weir_node_active_requests"
	NodeInFlight    = "weir_node_pool_requests" // in flight to its application: use of its pool
	NodePending     = "weir_node_pool_pending_requests"
	NodeConnections = "weir_node_pool_connections"
	NodeProxies     = "weir_node_proxies"            // that report now
	NodeReportAge   = "weir_node_report_age_seconds" // of the oldest among its proxies' newest reports
)

// The events that a rollup counts, as values of the label event.
const (
	EventTimeout    = "timeout"
	EventRetry      = "retry"
	EventExhausted  = "retries_exhausted"
	EventOverflow   = "overflow"
	EventFail       = "connect_failure"
	EventNoHost     = "no_healthy_host"
	EventNoRoute    = "no_route"
	EventReset      = "reset"
	MemberKnown     = "known"
	MemberHealthy   = "healthy"
	MemberEjected   = "ejected"
	ClassNoAnswer   = "none"
	LabelMesh       = "mesh"
	LabelSource     = "source"
	LabelDest       = "destination"
	LabelNode       = "node"
	LabelProtocol   = "protocol"
	LabelClass      = "code_class"
	LabelEvent      = "event"
	LabelState      = "state"
	LabelProxy      = "proxy"       // of series as the proxies sent them: the proxy's identity
	LabelSourceNode = "source_node" // of the same: graph id of the node or gateway it runs beside
)

// Rollup is what one edge, or what arrives at one node, has counted so far and shows now.
type Rollup struct {
	From, To string // graph ids; From is empty for what arrives at To
	Protocol mesh.Protocol
	Classes  [6]float64 // requests by status class, [0] without an answer
	Opened   float64    // TCP connections
	Bytes    float64
	Timeouts, Retries, Exhausted, Overflow,
	Fails, NoHost, NoRoute, Resets float64
	Bounds  []float64 // upper bounds of the latency buckets in ms, ascending; nil: no latency known. Not to be changed.
	Buckets []float64 // requests per bucket, not cumulative; one more than Bounds
	Sum     float64   // of the latencies in the buckets in ms, as the proxies summed them
	Active, InFlight, Pending, Connections,
	Healthy, Members, Ejected float64
	Proxies   int       // that report it
	At        time.Time // of the oldest among their newest reports
	Abandoned bool      // no connected proxy reports it any more: the series end
}

// end is a node or gateway: what arrives there, and the proxies beside it.
type end struct {
	id      string
	flow    *flow // nil when nothing is known to arrive
	sources []*source
}

// Meshes names the meshes that proxies ever reported for, sorted.
func (l *Live) Meshes() []string {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Sorted(maps.Keys(l.meshes))
}

// Rollups visits every edge of a mesh, sorted by From and To, and then every node or gateway that has a proxy or lately
// received something, with From empty, sorted by To. Counters never fall and never wrap while their edge is known; one
// that is forgotten, five minutes after its last proxy went, begins at zero if it comes back. The Rollup and its slices
// are only good until visit returns; visit must not call the aggregator.
func (l *Live) Rollups(name string, visit func(*Rollup)) {
	m := l.find(name)
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.look()
	r := &m.rollup
	for _, f := range m.order() {
		v := f.look(toNode, w)
		f.fill(r)
		r.InFlight, r.Proxies, r.At, r.Abandoned = r.Active, v.proxies, time.UnixMilli(v.at), v.abandoned
		visit(r)
	}
	for _, e := range m.orderEnds() {
		if e.flow != nil {
			e.flow.fill(r)
		} else {
			*r = Rollup{To: e.id, Buckets: r.Buckets}
		}
		e.sight(r)
		visit(r)
	}
}

// fill sets what the flow counted and shows.
func (f *flow) fill(r *Rollup) {
	n := &f.ring
	r.From, r.To, r.Protocol = f.from, f.to, f.protocol
	for c := range r.Classes {
		r.Classes[c] = n.total(colClass + c)
	}
	r.Opened, r.Bytes = n.total(colOpened), float64(bytesOf(n.now()))
	r.Timeouts, r.Retries, r.Exhausted = n.total(colTimeout), n.total(colRetry), n.total(colExhausted)
	r.Overflow, r.Fails, r.NoHost = n.total(colOverflow), n.total(colFail), n.total(colNoHost)
	r.NoRoute, r.Resets = n.total(colNoRoute), n.total(colReset)
	r.Bounds, r.Buckets, r.Sum = f.bounds, r.Buckets[:0], f.took
	for i := columns; i < n.width; i++ {
		r.Buckets = append(r.Buckets, n.total(i))
	}
	gauge := func(s slot) float64 { return f.gauges[s-active] }
	r.Active, r.InFlight, r.Pending, r.Connections = gauge(active), gauge(inFlight), gauge(pending), gauge(connections)
	r.Healthy, r.Members, r.Ejected = gauge(healthy), gauge(members), gauge(ejected)
}

// sight sets what an end's connected proxies have in common.
func (e *end) sight(r *Rollup) {
	oldest, newest := int64(math.MaxInt64), int64(0)
	r.Proxies = 0
	for _, s := range e.sources {
		newest = max(newest, s.at)
		if !s.gone {
			r.Proxies++
			oldest = min(oldest, s.at)
		}
	}
	if r.Abandoned = r.Proxies == 0; r.Abandoned {
		oldest = newest
		if e.flow != nil {
			oldest = max(newest, e.flow.ring.at)
		}
	}
	r.At = time.UnixMilli(oldest)
}

// orderEnds gives the ends sorted.
func (m *meshState) orderEnds() []end {
	if m.ends != nil {
		return m.ends
	}
	known := make(map[string]*end, len(m.nodes)+len(m.sources))
	open := func(id string) *end {
		e := known[id]
		if e == nil {
			e = &end{id: id, flow: m.nodes[id]}
			known[id] = e
		}
		return e
	}
	for id := range m.nodes {
		open(id)
	}
	for _, s := range m.sources {
		e := open(s.end)
		e.sources = append(e.sources, s)
	}
	m.ends = make([]end, 0, len(known))
	for _, e := range known {
		m.ends = append(m.ends, *e)
	}
	slices.SortFunc(m.ends, func(a, b end) int { return cmp.Compare(a.id, b.id) })
	m.arrive = m.arrive[:0]
	for _, e := range m.ends {
		if e.flow != nil {
			m.arrive = append(m.arrive, e.flow)
		}
	}
	return m.ends
}
