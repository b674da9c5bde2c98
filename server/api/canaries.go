package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/mesh"
)

// Rollouts starts rollouts, steers and reads them; canary.Controller does.
type Rollouts interface {
	Start(ctx context.Context, meshName string, s canary.Spec, by canary.By) (canary.Rollout, error)
	Get(ctx context.Context, id string) (canary.Rollout, error)
	List(ctx context.Context, q canary.Query) ([]canary.Rollout, error)
	Do(ctx context.Context, v canary.Verb, id string, by canary.By) (canary.Rollout, error)
}

// RolloutAsking is what every request about rollouts that changes something takes beside its body.
type RolloutAsking struct {
	Author   string `header:"X-Weir-Author" maxLength:"256" doc:"Who asks, as declared by the caller; where people sign in, it is they. Up to 64 letters, digits, spaces and . _ - @ +"`
	DryRun   bool   `query:"dryRun" doc:"Answer the rollout as it would be and do nothing."`
	Reason   string `query:"reason" maxLength:"2000" doc:"Why."`
	Override string `query:"override" maxLength:"2000" doc:"The reason for going over guard rails with the next move of weights. Left out: they hold."`
}

// RolloutWish is what a body may say besides its subject; it goes before the query.
type RolloutWish struct {
	Reason   string `json:"reason,omitempty" maxLength:"2000" doc:"Why."`
	Override string `json:"override,omitempty" maxLength:"2000" doc:"The reason for going over guard rails with the next move of weights."`
}

// Resolve has whoever is signed in be who asks.
func (a *RolloutAsking) Resolve(ctx huma.Context) []error {
	a.Author = authorIn(ctx.Context(), a.Author)
	return nil
}

func (a RolloutAsking) by(w *RolloutWish) (canary.By, error) {
	author, err := authorOf(a.Author)
	by := canary.By{Author: author, Reason: a.Reason, Override: a.Override, DryRun: a.DryRun}
	if w != nil && w.Reason != "" {
		by.Reason = w.Reason
	}
	if w != nil && w.Override != "" {
		by.Override = w.Override
	}
	return by, err
}

// startBody is a rollout as it is asked for.
type startBody struct {
	canary.Spec
	RolloutWish
}

type startInput struct {
	InMesh
	IdempotencyKey string `header:"Idempotency-Key" maxLength:"200" doc:"A repeat with the same key and body is answered with the first one's rollout."`
	RolloutAsking
	Body startBody
}

type canariesInput struct {
	InMesh
	Target string       `query:"target" maxLength:"512" doc:"Of this route, as ROUTER/ROUTE, or of this split."`
	Phase  canary.Phase `query:"phase" enum:"Pending,Progressing,Paused,Promoting,Succeeded,Aborted,Inconclusive"`
	Active bool         `query:"active" doc:"Those alone that hold their route."`
	Before string       `query:"before" maxLength:"64" doc:"Older than this rollout; next of the page before."`
	Limit  int          `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type canaryInput struct {
	ID string `path:"id" maxLength:"64"`
}

type canaryVerbInput struct {
	ID string `path:"id" maxLength:"64"`
	RolloutAsking
	Body *RolloutWish
}

// rolled is the answer of what moves rollouts.
type rolled struct {
	Status   int
	Location string `header:"Location"`
	Body     canary.Rollout
}

// canaryRoutes adds the addresses of rollouts.
func (a *API) canaryRoutes() {
	huma.Register(a.huma, operation("list-canaries", http.MethodGet, "/meshes/{mesh}/canaries", "List rollouts, newest first, without the course of their evidence"), a.listCanaries)
	start := operation("start-canary", http.MethodPost, "/meshes/{mesh}/canaries", "Roll a version out in steps, judged on the way")
	start.DefaultStatus = http.StatusAccepted
	huma.Register(a.huma, start, a.startCanary)
	huma.Register(a.huma, operation("get-canary", http.MethodGet, "/canaries/{id}", "Show a rollout with its evidence"), a.getCanary)
	summaries := map[canary.Verb]string{
		canary.VerbPause:   "Stop a rollout where it is until somebody resumes it",
		canary.VerbResume:  "Go on with a rollout that waits",
		canary.VerbPromote: "Skip what is left and give canary everything",
		canary.VerbAbort:   "Give stable everything",
		canary.VerbRetry:   "Begin an aborted or inconclusive rollout again",
	}
	for _, v := range canary.Verbs() {
		op := operation(string(v)+"-canary", http.MethodPost, "/canaries/{id}/"+string(v), summaries[v])
		op.DefaultStatus = http.StatusAccepted
		huma.Register(a.huma, op, func(ctx context.Context, in *canaryVerbInput) (*rolled, error) { return a.steer(ctx, v, in) })
	}
}

// noRollouts is the answer of a server that carries none out.
func noRollouts() error {
	return mesh.Errorf(mesh.Unavailable, "this server carries out no rollouts")
}

func (a *API) listCanaries(ctx context.Context, in *canariesInput) (*answer[list[canary.Rollout]], error) {
	if a.o.Rollouts == nil {
		return nil, a.fail(ctx, noRollouts())
	}
	if _, err := a.o.Meshes.Mesh(in.Mesh); err != nil {
		return nil, a.fail(ctx, err)
	}
	q := canary.Query{Mesh: in.Mesh, Phase: in.Phase, Active: in.Active, Before: in.Before, Limit: in.Limit}
	if in.Target != "" {
		q.Target = targetNamed(in.Target)
	}
	rollouts, err := a.o.Rollouts.List(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &answer[list[canary.Rollout]]{Status: http.StatusOK, Body: list[canary.Rollout]{Items: []canary.Rollout{}}}
	out.Body.Items = append(out.Body.Items, rollouts...)
	if len(rollouts) == in.Limit {
		out.Body.Next = &rollouts[len(rollouts)-1].ID
	}
	return out, nil
}

// targetNamed tells a route from a split: a route's name has its router before a slash.
func targetNamed(name string) mesh.Ref {
	if strings.Contains(name, "/") {
		return mesh.Ref{Kind: mesh.KindRoute, Name: name}
	}
	return mesh.Ref{Kind: mesh.KindSplit, Name: name}
}

func (a *API) startCanary(ctx context.Context, in *startInput) (*rolled, error) {
	if a.o.Rollouts == nil {
		return nil, a.fail(ctx, noRollouts())
	}
	by, err := in.by(&in.Body.RolloutWish)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	by.Key = in.IdempotencyKey
	if in.Body.Target.Kind == "" {
		in.Body.Target = targetNamed(in.Body.Target.Name)
	}
	r, err := a.o.Rollouts.Start(ctx, in.Mesh, in.Body.Spec, by)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return rolledOut(r, in.DryRun), nil
}

// rolledOut is the answer with a rollout, or with what it would be.
func rolledOut(r canary.Rollout, dry bool) *rolled {
	if dry {
		return &rolled{Status: http.StatusOK, Body: r}
	}
	return &rolled{Status: http.StatusAccepted, Location: "/api/v1/canaries/" + r.ID, Body: r}
}

func (a *API) getCanary(ctx context.Context, in *canaryInput) (*answer[canary.Rollout], error) {
	if a.o.Rollouts == nil {
		return nil, a.fail(ctx, noRollouts())
	}
	r, err := a.o.Rollouts.Get(ctx, in.ID)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[canary.Rollout]{Status: http.StatusOK, Body: r}, nil
}

// steer applies a verb.
func (a *API) steer(ctx context.Context, v canary.Verb, in *canaryVerbInput) (*rolled, error) {
	if a.o.Rollouts == nil {
		return nil, a.fail(ctx, noRollouts())
	}
	by, err := in.by(in.Body)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	r, err := a.o.Rollouts.Do(ctx, v, in.ID, by)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return rolledOut(r, in.DryRun), nil
}
