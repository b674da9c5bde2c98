package web_test

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/ui/i18n"
)

// happened is what happened in the sample mesh in its last hours, newest first.
func happened() []journal.Event {
	route := mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}.Path()
	rollout := map[string]string{"canary": "reviews-v2", "target": "reviews/primary", "weight": "25"}
	list := []journal.Event{
		{Kind: journal.KindHealth, Subject: "service/ratings", Severity: journal.Problem, What: "health.unhealthy", With: map[string]string{"name": "ratings"}, Detail: "pool overflow: 12 requests/s find no room"},
		{Kind: journal.KindHealth, Subject: "reviews-v2 → ratings", Severity: journal.Warning, What: "health.flapping", With: map[string]string{"name": "reviews-v2 → ratings", "from": "reviews-v2", "to": "ratings"}},
		{Kind: journal.KindRejected, Subject: "cart-1", Severity: journal.Problem, What: "rejected.proxy", With: map[string]string{"name": "cart-1", "node": "cart"}, Detail: "Error adding/updating listener(s) egress: unknown cluster 'x'", Proxy: "cart-1"},
		{Kind: journal.KindRollout, Subject: route, Severity: journal.Problem, What: "rollout.aborted", With: rollout, Detail: "canary is worse than stable: 9.8 % of requests failed", Rollout: "0w", Change: "chg-041"},
		{Kind: journal.KindVerdict, Subject: route, Severity: journal.Problem, What: "verdict.failed", With: rollout, Rollout: "0w"},
		{Kind: journal.KindRollout, Subject: route, Severity: journal.Info, What: "rollout.step", With: rollout, Rollout: "0w"},
		{Kind: journal.KindGuard, Subject: route, Severity: journal.Warning, What: "guard.overridden", With: map[string]string{"author": "min", "summary": "reviews/primary: reviews-v2 5 % → 25 %"}, Detail: "the old version leaks", Change: "chg-040"},
		{Kind: journal.KindChange, Subject: route, Severity: journal.Info, What: "change.made", With: map[string]string{"author": "min", "summary": "reviews/primary: reviews-v2 5 % → 25 %"}, Change: "chg-040"},
		{Kind: journal.KindProxy, Severity: journal.Warning, What: "proxy.left.many", With: map[string]string{"count": "5000", "names": "cart-1, cart-2, cart-3 …"}},
		{Kind: journal.KindWebhook, Subject: "chat", Severity: journal.Warning, What: "webhook.failing", With: map[string]string{"name": "chat"}, Detail: "webhook chat answered 503 Service Unavailable"},
	}
	for i := range list {
		e := &list[i]
		e.ID, e.At, e.Mesh = int64(100-i), noon().Add(-time.Duration(i*i)*20*time.Second), "sample_app"
		e.Text = journal.Sentence(e.What, e.With)
		e.With = maps.Clone(e.With)
	}
	return list
}

func (w *world) Events(_ context.Context, q journal.Query) ([]journal.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return nil, w.fail
	}
	var found []journal.Event
	for _, e := range w.told {
		if q.Matches(e) && len(found) < q.Limit {
			found = append(found, e)
		}
	}
	return found, nil
}

// TestSentencesOfEventsAreInTheCatalogue holds the English catalogue against the sentences that the journal writes.
func TestSentencesOfEventsAreInTheCatalogue(t *testing.T) {
	catalogue, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range []i18n.Locale{catalogue.Locale(i18n.English), catalogue.Locale(i18n.Korean)} {
		for what, sentence := range journal.Sentences() {
			if !l.Has("journal." + what) {
				t.Errorf("%s has no words for %s", l.Lang, what)
			}
			if got := l.T("journal." + what); l.Lang == i18n.English && got != sentence {
				t.Errorf("%s is %q, and the journal writes %q", what, got, sentence)
			}
		}
	}
}

func TestEventsLeadToWhatTheyAreAbout(t *testing.T) {
	doc := open(t, newWorld()).get("/events", http.StatusOK)
	for text, href := range map[string]string{
		"ratings is failing": "/services/ratings", "reviews-v2 → ratings goes to and fro": "/topology?select=reviews-v2+ratings&view=problems",
		"proxy cart-1 refused": "/proxies/cart-1", "the rollout of reviews-v2 on reviews/primary was aborted": "/canaries/0w",
		"min: reviews/primary": "/history/chg-040", "5000 proxies left": "/proxies",
	} {
		found := doc.Find(id("happening") + " a.change-summary").FilterFunction(func(_ int, s *goquery.Selection) bool { return strings.HasPrefix(s.Text(), text) })
		if got := found.AttrOr("href", "none"); got != href {
			t.Errorf("%q leads to %s, want %s", text, got, href)
		}
	}
}

func TestEventsAreFilteredAndTurned(t *testing.T) {
	w := newWorld()
	for i := range 150 {
		w.told = append(w.told, journal.Event{ID: int64(90 - i + 500), At: noon(), Mesh: "sample_app", Kind: journal.KindProxy, Severity: journal.Info, What: "proxy.came", With: map[string]string{"name": fmt.Sprint("p", i)}})
	}
	w.told = w.told[10:]
	b := open(t, w)
	seen, at := 0, "/events?kind=proxy"
	for range 5 {
		doc := b.get(at, http.StatusOK)
		seen += doc.Find(id("happening")).Length()
		next, more := doc.Find(id("older")).Attr("href")
		if !more {
			break
		}
		at = next
	}
	if seen != 150 {
		t.Errorf("%d of 150 events were turned over", seen)
	}
	if got := b.get("/events?kind=proxy&subject=x", http.StatusOK).Find(id("journal-none")).Length(); got != 1 {
		t.Error("nothing is not said")
	}
	doc := b.get("/events?kind=guard", http.StatusOK)
	if got := doc.Find("[data-source]").Text(); got != "weir events --follow --mesh sample_app --kind guard" {
		t.Errorf("the command is %q", got)
	}
	for address, want := range map[string]string{"/events?kind=chnage": "one of change, approval, rollout", "/events?before=x": "the number of an event", "/events?before=-1": "the number"} {
		if got := b.get(address, http.StatusUnprocessableEntity).Find(id("journal-problem")).Text(); !strings.Contains(got, want) {
			t.Errorf("%s says %q", address, got)
		}
	}
	w = newWorld()
	w.told = nil
	if open(t, w).get("/events", http.StatusOK).Find(id("journal-off")).Length() != 1 {
		t.Error("a server without events does not say so")
	}
}

func TestAServiceTellsItsRolloutsAndHealth(t *testing.T) {
	doc := open(t, newWorld()).get("/services/reviews/events", http.StatusOK)
	var kinds []string
	doc.Find(id("event")).Each(func(_ int, s *goquery.Selection) { kinds = append(kinds, s.AttrOr("data-kind", "")) })
	for _, kind := range []string{"rollout", "verdict", "guard", "change"} {
		if !slices.Contains(kinds, kind) {
			t.Errorf("no %s among %v", kind, kinds)
		}
	}
	if strings.Contains(doc.Find(id("events")).Text(), "ratings is failing") {
		t.Error("another service's health is told")
	}
	if !strings.Contains(open(t, newWorld()).get("/services/ratings/events", http.StatusOK).Find(id("events")).Text(), "ratings is failing") {
		t.Error("the service's own health is not told")
	}
}
