package web_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/PuerkitoBio/goquery"

	"github.com/weirmesh/weir/server/mesh"
)

// shared is the sample whose two routes of reviews follow one split.
func shared() *world {
	w := newWorld()
	m := &w.meshes["sample_app"].Mesh
	both := mesh.Split{Name: "both", Targets: []mesh.WeightedTarget{{Node: "reviews-v1", Weight: 75}, {Node: "reviews-v2", Weight: 25}}}
	m.Splits = []mesh.Split{both}
	for i := range m.Routes {
		if m.Routes[i].Router == "reviews" {
			m.Routes[i].Split, m.Routes[i].Targets = "both", both.Targets
		}
	}
	w.meshes["sample_app"].Versions[both.Ref()] = 3
	return w
}

func TestASplitIsSetFromEachOfItsRoutes(t *testing.T) {
	w := shared()
	b := open(t, w)
	doc := b.get("/services/reviews/traffic", http.StatusOK)
	if got := doc.Find(id("shared")).First().Text(); !strings.Contains(got, "Follows the split both, which 2 routes share: ") || !strings.Contains(got, "reviews/primary") {
		t.Errorf("the form says %q", got)
	}
	if got := doc.Find(id("shared")+" a").First().AttrOr("href", ""); got != "/config/split/both" {
		t.Errorf("the split's definition is at %q", got)
	}
	action, form := submit(t, doc.Find(id("weights-form")).First(), map[string]string{"weight.reviews-v2": "50"})
	review := b.post(action, form, http.StatusOK)
	text := review.Text()
	if !strings.Contains(text, "2 routes that share the split both move together") {
		t.Error("the review does not say that both routes move")
	}
	if got := review.Find(id("twin-cli")).Text(); !strings.Contains(got, "weir weights both reviews-v1=50 reviews-v2=50") {
		t.Errorf("the command is %q", got)
	}
	action, form = submit(t, review.Find(id("apply-form")), map[string]string{"reason": "half"})
	b.post(action, form, http.StatusSeeOther)
	current, err := w.Mesh("sample_app")
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range current.Mesh.RoutesBy("both") {
		if r.Targets[1].Weight != 50 {
			t.Errorf("%s has %v", r.Ref(), r.Targets)
		}
	}
	form.Set("split", "other")
	b.post("/services/reviews/traffic", form, http.StatusConflict)
}

func TestASplitIsMadeOfARoute(t *testing.T) {
	w := newWorld()
	m := &w.meshes["sample_app"].Mesh
	twin := m.Routes[1]
	twin.Name, twin.Priority, twin.Match = "second", 20, mesh.Match{Prefix: "/second"}
	m.Routes = append(m.Routes, twin)
	w.meshes["sample_app"].Versions[twin.Ref()] = 3
	b := open(t, w)
	form := func() *goquery.Selection {
		return b.get("/services/reviews/traffic?route=primary", http.StatusOK).Find(id("knob-share") + " form")
	}
	for name, want := range map[string]string{"": "A name is needed", "a b": "letters, digits"} {
		action, values := submit(t, form(), map[string]string{"name": name})
		values.Del("with")
		again := b.post(action, values, http.StatusUnprocessableEntity)
		if got := text(again.Find(id("knob-share") + " " + id("field-error"))); !strings.Contains(got, want) {
			t.Errorf("%q: beside the field it says %q, want %q", name, got, want)
		}
	}
	address, sent := submit(t, form(), map[string]string{"name": "both", "with": "reviews/second"})
	review := b.post(address, sent, http.StatusOK)
	if said := text(review.Find("main")); !strings.Contains(said, "A new split both takes over the targets of: reviews/primary, reviews/second.") {
		t.Errorf("the review says %q", said)
	}
	if got := review.Find(id("twin-cli")).Text(); !strings.Contains(got, "weir apply -f -") || !strings.Contains(got, "kind: split") {
		t.Errorf("the command is %q", got)
	}
	action, values := applied(t, review)
	b.post(action, values, http.StatusSeeOther)
	if got := w.meshes["sample_app"].Mesh.RoutesBy("both"); len(got) != 2 {
		t.Errorf("the split is followed by %v", got)
	}
	again := b.post(address, sent, http.StatusUnprocessableEntity)
	if got := text(again.Find(id("knob-share") + " " + id("field-error"))); !strings.Contains(got, "follows a split already") {
		t.Errorf("the second time it says %q", got)
	}
	sent.Set("route", "beta")
	sent.Del("with")
	again = b.post(address, sent, http.StatusUnprocessableEntity)
	if got := text(again.Find(id("knob-share") + " " + id("field-error"))); !strings.Contains(got, "There is a split “both” already") {
		t.Errorf("a name that is taken: %q", got)
	}
}

// applied reads a review's form as it is sent.
func applied(t *testing.T, review *goquery.Document) (action string, form url.Values) {
	t.Helper()
	return submit(t, review.Find(id("apply-form")), nil)
}

func TestARouteLeavesItsSplit(t *testing.T) {
	w := shared()
	b := open(t, w)
	doc := b.get("/services/reviews/traffic?route=primary", http.StatusOK)
	if doc.Find(id("knob-share")).Length() > 0 || doc.Find(id("knob-targets")).Length() > 0 {
		t.Error("a route that follows a split is offered what only others have")
	}
	if to := doc.Find(id("shared")+" a").Last().AttrOr("href", ""); doc.Find("#"+to[strings.LastIndex(to, "#")+1:]+id("knob-leave")).Length() != 1 {
		t.Errorf("the way out leads to %q", to)
	}
	action, values := submit(t, doc.Find(id("knob-leave")+" form"), nil)
	review := b.post(action, values, http.StatusOK)
	if said := text(review.Find("main")); !strings.Contains(said, "reviews/primary leaves the split both and keeps the targets it has.") {
		t.Errorf("the review says %q", said)
	}
	action, values = applied(t, review)
	b.post(action, values, http.StatusSeeOther)
	got, _ := w.meshes["sample_app"].Mesh.Get(mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"})
	if r, ok := got.(mesh.Route); !ok || r.Split != "" || len(r.Targets) != 2 || r.Targets[0].Weight != 75 {
		t.Errorf("the route is %+v", got)
	}
}
