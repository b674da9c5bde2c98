package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// Proposals decides about changes that wait for a second person; the change door does.
type Proposals interface {
	Approval(ctx context.Context, id string) (change.Approval, error)
	Approvals(ctx context.Context, q change.ApprovalQuery) ([]change.Approval, error)
	Approve(ctx context.Context, id string, by change.By) (change.Change, error)
	Decline(ctx context.Context, id string, by change.By) (change.Approval, error)
	Withdraw(ctx context.Context, id string, by change.By) (change.Approval, error)
}

type proposalsInput struct {
	InMesh
	State  change.ApprovalState `query:"state" enum:"waiting,approved,declined,withdrawn,expired" doc:"Only those; left out: all."`
	Before string               `query:"before" maxLength:"64" doc:"Older than this proposal; next of the page before."`
	Limit  int                  `query:"limit" minimum:"1" maximum:"500" default:"100"`
}

type proposalInput struct {
	InMesh
	ID string `path:"id" maxLength:"64"`
}

type decideInput struct {
	InMesh
	ID string `path:"id" maxLength:"64"`
	Asking
	Body *Wish
}

// asks tells who decides, and why.
func (in *decideInput) asks() (change.By, error) {
	var w Wish
	if in.Body != nil {
		w = *in.Body
	}
	return in.by(w)
}

// proposalRoutes adds the addresses of what waits for a second person.
func (a *API) proposalRoutes() {
	const at = "/meshes/{mesh}/proposals"
	huma.Register(a.huma, operation("list-proposals", http.MethodGet, at, "List the changes that wait, or waited, for a second person, newest first"), a.listProposals)
	huma.Register(a.huma, operation("get-proposal", http.MethodGet, at+"/{id}", "Show a change that waits for a second person"), a.getProposal)
	approve := operation("approve-proposal", http.MethodPost, at+"/{id}/approve", "Make a change that somebody else proposed")
	approve.Description = "Every check is made anew. Nobody approves what they proposed themselves, with whatever token. The answer is the entry of the ledger."
	approve.DefaultStatus = http.StatusAccepted
	huma.Register(a.huma, approve, a.approveProposal)
	huma.Register(a.huma, operation("decline-proposal", http.MethodPost, at+"/{id}/decline", "Say no to a change that somebody else proposed; the reason is required"),
		func(ctx context.Context, in *decideInput) (*answer[change.Approval], error) {
			return a.closeProposal(ctx, in, change.ApprovalDeclined)
		})
	huma.Register(a.huma, operation("withdraw-proposal", http.MethodPost, at+"/{id}/withdraw", "Take back what one has proposed"),
		func(ctx context.Context, in *decideInput) (*answer[change.Approval], error) {
			return a.closeProposal(ctx, in, change.ApprovalWithdrawn)
		})
}

// proposals gives the door's part of it.
func (a *API) proposals() (Proposals, error) {
	if a.o.Proposals == nil {
		return nil, problem(http.StatusNotImplemented, "this Weir keeps no proposals")
	}
	return a.o.Proposals, nil
}

func (a *API) listProposals(ctx context.Context, in *proposalsInput) (*answer[list[change.Approval]], error) {
	door, err := a.proposals()
	if err != nil {
		return nil, err
	}
	if err := a.known(ctx, in.Mesh); err != nil {
		return nil, err
	}
	found, err := door.Approvals(ctx, change.ApprovalQuery{Mesh: in.Mesh, State: in.State, Before: in.Before, Limit: in.Limit})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := &answer[list[change.Approval]]{Status: http.StatusOK, Body: list[change.Approval]{Items: []change.Approval{}}}
	out.Body.Items = append(out.Body.Items, found...)
	if len(found) == in.Limit {
		out.Body.Next = &found[len(found)-1].ID
	}
	return out, nil
}

// proposal gives a proposal of the mesh that the address names: rights in one mesh decide about none of another.
func (a *API) proposal(ctx context.Context, meshName, id string) (change.Approval, Proposals, error) {
	door, err := a.proposals()
	if err != nil {
		return change.Approval{}, nil, err
	}
	found, err := door.Approval(ctx, id)
	if err == nil && found.Mesh != meshName {
		err = mesh.Errorf(mesh.NotFound, "there is no proposal %q in mesh %s", mesh.Shorten(id), mesh.Shorten(meshName))
	}
	if err != nil {
		return change.Approval{}, nil, a.fail(ctx, err)
	}
	return found, door, nil
}

func (a *API) getProposal(ctx context.Context, in *proposalInput) (*answer[change.Approval], error) {
	found, _, err := a.proposal(ctx, in.Mesh, in.ID)
	if err != nil {
		return nil, err
	}
	return &answer[change.Approval]{Status: http.StatusOK, Body: found}, nil
}

func (a *API) approveProposal(ctx context.Context, in *decideInput) (*changed, error) {
	found, door, err := a.proposal(ctx, in.Mesh, in.ID)
	if err != nil {
		return nil, err
	}
	by, err := in.asks()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	c, err := door.Approve(ctx, found.ID, by)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return accepted(c), nil
}

// closeProposal decides against a proposal.
func (a *API) closeProposal(ctx context.Context, in *decideInput, state change.ApprovalState) (*answer[change.Approval], error) {
	found, door, err := a.proposal(ctx, in.Mesh, in.ID)
	if err != nil {
		return nil, err
	}
	by, err := in.asks()
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	if in.DryRun {
		return nil, a.fail(ctx, mesh.Errorf(mesh.Invalid, "dryRun: deciding against a proposal changes no mesh, so there is nothing to try"))
	}
	if by.Reason = strings.TrimSpace(by.Reason); state == change.ApprovalDeclined {
		found, err = door.Decline(ctx, found.ID, by)
	} else {
		found, err = door.Withdraw(ctx, found.ID, by)
	}
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[change.Approval]{Status: http.StatusOK, Body: found}, nil
}

// waits has a change that waits for a second person answered as one that was taken in: 202, with the proposal and no ID.
func waits(c change.Change, err error) (change.Change, error) {
	if held, ok := change.HeldBack(err); ok {
		return held, nil
	}
	return c, err
}
