package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
)

// CertificateAsk is what a proxy asks for a certificate with: a request, and either its token, or the certificate that it has
// and a proof, made with that one's key (authority.Prove).
type CertificateAsk struct {
	Request     []byte // PKCS #10, in PEM
	Token       string
	Certificate []byte // in PEM
	Proof       []byte
}

// Certifier signs proxies' certificates. It asks for nobody's rights: what counts is what the proxy shows.
type Certifier interface {
	// Certify signs one for the node that the token or the certificate is for, which is n. Errors: mesh.Invalid,
	// mesh.Unauthenticated for what does not count, mesh.Denied for what is another mesh's, mesh.Unavailable.
	Certify(ctx context.Context, meshName string, ask CertificateAsk) (issued authority.Issued, n authority.Name, err error)
	// Authorities gives the roots in PEM, and whether the control plane's own certificate is of them.
	Authorities(ctx context.Context) (roots []byte, own bool, err error)
	// Distrust has no certificate under a root count any more, by its ID. Errors: mesh.NotFound, mesh.Unavailable.
	Distrust(ctx context.Context, id string) error
}

// certificateBody asks for a certificate.
type certificateBody struct {
	Request     string `json:"request" maxLength:"16384" doc:"A certificate signing request in PEM, with an ECDSA key on P-256. What names it asks for does not matter."`
	Token       string `json:"token,omitempty" maxLength:"512" doc:"The proxy's token: either this, or certificate and proof."`
	Certificate string `json:"certificate,omitempty" maxLength:"16384" doc:"The certificate that is renewed, in PEM. It must not have ended."`
	Proof       []byte `json:"proof,omitempty" maxLength:"512" doc:"An ECDSA signature (ASN.1) by the key of that certificate over the SHA-256 of the words \"weir: renew a proxy's certificate\", a zero byte and the request."`
}

// ProxyCertificate is a certificate for a proxy.
type ProxyCertificate struct {
	Mesh        string    `json:"mesh"`
	Node        string    `json:"node,omitempty" doc:"The virtual node that it is for."`
	Gateway     string    `json:"gateway,omitempty" doc:"Or the virtual gateway."`
	Certificate string    `json:"certificate" doc:"In PEM."`
	Until       time.Time `json:"until" doc:"When it ends."`
	Renew       time.Time `json:"renew" doc:"When to ask for the next one."`
	Authority
}

// Authority is whom proxies and Weir believe that they are who they say.
type Authority struct {
	Authorities  string `json:"authorities" doc:"Its roots, in PEM; two while one follows the other."`
	ControlPlane string `json:"controlPlane,omitempty" doc:"The name in the control plane's certificate, when that is of this authority; left out when it is of another."`
}

type certifyInput struct {
	InMesh
	Body certificateBody
}

// rootInput names a root.
type rootInput struct {
	Root string `path:"root" maxLength:"64" doc:"Its certificate's serial number in hexadecimal."`
}

// certificateRoutes adds the addresses of the proxies' certificates.
func (a *API) certificateRoutes() {
	certify := operation("certify-proxy", http.MethodPost, "/meshes/{mesh}/proxy-certificates", "Sign a certificate for a proxy, or its next one")
	certify.Description = "Who asks is the proxy: what it shows in the body decides, and nobody has to sign in. It ends after a day; revoking the proxy's token ends it at once."
	certify.DefaultStatus = http.StatusCreated
	huma.Register(a.huma, certify, a.certifyProxy)
	distrust := operation("distrust-root", http.MethodDelete, "/authority/{root}", "Distrust a root of the authority: no certificate under it counts any more")
	distrust.Description = "For a key that leaked. Proxies that have such a certificate are disconnected, keep the configuration that they have, and enrol again by their tokens. If it was the only root another one is made first."
	huma.Register(a.huma, distrust, a.distrustRoot)
	huma.Register(a.huma, operation("get-authority", http.MethodGet, "/authority", "The authority whose certificates proxies show"), a.getAuthority)
}

func (a *API) certifyProxy(ctx context.Context, in *certifyInput) (*answer[ProxyCertificate], error) {
	if a.o.Certifier == nil {
		return nil, noAuthority()
	}
	b := in.Body
	if (b.Token == "") == (b.Certificate == "") {
		return nil, a.fail(ctx, mesh.Errorf(mesh.Invalid, "show either the proxy's token, or the certificate that is renewed and a proof"))
	}
	issued, n, err := a.o.Certifier.Certify(ctx, in.Mesh, CertificateAsk{
		Request: []byte(b.Request), Token: b.Token, Certificate: []byte(b.Certificate), Proof: b.Proof,
	})
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	trusted, err := a.authority(ctx)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	out := ProxyCertificate{Mesh: n.Mesh, Certificate: string(issued.Certificate), Until: issued.Until, Renew: issued.Renew, Authority: trusted}
	if n.Node.Kind == mesh.KindGateway {
		out.Gateway = n.Node.Name
	} else {
		out.Node = n.Node.Name
	}
	return &answer[ProxyCertificate]{Status: http.StatusCreated, Body: out}, nil
}

func (a *API) getAuthority(ctx context.Context, _ *struct{}) (*answer[Authority], error) {
	if a.o.Certifier == nil {
		return nil, noAuthority()
	}
	out, err := a.authority(ctx)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[Authority]{Status: http.StatusOK, Body: out}, nil
}

func (a *API) distrustRoot(ctx context.Context, in *rootInput) (*answer[Authority], error) {
	if a.o.Certifier == nil {
		return nil, noAuthority()
	}
	if err := a.o.Certifier.Distrust(ctx, in.Root); err != nil {
		return nil, a.fail(ctx, err)
	}
	out, err := a.authority(ctx)
	if err != nil {
		return nil, a.fail(ctx, err)
	}
	return &answer[Authority]{Status: http.StatusOK, Body: out}, nil
}

func (a *API) authority(ctx context.Context) (Authority, error) {
	roots, own, err := a.o.Certifier.Authorities(ctx)
	out := Authority{Authorities: string(roots)}
	if own {
		out.ControlPlane = authority.ControlPlane
	}
	return out, err
}

func noAuthority() error {
	return problem(http.StatusNotImplemented, "this Weir has no sign-in, and no authority: proxies connect without a certificate")
}
