package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Person is somebody who may sign in; nil moments never were.
type Person struct {
	ID, Name          string
	Grants            []string // operator, operator@shop, operator@shop/reviews*
	Issuer            string   // the identity provider; empty: a password
	Invited, Disabled bool
	At                time.Time
	Seen              *time.Time
	Version           int64
	Invite            *Invite // of somebody who was just invited
}

// Invite is a link that is good once, below the server's address.
type Invite struct {
	Path    string
	Expires time.Time
}

// Me is who the server takes the caller for.
type Me struct {
	Kind, Name    string
	Grants, Limit []string
}

// Token is what can be known of an API token or an access key; nil moments never were.
type Token struct {
	ID, Kind, Name         string
	Grants                 []string
	At                     time.Time
	Expires, Used, Revoked *time.Time
	Secret                 string // of one that was just made
}

// TokenWish is what a token is to be.
type TokenWish struct {
	Kind   string        `json:"kind,omitempty"` // api or key; empty: api
	Name   string        `json:"name"`
	Grants []string      `json:"grants"`
	For    mesh.Duration `json:"for,omitempty"` // 0: 90 days
}

// Me gives who the server takes the caller for: raw as it answers, and read.
func (c *Client) Me(ctx context.Context) (json.RawMessage, Me, error) {
	return answered[Me](ctx, c, getting("/api/v1/me", nil), "who asks")
}

// People lists who may sign in: raw as the server answers, and read.
func (c *Client) People(ctx context.Context) (json.RawMessage, []Person, error) {
	return listed[Person](ctx, c, getting("/api/v1/people", nil), "people")
}

// AddPerson lets somebody in, who chooses a password by the link of the answer.
func (c *Client) AddPerson(ctx context.Context, name string, grants []string) (p Person, err error) {
	err = c.tell(ctx, http.MethodPost, "/api/v1/people", map[string]any{"name": name, "grants": grants}, &p)
	return p, err
}

// GrantPerson says what somebody may do from now on.
func (c *Client) GrantPerson(ctx context.Context, name string, grants []string) (p Person, err error) {
	err = c.tell(ctx, http.MethodPut, personPath(name)+"/grants", map[string]any{"grants": grants}, &p)
	return p, err
}

// OnPerson does one of disable, enable and invite.
func (c *Client) OnPerson(ctx context.Context, name, verb string) (p Person, err error) {
	err = c.tell(ctx, http.MethodPost, personPath(name)+"/"+verb, nil, &p)
	return p, err
}

// RemovePerson forgets somebody.
func (c *Client) RemovePerson(ctx context.Context, name string) (p Person, err error) {
	err = c.tell(ctx, http.MethodDelete, personPath(name), nil, &p)
	return p, err
}

// Tokens lists the caller's tokens and access keys: raw as the server answers, and read.
func (c *Client) Tokens(ctx context.Context) (json.RawMessage, []Token, error) {
	return listed[Token](ctx, c, getting("/api/v1/tokens", nil), "tokens")
}

// MintToken makes a token of the caller's.
func (c *Client) MintToken(ctx context.Context, w TokenWish) (t Token, err error) {
	err = c.tell(ctx, http.MethodPost, "/api/v1/tokens", w, &t)
	return t, err
}

// RevokeToken revokes a token.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.tell(ctx, http.MethodDelete, "/api/v1/tokens/"+url.PathEscape(id), nil, nil)
}

// SignedIn runs do with a client that is signed in with a name and a password, as a browser is, and signs out after it: what
// a token may not do, such as minting one.
func (c *Client) SignedIn(ctx context.Context, name, password string, do func(*Client) error) error {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return fmt.Errorf("keep cookies: %w", err)
	}
	browser := *c.http
	browser.Jar = jar
	in := *c
	in.http, in.token = &browser, ""
	form := url.Values{"name": {name}, "password": {password}}.Encode()
	status, _, err := in.roundTrip(ctx, message{
		method: http.MethodPost, path: "/signin", header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, body: []byte(form),
	})
	switch {
	case err != nil:
		return err
	case status == http.StatusNotFound || status == http.StatusMethodNotAllowed:
		return mesh.Errorf(mesh.Invalid, "%s has no sign-in, so there is nobody to sign in as", c.base)
	case status == http.StatusTooManyRequests:
		return mesh.Errorf(mesh.TooMany, "%s takes no more sign-ins at the moment: wait ten seconds and try again", c.base)
	case status != http.StatusSeeOther:
		return mesh.Errorf(mesh.Unauthenticated, "the name or the password is not right")
	}
	defer func() { // the session would end by itself
		_, _, _ = in.roundTrip(context.WithoutCancel(ctx), message{method: http.MethodPost, path: "/signout", header: http.Header{}})
	}()
	return do(&in)
}

func personPath(name string) string { return "/api/v1/people/" + url.PathEscape(name) }

// tell makes a request with a JSON body, unless it is nil, and reads the answer.
func (c *Client) tell(ctx context.Context, method, path string, body, into any) error {
	m := message{method: method, path: path, header: http.Header{}}
	if body != nil {
		data, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("write the request: %w", err)
		}
		m.body = data
		m.header.Set("Content-Type", "application/json")
	}
	_, err := c.call(ctx, m, into)
	return err
}
