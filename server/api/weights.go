package api

import (
	"context"
	"errors"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// attempts is how often an edit of part of an object is tried again when somebody else changes the object in between.
const attempts = 50

// weightsBody names every target of a route with its weight.
type weightsBody struct {
	Weights map[string]int `json:"weights" required:"true" minProperties:"1" maxProperties:"10" doc:"Every target of the route or split: its virtual node (NODE:PORT where a node is named twice) and its weight, a share of the sum."`
	Wish
}

type splitWeightsInput struct {
	InMesh
	Name string `path:"name" maxLength:"255" doc:"The split."`
	Asking
	Body weightsBody
}

type weightsInput struct {
	InMesh
	Name  string `path:"name" maxLength:"255" doc:"The router."`
	Route string `path:"route" maxLength:"255"`
	Asking
	Body weightsBody
}

// weightRoutes adds the slider's address.
func (a *API) weightRoutes() {
	op := operation("put-weights", http.MethodPut, "/meshes/{mesh}/routers/{name}/routes/{route}/weights", "Split a route's traffic")
	op.DefaultStatus = http.StatusAccepted
	huma.Register(a.huma, op, a.putWeights)
	shared := operation("put-split-weights", http.MethodPut, "/meshes/{mesh}/splits/{name}/weights", "Split the traffic of all routes that share a split")
	shared.DefaultStatus = http.StatusAccepted
	huma.Register(a.huma, shared, a.putSplitWeights)
}

func (a *API) putSplitWeights(ctx context.Context, in *splitWeightsInput) (*changed, error) {
	ref := mesh.Ref{Kind: mesh.KindSplit, Name: in.Name}
	return edited(ctx, a, edit{mesh: in.Mesh, ref: ref, ask: in.Asking, wish: in.Body.Wish}, func(split mesh.Split) (_ mesh.Split, err error) {
		split.Targets, err = weighted(ref, split.Targets, in.Body.Weights)
		return split, err
	})
}

func (a *API) putWeights(ctx context.Context, in *weightsInput) (*changed, error) {
	ref := mesh.Ref{Kind: mesh.KindRoute, Name: in.Name + "/" + in.Route}
	return edited(ctx, a, edit{mesh: in.Mesh, ref: ref, ask: in.Asking, wish: in.Body.Wish}, func(route mesh.Route) (_ mesh.Route, err error) {
		if route.Split != "" {
			return route, mesh.Errorf(mesh.Invalid, "%s takes its weights from split %s, as other routes may: move them all with weir weights %s …, or with PUT /api/v1/meshes/%s/splits/%s/weights, or take the route out of the split first",
				ref, mesh.Shorten(route.Split), mesh.Shorten(route.Split), in.Mesh, mesh.Shorten(route.Split))
		}
		route.Targets, err = weighted(ref, route.Targets, in.Body.Weights)
		return route, err
	})
}

// edit is a change of part of an object.
type edit struct {
	mesh string
	ref  mesh.Ref
	ask  Asking
	wish Wish
}

// edited changes part of an object of a kind. Without the caller's own condition, a change that somebody else makes in
// between does not refuse it: the part is changed again on what stands then.
func edited[O mesh.Object](ctx context.Context, a *API, e edit, with func(O) (O, error)) (*changed, error) {
	p, err := e.ask.proposal(e.mesh, e.wish)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	for try := 1; ; try++ {
		stored, err := a.o.Meshes.Object(e.mesh, e.ref)
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		whole, ok := stored.Object.(O)
		if !ok {
			return nil, a.fail(ctx, mesh.Errorf(mesh.Internal, "mesh %s: %s is a %T", e.mesh, e.ref, stored.Object))
		}
		o, err := with(whole)
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		version, conditional, err := e.ask.base(stored.Version)
		if err != nil {
			return nil, a.fail(ctx, err)
		}
		if !conditional {
			version = a.basis(ctx, e, stored.Version)
		}
		p.Patch.Put, p.Base[e.ref] = []mesh.Object{o}, version
		c, err := waits(a.o.Door.Propose(ctx, p))
		switch {
		case err == nil:
			return accepted(c), nil
		case errors.Is(err, change.ErrUnchanged):
			return a.unchanged(ctx, p, err)
		case !stale(err) || conditional || try == attempts:
			return nil, a.refuse(ctx, err, e.mesh, e.ref)
		}
	}
}

// basis is the version that an unconditional edit is made on: the object's own, or, for a repeat under an idempotency key
// whose change made that version, the one before, so that the repeat is recognised as the same proposal.
func (a *API) basis(ctx context.Context, e edit, version int64) int64 {
	if e.ask.IdempotencyKey == "" {
		return version
	}
	first, err := a.o.Ledger.Changes(ctx, change.Query{Key: e.ask.IdempotencyKey, Limit: 1})
	if err != nil || len(first) == 0 {
		return version // the door finds out by itself
	}
	current, err := a.o.Meshes.Mesh(e.mesh)
	if err != nil || current.Changed[e.ref] != first[0].ID {
		return version
	}
	return version - 1
}

// weighted gives the targets of a route or of a split other weights. Every target has to be named, and nothing else.
func weighted(ref mesh.Ref, targets []mesh.WeightedTarget, weights map[string]int) ([]mesh.WeightedTarget, error) {
	given := maps.Clone(weights)
	targets = slices.Clone(targets)
	var missing []string
	for i, t := range targets {
		key := targetKey(targets, t)
		weight, ok := given[key]
		if !ok {
			missing = append(missing, key)
			continue
		}
		delete(given, key)
		targets[i].Weight = weight
	}
	var wrong []string
	if len(missing) > 0 {
		wrong = append(wrong, "no weight is given for "+strings.Join(missing, ", "))
	}
	if len(given) > 0 {
		unknown := slices.Sorted(maps.Keys(given))
		for i := range unknown {
			unknown[i] = mesh.Shorten(unknown[i])
		}
		wrong = append(wrong, strings.Join(unknown, ", ")+" is no target of it")
	}
	if len(wrong) > 0 {
		return nil, mesh.Errorf(mesh.Invalid, "weights of %s: %s: name every target once: %s",
			ref, strings.Join(wrong, "; "), strings.Join(targetKeys(targets), ", "))
	}
	return targets, nil
}

// targetKey names a target: its node, with the port where the node is named more than once.
func targetKey(all []mesh.WeightedTarget, t mesh.WeightedTarget) string {
	same := 0
	for _, other := range all {
		if other.Node == t.Node {
			same++
		}
	}
	if same < 2 {
		return t.Node
	}
	return t.Node + ":" + strconv.Itoa(t.Port)
}

func targetKeys(targets []mesh.WeightedTarget) []string {
	keys := make([]string, len(targets))
	for i, t := range targets {
		keys[i] = targetKey(targets, t)
	}
	return keys
}
