package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestAwayDatabase: whoever cannot be recognised for now is told so, in their language, rather than sent to sign in; what they
// sent is kept, and what needs nobody is there all the same.
func TestAwayDatabase(t *testing.T) {
	w := newWorld()
	w.house = newHouse(t)
	b := open(t, w)
	css, known := b.get("/signin", http.StatusOK).Find("link[rel=stylesheet]").Attr("href")
	if !known {
		t.Fatal("no style")
	}
	asked := w.recognised.Load()
	if answer := b.do(http.MethodGet, css, nil); answer.Code != http.StatusOK || w.recognised.Load() != asked {
		t.Errorf("an asset asks who wants it: %d", answer.Code)
	}
	w = newWorld()
	w.grants = "away"
	b = open(t, w)
	for lang, words := range map[string]string{"en": "Weir cannot reach its database", "ko": "데이터베이스에 연결할 수 없습니다"} {
		b.cookies["weir_lang"] = lang
		for _, address := range []string{"/services", "/", "/history?fragment=list"} {
			answer := b.do(http.MethodGet, address, nil)
			if answer.Code != http.StatusServiceUnavailable || answer.Header().Get("Retry-After") == "" || answer.Header().Get("Location") != "" {
				t.Errorf("%s: %d to %q, Retry-After %q", address, answer.Code, answer.Header().Get("Location"), answer.Header().Get("Retry-After"))
			}
			if body := answer.Body.String(); !strings.Contains(address, "fragment") && (!strings.Contains(body, words) || !strings.Contains(body, "12:00") || strings.Contains(body, "sample_app")) {
				t.Errorf("%s in %s does not say what, since when, or says more:\n%s", address, lang, body)
			}
		}
	}
	b.cookies["weir_lang"] = "en"
	doc := b.post("/services/reviews/traffic", url.Values{"degradedErrors": {"2.5"}}, http.StatusServiceUnavailable)
	if doc.Find("[data-testid=failure] input[name=degradedErrors][value='2.5']").Length() != 1 {
		t.Error("what was sent is lost")
	}
}

// TestStrangersFormsAreSmall: whoever is nobody sends a name and a password, not eight megabytes.
func TestStrangersFormsAreSmall(t *testing.T) {
	b, _ := inhabited(t)
	for _, address := range []string{"/signin", "/setup/x", "/invite/x"} {
		answer := b.do(http.MethodPost, address, url.Values{"name": {strings.Repeat("x", 64<<10)}})
		if answer.Code != http.StatusRequestEntityTooLarge {
			t.Errorf("%s takes 64 kB: %d", address, answer.Code)
		}
	}
}
