package crowd

import (
	"github.com/weirmesh/weir/server/metrics"
)

// Meshes names the one mesh.
func (c *Crowd) Meshes() []string { return []string{c.mesh.Name} }

// Rollups visits every edge, sorted by From and To, and then every node, with From empty, sorted by To. The Rollup and its
// slices are only good until visit returns; visit must not call the crowd.
func (c *Crowd) Rollups(name string, visit func(*metrics.Rollup)) {
	if name != c.mesh.Name {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.now()
	t := c.elapsed(now)
	r := &c.rollup
	for i := range c.edges {
		f := &c.edges[i]
		*r = metrics.Rollup{
			From: f.from, To: f.to, Protocol: f.protocol(), At: late(f.key, now), Buckets: r.Buckets[:0], Proxies: 1,
			Healthy: f.members, Members: f.members,
		}
		f.add(r, t)
		f.spread(r, t)
		r.InFlight = r.Active
		visit(r)
	}
	for i := range c.nodes {
		c.roll(&c.nodes[i], r, t)
		r.At = late(c.nodes[i].key, now)
		visit(r)
	}
}

// roll adds up what a node counted.
func (c *Crowd) roll(n *node, r *metrics.Rollup, t float64) {
	*r = metrics.Rollup{To: n.id, Protocol: protocol(n.grpc), Buckets: r.Buckets[:0], Proxies: n.instances}
	for _, i := range n.in {
		c.edges[i].add(r, t)
		c.edges[i].spread(r, t)
	}
	if n.limit > 0 {
		p := n.use(r.Active, t)
		r.InFlight, r.Pending, r.Connections = p.InFlight, p.Pending, p.Connections
	}
}

// add adds what the flow counted so far and shows now.
func (f *flow) add(r *metrics.Rollup, t float64) {
	if f.base == 0 {
		return
	}
	b := f.by(t)
	good := f.succeeded(b.requests)
	r.Classes[2] += good
	r.Classes[4] += b.refused
	r.Classes[5] += b.failed
	r.Bytes += (good + b.refused + b.failed) * f.bytes
	r.Active += f.active(t)
}

// spread adds the flow's requests to the latency buckets.
func (f *flow) spread(r *metrics.Rollup, t float64) {
	if f.base == 0 {
		return
	}
	r.Bounds = f.latency.bounds
	for len(r.Buckets) <= len(r.Bounds) {
		r.Buckets = append(r.Buckets, 0)
	}
	b := f.by(t)
	usual := b.requests - b.slow
	for i := range r.Buckets {
		r.Buckets[i] += usual*f.latency.usual[i] + b.slow*f.latency.slow[i]
	}
	r.Sum += usual*f.latency.mean + b.slow*f.latency.slowMean
}
