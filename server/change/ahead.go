package change

import (
	"context"
	"errors"
	"fmt"

	"github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
)

// ErrGuarded is in the chain of the error that a change leads to when guard rails stand in its way.
var ErrGuarded = errors.New("guard rails stand in the way")

// Guarded is in the chain of the error that guard rails lead to. It is an ErrGuarded.
type Guarded struct{ Breaches []guard.Breach }

// Error says how many rails there are.
func (g *Guarded) Error() string {
	return fmt.Sprintf("%d guard rails stand in the way", len(g.Breaches))
}

// Is makes it an ErrGuarded.
func (g *Guarded) Is(target error) bool { return target == ErrGuarded }

// Intent is a valid change that is about to be recorded, or would be if it were not a dry run.
type Intent struct {
	Before, After mesh.Mesh
	Edits         []Edit
	Rollout       string // on whose behalf; empty: a person's
	DryRun        bool   // there is time for what costs some
}

// Guard knows the guard rails. It is asked while the door is held, so it answers from memory.
type Guard interface {
	// Breaches lists the guard rails that a change runs into. Taking a change back is never asked about: the way back
	// is always open.
	Breaches(ctx context.Context, i Intent) []guard.Breach
	// Recorded hears of every change once it is recorded, also of those that take back: evidence counts from there.
	Recorded(i Intent)
}

// Allow says whether whoever the context names may make these edits of a mesh, which is as it is now: empty when
// there is none yet. It is asked about
// everything that passes the door: proposals, dry runs, what takes back, deadlines that are kept, moved or over. Its errors
// are for people: mesh.Denied, mesh.Unauthenticated. It is asked while the door is held, so it answers from memory.
type Allow func(ctx context.Context, now mesh.Mesh, edits []Edit) error

// ErrProxyRefuses is in the chain of the error that a change leads to which a dry run of the proxies' own software refused.
var ErrProxyRefuses = errors.New("the proxies would refuse it")

// Planner forecasts. A dry run is planned after the door is free again and may take seconds. Any other change is planned
// while the door is held, from memory; what a dry run of the very same change found out before is remembered.
type Planner interface {
	// Plan says what a change would do.
	Plan(ctx context.Context, i Intent) *plan.Plan
}

// foresee adds to an entry what can be known of it ahead, and refuses what guard rails forbid, or a dry run of the same
// change was refused for by the proxies' software. Errors: mesh.Denied with ErrGuarded, mesh.Invalid with ErrProxyRefuses.
// A dry run is not refused: it says what would be in the way.
func (d *Door) foresee(ctx context.Context, t draft, c *Change, i Intent) error {
	if d.guard != nil && !t.back && (!t.Back || t.Rollout == "") {
		c.Breaches = d.guard.Breaches(ctx, i)
		if len(c.Breaches) > 0 && t.Override == "" && !t.DryRun {
			return guarded(c.Breaches)
		}
	}
	if len(c.Breaches) > 0 {
		c.Override = t.Override
	}
	if d.planner == nil || t.DryRun {
		return nil
	}
	c.Plan = d.planner.Plan(ctx, i)
	if refused := c.Plan.Refused(); len(refused) > 0 && !t.back && !t.Back {
		if t.Override == "" {
			return refusal(refused)
		}
		c.Override = t.Override
	}
	return nil
}

// refusal says what the proxies would say.
func refusal(refused []plan.DryRun) error {
	e := &mesh.Error{
		Code: mesh.Invalid, Err: ErrProxyRefuses,
		Message: "Envoy refuses the configuration in a dry run, and nothing was changed; to do it all the same, override with a reason",
	}
	for _, r := range refused {
		e.Violations = append(e.Violations, mesh.Violation{Field: r.For, Rule: r.Message})
	}
	return e
}

// guarded is the refusal.
func guarded(breaches []guard.Breach) error {
	e := &mesh.Error{
		Code: mesh.Denied, Err: &Guarded{breaches},
		Message: "guard rails stand in the way, and nothing was changed; to do it all the same, override them and say why",
	}
	for _, b := range breaches {
		e.Violations = append(e.Violations, mesh.Violation{Field: "guard." + string(b.Rule), Rule: b.Message})
	}
	return e
}
