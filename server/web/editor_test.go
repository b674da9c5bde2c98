package web_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/PuerkitoBio/goquery"
	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/mesh"
)

// routeOf gives a route of the sample as it is now.
func (w *world) routeOf(name string) (mesh.Route, bool) {
	c, _ := w.Mesh("sample_app")
	o, ok := c.Mesh.Get(mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/" + name})
	r, _ := o.(mesh.Route)
	return r, ok
}

func (w *world) listener(node string) mesh.Listener {
	c, _ := w.Mesh("sample_app")
	n, _ := c.Mesh.Node(node)
	return n.Listeners[0]
}

// goThrough fills a form in, reviews and applies it, and gives what the review says.
func (b *browser) goThrough(address, form string, changed map[string]string) (sentences, button, twins string) {
	b.t.Helper()
	action, values := submit(b.t, b.get(address, http.StatusOK).Find(id(form)).First(), changed)
	for name, value := range changed {
		if value == "" {
			values.Del(name)
		}
	}
	review := b.post(action, values, http.StatusOK)
	sentences, button, twins = text(review.Find(id("sentence"))), text(review.Find(id("apply"))), text(review.Find(id("equivalents")))
	if review.Find(id("apply-form")+" .actions").Children().First().AttrOr("data-testid", "") != "cancel" {
		b.t.Errorf("%s: Cancel is not the first choice", form)
	}
	action, values = submit(b.t, review.Find(id("apply-form")), nil)
	for range 2 { // the second click changes nothing more
		if answer := b.do(http.MethodPost, action, values); answer.Code != http.StatusSeeOther || !strings.HasPrefix(answer.Header().Get("Location"), "/history/") {
			b.t.Fatalf("%s: apply answers %d: %.1500s", form, answer.Code, answer.Body)
		}
	}
	return sentences, button, twins
}

func contains(t *testing.T, what, got string, want ...string) {
	t.Helper()
	for _, words := range want {
		if !strings.Contains(got, words) {
			t.Errorf("%s lacks %q: %s", what, words, got)
		}
	}
}

func TestTimeoutAndRetry(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	said, button, twins := b.goThrough(weights, "timeout-form", map[string]string{"perRequest": "3s", "idle": "0"})
	contains(t, "the review", said, "reviews/primary: One request, retries included 2s → 3s", "Without a byte none → 0")
	contains(t, "the button", button, "Apply to reviews/primary: Timeouts")
	contains(t, "the twins", twins, "weir apply -f - --mesh sample_app --confirm-within 60s <<'END'", "/api/v1/meshes/sample_app/routes/reviews/primary?confirmWithin=60s", "If-Match")
	r, _ := w.routeOf("primary")
	if *r.Timeout.PerRequest != mesh.Duration(3*time.Second) || *r.Timeout.Idle != 0 {
		t.Errorf("the timeout is %+v", r.Timeout)
	}
	said, _, _ = b.goThrough(weights, "retry-form", map[string]string{"maxRetries": "4", "tcpRetryEvents": "connection-error"})
	contains(t, "the review", said, "At most 2 → 4", "Retry on TCP none → no connection")
	r, _ = w.routeOf("primary")
	want := &mesh.Retry{MaxRetries: 4, PerRetryTimeout: mesh.Duration(500 * time.Millisecond), HTTPEvents: []string{"server-error"}, TCPEvents: []string{"connection-error"}}
	if diff := cmp.Diff(want, r.Retry); diff != "" {
		t.Error(diff)
	}
	b.goThrough(weights, "retry-form", map[string]string{"on": ""})
	if r, _ = w.routeOf("primary"); r.Retry != nil {
		t.Errorf("retries are still on: %+v", r.Retry)
	}
}

func TestListener(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	said, _, _ := b.goThrough("/services/ratings/pool", "outlier-form", map[string]string{"on": "1", "maxServerErrors": "7"})
	contains(t, "the review", said, "After 5xx answers in a row", "7")
	want := &mesh.OutlierDetection{
		MaxServerErrors: 7, Interval: mesh.Duration(10 * time.Second), BaseEjectionTime: mesh.Duration(30 * time.Second), MaxEjectionPercent: 50,
	}
	if diff := cmp.Diff(want, w.listener("ratings").OutlierDetection); diff != "" {
		t.Error(diff)
	}
	b.goThrough("/services/ratings/pool", "listener-form", map[string]string{"idle": "1m"})
	if got := w.listener("ratings").Timeout; got == nil || *got.Idle != mesh.Duration(time.Minute) || got.PerRequest != nil {
		t.Errorf("the timeout is %+v", got)
	}
	if w.listener("ratings").ConnectionPool == nil {
		t.Error("another form's values went away")
	}
}

func TestMatch(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	action, values := submit(t, b.get("/services/reviews/traffic?route=beta", http.StatusOK).Find(id("match-form")), map[string]string{"do": "add:header"})
	more := b.post(action, values, http.StatusOK)
	if got := more.Find(id("match-form") + " " + id("rows-header") + " ol " + id("row")).Length(); got != 2 {
		t.Fatalf("there are %d rows, want 2", got)
	}
	action, values = submit(t, more.Find(id("match-form")), map[string]string{
		"header.1.name": "x-code", "header.1.how": "range", "header.1.value": "200 – 300", "header.1.not": "1", "method": "GET", "how": "regex", "path": "/a.*",
	})
	review := b.post(action, values, http.StatusOK)
	contains(t, "the review", text(review.Find(id("sentence"))), "Method any → GET", "Header 2 none → x-code not is from – to below 200 – 300")
	action, values = submit(t, review.Find(id("apply-form")), nil)
	b.do(http.MethodPost, action, values)
	got, _ := w.routeOf("beta")
	want := mesh.Match{
		Path: &mesh.PathMatch{Regex: "/a.*"}, Method: "GET",
		Headers: []mesh.ValueMatch{{Name: "x-beta", Exact: "1"}, {Name: "x-code", Invert: true, Range: &mesh.IntRange{Start: 200, End: 300}}},
	}
	if diff := cmp.Diff(want, got.Match); diff != "" {
		t.Error(diff)
	}
	action, values = submit(t, b.get("/services/reviews/traffic?route=beta", http.StatusOK).Find(id("match-form")), map[string]string{"do": "remove:header:0"})
	less := b.post(action, values, http.StatusOK)
	if got := less.Find("[name='header.0.name']").AttrOr("value", ""); got != "x-code" {
		t.Errorf("the row that is left is %q", got)
	}
}

// TestWrongEdits types what is no value, and what the door refuses: it stands beside its field, and nothing is lost.
func TestWrongEdits(t *testing.T) {
	for _, lang := range []string{"en", "ko"} {
		for _, c := range []struct{ address, form, field, typed, other, kept string }{
			{weights, "timeout-form", "perRequest", "fast", "idle", "9s"},
			{weights, "retry-form", "maxRetries", "101", "perRetryTimeout", "3s"},
			{weights, "retry-form", "perRetryTimeout", "", "maxRetries", "7"},
			{weights, "match-form", "path", "no-slash", "header.0.name", "x-a"},
			{weights, "match-form", "header.0.value", "", "header.0.name", "x-a"},
			{weights, "match-form", "header.0.name", "bad name", "header.0.value", "1"},
			{weights, "targets-form", "target.0.weight", "1.5", "target.1.weight", "3"},
			{weights, "targets-form", "target.1.weight", "1000001", "target.0.weight", "3"},
			{weights, "add-form", "name", "primary", "priority", "5"},
			{weights, "add-form", "target", "", "name", "gamma"},
			{weights, "add-form", "priority", "1001", "name", "gamma"},
			{"/services/ratings/pool", "outlier-form", "maxEjectionPercent", "101", "interval", "7s"},
			{"/services/ratings/pool", "outlier-form", "interval", "<img src=x>", "maxServerErrors", "7"},
			{"/services/ratings/pool", "listener-form", "idle", "999999h", "perRequest", "9s"},
		} {
			w := newWorld()
			b := open(t, w).in(lang)
			changed := map[string]string{c.field: c.typed, c.other: c.kept, "on": "1"}
			if c.form == "add-form" && c.field != "target" {
				changed["target"] = "reviews-v1"
			}
			if c.form == "match-form" && c.field != "header.0.value" && c.other != "header.0.value" {
				changed["header.0.value"] = "1"
			}
			action, values := submit(t, b.get(c.address, http.StatusOK).Find(id(c.form)).First(), changed)
			doc := b.post(action, values, http.StatusUnprocessableEntity)
			form := doc.Find(id(c.form)).First()
			field := form.Find("[name='" + c.field + "']").First()
			if field.AttrOr("aria-invalid", "") != "true" || form.Find(id("field-error")).Length() == 0 {
				t.Errorf("%s: %s=%q is not marked: %s", c.form, c.field, c.typed, text(form))
			}
			value := func(name string) string {
				f := form.Find("[name='" + name + "']").First()
				return f.AttrOr("value", f.Find("option[selected]").AttrOr("value", ""))
			}
			if value(c.field) != c.typed || value(c.other) != c.kept {
				t.Errorf("%s: what was typed became %q and %q", c.form, value(c.field), value(c.other))
			}
			if form.ParentsFiltered("details").Length() == 1 && form.ParentsFiltered("details[open]").Length() != 1 {
				t.Errorf("%s: the form is folded away over its error", c.form)
			}
		}
	}
}

func TestTargets(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	action, values := submit(t, b.get("/services/reviews/traffic?route=beta", http.StatusOK).Find(id("targets-form")), map[string]string{"do": "add:target"})
	more := b.post(action, values, http.StatusOK)
	action, values = submit(t, more.Find(id("targets-form")), map[string]string{"target.1.node": "reviews-v1", "target.1.weight": "0"})
	review := b.post(action, values, http.StatusOK)
	action, values = submit(t, review.Find(id("apply-form")), nil)
	b.do(http.MethodPost, action, values)
	got, _ := w.routeOf("beta")
	if diff := cmp.Diff([]mesh.WeightedTarget{{Node: "reviews-v2", Weight: 1}, {Node: "reviews-v1"}}, got.Targets); diff != "" {
		t.Error(diff)
	}
}

func TestRoutes(t *testing.T) {
	w := withDrafts(t)
	b := open(t, w)
	action, values := submit(t, b.get(weights, http.StatusOK).Find(id("order-form")), map[string]string{"do": "down:order:0"})
	moved := b.post(action, values, http.StatusOK)
	contains(t, "the order", text(moved.Find(id("order-form")+" "+id("row")).Eq(1)), "never reached: primary takes all of it before")
	action, values = submit(t, moved.Find(id("order-form")), nil)
	review := b.post(action, values, http.StatusOK)
	contains(t, "the review", text(review.Find(id("equivalents"))), "weir apply -f -", "/api/v1/meshes/sample_app/apply")
	apply, sent := submit(t, review.Find(id("apply-form")), nil)
	// Meanwhile somebody adds a route that the order does not know.
	b.another(t).goThrough(weights, "add-form", map[string]string{"name": "gamma", "target": "reviews-v1", "path": "/g"})
	b.post(apply, sent, http.StatusPreconditionFailed)
	if r, ok := w.routeOf("gamma"); !ok || r.Match.Prefix != "/g" || r.Targets[0].Node != "reviews-v1" {
		t.Fatalf("the new route is %+v", r)
	}
	doc := b.get(weights, http.StatusOK)
	action, values = submit(t, doc.Find(id("order-form")), map[string]string{"do": "discard"})
	b.do(http.MethodPost, action+"/draft", values)
	action, values = submit(t, b.get(weights, http.StatusOK).Find(id("order-form")), nil)
	for i, name := range []string{"primary", "gamma", "beta"} {
		values.Set("order."+string(rune('0'+i))+".route", name)
	}
	review = b.post(action, values, http.StatusOK)
	apply, sent = submit(t, review.Find(id("apply-form")), nil)
	b.do(http.MethodPost, apply, sent)
	c, _ := w.Mesh("sample_app")
	var order []string
	for _, r := range c.Mesh.RoutesOf("reviews") {
		order = append(order, r.Name)
	}
	if diff := cmp.Diff([]string{"primary", "gamma", "beta"}, order); diff != "" {
		t.Error(diff)
	}
	said, button, twins := b.goThroughGone("/services/reviews/traffic?route=gamma", "delete-form")
	contains(t, "the question", said+button+twins, "Delete the route reviews/gamma?", "Delete reviews/gamma", "curl -X DELETE")
	if _, ok := w.routeOf("gamma"); ok {
		t.Error("the route is still there")
	}
}

// goThroughGone is goThrough for what is not there afterwards.
func (b *browser) goThroughGone(address, form string) (sentences, button, twins string) {
	b.t.Helper()
	action, values := submit(b.t, b.get(address, http.StatusOK).Find(id(form)).First(), nil)
	review := b.post(action, values, http.StatusOK)
	sentences, button, twins = text(review.Find(id("sentence"))), text(review.Find(id("apply"))), text(review.Find(id("equivalents")))
	action, values = submit(b.t, review.Find(id("apply-form")), nil)
	if answer := b.do(http.MethodPost, action, values); answer.Code != http.StatusSeeOther {
		b.t.Fatalf("%s: apply answers %d: %.1500s", form, answer.Code, answer.Body)
	}
	return sentences, button, twins
}

// TestNothingChanged reviews every form as it stands: there is nothing to apply.
func TestNothingChanged(t *testing.T) {
	b := open(t, newWorld())
	for _, c := range [][2]string{
		{weights, "timeout-form"},
		{weights, "retry-form"},
		{weights, "match-form"},
		{weights, "targets-form"},
		{weights, "order-form"},
		{"/services/ratings/pool", "outlier-form"},
		{"/services/ratings/pool", "listener-form"},
	} {
		action, values := submit(t, b.get(c[0], http.StatusOK).Find(id(c[1])).First(), nil)
		review := b.post(action, values, http.StatusOK)
		if review.Find(id("nothing")).Length() != 1 || review.Find(id("apply")+"[disabled]").Length() != 1 {
			t.Errorf("%s: nothing was changed, and it can be applied: %s", c[1], text(review.Find(id("review"))))
		}
	}
}

func TestControlsAlone(t *testing.T) {
	b := open(t, newWorld())
	for address, form := range map[string]string{"/services/reviews/traffic?fragment=controls": "weights-form", "/services/ratings/pool?fragment=controls": "pool-form"} {
		doc := b.get(address, http.StatusOK)
		if doc.Find(id(form)).Length() != 1 || doc.Find("h1, header, "+id("versions")).Length() != 0 {
			t.Errorf("%s is not the forms alone", address)
		}
		if action := doc.Find(id(form)).AttrOr("action", ""); strings.Contains(action, "fragment") {
			t.Errorf("%s leads to %s", address, action)
		}
	}
}

func TestFormsOfThoseWhoMayNot(t *testing.T) {
	w := newWorld()
	w.grants = "viewer"
	b := open(t, w)
	for _, address := range []string{weights, "/services/ratings/pool", "/services/reviews/health"} {
		doc := b.get(address, http.StatusOK)
		doc.Find("main form:has(input[name=desk])").Each(func(_ int, form *goquery.Selection) {
			if form.Find("fieldset[disabled]").Length() == 0 {
				t.Errorf("%s: %s can be sent", address, form.AttrOr("data-testid", ""))
			}
		})
		contains(t, address, text(doc.Find(id("refusal")).First()), "jiyoung is not operator of mesh sample_app")
	}
}
