package authority_test

import (
	"testing"

	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
)

// FuzzRead: what is shown as a certificate, as a request or as a proof is refused in words; what reads has a name that can be.
func FuzzRead(f *testing.F) {
	a := open(f, &book{}, begin(), 1)
	key, issued, _ := enrol(f, a, cart)
	_, request, err := authority.NewKey()
	if err != nil {
		f.Fatal(err)
	}
	proof, err := authority.Prove(key, request)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(issued.Certificate, request, proof)
	f.Add([]byte("-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n"), []byte("-----BEGIN CERTIFICATE REQUEST-----\n\n-----END CERTIFICATE REQUEST-----"), []byte{0x30, 0})
	f.Add([]byte("\x00"), append(request, '\n'), []byte(nil))
	f.Fuzz(func(t *testing.T, certificate, asked, proof []byte) {
		n, _, err := authority.Read(certificate)
		if err != nil && (mesh.CodeOf(err) != mesh.Invalid || len(err.Error()) > 1000) {
			t.Errorf("the certificate is refused with %v", err)
		}
		if _, bad := n.URI(); err == nil && (bad != nil || n.Token == "") {
			t.Errorf("it is for %+v: %v", n, bad)
		}
		if v, err := a.Renewal(t.Context(), certificate, proof, asked); err == nil && v.Name != cart {
			t.Errorf("renewed for %+v", v)
		} else if code := mesh.CodeOf(err); err != nil && code != mesh.Invalid && code != mesh.Unauthenticated {
			t.Errorf("not renewed: %v", err)
		}
		if _, err := a.Issue(t.Context(), cart, asked); err != nil && mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("the request is refused with %v (%s)", err, mesh.CodeOf(err))
		}
	})
}
