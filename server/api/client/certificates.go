package client

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// CertificateWish asks for a proxy's certificate: with its token, or with the certificate that it has and a proof.
type CertificateWish struct {
	Request     string `json:"request"` // in PEM
	Token       string `json:"token,omitempty"`
	Certificate string `json:"certificate,omitempty"` // in PEM
	Proof       []byte `json:"proof,omitempty"`       // authority.Prove
}

// Authority is whom proxies and Weir believe: roots in PEM, and the name in the control plane's certificate when that is of
// them; empty when it is of another authority, or there is none.
type Authority struct{ Authorities, ControlPlane string }

// ProxyCertificate is a certificate for a proxy, in PEM.
type ProxyCertificate struct {
	Mesh, Node, Gateway string
	Certificate         string
	Until, Renew        time.Time
	Authority
}

// ErrNoAuthority is the error of a server that has no sign-in, so that proxies show nothing.
var ErrNoAuthority = errors.New("the server has no sign-in, and proxies need no certificate")

// Certify has a certificate signed for a proxy. Error: one that wraps ErrNoAuthority.
func (c *Client) Certify(ctx context.Context, meshName string, w CertificateWish) (p ProxyCertificate, err error) {
	body, err := json.Marshal(w)
	if err != nil {
		return p, fmt.Errorf("write the request: %w", err)
	}
	header := http.Header{"Content-Type": {"application/json"}}
	status, err := c.call(ctx, message{method: http.MethodPost, path: inMesh(meshName) + "/proxy-certificates", header: header, body: body}, &p)
	if status == http.StatusNotImplemented {
		err = fmt.Errorf("%s: %w", c.base, ErrNoAuthority)
	}
	return p, err
}

// Authority gives whose certificates proxies and Weir have. Error: one that wraps ErrNoAuthority.
func (c *Client) Authority(ctx context.Context) (a Authority, err error) {
	status, err := c.call(ctx, getting("/api/v1/authority", nil), &a)
	if status == http.StatusNotImplemented {
		err = fmt.Errorf("%s: %w", c.base, ErrNoAuthority)
	}
	return a, err
}

// Distrust has no certificate under a root of the authority count any more, by its ID, and gives the roots that are left.
// Error: one that wraps ErrNoAuthority.
func (c *Client) Distrust(ctx context.Context, root string) (a Authority, err error) {
	status, err := c.call(ctx, message{method: http.MethodDelete, path: "/api/v1/authority/" + url.PathEscape(root)}, &a)
	if status == http.StatusNotImplemented {
		err = fmt.Errorf("%s: %w", c.base, ErrNoAuthority)
	}
	return a, err
}
