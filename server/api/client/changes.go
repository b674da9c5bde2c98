package client

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

// Ask is what every change may say besides its subject.
type Ask struct {
	Reason         string
	DryRun         bool          // answer what would happen, record nothing
	ConfirmWithin  time.Duration // revert unless confirmed within that time; zero: it stands
	IfMatch        string        // the version that was read; empty: none
	IdempotencyKey string
	Override       string // why guard rails are gone over; empty: they hold
	Emergency      string // why nobody is waited for where a second person is asked for; empty: somebody is
}

// Answer is what became of a wish.
type Answer struct {
	Change    change.Change
	Unchanged bool // it was so already; Change is the one that made it so
}

// Pool is a change of a connection pool's limits. A field that is absent leaves its limit, a nil value removes it.
type Pool struct {
	Port   int // zero: the node's only listener
	Limits map[string]*int
}

// Weights splits the traffic of a route, named "router/route". Every target has to be there.
func (c *Client) Weights(ctx context.Context, meshName, route string, weights map[string]int, ask Ask) (Answer, error) {
	router, name, _ := strings.Cut(route, "/")
	path := inMesh(meshName) + "/routers/" + url.PathEscape(router) + "/routes/" + url.PathEscape(name) + "/weights"
	return c.change(ctx, http.MethodPut, path, ask, map[string]any{"weights": weights})
}

// SplitWeights splits the traffic of all routes that share a split. Every target has to be there.
func (c *Client) SplitWeights(ctx context.Context, meshName, split string, weights map[string]int, ask Ask) (Answer, error) {
	path := inMesh(meshName) + "/splits/" + url.PathEscape(split) + "/weights"
	return c.change(ctx, http.MethodPut, path, ask, map[string]any{"weights": weights})
}

// Pool limits what a node's proxies send to their application.
func (c *Client) Pool(ctx context.Context, meshName, node string, pool Pool, ask Ask) (Answer, error) {
	body := make(map[string]any, len(pool.Limits)+1)
	for name, limit := range pool.Limits {
		body[name] = limit
	}
	if pool.Port != 0 {
		body["port"] = pool.Port
	}
	return c.change(ctx, http.MethodPut, inMesh(meshName)+"/nodes/"+url.PathEscape(node)+"/connection-pool", ask, body)
}

// Apply proposes what a definition says. An empty meshName takes the definition's own.
func (c *Client) Apply(ctx context.Context, meshName string, definition []byte, ask Ask) (Answer, error) {
	path := "/api/v1/apply"
	if meshName != "" {
		path = inMesh(meshName) + "/apply"
	}
	return c.send(ctx, message{method: http.MethodPost, path: path, body: definition}, "application/yaml", ask)
}

// Delete deletes one object.
func (c *Client) Delete(ctx context.Context, meshName string, ref mesh.Ref, ask Ask) (Answer, error) {
	return c.send(ctx, message{method: http.MethodDelete, path: address(meshName, ref)}, "", ask)
}

// Verb confirms, reverts or undoes a change.
func (c *Client) Verb(ctx context.Context, verb, id string, ask Ask) (Answer, error) {
	return c.send(ctx, message{method: http.MethodPost, path: "/api/v1/changes/" + url.PathEscape(id) + "/" + verb}, "", ask)
}

// Changes lists changes, newest first; zero fields of the query do not restrict.
func (c *Client) Changes(ctx context.Context, q change.Query) (raw json.RawMessage, changes []change.Change, err error) {
	limit := ""
	if q.Limit > 0 {
		limit = strconv.Itoa(q.Limit)
	}
	values := query("mesh", q.Mesh, "kind", string(q.Object.Kind), "name", q.Object.Name, "state", string(q.State), "before", q.Before, "limit", limit)
	return listed[change.Change](ctx, c, getting("/api/v1/changes", values), "changes")
}

// Change gives one change, raw as the server answers it and read.
func (c *Client) Change(ctx context.Context, id string) (raw json.RawMessage, found change.Change, err error) {
	return answered[change.Change](ctx, c, getting("/api/v1/changes/"+url.PathEscape(id), nil), "a change")
}

// Await gives a change once a truth of it is known ("programmed" or "observed"), or as it is when the time is over.
func (c *Client) Await(ctx context.Context, id, truth string, within time.Duration) (found change.Change, err error) {
	const step = 10 * time.Second // of one request, well below every timeout in between
	deadline := time.Now().Add(within)
	for {
		left := min(time.Until(deadline), step)
		q := query("wait", truth, "for", strconv.FormatInt(max(left, 0).Milliseconds(), 10)+"ms")
		if err := c.get(ctx, "/api/v1/changes/"+url.PathEscape(id), q, &found); err != nil {
			return found, err
		}
		if Known(found, truth) || !time.Now().Before(deadline) {
			return found, nil
		}
	}
}

// Known says whether a truth of a change is settled.
func Known(c change.Change, truth string) bool {
	p := c.Programmed
	programmed := p != nil && p.Acked+len(p.Rejected) >= p.Total
	if truth == "programmed" {
		return programmed
	}
	return (programmed && len(p.Rejected) > 0) || (c.Observed != nil && c.Observed.Agrees != nil)
}

// change sends a JSON body.
func (c *Client) change(ctx context.Context, method, path string, ask Ask, body any) (Answer, error) {
	data, err := json.Marshal(body)
	if err != nil {
		return Answer{}, mesh.Errorf(mesh.Internal, "encode the request: %w", err)
	}
	return c.send(ctx, message{method: method, path: path, body: data}, "application/json", ask)
}

// send makes a changing request whose body is of the given media type, if it has one.
func (c *Client) send(ctx context.Context, m message, kind string, ask Ask) (Answer, error) {
	q := query("reason", ask.Reason, "override", ask.Override, "emergency", ask.Emergency)
	if ask.DryRun {
		q.Set("dryRun", "true")
	}
	if ask.ConfirmWithin > 0 {
		q.Set("confirmWithin", strconv.FormatInt(ask.ConfirmWithin.Milliseconds(), 10)+"ms")
	}
	h := make(http.Header)
	if kind != "" {
		h.Set("Content-Type", kind)
	}
	if ask.IfMatch != "" {
		h.Set("If-Match", `"`+strings.Trim(ask.IfMatch, `"`)+`"`)
		if ask.IfMatch == "*" {
			h.Set("If-Match", "*")
		}
	}
	if ask.IdempotencyKey != "" {
		h.Set("Idempotency-Key", ask.IdempotencyKey)
	}
	var a Answer
	m.query, m.header = q, h
	status, err := c.call(ctx, m, &a.Change)
	a.Unchanged = status == http.StatusOK
	return a, err
}

// safeAuthor leaves out what the server does not take in an author.
func safeAuthor(s string) string {
	safe := func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) || strings.ContainsRune(" ._-@+", r) {
			return r
		}
		return -1
	}
	kept := []rune(strings.TrimSpace(strings.Map(safe, s)))
	return string(kept[:min(len(kept), 64)])
}
