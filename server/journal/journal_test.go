package journal

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/provider"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func whats(list []Event) string {
	words := make([]string, len(list))
	for i, e := range list {
		words[i] = e.What
	}
	return strings.Join(words, " ")
}

func entry(id string) change.Change {
	return change.Change{
		ID: id, Mesh: "m", Kind: mesh.KindRoute, Name: "reviews/primary", Summary: "reviews/primary: v2 10 % → 50 %", Author: "ann",
		At: noon, State: change.Kept, Accepted: &change.Accepted{Revision: 2, At: noon},
	}
}

func TestSentencesHaveTheirWords(t *testing.T) {
	if got := Sentence("rollout.step", map[string]string{"canary": "v2", "target": "reviews/primary", "weight": "25"}); got != "the rollout of v2 on reviews/primary is at 25 %" {
		t.Error(got)
	}
	left := regexp.MustCompile(`\{|\}|  |^ | $`)
	agrees, no := true, false
	c := entry("1")
	c.Override, c.ConfirmedBy, c.Programmed, c.Observed = "urgent", "min",
		&change.Programmed{Acked: 2, Total: 3, At: &noon, Rejected: []provider.Rejection{{Proxy: "p", Message: "no"}}}, &change.Observed{Agrees: &agrees}
	all := newChanges().take(c, noon)
	c.ID, c.Observed.Agrees, c.State = "2", &no, change.Reverted
	all = append(all, newChanges().take(c, noon)...)
	r := canary.Rollout{ID: "r", At: noon, Spec: canary.Spec{Target: mesh.Ref{Kind: mesh.KindRoute, Name: "r/p"}, Canary: "v2"}}
	for _, r.Phase = range canary.Phases() {
		for _, r.Analysis.Outcome = range []judge.Result{judge.Failed, judge.Successful, judge.ResultInconclusive} {
			r.Cause, r.Gate = canary.CauseGuard, true
			all = append(all, rollouts{}.take(r, noon, noon)...)
		}
	}
	for _, e := range all {
		if e.Text == "" || left.MatchString(e.Text) {
			t.Errorf("%s: %q", e.What, e.Text)
		}
	}
	if len(all) < 20 {
		t.Errorf("only %d events", len(all))
	}
}

func TestChangesAreToldOnce(t *testing.T) {
	told := newChanges()
	c := entry("1")
	c.State = change.Pending
	if got := whats(told.take(c, noon)); got != "change.pending" {
		t.Error(got)
	}
	c.Programmed = &change.Programmed{Acked: 3, Total: 3, At: &noon}
	if got := whats(told.take(c, noon)); got != "change.programmed" {
		t.Error(got)
	}
	agrees := true
	c.State, c.ConfirmedBy, c.Observed = change.Kept, "min", &change.Observed{Agrees: &agrees}
	if got := whats(told.take(c, noon)); got != "verdict.agrees change.kept" {
		t.Error(got)
	}
	if got := told.take(c, noon); len(got) != 0 {
		t.Errorf("told again: %v", got)
	}
	c.DryRun, c.ID = true, "2"
	if got := told.take(c, noon); len(got) != 0 {
		t.Errorf("a dry run was told: %v", got)
	}
	for i := range 3 * maxChanges {
		told.take(entry(fmt.Sprint("c", i)), noon)
	}
	if len(told.told) > maxChanges || len(told.order) > maxChanges {
		t.Errorf("%d entries are remembered", len(told.told))
	}
}

func TestRolloutsTurn(t *testing.T) {
	told := rollouts{}
	r := canary.Rollout{
		ID: "r1", Mesh: "m", At: noon, Phase: canary.Progressing, Weight: 10, Why: "step 1 of 3",
		Spec: canary.Spec{Target: mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}, Canary: "v2"},
	}
	steps := []struct {
		do   func()
		want string
	}{
		{func() {}, "rollout.began rollout.step"},
		{func() {}, ""},
		{func() { r.Weight = 25 }, "rollout.step"},
		{func() { r.Phase, r.Gate = canary.Paused, true }, "rollout.paused"},
		{func() { r.Phase, r.Cause = canary.Progressing, canary.CauseGuard }, "guard.holds"},
		{func() { r.Phase, r.Cause, r.Analysis.Outcome = canary.Aborted, canary.CauseEvidence, judge.Failed }, "verdict.failed rollout.aborted"},
	}
	for i, s := range steps {
		s.do()
		if got := whats(told.take(r, noon, noon.Add(time.Minute))); got != s.want {
			t.Errorf("step %d: %q, want %q", i, got, s.want)
		}
	}
	old := r
	old.ID, old.At, old.Phase = "r0", noon.Add(-time.Hour), canary.Progressing
	if got := told.take(old, noon, noon); len(got) != 0 {
		t.Errorf("a rollout of an earlier process was told as new: %v", got)
	}
}

func TestAStormOfProxiesIsOneEvent(t *testing.T) {
	var list []provider.Proxy
	for i := range 5000 {
		list = append(list, provider.Proxy{ID: fmt.Sprintf("p-%04d", i), Node: "n", State: provider.Synced, Since: noon})
	}
	was, events := compareProxies("m", nil, list, noon)
	if len(events) != 1 || events[0].Text != "5000 proxies connected: p-0000, p-0001, p-0002 …" {
		t.Errorf("%+v", events)
	}
	for i := range list {
		list[i].State = provider.Gone
	}
	was, events = compareProxies("m", was, list[:4000], noon) // some are not even listed any more
	if len(events) != 1 || events[0].With["count"] != "5000" || events[0].What != "proxy.left.many" || events[0].Severity != Warning {
		t.Errorf("%+v", events)
	}
	if _, events = compareProxies("m", was, list[:4000], noon); len(events) != 0 {
		t.Errorf("told again: %v", whats(events))
	}
	if _, events = compareProxies("m", was, nil, noon); len(events) != 0 {
		t.Errorf("those that left were told again when they were forgotten: %v", whats(events))
	}
}

func TestAProxy(t *testing.T) {
	p := provider.Proxy{ID: "p", Node: "n", State: provider.Pending, Since: noon}
	var was map[string]presence
	for i, s := range []struct {
		do   func()
		want string
	}{
		{func() {}, "proxy.came"},
		{func() { p.State, p.Message = provider.Rejected, "no such cluster" }, "rejected.proxy"},
		{func() {}, ""},
		{func() { p.State = provider.Synced }, "rejected.taken"},
		{func() { p.Since = noon.Add(time.Second) }, "proxy.again"},
		{func() { p.State = provider.Gone }, "proxy.left"},
		{func() { p.State = provider.Refused }, "proxy.refused"},
	} {
		s.do()
		var events []Event
		was, events = compareProxies("m", was, []provider.Proxy{p}, noon)
		if got := whats(events); got != s.want {
			t.Errorf("step %d: %q, want %q", i, got, s.want)
		}
	}
}

// watcher shows pictures second by second.
type watcher struct {
	conditions
	now  time.Time
	told []string
}

func (w *watcher) show(seconds int, g func(second int) graph.Graph) {
	for i := range seconds {
		w.now = w.now.Add(time.Second)
		for _, e := range w.take(g(i), w.now) {
			w.told = append(w.told, e.Text)
		}
	}
}

func picture(health mesh.Health) graph.Graph {
	return graph.Graph{Mesh: "m", Fresh: true, Nodes: []graph.Node{
		{ID: "reviews-v1", Kind: graph.KindNode, Name: "reviews-v1", Service: "reviews", Health: mesh.Healthy},
		{ID: "reviews-v2", Kind: graph.KindNode, Name: "reviews-v2", Service: "reviews", Health: health, Why: []string{"5 % fail"}},
	}}
}

func TestHealthThatFlapsDoesNotFlood(t *testing.T) {
	w := watcher{conditions: make(conditions), now: noon}
	w.show(10, func(int) graph.Graph { return picture(mesh.Healthy) })
	w.show(3, func(int) graph.Graph { return picture(mesh.Unhealthy) }) // too short
	w.show(10, func(int) graph.Graph { return picture(mesh.Healthy) })
	if len(w.told) != 0 {
		t.Errorf("a blink was told: %v", w.told)
	}
	w.show(10, func(int) graph.Graph { return picture(mesh.Unhealthy) })
	w.show(20, func(int) graph.Graph { return picture(mesh.Healthy) })
	if want := []string{"reviews is failing", "reviews is well again"}; !slices.Equal(w.told, want) {
		t.Errorf("%v, want %v", w.told, want)
	}
	for range 30 { // ten minutes to and fro
		w.show(7, func(int) graph.Graph { return picture(mesh.Unhealthy) })
		w.show(17, func(int) graph.Graph { return picture(mesh.Healthy) })
	}
	if len(w.told) > 8 || !strings.Contains(w.told[len(w.told)-1], "to and fro") {
		t.Errorf("it flooded: %q", w.told)
	}
	w.show(70, func(int) graph.Graph { return picture(mesh.Degraded) })
	if last := w.told[len(w.told)-1]; last != "reviews is degraded" {
		t.Errorf("after it stayed: %q", last)
	}
	n := len(w.told)
	w.show(70, func(int) graph.Graph { g := picture(mesh.Healthy); g.Fresh = false; return g })
	w.show(70, func(int) graph.Graph { g := picture(mesh.Idle); g.Nodes[0].Health = mesh.Idle; return g })
	if len(w.told) != n {
		t.Errorf("a picture that is old, or without traffic, was told: %q", w.told[n:])
	}
}

func TestAnOutageIsAFewEvents(t *testing.T) {
	w := watcher{conditions: make(conditions), now: noon}
	w.show(10, func(int) graph.Graph {
		g := graph.Graph{Mesh: "m", Fresh: true}
		for i := range 500 {
			g.Nodes = append(g.Nodes, graph.Node{ID: fmt.Sprint("n", i), Kind: graph.KindNode, Name: fmt.Sprint("n", i), Health: mesh.Unhealthy})
			g.Edges = append(g.Edges, graph.Edge{From: "a", To: fmt.Sprint("n", i), Health: mesh.Unhealthy})
		}
		return g
	})
	if len(w.told) != 1 || !strings.HasPrefix(w.told[0], "1000 are failing: ") {
		t.Errorf("%q", w.told)
	}
}

// shelf keeps events in memory. It may refuse.
type shelf struct {
	mu     sync.Mutex
	list   []Event
	refuse int  // so many times
	answer bool // a refused batch is recorded all the same
}

func (s *shelf) RecordEvents(_ context.Context, list []Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.refuse > 0 {
		s.refuse--
		if s.answer {
			s.list = append(s.list, list...)
		}
		return mesh.Errorf(mesh.Unavailable, "the disk is full")
	}
	if n := len(s.list); n > 0 && list[0].ID <= s.list[n-1].ID {
		return mesh.Errorf(mesh.Internal, "event %d is there already", list[0].ID)
	}
	s.list = append(s.list, list...)
	return nil
}

func (s *shelf) Events(_ context.Context, q Query) ([]Event, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Event
	for _, e := range s.list {
		if q.Matches(e) {
			found = append(found, e)
		}
	}
	if q.After == 0 && !q.Forward {
		slices.Reverse(found)
	}
	if q.Limit > 0 && len(found) > q.Limit {
		found = found[:q.Limit]
	}
	return found, nil
}

// book is a ledger.
type book struct {
	mu      sync.Mutex
	entries []change.Change // newest first
	bus     event.Bus[change.Change]
}

func (b *book) Changes(_ context.Context, q change.Query) ([]change.Change, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := slices.Clone(b.entries)
	if q.Before != "" {
		list = slices.DeleteFunc(list, func(c change.Change) bool { return c.ID >= q.Before })
	}
	return list[:min(len(list), q.Limit)], nil
}

func (b *book) Events() *event.Bus[change.Change] { return &b.bus }
