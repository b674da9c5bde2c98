package config_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/config"
	"github.com/weirmesh/weir/server/mesh"
)

const signIn = `
publicUrl: https://weir.example.com/
oidc:
  issuer: https://id.example.com/realms/weir
  clientId: weir
  clientSecretFile: secrets/oidc
  label: Example ID
  scopes: [profile, groups]
  groupsClaim: realm_access.roles
  nameClaim: email
  roles:
    weir-admins: [admin]
    shop-team: [operator@shop, "viewer"]
    night: viewer@shop-*
  default: [viewer@public]
`

func TestOIDC(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "weir.yaml")
	if err := os.WriteFile(path, []byte(signIn), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := config.Load(path)
	if err != nil {
		t.Fatal(err)
	}
	o := c.OIDC
	if o.ClientSecretFile != filepath.Join(dir, "secrets/oidc") || c.PublicURL != "https://weir.example.com/" || o.NameClaim != "email" || o.Label != "Example ID" {
		t.Errorf("%+v", o)
	}
	want := auth.Grant{Role: auth.Viewer, Mesh: "shop-*"}
	if len(o.Roles) != 3 || len(o.Roles["shop-team"]) != 2 || o.Roles["night"][0] != want || o.Default[0].Mesh != "public" {
		t.Errorf("roles %+v, default %+v", o.Roles, o.Default)
	}
	again, err := config.Parse([]byte(c.String()))
	if err != nil || again.String() != c.String() {
		t.Errorf("what is printed cannot be read: %v\n%s\n%s", err, c, again)
	}
	if p, ok := c.Provider(); !ok || p.Issuer != o.Issuer || p.PublicURL != c.PublicURL || p.SecretFile != o.ClientSecretFile || p.Roles["night"][0] != want {
		t.Errorf("%+v", p)
	}
	if empty, err := config.Parse(nil); err != nil || empty.OIDC != nil {
		t.Errorf("%+v %v", empty.OIDC, err)
	}
}

func TestOIDCRefused(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"no public address": {"publicUrl: https://weir.example.com/", "", "oidc needs publicUrl"},
		"a public path":     {"weir.example.com/", "example.com/weir", "leave out the path /weir"},
		"a public query":    {"weir.example.com/", "weir.example.com/?a=b", "publicUrl"},
		"plain text":        {"https://id.", "http://id.", "https://, or be on this machine"},
		"no issuer":         {"issuer: https://id.example.com/realms/weir", "issuer: ''", "oidc.issuer"},
		"no client":         {"clientId: weir", "clientId: ' '", "oidc.clientId is missing"},
		"a long label":      {"Example ID", strings.Repeat("x", 41), "at most 40 characters"},
		"scopes in one":     {"[profile, groups]", "['profile groups']", "an entry of its own"},
		"no role":           {"[admin]", "[administrator]", "administrator"},
		"a pattern":         {"operator@shop", "\"operator@[shop\"", "[shop"},
		"an unknown key":    {"groupsClaim", "groupClaim", "field groupClaim not found"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := config.Parse([]byte(strings.Replace(signIn, c.old, c.new, 1)))
			if mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
				t.Errorf("error %q, want %q in one line", err, c.want)
			}
		})
	}
	_, err := config.Parse([]byte("publicUrl: http://127.0.0.1:8080\noidc: {issuer: 'http://127.0.0.1:9000', clientId: weir}"))
	if err == nil || !strings.Contains(err.Error(), "oidc.roles names no group") {
		t.Errorf("%v", err)
	}
}
