package live

import (
	"encoding/json"
	"math"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

// content is what a view shows at one moment.
type content struct {
	head  Frame // Time, Window, Fresh, Age, Total, NodeTotal and Cut
	boxes []box
	lines []line
	rows  []item
	scene *graph.Scene // nil: the view chooses nothing
	order []pair       // of a table's page
	rests bool         // the numbers are still those of the frame before
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

// roundAll keeps the digits that somebody may want to see.
func roundAll(row *values) {
	for c := range row {
		switch c {
		case colP50, colP95, colP99, colBytes, colInFlight, colOverflow:
			row[c] = roundTo(row[c], 3)
		default:
			row[c] = roundTo(row[c], 4)
		}
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
