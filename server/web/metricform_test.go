package web_test

import (
	"net/http"
	"strings"
	"testing"
)

// TestMetricChecks adds rows without script, is told beside them what is wrong, and reviews what is right.
func TestMetricChecks(t *testing.T) {
	b := open(t, newWorld())
	const page = "/canaries/new"
	doc := b.get(page+"?target=reviews/primary", http.StatusOK)
	action, form := submit(t, doc.Find(id("rollout-form")), map[string]string{"do": "add:metric"})
	doc = b.post(action, form, http.StatusOK)
	if rows := doc.Find(id("rows-metric") + " ol " + id("row")); rows.Length() != 1 {
		t.Fatalf("after adding one there are %d rows", rows.Length())
	}
	_, form = submit(t, doc.Find(id("rollout-form")), map[string]string{
		"metric.0.name": "sales", "metric.0.query": `sum(sales_total{version="{{canary}}"})`, "metric.0.min": "many", "metric.0.interval": "soon",
		"metric.1.query": "up",
	})
	doc = b.post(page, form, http.StatusUnprocessableEntity)
	beside := func(field string) string {
		return text(doc.Find(`[name="` + field + `"]`).Closest(".row-field").Find(id("field-error")))
	}
	if got := beside("metric.0.min"); got != "Not a number" {
		t.Errorf("beside the least value it says %q", got)
	}
	if got := beside("metric.0.interval"); got == "" {
		t.Error("beside the interval it says nothing")
	}
	form.Set("metric.0.min", "0.5")
	form.Set("metric.0.interval", "20s")
	doc = b.post(page, form, http.StatusUnprocessableEntity)
	if name, bound := beside("metric.1.name"), beside("metric.1.min"); name == "" || bound == "" {
		t.Errorf("beside the second row it says %q and %q", name, bound)
	}
	if got := doc.Find(`[name="metric.0.query"]`).AttrOr("value", ""); !strings.Contains(got, "{{canary}}") {
		t.Errorf("the first query became %q", got)
	}
	_, form = submit(t, doc.Find(id("rollout-form")), map[string]string{"do": "remove:metric:1"})
	doc = b.post(page, form, http.StatusOK)
	_, form = submit(t, doc.Find(id("rollout-form")), map[string]string{"preset": "own", "steps": "50, analysis"})
	doc = b.post(page, form, http.StatusUnprocessableEntity) // this world stores no metrics
	if said := text(doc.Find(id("form-error"))); !strings.Contains(said, "no metrics are stored") || !strings.Contains(said, "--metrics-url") {
		t.Errorf("where no metrics are stored it says %q", said)
	}
}

// TestOverrideBesideTheVerbs is where a verb's next move may run into guard rails, and nowhere else.
func TestOverrideBesideTheVerbs(t *testing.T) {
	b := open(t, rolling())
	b.get("/canaries/35b0000000", http.StatusOK)
	done := open(t, newWorld()).get("/canaries/35a0000005", http.StatusOK)
	if done.Find(id("override")).Length() > 0 {
		t.Error("a rollout that has succeeded asks for a reason to go over guard rails")
	}
	if aborted := open(t, newWorld()).get("/canaries/35a0000004", http.StatusOK); aborted.Find(id("override")+" input[name=override]").Length() != 1 {
		t.Error("a rollout that can be retried does not ask for it")
	}
}
