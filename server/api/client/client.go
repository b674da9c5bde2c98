// Package client is the Go client of Weir's REST interface that the command line uses. It turns problems back into
// mesh.Error, so that the caller tells refusals from failures by their code; it decides nothing.
package client

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

// Limits on what an answer may take: its time beyond what the server was asked to wait, and its size.
const (
	defaultTimeout = 30 * time.Second
	maxAnswer      = 64 << 20
)

// Options say where the server is and who calls.
type Options struct {
	URL     string // "http://127.0.0.1:8080"
	Token   string // sent as a bearer token when not empty
	Author  string // declared to the server; letters, digits, spaces and . _ - @ +, other characters are left out
	Timeout time.Duration
	CA      []byte // in PEM, what the server's certificate is checked against; nil: what this machine trusts
}

// Client calls one server. Its methods may be used by many goroutines.
type Client struct {
	base    *url.URL
	token   string
	author  string
	timeout time.Duration
	http    *http.Client
}

// New makes a client. Error: mesh.Invalid for an address that is none.
func New(o Options) (*Client, error) {
	base, err := url.Parse(o.URL)
	if err != nil || (base.Scheme != "http" && base.Scheme != "https") || base.Host == "" {
		return nil, mesh.Errorf(mesh.Invalid, "server address %q: write it as http://HOST:PORT", o.URL)
	}
	base.Path = strings.TrimSuffix(base.Path, "/")
	config, err := trusting(o.CA)
	if err != nil {
		return nil, err
	}
	c := &Client{base: base, token: o.Token, author: safeAuthor(o.Author), timeout: cmp.Or(o.Timeout, defaultTimeout)}
	c.http = &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, TLSClientConfig: config, ForceAttemptHTTP2: true, MaxResponseHeaderBytes: 64 << 10},
		// A token must not follow a redirect to somewhere else.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	return c, nil
}

// URL is the server's address as given.
func (c *Client) URL() string { return c.base.String() }

// Close lets go of idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Page is a collection as the server answers it, one raw object an item.
type Page struct {
	Items []json.RawMessage `json:"items"`
	Next  *string           `json:"next"`
}

// Meshes lists the names of the meshes.
func (c *Client) Meshes(ctx context.Context) ([]string, error) {
	var page struct {
		Items []mesh.Settings `json:"items"`
	}
	if err := c.get(ctx, "/api/v1/meshes", nil, &page); err != nil {
		return nil, err
	}
	names := make([]string, len(page.Items))
	for i, m := range page.Items {
		names[i] = m.Name
	}
	return names, nil
}

// List gives every object of a kind as the server answers it; meshName is not used for meshes.
func (c *Client) List(ctx context.Context, meshName string, kind mesh.Kind) (json.RawMessage, error) {
	var raw json.RawMessage
	return raw, c.get(ctx, collection(meshName, kind), nil, &raw)
}

// Object gives one object as the server answers it.
func (c *Client) Object(ctx context.Context, meshName string, ref mesh.Ref) (json.RawMessage, error) {
	var raw json.RawMessage
	return raw, c.get(ctx, address(meshName, ref), nil, &raw)
}

// GraphAsk says which graph is wanted and what of it. Zero is the live one, whole.
type GraphAsk struct {
	At, Window        string
	View, Focus, Hops string
	Hide              []string
	By                string
}

// GraphRaw gives a mesh's graph as the server answers it.
func (c *Client) GraphRaw(ctx context.Context, meshName string, ask GraphAsk) (json.RawMessage, error) {
	var raw json.RawMessage
	q := query("at", ask.At, "window", ask.Window, "view", ask.View, "focus", ask.Focus, "hops", ask.Hops, "by", ask.By)
	for _, id := range ask.Hide {
		q.Add("hide", id)
	}
	return raw, c.get(ctx, inMesh(meshName)+"/graph", q, &raw)
}

// Graph gives a mesh's live graph.
func (c *Client) Graph(ctx context.Context, meshName string) (graph.Graph, error) {
	var g graph.Graph
	return g, c.get(ctx, inMesh(meshName)+"/graph", nil, &g)
}

// ProxiesRaw gives a mesh's proxies as the server answers them.
func (c *Client) ProxiesRaw(ctx context.Context, meshName string) (json.RawMessage, error) {
	var raw json.RawMessage
	return raw, c.get(ctx, inMesh(meshName)+"/proxies", nil, &raw)
}

// Proxies lists a mesh's proxies.
func (c *Client) Proxies(ctx context.Context, meshName string) ([]provider.Proxy, error) {
	var page struct {
		Items []provider.Proxy `json:"items"`
	}
	return page.Items, c.get(ctx, inMesh(meshName)+"/proxies", nil, &page)
}

// Version gives the server's version.
func (c *Client) Version(ctx context.Context) (string, error) {
	var v struct{ Version string }
	return v.Version, c.get(ctx, "/api/v1/version", nil, &v)
}

// Ready gives the server's own account of its parts, one line each, and whether all of them work.
func (c *Client) Ready(ctx context.Context) (account string, ready bool, err error) {
	status, body, err := c.roundTrip(ctx, message{method: http.MethodGet, path: "/readyz", query: url.Values{"verbose": {""}}})
	return string(body), status == http.StatusOK, err
}

// get reads one answer.
func (c *Client) get(ctx context.Context, path string, q url.Values, into any) error {
	_, err := c.call(ctx, getting(path, q), into)
	return err
}

// answered makes a request and gives its answer twice: as the server wrote it, and read. what names it for people.
func answered[T any](ctx context.Context, c *Client, m message, what string) (raw json.RawMessage, v T, err error) {
	if _, err := c.call(ctx, m, &raw); err != nil {
		return nil, v, err
	}
	if err := json.Unmarshal(raw, &v); err != nil {
		return nil, v, mesh.Errorf(mesh.Internal, "%s answered %s that cannot be read: %w", c.base, what, err)
	}
	return raw, v, nil
}

// listed is answered for a collection.
func listed[T any](ctx context.Context, c *Client, m message, what string) (json.RawMessage, []T, error) {
	raw, page, err := answered[struct {
		Items []T `json:"items"`
	}](ctx, c, m, what)
	return raw, page.Items, err
}

// getting is a request that only reads.
func getting(path string, q url.Values) message {
	return message{method: http.MethodGet, path: path, query: q}
}

// message is one request: its path is escaped.
type message struct {
	method, path string
	query        url.Values
	header       http.Header
	body         []byte
}

// call makes one request and reads its answer; a problem becomes an error.
func (c *Client) call(ctx context.Context, m message, into any) (status int, err error) {
	status, data, err := c.roundTrip(ctx, m)
	if err != nil {
		return 0, err
	}
	if status >= http.StatusMultipleChoices {
		return status, c.problem(status, data)
	}
	if into == nil { // nothing is answered
		return status, nil
	}
	if err := json.Unmarshal(data, into); err != nil {
		return status, mesh.Errorf(mesh.Internal, "%s answered something that is not Weir's: is this address right?", c.base)
	}
	return status, nil
}

// roundTrip makes one request.
func (c *Client) roundTrip(ctx context.Context, m message) (int, []byte, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	// The path is escaped already: parsing it again keeps an encoded slash what it is.
	target, err := url.Parse(c.base.String() + m.path)
	if err != nil {
		return 0, nil, mesh.Errorf(mesh.Invalid, "address %q: %w", m.path, err)
	}
	target.RawQuery = m.query.Encode()
	request, err := http.NewRequestWithContext(ctx, m.method, target.String(), bytes.NewReader(m.body))
	if err != nil {
		return 0, nil, mesh.Errorf(mesh.Invalid, "address %q: %w", m.path, err)
	}
	for k, v := range m.header {
		request.Header[k] = v
	}
	request.Header.Set("Accept", "application/json")
	if c.token != "" {
		request.Header.Set("Authorization", "Bearer "+c.token)
	}
	if c.author != "" && m.method != http.MethodGet {
		request.Header.Set("X-Weir-Author", c.author)
	}
	response, err := c.http.Do(request)
	if err != nil {
		return 0, nil, c.unreachable(ctx, err)
	}
	defer response.Body.Close()
	data, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if err != nil {
		return 0, nil, c.unreachable(ctx, err)
	}
	if len(data) > maxAnswer {
		return 0, nil, mesh.Errorf(mesh.Internal, "%s answered more than %d MiB", c.base, maxAnswer>>20)
	}
	return response.StatusCode, data, nil
}

// unreachable says why there was no answer.
func (c *Client) unreachable(ctx context.Context, err error) error {
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return mesh.Errorf(mesh.Unavailable, "%s did not answer within %v: %w", c.base, c.timeout, ctx.Err())
	case ctx.Err() != nil:
		return mesh.Errorf(mesh.Unavailable, "interrupted: %w", ctx.Err())
	}
	var asked *url.Error
	if errors.As(err, &asked) {
		err = asked.Err
	}
	if told := c.distrust(err); told != nil {
		return told
	}
	return mesh.Errorf(mesh.Unavailable, "cannot reach Weir at %s: %w: start it with weir serve, or name it with --url or WEIR_URL", c.base, err)
}

// problem reads an RFC 9457 problem, or what a Prometheus answers instead.
func (c *Client) problem(status int, data []byte) error {
	if err, ok := refused(status, data); ok {
		return err
	}
	if c.base.Scheme == "http" && status == http.StatusBadRequest && bytes.Contains(data, []byte("HTTP request to an HTTPS server")) {
		return mesh.Errorf(mesh.Invalid, "%s is served over TLS: write it as https://%s", c.base, c.base.Host)
	}
	var p struct {
		Detail string    `json:"detail"`
		Code   mesh.Code `json:"code"`
		// Collisions stay in the chain of the error, for whoever shows them.
		Collisions []change.Collision `json:"collisions"`
	}
	if err := json.Unmarshal(data, &p); err != nil || p.Detail == "" || p.Code == "" {
		return mesh.Errorf(mesh.Unavailable, "%s answered %d %s: is this address right?", c.base, status, http.StatusText(status))
	}
	e := mesh.Errorf(p.Code, "%s", strings.Join(strings.Fields(p.Detail), " "))
	if len(p.Collisions) > 0 {
		e.Err = &change.Collisions{List: p.Collisions}
	}
	return e
}

// inMesh is a mesh's address.
func inMesh(name string) string { return "/api/v1/meshes/" + url.PathEscape(name) }

// collection is the address of a kind.
func collection(meshName string, kind mesh.Kind) string {
	if kind == mesh.KindMesh {
		return "/api/v1/meshes"
	}
	return inMesh(meshName) + "/" + kind.Plural()
}

// address is an object's address.
func address(meshName string, ref mesh.Ref) string {
	if ref.Kind == mesh.KindMesh {
		return inMesh(ref.Name)
	}
	if ref.Kind == mesh.KindRoute || ref.Kind == mesh.KindGatewayRoute {
		parent, name := ref.Split()
		return fmt.Sprintf("%s/%s/%s", collection(meshName, ref.Kind), url.PathEscape(parent), url.PathEscape(name))
	}
	return collection(meshName, ref.Kind) + "/" + url.PathEscape(ref.Name)
}

// query makes a query of the values that are not empty.
func query(pairs ...string) url.Values {
	q := make(url.Values)
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			q.Set(pairs[i], pairs[i+1])
		}
	}
	return q
}
