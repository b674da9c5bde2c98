package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
)

// TestPasswordFields: fields of passwords are masked, browsers and password managers may fill them, and whoever is signed in
// sees how to sign out wherever they are.
func TestPasswordFields(t *testing.T) {
	fresh, _, secret := setUp(t)
	b, _ := inhabited(t)
	stranger := open(t, newWorld())
	stranger.site = b.site
	for _, c := range []struct {
		of     *browser
		at     string
		fields int
	}{{fresh, "/setup/" + secret, 2}, {stranger, "/signin", 1}, {b, "/account", 3}} {
		doc := c.of.get(c.at, http.StatusOK)
		fields := doc.Find("input[name=password], input[name=again], input[name=present]")
		if fields.Length() != c.fields {
			t.Errorf("%s: %d fields of passwords, want %d", c.at, fields.Length(), c.fields)
		}
		for _, field := range fields.EachIter() {
			fill := field.AttrOr("autocomplete", "")
			if field.AttrOr("type", "") != "password" || fill != "current-password" && fill != "new-password" || field.AttrOr("value", "") != "" {
				t.Errorf("%s: %s is %q, filled by %q", c.at, field.AttrOr("name", ""), field.AttrOr("type", ""), fill)
			}
			for _, a := range field.Nodes[0].Attr {
				if strings.HasPrefix(a.Key, "on") || a.Key == "readonly" || a.Key == "pattern" {
					t.Errorf("%s: %s keeps people from pasting: %s", c.at, field.AttrOr("name", ""), a.Key)
				}
			}
		}
	}
	for _, at := range []string{"/", "/services", "/topology", "/config", "/history", "/proxies", "/events", "/account", "/people", "/nothing"} {
		answer := b.do(http.MethodGet, at, nil)
		if !strings.Contains(answer.Body.String(), `action="/signout"`) {
			t.Errorf("%s (%d): no way to sign out", at, answer.Code)
		}
	}
}

// TestEveryCookie: no cookie of the console is sent along by other sites' forms, or read by scripts.
func TestEveryCookie(t *testing.T) {
	b, _, secret := setUp(t)
	seen := map[string]bool{}
	look := func(answer *httptest.ResponseRecorder) {
		for _, c := range answer.Result().Cookies() {
			seen[c.Name] = true
			if c.SameSite != http.SameSiteLaxMode || !c.HttpOnly || c.Path != "/" || c.Domain != "" || len(c.Name)+len(c.Value) > 4096 {
				t.Errorf("%+v", c)
			}
		}
	}
	look(b.do(http.MethodPost, "/setup/"+secret, url.Values{"name": {"ann"}, "password": {anns}, "again": {anns}}))
	look(b.do(http.MethodGet, "/?lang=ko&theme=dark", nil))
	look(b.do(http.MethodGet, "/services?mesh=sample_app", nil))
	look(b.do(http.MethodPost, "/signout", url.Values{}))
	for _, name := range []string{"weir_session", "weir_lang", "weir_theme", "weir_mesh"} {
		if !seen[name] {
			t.Errorf("no cookie %s in %v", name, seen)
		}
	}
}
