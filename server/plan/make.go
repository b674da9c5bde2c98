package plan

import (
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Edit is one object's step. Before or After is nil when the object was not there, or would not be.
type Edit struct {
	Ref           mesh.Ref
	Before, After mesh.Object
}

// Flow is what one end sends to another now, in requests per second (TCP: connections).
type Flow struct {
	To   string // graph id
	Rate float64
}

// Box is what is seen of a node or gateway now, summed over its instances.
type Box struct {
	Rate      float64 // requests per second that arrive
	Instances int     // zero: not known
	// Pool is in front of its application; Overflow is what it refuses per second.
	Pooled                         bool
	Connections, Pending, InFlight float64
	Overflow                       float64
}

// Seen answers what is seen of the mesh now, from memory. Ends are named as in the graph.
type Seen interface {
	// Sent lists what one end sends.
	Sent(from string) []Flow
	// Box gives what arrives at a node or gateway; the zero Box when nothing is known of it.
	Box(id string) Box
}

// Input is what is known when a change is forecast.
type Input struct {
	At            time.Time
	Before, After mesh.Mesh
	Edits         []Edit
	Seen          Seen // nil: the traffic is not known
}

// Make forecasts a change: the steps, the requests that move, the loads and pools of those that get more, and what becomes
// unreachable. Who gets new configuration, the highest loads (Recall) and dry runs are for the caller to add.
//
// Requests move as if every caller went on sending what it sends now. What a version calls in its turn grows with what it
// gets. How many requests take a route is read from the callers' edges; where routes lead to the same versions, they are
// told apart by the proportions of their targets (expectation maximisation of a mixture, Dempster, Laird and Rubin 1977).
func Make(in Input) *Plan {
	m := maker{
		Input: in, plan: &Plan{At: in.At, Steps: steps(in.Edits)}, in: make(map[string]float64), flows: make(map[string]map[string]*moved),
		before: waysIn(in.Before), after: waysIn(in.After), edited: make(map[string]bool), strays: make(map[[2]string]float64),
	}
	for _, e := range in.Edits {
		if e.Ref.Kind == mesh.KindRoute {
			m.edited[e.Ref.Name] = true
		}
	}
	m.services, m.ends = m.touched()
	m.lost()
	if in.Seen == nil {
		m.note("traffic.unknown")
		return m.plan
	}
	for _, end := range m.callers() {
		m.move(end)
	}
	m.tellStrays()
	m.shifts()
	m.spread()
	m.loads()
	return m.plan
}

// maker makes one plan.
type maker struct {
	Input
	plan  *Plan
	flows map[string]map[string]*moved // by route, then node
	in    map[string]float64           // by node: what arrives more than now, in requests per second
	// strays are the requests per second that would find no route, by service and caller.
	strays map[[2]string]float64

	before, after *ways
	edited        map[string]bool // routes by name
	services      map[string]bool // whose calls may go elsewhere
	ends          map[string]bool // that may call others
}

// moved is what one target gets by one route.
type moved struct{ before, after float64 }

// note keeps a sentence once.
func (m *maker) note(code string, pairs ...string) {
	n := Say(code, pairs...)
	if !slices.ContainsFunc(m.plan.Notes, func(other Note) bool { return other.Text == n.Text }) {
		m.plan.Notes = append(m.plan.Notes, n)
	}
}

// decimal writes a rate.
func decimal(v float64) string { return strconv.FormatFloat(v, 'f', 1, 64) }

// callers lists the ends for which calls may go elsewhere, sorted: those with a touched service among their backends, and
// those whose backends changed.
func (m *maker) callers() []string {
	ends := maps.Clone(m.ends)
	if len(m.services) > 0 {
		for _, side := range []mesh.Mesh{m.Before, m.After} {
			for _, n := range side.Nodes {
				if slices.ContainsFunc(n.Backends, func(b mesh.Backend) bool { return m.services[b.Service] }) {
					ends[n.Name] = true
				}
			}
			for _, r := range side.GatewayRoutes {
				if m.services[r.Target.Service] {
					ends[mesh.GatewayID(r.Gateway)] = true
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(ends))
}

// touched gives the services whose calls may go elsewhere, and the ends that may call others.
func (m *maker) touched() (services, ends map[string]bool) {
	services, ends = make(map[string]bool), make(map[string]bool)
	routers := make(map[string]bool)
	for _, e := range m.Edits {
		for _, o := range []mesh.Object{e.Before, e.After} {
			switch o := o.(type) {
			case mesh.Route:
				routers[o.Router] = true
			case mesh.VirtualRouter:
				routers[o.Name] = true
			case mesh.VirtualService:
				services[o.Name] = true
			case mesh.GatewayRoute:
				ends[mesh.GatewayID(o.Gateway)] = true
			}
		}
		if e.Ref.Kind == mesh.KindNode && !sameBackends(e) {
			ends[e.Ref.Name] = true
		}
	}
	for _, side := range []mesh.Mesh{m.Before, m.After} {
		for _, s := range side.Services {
			if routers[s.Router] {
				services[s.Name] = true
			}
		}
	}
	return services, ends
}

func sameBackends(e Edit) bool {
	before, _ := e.Before.(mesh.VirtualNode)
	after, _ := e.After.(mesh.VirtualNode)
	return slices.Equal(before.Backends, after.Backends)
}

// shifts writes what every target of a route would gain or lose, of the routes where anything does.
func (m *maker) shifts() {
	for _, route := range slices.Sorted(maps.Keys(m.routes())) {
		before, after := sharesOf(m.Before, route), sharesOf(m.After, route)
		nodes := maps.Clone(m.flows[route])
		if nodes == nil {
			nodes = make(map[string]*moved)
		}
		for node := range before {
			nodes[node] = nodes[node].orNone()
		}
		for node := range after {
			nodes[node] = nodes[node].orNone()
		}
		var list []Shift
		differs := false
		for _, node := range slices.Sorted(maps.Keys(nodes)) {
			f := nodes[node]
			s := Shift{
				Route: route, Node: node, ShareBefore: before[node], ShareAfter: after[node],
				RateBefore: rounded(f.before), RateAfter: rounded(f.after),
			}
			differs = differs || s.ShareBefore != s.ShareAfter || s.RateBefore != s.RateAfter
			list = append(list, s)
		}
		if differs {
			m.plan.Shifts = append(m.plan.Shifts, list...)
		}
	}
}

// routes gives the routes that have traffic of a caller which may move, and those that were edited.
func (m *maker) routes() map[string]bool {
	out := make(map[string]bool)
	for route := range m.flows {
		out[route] = true
	}
	for route := range m.edited {
		out[route] = true
	}
	return out
}

// sharesOf gives the shares of a route by its name, or of a service that a node provides.
func sharesOf(m mesh.Mesh, route string) map[string]float64 {
	if service, ok := strings.CutPrefix(route, direct); ok {
		if s, ok := m.Service(service); ok && s.Node != "" {
			return map[string]float64{s.Node: 1}
		}
		return nil
	}
	o, _ := m.Get(mesh.Ref{Kind: mesh.KindRoute, Name: route})
	r, _ := o.(mesh.Route)
	return r.Shares()
}

func (f *moved) orNone() *moved {
	if f == nil {
		return &moved{}
	}
	return f
}

// rounded leaves three decimals: more would be made up.
func rounded(v float64) float64 { return math.Round(v*1000) / 1000 }
