package web_test

import (
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/web"
)

func TestHeaders(t *testing.T) {
	b := open(t, newWorld())
	for _, address := range []string{"/", "/services/reviews", "/nothing", "/history/chg-041?fragment=truths"} {
		h := b.do(http.MethodGet, address, nil).Header()
		for _, want := range []string{
			"default-src 'none'", "script-src 'self'", "worker-src 'self'", "trusted-types weir", "style-src 'self'", "img-src 'self' data:", "font-src 'self'", "connect-src 'self'",
			"base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'", "require-trusted-types-for 'script'",
		} {
			if !strings.Contains(h.Get("Content-Security-Policy"), want) {
				t.Errorf("%s: the policy lacks %s", address, want)
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: headers %v", address, h)
		}
	}
}

func TestAssets(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get("/", http.StatusOK)
	style := doc.Find("link[rel=stylesheet]").AttrOr("href", "")
	answer := b.do(http.MethodGet, style, nil)
	if answer.Code != http.StatusOK || !strings.Contains(answer.Header().Get("Cache-Control"), "immutable") || !strings.Contains(answer.Body.String(), "--health-degraded") {
		t.Errorf("%s answers %d, %v", style, answer.Code, answer.Header())
	}
	if answer := b.do(http.MethodGet, "/favicon.ico", nil); answer.Code != http.StatusFound {
		t.Errorf("the icon answers %d", answer.Code)
	}
	if answer := b.do(http.MethodHead, "/services", nil); answer.Code != http.StatusOK {
		t.Errorf("HEAD answers %d", answer.Code)
	}
}

func TestPreferences(t *testing.T) {
	b := open(t, newWorld())
	answer := b.do(http.MethodGet, "/topology?view=table&lang=ko&theme=dark", nil)
	if answer.Code != http.StatusSeeOther || answer.Header().Get("Location") != "/topology?view=table" {
		t.Fatalf("answers %d to %s", answer.Code, answer.Header().Get("Location"))
	}
	doc := b.get("/topology?view=table", http.StatusOK)
	if doc.Find("html").AttrOr("lang", "") != "ko" || doc.Find("html").AttrOr("data-theme", "") != "dark" {
		t.Error("the choice was forgotten")
	}
	b.do(http.MethodGet, "/?lang=xx&theme=<b>", nil)
	if b.cookies["weir_lang"] != "ko" || b.cookies["weir_theme"] != "dark" {
		t.Errorf("nonsense was remembered: %v", b.cookies)
	}
	if to := b.do(http.MethodGet, "//evil.example/x?lang=en", nil).Header().Get("Location"); strings.HasPrefix(to, "//") {
		t.Errorf("leads to another host: %s", to)
	}
	delete(b.cookies, "weir_lang")
	b.cookies["weir_lang"] = "tlh"
	if got := b.get("/", http.StatusOK).Find("html").AttrOr("lang", ""); got != "en" {
		t.Errorf("an unknown language gives %q", got)
	}
}

func TestMeshPicker(t *testing.T) {
	b := open(t, worlds()["two"]())
	doc := b.get("/services?mesh=sample_app", http.StatusOK)
	if got := doc.Find(id("mesh-picker") + " a").Length(); got != 2 {
		t.Errorf("%d meshes to choose from, want 2", got)
	}
	if got := doc.Find(id("service")+" a").First().AttrOr("href", ""); !strings.Contains(got, "mesh=sample_app") {
		t.Errorf("a link lost its mesh: %s", got)
	}
	if got := text(b.get("/services", http.StatusOK).Find(id("mesh-picker") + " summary")); got != "sample_app" {
		t.Errorf("the mesh was forgotten: %q", got)
	}
	b.get("/?mesh=nothing", http.StatusNotFound)
	b.get("/?mesh=billing", http.StatusOK)
	if to := b.do(http.MethodGet, "/history/chg-041", nil).Header().Get("Location"); to != "/history/chg-041?mesh=sample_app" {
		t.Errorf("a change of another mesh leads to %q", to)
	}
}

func TestFragments(t *testing.T) {
	b := open(t, newWorld())
	for address, inside := range map[string]string{
		"/?fragment=overview": "verdict", "/services?fragment=services": "services", "/services/reviews?fragment=summary": "summary",
		"/services/reviews?fragment=versions": "versions", "/services/ratings/pool?fragment=pool-ratings-8080": "pool-use",
		"/proxies?fragment=proxies": "refused", "/proxies/checkout-1?fragment=proxy": "nack", "/history?fragment=history": "history",
		"/history/chg-041?fragment=truths": "truths",
	} {
		answer := b.do(http.MethodGet, address, nil)
		body := answer.Body.String()
		if answer.Code != http.StatusOK || strings.Contains(body, "<html") || strings.Contains(body, "weir-live") {
			t.Errorf("%s answers %d with more than the fragment", address, answer.Code)
		}
		if !strings.Contains(body, `data-testid="`+inside+`"`) {
			t.Errorf("%s lacks %s", address, inside)
		}
	}
	if code := b.do(http.MethodGet, "/services?fragment=nothing", nil).Code; code != http.StatusNotFound {
		t.Errorf("an unknown fragment answers %d", code)
	}
	settled := b.get("/history/chg-039?fragment=truths", http.StatusOK)
	waiting := b.get("/history/chg-041?fragment=truths", http.StatusOK)
	if settled.Find("[data-done]").Length() != 1 || waiting.Find("[data-done]").Length() != 0 {
		t.Error("data-done does not say when there is nothing more to wait for")
	}
}

func TestFailures(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	w.fail = errors.New("disk on fire at /secret")
	doc := b.get("/history", http.StatusInternalServerError)
	if words := text(doc.Find("main")); strings.Contains(words, "fire") || !strings.Contains(words, "Weir made a mistake") {
		t.Errorf("Weir's own fault is shown as %q", words)
	}
	w.changes[0].Accepted = nil
	w.fail = nil
	b.get("/history", http.StatusOK)
	api := b.do(http.MethodGet, "/api/v1/nothing", nil)
	if api.Code != http.StatusNotFound || !strings.Contains(api.Header().Get("Content-Type"), "problem+json") {
		t.Errorf("the API's missing addresses answer %d %s", api.Code, api.Header().Get("Content-Type"))
	}
	w.graphs = nil
	b.post("/history/chg-041", url.Values{"do": {"confirm"}}, http.StatusSeeOther)
}

func TestPanic(t *testing.T) {
	w := newWorld()
	b := &browser{t: t, site: serveWith(w, panicking{w}), cookies: map[string]string{"weir_lang": "en"}}
	answer := b.do(http.MethodGet, "/proxies", nil)
	if answer.Code != http.StatusInternalServerError || strings.Contains(answer.Body.String(), "cheese") {
		t.Errorf("a panic answers %d: %.300s", answer.Code, answer.Body)
	}
}

// panicking is a world that breaks in the middle of a page.
type panicking struct{ *world }

func (panicking) Proxies(string) []provider.Proxy { panic("out of cheese") }

// The door is what the console is wired to.
var (
	_ web.Meshes   = (*change.Door)(nil)
	_ web.Changes  = (*change.Door)(nil)
	_ web.Verdicts = (*change.Door)(nil)
)

func TestStale(t *testing.T) {
	for lang, want := range map[string]string{"en": "These numbers are 13 s old and not live", "ko": "13초"} {
		doc := open(t, worlds()["stale"]()).in(lang).get("/", http.StatusOK)
		banner := doc.Find(id("banner") + ":not([hidden])")
		if !strings.Contains(text(banner), want) {
			t.Errorf("%s: stale numbers are shown under %q", lang, text(banner))
		}
	}
	silent := newWorld()
	silent.graphs["sample_app"] = graph.Graph{Mesh: "sample_app", At: noon()}
	doc := open(t, silent).get("/", http.StatusOK)
	if got := text(doc.Find(id("banner") + ":not([hidden])")); got != "There are no numbers: no proxy of this mesh is reporting any." {
		t.Errorf("where nobody reports, the banner says %q", got)
	}
	if got := text(doc.Find(id("freshness"))); got != "no numbers yet" {
		t.Errorf("where nobody reports, the age is %q", got)
	}
	if open(t, newWorld()).get("/", http.StatusOK).Find(id("banner")+"[hidden]").Length() != 1 {
		t.Error("fresh numbers are shown under a banner")
	}
}

func TestEmptyStates(t *testing.T) {
	for world, want := range map[string]string{"none": "weir apply -f", "noproxies": "weir bootstrap --mesh sample_app", "notraffic": "no call was seen"} {
		if got := text(open(t, worlds()[world]()).get("/", http.StatusOK).Find("main")); !strings.Contains(got, want) {
			t.Errorf("%s: the overview does not say %q: %s", world, want, got)
		}
	}
}
