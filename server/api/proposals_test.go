package api

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// persons are told apart by the header As: NAME ROLE.
func persons(_ *bench, o *Options) {
	o.Open = false
	o.Identify = func(r *http.Request) (context.Context, error) {
		name, role, _ := strings.Cut(r.Header.Get("As"), " ")
		grant, err := auth.ParseGrant(role)
		if err != nil {
			return nil, err
		}
		return auth.With(r.Context(), auth.Identity{Kind: auth.Person, ID: name, Person: name, Name: name, Grants: []auth.Grant{grant}}), nil
	}
}

// second is a door that knows people, on a mesh that asks for a second one.
func second(b *bench, o *Options) {
	door, err := change.New(change.Options{
		Store: b.store, Approvals: b.store, Provider: b.fleet, Logger: slog.New(slog.DiscardHandler),
		Who: func(ctx context.Context) change.Whoever {
			id, _ := auth.From(ctx)
			return change.Whoever{Person: id.Person, Name: id.Name, Overrides: func(name string) error {
				return auth.Can(ctx, auth.Govern, auth.Resource{Mesh: name})
			}}
		},
	})
	if err != nil {
		b.t.Fatal(err)
	}
	o.Door, o.Entries, o.Meshes, o.Ledger, o.Proposals = door, door, door, door, door
}

// ask proposes as ann and gives the proposal's address.
func (b *bench) ask(t *testing.T, weights string) (at string) {
	t.Helper()
	b.t = t
	response, body := b.do(scenario{method: "PUT", url: weightsURL, headers: map[string]string{"As": "ann operator"}, status: 202, body: weights})
	var c change.Change
	if err := json.Unmarshal([]byte(body), &c); err != nil || c.Waits == nil || c.State != change.Waiting || c.ID != "" || c.Accepted != nil {
		t.Fatalf("it does not wait: %v, %s", err, body)
	}
	at = "/api/v1/meshes/shop/proposals/" + c.Waits.ID
	if got := response.Header.Get("Location"); got != at {
		t.Errorf("Location %q, want %q", got, at)
	}
	return at
}

func TestProposals(t *testing.T) {
	b := newBench(t, persons, second)
	ann, bob, root := map[string]string{"As": "ann operator"}, map[string]string{"As": "bob operator"}, map[string]string{"As": "root admin"}
	viewer := map[string]string{"As": "eve viewer"}
	const list, even = "/api/v1/meshes/shop/proposals", `{"weights":{"reviews-v1":50,"reviews-v2":50}}`
	check(t, b, []scenario{
		{name: "on", method: "PUT", url: "/api/v1/meshes/shop", headers: root, status: 202, body: `{"egressFilter":"DROP_ALL","approval":"required"}`},
		{name: "broken", method: "PUT", url: "/api/v1/meshes/shop", headers: root, status: 422, body: `{"approval":"perhaps"}`, wantIn: []string{"approval"}},
		{name: "shown", method: "GET", url: "/api/v1/meshes/shop", headers: ann, status: 200, want: `{"approval":"required"}`},
		{name: "none yet", method: "GET", url: list, headers: viewer, status: 200, want: `{"items":[]}`},
		{name: "dry", method: "PUT", url: weightsURL + "?dryRun=true", headers: ann, status: 202, body: even, want: `{"state":"waiting","dryRun":true}`},
	})
	at := b.ask(t, even)
	check(t, b, []scenario{
		{name: "listed", method: "GET", url: list + "?state=waiting", headers: bob, status: 200, want: `{"items":[{"author":"ann","state":"waiting","objects":[{"kind":"route","name":"reviews/primary"}]}]}`},
		{name: "shown", method: "GET", url: at, headers: viewer, status: 200, want: `{"author":"ann","state":"waiting"}`},
		{name: "own", method: "POST", url: at + "/approve", headers: ann, status: 403, wantIn: []string{"your own"}},
		{name: "viewer", method: "POST", url: at + "/approve", headers: viewer, status: 403},
		{name: "nothing happened", method: "GET", url: "/api/v1/changes?mesh=shop&kind=route&name=reviews/primary&limit=1", headers: ann, status: 200, want: `{"items":[{"author":"setup"}]}`},
		{name: "another mesh", method: "POST", url: strings.Replace(at, "/shop/", "/bank/", 1) + "/approve", headers: bob, status: 404},
		{name: "wrong ID", method: "POST", url: list + "/%3Cimg%20onerror%3E/approve", headers: bob, status: 404},
		{name: "dry", method: "POST", url: at + "/approve?dryRun=true", headers: bob, status: 202, want: `{"dryRun":true,"author":"ann"}`},
		{name: "approved", method: "POST", url: at + "/approve", headers: bob, status: 202, want: `{"author":"ann","approvedBy":"bob","state":"kept"}`},
		{name: "twice", method: "POST", url: at + "/approve", headers: bob, status: 409, wantIn: []string{"approved by bob already: it is change "}},
		{name: "what became of it", method: "GET", url: at, headers: ann, status: 200, want: `{"state":"approved","decidedBy":"bob"}`},
	})
	at = b.ask(t, `{"weights":{"reviews-v1":10,"reviews-v2":90}}`)
	check(t, b, []scenario{
		{name: "no reason", method: "POST", url: at + "/decline", headers: bob, status: 422, wantIn: []string{"say why"}},
		{name: "dry", method: "POST", url: at + "/decline?dryRun=true&reason=x", headers: bob, status: 422},
		{name: "declined", method: "POST", url: at + "/decline", headers: bob, status: 200, body: `{"reason":"not tonight"}`, want: `{"state":"declined","note":"not tonight"}`},
		{name: "too late", method: "POST", url: at + "/withdraw", headers: ann, status: 409},
	})
	at = b.ask(t, `{"weights":{"reviews-v1":20,"reviews-v2":80}}`)
	apply := "kind: route\nmesh: shop\nname: primary\nrouter: reviews\nprotocol: http\nmatch: {prefix: /}\ntargets: [{node: reviews-v1, weight: 1}]\n"
	check(t, b, []scenario{
		{name: "not his", method: "POST", url: at + "/withdraw", headers: bob, status: 403},
		{name: "withdrawn", method: "POST", url: at + "/withdraw", headers: ann, status: 200, want: `{"state":"withdrawn"}`},
		{name: "the rule itself", method: "PUT", url: "/api/v1/meshes/shop", headers: root, status: 202, body: `{"egressFilter":"DROP_ALL"}`, want: `{"state":"waiting"}`},
		{name: "applied", method: "POST", url: "/api/v1/meshes/shop/apply", headers: ann, status: 202, body: apply, want: `{"state":"waiting"}`},
		{name: "an operator's emergency", method: "PUT", url: weightsURL + "?emergency=fire", headers: ann, status: 403, body: `{"weights":{"reviews-v1":5,"reviews-v2":95}}`},
		{
			name: "an administrator's", method: "PUT", url: weightsURL, headers: root, status: 202, body: `{"weights":{"reviews-v1":0,"reviews-v2":100},"emergency":"fire"}`,
			want: `{"state":"kept","override":"fire","breaches":[{"rule":"approval"}]}`,
		},
	})
	if held, err := waits(change.Change{}, mesh.Errorf(mesh.NotFound, "no")); err == nil || held.Waits != nil {
		t.Error("an error became a proposal")
	}
}
