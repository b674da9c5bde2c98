package web_test

import (
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/store"
)

// withDrafts is the sample with a real store for what people begin.
func withDrafts(t *testing.T) *world {
	t.Helper()
	s, err := store.Open(t.Context(), store.Options{Dir: t.TempDir(), Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	w := newWorld()
	w.drafts = s
	return w
}

// another is a second person, or a second browser, at the same console.
func (b *browser) another(t *testing.T) *browser {
	t.Helper()
	return &browser{t: t, site: b.site, cookies: map[string]string{"weir_lang": "en"}}
}

const weights = "/services/reviews/traffic?route=primary"

func (b *browser) keepWeights(share string) string {
	b.t.Helper()
	action, form := submit(b.t, b.get(weights, http.StatusOK).Find(id("weights-form")), map[string]string{"weight.reviews-v2": share})
	answer := b.do(http.MethodPost, action+"/draft", form)
	if answer.Code != http.StatusSeeOther {
		b.t.Fatalf("keeping a draft answers %d: %s", answer.Code, answer.Body)
	}
	return answer.Header().Get("Location")
}

func TestDraftIsFilledInAgain(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	to := b.keepWeights("40")
	if to != "/services/reviews/traffic?route=primary#traffic" {
		t.Errorf("keeping a draft leads to %s", to)
	}
	if cookie := b.cookies["weir_person"]; len(cookie) != 26 {
		t.Errorf("the browser got the name %q", cookie)
	}
	doc := b.get(weights, http.StatusOK)
	if got := text(doc.Find(id("split") + " " + id("began"))); !strings.Contains(got, "You began this edit: since 12:00:00 UTC, last touched just now.") || !strings.Contains(got, "Discard") {
		t.Errorf("nobody says that an edit was begun: %q", got)
	}
	if got := doc.Find("#weight-reviews-primary-reviews-v2").AttrOr("value", ""); got != "40" {
		t.Errorf("the draft is not filled in: %q", got)
	}
	if got := doc.Find("input[name='was.reviews-v2']").AttrOr("value", ""); got != "25" {
		t.Errorf("what is in force became %q", got)
	}
	// Others see that somebody is at it, and not what.
	other := b.another(t).get(weights, http.StatusOK)
	if got := text(other.Find(id("others"))); !strings.Contains(got, "jiyoung has been editing this too (weights, since 12:00:00 UTC, last touched at 12:00:00 UTC)") {
		t.Errorf("others see %q", got)
	}
	if other.Find(id("began")).Length() != 0 || other.Find("#weight-reviews-primary-reviews-v2").AttrOr("value", "") != "25" {
		t.Error("somebody else's draft is filled in")
	}
	action, form := submit(t, other.Find(id("weights-form")), map[string]string{"weight.reviews-v2": "50"})
	if got := text(b.another(t).post(action, form, http.StatusOK).Find(id("others"))); !strings.Contains(got, "jiyoung") {
		t.Errorf("the review does not say that somebody else is at it: %q", got)
	}
}

func TestDraftEnds(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	b.keepWeights("40")
	form := b.get(weights, http.StatusOK).Find(id("weights-form"))
	action, values := submit(t, form, map[string]string{"do": "discard"})
	b.do(http.MethodPost, action+"/draft", values)
	if b.get(weights, http.StatusOK).Find(id("began")).Length() != 0 {
		t.Error("a draft that was discarded is still there")
	}
	b.keepWeights("40")
	action, values = submit(t, b.get(weights, http.StatusOK).Find(id("weights-form")), nil)
	review := b.post(action, values, http.StatusOK)
	action, values = submit(t, review.Find(id("apply-form")), nil)
	if answer := b.do(http.MethodPost, action, values); answer.Code != http.StatusSeeOther {
		t.Fatalf("apply answers %d", answer.Code)
	}
	if weightsOf(w) != [2]int{60, 40} {
		t.Errorf("the weights are %v", weightsOf(w))
	}
	if doc := b.get(weights, http.StatusOK); doc.Find(id("began")).Length() != 0 {
		t.Error("a draft that was applied is still there")
	}
	// The button pressed twice makes one change.
	before := len(w.changes)
	if answer := b.do(http.MethodPost, action, values); answer.Code != http.StatusSeeOther || len(w.changes) != before {
		t.Errorf("pressed again, apply answers %d and there are %d changes more", answer.Code, len(w.changes)-before)
	}
}

// TestLostSession ends somebody's session between the form and the review; with their name, the draft is back.
func TestLostSession(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	action, form := submit(t, b.get(weights, http.StatusOK).Find(id("weights-form")), map[string]string{"weight.reviews-v2": "40"})
	b.post(action, form, http.StatusOK) // the review keeps it
	person := b.cookies["weir_person"]
	delete(b.cookies, "weir_person")
	if b.get(weights, http.StatusOK).Find(id("began")).Length() != 0 {
		t.Fatal("nobody's draft is shown")
	}
	b.cookies["weir_person"] = person
	doc := b.get(weights, http.StatusOK)
	if doc.Find(id("began")).Length() != 1 || doc.Find("#weight-reviews-primary-reviews-v1").AttrOr("value", "") != "60" {
		t.Error("the draft is not back")
	}
}

func TestTwoWindows(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	page := b.get(weights, http.StatusOK)
	action, first := submit(t, page.Find(id("weights-form")), map[string]string{"weight.reviews-v2": "40"})
	_, second := submit(t, b.get(weights, http.StatusOK).Find(id("weights-form")), map[string]string{"weight.reviews-v2": "90"})
	draft := action + "/draft?fragment=state"
	if answer := b.do(http.MethodPost, draft, first); answer.Code != http.StatusOK || !strings.Contains(answer.Body.String(), "Draft kept at 12:00:00 UTC") {
		t.Fatalf("answers %d: %s", answer.Code, answer.Body)
	}
	if answer := b.do(http.MethodPost, draft, second); answer.Code != http.StatusConflict || !strings.Contains(answer.Body.String(), "another window") {
		t.Errorf("the second window destroyed the first one's draft: %d %s", answer.Code, answer.Body)
	}
	b.post(action+"/draft", second, http.StatusConflict) // and without script
	review := b.post(action, second, http.StatusOK)
	if got := text(review.Find(id("overtaken"))); !strings.Contains(got, "another window") {
		t.Errorf("the review says nothing of the other window: %q", got)
	}
	first.Set("weight.reviews-v2", "45")
	if answer := b.do(http.MethodPost, draft, first); answer.Code != http.StatusOK {
		t.Errorf("the first window cannot go on: %d", answer.Code)
	}
	if got := b.get(weights, http.StatusOK).Find("#weight-reviews-primary-reviews-v2").AttrOr("value", ""); got != "45" {
		t.Errorf("the draft became %q", got)
	}
}

func TestDraftOvertakenByAChange(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	b.keepWeights("40")
	current, _ := w.Mesh("sample_app")
	other := current.Mesh.Routes[1]
	other.Targets = []mesh.WeightedTarget{{Node: "reviews-v1", Weight: 90}, {Node: "reviews-v2", Weight: 10}}
	if _, err := w.Propose(t.Context(), change.Proposal{Mesh: "sample_app", Author: "min", Patch: mesh.Patch{Put: []mesh.Object{other}}}); err != nil {
		t.Fatal(err)
	}
	doc := b.get(weights, http.StatusOK)
	if got := text(doc.Find(id("began"))); !strings.Contains(got, "has changed since") {
		t.Errorf("the form says %q", got)
	}
	action, form := submit(t, doc.Find(id("weights-form")), nil)
	conflict := b.post(action, form, http.StatusPreconditionFailed)
	if got := text(conflict.Find(id("conflict-row")).Eq(1)); got != "reviews-v2 25 10 40" {
		t.Errorf("read, now and draft are %q", got)
	}
	action, form = submit(t, conflict.Find(id("redraft-form")), nil)
	if got := text(b.post(action, form, http.StatusOK).Find(id("sentence")).First()); !strings.Contains(got, "reviews-v2 10 % → 40 %") {
		t.Errorf("the draft became %q", got)
	}
}

// TestReviewInAnotherLanguage follows the switch of languages on every review.
func TestReviewInAnotherLanguage(t *testing.T) {
	w := withDrafts(t)
	for _, c := range []struct{ page, form, field, value, want string }{
		{weights, "weights-form", "weight.reviews-v2", "40", "40"},
		{"/services/ratings/pool", "pool-form", "maxConnections", "60", "60"},
		{weights, "timeout-form", "perRequest", "3s", "3s"},
		{"/services/ratings/pool", "outlier-form", "on", "1", "30s"},
		{weights, "order-form", "order.0.route", "primary", "primary"},
		{"/services/reviews/health", "limits-form", "degradedErrors", "3", "3"},
		{"/settings", "limits-form", "degradedErrors", "3", "3"},
	} {
		b := open(t, w)
		action, form := submit(t, b.get(c.page, http.StatusOK).Find(id(c.form)).First(), map[string]string{c.field: c.value})
		if c.field == "order.0.route" {
			form.Set("order.1.route", "beta")
		}
		review := b.post(action, form, http.StatusOK)
		korean := review.Find("a[href*='lang=ko']").First().AttrOr("href", "")
		answer := b.do(http.MethodGet, korean, nil)
		doc := b.get(answer.Header().Get("Location"), http.StatusOK)
		if doc.Find("html").AttrOr("lang", "") != "ko" || doc.Find(id("review")).Length() != 1 || !strings.Contains(text(doc.Find(id("sentence"))), c.want) {
			t.Errorf("%s: after %s there is %q", c.form, korean, text(doc.Find("main")))
			continue
		}
		apply, values := submit(t, doc.Find(id("apply-form")), nil)
		if answer := b.do(http.MethodPost, apply, values); answer.Code != http.StatusSeeOther {
			t.Errorf("%s: apply answers %d", c.form, answer.Code)
		}
	}
	b := open(t, w)
	for _, address := range []string{"/services/reviews/traffic/apply", "/services/reviews/traffic/apply?draft=weights&object=reviews/primary", "/settings/apply?draft=limits&object=x"} {
		if answer := b.do(http.MethodGet, address, nil); answer.Code != http.StatusSeeOther || strings.Contains(answer.Header().Get("Location"), "apply") {
			t.Errorf("%s answers %d to %s", address, answer.Code, answer.Header().Get("Location"))
		}
	}
}

func TestBadDrafts(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	for name, c := range map[string]struct {
		form url.Values
		want int
	}{
		"nothing":      {nil, http.StatusNotFound},
		"no route":     {url.Values{"router": {"reviews"}, "route": {"x"}, "version": {"1"}}, http.StatusNotFound},
		"no version":   {url.Values{"router": {"reviews"}, "route": {"primary"}}, http.StatusUnprocessableEntity},
		"a large one":  {url.Values{"router": {"reviews"}, "route": {"primary"}, "version": {"3"}, "reason": {strings.Repeat("x", 70_000)}}, http.StatusUnprocessableEntity},
		"an odd form":  {url.Values{"router": {"reviews"}, "route": {"primary"}, "version": {"3"}, "form": {strings.Repeat("x", 2000)}}, http.StatusUnprocessableEntity},
		"one to drop":  {url.Values{"router": {"reviews"}, "route": {"primary"}, "do": {"discard"}}, http.StatusSeeOther},
		"a whole mesh": {url.Values{"kind": {"mesh"}, "object": {"sample_app"}, "version": {"3"}}, http.StatusSeeOther},
	} {
		if answer := b.do(http.MethodPost, "/services/reviews/traffic/draft", c.form); answer.Code != c.want {
			t.Errorf("%s answers %d, want %d", name, answer.Code, c.want)
		}
	}
	if answer := open(t, newWorld()).do(http.MethodPost, "/services/reviews/traffic/draft", url.Values{"router": {"reviews"}, "route": {"primary"}, "version": {"3"}}); answer.Code != http.StatusServiceUnavailable {
		t.Errorf("a console that keeps none answers %d", answer.Code)
	}
}
