package main

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server"
)

// TestPeople runs a Weir with sign-in: an administrator signs in on the console, mints a token there, and does the rest by
// command; others can do what they may and no more.
func TestPeople(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("a weir holds the river"), 0o600); err != nil {
		t.Fatal(err)
	}
	s, err := serveWith(server.Options{Data: t.TempDir(), People: server.PeopleOptions{AdminPasswordFile: file}}, t.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEIR_URL", s.URL())
	t.Setenv("WEIR_TOKEN", firstToken(t, s.URL(), "admin", "a weir holds the river"))
	weir := func(code int, args ...string) string {
		t.Helper()
		var out, said bytes.Buffer
		if got := run(args, strings.NewReader("mesh: shop\nnodes: [{name: cart}]\n"), &out, &said); got != code {
			t.Fatalf("weir %s: exit code %d, want %d: %s%s", strings.Join(args, " "), got, code, out.String(), said.String())
		}
		if code != exitDone {
			return said.String()
		}
		return out.String()
	}
	holds := func(got string, want ...string) {
		t.Helper()
		for _, each := range want {
			if !strings.Contains(got, each) {
				t.Errorf("%q lacks %q", got, each)
			}
		}
	}
	holds(weir(exitDone, "whoami"), "admin", "token")
	weir(exitDone, "apply", "-f", "-")
	holds(weir(exitDone, "user", "add", "kim", "--grant", "viewer@shop"), "kim chooses a password at "+s.URL()+"/invite/")
	holds(weir(exitDone, "user", "list"), "kim", "viewer@shop", "invited")
	holds(weir(exitRefused, "user", "add", "KIM"), "KIM already", "choose another name\n")
	holds(weir(exitRefused, "user", "grant", "kim", "--grant", "root"), "it is viewer, operator or admin")
	holds(weir(exitUsage, "user", "grant", "kim"), "--nothing")
	holds(weir(exitDone, "user", "grant", "kim", "--grant", "operator@shop"), "kim is invited and may: operator@shop")
	holds(weir(exitRefused, "user", "disable", "admin"), "make somebody one first")
	weir(exitFailed, "user", "remove", "nobody")
	holds(weir(exitDone, "user", "disable", "kim"), "disabled")
	holds(weir(exitDone, "user", "enable", "kim"), "invited")
	holds(weir(exitDone, "user", "remove", "kim"), "kim is removed")

	viewer := strings.TrimSpace(weir(exitDone, "token", "mint", "eyes", "--as", "admin", "--password-file", file, "--grant", "viewer@shop", "--days", "7"))
	holds(weir(exitDone, "key", "mint", "aws", "--as", "Admin", "--password-file", file, "--grant", "operator@shop"), "AWS_ACCESS_KEY_ID=AKIA", "AWS_SECRET_ACCESS_KEY=")
	holds(weir(exitUsage, "token", "mint", "ci"), "--grant")
	holds(weir(exitUsage, "token", "mint", "ci", "--grant", "viewer"), "--as")
	holds(weir(exitUsage, "token", "mint", "ci", "--grant", "viewer", "--as", "admin"), "--password-file")
	holds(weir(exitRefused, "token", "mint", "ci", "--grant", "viewer", "--as", "admin", "--password-file", "-"), "not right") // stdin has no password
	list := weir(exitDone, "token", "list")
	holds(list, "eyes", "viewer@shop", "good")
	if strings.Contains(list, viewer) || strings.Contains(list, "aws") {
		t.Errorf("the list shows a secret, or keys beside tokens: %s", list)
	}
	holds(weir(exitDone, "get", "nodes", "--mesh", "shop", "--token", viewer), "cart")
	holds(weir(exitRefused, "delete", "node", "cart", "--mesh", "shop", "--token", viewer), "is not operator")
	holds(weir(exitRefused, "user", "list", "--token", viewer), "is not admin")
	holds(weir(exitRefused, "whoami", "--token", "weir_nonsense"), "token")
	t.Run("revoke", func(t *testing.T) {
		var tokens struct{ Items []struct{ ID, Name string } }
		if err := json.Unmarshal([]byte(weir(exitDone, "token", "list", "-o", "json")), &tokens); err != nil {
			t.Fatal(err)
		}
		for _, each := range tokens.Items {
			if each.Name == "eyes" {
				holds(weir(exitDone, "token", "revoke", each.ID), "is revoked")
			}
		}
		weir(exitRefused, "get", "nodes", "--mesh", "shop", "--token", viewer)
	})
	t.Setenv("WEIR_TOKEN", "")
	holds(weir(exitRefused, "get", "meshes"), "--token")
	var found bytes.Buffer
	if code := run([]string{"doctor", "--data", t.TempDir()}, strings.NewReader(""), &found, &found); code != exitFailed || !strings.Contains(found.String(), "does not know you") || strings.Contains(found.String(), "something that is not Weir") {
		t.Errorf("doctor without a token: %d %s", code, found.String())
	}
}

// firstToken signs in as a browser does, and mints a token by the session that it is in.
func firstToken(t *testing.T, at, name, pass string) string {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	browser := &http.Client{Jar: jar}
	answer, err := browser.PostForm(at+"/signin", url.Values{"name": {name}, "password": {pass}})
	if err != nil {
		t.Fatal(err)
	}
	answer.Body.Close()
	answer, err = browser.Post(at+"/api/v1/tokens", "application/json", strings.NewReader(`{"name":"first","grants":["admin"]}`))
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	var minted struct{ Secret string }
	if err := json.NewDecoder(answer.Body).Decode(&minted); err != nil || minted.Secret == "" {
		t.Fatalf("minting a token: %s, %v", answer.Status, err)
	}
	return minted.Secret
}

// TestPeopleOfAnOpenWeir says that there is no sign-in.
func TestPeopleOfAnOpenWeir(t *testing.T) {
	s, err := serveFor(t.TempDir(), t.Cleanup)
	if err != nil {
		t.Fatal(err)
	}
	t.Setenv("WEIR_URL", s.URL())
	for _, args := range [][]string{{"user", "list"}, {"token", "list"}, {"key", "mint", "x", "--grant", "viewer", "--as", "me", "--password-file", "-"}} {
		var out, said bytes.Buffer
		if code := run(args, strings.NewReader("secret"), &out, &said); code == exitDone || !strings.Contains(said.String(), "no sign-in") {
			t.Errorf("%v: %d %s", args, code, said.String())
		}
	}
	var out bytes.Buffer
	if code := run([]string{"whoami"}, strings.NewReader(""), &out, &out); code != exitDone || !strings.Contains(out.String(), "open") {
		t.Errorf("whoami: %d %s", code, out.String())
	}
}
