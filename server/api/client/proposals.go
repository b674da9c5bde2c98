package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"

	"github.com/weirmesh/weir/server/change"
)

// Proposals lists the changes of a mesh that wait for a second person, or all that ever did, newest first.
func (c *Client) Proposals(ctx context.Context, meshName string, state change.ApprovalState) (raw json.RawMessage, list []change.Approval, err error) {
	return listed[change.Approval](ctx, c, getting(inMesh(meshName)+"/proposals", query("state", string(state))), "proposals")
}

// Proposal shows one.
func (c *Client) Proposal(ctx context.Context, meshName, id string) (json.RawMessage, change.Approval, error) {
	return answered[change.Approval](ctx, c, getting(inProposal(meshName, id), nil), "proposal")
}

// Approve makes a change that somebody else proposed.
func (c *Client) Approve(ctx context.Context, meshName, id string, ask Ask) (Answer, error) {
	return c.send(ctx, message{method: http.MethodPost, path: inProposal(meshName, id) + "/approve"}, "", ask)
}

// Decide declines a proposal or withdraws it: verb is "decline" or "withdraw".
func (c *Client) Decide(ctx context.Context, meshName, id, verb, reason string) (json.RawMessage, change.Approval, error) {
	m := message{method: http.MethodPost, path: inProposal(meshName, id) + "/" + verb, query: query("reason", reason), header: make(http.Header)}
	return answered[change.Approval](ctx, c, m, "proposal")
}

func inProposal(meshName, id string) string {
	return inMesh(meshName) + "/proposals/" + url.PathEscape(id)
}
