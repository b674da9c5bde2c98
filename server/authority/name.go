package authority

import (
	"crypto/x509"
	"net/url"
	"strings"

	"github.com/weirmesh/weir/server/mesh"
)

// TrustDomain is that of every name: what tells installations apart is their roots.
const TrustDomain = "weir"

// Name says who a certificate is for.
type Name struct {
	Mesh  string
	Node  mesh.Ref // a virtual node or gateway
	Token string   // the ID of the proxy's token that it stands under
}

// URI is the name as SPIFFE writes it: spiffe://weir/mesh/M/virtualNode/N, or virtualGateway. Error: mesh.Invalid for what
// SPIFFE has no way to write; meshes and their nodes have no such names.
func (n Name) URI() (*url.URL, error) {
	kind := ""
	switch n.Node.Kind {
	case mesh.KindNode:
		kind = "virtualNode"
	case mesh.KindGateway:
		kind = "virtualGateway"
	default:
		return nil, mesh.Errorf(mesh.Invalid, "a proxy's certificate is for a virtual node or gateway, not for %q", n.Node.Path())
	}
	for _, part := range []string{n.Mesh, n.Node.Name} {
		if !segment(part) {
			return nil, mesh.Errorf(mesh.Invalid, "a certificate cannot name %q: names have letters, digits, - and _ only", mesh.Shorten(part))
		}
	}
	return &url.URL{Scheme: "spiffe", Host: TrustDomain, Path: "/mesh/" + n.Mesh + "/" + kind + "/" + n.Node.Name}, nil
}

// segment tells whether a name can be a segment of a SPIFFE ID's path, which knows no escapes (SPIFFE-ID, section 2.2).
func segment(s string) bool {
	return s != "" && len(s) <= 255 && s != "." && s != ".." && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
	})
}

// nameOf reads who a certificate is for.
func nameOf(cert *x509.Certificate) (Name, bool) {
	if len(cert.URIs) != 1 {
		return Name{}, false
	}
	uri := cert.URIs[0]
	parts := strings.Split(uri.Path, "/")
	if len(parts) != 5 || parts[1] != "mesh" {
		return Name{}, false
	}
	n := Name{Mesh: parts[2], Node: mesh.Ref{Kind: mesh.KindNode, Name: parts[4]}, Token: cert.Subject.SerialNumber}
	if parts[3] == "virtualGateway" {
		n.Node.Kind = mesh.KindGateway
	}
	again, err := n.URI()
	return n, err == nil && again.String() == uri.String() && n.Token != ""
}
