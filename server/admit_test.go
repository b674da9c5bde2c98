package server

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
)

// TestClosed starts a Weir with sign-in: nobody does anything without one, a token does what it may, and what is taken away
// is gone.
func TestClosed(t *testing.T) {
	o := quiet(t)
	o.Open = false
	s, _ := run(t, o)
	if link := s.SetupURL(); !strings.HasPrefix(link, s.URL()+"/setup/") || len(link) < len(s.URL())+29 {
		t.Fatalf("the link to set up with is %q", link)
	}
	ask := func(method, path, token, body string) int {
		t.Helper()
		r, err := http.NewRequestWithContext(t.Context(), method, s.URL()+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", "application/json")
		if token != "" {
			r.Header.Set("Authorization", "Bearer "+token)
		}
		answer, err := http.DefaultTransport.RoundTrip(r)
		if err != nil {
			t.Fatal(err)
		}
		defer answer.Body.Close()
		return answer.StatusCode
	}
	root := auth.With(t.Context(), auth.Itself("test"))
	admin, err := s.people.Directory.Begin(t.Context(), s.setup.Secret, "ann", "rain in the valley at noon")
	if err != nil {
		t.Fatal(err)
	}
	operator, err := s.people.Directory.AddWithPassword(root, "kim", "a weir holds the river", []auth.Grant{{Role: auth.Operator, Mesh: "shop"}})
	if err != nil {
		t.Fatal(err)
	}
	mint := func(of people.Person, grants ...auth.Grant) people.Minted {
		m, err := s.people.Tokens.Mint(auth.With(t.Context(), of.Identity()), people.Wish{Name: "test", Grants: grants})
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	anns, kims := mint(admin, auth.Grant{Role: auth.Admin}), mint(operator, auth.Grant{Role: auth.Operator, Mesh: "shop"})
	const node = `{"listeners":[{"port":8080,"protocol":"http"}],"serviceDiscovery":{"registration":{}}}`
	const shop, bank = "/api/v1/meshes/shop", "/api/v1/meshes/bank"
	for _, c := range []struct {
		method, path, token, body string
		want                      int
	}{
		{"GET", "/livez", "", "", 200},
		{"GET", "/signin", "", "", 200},
		{"GET", "/people", "", "", 303},
		{"GET", "/people", kims.Secret, "", 403},
		{"GET", "/people", anns.Secret, "", 200},
		{"GET", "/api/v1/meshes", "", "", 401},
		{"PUT", shop, "", "{}", 401},
		{"PUT", shop, kims.Secret, "{}", 403}, // the door: it would make a mesh
		{"PUT", shop, anns.Secret, "{}", 202},
		{"PUT", bank, anns.Secret, "{}", 202},
		{"PUT", shop + "/nodes/front", kims.Secret, node, 202},
		{"PUT", bank + "/nodes/front", kims.Secret, node, 403},
		{"PUT", shop, kims.Secret, `{"guard":{"largestStep":10}}`, 403}, // the door: a rail is not theirs
		{"PUT", shop, anns.Secret, `{"guard":{"largestStep":10}}`, 202},
		{"GET", shop, kims.Secret, "", 200},
		{"GET", bank, kims.Secret, "", 403},
		{"GET", "/api/v1/changes", kims.Secret, "", 403},
		{"GET", "/api/v1/changes?mesh=shop", kims.Secret, "", 200},
	} {
		if got := ask(c.method, c.path, c.token, c.body); got != c.want {
			t.Errorf("%s %s: %d, want %d", c.method, c.path, got, c.want)
		}
	}
	if _, err := s.people.Directory.Disable(root, operator.ID); err != nil {
		t.Fatal(err)
	}
	if got := ask("GET", shop, kims.Secret, ""); got != 401 {
		t.Errorf("a token of somebody who was disabled: %d", got)
	}
}

// TestAdminPasswordFile makes the first administrator without a link, once.
func TestAdminPasswordFile(t *testing.T) {
	o := quiet(t)
	o.Open = false
	o.People.AdminPasswordFile = filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(o.People.AdminPasswordFile, []byte("a weir holds the river\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, _ := run(t, o)
	if s.SetupURL() != "" {
		t.Error("there is a link although there is somebody")
	}
	p, err := s.people.Directory.SignIn(t.Context(), "Admin", "a weir holds the river")
	if err != nil || !p.Manages() {
		t.Errorf("%+v, %v", p, err)
	}
}
