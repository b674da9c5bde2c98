package store

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weirmesh/weir/server/canary"
	canaryjudge "github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// rollout is one that has just begun.
func rollout(id, route string) canary.Rollout {
	five, at := 5, noon
	return canary.Rollout{
		ID: id, Mesh: "m", Author: "ann", Reason: "v2 <b> & 한국어", At: at, Phase: canary.Pending, Since: at, Why: "is about to begin",
		Spec: canary.Spec{
			Target: mesh.Ref{Kind: mesh.KindRoute, Name: route}, Stable: "a", Canary: "b",
			Steps: []canary.Step{{SetWeight: &five}, {Analysis: &struct{}{}}, {Pause: &canary.Pause{Duration: mesh.Duration(time.Minute)}}},
			Analysis: canary.Analysis{
				Judge: canaryjudge.Defaults(), Metrics: []canary.Check{{Name: "c", Query: "up", Min: new(float64)}},
			},
		},
		Changes: []string{}, Attempt: 1, Version: 1,
		Before: []mesh.WeightedTarget{{Node: "a", Weight: 1}, {Node: "b"}}, Targets: []mesh.WeightedTarget{{Node: "a", Weight: 1}, {Node: "b"}},
	}
}

func TestRolloutSurvives(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		r := rollout("0000000001", "r/a")
		if err := s.CreateRollout(t.Context(), r); err != nil {
			t.Fatal(err)
		}
		r.Version, r.Phase, r.Step, r.Weight, r.Change, r.Changes = 2, canary.Progressing, 1, 5, "x", []string{"x"}
		r.Move = &canary.Move{Key: "k", Base: 7, Weight: 25, Targets: r.Targets, Reason: "because"}
		evidence := json.RawMessage(`{"judge":{"a":0.1}}`)
		if err := s.UpdateRollout(t.Context(), r, evidence); err != nil {
			t.Fatal(err)
		}
		if err := s.UpdateRollout(t.Context(), r, evidence); mesh.CodeOf(err) != mesh.Conflict {
			t.Errorf("the same version again: %v", err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		s = open(t, at)
		got, found, err := s.Rollout(t.Context(), r.ID)
		if err != nil || string(found) != string(evidence) {
			t.Fatalf("evidence %s, %v", found, err)
		}
		if diff := cmp.Diff(r, got); diff != "" {
			t.Errorf("read back: %s", diff)
		}
		if _, _, err := s.Rollout(t.Context(), "nobody"); mesh.CodeOf(err) != mesh.NotFound {
			t.Errorf("a rollout that is not there: %v", err)
		}
		r.ID, r.Version = "nobody", 3
		if err := s.UpdateRollout(t.Context(), r, evidence); mesh.CodeOf(err) != mesh.NotFound {
			t.Errorf("update of one that is not there: %v", err)
		}
	})
}

// There is one active rollout on a target, also when an aborted one begins again.
func TestOneRolloutAtATime(t *testing.T) {
	each(t, func(t *testing.T, at string) {
		s := open(t, at)
		create := func(id, route string, want mesh.Code) canary.Rollout {
			t.Helper()
			r := rollout(id, route)
			if err := s.CreateRollout(t.Context(), r); mesh.CodeOf(err) != want {
				t.Fatalf("create %s on %s: %v, want %q", id, route, err, want)
			}
			return r
		}
		update := func(r *canary.Rollout, phase canary.Phase, want mesh.Code) {
			t.Helper()
			next := *r
			next.Version, next.Phase = r.Version+1, phase
			err := s.UpdateRollout(t.Context(), next, json.RawMessage(`{}`))
			if mesh.CodeOf(err) != want {
				t.Fatalf("%s to %s: %v, want %q", r.ID, phase, err, want)
			}
			if err == nil {
				*r = next
			}
		}
		first := create("0000000001", "r/a", "")
		create("0000000002", "r/a", mesh.Conflict)
		create("0000000003", "r/b", "")
		first.Restoring = true
		update(&first, canary.Aborted, "")
		create("0000000004", "r/a", mesh.Conflict)
		first.Restoring = false
		update(&first, canary.Aborted, "")
		second := create("0000000005", "r/a", "")
		update(&first, canary.Pending, mesh.Conflict)
		update(&second, canary.Succeeded, "")
		update(&first, canary.Pending, "")

		ids := func(q canary.Query) (ids []string) {
			t.Helper()
			list, err := s.Rollouts(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				ids = append(ids, r.ID)
			}
			return ids
		}
		for _, c := range []struct {
			q    canary.Query
			want []string
		}{
			{canary.Query{}, []string{"0000000005", "0000000003", "0000000001"}},
			{canary.Query{Limit: 1}, []string{"0000000005"}},
			{canary.Query{Before: "0000000005"}, []string{"0000000003", "0000000001"}},
			{canary.Query{Active: true}, []string{"0000000003", "0000000001"}},
			{canary.Query{Phase: canary.Succeeded}, []string{"0000000005"}},
			{canary.Query{Target: mesh.Ref{Kind: mesh.KindRoute, Name: "r/b"}}, []string{"0000000003"}},
			{canary.Query{Mesh: "other"}, nil},
		} {
			if got := ids(c.q); !slices.Equal(got, c.want) {
				t.Errorf("%+v finds %v, want %v", c.q, got, c.want)
			}
		}
	})
}
