package oidc_test

import (
	"os"
	"testing"

	"github.com/weirmesh/weir/server/auth/oidc"
	"github.com/weirmesh/weir/server/mesh"
)

// TestSecretInTheForm: some providers take a client's secret only in the form.
func TestSecretInTheForm(t *testing.T) {
	w := newWorld(t, nil)
	heard := make(chan string, 1)
	w.op.set(func() {
		w.op.says = func(doc map[string]any) {
			doc["token_endpoint_auth_methods_supported"] = []string{"client_secret_post"}
		}
		w.op.heard = func(form func(string) string) { heard <- form("client_secret") }
	})
	if _, _, err := w.browser(t).signIn(t, "ada", ""); err != nil {
		t.Error(err)
	}
	if got := <-heard; got != secret {
		t.Errorf("the form holds %q", got)
	}
}

// TestSecretGoesAndComes: another secret counts without a restart, and that there is none is said in words.
func TestSecretGoesAndComes(t *testing.T) {
	file := secretFile(t, "the secret of last year")
	w := newWorld(t, func(o *oidc.Options) { o.SecretFile = file })
	b := w.browser(t)
	_, _, err := b.signIn(t, "ada", "")
	b.refused(t, err, mesh.Unavailable, "refuses Weir itself")
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	_, _, err = b.signIn(t, "ada", "")
	b.refused(t, err, mesh.Unavailable, "has no secret to show")
	if err := os.WriteFile(file, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.signIn(t, "ada", ""); err != nil {
		t.Error(err)
	}
}

// TestNobodyToAsk: a provider that has no userinfo endpoint and puts nothing in its token.
func TestNobodyToAsk(t *testing.T) {
	w := newWorld(t, nil)
	w.op.set(func() {
		w.op.inToken = false
		w.op.says = func(doc map[string]any) { delete(doc, "userinfo_endpoint") }
	})
	b := w.browser(t)
	_, _, err := b.signIn(t, "ada", "")
	b.refused(t, err, mesh.Invalid, "oidc.nameClaim")
	w.again(t, func(o *oidc.Options) { o.NameClaim = "sub" })
	_, _, err = b.signIn(t, "ada", "")
	b.refused(t, err, mesh.Denied, "does not say in which groups you are, in the claim groups")
}

// TestNameThatCannotBe: what the provider calls somebody has to be a name here too.
func TestNameThatCannotBe(t *testing.T) {
	w := newWorld(t, nil)
	for _, name := range []string{"<img src=x onerror=alert(1)>", "weir", "a name with spaces", "\u202eada"} {
		w.op.set(func() { w.op.claims = func(c map[string]any) { c["preferred_username"] = name } })
		b := w.browser(t)
		_, _, err := b.signIn(t, "ada", "")
		b.refused(t, err, mesh.Invalid, "name")
	}
}
