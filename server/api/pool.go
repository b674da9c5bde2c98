package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/mesh"
)

// limit is one limit of a pool in a request: absent leaves it as it is, null removes it.
type limit struct {
	given bool
	value *int
}

// UnmarshalJSON reads a number or null.
func (l *limit) UnmarshalJSON(data []byte) error {
	l.given = true
	if bytes.Equal(bytes.TrimSpace(data), []byte("null")) {
		return nil
	}
	return json.Unmarshal(data, &l.value)
}

// Schema describes a number or null.
func (limit) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeInteger, Nullable: true, Description: "Absent leaves the limit as it is, null removes it."}
}

// poolBody changes some limits of a connection pool.
type poolBody struct {
	Port               int   `json:"port,omitempty" minimum:"1" maximum:"65535" doc:"The listener; needed when the node has several."`
	MaxConnections     limit `json:"maxConnections,omitempty"`
	MaxPendingRequests limit `json:"maxPendingRequests,omitempty"`
	MaxRequests        limit `json:"maxRequests,omitempty"`
	MaxRetries         limit `json:"maxRetries,omitempty"`
	Wish
}

type poolInput struct {
	One
	Asking
	Body poolBody
}

// poolRoutes adds the pool form's address.
func (a *API) poolRoutes() {
	op := operation("put-connection-pool", http.MethodPut, "/meshes/{mesh}/nodes/{name}/connection-pool", "Limit what a proxy sends to its application")
	op.DefaultStatus = http.StatusAccepted
	huma.Register(a.huma, op, a.putPool)
}

func (a *API) putPool(ctx context.Context, in *poolInput) (*changed, error) {
	ref := mesh.Ref{Kind: mesh.KindNode, Name: in.Name}
	return edited(ctx, a, edit{mesh: in.Mesh, ref: ref, ask: in.Asking, wish: in.Body.Wish}, func(node mesh.VirtualNode) (mesh.VirtualNode, error) {
		return pooled(node, in.Body)
	})
}

// pooled gives a node's listener other limits.
func pooled(n mesh.VirtualNode, b poolBody) (mesh.VirtualNode, error) {
	i, err := listenerAt(n, b.Port)
	if err != nil {
		return n, err
	}
	var pool mesh.ConnectionPool
	if p := n.Listeners[i].ConnectionPool; p != nil {
		pool = *p
	}
	some := false
	for _, l := range []struct {
		from limit
		to   **int
	}{
		{b.MaxConnections, &pool.MaxConnections},
		{b.MaxPendingRequests, &pool.MaxPendingRequests},
		{b.MaxRequests, &pool.MaxRequests},
		{b.MaxRetries, &pool.MaxRetries},
	} {
		if l.from.given {
			*l.to, some = l.from.value, true
		}
	}
	if !some {
		return n, mesh.Errorf(mesh.Invalid,
			"connection pool of node %s: give at least one of maxConnections, maxPendingRequests, maxRequests and maxRetries", n.Name)
	}
	n.Listeners = slices.Clone(n.Listeners)
	n.Listeners[i].ConnectionPool = &pool
	if pool == (mesh.ConnectionPool{}) {
		n.Listeners[i].ConnectionPool = nil
	}
	return n, nil
}

// listenerAt finds a node's listener by port; without a port there has to be just one.
func listenerAt(n mesh.VirtualNode, port int) (int, error) {
	if port == 0 && len(n.Listeners) == 1 {
		return 0, nil
	}
	ports := make([]string, len(n.Listeners))
	for i, l := range n.Listeners {
		if l.Port == port {
			return i, nil
		}
		ports[i] = strconv.Itoa(l.Port)
	}
	switch {
	case len(ports) == 0:
		return 0, mesh.Errorf(mesh.Invalid, "connection pool of node %s: the node has no listener", n.Name)
	case port == 0:
		return 0, mesh.Errorf(mesh.Invalid, "connection pool of node %s: it has several listeners: give the port, one of %s",
			n.Name, strings.Join(ports, ", "))
	default:
		return 0, mesh.Errorf(mesh.Invalid, "connection pool of node %s: no listener on port %d: give one of %s",
			n.Name, port, strings.Join(ports, ", "))
	}
}
