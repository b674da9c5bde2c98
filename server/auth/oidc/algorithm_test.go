package oidc_test

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

// TestAlgorithms: a token says neither by which kind of key nor by which key it is checked.
func TestAlgorithms(t *testing.T) {
	w := newWorld(t, nil)
	key, err := w.op.SigningKey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	own, ok := key.Key().(crypto.Signer)
	if !ok {
		t.Fatalf("the provider signs with a %T", key.Key())
	}
	public, err := x509.MarshalPKIXPublicKey(own.Public())
	if err != nil {
		t.Fatal(err)
	}
	mallory, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	symmetric := func(with []byte) func([]byte) []byte {
		return func(signed []byte) []byte {
			mac := hmac.New(sha256.New, with)
			mac.Write(signed)
			return mac.Sum(nil)
		}
	}
	byMallory := func(signed []byte) []byte {
		sum := sha256.Sum256(signed)
		signature, err := rsa.SignPKCS1v15(rand.Reader, mallory, crypto.SHA256, sum[:])
		if err != nil {
			t.Error(err)
		}
		return signature
	}
	jwk := map[string]any{"kty": "RSA", "alg": "RS256", "use": "sig", "n": encode(mallory.N.Bytes()), "e": encode(big.NewInt(int64(mallory.E)).Bytes())}
	var asked atomic.Int32
	keys := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": []any{jwk}})
	}))
	t.Cleanup(keys.Close)
	for name, c := range map[string]struct {
		header map[string]any
		sign   func(signed []byte) []byte
	}{
		"the client's secret": {map[string]any{"alg": "HS256"}, symmetric([]byte(secret))},
		"the public key":      {map[string]any{"alg": "HS256"}, symmetric(public)},
		"the public key as a file": {
			map[string]any{"alg": "HS256"}, symmetric(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		},
		"a key that it brings":      {map[string]any{"alg": "RS256", "jwk": jwk}, byMallory},
		"a key that it leads to":    {map[string]any{"alg": "RS256", "jku": keys.URL}, byMallory},
		"the provider's key's name": {map[string]any{"alg": "RS256", "kid": key.ID()}, byMallory},
	} {
		t.Run(name, func(t *testing.T) {
			w.op.set(func() {
				w.op.answer = func(answer map[string]any) {
					header, err := json.Marshal(c.header)
					if err != nil {
						t.Error(err)
					}
					token, _ := answer["id_token"].(string)
					signed := encode(header) + "." + strings.Split(token, ".")[1]
					answer["id_token"] = signed + "." + encode(c.sign([]byte(signed)))
				}
			})
			b := w.browser(t)
			_, _, err := b.signIn(t, "ada", "")
			b.refused(t, err, mesh.Unauthenticated, "does not prove")
		})
	}
	if asked.Load() != 0 {
		t.Error("a token had its keys fetched from where it said")
	}
}
