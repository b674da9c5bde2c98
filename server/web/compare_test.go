package web_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/ui/i18n"
)

// TestCompare compares two moments and leads to both, and from a change to what it did.
func TestCompare(t *testing.T) {
	w := newWorld()
	b := open(t, w)
	doc := b.get("/compare?from=2026-11-22T11:48:30Z&to=2026-11-22T11:53:00Z", http.StatusOK)
	if got := text(doc.Find(id("compare-verdict"))); got != "1 call got worse, 1 got better, 1 new, 1 gone, 1 with other numbers" {
		t.Errorf("the verdict is %q", got)
	}
	worse := doc.Find(id("delta-both") + ` [data-direction="worse"]`)
	if got := text(worse); !strings.Contains(got, "0.2 % → then 6.4 %") || worse.Length() != 1 {
		t.Errorf("what got worse: %q", got)
	}
	for part, at := range map[string]string{"delta-new": "11%3A53%3A00Z", "delta-vanished": "11%3A48%3A30Z"} {
		if to := doc.Find(id(part)+" a").First().AttrOr("href", ""); !strings.Contains(to, at) {
			t.Errorf("%s leads to %s, want the moment %s", part, to, at)
		}
	}
	if changes := doc.Find(id("between") + " a"); changes.Length() != 1 || changes.AttrOr("href", "") != "/history/chg-040" {
		t.Errorf("changes in between: %q", text(doc.Find(id("between"))))
	}
	change := b.get("/history/chg-040", http.StatusOK)
	if to := change.Find(id("effect")).AttrOr("href", ""); to != "/compare?from=2026-11-22T11%3A50%3A59Z&to=2026-11-22T11%3A52%3A00Z" {
		t.Errorf("before and after the change is %s", to)
	}
	if to := b.get("/history/chg-041", http.StatusOK).Find(id("effect")).AttrOr("href", ""); !strings.HasSuffix(to, "&to=now") {
		t.Errorf("before and after a change of 12 s ago is %s", to)
	}
	if to := b.get(incident, http.StatusOK).Find("[data-compare]").AttrOr("href", ""); to != "/compare?from=2026-11-22T11%3A53%3A00Z&to=now" {
		t.Errorf("compare with now is %s", to)
	}
	if got := text(b.get("/compare", http.StatusOK).Find(id("compare-empty"))); got == "" {
		t.Error("a comparison of nothing says nothing")
	}
	b.get("/compare?from=tomorrow", http.StatusUnprocessableEntity)
	b.get("/compare?from=2026-11-22T11:00:00Z", http.StatusNotFound)
	w.past.fail = mesh.Errorf(mesh.Unavailable, "the backend answers HTML")
	if doc := b.get("/compare?from=2026-11-22T11:53:00Z", http.StatusServiceUnavailable); doc.Find(id("compare-problem")).Length() != 1 {
		t.Error("a comparison that failed is not said to have")
	}
}

// TestSources shows what needs a look first, and filters by state.
func TestSources(t *testing.T) {
	b := open(t, newWorld())
	doc := b.get("/sources", http.StatusOK)
	for part, want := range map[string][]string{"remote": {"down", "degraded", "idle"}, "target": {"down", "degraded", "idle", "ok"}} {
		rows := doc.Find(id(part))
		for i, state := range want {
			if got := rows.Eq(i).AttrOr("data-state", ""); got != state {
				t.Errorf("%s %d is %s, want %s", part, i, got, state)
			}
		}
	}
	if got := text(doc.Find(id("store"))); !strings.Contains(got, "131,204 of 150,000") || !strings.Contains(got, "1,480 beyond a limit") {
		t.Errorf("the store says %q", got)
	}
	if got := b.get("/sources?state=down", http.StatusOK).Find(id("target")).Length(); got != 1 {
		t.Errorf("%d targets are down, want 1", got)
	}
	if got := text(b.get("/sources?state=nonsense", http.StatusOK).Find(id("targets") + " .empty")); got != "No target is in this state." {
		t.Errorf("a state that no target is in: %q", got)
	}
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	for _, state := range []query.State{query.OK, query.Degraded, query.Down, query.Idle} {
		if !texts.Locale(i18n.English).Has("source.state." + string(state)) {
			t.Errorf("the state %s has no words", state)
		}
	}
	w := newWorld()
	w.past = nil
	none := open(t, w).get("/sources", http.StatusOK)
	if none.Find(id("no-store")).Length() != 1 || !strings.Contains(none.Find(id("no-targets")).Text(), "targets: [10.0.0.5:9901]") {
		t.Error("without a store and targets it is not said how to get them")
	}
}
