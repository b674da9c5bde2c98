package certificate

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// write makes a certificate for 127.0.0.1 that is its own authority, in two files.
func write(t *testing.T, dir, name string) Files {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(now.UnixNano()), Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	f := Files{What: "the console", CertFlag: "--tls-cert", KeyFlag: "--tls-key", Cert: filepath.Join(dir, "cert.pem"), Key: filepath.Join(dir, "key.pem")}
	for file, block := range map[string]*pem.Block{f.Cert: {Type: "CERTIFICATE", Bytes: der}, f.Key: {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func TestCertificateIsReadAgain(t *testing.T) {
	dir := t.TempDir()
	files := write(t, dir, "first")
	p, err := Load(files)
	if err != nil {
		t.Fatal(err)
	}
	name := func() string {
		cert, err := p.Config("h2").GetCertificate(nil)
		if err != nil {
			t.Fatal(err)
		}
		return cert.Leaf.Subject.CommonName
	}
	if got := name(); got != "first" {
		t.Fatalf("serves %s", got)
	}
	if err := os.WriteFile(files.Key, []byte("half a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Load(files); mesh.CodeOf(err) != mesh.Invalid {
		t.Errorf("half a pair is read: %v", err)
	}
	time.Sleep(lookAgain)
	if got := name(); got != "first" {
		t.Errorf("while the files are no pair, %s is served", got)
	}
	write(t, dir, "second")
	deadline := time.Now().Add(20 * time.Second)
	for name() != "second" {
		if time.Now().After(deadline) {
			t.Fatal("the new certificate is not served")
		}
		time.Sleep(20 * time.Millisecond)
	}
	for _, wrong := range [][2]string{{"", ""}, {files.Cert, ""}, {filepath.Join(dir, "none"), files.Key}, {files.Key, files.Cert}} {
		f := files
		f.Cert, f.Key = wrong[0], wrong[1]
		if _, err := Load(f); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), "--tls-cert") || !strings.Contains(err.Error(), "--tls-key") {
			t.Errorf("%v: %v", wrong, err)
		}
	}
}

// TestOnlyGoodSuites connects with what must not be spoken any more: old versions, and suites without forward secrecy or with
// ciphers that are broken.
func TestOnlyGoodSuites(t *testing.T) {
	p, err := Load(write(t, t.TempDir(), "weir"))
	if err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", p.Config("h2", "http/1.1"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			_ = conn.(*tls.Conn).HandshakeContext(t.Context())
			_ = conn.Close()
		}
	}()
	dial := func(low, high uint16, suites ...uint16) error {
		config := &tls.Config{InsecureSkipVerify: true, MinVersion: low, MaxVersion: high, CipherSuites: suites} //nolint:gosec // what is refused
		conn, err := (&tls.Dialer{Config: config}).DialContext(t.Context(), "tcp", l.Addr().String())
		if err == nil {
			_ = conn.Close()
		}
		return err
	}
	if err := dial(tls.VersionTLS10, tls.VersionTLS11); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	for _, s := range slices.Concat(tls.InsecureCipherSuites(), tls.CipherSuites()) {
		if !slices.Contains(s.SupportedVersions, tls.VersionTLS12) {
			continue
		}
		bad := !strings.HasPrefix(s.Name, "TLS_ECDHE_") || strings.Contains(s.Name, "RC4") || strings.Contains(s.Name, "3DES") || strings.HasSuffix(s.Name, "CBC_SHA256")
		if err := dial(tls.VersionTLS12, tls.VersionTLS12, s.ID); bad && err == nil {
			t.Errorf("%s is spoken", s.Name)
		}
	}
	for _, good := range []uint16{tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256} {
		if err := dial(tls.VersionTLS12, tls.VersionTLS12, good); err != nil {
			t.Errorf("%s: %v", tls.CipherSuiteName(good), err)
		}
	}
	if err := dial(tls.VersionTLS13, tls.VersionTLS13); err != nil {
		t.Error(err)
	}
}
