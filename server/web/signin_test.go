package web_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/auth"
	"github.com/weirmesh/weir/server/auth/people"
	"github.com/weirmesh/weir/server/gate"
	"github.com/weirmesh/weir/server/store"
	"github.com/weirmesh/weir/server/web"
)

// The passwords of the tests.
const (
	anns = "rain in the valley at noon"
	kims = "a weir holds the river"
)

// house is the sample's people: ann, who manages Weir, and others whom a test adds.
type house struct {
	*people.People
	gate *gate.Gate
}

func newHouse(t *testing.T) *house {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	now := noon()
	p, err := people.New(people.Options{Store: s, Logger: slog.New(slog.DiscardHandler), Key: make([]byte, 32), Now: func() time.Time { return now }})
	if err != nil {
		t.Fatal(err)
	}
	return &house{p, gate.New(gate.Options{Sessions: p.Sessions, Tokens: p.Tokens, Still: p.Still})}
}

func (h *house) admission() *web.Admission {
	return &web.Admission{
		Entrance: h.Directory, People: h.Directory, Standing: h.Directory, Sessions: h.Sessions, Tokens: h.Tokens,
		Keep: h.gate.Keep, Encrypted: h.gate.Encrypted,
	}
}

func (h *house) asks(c *gin.Context) {
	ctx, err := h.gate.Identify(c.Request)
	if err != nil {
		ctx = auth.Without(ctx, err)
	}
	c.Request = c.Request.WithContext(ctx)
}

// setUp gives a console with people, and the secret of its setup link.
func setUp(t *testing.T) (*browser, *house, string) {
	t.Helper()
	w := newWorld()
	w.house = newHouse(t)
	link, made, err := w.house.Directory.Setup(t.Context())
	if err != nil || !made {
		t.Fatal(made, err)
	}
	return open(t, w), w.house, link.Secret
}

// inhabited is setUp with ann signed in, and the means to sign in somebody else.
func inhabited(t *testing.T) (*browser, *house) {
	t.Helper()
	b, h, secret := setUp(t)
	answer := b.do(http.MethodPost, "/setup/"+secret, url.Values{"name": {"ann"}, "password": {anns}, "again": {anns}})
	if answer.Code != http.StatusSeeOther || answer.Header().Get("Location") != "/" {
		t.Fatalf("setting up: %d %s", answer.Code, answer.Body)
	}
	return b, h
}

func (b *browser) signIn(name, pass, next string) (code int, to string) {
	b.t.Helper()
	answer := b.do(http.MethodPost, "/signin", url.Values{"name": {name}, "password": {pass}, "next": {next}})
	return answer.Code, answer.Header().Get("Location")
}

// TestSignIn goes in and out by a password, as a browser without script does.
func TestSignIn(t *testing.T) {
	b, _ := inhabited(t)
	if doc := b.get("/", http.StatusOK); !strings.Contains(text(doc.Find("[data-testid=reader]")), "ann") {
		t.Error("the shell does not say who is signed in")
	}
	if answer := b.do(http.MethodGet, "/signin?next=%2Fservices", nil); answer.Header().Get("Location") != "/services" {
		t.Errorf("whoever is signed in is asked again: %d", answer.Code)
	}
	for range 2 { // the second click is no error
		if answer := b.do(http.MethodPost, "/signout", url.Values{}); answer.Code != http.StatusSeeOther || answer.Header().Get("Location") != "/signin" {
			t.Fatalf("signing out: %d", answer.Code)
		}
	}
	if answer := b.do(http.MethodGet, "/services", nil); answer.Header().Get("Location") != "/signin?next=%2Fservices" {
		t.Errorf("after signing out: %d to %s", answer.Code, answer.Header().Get("Location"))
	}
	wrong := b.post("/signin", url.Values{"name": {"ann"}, "password": {kims}, "next": {"/services"}}, http.StatusUnauthorized)
	unknown := b.post("/signin", url.Values{"name": {"nobody"}, "password": {kims}}, http.StatusUnauthorized)
	if said := text(wrong.Find("[role=alert]")); said == "" || said != text(unknown.Find("[role=alert]")) {
		t.Errorf("a wrong password says %q, an unknown name %q", said, text(unknown.Find("[role=alert]")))
	}
	if wrong.Find("input[name=name]").AttrOr("value", "") != "ann" || wrong.Find("input[name=next]").AttrOr("value", "") != "/services" {
		t.Error("what was entered is lost")
	}
	if html, _ := wrong.Html(); strings.Contains(html, kims) || strings.Contains(html, "sample_app") {
		t.Error("the page shows the password or a mesh to nobody")
	}
	if code, to := b.signIn("ANN", anns, "/services?q=rat"); code != http.StatusSeeOther || to != "/services?q=rat" {
		t.Errorf("signing in: %d to %s", code, to)
	}
}

// TestSignInNext keeps a link to sign in from leading elsewhere.
func TestSignInNext(t *testing.T) {
	b, _ := inhabited(t)
	for next, want := range map[string]string{
		"": "/", "/config?view=drift": "/config?view=drift", "https://elsewhere.example/": "/", "//elsewhere.example": "/", `/\elsewhere.example`: "/",
		`\\elsewhere.example`: "/", "javascript:alert(1)": "/", "/%2F/elsewhere.example": "/", "//": "/", "/signin?next=/": "/", "services": "/", "/\t/elsewhere.example": "/",
		"/services/%E2%98%83": "/services/%E2%98%83", "/api/v1/meshes": "/", "/config/route/reviews%2Fx": "/config/route/reviews%2Fx",
	} {
		if code, to := b.signIn("ann", anns, next); code != http.StatusSeeOther || to != want {
			t.Errorf("next %q: %d to %q, want %q", next, code, to, want)
		}
	}
}

// TestSetup makes the first administrator once, and says of a link that is not good any more that it is not.
func TestSetup(t *testing.T) {
	b, _, secret := setUp(t)
	if doc := b.get("/signin", http.StatusOK); doc.Find("[data-testid=nobody]").Length() != 1 {
		t.Error("nothing says that there is nobody yet")
	}
	b.get("/setup/"+secret, http.StatusOK)
	for field, form := range map[string]url.Values{
		"again": {"name": {"ann"}, "password": {anns}, "again": {kims}}, "password": {"name": {"ann"}, "password": {"short"}, "again": {"short"}},
		"name": {"name": {"a b"}, "password": {anns}, "again": {anns}},
	} {
		doc := b.post("/setup/"+secret, form, http.StatusUnprocessableEntity)
		if doc.Find("#"+field+"-error").Length() != 1 || doc.Find("#"+field).AttrOr("aria-invalid", "") != "true" {
			t.Errorf("%s: the reason does not stand beside its field", field)
		}
	}
	good := url.Values{"name": {"ann"}, "password": {anns}, "again": {anns}}
	if answer := b.do(http.MethodPost, "/setup/"+secret, good); answer.Code != http.StatusSeeOther {
		t.Fatal(answer.Code)
	}
	for _, address := range []string{"/setup/" + secret, "/setup/unknown", "/invite/unknown"} {
		if b.get(address, http.StatusNotFound).Find("[data-testid=link-over]").Length() != 1 {
			t.Errorf("%s does not say that the link is over", address)
		}
		if doc := b.post(address, good, map[bool]int{true: http.StatusNotFound, false: http.StatusUnauthorized}[strings.HasPrefix(address, "/invite")]); doc.Find("[data-testid=link-over]").Length() != 1 {
			t.Errorf("%s takes a form", address)
		}
	}
}

// TestPeople adds somebody, who comes in by the link, and changes what they may do.
func TestPeople(t *testing.T) {
	b, h := inhabited(t)
	add := url.Values{"do": {"add"}, "name": {"kim"}, "role": {"viewer", ""}, "mesh": {"", ""}, "object": {"", ""}}
	link := text(b.post("/people", add, http.StatusCreated).Find("[data-testid=invite-link] pre"))
	address, err := url.Parse(link)
	if err != nil || !strings.HasPrefix(address.Path, "/invite/") || address.Host == "" {
		t.Fatalf("the link is %q", link)
	}
	b.post("/people", add, http.StatusConflict)
	b.post("/people", url.Values{"do": {"add"}, "name": {"lee"}, "role": {""}, "mesh": {"shop"}, "object": {""}}, http.StatusUnprocessableEntity)
	if doc := b.post("/people", url.Values{"do": {"row"}, "name": {"lee"}, "role": {"viewer"}, "mesh": {""}, "object": {""}}, http.StatusOK); doc.Find(".grant-row").Length() != 2 {
		t.Error("there is no other row")
	}
	kim, err := h.Directory.Named(t.Context(), "kim")
	if err != nil {
		t.Fatal(err)
	}
	other := &browser{t: t, site: b.site, cookies: map[string]string{"weir_lang": "en"}}
	if doc := other.get(address.Path, http.StatusOK); doc.Find("input[readonly]").AttrOr("value", "") != "kim" {
		t.Error("the invitation does not say whom it is for")
	}
	if answer := other.do(http.MethodPost, address.Path, url.Values{"password": {kims}, "again": {kims}}); answer.Code != http.StatusSeeOther {
		t.Fatalf("accepting: %d %s", answer.Code, answer.Body)
	}
	doc := other.get("/services/reviews/traffic", http.StatusOK)
	if doc.Find("#refusal").Length() != 1 || doc.Find("fieldset[disabled]").Length() == 0 {
		t.Error("a viewer is not told that they may change nothing")
	}
	other.get("/people", http.StatusForbidden)
	nobody := &browser{t: t, site: b.site, cookies: map[string]string{}}
	for _, address := range []string{"/people", "/people/" + kim.ID} {
		other.post(address, add, http.StatusForbidden)
		nobody.post(address, add, http.StatusUnauthorized)
	}
	for _, address := range []string{"/account/password", "/account/sessions", "/account/tokens"} {
		if doc := nobody.post(address, url.Values{"password": {kims}}, http.StatusUnauthorized); strings.Contains(text(doc.Find("body")), kims) || doc.Find("[data-testid=signin]").Length() != 1 {
			t.Errorf("%s: nobody is not shown the way in", address)
		}
	}
	if doc.Find("a[href^='/people']").Length() != 0 {
		t.Error("the way to people is shown to whoever may not go it")
	}
	page := "/people/" + kim.ID
	version := b.get(page, http.StatusOK).Find("input[name=version]").AttrOr("value", "")
	grants := url.Values{"do": {"grants"}, "version": {version}, "role": {"viewer", "operator"}, "mesh": {"", "sample_*"}, "object": {"", "reviews*"}}
	if answer := b.do(http.MethodPost, page, grants); answer.Code != http.StatusSeeOther {
		t.Fatalf("grants: %d %s", answer.Code, answer.Body)
	}
	if doc := b.post(page, grants, http.StatusConflict); doc.Find("#grants-error").Length() != 1 {
		t.Error("a form that is older than the person overwrites them")
	}
	if answer := b.do(http.MethodPost, page, url.Values{"do": {"disable"}}); answer.Code != http.StatusSeeOther {
		t.Fatal(answer.Code)
	}
	if answer := other.do(http.MethodGet, "/services", nil); answer.Code != http.StatusSeeOther {
		t.Errorf("whoever is disabled still sees: %d", answer.Code)
	}
	if answer := b.do(http.MethodPost, page, url.Values{"do": {"remove"}}); answer.Header().Get("Location") != "/people?done=removed" {
		t.Fatal(answer.Code)
	}
	b.get(page, http.StatusNotFound)
	ann, err := h.Directory.Named(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	for _, do := range []string{"grants", "disable", "remove"} {
		form := url.Values{"do": {do}, "version": {"0"}, "role": {"viewer"}, "mesh": {""}, "object": {""}}
		if doc := b.post("/people/"+ann.ID, form, http.StatusConflict); !strings.Contains(text(doc.Find("#"+do+"-error")), "Nobody else") {
			t.Errorf("%s of the last administrator: %s", do, text(doc.Find("[role=alert]")))
		}
	}
}

// TestAccount changes a password, ends a session, and makes a token and revokes it.
func TestAccount(t *testing.T) {
	b, h := inhabited(t)
	other := &browser{t: t, site: b.site, cookies: map[string]string{"weir_lang": "en"}}
	other.signIn("ann", anns, "/")
	doc := b.get("/account", http.StatusOK)
	if n := doc.Find("[data-testid=sessions] li").Length(); n != 2 {
		t.Errorf("%d sessions are listed", n)
	}
	session := doc.Find("input[name=session]").AttrOr("value", "")
	for range 2 {
		if answer := b.do(http.MethodPost, "/account/sessions", url.Values{"session": {session}}); answer.Code != http.StatusSeeOther {
			t.Fatal(answer.Code)
		}
	}
	if answer := other.do(http.MethodGet, "/account", nil); answer.Code != http.StatusSeeOther {
		t.Errorf("a session that was ended goes on: %d", answer.Code)
	}
	for field, form := range map[string]url.Values{
		"present": {"present": {kims}, "password": {kims}, "again": {kims}}, "again": {"present": {anns}, "password": {kims}, "again": {"x"}},
		"password": {"present": {anns}, "password": {"x"}, "again": {"x"}},
	} {
		answer := b.do(http.MethodPost, "/account/password", form)
		if doc := b.read(answer, "/account/password", answer.Code); answer.Code < 400 || doc.Find("#"+field+"-error").Length() != 1 {
			t.Errorf("%s: %d without a reason at its field", field, answer.Code)
		}
	}
	if answer := b.do(http.MethodPost, "/account/password", url.Values{"present": {anns}, "password": {kims}, "again": {kims}}); answer.Code != http.StatusSeeOther {
		t.Fatalf("changing the password: %d %s", answer.Code, answer.Body)
	}
	b.get("/account?done=password", http.StatusOK)
	mint := url.Values{"do": {"mint"}, "name": {"<img onerror>"}, "days": {"7"}, "role": {"operator"}, "mesh": {"sample_app"}, "object": {""}}
	secret := text(b.post("/account/tokens", mint, http.StatusCreated).Find("[data-testid=secret] pre"))
	who, err := h.Tokens.Identify(t.Context(), secret)
	if err != nil || who.Can(auth.Govern, auth.Resource{Mesh: "sample_app"}) == nil || who.Can(auth.Steer, auth.Resource{Mesh: "sample_app"}) != nil {
		t.Errorf("the token is of %+v, %v", who, err)
	}
	for _, days := range []string{"0", "366", "x", "-1", "99999999999999999999"} {
		mint.Set("days", days)
		b.post("/account/tokens", mint, http.StatusUnprocessableEntity)
	}
	doc = b.get("/account", http.StatusOK)
	if html, _ := doc.Html(); strings.Contains(html, secret) {
		t.Error("the secret is shown again")
	}
	id := doc.Find("input[name=token]").AttrOr("value", "")
	if answer := b.do(http.MethodPost, "/account/tokens", url.Values{"do": {"revoke"}, "token": {id}}); answer.Code != http.StatusSeeOther {
		t.Fatal(answer.Code)
	}
	if _, err := h.Tokens.Identify(t.Context(), secret); err == nil {
		t.Error("a token that was revoked counts")
	}
}

// TestNoSignIn has none of these pages where everybody may come in.
func TestNoSignIn(t *testing.T) {
	b := open(t, newWorld())
	for _, address := range []string{"/signin", "/account", "/people", "/setup/x", "/invite/x"} {
		b.get(address, http.StatusNotFound)
	}
	if doc := b.get("/", http.StatusOK); doc.Find("[data-testid=reader], form[action='/signout']").Length() != 0 {
		t.Error("a console without sign-in shows who is signed in")
	}
}

// TestGoldenPeople holds the words of the pages of sign-in in both languages, and what holds on every page.
func TestGoldenPeople(t *testing.T) {
	b, h, secret := setUp(t)
	nobody := &browser{t: t, site: b.site, cookies: map[string]string{}}
	docs := map[string]*goquery.Document{}
	look := func(b *browser, name, address string, want int) {
		for _, lang := range []string{"en", "ko"} {
			docs[name+"."+lang] = b.in(lang).get(address, want)
		}
	}
	look(nobody, "setup", "/setup/"+secret, http.StatusOK)
	look(nobody, "signin_first", "/signin", http.StatusOK)
	b.do(http.MethodPost, "/setup/"+secret, url.Values{"name": {"ann"}, "password": {anns}, "again": {anns}})
	look(nobody, "setup_over", "/setup/"+secret, http.StatusNotFound)
	look(nobody, "signin", "/signin?next=%2Fservices", http.StatusOK)
	ann, err := h.Directory.Named(t.Context(), "ann")
	if err != nil {
		t.Fatal(err)
	}
	as := auth.With(t.Context(), ann.Identity())
	kim, link, err := h.Directory.Add(as, "kim", []auth.Grant{{Role: auth.Operator, Mesh: "shop-*"}, {Role: auth.Viewer}, {Role: auth.Admin, Mesh: "shop", Name: "reviews*"}})
	if err != nil {
		t.Fatal(err)
	}
	token, err := h.Tokens.Mint(as, people.Wish{Name: "deploy pipeline", Grants: []auth.Grant{{Role: auth.Operator, Mesh: "shop"}}})
	if err != nil {
		t.Fatal(err)
	}
	look(nobody, "invite", "/invite/"+link.Secret, http.StatusOK)
	look(b, "account", "/account", http.StatusOK)
	look(b, "people", "/people", http.StatusOK)
	look(b, "person", "/people/"+kim.ID, http.StatusOK)
	for name, doc := range docs {
		raw, err := doc.Html()
		if err != nil {
			t.Fatal(err)
		}
		lang := name[len(name)-2:]
		for _, complaint := range complaints(doc, raw, lang) {
			if gate := doc.Find("body.gate").Length() == 1; !gate || complaint != "no navigation" && complaint != "no freshness" {
				t.Errorf("%s: %s", name, complaint)
			}
		}
		got := strings.ReplaceAll(outline(doc), token.ID, "TOKEN")
		file := filepath.Join("testdata", name+".txt")
		if *update {
			if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
			t.Errorf("%s says something else (go test -update ./server/web):\n%s", name, diff)
		}
	}
}
