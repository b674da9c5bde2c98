package server

import (
	"context"
	"strings"

	"github.com/weirmesh/weir/server/api"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
)

// certifier signs proxies' certificates for whoever shows a token, or the certificate before.
type certifier struct {
	proxyPasses
	own bool // the control plane's certificate is of the same authority
}

// certifier is nil without sign-in.
func (s *Server) certifier() api.Certifier {
	if s.people == nil {
		return nil
	}
	return certifier{proxyPasses{s.people, s.authority}, s.opts.ownTLS()}
}

// Certify signs a certificate for the node that the proxy has shown to be.
func (c certifier) Certify(ctx context.Context, meshName string, ask api.CertificateAsk) (authority.Issued, authority.Name, error) {
	n, err := c.shown(ctx, ask)
	if err == nil && n.Mesh != meshName {
		err = mesh.Errorf(mesh.Denied, "what the proxy shows is for mesh %s, and not for %s", n.Mesh, mesh.Shorten(meshName))
	}
	if err != nil {
		if code := mesh.CodeOf(err); code == mesh.Unauthenticated || code == mesh.Denied {
			c.people.Audit.Record(ctx, people.Entry{Event: people.ProxyRefused, Of: "certificate", Note: err.Error()})
		}
		return authority.Issued{}, n, err
	}
	issued, err := c.authority.Issue(ctx, n, ask.Request)
	if err == nil {
		c.people.Audit.Record(ctx, people.Entry{Event: people.CertificateMade, Of: n.Token, Note: n.Mesh + " " + n.Node.Path()})
	}
	return issued, n, err
}

// shown is who asks.
func (c certifier) shown(ctx context.Context, ask api.CertificateAsk) (authority.Name, error) {
	if ask.Token == "" {
		v, err := c.authority.Renewal(ctx, ask.Certificate, ask.Proof, ask.Request)
		if err != nil {
			return authority.Name{}, err
		}
		return v.Name, c.stands(ctx, v.Name)
	}
	meshName, node, err := c.people.Tokens.Proxy(ctx, ask.Token)
	if err != nil {
		return authority.Name{}, err
	}
	return authority.Name{Mesh: meshName, Node: node, Token: tokenID(ask.Token)}, nil
}

// Authorities gives the roots, and whether the control plane's own certificate is of them.
func (c certifier) Authorities(ctx context.Context) ([]byte, bool, error) {
	roots, err := c.authority.Trusted(ctx)
	return roots, c.own, err
}

// Distrust has no certificate under a root count any more.
func (c certifier) Distrust(ctx context.Context, id string) error {
	err := c.authority.Distrust(ctx, id)
	if err == nil {
		c.people.Audit.Record(ctx, people.Entry{Event: people.RootDistrusted, Of: id, Note: "its certificates count no more"})
	}
	return err
}

// tokenID is the part of a token that counts which is no secret: PREFIX_ID_SECRET.
func tokenID(bearer string) string {
	if parts := strings.Split(bearer, "_"); len(parts) == 3 {
		return parts[1]
	}
	return ""
}
