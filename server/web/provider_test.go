package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/web"
)

// vouching is an identity provider that lets in whom a test says. The real one is in server/auth/oidc and in ui/e2e.
type vouching struct {
	house *house
	fail  error
	next  string
}

func (*vouching) Label() string     { return "Example <ID>" }
func (*vouching) Origins() []string { return []string{"https://id.example"} }

func (v *vouching) Begin(ctx context.Context, next string) (string, people.Cookie, error) {
	v.next = next
	cookie, err := v.house.Sessions.Put(ctx, "begun", "1")
	if v.fail != nil {
		err = v.fail
	}
	return "https://id.example/authorize?state=x", cookie, err
}

func (v *vouching) Finish(ctx context.Context, query url.Values) (people.Person, people.Cookie, string, error) {
	if v.fail != nil {
		return people.Person{}, people.Cookie{}, v.next, v.fail
	}
	who, err := v.house.Directory.Recognise(ctx, people.Claim{Issuer: "https://id.example", Subject: query.Get("code"), Name: "ada", Grants: []auth.Grant{{Role: auth.Viewer}}})
	if err != nil {
		return who, people.Cookie{}, v.next, err
	}
	cookie, err := v.house.Sessions.Start(ctx, who)
	return who, cookie, v.next, err
}

func (v *vouching) Logout(ctx context.Context) (string, people.Cookie, error) {
	cookie, err := v.house.Sessions.End(ctx)
	return "https://id.example/logout", cookie, err
}

// TestSignInByProvider goes in and out through an identity provider; what goes wrong on the way stands on the page to sign
// in, from where it can be tried again.
func TestSignInByProvider(t *testing.T) {
	w := newWorld()
	w.house = newHouse(t)
	v := &vouching{house: w.house}
	w.provider = v
	b := open(t, w)
	doc := b.get("/signin?next=%2Fservices%3Fq%3D1", http.StatusOK)
	button := doc.Find(id("provider"))
	if text(button) != "Sign in with Example <ID>" || button.AttrOr("href", "") != "/signin/oidc?next=%2Fservices%3Fq%3D1" {
		t.Errorf("the button says %q and leads to %q", text(button), button.AttrOr("href", ""))
	}
	v.fail = mesh.Errorf(mesh.Unavailable, "the identity provider does not answer: try again in a moment")
	doc = b.get("/signin/oidc?next=%2Fservices", http.StatusServiceUnavailable)
	if got := text(doc.Find(id("provider-error"))); got != v.fail.Error() || doc.Find(id("provider")).AttrOr("href", "") != "/signin/oidc?next=%2Fservices" {
		t.Errorf("the page says %q", got)
	}
	v.fail = nil
	answer := b.do(http.MethodGet, "/signin/oidc?next=%2F%2Fevil.example", nil)
	if answer.Code != http.StatusSeeOther || answer.Header().Get("Location") != "https://id.example/authorize?state=x" || v.next != "/" {
		t.Errorf("%d to %s, and then to %s", answer.Code, answer.Header().Get("Location"), v.next)
	}
	if policy := answer.Header().Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https://id.example;") {
		t.Errorf("forms may not lead to the provider: %s", policy)
	}
	v.fail, v.next = mesh.Errorf(mesh.Denied, "oidc: ada, none of your groups may use Weir"), "/services"
	doc = b.get("/signin/oidc/callback?code=1", http.StatusForbidden)
	if got := text(doc.Find(id("provider-error"))); got != v.fail.Error() {
		t.Errorf("the page says %q", got)
	}
	v.fail = nil
	if answer = b.do(http.MethodGet, "/signin/oidc/callback?code=1", nil); answer.Code != http.StatusSeeOther || answer.Header().Get("Location") != "/services" {
		t.Fatalf("%d to %s", answer.Code, answer.Header().Get("Location"))
	}
	if got := text(b.get("/services", http.StatusOK).Find(id("reader"))); !strings.Contains(got, "ada") {
		t.Errorf("signed in as %q", got)
	}
	if answer = b.do(http.MethodPost, "/signout", url.Values{}); answer.Header().Get("Location") != "https://id.example/logout" {
		t.Errorf("signed out to %s", answer.Header().Get("Location"))
	}
	if answer = b.do(http.MethodGet, "/services", nil); answer.Code != http.StatusSeeOther {
		t.Errorf("after signing out: %d", answer.Code)
	}
}

var _ web.Provider = (*vouching)(nil)
