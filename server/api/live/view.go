package live

import (
	"cmp"
	"encoding/json"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// maxRows is how many edges, and how many boxes, a frame shows at most.
const maxRows = 150

// view is what a subscription names.
type view struct {
	name   string // as the client wrote it
	kind   string // graph, table, focus, service, changes, proxies
	mesh   string
	center string // focus, service
	hops   int    // focus
}

// graphical says whether the view is drawn from the graph.
func (v view) graphical() bool { return v.kind != "changes" && v.kind != "proxies" }

// parseView reads a view's name.
func parseView(name string) (view, error) {
	v := view{name: name}
	kind, rest, _ := strings.Cut(name, ":")
	v.kind = kind
	switch kind {
	case "graph", "table", "changes", "proxies":
		v.mesh = rest
	case "service":
		v.mesh, v.center, _ = strings.Cut(rest, ":")
		if v.center == "" {
			return v, mesh.Errorf(mesh.Invalid, "view %q: write it as service:MESH:SERVICE", shorten(name))
		}
	case "focus":
		middle, hops, ok := cutLast(rest)
		v.mesh, v.center, _ = strings.Cut(middle, ":")
		n, err := strconv.Atoi(hops)
		if !ok || err != nil || n < 1 || n > 3 || v.center == "" {
			return v, mesh.Errorf(mesh.Invalid, "view %q: write it as focus:MESH:BOX:HOPS with 1 to 3 hops", shorten(name))
		}
		v.hops = n
	default:
		return v, mesh.Errorf(mesh.Invalid,
			"view %q: the views are graph, table, focus, service, changes and proxies, as in graph:MESH", shorten(name))
	}
	if v.mesh == "" {
		return v, mesh.Errorf(mesh.Invalid, "view %q: name the mesh, as in %s:MESH", shorten(name), kind)
	}
	return v, nil
}

// cutLast cuts around the last colon.
func cutLast(s string) (before, after string, ok bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// shorten keeps a client's words from filling an answer.
func shorten(s string) string {
	if len(s) > 80 {
		return s[:77] + "…"
	}
	return s
}

// scene is a view's content at one moment.
type scene struct {
	head  Frame // Time, Window, Fresh, Age, Total, NodeTotal and Cut
	boxes []box
	lines []line
	rows  []item
}

// box is a node of the graph as a row.
type box struct {
	name Name
	row  values
	why  Why
}

// line is an edge of the graph as a row.
type line struct {
	from, to string
	ends     Ends // without ids
	row      values
	why      Why
}

// pair tells lines apart: the graph ids of both ends.
type pair struct{ from, to string }

// key tells a line apart from others.
func (l line) key() pair { return pair{l.from, l.to} }

// item is a whole object of a view that is not drawn.
type item struct {
	key  string
	same string // what has to differ for the object to be sent again
	body json.RawMessage
}

// draw makes the scene of a graphical view. shown says whether viewers have a line already; it then keeps its place
// against others of about the same rate.
func draw(v view, g graph.Graph, shown func(from, to string) bool) scene {
	keep := around(v, g)
	edges := make([]*graph.Edge, 0, len(g.Edges))
	for i := range g.Edges {
		if e := &g.Edges[i]; keep == nil || (keep[e.From] && keep[e.To]) {
			edges = append(edges, e)
		}
	}
	p := scene{head: Frame{
		Time: g.At.UnixMilli(), Window: g.Seconds(), Fresh: g.Fresh, Age: math.Round(g.Age*10) / 10, Total: len(edges),
	}}
	if len(edges) > maxRows {
		p.head.Cut = true
		edges = foremost(edges, shown)
	}
	touched := make(map[string]bool, 2*len(edges))
	p.lines = make([]line, 0, len(edges))
	for _, e := range edges {
		touched[e.From], touched[e.To] = true, true
		p.lines = append(p.lines, lineOf(e))
	}
	p.boxes, p.head.NodeTotal = boxesOf(g, keep, touched)
	if len(p.boxes) < p.head.NodeTotal {
		p.head.Cut = true
	}
	return p
}

// boxesOf gives the boxes at the ends of the shown lines and the services around them, then others while there is room.
func boxesOf(g graph.Graph, keep, touched map[string]bool) (boxes []box, total int) {
	service := make(map[string]bool)
	for i := range g.Nodes {
		if touched[g.Nodes[i].ID] && g.Nodes[i].Service != "" {
			service[mesh.ServiceID(g.Nodes[i].Service)] = true
		}
	}
	var chosen, others []*graph.Node
	for i := range g.Nodes {
		n := &g.Nodes[i]
		if keep != nil && !keep[n.ID] && !service[n.ID] {
			continue
		}
		total++
		if touched[n.ID] || service[n.ID] {
			chosen = append(chosen, n)
		} else if len(others) < maxRows {
			others = append(others, n)
		}
	}
	if room := maxRows - len(chosen); room > 0 {
		chosen = append(chosen, others[:min(room, len(others))]...)
	}
	slices.SortFunc(chosen, func(a, b *graph.Node) int { return cmp.Compare(a.ID, b.ID) })
	boxes = make([]box, len(chosen))
	for i, n := range chosen {
		boxes[i] = boxOf(n)
	}
	return boxes, total
}

// foremost chooses the rows that are shown when there are too many: the worst, then the busiest.
func foremost(edges []*graph.Edge, shown func(from, to string) bool) []*graph.Edge {
	type candidate struct {
		severity, weight float64
		place            int
	}
	all := make([]candidate, len(edges))
	for i, e := range edges {
		all[i] = candidate{severity(e.Health), e.RequestRate, i}
		if shown(e.From, e.To) {
			all[i].weight *= 1.2
		}
	}
	slices.SortFunc(all, func(a, b candidate) int {
		return cmp.Or(cmp.Compare(b.severity, a.severity), cmp.Compare(b.weight, a.weight), a.place-b.place)
	})
	chosen := make([]*graph.Edge, maxRows)
	for i := range chosen {
		chosen[i] = edges[all[i].place]
	}
	return chosen
}

// around gives the boxes that a view is about; nil means all.
func around(v view, g graph.Graph) map[string]bool {
	hops := v.hops
	switch v.kind {
	case "focus":
	case "service":
		hops = 1
	default:
		return nil
	}
	plain, _ := strings.CutPrefix(v.center, "service/")
	keep := make(map[string]bool)
	for i := range g.Nodes {
		n := &g.Nodes[i]
		byID := n.ID == v.center || n.ID == mesh.ServiceID(plain)
		if (byID && v.kind == "focus") || n.ID == mesh.ServiceID(plain) || (n.Service == plain && n.Kind == graph.KindNode) {
			keep[n.ID] = true
		}
	}
	callers, callees := maps.Clone(keep), maps.Clone(keep)
	for range hops {
		callers = step(g, callers, keep, func(e *graph.Edge) (string, string) { return e.To, e.From })
		callees = step(g, callees, keep, func(e *graph.Edge) (string, string) { return e.From, e.To })
	}
	return keep
}

// step walks one hop from a set of boxes and adds those it reaches to keep.
func step(g graph.Graph, from, keep map[string]bool, ends func(*graph.Edge) (string, string)) map[string]bool {
	reached := make(map[string]bool)
	for i := range g.Edges {
		if here, there := ends(&g.Edges[i]); from[here] {
			reached[there] = true
		}
	}
	for id := range reached {
		keep[id] = true
	}
	return reached
}

// boxOf makes a node's row.
func boxOf(n *graph.Node) box {
	b := box{
		name: Name{ID: n.ID, Kind: n.Kind, Name: n.Name, Service: n.Service, Version: n.Version},
		why:  Why{Text: n.Why, Causes: n.Causes},
	}
	b.row = values{
		colRate: n.RequestRate, colErrors: n.ErrorRatio, colP50: n.P50, colP95: n.P95, colP99: n.P99,
		colHealth: healthNumber(n.Health), colDeclared: bit(n.Declared), colProxies: float64(n.Proxies),
		colWeight: math.NaN(), colShare: math.NaN(),
	}
	if n.Pool != nil {
		poolOf(n.Pool, &b.row)
	}
	roundAll(&b.row)
	return b
}

// lineOf makes an edge's row.
func lineOf(e *graph.Edge) line {
	l := line{
		from: e.From, to: e.To,
		ends: Ends{Protocol: string(e.Protocol), Services: e.Services},
		why:  Why{Text: e.Why, Causes: e.Causes},
	}
	l.row = values{
		colRate: e.RequestRate, colErrors: e.ErrorRatio, colP50: e.P50, colP95: e.P95, colP99: e.P99,
		colHealth: healthNumber(e.Health), colDeclared: bit(e.Declared), colUsed: bit(e.Used), colBytes: e.BytesRate,
		colInFlight: e.Active, colMembers: e.Members, colHealthy: e.Healthy, colEjected: e.Ejected,
		colWeight: orNull(e.Weight), colShare: orNull(e.Share),
	}
	poolOf(&e.Pool, &l.row)
	roundAll(&l.row)
	return l
}

func poolOf(p *graph.Pool, row *values) {
	row[colConnections], row[colPending], row[colActive] = p.Connections, p.Pending, p.Active
	row[colMaxConns], row[colMaxPending], row[colMaxRequests] = p.MaxConnections, p.MaxPendingRequests, p.MaxRequests
	row[colOverflow] = p.OverflowRate
}

func roundAll(row *values) {
	for c := range row {
		row[c] = round(row[c])
	}
}

func orNull(v *float64) float64 {
	if v == nil {
		return math.NaN()
	}
	return *v
}

func bit(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// healthNumber is a verdict as frames carry it.
func healthNumber(h mesh.Health) float64 { return float64(health.Rank(h)) }

// severity orders edges for truncation: only what is wrong goes before what is busy.
func severity(h mesh.Health) float64 { return max(healthNumber(h), 2) }
