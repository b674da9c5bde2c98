package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/canary"
)

// TestOverrideTwins runs into a guard rail by the page, the command and the request: each is refused in words and leaves
// nothing behind, and with a reason each leaves the same entry.
func TestOverrideTwins(t *testing.T) {
	s := openConsole(t)
	s.shell("weir apply -f - <<'END'\n" + twinMesh + "guard: {largestStep: 10}\nEND")
	form := twinForm{at: "/services/reviews/traffic", form: "weights-form", typed: url.Values{"weight.reviews-v1": {"20"}, "weight.reviews-v2": {"80"}}}
	const cli = "weir weights reviews/primary reviews-v1=20 reviews-v2=80 --mesh shop --confirm-within 60s"
	body := func(more string) string {
		return `{"weights":{"reviews-v1":20,"reviews-v2":80},"confirmWithin":"60s"` + more + `}`
	}
	before := s.newest().ID
	page, status := s.apply(s.review(form), nil)
	if said := page.Text(); status != http.StatusUnprocessableEntity || !strings.Contains(said, "55") {
		t.Errorf("the page: %d %.2000s", status, said)
	}
	if status, said := s.send(http.MethodPut, weighing, body("")); status != http.StatusForbidden || !strings.Contains(said, `"largestStep"`) {
		t.Errorf("the request: %d %s", status, said)
	}
	if said, code := s.run(cli); code != exitRefused || !strings.Contains(said, "--override") && !strings.Contains(said, "guard rail") {
		t.Errorf("the command: %d %s", code, said)
	}
	if s.newest().ID != before {
		t.Error("what was refused is in the ledger")
	}
	s.three(ways{
		page: func() { s.applied(s.review(form), url.Values{"override": {"it's on fire"}}) },
		request: func() {
			if status, said := s.send(http.MethodPut, weighing, body(`,"override":"it's on fire"`)); status != http.StatusAccepted {
				t.Errorf("the request: %d %s", status, said)
			}
		},
		command: func() { s.shell(cli + ` --override "it's on fire"`) },
	})
	if done := s.deeds(before)[0]; done.Override != "it's on fire" || len(done.Breaches) == 0 {
		t.Errorf("the override is recorded as %+v", done)
	}
}

// TestUndoTwins takes changes back: each way the configuration is byte for byte what it was. Where somebody else touched the
// same since, each way says so, and takes back what is named.
func TestUndoTwins(t *testing.T) {
	s := openConsole(t)
	s.shell("weir apply -f - <<'END'\n" + twinMesh + "END")
	file := func() string {
		_, text := s.send(http.MethodGet, "/config/mesh.yaml", "")
		return text
	}
	before, id := file(), ""
	if !strings.Contains(before, "weight: 75") {
		t.Fatalf("the file of the mesh is %.500s", before)
	}
	again := func(others bool) func() {
		return func() {
			if now := file(); now != before {
				t.Errorf("taken back, the mesh is\n%s\nand was\n%s", now, before)
			}
			if id = s.weigh("60", "40"); others {
				s.weigh("30", "70")
			}
		}
	}
	again(false)()
	s.same(ways{
		page:    func() { s.page(http.MethodPost, "/history/"+id, url.Values{"do": {"undo"}}) },
		request: func() { s.ask("/api/v1/changes/"+id+"/undo", "{}") },
		command: func() { s.shell("weir changes undo " + id) },
	}, again(false))
	s.ask("/api/v1/changes/"+id+"/undo", "{}")

	const field = "route/reviews/primary:targets"
	again(true)()
	s.same(ways{
		page: func() {
			action, values := filled(s.page(http.MethodPost, "/history/"+id, url.Values{"do": {"undo"}}), "undo-fields")
			values["take"] = []string{field}
			s.page(http.MethodPost, action, values)
		},
		request: func() {
			if status, said := s.send(http.MethodPost, "/api/v1/changes/"+id+"/undo", "{}"); status != http.StatusConflict || !strings.Contains(said, `"collisions"`) {
				t.Errorf("the request: %d %s", status, said)
			}
			s.ask("/api/v1/changes/"+id+"/undo", `{"take":{"route/reviews/primary":["targets"]}}`)
		},
		command: func() {
			if said, code := s.run("weir changes undo " + id); code != exitRefused || !strings.Contains(said, "--take route/reviews/primary:FIELD") {
				t.Errorf("the command: %d %s", code, said)
			}
			s.shell("weir changes undo " + id + " --take " + field)
		},
	}, again(true))
}

// TestRolloutVerbTwins begins a rollout and leads it through all of its verbs, in each of the three ways: the weights that it
// moves are the same in the ledger.
func TestRolloutVerbTwins(t *testing.T) {
	s := openConsole(t)
	s.shell("weir apply -f - <<'END'\n" + twinMesh + "END")
	s.same(ways{
		page: func() {
			action, values := filled(s.page(http.MethodGet, "/canaries/new?target=reviews/primary", nil), "rollout-form")
			for name, typed := range map[string]string{"preset": "own", "steps": "30\nanalysis", "canary": "reviews-v2", "stable": "reviews-v1"} {
				values.Set(name, typed)
			}
			s.applied(s.page(http.MethodPost, action, values), nil)
			s.lead(func(verb, id string) {
				page := s.page(http.MethodPost, "/canaries/"+id, url.Values{"do": {verb}})
				if page.Find(`[data-testid="apply-form"]`).Length() > 0 { // what moves all the traffic is reviewed
					s.applied(page, nil)
				}
			})
		},
		request: func() {
			s.ask("/api/v1/meshes/shop/canaries", `{"target":{"kind":"route","name":"reviews/primary"},"canary":"reviews-v2","stable":"reviews-v1","steps":[{"setWeight":30},{"analysis":{}}]}`)
			s.lead(func(verb, id string) { s.ask("/api/v1/canaries/"+id+"/"+verb, "") })
		},
		command: func() {
			s.shell("weir canary start reviews/primary --canary reviews-v2 --stable reviews-v1 --steps 30,analysis --mesh shop")
			s.lead(func(verb, id string) { s.shell("weir canary " + verb + " " + id) })
		},
	}, func() { s.weigh("75", "25") })
}

// lead leads the newest rollout through its verbs: no traffic comes, so that its analysis waits.
func (s console) lead(do func(verb, id string)) {
	s.Helper()
	id := s.rollout().ID
	s.stands(canary.Progressing, 30)
	for _, step := range []struct {
		verb   string
		phase  canary.Phase
		weight int
	}{
		{"pause", canary.Paused, 30},
		{"resume", canary.Progressing, 30},
		{"abort", canary.Aborted, 0},
		{"retry", canary.Progressing, 30},
		{"promote", canary.Succeeded, 100},
	} {
		do(step.verb, id)
		s.stands(step.phase, step.weight)
	}
}

// rollout is the newest rollout.
func (s console) rollout() canary.Rollout {
	s.Helper()
	var list struct{ Items []canary.Rollout }
	status, text := s.send(http.MethodGet, "/api/v1/meshes/shop/canaries?limit=1", "")
	if err := json.Unmarshal([]byte(text), &list); err != nil || status != http.StatusOK || len(list.Items) == 0 {
		s.Fatalf("the rollouts are %d %s: %v", status, text, err)
	}
	return list.Items[0]
}

// stands waits until the newest rollout is where it should be.
func (s console) stands(phase canary.Phase, weight int) {
	s.Helper()
	var r canary.Rollout
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if r = s.rollout(); r.Phase == phase && r.Weight == weight {
			return
		}
	}
	s.Fatalf("the rollout is %s at %d %%, want %s at %d %%: %s", r.Phase, r.Weight, phase, weight, r.Why)
}
