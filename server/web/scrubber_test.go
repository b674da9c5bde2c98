package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/mesh"
)

const incident = "/topology?at=2026-11-22T11:53:00Z"

// TestPast looks at a moment without script: it cannot be taken for the present, and nothing can be changed from there.
func TestPast(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get(incident, http.StatusOK)
	if got := text(doc.Find(id("past-banner"))); got != "You are looking at 11:53:00 UTC, 7 min ago Back to live" {
		t.Errorf("the banner says %q", got)
	}
	if doc.Find(id("past-banner")+"[hidden]").Length() > 0 || doc.Find("html[data-past]").Length() != 1 {
		t.Error("the page looks like the present")
	}
	if got := text(doc.Find(id("freshness"))); got != "not live" || doc.Find("weir-live[past]").Length() != 1 {
		t.Errorf("freshness says %q, and the socket is opened", got)
	}
	doc.Find("main a, main form").Each(func(_ int, s *goquery.Selection) {
		to := s.AttrOr("href", s.AttrOr("action", ""))
		if strings.HasPrefix(to, "/services/") || strings.HasPrefix(to, "/proxies") || s.AttrOr("method", "get") == "post" {
			t.Errorf("something of the present is offered in the past: %s", to)
		}
	})
	if live, _ := doc.Find(id("back-to-live")).Attr("href"); live != "/topology" {
		t.Errorf("back to live leads to %s", live)
	}
	doc.Find(id("path") + " .path-way a").Each(func(_ int, s *goquery.Selection) {
		if !strings.Contains(s.AttrOr("href", ""), "at=2026-11-22T11%3A53%3A00Z") {
			t.Errorf("%s leaves the moment: %s", text(s), s.AttrOr("href", ""))
		}
	})
	if row := text(doc.Find(id("path")).First()); !strings.HasPrefix(row, "failing") || !strings.Contains(row, "reviews-v2 → ratings") {
		t.Errorf("the first problem of the incident is %q", row)
	}
	well := b.get("/topology?at=2026-11-22T11:49:00Z", http.StatusOK)
	if bad := well.Find(id("path") + "[data-health=unhealthy]").Length(); bad != 0 {
		t.Errorf("%d calls fail before the incident", bad)
	}
}

// TestPresent is a page about the present where a history is kept: it says nothing of the past and asks for no film.
func TestPresent(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	doc := b.get("/topology", http.StatusOK)
	if doc.Find(id("past-banner")+"[hidden]").Length() != 1 || doc.Find("html[data-past]").Length() > 0 || doc.Find("weir-live[past]").Length() > 0 {
		t.Error("the present looks like the past")
	}
	if doc.Find("[data-waiting]").Length() != 1 || w.past.asked != 0 {
		t.Errorf("the first paint waits for a film (%d asked)", w.past.asked)
	}
	if show := doc.Find("noscript").Text(); !strings.Contains(show, `href="/topology?span=15m"`) {
		t.Errorf("without script there is no way to the strip: %s", show)
	}
	strip := b.get("/topology?fragment=strip", http.StatusOK)
	if frames := strip.Find("[data-strip] a[data-at]").Length(); frames != 90 || w.past.asked != 1 {
		t.Errorf("%d frames of %d films, want 90 of 1", frames, w.past.asked)
	}
	b.get("/topology?fragment=strip", http.StatusOK)
	b.get("/topology?span=15m", http.StatusOK)
	if w.past.asked != 1 {
		t.Errorf("three viewers of one strip asked for %d films", w.past.asked)
	}
	b.get("/topology?fragment=head", http.StatusOK)
	if w.past.asked != 1 {
		t.Error("the heading asks for a film")
	}
	w.past = nil
	if none := open(t, w).get("/topology", http.StatusOK); none.Find("weir-scrubber, [data-past-banner]").Length() > 0 {
		t.Error("a scrubber where no history is kept")
	}
	open(t, w).get(incident, http.StatusServiceUnavailable)
}

// TestSteps follows the steps of the scrubber from moment to moment.
func TestSteps(t *testing.T) {
	b := open(t, newWorld())
	for _, c := range []struct{ at, step, want string }{
		{"11:53:00Z", "previous", "11:52:50Z"},
		{"11:53:00Z", "next", "11:53:10Z"},
		{"11:53:00Z", "earlier", "11:50:00Z"},
		{"11:53:00Z", "later", "11:59:20Z"},
		{"11:50:00Z", "earlier", ""},
		{"12:00:00Z", "next", "now"},
		{"12:00:00Z", "later", ""},
		{"11:53:04Z", "next", "11:53:10Z"},
	} {
		doc := b.get("/topology?at=2026-11-22T"+c.at+"&view=table", http.StatusOK)
		link := doc.Find(`[data-step="` + c.step + `"]`)
		to, err := url.Parse(link.AttrOr("href", ""))
		if err != nil {
			t.Fatal(err)
		}
		got := strings.TrimPrefix(to.Query().Get("at"), "2026-11-22T")
		if _, off := link.Attr("aria-disabled"); off {
			if c.want != "" {
				t.Errorf("%s from %s leads nowhere, want %s", c.step, c.at, c.want)
			}
			continue
		}
		if got == "" {
			got = "now"
		}
		if got != c.want || to.Query().Get("view") != "table" {
			t.Errorf("%s from %s leads to %s, want %s with the table", c.step, c.at, to, c.want)
		}
	}
}

// TestSpans looks at how far strips reach: from now as long as the moment allows, else around it.
func TestSpans(t *testing.T) {
	b := open(t, newWorld())
	for _, c := range []struct{ query, span, from, to string }{
		{"at=2026-11-22T11:53:00Z", "15m", "2026-11-22T11:45:10Z", "2026-11-22T12:00:00Z"},
		{"at=2026-11-22T11:30:00Z", "1h", "2026-11-22T11:00:30Z", "2026-11-22T12:00:00Z"},
		{"at=2026-11-22T07:00:00Z", "6h", "2026-11-22T06:03:00Z", "2026-11-22T12:00:00Z"},
		{"at=2026-11-21T13:00:00Z", "24h", "2026-11-21T12:12:00Z", "2026-11-22T12:00:00Z"},
		{"at=2026-11-20T09:00:00Z", "1h", "2026-11-20T08:30:30Z", "2026-11-20T09:30:00Z"},
		{"at=2026-11-22T11:30:00Z&span=15m", "15m", "2026-11-22T11:22:40Z", "2026-11-22T11:37:30Z"},
		{"span=24h", "24h", "2026-11-21T12:12:00Z", "2026-11-22T12:00:00Z"},
		{"span=forever", "15m", "2026-11-22T11:45:10Z", "2026-11-22T12:00:00Z"},
	} {
		doc := b.read(b.do(http.MethodGet, "/topology?"+c.query, nil), c.query, statusAt(c.query))
		frames := doc.Find("[data-strip] a[data-at]")
		if got := doc.Find("weir-scrubber").AttrOr("span", ""); got != c.span {
			t.Errorf("%s: the strip spans %s, want %s", c.query, got, c.span)
		}
		if from, to := frames.First().AttrOr("data-at", ""), frames.Last().AttrOr("data-at", ""); from != c.from || to != c.to {
			t.Errorf("%s: from %s to %s, want %s to %s", c.query, from, to, c.from, c.to)
		}
	}
}

// statusAt is 404 for moments before the world's history begins.
func statusAt(query string) int {
	values, _ := url.ParseQuery(query)
	at, err := time.Parse(time.RFC3339, values.Get("at"))
	if err == nil && at.Before(began()) {
		return http.StatusNotFound
	}
	return http.StatusOK
}

// TestMoments reads moments as people and browsers write them, and refuses what is none.
func TestMoments(t *testing.T) {
	b := open(t, newWorld())
	for asked, want := range map[string]string{
		"2026-11-22T11:53":          "/topology?at=2026-11-22T11%3A53%3A00Z&hops=1",
		"2026-11-22T11:53:07":       "/topology?at=2026-11-22T11%3A53%3A07Z&hops=1",
		"2026-11-22T20:53:00+09:00": "/topology?at=2026-11-22T11%3A53%3A00Z&hops=1",
		"-7m":                       "/topology?at=2026-11-22T11%3A53%3A00Z&hops=1",
		"now":                       "/topology?hops=1",
	} {
		answer := b.do(http.MethodGet, "/topology?hops=1&at="+url.QueryEscape(asked), nil)
		if to := answer.Header().Get("Location"); answer.Code != http.StatusSeeOther || to != want {
			t.Errorf("%s: %d to %s, want %s", asked, answer.Code, to, want)
		}
	}
	for _, query := range []string{"at=yesterday", "at=2026-13-40T00:00:00Z", "at=2026-11-22T12:01:00Z", "at=2026-11-22T11:53:00Z&window=soon", "at=2026-11-22T11:53:00Z&window=24h"} {
		doc := b.get("/topology?"+query, http.StatusUnprocessableEntity)
		if detail := text(doc.Find(".failure-detail")); detail == "" {
			t.Errorf("%s is refused without a word", query)
		}
	}
}

// TestPastFails shows what can be shown when the history cannot be read.
func TestPastFails(t *testing.T) {
	w := newWorld()
	w.past.fail = mesh.Errorf(mesh.Unavailable, "the store is compacting: try again in a second")
	b := open(t, w)
	doc := b.get(incident, http.StatusServiceUnavailable)
	for _, part := range []string{"past-problem", "strip-problem", "past-banner", "moment-form"} {
		if doc.Find(id(part)).Length() != 1 {
			t.Errorf("there is no %s", part)
		}
	}
	if words := text(doc.Find("main")); strings.Count(words, "the store is compacting") != 2 || strings.Contains(words, "Nothing is wrong") {
		t.Errorf("the page says %q of a moment that cannot be shown", words)
	}
	w.past.fail, w.past.notes = nil, []string{"thanos: one store did not answer"}
	doc = open(t, w).get(incident, http.StatusOK)
	if doc.Find(id("past-partial")).Length() != 1 || doc.Find(id("partial")).Length() != 1 {
		t.Error("what is partial is not said to be")
	}
}
