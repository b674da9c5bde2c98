package graph

import (
	"cmp"
	"maps"
	"slices"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// judgeEdge judges one edge by the rules of the routes that lead its caller there.
func (d *drawing) judgeEdge(e *Edge, f *flow, by rules) {
	from, to := &d.cells[f.from], &d.cells[f.to]
	at := place{from: from.object, to: to.object, lead: cmp.Or(by.lead, to.lead)}
	if to.kind == KindService {
		e.Health, e.Causes = mesh.Degraded, noTarget(to.name)
		if !to.declared {
			at.to = from.object
		}
		e.Causes[0].At = at.to
		e.Why, e.Causes = explain(e.Causes)
		return
	}
	ev := &d.evidence
	*ev = health.Evidence{Protocol: e.Protocol}
	if f.Edge == nil {
		ev.Missing = from.proxies == 0
	} else {
		ev.Traffic = f.Traffic
		ev.Pool = e.Pool.evidence()
		ev.Pool.OverflowRate *= to.part(e.RequestRate)
		if !f.At.IsZero() {
			ev.Age = d.seen.At.Sub(f.At)
		}
	}
	e.Health, e.Causes = health.Judge(ev, by.limits)
	at.mark(e.Causes)
	e.Why, e.Causes = explain(e.Causes)
}

// part is a caller's part of what arrives: its part in what the pool there refused.
func (c *cell) part(rate float64) float64 {
	if c.in.Traffic.RequestRate > 0 {
		return min(1, rate/c.in.Traffic.RequestRate)
	}
	return 1
}

func noTarget(service string) []Cause {
	return []Cause{{Code: health.NoTarget, Values: map[string]string{"service": service}, Knob: health.KnobBackends}}
}

func (p Pool) evidence() health.Pool {
	return health.Pool{
		Connections: p.Connections, MaxConnections: p.MaxConnections,
		Pending: p.Pending, MaxPending: p.MaxPendingRequests,
		InFlight: p.Active, MaxInFlight: p.MaxRequests,
		OverflowRate: p.OverflowRate,
	}
}

// explain puts causes into words; neither slice is nil.
func explain(causes []Cause) ([]string, []Cause) {
	if len(causes) == 0 {
		return []string{}, []Cause{}
	}
	why := make([]string, len(causes))
	for i, c := range causes {
		why[i] = health.Text(c)
	}
	return why, causes
}

// layNodes adds the nodes, those that are only seen last, and sorts them.
func (d *drawing) layNodes() {
	nodes := make([]Node, len(d.cells))
	pools := make([]Pool, 0, len(d.cells)) // one piece of memory for all of them
	for i := range d.cells {
		c := &d.cells[i]
		n := &nodes[i]
		*n = Node{
			ID: c.id, Kind: c.kind, Name: c.name, Service: c.service, Version: c.version, Declared: c.declared, Proxies: c.proxies,
		}
		if c.kind == KindService {
			continue // when its versions are judged
		}
		if p := &c.pool; p.Instances > 0 || p.MaxConnections+p.MaxPendingRequests+p.MaxRequests > 0 {
			pools = append(pools, *p)
			n.Pool = &pools[len(pools)-1]
		}
		d.judgeNode(n, c)
	}
	for i := range d.cells {
		if d.cells[i].kind == KindService {
			d.judgeService(&nodes[i], &d.cells[i], nodes)
		}
	}
	if len(d.strange) > 0 {
		for i := len(nodes) - 1; i >= len(d.nodes); i-- {
			if !d.cells[i].shown {
				nodes = slices.Delete(nodes, i, i+1)
			}
		}
		merge(nodes, len(d.nodes))
	}
	d.graph.Nodes = nodes
}

// merge sorts nodes of which so many in front are sorted already: nearly all, in a large mesh.
func merge(nodes []Node, sorted int) {
	rest := slices.Clone(nodes[sorted:])
	slices.SortFunc(rest, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	for i, j, at := sorted-1, len(rest)-1, len(nodes)-1; j >= 0; at-- {
		if i >= 0 && nodes[i].ID > rest[j].ID {
			nodes[at] = nodes[i]
			i--
		} else {
			nodes[at] = rest[j]
			j--
		}
	}
}

// judgeNode judges a node by what it received and by how its callers fared in reaching it.
func (d *drawing) judgeNode(n *Node, c *cell) {
	sent := &c.sent
	ev := &d.evidence
	*ev = health.Evidence{Traffic: c.in.Traffic, Protocol: c.planNode.pool.protocol, Pool: c.pool.evidence(), Unrouted: d.unrouted(c), Age: c.age}
	t := &ev.Traffic
	if !c.in.Received {
		*t = sent.Traffic
		if !sent.at.IsZero() {
			ev.Age = d.seen.At.Sub(sent.at)
		}
	}
	n.RequestRate, n.ErrorRatio = t.RequestRate, t.ErrorRatio
	n.P50, n.P95, n.P99 = t.P50.Seconds(), t.P95.Seconds(), t.P99.Seconds()
	if n.Kind == KindUnknown {
		n.Health = d.callersHealth(n.ID)
		n.Why, n.Causes = explain(nil)
		return
	}
	t.RequestRate, t.Requests = max(t.RequestRate, sent.RequestRate), max(t.Requests, sent.Requests)
	t.NoHost, t.FailRate, t.Timeouts, t.Exhausted = sent.NoHost, sent.FailRate, sent.Timeouts, sent.Exhausted
	t.Resets = max(t.Resets, sent.Resets) // what the application cuts off is seen by its own proxy alone
	t.Members, t.Healthy, t.Ejected = sent.Members, sent.Healthy, sent.Ejected
	ev.Missing = !c.in.Received && sent.at.IsZero() && c.proxies == 0
	n.Health, n.Causes = health.Judge(ev, c.limits)
	place{from: c.object, to: c.object, lead: c.lead}.mark(n.Causes)
	n.Why, n.Causes = explain(n.Causes)
}

// callersHealth says whether callers outside the mesh are there; what becomes of their calls is not their fault.
func (d *drawing) callersHealth(id string) mesh.Health {
	found := mesh.Idle
	for i := range d.graph.Edges {
		if e := &d.graph.Edges[i]; e.From == id && e.Used {
			if e.Health != mesh.Unknown {
				return mesh.Healthy
			}
			found = mesh.Unknown
		}
	}
	return found
}

// unrouted is the rate of a node's calls without a route. Strangers ask a gateway for all sorts of hosts, so there it
// takes a share of what arrives.
func (d *drawing) unrouted(c *cell) float64 {
	rate := c.in.Unrouted
	if c.kind == KindGateway && rate < c.limits.FailingErrors*c.in.Traffic.RequestRate {
		return 0
	}
	return rate
}

// judgeService judges a service by its versions together. A version's trouble makes its service degraded at least,
// however little traffic it has.
func (d *drawing) judgeService(n *Node, c *cell, nodes []Node) {
	ev := &d.evidence
	*ev = health.Evidence{Burns: d.seen.Burns[c.name]}
	t := &ev.Traffic
	failed := 0.0
	worst, causes := mesh.Unknown, []Cause(nil)
	for _, i := range c.versions {
		v := &nodes[i]
		n.Proxies += v.Proxies
		t.RequestRate += v.RequestRate
		failed += v.ErrorRatio * v.RequestRate
		if v.RequestRate > 0 {
			n.P50, n.P95, n.P99 = max(n.P50, v.P50), max(n.P95, v.P95), max(n.P99, v.P99)
		}
		if health.Rank(v.Health) > health.Rank(worst) {
			worst = v.Health
		}
		causes = append(causes, named(v.Name, v.Causes)...)
	}
	t.Requests = t.RequestRate * d.seen.Window.Seconds()
	if t.RequestRate > 0 {
		t.ErrorRatio = failed / t.RequestRate
	}
	n.RequestRate, n.ErrorRatio = t.RequestRate, t.ErrorRatio
	n.Health, n.Causes = serviceVerdict(c, ev, worst)
	place{from: c.object, to: c.object, lead: c.lead}.mark(n.Causes)
	n.Causes = append(n.Causes, causes...)
	n.Why, n.Causes = explain(n.Causes)
}

// named says whose causes they are.
func named(node string, causes []Cause) []Cause {
	list := make([]Cause, len(causes))
	for i, c := range causes {
		values := make(map[string]string, len(c.Values)+1)
		maps.Copy(values, c.Values)
		values["node"] = node
		list[i] = Cause{Code: c.Code, Values: values, Knob: c.Knob, At: c.At}
	}
	return list
}

// serviceVerdict weighs the errors of a service as a whole, its objective and its worst version.
func serviceVerdict(c *cell, ev *health.Evidence, worst mesh.Health) (mesh.Health, []Cause) {
	if len(c.versions) == 0 {
		return mesh.Unknown, noTarget(c.name)
	}
	ill := health.Rank(worst) > health.Rank(mesh.Healthy)
	if len(c.versions) == 1 || !ill {
		ev.Traffic = mesh.Traffic{} // the versions said what there is to say; the objective is left
	}
	whole, causes := health.Judge(ev, c.limits)
	switch {
	case len(c.versions) > 1 && ill:
		return worse(whole, mesh.Degraded), causes
	case len(causes) > 0:
		return worse(whole, worst), causes
	default:
		return worst, nil
	}
}

func worse(a, b mesh.Health) mesh.Health {
	if health.Rank(a) > health.Rank(b) {
		return a
	}
	return b
}
