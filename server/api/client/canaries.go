package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/mesh"
)

// RolloutAsk is what everything that moves a rollout may say besides its subject.
type RolloutAsk struct {
	Reason         string
	Override       string // the reason for going over guard rails; empty: they hold
	DryRun         bool   // answer what would happen, do nothing
	IdempotencyKey string // of a start
}

// Canaries lists a mesh's rollouts, newest first and without the course of their evidence: raw as the server answers them,
// and read. Zero fields of the query do not restrict.
func (c *Client) Canaries(ctx context.Context, q canary.Query) (raw json.RawMessage, list []canary.Rollout, err error) {
	values := query("target", q.Target.Name, "phase", string(q.Phase), "before", q.Before)
	if q.Limit > 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	if q.Active {
		values.Set("active", "true")
	}
	return listed[canary.Rollout](ctx, c, getting(inMesh(q.Mesh)+"/canaries", values), "rollouts")
}

// Canary gives one rollout with its evidence.
func (c *Client) Canary(ctx context.Context, id string) (json.RawMessage, canary.Rollout, error) {
	return c.rollout(ctx, getting(inCanary(id), nil))
}

// CanaryOf gives the rollout that somebody names: by its ID, or by a route ("router/route") or a split, of which it is the
// active one, or else the newest. Error: mesh.NotFound.
func (c *Client) CanaryOf(ctx context.Context, meshName, name string) (json.RawMessage, canary.Rollout, error) {
	if !strings.Contains(name, "/") {
		raw, r, err := c.Canary(ctx, name)
		if mesh.CodeOf(err) != mesh.NotFound {
			return raw, r, err
		}
	}
	q := canary.Query{Mesh: meshName, Target: mesh.Ref{Name: name}, Limit: 1, Active: true}
	_, list, err := c.Canaries(ctx, q)
	if err == nil && len(list) == 0 {
		q.Active = false
		_, list, err = c.Canaries(ctx, q)
	}
	switch {
	case err != nil:
		return nil, canary.Rollout{}, err
	case len(list) == 0:
		return nil, canary.Rollout{}, mesh.Errorf(mesh.NotFound, "there is no rollout %q, and none of a route or split of that name in mesh %s: weir canary list shows those there are", name, meshName)
	}
	return c.Canary(ctx, list[0].ID)
}

// StartCanary begins a rollout.
func (c *Client) StartCanary(ctx context.Context, meshName string, s canary.Spec, ask RolloutAsk) (json.RawMessage, canary.Rollout, error) {
	body, err := json.Marshal(specBody(s))
	if err != nil {
		return nil, canary.Rollout{}, mesh.Errorf(mesh.Invalid, "encode the rollout: %w", err)
	}
	return c.rollout(ctx, ask.on(message{method: http.MethodPost, path: inMesh(meshName) + "/canaries", body: body}))
}

// specBody leaves out what is empty: the server fills it in.
func specBody(s canary.Spec) map[string]any {
	body := map[string]any{"target": s.Target}
	if s.Stable != "" {
		body["stable"] = s.Stable
	}
	if s.Canary != "" {
		body["canary"] = s.Canary
	}
	if len(s.Steps) > 0 {
		body["steps"] = s.Steps
	}
	if len(s.Webhooks) > 0 {
		body["webhooks"] = s.Webhooks
	}
	if s.Deadline != 0 {
		body["deadline"] = s.Deadline
	}
	body["analysis"] = s.Analysis
	return body
}

// CanaryVerb pauses, resumes, promotes, aborts or retries a rollout.
func (c *Client) CanaryVerb(ctx context.Context, verb, id string, ask RolloutAsk) (json.RawMessage, canary.Rollout, error) {
	return c.rollout(ctx, ask.on(message{method: http.MethodPost, path: inCanary(id) + "/" + verb}))
}

// AwaitCanary gives a rollout once done says so, or as it is when the time is over. done is given every look at it; zero waits as long as ctx does.
func (c *Client) AwaitCanary(ctx context.Context, id string, within time.Duration, done func(json.RawMessage, canary.Rollout) bool) (canary.Rollout, error) {
	const each = time.Second
	deadline := time.Now().Add(within)
	for {
		raw, r, err := c.Canary(ctx, id)
		if err != nil || done(raw, r) || within > 0 && !time.Now().Before(deadline) {
			return r, err
		}
		select {
		case <-ctx.Done():
			return r, ctx.Err()
		case <-time.After(each):
		}
	}
}

// on adds what is asked to a request.
func (a RolloutAsk) on(m message) message {
	m.query, m.header = query("reason", a.Reason, "override", a.Override), make(http.Header)
	if a.DryRun {
		m.query.Set("dryRun", "true")
	}
	if a.IdempotencyKey != "" {
		m.header.Set("Idempotency-Key", a.IdempotencyKey)
	}
	if m.body != nil {
		m.header.Set("Content-Type", "application/json")
	}
	return m
}

// rollout makes a request that is answered with a rollout.
func (c *Client) rollout(ctx context.Context, m message) (raw json.RawMessage, r canary.Rollout, err error) {
	return answered[canary.Rollout](ctx, c, m, "a rollout")
}

// inCanary is a rollout's address.
func inCanary(id string) string { return "/api/v1/canaries/" + url.PathEscape(id) }
