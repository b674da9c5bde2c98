// Package live shows meshes to browsers and programs over a WebSocket: views of the graph, of changes and of proxies as
// small columnar frames, full first and then deltas, encoded once for everybody who looks at the same view. It only
// shows; it takes no commands. docs/guide/live.md is the description of what it sends.
package live

import (
	"encoding/json"
	"math"
	"strconv"

	"github.com/weirmesh/weir/server/graph"
)

// Frame is one message of one view. A frame without Base is full; one with Base applies to the frame of that Seq.
type Frame struct {
	View  string `json:"v"`
	Error string `json:"error,omitempty"` // the view does not exist; every other field is empty
	Epoch int64  `json:"epoch,omitempty"`
	Seq   int64  `json:"seq,omitempty"`
	Base  int64  `json:"base,omitempty"`
	Time  int64  `json:"t,omitempty"` // milliseconds since 1970

	Window    float64 `json:"w,omitempty"` // seconds
	Fresh     bool    `json:"fresh"`
	Age       float64 `json:"age"` // seconds
	Total     int     `json:"total,omitempty"`
	NodeTotal int     `json:"nodeTotal,omitempty"`
	Cut       bool    `json:"cut,omitempty"`

	Names map[int]Name `json:"names,omitempty"`
	Ends  map[int]Ends `json:"edges,omitempty"`
	Table              // the edges' rows
	Nodes *Table       `json:"nodes,omitempty"`
	Gone  []int        `json:"gone,omitempty"`
	Why   map[int]Why  `json:"why,omitempty"`
	Same  []int        `json:"same,omitempty"` // rows of this frame whose explanation is the one before

	Scene json.RawMessage `json:"scene,omitempty"` // graph.Scene, when it changed
	Order []int           `json:"order,omitempty"` // of a table's page: its edges' ids in order, when that changed

	Rows     []json.RawMessage `json:"rows,omitempty"` // of changes and proxies
	GoneRows []string          `json:"goneRows,omitempty"`
}

// Name describes a box of the graph.
type Name struct {
	ID      string         `json:"id"`
	Kind    graph.NodeKind `json:"kind"`
	Name    string         `json:"name"`
	Service string         `json:"service,omitempty"`
	Version string         `json:"version,omitempty"`
}

// Ends describes an edge of the graph by the ids of its boxes.
type Ends struct {
	From     int      `json:"from"`
	To       int      `json:"to"`
	Protocol string   `json:"protocol,omitempty"`
	Services []string `json:"services,omitempty"`
}

// Why explains a row's health.
type Why struct {
	Text   []string      `json:"text,omitempty"`
	Causes []graph.Cause `json:"causes,omitempty"`
}

// Table is rows as columns: position k of every column belongs to id I[k]. A nil column is zero (Weight and Share: null)
// in every row.
type Table struct {
	ID          []int  `json:"i,omitempty"`
	Rate        Column `json:"r,omitempty"`
	Errors      Column `json:"e,omitempty"`
	P50         Column `json:"p50,omitempty"`
	P95         Column `json:"p,omitempty"`
	P99         Column `json:"p99,omitempty"`
	Health      Column `json:"h,omitempty"`
	Declared    Column `json:"d,omitempty"`
	Used        Column `json:"u,omitempty"`
	Bytes       Column `json:"b,omitempty"`
	InFlight    Column `json:"f,omitempty"`
	Members     Column `json:"m,omitempty"`
	Healthy     Column `json:"g,omitempty"`
	Ejected     Column `json:"x,omitempty"`
	Weight      Column `json:"wt,omitempty"`
	Share       Column `json:"sh,omitempty"`
	Proxies     Column `json:"n,omitempty"`
	Connections Column `json:"c,omitempty"`
	Pending     Column `json:"q,omitempty"`
	Active      Column `json:"a,omitempty"`
	MaxConns    Column `json:"lc,omitempty"`
	MaxPending  Column `json:"lq,omitempty"`
	MaxRequests Column `json:"la,omitempty"`
	Overflow    Column `json:"o,omitempty"`
}

// The places of the columns in a row's values.
const (
	colRate = iota
	colErrors
	colP50
	colP95
	colP99
	colHealth
	colDeclared
	colUsed
	colBytes
	colInFlight
	colMembers
	colHealthy
	colEjected
	colWeight
	colShare
	colProxies
	colConnections
	colPending
	colActive
	colMaxConns
	colMaxPending
	colMaxRequests
	colOverflow
	columns
)

// values is one row. NaN stands for null.
type values [columns]float64

// fields gives the table's columns in the order of the constants above.
func (t *Table) fields() [columns]*Column {
	return [columns]*Column{
		&t.Rate, &t.Errors, &t.P50, &t.P95, &t.P99, &t.Health, &t.Declared, &t.Used, &t.Bytes, &t.InFlight,
		&t.Members, &t.Healthy, &t.Ejected, &t.Weight, &t.Share, &t.Proxies, &t.Connections, &t.Pending, &t.Active,
		&t.MaxConns, &t.MaxPending, &t.MaxRequests, &t.Overflow,
	}
}

// absent is the value of a column that a table does not have.
func absent(column int) float64 {
	if column == colWeight || column == colShare {
		return math.NaN()
	}
	return 0
}

// same compares two values, null being equal to null.
func same(a, b float64) bool { return a == b || (math.IsNaN(a) && math.IsNaN(b)) }

// fill sets the table's rows, leaving out the columns that say nothing.
func (t *Table) fill(ids []int, rows []values) {
	t.ID = ids
	for c, field := range t.fields() {
		says := false
		for i := range rows {
			if !same(rows[i][c], absent(c)) {
				says = true
				break
			}
		}
		if !says {
			continue
		}
		column := make(Column, len(rows))
		for i := range rows {
			column[i] = rows[i][c]
		}
		*field = column
	}
}

// row reads row k back.
func (t *Table) row(k int) (v values, ok bool) {
	for c, field := range t.fields() {
		switch {
		case *field == nil:
			v[c] = absent(c)
		case k < len(*field):
			v[c] = (*field)[k]
		default:
			return v, false
		}
	}
	return v, true
}

// Column is one number a row; NaN is written as null.
type Column []float64

// MarshalJSON writes the shortest form of each number.
func (c Column) MarshalJSON() ([]byte, error) {
	out := make([]byte, 0, 2+6*len(c))
	out = append(out, '[')
	for i, v := range c {
		if i > 0 {
			out = append(out, ',')
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			out = append(out, "null"...)
			continue
		}
		format := byte('f')
		if v != 0 && (math.Abs(v) < 1e-6 || math.Abs(v) >= 1e15) {
			format = 'e'
		}
		out = strconv.AppendFloat(out, v, format, -1, 64)
	}
	return append(out, ']'), nil
}

// UnmarshalJSON reads null as NaN.
func (c *Column) UnmarshalJSON(data []byte) error {
	var in []*float64
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	out := make(Column, len(in))
	for i, v := range in {
		out[i] = math.NaN()
		if v != nil {
			out[i] = *v
		}
	}
	*c = out
	return nil
}

// roundTo keeps so many significant digits; frames carry no more than anybody reads.
func roundTo(v float64, significant int) float64 {
	if v == 0 || math.IsNaN(v) {
		return v
	}
	if math.IsInf(v, 0) {
		return 0
	}
	// A power of ten up to 22 is exact, so that the quotient is the number nearest to the digits.
	digits := significant - 1 - int(math.Floor(math.Log10(math.Abs(v))))
	switch {
	case digits > 22:
		return 0
	case digits >= 0:
		scale := math.Pow10(digits)
		return math.Round(v*scale) / scale
	case digits >= -22:
		scale := math.Pow10(-digits)
		return math.Round(v/scale) * scale
	default:
		return v
	}
}
