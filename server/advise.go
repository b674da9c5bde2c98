package server

import (
	"context"
	"time"

	"github.com/weirmesh/weir/server/advice"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/load"
	"github.com/weirmesh/weir/server/metrics/query"
)

// loads reads recorded loads from the embedded store: other people's do not have Weir's own series.
type loads struct{ s *Server }

// Load gives what was recorded of a node.
func (l loads) Load(ctx context.Context, meshName string, of advice.Target, over mesh.Span) (mesh.Load, error) {
	store := l.s.seeing.history
	if store == nil {
		return mesh.Load{}, query.Errorf(query.Unavailable, "no history is kept, so there is nothing to advise from: switch the embedded store on (history.off: false)")
	}
	return load.Of(ctx, store, load.Ask{Mesh: meshName, Node: of.Node, Listener: of.Listener, Over: over})
}

// advise answers a question for advice about a connection pool.
func (s *Server) advise(ctx context.Context, ask advice.Ask) (advice.Advice, error) {
	current, err := s.door.Mesh(ask.Mesh)
	if err != nil {
		return advice.Advice{}, err
	}
	return advice.For(ctx, loads{s}, current.Mesh, ask, time.Now())
}
