package authority

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/x509"
	"encoding/pem"
	"fmt"

	"github.com/weirmesh/weir/server/mesh"
)

// maxPEM is the longest request or certificate that is read, in bytes.
const maxPEM = 16 << 10

// NewKey makes a proxy's key, and the request for a certificate that belongs to it, both in PEM. The key stays where it is
// made.
func NewKey() (key, request []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return nil, nil, fmt.Errorf("write a key: %w", err)
	}
	asked, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{}, private)
	if err != nil {
		return nil, nil, fmt.Errorf("write a request for a certificate: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE REQUEST", Bytes: asked}), nil
}

// readRequest gives the key of a request, which has to be signed with it.
func readRequest(text []byte) (crypto.PublicKey, error) {
	block, err := onePEM(text, "CERTIFICATE REQUEST")
	if err != nil {
		return nil, err
	}
	asked, err := x509.ParseCertificateRequest(block)
	if err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "the request for a certificate cannot be read: %w", err)
	}
	if err := asked.CheckSignature(); err != nil {
		return nil, mesh.Errorf(mesh.Invalid, "the request for a certificate is not signed with its own key: %w", err)
	}
	key, ok := asked.PublicKey.(*ecdsa.PublicKey)
	if !ok || key.Curve != elliptic.P256() {
		return nil, mesh.Errorf(mesh.Invalid, "the request for a certificate has a %s key: make an ECDSA key on P-256", asked.PublicKeyAlgorithm)
	}
	return key, nil
}

// onePEM gives what is in a text that is one block of a type.
func onePEM(text []byte, kind string) ([]byte, error) {
	if len(text) > maxPEM {
		return nil, mesh.Errorf(mesh.Invalid, "a %s has at most %d bytes, and this has %d", kind, maxPEM, len(text))
	}
	block, rest := pem.Decode(text)
	if block == nil || block.Type != kind || len(rest) > 0 {
		return nil, mesh.Errorf(mesh.Invalid, "there is no %[1]s in PEM: it begins with -----BEGIN %[1]s-----, and nothing comes after it", kind)
	}
	return block.Bytes, nil
}

// Prove signs a request with the key of the certificate that is to be renewed, both in PEM, so that whoever holds a good
// certificate gets the next one. Who reads it can do nothing with it: the request is for a key that they do not have.
func Prove(key, request []byte) ([]byte, error) {
	block, err := onePEM(key, "PRIVATE KEY")
	if err != nil {
		return nil, err
	}
	private, err := x509.ParsePKCS8PrivateKey(block)
	own, ok := private.(*ecdsa.PrivateKey)
	if err != nil || !ok {
		return nil, mesh.Errorf(mesh.Invalid, "the certificate's key cannot be read")
	}
	return ecdsa.SignASN1(rand.Reader, own, digest(request))
}

// digest is what a proof signs: not what anything else is signed for.
func digest(request []byte) []byte {
	sum := sha256.Sum256(append([]byte("weir: renew a proxy's certificate\x00"), request...))
	return sum[:]
}

// Read gives a proxy's certificate, in PEM, and whom it is for; it is not checked. Error: mesh.Invalid.
func Read(certificate []byte) (Name, *x509.Certificate, error) {
	block, err := onePEM(certificate, "CERTIFICATE")
	if err != nil {
		return Name{}, nil, err
	}
	cert, err := x509.ParseCertificate(block)
	if err != nil {
		return Name{}, nil, mesh.Errorf(mesh.Invalid, "the certificate cannot be read: %w", err)
	}
	n, ok := nameOf(cert)
	if !ok {
		return Name{}, nil, mesh.Errorf(mesh.Invalid, "the certificate names no virtual node or gateway: make another with weir bootstrap --certificates")
	}
	return n, cert, nil
}

// Renewal says whose certificate somebody renews who shows it, in PEM, and a proof made with its key. Errors: those of Verify,
// and mesh.Unauthenticated for a proof that is none.
func (a *Authority) Renewal(ctx context.Context, certificate, proof, request []byte) (Verified, error) {
	block, err := onePEM(certificate, "CERTIFICATE")
	if err != nil {
		return Verified{}, err
	}
	cert, err := x509.ParseCertificate(block)
	if err != nil {
		return Verified{}, mesh.Errorf(mesh.Invalid, "the certificate cannot be read: %w", err)
	}
	v, err := a.Verify(ctx, cert)
	if err != nil {
		return Verified{}, err
	}
	key, ok := cert.PublicKey.(*ecdsa.PublicKey)
	if !ok || !ecdsa.VerifyASN1(key, digest(request), proof) {
		return Verified{}, mesh.Errorf(mesh.Unauthenticated, "the request is not signed with the key of the certificate that is shown")
	}
	return v, nil
}
