package server

import (
	"strings"
	"testing"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/mesh"
)

const sharing = `
name: sharing
nodes:
- {name: v1, listeners: [{port: 80, protocol: http}], serviceDiscovery: {registration: {}}}
- {name: v2, listeners: [{port: 80, protocol: http}], serviceDiscovery: {registration: {}}}
services: [{name: reviews, router: reviews}]
routers: [{name: reviews, listeners: [{port: 80, protocol: http}]}]
splits: [{name: even, targets: [{node: v1, weight: 3}, {node: v2, weight: 0}]}]
routes:
- {router: reviews, name: one, protocol: http, match: {prefix: /one}, split: even}
- {router: reviews, name: two, protocol: http, match: {prefix: /two}, split: even}
`

// A rollout of a split moves all of its routes in one change through the door. Whoever undoes that change by hand is not
// fought, and an abort leaves the split as it was.
func TestRolloutOfSplit(t *testing.T) {
	s, _ := run(t, quiet(t))
	want, err := definition.Mesh([]byte(sharing))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Propose(t.Context(), change.Proposal{Mesh: "sharing", Author: "ann", Patch: mesh.Patch{Put: want.Objects()}}); err != nil {
		t.Fatal(err)
	}
	even := mesh.Ref{Kind: mesh.KindSplit, Name: "even"}
	begin, _ := s.door.Object("sharing", even)
	quarter := 25
	r, err := s.rollouts.Start(t.Context(), "sharing", canary.Spec{
		Target: even, Steps: []canary.Step{{SetWeight: &quarter}, {Pause: &canary.Pause{}}},
	}, canary.By{Author: "ann"})
	if err != nil {
		t.Fatal(err)
	}
	look := func(what string, holds func(canary.Rollout) bool) canary.Rollout {
		t.Helper()
		eventually(t, what, func() bool {
			r, err = s.rollouts.Get(t.Context(), r.ID)
			if err != nil {
				t.Fatal(err)
			}
			return holds(r)
		})
		return r
	}
	look("it pauses at its first weight", func(r canary.Rollout) bool { return r.Phase == canary.Paused && r.Weight == 25 })
	moved, err := s.door.Change(t.Context(), r.Change)
	if err != nil || moved.Rollout != r.ID || len(moved.Objects) != 3 || moved.Author != "canary rollout "+r.ID {
		t.Errorf("the change is %+v, %v", moved, err)
	}
	current, _ := s.door.Mesh("sharing")
	for _, route := range current.Mesh.Routes {
		if shares := route.Shares(); shares["v2"] != 0.25 {
			t.Errorf("%s has %v", route.Ref(), shares)
		}
	}
	if id, ok := (holders{s}).Holds("sharing", even); !ok || id != r.ID {
		t.Errorf("the split is held by %q", id)
	}

	// The same move again, though somebody has changed the split since, is the change that was made.
	again := canary.Order{Mesh: "sharing", Target: even, Rollout: r.ID, Move: canary.Move{Targets: r.Targets, Reason: "another reason"}}
	again.Key = keyOf(t, s, r.Change)
	if id, err := (hands{s}).Move(t.Context(), again); err != nil || id != r.Change {
		t.Errorf("the same move again is change %s, %v, want %s", id, err, r.Change)
	}

	if _, err := s.door.Undo(t.Context(), r.Change, change.By{Author: "ben"}); err != nil {
		t.Fatal(err)
	}
	look("it notices", func(r canary.Rollout) bool { return r.Outside })
	if !strings.Contains(r.Why, "ben") || r.Phase != canary.Paused || !r.Gate {
		t.Errorf("after an undo by hand: %s: %s", r.Phase, r.Why)
	}
	if _, err := s.rollouts.Do(t.Context(), canary.VerbAbort, r.ID, canary.By{Author: "ann"}); err != nil {
		t.Fatal(err)
	}
	look("it lets the split go", func(r canary.Rollout) bool { return r.Phase == canary.Aborted && !r.Restoring })
	after, _ := s.door.Object("sharing", even)
	if got, was := after.Object.(mesh.Split), begin.Object.(mesh.Split); len(got.Targets) != 2 || got.Targets[0] != was.Targets[0] || got.Targets[1] != was.Targets[1] {
		t.Errorf("the split is %+v, it was %+v", got, was)
	}
	if len(r.Changes) != 1 {
		t.Errorf("it made the changes %v", r.Changes)
	}
}

// keyOf gives a change's idempotency key, which only the store knows.
func keyOf(t *testing.T, s *Server, id string) string {
	t.Helper()
	found, err := s.store.Records(t.Context(), change.Query{ID: id, Limit: 1})
	if err != nil || len(found) != 1 || found[0].Key == "" {
		t.Fatalf("%+v, %v", found, err)
	}
	return found[0].Key
}

// PromQL is asked of the embedded store; a vector, nothing and nonsense are what they are.
func TestAskMetric(t *testing.T) {
	s, _ := run(t, quiet(t))
	for expr, want := range map[string]int{`42`: 1, `vector(1)`: 1, `absent_metric{mesh="m"}`: 0, `vector(1) or label_replace(vector(2), "a", "b", "", "")`: 2} {
		values, err := s.askMetric(t.Context(), "m", expr)
		if err != nil || len(values) != want {
			t.Errorf("%s: %v, %v, want %d values", expr, values, err, want)
		}
	}
	if _, err := s.askMetric(t.Context(), "m", `sum(`); err == nil {
		t.Error("nonsense is answered")
	}
}
