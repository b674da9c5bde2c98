package server

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/api/client"
	"github.com/weirmesh/weir/server/authority"
	"github.com/weirmesh/weir/server/mesh"
)

// TestWhereTheConsoleIsServed: other machines reach it over TLS, or because somebody said so.
func TestWhereTheConsoleIsServed(t *testing.T) {
	for name, c := range map[string]struct {
		listen, cert, key, want string
		open, insecure          bool
	}{
		"plain, everywhere":    {listen: "0.0.0.0:0", want: "--tls-cert and --tls-key; or listen on 127.0.0.1:PORT or [::1]:PORT, behind a proxy with TLS on this machine; or add --insecure-http"},
		"plain, a name":        {listen: "weir.example.com:0", want: "over TLS"},
		"plain, asked for":     {listen: "0.0.0.0:0", insecure: true},
		"open, everywhere":     {listen: "0.0.0.0:0", open: true, insecure: true, want: "without sign-in"},
		"open, with TLS":       {listen: "0.0.0.0:0", open: true, cert: "a", key: "b", want: "without sign-in"},
		"half a pair":          {listen: "0.0.0.0:0", cert: "a", want: "both files"},
		"no such files":        {listen: "127.0.0.1:0", cert: "a", key: "b", want: "--tls-cert a"},
		"both ways":            {listen: "0.0.0.0:0", cert: "a", key: "b", insecure: true, want: "leave out either"},
		"this machine":         {listen: "127.0.0.1:0"},
		"its metrics, outside": {listen: "127.0.0.1:0", want: "--metrics-listen 0.0.0.0:0"},
	} {
		t.Run(name, func(t *testing.T) {
			o := quiet(t)
			o.Open, o.Listen, o.TLSCert, o.TLSKey, o.InsecureHTTP = c.open, c.listen, c.cert, c.key, c.insecure
			if strings.Contains(c.want, "metrics") {
				o.MetricsListen = "0.0.0.0:0"
			}
			s, err := New(t.Context(), o)
			if err == nil {
				err = s.Close()
				if c.want != "" {
					t.Fatalf("served, want %q", c.want)
				}
			}
			if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n")) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

// certified makes a server whose console has a certificate for 127.0.0.1, and gives what that is checked against.
func certified(t *testing.T) (*Server, []byte) {
	t.Helper()
	o := quiet(t)
	o.Open = false
	ca, err := selfSigned(filepath.Join(t.TempDir(), "tls"), &o)
	if err != nil {
		t.Fatal(err)
	}
	s, _ := run(t, o)
	return s, ca
}

// TestConsoleOverTLS signs in over TLS and HTTP/2: cookies are secure ones, and browsers are told to stay encrypted; who comes
// in plain text, or does not know the authority, is told so in words.
func TestConsoleOverTLS(t *testing.T) {
	s, ca := certified(t)
	if !strings.HasPrefix(s.URL(), "https://127.0.0.1:") {
		t.Errorf("it is called %s", s.URL())
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(ca)
	browser := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}}
	defer browser.CloseIdleConnections()
	get := func(c *http.Client, url string) (*http.Response, string) {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp, string(body)
	}
	resp, _ := get(browser, s.URL()+"/signin")
	if resp.ProtoMajor != 2 || resp.StatusCode != http.StatusOK || resp.TLS.Version != tls.VersionTLS13 || resp.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s %s, %+v", resp.Proto, resp.Status, resp.Header)
	}
	for _, cookie := range resp.Cookies() {
		if cookie.Name == "__Host-weir" && !cookie.Secure || cookie.Name == "weir_session" {
			t.Errorf("a cookie that is not for TLS alone: %v", cookie)
		}
	}
	plain := "http://" + strings.TrimPrefix(s.URL(), "https://")
	if resp, body := get(http.DefaultClient, plain+"/signin"); resp.StatusCode != http.StatusBadRequest || !strings.Contains(body, "HTTPS server") {
		t.Errorf("in plain text: %s %q", resp.Status, body)
	}
	version := func(o client.Options) error {
		c, err := client.New(o)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Version(t.Context())
		return err
	}
	kim := newOperatorOf(t, s, ca)
	if _, err := kim.Version(t.Context()); err != nil {
		t.Error(err)
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(s.URL(), "https://"))
	if err != nil {
		t.Fatal(err)
	}
	for want, err := range map[string]error{
		"--ca or WEIR_CA":         version(client.Options{URL: s.URL()}),
		"write it as https://":    version(client.Options{URL: plain}),
		"is for other names":      version(client.Options{URL: "https://localhost:" + port, CA: ca}),
		"holds no certificate":    version(client.Options{URL: s.URL(), CA: []byte("x")}),
		"write it as http://127.": version(client.Options{URL: plainServer(t), CA: ca}),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("want %q: %v", want, err)
		}
	}
}

// plainServer is the address of a Weir without TLS, called as if it had it.
func plainServer(t *testing.T) string {
	t.Helper()
	s, _ := run(t, quiet(t))
	return "https://" + strings.TrimPrefix(s.URL(), "http://")
}

// TestProxiesEnrol: a proxy gets a certificate by its token, the next one by the one before, and none when its token is
// revoked; the control plane has one of the same authority.
func TestProxiesEnrol(t *testing.T) {
	o := quiet(t)
	o.Open, o.XDSTLS, o.XDSCertificates = false, "on", true
	s, _ := run(t, o)
	kim := newOperator(t, s)
	if _, _, err := kim.Apply(t, "mesh: shop\nnodes: [{name: cart}, {name: web}]\n"); err != nil {
		t.Fatal(err)
	}
	minted, err := kim.MintProxyToken(t.Context(), "shop", client.ProxyTokenWish{Node: "cart"})
	if err != nil {
		t.Fatal(err)
	}
	nobody, err := client.New(client.Options{URL: s.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer nobody.Close()
	key, request, err := authority.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	first, err := nobody.Certify(t.Context(), "shop", client.CertificateWish{Request: string(request), Token: minted.Token})
	if err != nil || first.Node != "cart" || first.ControlPlane != authority.ControlPlane || !first.Renew.Before(first.Until) {
		t.Fatalf("%+v, %v", first, err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM([]byte(first.Authorities))
	conn, err := (&tls.Dialer{Config: &tls.Config{RootCAs: roots, ServerName: authority.ControlPlane, NextProtos: []string{"h2"}, MinVersion: tls.VersionTLS13}}).DialContext(t.Context(), "tcp", s.XDSAddr())
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	proof, err := authority.Prove(key, request)
	if err != nil {
		t.Fatal(err)
	}
	renew := client.CertificateWish{Request: string(request), Certificate: first.Certificate, Proof: proof}
	if again, err := nobody.Certify(t.Context(), "shop", renew); err != nil || again.Certificate == first.Certificate || again.Node != "cart" {
		t.Errorf("%+v, %v", again, err)
	}
	if got, err := kim.Authority(t.Context()); err != nil || got != first.Authority {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := nobody.Authority(t.Context()); mesh.CodeOf(err) != mesh.Unauthenticated {
		t.Errorf("nobody sees the authority: %v", err)
	}
	unproven, both := renew, renew
	unproven.Proof, both.Token = nil, minted.Token
	if _, err := kim.RevokeProxyToken(t.Context(), "shop", minted.ID); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		mesh string
		wish client.CertificateWish
		code mesh.Code
	}{
		"after it was revoked, by certificate": {"shop", renew, mesh.Unauthenticated},
		"after it was revoked, by token":       {"shop", client.CertificateWish{Request: string(request), Token: minted.Token}, mesh.Unauthenticated},
		"without proof":                        {"shop", unproven, mesh.Unauthenticated},
		"with nothing":                         {"shop", client.CertificateWish{Request: string(request)}, mesh.Invalid},
		"with both":                            {"shop", both, mesh.Invalid},
		"nonsense":                             {"shop", client.CertificateWish{Request: string(request), Certificate: "x", Proof: proof}, mesh.Invalid},
	} {
		if _, err := nobody.Certify(t.Context(), c.mesh, c.wish); mesh.CodeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	other, err := kim.MintProxyToken(t.Context(), "shop", client.ProxyTokenWish{Node: "web"})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := nobody.Certify(t.Context(), "bank", client.CertificateWish{Request: string(request), Token: other.Token}); mesh.CodeOf(err) != mesh.Denied {
		t.Errorf("of another mesh: %v", err)
	}
}

// selfSigned writes a certificate for 127.0.0.1 that is its own authority, and has a server use it.
func selfSigned(dir string, o *Options) ([]byte, error) {
	cert, key, err := testPair()
	if err != nil {
		return nil, err
	}
	o.TLSCert, o.TLSKey = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(o.TLSCert, ca, 0o600); err != nil {
		return nil, err
	}
	return ca, os.WriteFile(o.TLSKey, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: key}), 0o600)
}
