package guard

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Edit is one object's step. Before or After is nil when the object did not exist.
type Edit struct {
	Ref           mesh.Ref
	Before, After mesh.Object
}

// Arm is one version's part in a route's traffic.
type Arm struct {
	Route mesh.Ref
	Node  string
}

// Served is how many requests an arm has served since its share last moved.
type Served struct {
	Requests int64
	Since    time.Time // the step, or when counting began if that was later; zero: nothing is counted
}

// Input is a change and what is known of the mesh at the moment.
type Input struct {
	Before  mesh.Mesh // whose rails hold
	Edits   []Edit
	Rollout string                 // on whose behalf; empty: a person's
	Served  map[Arm]Served         // of the arms that would grow
	Health  map[string]mesh.Health // by node; absent: unknown
	Held    map[mesh.Ref]string    // routes and splits that a rollout holds, with its ID
	Now     time.Time
}

// Steps gives the share of every target of a route before and after, 0 to 1. There is no step when the route is created or
// deleted.
func (e Edit) Steps() (steps []Step) {
	before, was := e.Before.(mesh.Route)
	after, is := e.After.(mesh.Route)
	if !was || !is {
		return nil
	}
	from, to := before.Shares(), after.Shares()
	seen := make(map[string]bool)
	for _, targets := range [][]mesh.WeightedTarget{before.Targets, after.Targets} {
		for _, t := range targets {
			if seen[t.Node] {
				continue
			}
			seen[t.Node] = true
			steps = append(steps, Step{t.Node, from[t.Node], to[t.Node]})
		}
	}
	return steps
}

// Step is how one target's share moves; shares are 0 to 1.
type Step struct {
	Node     string
	From, To float64
}

// Grows says whether the target would get more.
func (s Step) Grows() bool { return s.To > s.From+tiny }

// Moves says whether the share changes at all.
func (s Step) Moves() bool { return s.Grows() || s.To < s.From-tiny }

// tiny is below any share that weights can make: they sum to at most ten millions.
const tiny = 1e-9
