package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/change"
)

// TestWaiting looks at the notice of a change that waits to be kept, on pages of every kind, and keeps it from one.
func TestWaiting(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	for _, address := range []string{"/", "/topology", "/services/reviews/traffic?route=primary", "/settings", "/history", "/canaries/new", "/topology?at=2026-11-22T11:53:00Z"} {
		notice := b.get(address, http.StatusOK).Find(id("waiting"))
		if said := text(notice); !strings.HasPrefix(said, "1 change reverts unless kept reviews/primary: reviews-v2 5 % → 25 % in 0:48 at 12:00:48 UTC") {
			t.Errorf("%s says %q", address, said)
		}
		if notice.Closest("main").Length() > 0 || notice.Closest("[role=status]").Length() != 1 {
			t.Errorf("%s: the notice is not a status outside of the page's content", address)
		}
	}
	if missing := b.get("/nothing/here", http.StatusNotFound); missing.Find(id("waiting")).Length() != 1 {
		t.Error("a page that is not there says nothing of it")
	}
	own := b.get("/history/chg-041", http.StatusOK)
	if said := text(own.Find(id("waiting"))); said != "" {
		t.Errorf("the change's own page says it twice: %q", said)
	}
	src, _ := own.Find("body > weir-refresh").Attr("src")
	if said := text(b.get(src, http.StatusOK).Find("body")); said != "" {
		t.Errorf("a second later, its own page says %q", said)
	}
	if part := b.get("/services?fragment=services", http.StatusOK); part.Find(id("waiting")).Length() > 0 {
		t.Error("a part of a page carries the notice")
	}
	if to := b.do(http.MethodGet, "/waiting", nil).Header().Get("Location"); to != "/history?state=pending" {
		t.Errorf("without script the notice's address leads to %q", to)
	}
	action, form := submit(t, b.get("/services", http.StatusOK).Find(id("waiting-keep")), map[string]string{"do": "confirm"})
	if to := b.do(http.MethodPost, action, form).Header().Get("Location"); to != "/history/chg-041" || w.changes[0].State != change.Kept {
		t.Errorf("keeping led to %q, and the change is %s", to, w.changes[0].State)
	}
	if said := text(b.get("/", http.StatusOK).Find(id("waiting"))); said != "" {
		t.Errorf("nothing waits any more, and the page says %q", said)
	}
}

// TestWaitingSeveral names the next three of seven, each with the way to it; which one is kept is chosen there.
func TestWaitingSeveral(t *testing.T) {
	doc := open(t, waiting()).get("/services", http.StatusOK)
	notice := doc.Find(id("waiting"))
	if said := text(notice); !strings.HasPrefix(said, "7 changes revert unless kept") || !strings.HasSuffix(said, "and 4 more") {
		t.Errorf("it says %q", said)
	}
	var ways []string
	notice.Find("li a").Each(func(_ int, a *goquery.Selection) { ways = append(ways, a.AttrOr("href", "")) })
	if got := strings.Join(ways, " "); got != "/history/chg-041 /history/chg-050 /history/chg-051 /history?state=pending" {
		t.Errorf("it leads to %s", got)
	}
	if notice.Find("form").Length() > 0 {
		t.Error("one of several is kept without being looked at")
	}
}

// TestWaitingForbidden shows the notice to whoever may not keep anything, with the reason.
func TestWaitingForbidden(t *testing.T) {
	doc := open(t, forbidden()).get("/services", http.StatusOK)
	button := doc.Find(id("waiting-keep") + " button")
	if _, disabled := button.Attr("disabled"); !disabled || button.AttrOr("aria-describedby", "") != "refusal" {
		t.Error("who may not change anything may keep")
	}
}
