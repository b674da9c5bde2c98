package plan

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// noticed is the smallest change of what arrives, in requests per second, that is worth a line.
const noticed = 0.05

// hops is how far what a version calls in its turn is followed.
const hops = 8

// maxLoads bounds the nodes of which loads and pools are told, those with the largest changes first.
const maxLoads = 20

// spread adds what the nodes that get more or less call in their turn: as many times as much as now.
func (m *maker) spread() {
	front := maps.Clone(m.in)
	for range hops {
		next := make(map[string]float64)
		for _, node := range slices.Sorted(maps.Keys(front)) {
			more, now := front[node], m.Seen.Box(node).Rate
			switch {
			case math.Abs(more) < noticed/10:
				continue
			case now < noticed:
				if n, ok := m.After.Node(node); ok && len(n.Backends) > 0 {
					m.note("node.calls", "node", node)
				}
				continue
			}
			for _, f := range m.Seen.Sent(node) {
				next[f.To] += f.Rate * more / now
			}
		}
		for node, more := range next {
			m.in[node] += more
		}
		front = next
	}
}

// loads writes what instances would carry and what their pools would have left: of the nodes that get more or less, and of
// those whose pools change.
func (m *maker) loads() {
	pools := make(map[string]bool)
	for _, e := range m.Edits {
		if e.After != nil && poolsChange(e) {
			pools[endOf(e.Ref)] = true
		}
	}
	nodes := slices.Collect(maps.Keys(pools))
	for node, more := range m.in {
		if _, ok := m.After.Node(node); ok && math.Abs(more) >= noticed && !pools[node] {
			nodes = append(nodes, node)
		}
	}
	slices.SortFunc(nodes, func(a, b string) int {
		if byChange := math.Abs(m.in[b]) - math.Abs(m.in[a]); math.Abs(byChange) > 1e-9 {
			return int(math.Copysign(1, byChange))
		}
		if a < b {
			return -1
		}
		return 1
	})
	if len(nodes) > maxLoads {
		m.note("load.more", "n", strconv.Itoa(len(nodes)-maxLoads))
		nodes = nodes[:maxLoads]
	}
	for _, node := range nodes {
		m.load(node, pools[node])
	}
}

// load writes one node's.
func (m *maker) load(node string, pooled bool) {
	box, more := m.Seen.Box(node), m.in[node]
	after, each := max(box.Rate+more, 0), float64(max(box.Instances, 1))
	if math.Abs(more) >= noticed {
		m.plan.Loads = append(m.plan.Loads, Load{
			Node: node, Instances: box.Instances, PerInstance: rounded(box.Rate / each), After: rounded(after / each),
		})
	}
	if pooled || more >= noticed {
		m.headroom(node, box, after)
	}
}

// headroom writes what each limit of a pool would have left.
func (m *maker) headroom(node string, box Box, after float64) {
	if box.Overflow > 0 {
		m.note("pool.refusing", "node", node, "rate", decimal(box.Overflow))
	}
	factor := 1.0
	if box.Rate >= noticed {
		factor = after / box.Rate
	} else if after >= noticed {
		box, factor = m.like(node, box, after), 1
	}
	if !box.Pooled {
		return
	}
	each := float64(max(box.Instances, 1))
	for _, l := range m.listeners(node) {
		if l.ConnectionPool == nil {
			continue
		}
		for _, limit := range []struct {
			name  string
			value *int
			used  float64
		}{
			{"maxConnections", l.ConnectionPool.MaxConnections, box.Connections},
			{"maxPendingRequests", l.ConnectionPool.MaxPendingRequests, box.Pending},
			{"maxRequests", l.ConnectionPool.MaxRequests, box.InFlight},
		} {
			if limit.value != nil {
				h := Headroom{Node: node, Limit: limit.name, Value: *limit.value, Used: rounded(limit.used / each), After: rounded(limit.used * factor / each)}
				h.Over = h.After > float64(h.Value)
				m.plan.Pools = append(m.plan.Pools, h)
			}
		}
	}
}

// like forecasts the pool of a node that gets nothing now, from the others of its route: as many requests under way for
// each that arrives.
func (m *maker) like(node string, own Box, after float64) Box {
	var others Box
	for _, nodes := range m.flows {
		if nodes[node] == nil {
			continue
		}
		for other := range nodes {
			if b := m.Seen.Box(other); other != node && b.Pooled {
				others.Rate += b.Rate
				others.Connections += b.Connections
				others.Pending += b.Pending
				others.InFlight += b.InFlight
			}
		}
	}
	if others.Rate < noticed {
		m.note("pool.unknown", "node", node)
		return own
	}
	factor := after / others.Rate
	m.note("pool.like", "node", node)
	return Box{
		Pooled: true, Instances: own.Instances,
		Connections: others.Connections * factor, Pending: others.Pending * factor, InFlight: others.InFlight * factor,
	}
}

// listeners gives those of a node or gateway as they would be.
func (m *maker) listeners(end string) []mesh.Listener {
	if n, ok := m.After.Node(end); ok {
		return n.Listeners
	}
	for _, g := range m.After.Gateways {
		if mesh.GatewayID(g.Name) == end {
			return g.Listeners
		}
	}
	return nil
}

// endOf names an object as the graph does.
func endOf(ref mesh.Ref) string {
	if ref.Kind == mesh.KindGateway {
		return mesh.GatewayID(ref.Name)
	}
	return ref.Name
}

// poolsChange says whether an edit sets other limits of a connection pool.
func poolsChange(e Edit) bool {
	for name := range differences(e.Before, e.After) {
		if isPool(name) {
			return true
		}
	}
	return false
}

// Peak is the highest load per instance that was recorded of a node, in requests per second.
type Peak struct {
	Rate float64
	At   time.Time
}

// Recall adds the highest loads that were recorded, by node.
func (p *Plan) Recall(highest map[string]Peak) {
	for i := range p.Loads {
		l := &p.Loads[i]
		if h, ok := highest[l.Node]; ok {
			rate, at := rounded(h.Rate), h.At.UTC()
			l.Highest, l.HighestAt = &rate, &at
			l.Over = l.After > rate && l.After > l.PerInstance
		}
	}
}
