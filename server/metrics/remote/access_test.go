package remote

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/config"
	"github.com/prometheus/common/model"

	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/metrics/remote/prometheustest"
)

func contextWith(t *testing.T, timeout time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), timeout)
}

func write(t *testing.T, text string) (path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func headers(name string, values ...string) *config.Headers {
	return &config.Headers{Headers: map[string]config.Header{name: {Values: values}}}
}

// certificate makes one for 127.0.0.1 that signs itself.
func certificate(t *testing.T) (certPEM, keyPEM string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "prometheus"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
}

// TestProtectedPrometheus asks a real Prometheus with TLS and basic auth.
func TestProtectedPrometheus(t *testing.T) {
	cert, key := certificate(t)
	address := prometheustest.Start(t, prometheustest.Config{
		CA: cert, Files: map[string]string{"cert.pem": cert, "key.pem": key},
		// bcrypt of "hunter22" at its lowest cost.
		Web: "tls_server_config: {cert_file: cert.pem, key_file: key.pem}\n" +
			"basic_auth_users: {weir: $2b$04$RwMgI2dgzrzW.YQ/Tk6WxepvW1xHAGwp/ncJ1wk.qy05gxun.MTn6}\n",
	})
	ca := write(t, cert)
	source := func(change func(*Source)) Source {
		s := Source{Name: "tls", URL: address, Timeout: model.Duration(patience), HTTP: config.DefaultHTTPClientConfig}
		s.HTTP.TLSConfig.CAFile = ca
		change(&s)
		return s
	}
	userinfo := strings.Replace(address, "//", "//weir:hunter22@", 1)
	for name, c := range map[string]struct {
		source Source
		words  string
	}{
		"in http":    {source(func(s *Source) { s.HTTP.BasicAuth = &config.BasicAuth{Username: "weir", Password: "hunter22"} }), ""},
		"in the URL": {source(func(s *Source) { s.URL = userinfo }), ""},
		"in a file": {source(func(s *Source) {
			s.HTTP.BasicAuth = &config.BasicAuth{Username: "weir", PasswordFile: write(t, "hunter22")}
		}), ""},
		"wrong":             {source(func(s *Source) { s.HTTP.BasicAuth = &config.BasicAuth{Username: "weir", Password: "hunter23"} }), "credentials"},
		"none":              {source(func(*Source) {}), "credentials"},
		"without authority": {source(func(s *Source) { s.URL, s.HTTP.TLSConfig.CAFile = userinfo, "" }), "ca_file"},
		"without TLS":       {source(func(s *Source) { s.URL = strings.Replace(userinfo, "https", "http", 1) }), "400"},
	} {
		t.Run(name, func(t *testing.T) {
			a, err := open(t, c.source).Query(t.Context(), "vector(7)", time.Now())
			switch {
			case c.words == "" && (err != nil || len(a.Vector) != 1 || a.Vector[0].V != 7):
				t.Errorf("%+v, %v", a, err)
			case c.words != "" && (err == nil || !strings.Contains(err.Error(), c.words) && name != "without TLS" || strings.Contains(err.Error(), "hunter2")):
				t.Error(err)
			}
		})
	}
}

// TestOAuth2 fetches tokens from a server that gives, refuses or hangs.
func TestOAuth2(t *testing.T) {
	api := serve(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer the-token" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		_, _ = io.WriteString(w, one)
	})
	tokens := func(w http.ResponseWriter, r *http.Request) {
		if id, password, _ := r.BasicAuth(); id != "weir" || password != "oauth-secret" || r.FormValue("grant_type") != "client_credentials" || r.FormValue("scope") != "metrics" {
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(http.StatusUnauthorized)
			_, _ = io.WriteString(w, `{"error":"invalid_client"}`)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"access_token":"the-token","token_type":"Bearer","expires_in":3600}`)
	}
	source := func(endpoint http.HandlerFunc, secret string, timeout time.Duration) Source {
		s := Source{Name: "o", URL: api, Timeout: model.Duration(timeout), HTTP: config.DefaultHTTPClientConfig}
		s.HTTP.OAuth2 = &config.OAuth2{ClientID: "weir", ClientSecret: config.Secret(secret), TokenURL: serve(t, endpoint), Scopes: []string{"metrics"}}
		return s
	}
	t.Run("given", func(t *testing.T) {
		b := open(t, source(tokens, "oauth-secret", patience))
		for range 2 {
			if _, err := b.Query(t.Context(), "up", time.Now()); err != nil {
				t.Error(err)
			}
		}
	})
	t.Run("refused", func(t *testing.T) {
		_, err := open(t, source(tokens, "other-secret", patience)).Query(t.Context(), "up", time.Now())
		if query.FaultOf(err) != query.Unavailable || !strings.Contains(err.Error(), "token server") || strings.Contains(err.Error(), "other-secret") {
			t.Error(err)
		}
	})
	t.Run("hung", func(t *testing.T) {
		_, err := open(t, source(hang, "oauth-secret", 300*time.Millisecond)).Query(t.Context(), "up", time.Now())
		if query.FaultOf(err) != query.Timeout {
			t.Error(err)
		}
	})
}
