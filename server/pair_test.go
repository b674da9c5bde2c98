package server

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
)

// testPair makes a certificate for 127.0.0.1 that is its own authority, and its key, in DER.
func testPair() (cert, key []byte, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: "console"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if cert, err = x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private); err != nil {
		return nil, nil, err
	}
	key, err = x509.MarshalPKCS8PrivateKey(private)
	return cert, key, err
}

// newOperatorOf is newOperator for a console whose certificate is checked against ca.
func newOperatorOf(t *testing.T, s *Server, ca []byte) operator {
	t.Helper()
	root := auth.With(t.Context(), auth.Itself("test"))
	grants := []auth.Grant{{Role: auth.Admin, Mesh: "shop"}}
	kim, err := s.people.Directory.AddWithPassword(root, "kim", "a weir holds the river", grants)
	if err != nil {
		t.Fatal(err)
	}
	token, err := s.people.Tokens.Mint(auth.With(t.Context(), kim.Identity()), people.Wish{Name: "test", Grants: grants})
	if err != nil {
		t.Fatal(err)
	}
	c, err := client.New(client.Options{URL: s.URL(), Token: token.Secret, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return operator{c}
}
