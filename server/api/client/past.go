package client

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
	stored "github.com/weirmesh/weir/server/metrics/query"
)

// DiffRaw gives what is different between two moments as the server answers it. Moments are RFC 3339 or as in -5m; an
// empty to is now, an empty window the server's own.
func (c *Client) DiffRaw(ctx context.Context, meshName, from, to, window string) (json.RawMessage, error) {
	var raw json.RawMessage
	return raw, c.get(ctx, inMesh(meshName)+"/graph/diff", query("from", from, "to", to, "window", window), &raw)
}

// ReplicasRaw gives the replicas of the installation, as the server answers it.
func (c *Client) ReplicasRaw(ctx context.Context) (json.RawMessage, error) {
	var raw json.RawMessage
	return raw, c.get(ctx, "/api/v1/replicas", nil, &raw)
}

// SourcesRaw gives where the server reads metrics from, as it answers it.
func (c *Client) SourcesRaw(ctx context.Context) (json.RawMessage, error) {
	var raw json.RawMessage
	return raw, c.get(ctx, "/api/v1/sources", nil, &raw)
}

// Sources lists where the server reads metrics from. Error: mesh.Unavailable when it keeps none.
func (c *Client) Sources(ctx context.Context) ([]stored.Source, error) {
	var page struct {
		Items []stored.Source `json:"items"`
	}
	return page.Items, c.get(ctx, "/api/v1/sources", nil, &page)
}

// TargetsRaw gives what the server scrapes, as it answers it.
func (c *Client) TargetsRaw(ctx context.Context) (json.RawMessage, error) {
	var raw json.RawMessage
	return raw, c.get(ctx, "/api/v1/targets", nil, &raw)
}

// Targets lists what the server scrapes. Error: mesh.Unavailable when it scrapes nothing.
func (c *Client) Targets(ctx context.Context) ([]stored.Target, error) {
	var page struct {
		Items []stored.Target `json:"items"`
	}
	return page.Items, c.get(ctx, "/api/v1/targets", nil, &page)
}

// Question is one in PromQL. Times are RFC 3339 or seconds since 1970, steps as in 15s. With Start it is asked over a
// range, otherwise at At; empty: now.
type Question struct {
	Expr, At, Start, End, Step string
	Source                     string // empty: the one that answers when nobody chooses
}

// QueryRaw gives the answer to a question in Prometheus' own shape. Errors: mesh.Invalid for a question that is wrong or
// too large, mesh.NotFound for a source that is not there, mesh.Unavailable.
func (c *Client) QueryRaw(ctx context.Context, q Question) (json.RawMessage, error) {
	path, values := "/api/v1/query", query("query", q.Expr, "source", q.Source, "time", q.At)
	if q.Start != "" {
		path, values = "/api/v1/query_range", query("query", q.Expr, "source", q.Source, "start", q.Start, "end", q.End, "step", q.Step)
	}
	var raw json.RawMessage
	return raw, c.get(ctx, path, values, &raw)
}

// refused reads an error in Prometheus' shape; ok is false when it is none.
func refused(status int, data []byte) (err error, ok bool) {
	var said struct{ Status, ErrorType, Error string }
	if json.Unmarshal(data, &said) != nil || said.Status != "error" || said.ErrorType == "" {
		return nil, false
	}
	code := mesh.Unavailable
	switch status {
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		code = mesh.Invalid
	case http.StatusNotFound:
		code = mesh.NotFound
	case http.StatusInternalServerError:
		code = mesh.Internal
	}
	return mesh.Errorf(code, "%s", strings.Join(strings.Fields(said.Error), " ")), true
}
