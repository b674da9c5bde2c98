package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// maxWait is how long a change's reader may wait for a truth in one request.
const maxWait = 30 * time.Second

type changesInput struct {
	Mesh   string       `query:"mesh" maxLength:"255" doc:"Of this mesh only."`
	Kind   mesh.Kind    `query:"kind" enum:"mesh,node,service,router,split,route,gateway,gateway-route" doc:"With name: of this object only."`
	Name   string       `query:"name" maxLength:"512"`
	State  change.State `query:"state" enum:"pending,kept,reverted,undone,superseded"`
	Before string       `query:"before" maxLength:"64" doc:"Older than this change; next of the page before."`
	Limit  int          `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type changeInput struct {
	ID   string `path:"id" maxLength:"64"`
	Wait string `query:"wait" enum:"programmed,observed" doc:"Answer when this truth is known, or when the time is over."`
	For  string `query:"for" maxLength:"20" default:"10s" doc:"How long to wait, at most 30s."`
}

type verbInput struct {
	ID string `path:"id" maxLength:"64"`
	Asking
	Body *Wish
}

// changeRoutes adds the ledger's addresses.
func (a *API) changeRoutes() {
	huma.Register(a.huma, operation("list-changes", http.MethodGet, "/changes", "List changes, newest first"), a.listChanges)
	a.entryRoutes()
	huma.Register(a.huma, operation("get-change", http.MethodGet, "/changes/{id}", "Show a change and its three truths"), a.getChange)
	verbs := []struct {
		name, summary string
		do            func(context.Context, string, change.By) (change.Change, error)
	}{
		{"confirm", "Keep a change that would revert at its deadline", a.o.Door.Confirm},
		{"revert", "Take back a change that is waiting for its confirmation", a.o.Door.Revert},
	}
	for _, v := range verbs {
		op := operation(v.name+"-change", http.MethodPost, "/changes/{id}/"+v.name, v.summary)
		op.DefaultStatus = http.StatusAccepted
		huma.Register(a.huma, op, func(ctx context.Context, in *verbInput) (*changed, error) {
			var w Wish
			if in.Body != nil {
				w = *in.Body
			}
			by, err := in.by(w)
			if err != nil {
				return nil, a.fail(ctx, err)
			}
			c, err := v.do(ctx, in.ID, by)
			if err != nil {
				return nil, a.refuse(ctx, err, c.Mesh, mesh.Ref{Kind: c.Kind, Name: c.Name})
			}
			return accepted(c), nil
		})
	}
}

func (a *API) listChanges(ctx context.Context, in *changesInput) (*answer[list[change.Change]], error) {
	if (in.Name == "") != (in.Kind == "") {
		return nil, a.fail(ctx, mesh.Errorf(mesh.Invalid, "kind and name go together: give both or neither"))
	}
	q := change.Query{Mesh: in.Mesh, State: in.State, Before: in.Before, Limit: in.Limit, Object: mesh.Ref{Kind: in.Kind, Name: in.Name}}
	changes, err := a.o.Ledger.Changes(ctx, q)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &answer[list[change.Change]]{Status: http.StatusOK, Body: list[change.Change]{Items: []change.Change{}}}
	out.Body.Items = append(out.Body.Items, changes...)
	if len(changes) == in.Limit {
		out.Body.Next = &changes[len(changes)-1].ID
	}
	return out, nil
}

func (a *API) getChange(ctx context.Context, in *changeInput) (*answer[change.Change], error) {
	c, err := a.await(ctx, in)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[change.Change]{Status: http.StatusOK, Body: c}, nil
}

// await reads a change, once what the caller waits for is known or its time is over.
func (a *API) await(ctx context.Context, in *changeInput) (change.Change, error) {
	d, err := model.ParseDuration(in.For)
	if err != nil || time.Duration(d) > maxWait {
		return change.Change{}, mesh.Errorf(mesh.Invalid, "for %q: at most 30s, as in 10s", mesh.Shorten(in.For))
	}
	if in.Wait == "" {
		return a.o.Ledger.Change(ctx, in.ID)
	}
	events := a.o.Ledger.Events().Subscribe(16)
	defer events.Close()
	timer := time.NewTimer(time.Duration(d))
	defer timer.Stop()
	for {
		c, err := a.o.Ledger.Change(ctx, in.ID)
		if err != nil || known(c, in.Wait) {
			return c, err
		}
		select {
		case <-events.C:
		case <-timer.C:
			return c, nil
		case <-ctx.Done():
			return c, ctx.Err()
		}
	}
}

// known says whether a truth of a change is settled.
func known(c change.Change, truth string) bool {
	p := c.Programmed
	programmed := p != nil && p.Acked+len(p.Rejected) >= p.Total
	if truth == "programmed" {
		return programmed
	}
	return (programmed && len(p.Rejected) > 0) || (c.Observed != nil && c.Observed.Agrees != nil)
}
