package metrics

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Observe gives what was seen of a mesh in the window that ends now. A mesh that no proxy reported for is empty.
// The observation belongs to the caller, who may Release it.
func (l *Live) Observe(name string, window time.Duration, now time.Time) mesh.Observation {
	window = min(max(window.Round(time.Second), MinWindow), MaxWindow)
	o := mesh.Observation{Mesh: name, At: now, Window: window, Fresh: true}
	m := l.find(name)
	if m == nil {
		return o
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(now.UnixMilli())
	w := view{now: now.UnixMilli(), seconds: int64(window / time.Second), watch: m.look()}
	o.Fresh, o.Reporting = w.watch.until >= w.now, w.watch.reporting
	if o.Reporting > 0 {
		o.Oldest = time.UnixMilli(w.watch.oldest)
	}
	edges, nodes := m.order(), m.orderNodes()
	m.lend(&o, len(edges), len(nodes))
	for i, f := range edges {
		w.fetch(edges, i)
		w.edge(f, &o.Edges[i])
	}
	for i, f := range nodes {
		w.fetch(nodes, i)
		w.arrival(f, &o.Nodes[i])
	}
	return o
}

// lend gives an observation its memory, what an earlier one gave back if there is any. A picture is drawn every second:
// memory that is used again is still near the processor, and spares the collector most of its work.
func (m *meshState) lend(o *mesh.Observation, edges, nodes int) {
	lent := &spare{}
	*lent, m.spare = m.spare, spare{}
	if cap(lent.edges) < edges || cap(lent.nodes) < nodes {
		*lent = spare{make([]mesh.Edge, edges+edges/16), make([]mesh.Arrival, nodes+nodes/16)}
	}
	o.Edges, o.Nodes = lent.edges[:edges:edges], lent.nodes[:nodes:nodes]
	o.Release = func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if lent.edges != nil {
			m.spare, *lent = *lent, spare{} // a second call gives nothing
		}
	}
}

// spare is the memory of an observation.
type spare struct {
	edges []mesh.Edge
	nodes []mesh.Arrival
}

// Counts gives every edge's counters since its proxies started, sorted by From and To. They never fall: what a proxy had
// counted before it restarted or went stays in them.
func (l *Live) Counts(name string) []mesh.EdgeCount {
	m := l.find(name)
	if m == nil {
		return nil
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	w := m.look()
	counts := make([]mesh.EdgeCount, 0, len(m.edges))
	for _, f := range m.order() {
		counts = append(counts, mesh.EdgeCount{
			From: f.from, To: f.to,
			Requests: f.totals.requests, Errors: f.totals.errors,
			At: time.UnixMilli(f.look(toNode, w).at),
		})
	}
	return counts
}

// view is one reading of the flows.
type view struct {
	now     int64 // ms
	seconds int64 // of the window
	watch   *watch
	hist    [maxBuckets + 1]uint32
	touched int64
}

// ahead is how many flows are fetched together.
const ahead = 16

// fetch touches the memory of the next flows, once for all of them. What a reading costs is waiting for memory; touched
// together, without anything to work out in between, many pieces of it are waited for at once.
func (w *view) fetch(list []*flow, i int) {
	if i%ahead != 0 {
		return
	}
	list = list[i:min(i+ahead, len(list))]
	sum := w.touched
	for _, f := range list {
		sum += f.ring.head + int64(len(f.ties)) + int64(f.gauges[0])
	}
	for _, f := range list {
		row := f.ring.now()
		begin := f.ring.start(w.now, w.seconds)
		if begin == nil {
			begin = row
		}
		for at := 0; at < len(row); at += line {
			sum += int64(row[at]) + int64(begin[at])
		}
		sum += int64(row[len(row)-1]) + int64(begin[len(row)-1])
		if len(f.ties) > 0 {
			sum += f.ties[0].at
		}
	}
	w.touched = sum
}

// edge works out what an edge carried.
func (w *view) edge(f *flow, e *mesh.Edge) {
	v := f.look(toNode, w.watch)
	*e = mesh.Edge{From: f.from, To: f.to, Protocol: f.protocol, At: time.UnixMilli(v.at)}
	w.traffic(f, v.abandoned, &e.Traffic)
	e.InFlight = e.Active
	e.Instances = v.proxies
}

// traffic works out what a flow carried in the window.
func (w *view) traffic(f *flow, abandoned bool, t *mesh.Traffic) {
	begin, row := f.ring.start(w.now, w.seconds), f.ring.now()
	end := f.ring.at
	if abandoned {
		end = max(end, w.now) // nothing more is to come: the rates fall with the time
	}
	per := 1000 / float64(max(f.ring.span(begin, end), 1000))
	d := func(col int) float64 {
		if begin == nil {
			return float64(row[col])
		}
		return float64(row[col] - begin[col])
	}
	for c := range t.Classes {
		n := d(colClass + c)
		t.Requests += n
		t.Classes[c] = n * per
	}
	failed := d(colClass) + d(colClass+5)
	t.Requests += d(colOpened)
	t.RequestRate = t.Requests * per
	if t.Requests > 0 {
		t.ErrorRatio = failed / t.Requests
	}
	t.BytesRate = float64(bytesOf(row)) * per
	if begin != nil {
		t.BytesRate = float64(bytesOf(row)-bytesOf(begin)) * per
	}
	t.Retries = d(colRetry) * per
	t.Timeouts = d(colTimeout) * per
	t.Exhausted = d(colExhausted) * per
	t.Resets = d(colReset) * per
	t.NoHost = d(colNoHost) * per
	t.OverflowRate = d(colOverflow) * per
	t.FailRate = d(colFail) * per
	t.Active = f.gauges[0] // the first of the gauges, from which the others are counted
	t.InFlight = f.gauges[inFlight-active]
	t.Pending = f.gauges[pending-active]
	t.Connections = f.gauges[connections-active]
	t.Healthy = f.gauges[healthy-active]
	t.Members = f.gauges[members-active]
	t.Ejected = f.gauges[ejected-active]
	w.quantiles(f, begin, t)
}

// arrival works out what a node's own proxies received.
func (w *view) arrival(f *flow, a *mesh.Arrival) {
	v := f.look(ownPool, w.watch)
	*a = mesh.Arrival{ID: f.to, At: time.UnixMilli(v.at)}
	w.traffic(f, v.abandoned, &a.Traffic)
	if a.Pooled = v.proxies > 0; a.Pooled {
		a.Pool = a.Traffic.PoolUse
		a.Pool.Instances = v.proxies
	}
	a.Traffic.PoolUse = mesh.PoolUse{}
	if a.Received = f.hasKind(arriving); !a.Received {
		a.Traffic = mesh.Traffic{}
	}
	a.Unrouted = w.rate(f, colNoRoute)
}

// rate is the rate of one column.
func (w *view) rate(f *flow, col int) float64 {
	begin := f.ring.start(w.now, w.seconds)
	n := f.ring.now()[col]
	if begin != nil {
		n -= begin[col]
	}
	return float64(n) * 1000 / float64(max(f.ring.span(begin, f.ring.at), 1000))
}

// quantiles reads the three quantiles in one pass over the latency buckets.
func (w *view) quantiles(f *flow, begin []uint32, t *mesh.Traffic) {
	if f.bounds == nil {
		return
	}
	cur := f.ring.now()[columns:]
	n := uint32(0)
	hist := w.hist[:len(cur)]
	for i, c := range cur {
		if begin != nil {
			c -= begin[columns+i]
		}
		hist[i] = c
		n += c
	}
	if n == 0 {
		return
	}
	q := [3]time.Duration{}
	interpolate(&q, [3]float64{0.50 * float64(n), 0.95 * float64(n), 0.99 * float64(n)}, hist, f.bounds)
	t.P50, t.P95, t.P99 = q[0], q[1], q[2]
}

// interpolate finds ascending ranks within the buckets that hold them, as Prometheus does; beyond the last bound it is that
// bound.
func interpolate(q *[3]time.Duration, ranks [3]float64, hist []uint32, bounds []float64) {
	sum, low, next := 0.0, 0.0, 0
	for i, bound := range bounds {
		c := float64(hist[i])
		for c > 0 && sum+c >= ranks[next] {
			q[next] = duration(low + (bound-low)*(ranks[next]-sum)/c)
			if next++; next == len(q) {
				return
			}
		}
		sum += c
		low = bound
	}
	for ; next < len(q); next++ {
		q[next] = duration(low)
	}
}

func duration(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }
