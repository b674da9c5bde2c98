package web_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"
	"github.com/gin-gonic/gin"
)

// TestLinksAreSafe: whatever objects are called, an address on a page is one of the console's own, or of https.
func TestLinksAreSafe(t *testing.T) {
	links := 0
	for name, make := range worlds() {
		b := open(t, make())
		for _, at := range pages() {
			answer := b.do(http.MethodGet, at, nil)
			doc, err := goquery.NewDocumentFromReader(answer.Body)
			if err != nil {
				t.Fatal(err)
			}
			for _, attr := range []string{"href", "src", "action", "formaction"} {
				for _, s := range doc.Find("[" + attr + "]").EachIter() {
					links++
					to, err := url.Parse(s.AttrOr(attr, ""))
					if err != nil || to.Scheme != "" && to.Scheme != "https" || to.Scheme == "" && to.Host != "" {
						t.Errorf("%s: %s leads to %q (%v)", name, at, s.AttrOr(attr, ""), err)
					} else if _, err := url.ParseQuery(to.RawQuery); err != nil {
						t.Errorf("%s: %s leads to %q: %v", name, at, s.AttrOr(attr, ""), err)
					}
				}
			}
		}
	}
	if links < 1000 {
		t.Errorf("only %d links were looked at", links)
	}
}

// TestReadsChangeNothing reads every address of the console and the API as somebody who may do everything, with all that a
// form would say in the address.
func TestReadsChangeNothing(t *testing.T) {
	w := newWorld()
	engine, ok := serve(w).(*gin.Engine)
	if !ok {
		t.Fatal("the console is served by something else")
	}
	w.grants = "admin"
	before, asked := len(w.changes), 0
	for _, r := range engine.Routes() {
		if r.Method != http.MethodGet || strings.HasSuffix(r.Path, "/live") || strings.HasSuffix(r.Path, "/stream") {
			continue
		}
		path := strings.NewReplacer(":parent", "reviews", ":id", "chg-041", ":name", "reviews", ":mesh", "sample_app", "*file", "weir.css").Replace(r.Path)
		for _, do := range []string{"undo", "confirm", "apply", "delete", "save", "abort"} {
			form := url.Values{"do": {do}, "_method": {"DELETE"}, "mesh": {"sample_app"}, "version": {"1"}, "reason": {"x"}, "text": {"kind: node\nname: extra\n"}}
			request := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost"+path+"?"+form.Encode(), nil)
			request.Header.Set("X-HTTP-Method-Override", "DELETE")
			engine.ServeHTTP(httptest.NewRecorder(), request)
			asked++
		}
	}
	if asked < 100 || len(w.changes) != before {
		t.Errorf("%d reads made %d changes", asked, len(w.changes)-before)
	}
}

// TestDecodedOnce: what is encoded twice is another name, in paths, in queries and in forms.
func TestDecodedOnce(t *testing.T) {
	b := open(t, newWorld())
	for at, want := range map[string]int{
		"/services/%72eviews": http.StatusOK, "/services/%2572eviews": http.StatusNotFound,
		"/services?mesh=sample%5Fapp": http.StatusOK, "/services?mesh=sample%255Fapp": http.StatusNotFound,
		"/assets/%2e%2e%2fweir.css": http.StatusNotFound, "/assets/%252e%252e%252fweir.css": http.StatusNotFound,
	} {
		if got := b.do(http.MethodGet, at, nil).Code; got != want {
			t.Errorf("%s: %d, want %d", at, got, want)
		}
	}
	form := url.Values{"router": {"%72eviews"}, "route": {"primary"}}
	b.post("/services/reviews/traffic", form, http.StatusNotFound)
}
