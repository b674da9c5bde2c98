package web_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/mesh"
)

// limitsForm is a form of limits on a page.
func limitsForm(doc *goquery.Document, of string) *goquery.Selection {
	return doc.Find("#limits-" + of)
}

// TestLimits sets limits of a service, a route and a mesh through form, review and apply, without script.
func TestLimits(t *testing.T) {
	for _, c := range []struct {
		page, form string
		change     map[string]string
		sentence   string
		check      func(m mesh.Mesh) bool
	}{
		{
			"/services/reviews/health", "service-reviews",
			map[string]string{"unhealthyErrors": "2.5", "degradedP95": "250ms", "availability": "99.95", "period": "7"},
			"reviews: Failing from errors of 5 % (Weir’s own limit) → 2.5 %",
			func(m mesh.Mesh) bool {
				h := m.Services[5].Health
				return *h.UnhealthyErrors == 0.025 && *h.DegradedP95 == mesh.Duration(250*time.Millisecond) && h.DegradedErrors == nil &&
					h.Objective.Availability == 0.9995 && h.Objective.Period == mesh.Duration(7*24*time.Hour)
			},
		},
		{
			"/services/reviews/health", "route-reviews-primary",
			map[string]string{"saturation": "0", "minRequests": "100"},
			"reviews/primary: Pool nearly full from 80 % (Weir’s own limit) → off",
			func(m mesh.Mesh) bool {
				h := m.Routes[1].Health
				return *h.Saturation == 0 && *h.MinRequests == 100 && h.Objective == nil
			},
		},
		{
			"/settings", "mesh-sample_app",
			map[string]string{"degradedErrors": "0.5 %", "latency": "300ms", "latencyShare": "99"},
			"sample_app: Degraded from errors of 1 % (Weir’s own limit) → 0.5 %",
			func(m mesh.Mesh) bool {
				return *m.Health.DegradedErrors == 0.005 && *m.Health.Objective.Latency == mesh.Duration(300*time.Millisecond) && m.Health.Objective.LatencyShare == 0.99
			},
		},
	} {
		w := newWorld()
		b := open(t, w)
		action, values := submit(t, limitsForm(b.get(c.page, http.StatusOK), c.form), c.change)
		review := b.post(action, values, http.StatusOK)
		if got := text(review.Find(id("sentence")).First()); got != c.sentence {
			t.Errorf("%s: the review says %q, want %q", c.form, got, c.sentence)
		}
		if w.meshes["sample_app"].Revision != 12 {
			t.Errorf("%s: the review changed something", c.form)
		}
		checkTwins(t, c.form, review)
		action, values = submit(t, review.Find(id("apply-form")), nil)
		answer := b.do(http.MethodPost, action, values)
		if to := answer.Header().Get("Location"); answer.Code != http.StatusSeeOther || !strings.HasPrefix(to, "/history/") {
			t.Errorf("%s: apply answers %d to %s: %.300s", c.form, answer.Code, to, answer.Body)
			continue
		}
		if !c.check(w.meshes["sample_app"].Mesh) {
			t.Errorf("%s: what was recorded is something else", c.form)
		}
	}
}

// checkTwins reads the YAML of a review as the command line would.
func checkTwins(t *testing.T, form string, review *goquery.Document) {
	t.Helper()
	twins := review.Find(id("equivalents"))
	yaml := twins.Find(id("twin-yaml") + " code").Text()
	documents, err := definition.Decode([]byte(yaml))
	if err != nil || len(documents) != 1 || !strings.Contains(yaml, "health:") {
		t.Errorf("%s: the YAML is none (%v):\n%s", form, err, yaml)
	}
	if cli := twins.Find(id("twin-cli") + " code").Text(); !strings.HasPrefix(cli, "weir apply -f - --mesh sample_app <<'END'\n") || !strings.HasSuffix(cli, "\nEND") {
		t.Errorf("%s: the command is %q", form, cli)
	}
	if curl := twins.Find(id("twin-curl") + " code").Text(); !strings.Contains(curl, "curl -X PUT") || !strings.Contains(curl, `"health":{`) {
		t.Errorf("%s: curl is %q", form, curl)
	}
}

// TestLimitsRefused keeps what was typed and says what is wrong with it.
func TestLimitsRefused(t *testing.T) {
	for _, c := range []struct{ field, typed, want string }{
		{"degradedErrors", "101", "“101” is not a percentage from 0 to 100"},
		{"degradedErrors", "a lot", "“a lot” is not a percentage from 0 to 100"},
		{"degradedErrors", "1e1", "“1e1” is not a percentage from 0 to 100"},
		{"degradedErrors", "-1", "“-1” is not a percentage from 0 to 100"},
		{"unhealthyErrors", "NaN", "“NaN” is not a percentage from 0 to 100"},
		{"degradedP95", "200", "“200” is not a time: write it with its unit, as in 500ms or 2s"},
		{"degradedP95", "-1s", "“-1s” is not a time: write it with its unit, as in 500ms or 2s"},
		{"minRequests", "2.5", "“2.5” is not a whole number"},
		{"period", "a month", "“a month” is not a number of days"},
	} {
		b := open(t, newWorld())
		action, values := submit(t, limitsForm(b.get("/services/reviews/health", http.StatusOK), "service-reviews"), map[string]string{c.field: c.typed})
		doc := b.post(action, values, http.StatusUnprocessableEntity)
		field := limitsForm(doc, "service-reviews").Find(`[name="` + c.field + `"]`)
		if got := field.AttrOr("value", ""); got != c.typed || field.AttrOr("aria-invalid", "") != "true" {
			t.Errorf("%s %q is shown as %q", c.field, c.typed, got)
		}
		if got := text(doc.Find(id("field-error"))); got != c.want {
			t.Errorf("%s %q: %q, want %q", c.field, c.typed, got, c.want)
		}
	}
	b := open(t, newWorld())
	// What only the mesh as a whole can tell is the door's to say.
	action, values := submit(t, limitsForm(b.get("/services/reviews/health", http.StatusOK), "service-reviews"), map[string]string{"degradedErrors": "10"})
	doc := b.post(action, values, http.StatusUnprocessableEntity)
	if got := text(doc.Find(id("form-error"))); got != "Nothing was changed: see the marked fields." {
		t.Errorf("above the form stands %q", got)
	}
	beside(t, doc, limitsForm(doc, "service-reviews").Find("[name=degradedErrors]"), "10: is at most unhealthyErrors, which is 5 % unless this says otherwise")
	values.Set("kind", "node")
	b.post(action, values, http.StatusNotFound)
	values.Set("kind", "service")
	values.Set("object", "ratings")
	b.post(action, values, http.StatusNotFound)
}

// beside checks that a field is marked and that what is wrong with it describes it.
func beside(t *testing.T, doc *goquery.Document, field *goquery.Selection, want string) {
	t.Helper()
	var said []string
	for about := range strings.FieldsSeq(field.AttrOr("aria-describedby", "")) {
		said = append(said, text(doc.Find("#"+about)))
	}
	if field.AttrOr("aria-invalid", "") != "true" || !slices.Contains(said, want) {
		t.Errorf("%s is described by %q, want %q", field.AttrOr("name", ""), said, want)
	}
}

// TestLimitsRefusedElsewhere names the object that a limit cannot stand beside when it is not the form's own.
func TestLimitsRefusedElsewhere(t *testing.T) {
	w := newWorld()
	w.meshes["sample_app"].Mesh.Routes[1].Health = &mesh.HealthLimits{DegradedErrors: ptr(0.03)}
	b := open(t, w)
	action, values := submit(t, limitsForm(b.get("/services/reviews/health", http.StatusOK), "service-reviews"), map[string]string{"unhealthyErrors": "2"})
	doc := b.post(action, values, http.StatusUnprocessableEntity)
	form := limitsForm(doc, "service-reviews")
	if got := text(form.Find(id("form-error"))); !strings.HasPrefix(got, "route reviews/primary: health.degradedErrors 0.03: is at most unhealthyErrors") {
		t.Errorf("above the form stands %q", got)
	}
	if form.Find("[aria-invalid=true]").Length() != 0 {
		t.Error("a field is marked for what another object says")
	}
}

// TestRefusedInKorean finds no English in what a Korean page says of a broken rule.
func TestRefusedInKorean(t *testing.T) {
	b := open(t, newWorld()).in("ko")
	action, values := submit(t, limitsForm(b.get("/services/reviews/health", http.StatusOK), "service-reviews"), map[string]string{"availability": "10"})
	doc := b.post(action, values, http.StatusUnprocessableEntity)
	beside(t, doc, limitsForm(doc, "service-reviews").Find("[name=availability]"), "10: 50%~99.999% 범위이거나, 약속이 없으면 0이어야 합니다")

	action, values = submit(t, b.get(weights, http.StatusOK).Find(id("retry-form")).First(), map[string]string{"on": "1", "maxRetries": "101", "perRetryTimeout": "3s"})
	doc = b.post(action, values, http.StatusUnprocessableEntity)
	beside(t, doc, doc.Find(id("retry-form")).First().Find("[name=maxRetries]"), "101: 0~100 범위여야 합니다")

	form := b.get("/config/node/ratings/edit", http.StatusOK).Find(id("definition-form"))
	action, values = submit(t, form, nil)
	values.Set("text", strings.Replace(form.Find("textarea").Text(), "port: 8080", "port: 0", 1))
	doc = b.post(action, values, http.StatusUnprocessableEntity)
	if got := text(doc.Find(id("fault")).First()); !strings.Contains(got, "0: 1~65535 범위여야 합니다") || doc.Find(id("fault")+" [lang=en]").Length() != 0 {
		t.Errorf("the fault of a definition is %q", got)
	}
	values.Set("text", "kind: nonsense")
	doc = b.post(action, values, http.StatusUnprocessableEntity)
	if got := doc.Find(id("fault") + " [lang=en]").Length(); got != 1 {
		t.Errorf("%d faults are marked as English: %s", got, text(doc.Find(id("fault"))))
	}
}

// TestLimitsStale keeps a draft that somebody else's change overtook.
func TestLimitsStale(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	action, values := submit(t, limitsForm(b.get("/settings", http.StatusOK), "mesh-sample_app"), map[string]string{"saturation": "70"})
	w.meshes["sample_app"].Versions[mesh.Ref{Kind: mesh.KindMesh, Name: "sample_app"}]++
	doc := b.post(action, values, http.StatusPreconditionFailed)
	rows := doc.Find(id("conflict-row"))
	if got := text(rows.Eq(4)); got != "Pool nearly full from inherited inherited 70 %" {
		t.Errorf("the conflict shows %q", got)
	}
	action, values = submit(t, doc.Find(id("redraft-form")), nil)
	b.post(action, values, http.StatusOK)
}

// TestInherited shows beside each empty field what holds, and where it comes from.
func TestInherited(t *testing.T) {
	w := newWorld()
	m := &w.meshes["sample_app"].Mesh
	m.Health = &mesh.HealthLimits{DegradedErrors: ptr(0.02), Objective: &mesh.Objective{Availability: 0.999}}
	m.Services[5].Health = &mesh.HealthLimits{UnhealthyErrors: ptr(0.2), UnhealthyP95: ptr(mesh.Duration(90 * time.Second))}
	b := open(t, w)
	doc := b.get("/services/reviews/health", http.StatusOK)
	about := func(form, field string) string {
		s := limitsForm(doc, form).Find(`[data-name="` + field + `"]`)
		return s.Find("input[type=text]").AttrOr("value", "") + "|" + strings.Join(strings.Fields(s.Find(".inherited").Text()), " ")
	}
	for _, c := range []struct{ form, field, want string }{
		{"service-reviews", "degradedErrors", "|Empty: 2 %, from the mesh"},
		{"service-reviews", "unhealthyErrors", "20|Empty: 5 %, Weir’s own limit"},
		{"service-reviews", "unhealthyP95", "1m30s|Empty: off, Weir’s own limit"},
		{"service-reviews", "availability", "|Empty: 99.9 %, from the mesh"},
		{"route-reviews-primary", "unhealthyErrors", "|Empty: 20 %, from reviews"},
		{"route-reviews-primary", "unhealthyP95", "|Empty: 90 s, from reviews"},
		{"route-reviews-primary", "degradedErrors", "|Empty: 2 %, from the mesh"},
		{"route-reviews-primary", "minFailures", "|Empty: 3, Weir’s own limit"},
	} {
		if got := about(c.form, c.field); got != c.want {
			t.Errorf("%s of %s: %q, want %q", c.field, c.form, got, c.want)
		}
	}
	if from := limitsForm(doc, "service-reviews").Find(`[data-name="degradedErrors"] .inherited a`).AttrOr("href", ""); from != "/settings" {
		t.Errorf("what the mesh says leads to %q", from)
	}
	special := b.get("/settings", http.StatusOK).Find(id("special") + " a")
	if special.Length() != 1 || special.AttrOr("href", "") != "/services/reviews/health" {
		t.Errorf("services with their own limits: %q", text(special))
	}
}
