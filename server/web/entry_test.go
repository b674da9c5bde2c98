package web_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/web"
)

func (w *world) Extend(_ context.Context, id string, _ change.By, within time.Duration) (change.Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i, c := range w.changes {
		if c.ID == id && c.ConfirmBy != nil {
			later := c.ConfirmBy.Add(within)
			w.changes[i].ConfirmBy = &later
			return w.changes[i], nil
		}
	}
	return change.Change{}, mesh.Errorf(mesh.Conflict, "change %s has no deadline to extend", id)
}

func (*world) Ways(context.Context, string) ([]change.Collision, error) { return collisions(), nil }

func (w *world) UndoFields(ctx context.Context, id string, by change.By, picks []change.Pick) (change.Change, error) {
	if len(picks) != 1 || picks[0].Version != 7 || strings.Join(picks[0].Fields, " ") != "targets" {
		return change.Change{}, mesh.Errorf(mesh.Conflict, "route reviews/primary is version 8 now: look at it again")
	}
	return w.Undo(ctx, id, by)
}

func collisions() []change.Collision {
	return []change.Collision{{
		Object: mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}, Version: 7, By: "chg-3",
		Fields: []change.Ways{
			{Field: "priority", Base: "5", Theirs: "7", Yours: "0"},
			{Field: "targets", Base: `[{"node":"a"}]`, Theirs: `[{"node":"a"}]`, Yours: `[{"node":"<img onerror>"}]`, Clean: true},
			{Field: "timeout", Theirs: `{}`, Foreign: true},
		},
	}}
}

// railed is a world whose guard rails let nothing pass without a reason, and in which everything was touched since.
type railed struct{ *world }

func (r railed) Propose(ctx context.Context, p change.Proposal) (change.Change, error) {
	rails := []guard.Breach{{Rule: guard.Freeze, Message: `route reviews/primary is frozen until Monday (<b>sales</b>)`}}
	if !p.DryRun && p.Override == "" {
		return change.Change{}, &mesh.Error{Code: mesh.Denied, Message: "guard rails stand in the way", Err: &change.Guarded{Breaches: rails}}
	}
	c, err := r.world.Propose(ctx, p)
	c.Breaches, c.Override = rails, p.Override
	return c, err
}

func (r railed) Undo(_ context.Context, id string, _ change.By) (change.Change, error) {
	return change.Change{}, &mesh.Error{Code: mesh.Conflict, Message: "touched since", Err: &change.Collisions{Change: id, List: collisions()}}
}

func railedBrowser(t *testing.T, w *world) *browser {
	t.Helper()
	r := railed{w}
	site, err := web.New(web.Options{
		Meshes: w, Changes: r, Verdicts: r, Entries: w, Graphs: w, Proxies: w, Dumps: w, Versions: w, Stats: w.stats, Advise: w.advise,
		Now: noon,
	})
	if err != nil {
		t.Fatal(err)
	}
	site.Remember(w.graphs)
	engine := gin.New()
	engine.Use(w.asks)
	site.Mount(engine)
	return &browser{t: t, site: engine, cookies: map[string]string{"weir_lang": "en"}}
}

// A review shows the guard rails in the way and asks for a reason; applied without one it is asked for again, with one it is
// done. Everything works without script.
func TestReviewShowsGuardRails(t *testing.T) {
	w := newWorld()
	b := railedBrowser(t, w)
	action, form := submit(t, b.weightsForm(), map[string]string{"weight.reviews-v2": "50"})
	review := b.post(action, form, http.StatusOK)
	if got := text(review.Find(id("rail"))); got != "route reviews/primary is frozen until Monday (<b>sales</b>)" {
		t.Errorf("the rail reads %q", got)
	}
	action, form = submit(t, review.Find(id("apply-form")), map[string]string{"reason": "third step"})
	again := b.post(action, form, http.StatusUnprocessableEntity)
	if got := text(again.Find(id("rails") + " .error")); got != "Say why, or change what is proposed." {
		t.Errorf("without a reason it says %q", got)
	}
	if weightsOf(w) != [2]int{75, 25} {
		t.Fatal("a refused change changed the mesh")
	}
	action, form = submit(t, again.Find(id("apply-form")), map[string]string{"override": "v1 is on fire"})
	if answer := b.do(http.MethodPost, action, form); answer.Code != http.StatusSeeOther {
		t.Fatalf("with a reason: %d", answer.Code)
	}
	if weightsOf(w) != [2]int{50, 50} {
		t.Error("nothing was changed")
	}
}

// An undo that others stand in the way of leads to the three versions of each field; what is ticked is taken back.
func TestUndoField(t *testing.T) {
	w := newWorld()
	b := railedBrowser(t, w)
	at := "/history/" + w.changes[0].ID
	answer := b.do(http.MethodPost, at, url.Values{"do": {"undo"}})
	to := answer.Header().Get("Location")
	if answer.Code != http.StatusSeeOther || !strings.HasPrefix(to, at+"/undo") {
		t.Fatalf("%d to %q", answer.Code, to)
	}
	page := b.get(to, http.StatusOK)
	fields := page.Find(id("field"))
	if got := text(fields.Eq(1)); got != `targets only this change [{"node":"a"}] [{"node":"a"}] [{"node":"<img onerror>"}]` {
		t.Errorf("the field reads %q", got)
	}
	action, form := submit(t, page.Find(id("undo-fields")), nil)
	if strings.Join(form["take"], " ") != "route/reviews/primary:targets" {
		t.Errorf("ticked are %q", form["take"])
	}
	stale := url.Values{"seen.route/reviews/primary": {"6"}, "take": {"route/reviews/primary:priority"}}
	refused := b.post(action, stale, http.StatusConflict)
	if got := text(refused.Find(id("problem"))); !strings.Contains(got, "look at it again") {
		t.Errorf("it says %q", got)
	}
	if got := refused.Find(`input[name="take"][checked]`).AttrOr("value", ""); got != "route/reviews/primary:priority" {
		t.Errorf("ticked after a refusal is %q", got)
	}
	if answer := b.do(http.MethodPost, action, form); answer.Code != http.StatusSeeOther {
		t.Fatalf("taken back: %d", answer.Code)
	}
}

// A change that waits can be given more time, and says what became of it.
func TestExtendAndMore(t *testing.T) {
	w := newWorld()
	by := noon().Add(time.Minute)
	yes := true
	w.changes[0].State, w.changes[0].ConfirmBy = change.Pending, &by
	w.changes[0].Note, w.changes[0].Override, w.changes[0].Hash = "left as it is: <b>", "fire", strings.Repeat("a", 64)
	w.changes[0].Observed = &change.Observed{Agrees: &yes, Before: &change.Reading{Window: "30s", Requests: 1200, ErrorRatio: 0.01, P50: 0.004, P95: 0.02}, After: &change.Reading{Window: "30s"}}
	w.changes[0].Timeline = []change.Moment{{At: noon(), What: "accepted"}, {At: noon(), What: "programmed", Text: "3/3"}}
	b := open(t, w)
	at := "/history/" + w.changes[0].ID
	page := b.get(at, http.StatusOK)
	for name, want := range map[string]string{"note": "left as it is: <b>", "moments": "3/3", "readings": "Before 30s 1,200 1.0 % 4.0 ms 20 ms", "hash": "aaaaaaaaaaaa", "override": "fire"} {
		if got := text(page.Find(id(name))); !strings.Contains(got, want) {
			t.Errorf("%s reads %q, want %q", name, got, want)
		}
	}
	action, form := submit(t, page.Find(id("extend-form")), nil)
	form.Set("within", "5m")
	if answer := b.do(http.MethodPost, action, form); answer.Code != http.StatusSeeOther || !w.changes[0].ConfirmBy.Equal(by.Add(5*time.Minute)) {
		t.Errorf("%d, until %v", answer.Code, w.changes[0].ConfirmBy)
	}
	form.Set("within", "soon")
	if answer := b.do(http.MethodPost, action, form); answer.Code != http.StatusUnprocessableEntity {
		t.Errorf("by nothing: %d", answer.Code)
	}
}
