package server

import (
	"context"
	"time"

	"github.com/weirmesh/weir/server/envoy"
	"github.com/weirmesh/weir/server/forecast"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/metrics/load"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/plan"
)

// The time over which the highest load of a version is looked for, and between two looks.
const (
	highestOver = 24 * time.Hour
	highestStep = time.Minute
)

// planner builds what forecasts changes. The parts that it asks may be made after the door, which asks it only once changes
// come in.
func (s *Server) planner() *forecast.Gatherer {
	o := forecast.Options{Graphs: pictures{s}, Preview: s.fleet}
	if s.seeing.history != nil {
		o.Highest = s.highest
	}
	binary, err := envoy.Find(s.opts.Envoy)
	if err != nil {
		o.Unchecked = err.Error()
	} else {
		o.Validate = func(ctx context.Context, config []byte) (string, error) { return envoy.Validate(ctx, binary, config) }
	}
	return forecast.New(o)
}

// highest reads the highest recorded loads from the embedded store.
func (s *Server) highest(ctx context.Context, meshName string, nodes []string) (map[string]plan.Peak, error) {
	now := time.Now()
	found, err := load.Highest(ctx, s.seeing.history, meshName, nodes, query.Range{Start: now.Add(-highestOver), End: now, Step: highestStep})
	if err != nil {
		return nil, err
	}
	peaks := make(map[string]plan.Peak, len(found))
	for node, p := range found {
		peaks[node] = plan.Peak(p)
	}
	return peaks, nil
}

// pictures are the newest of every mesh.
type pictures struct{ s *Server }

// Graph gives the newest picture of a mesh.
func (p pictures) Graph(name string) (graph.Graph, bool) {
	if p.s.graphs == nil {
		return graph.Graph{}, false
	}
	return p.s.graphs.Graph(name)
}
