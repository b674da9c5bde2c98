package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
)

// TestEditDefinition edits a route as text, through review and apply, without script.
func TestEditDefinition(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	form := b.get("/config/route/reviews/primary/edit", http.StatusOK).Find(id("definition-form"))
	text := form.Find("textarea").Text()
	if !strings.Contains(text, "weight: 25") {
		t.Fatalf("the text is %q", text)
	}
	action, values := submit(t, form, nil)
	values.Set("text", strings.ReplaceAll(text, "weight: 25", "weight: many"))
	again := b.post(action, values, http.StatusUnprocessableEntity)
	if got := again.Find(id("fault")).Text(); !strings.Contains(got, "Line") || !strings.Contains(got, "weight: many") {
		t.Errorf("the fault is %q", got)
	}
	if got := again.Find("textarea").Text(); !strings.Contains(got, "weight: many") {
		t.Errorf("what was typed became %q", got)
	}
	values.Set("text", strings.ReplaceAll(text, "weight: 25", "weight: 50"))
	review := b.post(action, values, http.StatusOK)
	if got := review.Find(id("sentence")).Text(); !strings.Contains(got, "targets[1].weight: 25 → 50") {
		t.Errorf("the review says %q", got)
	}
	apply, applied := submit(t, review.Find(id("apply-form")), map[string]string{"confirmWithin": ""})
	if answer := b.do(http.MethodPost, apply, applied); answer.Code != http.StatusSeeOther || weightsOf(w) != [2]int{75, 50} {
		t.Errorf("answers %d, weights %v", answer.Code, weightsOf(w))
	}
	values.Set("text", strings.ReplaceAll(text, "name: primary", "name: other"))
	if got := b.post(action, values, http.StatusUnprocessableEntity).Find(id("fault")).Text(); !strings.Contains(got, "route reviews/other") {
		t.Errorf("another name: %q", got)
	}
}

// TestCreateAndDelete makes a node, refuses to make it twice, and deletes only what nobody needs.
func TestCreateAndDelete(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	text := "kind: node\nmesh: sample_app\nname: extra\n"
	review := b.post("/config/new", url.Values{"text": {text}, "version": {"0"}}, http.StatusOK)
	apply, applied := submit(t, review.Find(id("apply-form")), map[string]string{"confirmWithin": ""})
	if answer := b.do(http.MethodPost, apply, applied); answer.Code != http.StatusSeeOther {
		t.Fatalf("answers %d: %.300s", answer.Code, answer.Body)
	}
	b.post("/config/new", url.Values{"text": {text}, "version": {"0"}}, http.StatusUnprocessableEntity)
	action, values := submit(t, b.get("/config/node/extra", http.StatusOK).Find(`form[action$="/delete"]`), nil)
	review = b.post(action, values, http.StatusOK)
	apply, applied = submit(t, review.Find(id("apply-form")), map[string]string{"confirmWithin": ""})
	if answer := b.do(http.MethodPost, apply, applied); answer.Code != http.StatusSeeOther {
		t.Fatalf("answers %d: %.300s", answer.Code, answer.Body)
	}
	if _, ok := w.meshes["sample_app"].Mesh.Get(mesh.Ref{Kind: mesh.KindNode, Name: "extra"}); ok {
		t.Error("it is still there")
	}
	action, values = submit(t, b.get("/config/node/ratings", http.StatusOK).Find(`form[action$="/delete"]`), nil)
	if got := b.post(action, values, http.StatusConflict).Find(id("in-use")).Text(); !strings.Contains(got, "ratings") {
		t.Errorf("who needs it: %q", got)
	}
}

// TestApplyFile applies several objects at once, and reads the mesh back as a file.
func TestApplyFile(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	file := b.do(http.MethodGet, "/config/mesh.yaml", nil)
	if file.Code != http.StatusOK || !strings.Contains(file.Header().Get("Content-Disposition"), "sample_app.yaml") {
		t.Fatalf("the file: %d %v", file.Code, file.Header())
	}
	text := strings.Replace(file.Body.String(), "maxConnections: 100", "maxConnections: 90", 2)
	review := b.post("/config/apply", url.Values{"text": {text}}, http.StatusOK)
	apply, applied := submit(t, review.Find(id("apply-form")), map[string]string{"confirmWithin": ""})
	if answer := b.do(http.MethodPost, apply, applied); answer.Code != http.StatusSeeOther || len(w.changes[0].Objects) != 2 {
		t.Errorf("answers %d, %v", answer.Code, w.changes[0].Objects)
	}
	if got := b.post("/config/apply", url.Values{"text": {"a: [\n"}}, http.StatusUnprocessableEntity).Find(id("fault")).Text(); got == "" {
		t.Error("nothing is said of broken text")
	}
}

// TestFileOfAnotherMesh sends, to a mesh that may be changed, a file that names one that may not.
func TestFileOfAnotherMesh(t *testing.T) {
	w := newWorld()
	w.add(mesh.Mesh{Name: "other_app", EgressFilter: mesh.DropAll})
	w.grants = "viewer operator@sample_app"
	b := open(t, w)
	entries := len(w.changes)
	sent := url.Values{"text": {"kind: node\nmesh: other_app\nname: extra\n"}, "confirmWithin": {""}}
	for _, address := range []string{"/config/apply", "/config/apply/apply", "/config/new", "/config/new/apply"} {
		doc := b.post(address+"?mesh=sample_app", sent, http.StatusForbidden)
		if got := doc.Find("main").Text(); !strings.Contains(got, "jiyoung is not operator of mesh other_app") {
			t.Errorf("%s says %q", address, got)
		}
	}
	if len(w.changes) != entries {
		t.Errorf("%s was changed", w.changes[0].Mesh)
	}
	sent.Set("text", "kind: node\nmesh: sample_app\nname: extra\n")
	b.post("/config/apply?mesh=sample_app", sent, http.StatusOK)
}

func TestConfigPages(t *testing.T) {
	b := open(t, newWorld())
	if got := b.get("/config?q=reviews&kind=route", http.StatusOK).Find(id("object")).Length(); got != 2 {
		t.Errorf("%d routes of reviews are listed", got)
	}
	drift := b.get("/config?view=drift", http.StatusOK)
	if got := drift.Find(id("behind-proxy")).Length(); got != 2 {
		t.Errorf("%d proxies are behind:\n%s", got, drift.Find(id("behind")).Text())
	}
	b.get("/config/node/ghost", http.StatusNotFound)
	b.get("/config/new?kind=route", http.StatusOK)
	b.get("/proxies/checkout-1", http.StatusOK)
	b.get("/proxies/checkout-1?tab=stats", http.StatusOK)
	b.get("/proxies?state=pending", http.StatusOK)
}

// TestServiceTabs shows who carries a service out and which objects make it.
func TestServiceTabs(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get("/services/checkout/proxies", http.StatusOK)
	if got := doc.Find(id("proxy") + `[data-state="rejected"] a[href="/proxies/checkout-1"]`).Length(); got != 1 {
		t.Errorf("the proxy that refused is there %d times", got)
	}
	if got := text(b.get("/services/catalog/proxies", http.StatusOK).Find(id("unrun"))); !strings.Contains(got, "catalog") {
		t.Errorf("of a version whose proxy is gone it says %q", got)
	}
	doc = b.get("/services/reviews/config", http.StatusOK)
	for _, path := range []string{"service/reviews", "router/reviews", "route/reviews/primary", "route/reviews/beta", "node/reviews-v1", "node/reviews-v2"} {
		row := doc.Find(id("object") + `[data-key="` + path + `"]`)
		if row.Find(`a[href="/config/`+path+`"]`).Length() != 1 || row.Find(`a[href="/config/`+path+`/edit"]`).Length() != 1 {
			t.Errorf("%s is not read and edited from here: %s", path, text(row))
		}
	}
}

// TestConflictOfText edits what somebody changes meanwhile: nothing is lost, and the three texts stand beside each other.
func TestConflictOfText(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	const address = "/config/route/reviews/primary/edit"
	form := b.get(address, http.StatusOK).Find(id("definition-form"))
	action, values := submit(t, form, nil)
	mine := strings.ReplaceAll(form.Find("textarea").Text(), "weight: 25", "weight: 50")
	values.Set("text", mine)
	b.another(t).goThrough(weights, "timeout-form", map[string]string{"perRequest": "9s"})
	b.post(action, values, http.StatusPreconditionFailed)
	if got := b.get(address, http.StatusOK).Find("textarea").Text(); strings.TrimSpace(got) != strings.TrimSpace(mine) {
		t.Errorf("the draft is %q", got)
	}
	if weightsOf(w) != [2]int{75, 25} {
		t.Errorf("weights %v", weightsOf(w))
	}
}

// TestConflictOfTextWithVersion goes on from what the conflict shows, on top of theirs, without another refusal.
func TestConflictOfTextWithVersion(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	form := b.get("/config/route/reviews/primary/edit", http.StatusOK).Find(id("definition-form"))
	action, values := submit(t, form, nil)
	mine := "version: " + values.Get("version") + " # as printed\n" + strings.ReplaceAll(form.Find("textarea").Text(), "weight: 25", "weight: 50")
	values.Set("text", mine)
	b.another(t).goThrough(weights, "timeout-form", map[string]string{"perRequest": "9s"})
	again, theirs := submit(t, b.post(action, values, http.StatusPreconditionFailed).Find(id("redraft-form")), nil)
	if want := "version: " + theirs.Get("version") + " # as printed"; theirs.Get("version") == values.Get("version") || !strings.HasPrefix(theirs.Get("text"), want) {
		t.Errorf("the text is of %.40q, want %q", theirs.Get("text"), want)
	}
	review := b.post(again, theirs, http.StatusOK)
	if title := text(review.Find("h1")); !strings.HasPrefix(title, "Review: ") {
		t.Errorf("it leads to %q", title)
	}
}

// TestVersionInText refuses a text that says it is of another version than the page was opened with, and loses nothing.
func TestVersionInText(t *testing.T) {
	for lang, want := range map[string]string{
		"en": "Line 1: route reviews/primary: version 1: is 5, with which this page was opened, or left out",
		"ko": "1번째 줄: route reviews/primary: version 1: 이 페이지를 열 때의 버전(5)이거나, 비워 두어야 합니다",
	} {
		w := newWorld()
		w.meshes["sample_app"].Versions[mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}] = 5
		b := open(t, w).in(lang)
		form := b.get("/config/route/reviews/primary/edit", http.StatusOK).Find(id("definition-form"))
		action, values := submit(t, form, nil)
		mine := strings.ReplaceAll(form.Find("textarea").Text(), "weight: 25", "weight: 50")
		values.Set("text", "version: 1\n"+mine)
		for _, address := range []string{action, strings.Replace(action, "/edit", "/edit/apply", 1)} {
			doc := b.post(address, values, http.StatusConflict)
			if got := text(doc.Find(id("fault"))); !strings.HasPrefix(got, want) {
				t.Errorf("%s: %q, want %q", lang, got, want)
			}
			if got := doc.Find("textarea").Text(); strings.TrimSpace(got) != strings.TrimSpace("version: 1\n"+mine) {
				t.Errorf("the text became %q", got)
			}
		}
		values.Set("text", "version: 5\n"+mine)
		b.post(action, values, http.StatusOK)
		if weightsOf(w) != [2]int{75, 25} {
			t.Errorf("weights %v", weightsOf(w))
		}
	}
}

// TestConfigForbidden disables the form and says why, and the post is refused.
func TestConfigForbidden(t *testing.T) {
	b := open(t, forbidden())
	doc := b.get("/config/route/reviews/primary/edit", http.StatusOK)
	if doc.Find(id("review-definition")+"[disabled]").Length() != 1 || doc.Find("textarea[readonly]").Length() != 1 {
		t.Error("the form can be sent")
	}
	action, values := submit(t, doc.Find(id("definition-form")), nil)
	b.post(action, values, http.StatusForbidden)
}

// TestManyClusters pages what a proxy of a large mesh runs.
func TestManyClusters(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get("/proxies/storefront-1?tab=cluster&page=3", http.StatusOK)
	if got := doc.Find("main tbody tr").Length(); got < 50 || got > 60 {
		t.Errorf("a page has %d rows", got)
	}
	if !strings.Contains(doc.Find("main").Text(), "2,000") {
		t.Error("nothing says how many there are")
	}
	found := b.get("/proxies/storefront-1?tab=cluster&q=service-1999", http.StatusOK).Find("main").Text()
	if !strings.Contains(found, "service-1999") || strings.Contains(found, "service-1998") {
		t.Error("the filter does not find one of 2,000")
	}
}
