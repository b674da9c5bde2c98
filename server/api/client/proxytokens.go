package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// ProxyToken is what can be known of a proxy's token; nil moments never were.
type ProxyToken struct {
	ID, Mesh, Node, Gateway, Name string
	At                            time.Time
	Expires, Used, Revoked        *time.Time
	Token                         string // the secret, of one that was just made
}

// ProxyTokenWish is what a proxy's token is to be.
type ProxyTokenWish struct {
	Node    string        `json:"node,omitempty"` // either this or Gateway
	Gateway string        `json:"gateway,omitempty"`
	Name    string        `json:"name,omitempty"` // what it is for; empty: its node
	For     mesh.Duration `json:"for,omitempty"`  // how long it is good; 0: until it is revoked
}

// ErrNoTokens is the error of a server that has no sign-in, so that proxies show no token.
var ErrNoTokens = errors.New("the server has no sign-in, and proxies need no token")

// MintProxyToken makes a token by which proxies may be one virtual node or gateway. Error: one that wraps ErrNoTokens.
func (c *Client) MintProxyToken(ctx context.Context, meshName string, w ProxyTokenWish) (t ProxyToken, err error) {
	body, err := json.Marshal(w)
	if err != nil {
		return t, fmt.Errorf("write the request: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	status, err := c.call(ctx, message{method: http.MethodPost, path: inMesh(meshName) + "/proxy-tokens", header: header, body: body}, &t)
	if status == http.StatusNotImplemented {
		err = fmt.Errorf("%s: %w", c.base, ErrNoTokens)
	}
	return t, err
}

// ProxyTokens lists the tokens of a mesh's proxies, newest first: raw as the server answers them, and read.
func (c *Client) ProxyTokens(ctx context.Context, meshName string) (json.RawMessage, []ProxyToken, error) {
	return listed[ProxyToken](ctx, c, getting(inMesh(meshName)+"/proxy-tokens", nil), "proxies' tokens")
}

// RevokeProxyToken revokes a proxy's token.
func (c *Client) RevokeProxyToken(ctx context.Context, meshName, id string) (t ProxyToken, err error) {
	_, err = c.call(ctx, message{method: http.MethodDelete, path: inMesh(meshName) + "/proxy-tokens/" + url.PathEscape(id)}, &t)
	return t, err
}
