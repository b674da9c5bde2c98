package crowd

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// spare is the memory of an observation that was given back.
type spare struct {
	edges []mesh.Edge
	nodes []mesh.Arrival
}

// elapsed is the time since the beginning in seconds, not below zero.
func (c *Crowd) elapsed(now time.Time) float64 { return max(0, now.Sub(c.begin).Seconds()) }

// Observe gives what would be seen in the window that ends now. Another mesh than the made-up one is empty. The
// observation belongs to the caller, who may Release it.
func (c *Crowd) Observe(name string, window time.Duration, now time.Time) mesh.Observation {
	window = max(window.Round(time.Second), time.Second)
	o := mesh.Observation{Mesh: name, At: now, Window: window, Fresh: true}
	if name != c.mesh.Name {
		return o
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lend(&o)
	o.Reporting, o.Oldest = 1, now.Add(-oldest)
	end := c.elapsed(now)
	begin := max(0, end-window.Seconds())
	for i := range c.edges {
		c.edges[i].observe(&o.Edges[i], begin, end, now)
	}
	for i := range c.nodes {
		c.nodes[i].observe(&o.Nodes[i], o.Edges, c.edges, end, now)
	}
	return o
}

// lend gives an observation its memory, what an earlier one gave back if there is any.
func (c *Crowd) lend(o *mesh.Observation) {
	lent := &spare{}
	*lent, c.spare = c.spare, spare{}
	if lent.edges == nil {
		*lent = spare{make([]mesh.Edge, len(c.edges)), make([]mesh.Arrival, len(c.nodes))}
	}
	o.Edges, o.Nodes = lent.edges, lent.nodes
	o.Release = func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if lent.edges != nil {
			c.spare, *lent = *lent, spare{}
		}
	}
}

// observe works out what the edge carried between two moments.
func (f *flow) observe(e *mesh.Edge, begin, end float64, now time.Time) {
	*e = mesh.Edge{From: f.from, To: f.to, Protocol: f.protocol(), At: late(f.key, now)}
	t := &e.Traffic
	t.Healthy, t.Members, t.Instances = f.members, f.members, 1
	if f.base == 0 {
		return
	}
	a, b := f.by(begin), f.by(end)
	per := 1 / max(end-begin, 1)
	good, refused, failed := f.succeeded(b.requests)-f.succeeded(a.requests), b.refused-a.refused, b.failed-a.failed
	t.Requests = good + refused + failed
	t.RequestRate = t.Requests * per
	t.Classes[2], t.Classes[4], t.Classes[5] = good*per, refused*per, failed*per
	if t.Requests > 0 {
		t.ErrorRatio = failed / t.Requests
	}
	t.BytesRate = t.RequestRate * f.bytes
	t.Active = f.active(end)
	t.InFlight, t.Connections = t.Active, t.Active
	slow := b.slow - a.slow
	q := f.latency.quantiles(b.requests-a.requests-slow, slow)
	t.P50, t.P95, t.P99 = q[0], q[1], q[2]
}

func (f *flow) protocol() mesh.Protocol { return protocol(f.grpc) }

func protocol(grpc bool) mesh.Protocol {
	if grpc {
		return mesh.GRPC
	}
	return mesh.HTTP
}

// observe adds up what arrived at the node: what its callers sent, or, of a gateway, what it sent on.
func (n *node) observe(a *mesh.Arrival, seen []mesh.Edge, edges []flow, end float64, now time.Time) {
	*a = mesh.Arrival{ID: n.id, Received: true, At: late(n.key, now)}
	t := &a.Traffic
	failed, within := 0.0, 0.0
	for _, i := range n.in {
		e := &seen[i]
		t.Requests += e.Requests
		t.RequestRate += e.RequestRate
		t.BytesRate += e.BytesRate
		for c, rate := range e.Classes {
			t.Classes[c] += rate
		}
		failed += e.ErrorRatio * e.Requests
		within += e.Active
	}
	t.Active = within
	if t.Requests > 0 {
		t.ErrorRatio = failed / t.Requests
		slow := slowShare
		if len(n.in) > 0 {
			slow *= edges[n.in[0]].slow.at(end)
		}
		q := n.latency.quantiles(1-slow, slow)
		t.P50, t.P95, t.P99 = q[0], q[1], q[2]
	}
	if a.Pooled = n.limit > 0; a.Pooled {
		a.Pool = n.use(within, end)
	}
}

// use is what the node's pool holds when so many requests are within it.
func (n *node) use(within, t float64) mesh.PoolUse {
	if n.full > 0 {
		w := wave{0.06, 0.05, 0}
		within = float64(int(n.full * n.limit * w.at(t)))
	}
	within = min(within, n.limit)
	p := mesh.PoolUse{Connections: within, InFlight: within, Instances: n.instances}
	if n.full > 0 && !n.grpc {
		p.Pending = float64(int(n.full * 4))
	}
	return p
}

// Counts gives every edge's counters since the beginning, sorted by From and To.
func (c *Crowd) Counts(name string) []mesh.EdgeCount {
	if name != c.mesh.Name {
		return nil
	}
	now := c.now()
	t := c.elapsed(now)
	counts := make([]mesh.EdgeCount, len(c.edges))
	for i := range c.edges {
		f := &c.edges[i]
		b := f.by(t)
		counts[i] = mesh.EdgeCount{
			From: f.from, To: f.to, Requests: f.succeeded(b.requests) + b.refused + b.failed, Errors: b.failed, At: late(f.key, now),
		}
	}
	return counts
}
