package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
)

// first is the first result of a query, its words and where it leads.
func first(b *browser, query, from string) (*goquery.Selection, string) {
	b.t.Helper()
	address := "/go?fragment=results&" + url.Values{"q": {query}, "from": {from}}.Encode()
	result := b.get(address, http.StatusOK).Find("[data-result]").First()
	return result, result.AttrOr("href", result.Closest("form").AttrOr("action", ""))
}

func TestGoFinds(t *testing.T) {
	b := open(t, newWorld())
	for query, want := range map[string]string{
		"reviews": "/services/reviews", "rat": "/services/ratings", "ingress": "/topology?focus=gateway%2Fingress&view=focus", "checkout-1": "/proxies/checkout-1",
		"chg-041": "/history/chg-041", "maxPending": "/history/chg-036", "primary": "/services/reviews/traffic", "table": "/topology?view=table", "표": "/topology?view=table",
		"tv": "/tv", "yaml": "/config", "config ingress/shop": "/config/gateway-route/ingress/shop", "sources": "/sources", "theme dark": "/services?q=x&theme=dark", "high contrast": "/services?q=x&theme=contrast", "한국어": "/services?lang=ko&q=x",
		"compare 15 min": "/compare?from=2026-11-22T11%3A45%3A00Z&to=now", "비교 2시간": "/compare?from=2026-11-22T10%3A00%3A00Z&to=now",
		"undo": "/history/chg-041", "undo ratings": "/history/chg-038", "되돌리기": "/history/chg-041", "focus checkout": "/topology?focus=service%2Fcheckout&view=focus",
		"hide catalog": "/topology?hide=service%2Fcatalog", "catalog hide": "/topology?hide=service%2Fcatalog", "pool ratings": "/services/ratings/pool",
	} {
		if result, to := first(b, query, "/services?q=x"); to != want {
			t.Errorf("%q leads to %q (%s), want %s", query, to, text(result), want)
		}
	}
	if _, to := first(b, "hide cart", "/topology?view=table&hide=service%2Fcatalog"); to != "/topology?hide=service%2Fcatalog&hide=service%2Fcart&view=table" {
		t.Errorf("what was hidden before is lost: %s", to)
	}
	for _, from := range []string{"//evil.example/x", `\\evil.example`, "https://evil.example", "javascript:alert(1)", "%zz"} {
		if _, to := first(b, "theme dark", from); !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.HasPrefix(to, `/\`) {
			t.Errorf("from %s the theme leads to another host: %s", from, to)
		}
	}
	for _, query := range []string{"nothing-of-that-name", "reviews-v2 101", "reviews-v2 -5", "compare 0 min", "\x00", strings.Repeat("x", 5000)} {
		doc := b.get("/go?"+url.Values{"q": {query}}.Encode(), http.StatusOK)
		if doc.Find("[data-result]").Length() > 0 && query != "compare 0 min" {
			t.Errorf("%.40q finds %s", query, text(doc.Find("[data-result]")))
		}
	}
}

// TestGoLeadsToReview sends the forms of results as a browser does: each ends on a review with what was typed.
func TestGoLeadsToReview(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	for query, want := range map[string]string{
		"reviews-v2 40": "40 %", "v2 40%": "40 %", "send 40 % reviews-v2": "", "weight reviews-v2 40": "40 %", "pool ratings 200": "200", "풀 ratings 대기 60": "60",
		"timeout reviews primary 1500ms": "1.5",
	} {
		result, _ := first(b, query, "/")
		if want == "" {
			continue
		}
		action, form := submit(t, result.Closest("form"), nil)
		doc := b.post(action, form, http.StatusOK)
		if got := text(doc.Find(id("review"))); !strings.Contains(got, want) {
			t.Errorf("%q leads to a review that does not say %s: %s", query, want, got)
		}
		if len(w.changes) != len(history()) {
			t.Fatalf("%q has applied something", query)
		}
		// What was posted is posted again for another language: nothing is lost.
		to := doc.Find(id("looks")+` button[formaction*="lang=ko"]`).AttrOr("formaction", "")
		_, form = submit(t, doc.Find("form"+id("apply-form")), nil)
		if again := b.post(to, form, http.StatusOK); again.Find("html").AttrOr("lang", "") != "ko" || !strings.Contains(text(again.Find(id("review"))), strings.Fields(want)[0]) {
			t.Errorf("%q: in Korean the review has lost what was typed", query)
		}
		b.in("en")
	}
}

func TestGoAtHand(t *testing.T) {
	b := open(t, newWorld())
	results := b.get("/go", http.StatusOK).Find("[data-result]")
	if got := text(results.First()); !strings.Contains(got, "ratings") {
		t.Errorf("before anything is typed, the first is not what fails: %s", got)
	}
	if results.Length() > 20 {
		t.Errorf("%d results", results.Length())
	}
	if got := open(t, worlds()["none"]()).get("/go?q=overview", http.StatusOK).Find("[data-result]").Length(); got == 0 {
		t.Error("without a mesh no page is found")
	}
	if got := open(t, broken()).get("/go?q=ratings", http.StatusOK).Find("[data-result]").Length(); got == 0 {
		t.Error("without a ledger nothing is found")
	}
}

func TestForbidden(t *testing.T) {
	w := forbidden()
	b := open(t, w)
	doc := b.get("/services/reviews/traffic", http.StatusOK)
	if got := text(doc.Find(id("refusal"))); !strings.Contains(got, "ask an administrator for that role") {
		t.Errorf("the page does not say why nothing can be changed: %q", got)
	}
	for address, form := range map[string]url.Values{
		"/services/reviews/traffic":       {"router": {"reviews"}, "route": {"primary"}, "version": {"3"}, "weight.reviews-v1": {"60"}, "weight.reviews-v2": {"40"}},
		"/services/reviews/traffic/apply": {"router": {"reviews"}, "reason": {"at 3 a.m."}}, "/services/ratings/pool": {}, "/settings/apply": {}, "/history/chg-041": {"do": {"undo"}},
	} {
		doc := b.post(address, form, http.StatusForbidden)
		if got := text(doc.Find(id("failure"))); !strings.Contains(got, "ask an administrator for that role") {
			t.Errorf("%s does not say why: %s", address, got)
		}
		if reason := form.Get("reason"); reason != "" && !strings.Contains(text(doc.Find(id("typed"))), reason) {
			t.Errorf("%s has lost what was typed", address)
		}
		if got := doc.Find(id("back")).AttrOr("href", ""); got != strings.TrimSuffix(address, "/apply") {
			t.Errorf("%s leads back to %q", address, got)
		}
	}
	if len(w.changes) != len(history()) || w.changes[0].State != history()[0].State {
		t.Error("something was changed all the same")
	}
	if result, to := first(b, "reviews-v2 40", "/"); result.Closest("form").Length() != 0 || to != "/services/reviews/traffic" {
		t.Errorf("the palette offers what is forbidden: %s", to)
	}
}

func TestFailuresSayWhatToDo(t *testing.T) {
	b := open(t, newWorld())
	for address, want := range map[string]string{"/services/reviws": "reviews", "/proxies/chekout-1": "checkout-1", "/nothing/ratings": "ratings"} {
		if got := text(b.get(address, http.StatusNotFound).Find(id("suggestions"))); !strings.Contains(got, want) {
			t.Errorf("%s suggests %q, want %s among it", address, got, want)
		}
	}
	big := url.Values{"reason": {strings.Repeat("x", 9<<20)}}
	if got := text(b.post("/services/reviews/traffic", big, http.StatusRequestEntityTooLarge).Find("h1")); got != "That is too much" {
		t.Errorf("a form of nine megabytes is answered with %q", got)
	}
	if got := b.get("/proxies/nobody", http.StatusNotFound).Find(id("again")).Length(); got != 0 {
		t.Error("what is not there can be tried again")
	}
	if got := open(t, broken()).get("/history?before=x", http.StatusInternalServerError).Find(id("again")).AttrOr("href", ""); got != "/history?before=x" {
		t.Errorf("trying again leads to %q", got)
	}
}

func TestChoicesOnPostedPages(t *testing.T) {
	b := open(t, newWorld())
	answer := b.do(http.MethodPost, "/settings?lang=ko&theme=contrast", url.Values{})
	doc, err := goquery.NewDocumentFromReader(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	if doc.Find("html").AttrOr("lang", "") != "ko" || doc.Find("html").AttrOr("data-theme", "") != "contrast" {
		t.Error("what was posted is not answered as chosen")
	}
	if b.cookies["weir_lang"] != "ko" || b.cookies["weir_theme"] != "contrast" {
		t.Error("the choice was forgotten")
	}
	b.do(http.MethodGet, "/?theme=system", nil)
	if got := b.get("/", http.StatusOK).Find("html").AttrOr("data-theme", ""); got != "" {
		t.Errorf("the system's theme is %q", got)
	}
}
