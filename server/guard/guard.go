// Package guard judges a change against the guard rails that a mesh, a service or a route has set for itself: largest
// free step, evidence before the next step, a floor for stable, freeze windows, protected objects. It is pure.
package guard

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Rule names a guard rail, as the configuration does.
type Rule string

// The guard rails.
const (
	LargestStep Rule = "largestStep" // percentage points that one change may move
	MinRequests Rule = "minRequests" // requests that a version must have served before its next increase
	StableFloor Rule = "stableFloor" // share in percent below which stable must not fall, unless a rollout promotes
	Freeze      Rule = "freeze"      // no changes in a window of time
	HealthyOnly Rule = "healthyOnly" // no increase onto a version that is not healthy
	OneRollout  Rule = "oneRollout"  // a rollout holds the route: nobody else changes its weights
	Protected   Rule = "protected"   // the object is not to be changed or deleted
)

// Breach is one guard rail that a change runs into.
type Breach struct {
	Rule    Rule       `json:"rule"`
	Object  mesh.Ref   `json:"object"`          // what the change touches
	From    mesh.Ref   `json:"from"`            // where the rail is set
	Message string     `json:"message"`         // what, by how much, what to do
	Until   *time.Time `json:"until,omitempty"` // when it ends by itself
}
