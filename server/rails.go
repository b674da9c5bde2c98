package server

import (
	"github.com/weirmesh/weir/server/evidence"
	"github.com/weirmesh/weir/server/mesh"
)

// rails builds what answers for the guard rails. The parts that it asks are made after the door, which asks it only once
// changes come in.
func (s *Server) rails() *evidence.Gatherer {
	return evidence.New(evidence.Options{
		Traffic: s.seeing.told, Meshes: s.meshes, Health: s.verdicts, Rollouts: holders{s},
	})
}

// verdicts gives every node's health in the newest picture of a mesh.
func (s *Server) verdicts(name string) map[string]mesh.Health {
	if s.graphs == nil {
		return nil
	}
	g, ok := s.graphs.Graph(name)
	if !ok {
		return nil
	}
	all := make(map[string]mesh.Health, len(g.Nodes))
	for _, n := range g.Nodes {
		all[n.ID] = n.Health
	}
	return all
}

// holders asks the rollouts which of them holds a route or a split.
type holders struct{ s *Server }

// Holds gives the ID of the rollout that holds an object.
func (h holders) Holds(meshName string, ref mesh.Ref) (string, bool) {
	if h.s.rollouts == nil {
		return "", false
	}
	return h.s.rollouts.Holds(meshName, ref)
}
