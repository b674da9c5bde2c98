package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
)

func weightsOf(w *world) [2]int {
	c, _ := w.Mesh("sample_app")
	return [2]int{c.Mesh.Routes[1].Targets[0].Weight, c.Mesh.Routes[1].Targets[1].Weight}
}

func (b *browser) weightsForm() *goquery.Selection {
	return b.get("/services/reviews/traffic", http.StatusOK).Find(id("weights-form"))
}

// TestShiftWeight goes the whole way without script: one number, review, apply, watch, keep, undo.
func TestShiftWeight(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	action, form := submit(t, b.weightsForm(), map[string]string{"weight.reviews-v2": "50"})
	review := b.post(action, form, http.StatusOK)
	if got, want := text(review.Find(id("sentence")).First()), "reviews: reviews-v2 25 % → 50 %, ≈ 18.7 requests/s more"; got != want {
		t.Errorf("the review says %q, want %q", got, want)
	}
	if got := text(review.Find(id("diff"))); !strings.Contains(got, "+ weight: 50") {
		t.Errorf("the difference does not show the new weight: %s", got)
	}
	if got := text(review.Find(id("load")).Eq(1)); got != "reviews-v2 1 18.8 → 37.5/s 40/s 22 Nov 2026, 05:00:00 UTC" {
		t.Errorf("the load on reviews-v2 is %q", got)
	}
	if got := text(review.Find(id("touched"))); !strings.Contains(got, "2 of 9 connected proxies") || !strings.Contains(got, "storefront-1") {
		t.Errorf("the proxies touched are %q", got)
	}
	twins := text(review.Find(id("equivalents")))
	for _, want := range []string{"weir weights reviews/primary reviews-v1=50 reviews-v2=50 --mesh sample_app --confirm-within 60s", "kind: route", `"weights":{"reviews-v1":50,"reviews-v2":50}`, `If-Match: "3"`} {
		if !strings.Contains(twins, want) {
			t.Errorf("the equivalents lack %q: %s", want, twins)
		}
	}
	actions := review.Find(id("apply-form") + " .actions").Children()
	if text(actions.First()) != "Cancel" || text(actions.Last()) != "Send 50 % to reviews-v2" {
		t.Errorf("the buttons are %q", text(actions))
	}
	if weightsOf(w) != [2]int{75, 25} {
		t.Fatal("a review changed the mesh")
	}

	action, form = submit(t, review.Find(id("apply-form")), map[string]string{"reason": "third step"})
	answer := b.do(http.MethodPost, action, form)
	if answer.Code != http.StatusSeeOther {
		t.Fatalf("apply answers %d: %s", answer.Code, answer.Body)
	}
	if weightsOf(w) != [2]int{50, 50} {
		t.Errorf("the weights are %v", weightsOf(w))
	}
	made := w.changes[0]
	if made.Reason != "third step" || made.Author != "jiyoung" || made.ConfirmBy.Sub(noon()) != time.Minute {
		t.Errorf("recorded %+v", made)
	}
	watch := b.get(answer.Header().Get("Location"), http.StatusOK)
	if watch.Find(`noscript`).Length() == 0 || !strings.Contains(watch.Find("noscript").Text(), `http-equiv="refresh"`) {
		t.Error("without script nobody sees the truths move")
	}
	action, form = submit(t, watch.Find(id("keep-form")), map[string]string{"do": "confirm"})
	answer = b.do(http.MethodPost, action, form)
	kept := b.get(answer.Header().Get("Location"), http.StatusOK)
	action, form = submit(t, kept.Find(id("undo-form")), map[string]string{"do": "undo"})
	answer = b.do(http.MethodPost, action, form)
	if answer.Code != http.StatusSeeOther || w.changes[0].Undoes != made.ID || answer.Header().Get("Location") != "/history/"+w.changes[0].ID {
		t.Errorf("undo answers %d and leads to %s", answer.Code, answer.Header().Get("Location"))
	}
}

// TestPresetsOfTen folds the presets of many targets away, one opening at a time, all still there without script.
func TestPresetsOfTen(t *testing.T) {
	b := open(t, ten())
	form := b.get("/services/reviews/traffic", http.StatusOK).Find(id("weights-form"))
	folds := form.Find("details" + id("presets") + "[name=presets]")
	if folds.Length() != 10 || folds.Filter("[open]").Length() != 0 || folds.Find("[name=preset]").Length() != 80 {
		t.Errorf("%d folds, %d of them open, with %d presets", folds.Length(), folds.Filter("[open]").Length(), folds.Find("[name=preset]").Length())
	}
	if n := open(t, newWorld()).weightsForm().Find("details" + id("presets")).Length(); n != 0 {
		t.Errorf("the presets of two targets are folded away %d times", n)
	}
}

func TestPreset(t *testing.T) {
	b := open(t, newWorld())
	for preset, want := range map[string]string{"reviews-v2:100": "Send 100 % to reviews-v2", "reviews-v2:+5": "Send 30 % to reviews-v2", "reviews-v2:0": "Send 100 % to reviews-v1", "reviews-v1:100": "Send 100 % to reviews-v1"} {
		action, form := submit(t, b.weightsForm(), map[string]string{"preset": preset})
		if got := text(b.post(action, form, http.StatusOK).Find(id("apply"))); got != want {
			t.Errorf("%s: the button says %q, want %q", preset, got, want)
		}
	}
	for _, node := range []string{"reviews-v1", "reviews-v2"} {
		if n := b.weightsForm().Find("[data-target=" + node + "] [name=preset]").Length(); n != 8 {
			t.Errorf("%s has %d presets", node, n)
		}
	}
	action, form := submit(t, b.weightsForm(), map[string]string{"preset": "nobody:25"})
	b.post(action, form, http.StatusUnprocessableEntity)
	action, form = submit(t, b.weightsForm(), map[string]string{"preset": "reviews-v2:25"})
	review := b.post(action, form, http.StatusOK)
	if review.Find(id("nothing")).Length() != 1 || review.Find(id("apply")+"[disabled]").Length() != 1 {
		t.Error("a draft that changes nothing can be applied")
	}
}

func TestBadWeights(t *testing.T) {
	for _, lang := range []string{"en", "ko"} {
		for typed, want := range map[string]int{"": 1, "-1": 1, "1.5": 1, "1000001": 1, "<img src=x>": 1, "999999999999999999999": 1} {
			b := open(t, newWorld()).in(lang)
			action, form := submit(t, b.weightsForm(), map[string]string{"weight.reviews-v2": typed, "weight.reviews-v1": "33"})
			doc := b.post(action, form, http.StatusUnprocessableEntity)
			if got := doc.Find(id("split") + " " + id("field-error")).Length(); got != want {
				t.Errorf("%q: %d fields are marked, want %d", typed, got, want)
			}
			if got := doc.Find("#weight-reviews-primary-reviews-v1").AttrOr("value", ""); got != "33" {
				t.Errorf("%q: what was typed elsewhere became %q", typed, got)
			}
			if got := doc.Find("#weight-reviews-primary-reviews-v2").AttrOr("value", ""); got != typed {
				t.Errorf("%q became %q", typed, got)
			}
		}
	}
	b := open(t, newWorld())
	action, form := submit(t, b.weightsForm(), map[string]string{"weight.reviews-v1": "0", "weight.reviews-v2": "0"})
	doc := b.post(action, form, http.StatusUnprocessableEntity)
	for _, node := range []string{"reviews-v1", "reviews-v2"} {
		for _, kind := range []string{"[data-number]", "[data-range]"} {
			field := doc.Find("[data-target=" + node + "] " + kind)
			if about := text(doc.Find("#" + strings.Join(strings.Fields(field.AttrOr("aria-describedby", "")), ", #"))); !strings.Contains(about, "sum to zero") {
				t.Errorf("%s %s is described by %q", node, kind, about)
			}
		}
	}
	if marked := doc.Find(id("split") + " [data-number][aria-invalid=true]").Length(); marked != 2 {
		t.Errorf("%d of the two weights that sum to zero are marked", marked)
	}
}

// TestConflict loses the race for a route and brings its draft through all the same.
func TestConflict(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	action, form := submit(t, b.weightsForm(), map[string]string{"weight.reviews-v2": "50"})
	review := b.post(action, form, http.StatusOK)
	apply, applied := submit(t, review.Find(id("apply-form")), map[string]string{"reason": "mine", "confirmWithin": ""})

	current, _ := w.Mesh("sample_app")
	other := current.Mesh.Routes[1]
	other.Targets = []mesh.WeightedTarget{{Node: "reviews-v1", Weight: 90}, {Node: "reviews-v2", Weight: 10}}
	if _, err := w.Propose(t.Context(), change.Proposal{Mesh: "sample_app", Author: "min", Patch: mesh.Patch{Put: []mesh.Object{other}}}); err != nil {
		t.Fatal(err)
	}

	conflict := b.post(apply, applied, http.StatusPreconditionFailed)
	if got := text(conflict.Find(id("conflict-row")).Eq(1)); got != "reviews-v2 25 10 50" {
		t.Errorf("read, now and draft are %q", got)
	}
	if got := text(conflict.Find(id("since"))); !strings.Contains(got, "min") {
		t.Errorf("nobody is named: %q", got)
	}
	if weightsOf(w) != [2]int{90, 10} {
		t.Error("the other's change was overwritten")
	}
	action, form = submit(t, conflict.Find(id("redraft-form")), nil)
	review = b.post(action, form, http.StatusOK)
	if got := text(review.Find(id("sentence")).First()); !strings.Contains(got, "reviews-v2 10 % → 50 %") {
		t.Errorf("the draft became %q", got)
	}
	if got := review.Find("#reason").AttrOr("value", ""); got != "mine" {
		t.Errorf("the reason became %q", got)
	}
	apply, applied = submit(t, review.Find(id("apply-form")), nil)
	if answer := b.do(http.MethodPost, apply, applied); answer.Code != http.StatusSeeOther || weightsOf(w) != [2]int{50, 50} {
		t.Errorf("answers %d, weights %v", answer.Code, weightsOf(w))
	}
	if w.changes[0].ConfirmBy != nil || w.changes[0].State != change.Kept {
		t.Error("the choice not to confirm got lost")
	}
}

func TestResizePool(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	pool := b.get("/services/ratings/pool", http.StatusOK)
	if got := text(pool.Find(id("pool-use")).First()); !strings.Contains(got, "100 of 100") || !strings.Contains(got, "4 of 50") || !strings.Contains(got, "Refused 1.2/s") {
		t.Errorf("the use beside the limits is %q", got)
	}
	action, form := submit(t, pool.Find(id("pool-form")), map[string]string{"maxConnections": "60", "maxPendingRequests": "", "maxRequests": "0"})
	again := b.post(action, form, http.StatusUnprocessableEntity)
	if got := again.Find("#pool-ratings-8080-maxRequests[aria-invalid=true]").AttrOr("value", ""); got != "0" {
		t.Errorf("a pool of 0 is not marked: %q", got)
	}
	action, form = submit(t, again.Find(id("pool-form")), map[string]string{"maxRequests": ""})
	review := b.post(action, form, http.StatusOK)
	sentences := text(review.Find(id("sentence")))
	for _, want := range []string{"ratings: Most connections 100 → 60 per instance", "In use now: 100, and the new limit is 60 (1 ×): requests will be refused.", "ratings: Most pending requests 50 → no limit per instance"} {
		if !strings.Contains(sentences, want) {
			t.Errorf("the review lacks %q: %s", want, sentences)
		}
	}
	if got := text(review.Find(id("equivalents"))); !strings.Contains(got, "weir pool ratings --max-connections 60 --max-pending none --mesh sample_app") {
		t.Errorf("the equivalents are %q", got)
	}
	action, form = submit(t, review.Find(id("apply-form")), map[string]string{"confirmWithin": "1000h"})
	again = b.post(action, form, http.StatusUnprocessableEntity)
	action, form = submit(t, again.Find(id("apply-form")), map[string]string{"confirmWithin": "", "reason": strings.Repeat("x", 1001)})
	again = b.post(action, form, http.StatusUnprocessableEntity)
	action, form = submit(t, again.Find(id("apply-form")), map[string]string{"reason": "less"})
	if answer := b.do(http.MethodPost, action, form); answer.Code != http.StatusSeeOther {
		t.Fatalf("apply answers %d: %s", answer.Code, answer.Body)
	}
	stored, err := w.Object("sample_app", mesh.Ref{Kind: mesh.KindNode, Name: "ratings"})
	if err != nil {
		t.Fatal(err)
	}
	if got := stored.Object.(mesh.VirtualNode).Listeners[0].ConnectionPool; got.MaxPendingRequests != nil || *got.MaxConnections != 60 {
		t.Errorf("the pool is %+v", got)
	}
}

func TestWrongForms(t *testing.T) {
	b := open(t, newWorld())
	for name, c := range map[string]struct {
		address string
		form    url.Values
		want    int
	}{
		"no such router":    {"/services/reviews/traffic", url.Values{"router": {"x"}, "route": {"primary"}}, http.StatusNotFound},
		"no such route":     {"/services/reviews/traffic", url.Values{"router": {"reviews"}, "route": {"x"}}, http.StatusNotFound},
		"no version":        {"/services/reviews/traffic", url.Values{"router": {"reviews"}, "route": {"primary"}}, http.StatusUnprocessableEntity},
		"no such node":      {"/services/ratings/pool", url.Values{"node": {"x"}, "port": {"1"}}, http.StatusNotFound},
		"no such port":      {"/services/ratings/pool/apply", url.Values{"node": {"ratings"}, "port": {"1"}}, http.StatusNotFound},
		"no such verb":      {"/history/chg-041", url.Values{"do": {"explode"}}, http.StatusUnprocessableEntity},
		"no such change":    {"/history/nothing", url.Values{"do": {"undo"}}, http.StatusNotFound},
		"not a form at all": {"/services/ratings/pool", nil, http.StatusNotFound},
	} {
		doc := b.post(c.address, c.form, c.want)
		if doc.Find(id("failure")).Length() != 1 {
			t.Errorf("%s: no page says so", name)
		}
	}
}
