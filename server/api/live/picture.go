package live

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// Picture is what a client knows of one view: it applies frames as docs/guide/live.md tells. Tests and programs use it.
type Picture struct {
	View  string
	Epoch int64
	Seq   int64
	At    time.Time
	Fresh bool
	Cut   bool
	Nodes map[string]Row             // by graph id
	Edges map[[2]string]Row          // by the graph ids of both ends
	Rows  map[string]json.RawMessage // of changes and proxies, by id
	Scene graph.Scene                // without its nodes and edges; zero of a view that chooses nothing
	Order [][2]string                // of a table's page

	order []int
	names map[int]Name
	ends  map[int]Ends
	rows  map[int]Row
}

// Row is one box or edge. Weight and Share are NaN when there are none. Rates are per second, latencies in seconds.
type Row struct {
	Rate, Errors, P50, P95, P99 float64
	Health                      mesh.Health
	Declared, Used              bool
	Weight, Share               float64
	Proxies                     int
	Causes                      []graph.Cause

	values values
}

// ErrGap says that a delta does not follow the frame that the client has: it has to ask for resync.
var ErrGap = errors.New("a frame is missing: ask for resync")

// Apply takes a frame. After an error the picture is as it was.
func (p *Picture) Apply(f Frame) error {
	if f.Error != "" {
		return mesh.Errorf(mesh.Invalid, "%s", f.Error)
	}
	next := Picture{names: make(map[int]Name), ends: make(map[int]Ends), rows: make(map[int]Row)}
	next.Rows = make(map[string]json.RawMessage)
	if f.Base != 0 {
		if f.Base != p.Seq || f.Epoch != p.Epoch {
			return ErrGap
		}
		next.names, next.ends, next.rows = maps.Clone(p.names), maps.Clone(p.ends), maps.Clone(p.rows)
		maps.Copy(next.Rows, p.Rows)
		next.Scene, next.order = p.Scene, p.order
	}
	next.View, next.Epoch, next.Seq = f.View, f.Epoch, f.Seq
	next.At, next.Fresh, next.Cut = time.UnixMilli(f.Time).UTC(), f.Fresh, f.Cut
	maps.Copy(next.names, f.Names)
	maps.Copy(next.ends, f.Ends)
	for _, id := range f.Gone {
		delete(next.names, id)
		delete(next.ends, id)
		delete(next.rows, id)
	}
	why := maps.Clone(f.Why)
	for _, id := range f.Same {
		if why == nil {
			why = make(map[int]Why)
		}
		why[id] = Why{Causes: p.rows[id].Causes}
	}
	if err := next.take(&f.Table, why); err != nil {
		return err
	}
	if f.Nodes != nil {
		if err := next.take(f.Nodes, why); err != nil {
			return err
		}
	}
	if err := next.takeRows(f); err != nil {
		return err
	}
	if err := next.takeScene(f); err != nil {
		return err
	}
	if err := next.link(); err != nil {
		return err
	}
	*p = next
	return nil
}

// take replaces rows by those of a table.
func (p *Picture) take(t *Table, why map[int]Why) error {
	for k, id := range t.ID {
		v, ok := t.row(k)
		if !ok {
			return fmt.Errorf("frame %d of %s: a column is shorter than its ids", p.Seq, p.View)
		}
		_, box := p.names[id]
		_, edge := p.ends[id]
		if !box && !edge {
			return fmt.Errorf("frame %d of %s: a row of id %d, which has no name", p.Seq, p.View, id)
		}
		p.rows[id] = Row{
			Rate: v[colRate], Errors: v[colErrors], P50: v[colP50], P95: v[colP95], P99: v[colP99],
			Health: healthOf(v[colHealth]), Declared: v[colDeclared] == 1, Used: v[colUsed] == 1,
			Weight: v[colWeight], Share: v[colShare], Proxies: int(v[colProxies]), Causes: why[id].Causes, values: v,
		}
	}
	return nil
}

// takeScene replaces the scene and the order of a page.
func (p *Picture) takeScene(f Frame) error {
	if f.Scene != nil {
		p.Scene = graph.Scene{}
		if err := json.Unmarshal(f.Scene, &p.Scene); err != nil {
			return fmt.Errorf("frame %d of %s: read the scene: %w", f.Seq, f.View, err)
		}
	}
	if f.Order != nil {
		p.order = f.Order
	}
	return nil
}

func (p *Picture) takeRows(f Frame) error {
	for _, body := range f.Rows {
		var key struct{ ID string }
		if err := json.Unmarshal(body, &key); err != nil || key.ID == "" {
			return fmt.Errorf("frame %d of %s: a row without id", f.Seq, f.View)
		}
		p.Rows[key.ID] = body
	}
	for _, id := range f.GoneRows {
		delete(p.Rows, id)
	}
	return nil
}

// link makes the maps by graph id.
func (p *Picture) link() error {
	p.Nodes, p.Edges = make(map[string]Row, len(p.names)), make(map[[2]string]Row, len(p.ends))
	for id, n := range p.names {
		row, ok := p.rows[id]
		if !ok {
			return fmt.Errorf("frame %d of %s: box %s has no row", p.Seq, p.View, n.ID)
		}
		p.Nodes[n.ID] = row
	}
	for id, e := range p.ends {
		from, okFrom := p.names[e.From]
		to, okTo := p.names[e.To]
		row, ok := p.rows[id]
		if !okFrom || !okTo || !ok {
			return fmt.Errorf("frame %d of %s: edge %d has no row, or an end without a name", p.Seq, p.View, id)
		}
		p.Edges[[2]string{from.ID, to.ID}] = row
	}
	p.Order = nil
	for _, id := range p.order {
		if e, ok := p.ends[id]; ok {
			p.Order = append(p.Order, [2]string{p.names[e.From].ID, p.names[e.To].ID})
		}
	}
	return nil
}

// healthOf reads a verdict back.
func healthOf(v float64) mesh.Health {
	verdicts := [...]mesh.Health{mesh.Unknown, mesh.Idle, mesh.Healthy, mesh.Degraded, mesh.Unhealthy}
	if i := int(v); v == math.Trunc(v) && i >= 0 && i < len(verdicts) {
		return verdicts[i]
	}
	return mesh.Unknown
}
