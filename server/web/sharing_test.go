package web_test

import (
	"net/http"
	"strings"
	"testing"

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
