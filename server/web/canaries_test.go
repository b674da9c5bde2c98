package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/canary"
)

// TestStartRollout goes the whole way without script: what, how, review with the forecast, start, once.
func TestStartRollout(t *testing.T) {
	w := newWorld()
	b := open(t, w).in("en")
	traffic := b.get("/services/reviews/traffic?route=primary", http.StatusOK)
	href := traffic.Find(id("roll-out")).AttrOr("href", "")
	if href != "/canaries/new?target=reviews%2Fprimary" {
		t.Fatalf("the route's page leads to %q", href)
	}
	form := b.get(href, http.StatusOK).Find(id("rollout-form"))
	action, values := submit(t, form, map[string]string{"preset": "own", "steps": "30\nanalysis\npause\n20"})
	values.Set("canary", "reviews-v2")
	values.Set("stable", "reviews-v1")
	again := b.post(action, values, http.StatusUnprocessableEntity)
	if got := text(again.Find("#about-steps")); !strings.Contains(got, "goes back") {
		t.Errorf("steps that go back are told so: %q", got)
	}
	for _, wrong := range []struct{ field, typed, says string }{
		{"steps", "30\nsoon", "is not known"},
		{"steps", "", "At least one step"},
		{"alpha", "many", "not a number"},
		{"alpha", "90", "from 1e-06 to 0.2"},
		{"deadline", "-1", "with its unit"},
		{"webhooks", "nowhere", "begins with http"},
	} {
		bad := url.Values{}
		for name := range values {
			bad.Set(name, values.Get(name))
		}
		bad.Set("steps", "30\nanalysis")
		bad.Set(wrong.field, wrong.typed)
		again := b.post(action, bad, http.StatusUnprocessableEntity)
		if got := text(again.Find(id("rollout-form"))); !strings.Contains(got, wrong.says) {
			t.Errorf("%s %q is not told as %q: %s", wrong.field, wrong.typed, wrong.says, got)
		}
	}
	values.Set("steps", "30\nanalysis\npause\n60\nanalysis")
	values.Set("alpha", "2")
	review := b.post(action, values, http.StatusOK)
	for _, says := range []string{"reviews-v2 is rolled out against reviews-v1 on reviews/primary in 5 steps", "at most 2.0 % of healthy canaries"} {
		if got := text(review.Find(id("review"))); !strings.Contains(got, says) {
			t.Errorf("the review does not say %q: %s", says, got)
		}
	}
	if got := text(review.Find(id("forecast")).First()); !strings.Contains(got, "At 30 % this would see a doubling of errors in ≈") {
		t.Errorf("the forecast says %q", got)
	}
	if got := text(review.Find(id("equivalents"))); !strings.Contains(got, "weir canary start reviews/primary --canary reviews-v2 --stable reviews-v1 --steps '30, analysis, pause, 60, analysis' --alpha 0.02 --mesh sample_app") {
		t.Errorf("the equivalents are %s", got)
	}
	apply, sure := submit(t, review.Find(id("apply-form")), map[string]string{"reason": "2.4"})
	first := b.do(http.MethodPost, apply, sure)
	second := b.do(http.MethodPost, apply, sure)
	if first.Code != http.StatusSeeOther || second.Header().Get("Location") != first.Header().Get("Location") {
		t.Errorf("two clicks lead to %d %s and %d %s", first.Code, first.Header().Get("Location"), second.Code, second.Header().Get("Location"))
	}
	begun := b.get(first.Header().Get("Location"), http.StatusOK)
	if got := text(begun.Find(id("why"))); got != "It is about to begin." {
		t.Errorf("the rollout says %q", got)
	}
	if got := text(b.get(href, http.StatusOK).Find(id("held"))); !strings.Contains(got, "holds these weights") {
		t.Errorf("a second rollout is offered: %q", got)
	}
	if got := b.post(action, values, http.StatusConflict); !strings.Contains(text(got.Selection), "holds these weights") {
		t.Errorf("a second rollout is not refused: %s", text(got.Find("main")))
	}
}

// TestSteerRollout presses every button of a rollout under way.
func TestSteerRollout(t *testing.T) {
	w := rolling()
	b := open(t, w).in("en")
	const at = "/canaries/35b0000000"
	page := b.get(at, http.StatusOK)
	if got := text(page.Find(id("why"))); !strings.HasPrefix(got, "Step 2 of 6: reviews-v2 is judged at 25 %.") {
		t.Errorf("it says %q", got)
	}
	if page.Find(id("evidence-plot")).Length() != 1 || page.Find(id("evidence")+" tbody tr").Length() < 20 || page.Find(".whisker").Length() != 6 {
		t.Errorf("the evidence is not drawn: %s", text(page.Find(id("evidence"))))
	}
	disabled := func(verb string) bool {
		_, off := b.get(at, http.StatusOK).Find(`button[value="` + verb + `"]`).Attr("disabled")
		return off
	}
	if disabled("pause") || !disabled("resume") || disabled("abort") || !disabled("retry") {
		t.Error("the buttons are not those that fit")
	}
	press := func(verb, reason string, want int) string {
		action, form := submit(t, b.get(at, http.StatusOK).Find(id("verbs-form")), map[string]string{"reason": reason})
		form.Set("do", verb)
		answer := b.do(http.MethodPost, action, form)
		if answer.Code != want {
			t.Fatalf("%s answers %d: %.500s", verb, answer.Code, answer.Body)
		}
		return answer.Body.String()
	}
	press("pause", "lunch", http.StatusSeeOther)
	if got := text(b.get(at, http.StatusOK).Find(id("why"))); got != "paused by jiyoung: lunch" || disabled("resume") {
		t.Errorf("paused, it says %q", got)
	}
	press("pause", "", http.StatusConflict)
	press("resume", "", http.StatusSeeOther)
	press("explode", "", http.StatusUnprocessableEntity)
	press("abort", strings.Repeat("x", 1001), http.StatusUnprocessableEntity)
	doc, err := goquery.NewDocumentFromReader(strings.NewReader(press("abort", "no good", http.StatusOK)))
	if err != nil {
		t.Fatal(err)
	}
	review := text(doc.Find("main"))
	for _, says := range []string{"Abort the rollout of reviews-v2?", "reviews-v2 25 % → 0 %", "weir canary abort 35b0000000 --reason 'no good'"} {
		if !strings.Contains(review, says) {
			t.Errorf("the review does not say %q", says)
		}
	}
	if got := b.get(at, http.StatusOK).Find(id("phase")); text(got.First()) != "Progressing" {
		t.Errorf("a review has aborted it: %s", text(got))
	}
	sure := url.Values{"do": {"abort"}, "sure": {"1"}, "reason": {"no good"}}
	if answer := b.do(http.MethodPost, at+"?again=1&lang=ko", sure); answer.Code != http.StatusOK {
		t.Errorf("another language answers %d", answer.Code)
	}
	if answer := b.in("en").do(http.MethodPost, at, sure); answer.Code != http.StatusSeeOther {
		t.Errorf("abort answers %d", answer.Code)
	}
	if r, err := w.controller().Get(t.Context(), "35b0000000"); err != nil || r.Phase != canary.Aborted || r.Why != "aborted by jiyoung: no good" {
		t.Errorf("it is %s: %s, %v", r.Phase, r.Why, err)
	}
	press("promote", "", http.StatusConflict)
}

// TestHeldWeights shows who moves a route's weights, wherever they stand.
func TestHeldWeights(t *testing.T) {
	b := open(t, rolling()).in("en")
	traffic := b.get("/services/reviews/traffic?route=primary", http.StatusOK)
	if got := text(traffic.Find(id("held"))); !strings.Contains(got, "Rollout 35b0000000 holds these weights.") {
		t.Errorf("the sliders say %q", got)
	}
	if _, off := traffic.Find(id("weights-form") + " > fieldset").Attr("disabled"); !off {
		t.Error("the sliders can be moved")
	}
	if got := text(b.get("/services/reviews/traffic?route=primary&fragment=controls", http.StatusOK).Selection); !strings.Contains(got, "holds these weights") {
		t.Error("the topology's panel does not say so")
	}
	over := b.get(traffic.Find(id("held")+" a").Last().AttrOr("href", ""), http.StatusOK)
	if _, off := over.Find(id("weights-form") + " > fieldset").Attr("disabled"); off || over.Find(id("held")).Length() != 1 {
		t.Error("the weights cannot be moved all the same")
	}
	if got := text(b.get("/", http.StatusOK).Find(id("overview-rollouts"))); !strings.Contains(got, "reviews-v2 on reviews/primary") {
		t.Errorf("the overview says %q", got)
	}
	if got := text(b.get("/go?q=reviews-v2+on", http.StatusOK).Selection); !strings.Contains(got, "Progressing · 25 %") {
		t.Errorf("the palette finds %s", got)
	}
	list := b.get("/canaries", http.StatusOK)
	if n := list.Find(id("rollouts-active") + " [data-testid=rollout]").Length(); n != 1 {
		t.Errorf("%d are under way", n)
	}
	older := b.get(list.Find(id("older")).AttrOr("href", ""), http.StatusOK)
	if older.Find(id("rollout")).Length() != 14 {
		t.Errorf("the next page has %d", older.Find(id("rollout")).Length())
	}
}

// TestNoRollouts looks at a server that carries none out.
func TestNoRollouts(t *testing.T) {
	w := newWorld()
	w.rollouts = nil
	b := open(t, w).in("en")
	for _, address := range []string{"/canaries", "/canaries/new"} {
		if b.get(address, http.StatusOK).Find(id("canaries-off")).Length() != 1 {
			t.Errorf("%s does not say so", address)
		}
	}
	b.get("/canaries/35b0000000", http.StatusNotFound)
	b.post("/canaries/new", url.Values{"target": {"reviews/primary"}}, http.StatusServiceUnavailable)
	if b.get("/services/reviews/traffic", http.StatusOK).Find(id("roll-out")).Length() != 0 {
		t.Error("a rollout is offered")
	}
}

// TestForbiddenRollouts has somebody who may only look try everything.
func TestForbiddenRollouts(t *testing.T) {
	w := rolling()
	w.grants = forbidden().grants
	b := open(t, w).in("en")
	page := b.get("/canaries/35b0000000", http.StatusOK)
	if page.Find(id("verbs-form")+" button:not([disabled])").Length() != 0 {
		t.Error("there is a button to press")
	}
	b.post("/canaries/35b0000000", url.Values{"do": {"pause"}}, http.StatusForbidden)
	b.post("/canaries/new/apply", url.Values{"target": {"reviews/primary"}}, http.StatusForbidden)
}
