package web

import (
	"testing"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

func TestTroubles(t *testing.T) {
	noon := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	picture := func(h mesh.Health) graph.Graph {
		return graph.Graph{Mesh: "m", Edges: []graph.Edge{{From: "a", To: "b", Health: h}}, Nodes: []graph.Node{{ID: "b", Health: h}}}
	}
	known := newTroubles()
	at := noon
	step := func(h mesh.Health, seconds int) {
		for range seconds {
			known.add(picture(h), at)
			at = at.Add(time.Second)
		}
	}
	want := func(what string, since time.Time, atLeast bool) {
		t.Helper()
		for _, key := range []string{edgeKey("a", "b"), "b"} {
			if got, least := known.of("m", key); !got.Equal(since) || least != atLeast {
				t.Errorf("%s: %s is ill since %s (at least: %t), want %s (%t)", what, key, got, least, since, atLeast)
			}
		}
	}
	step(mesh.Unhealthy, 3)
	want("ill from the beginning", noon, true)
	step(mesh.Healthy, 30)
	want("well again", time.Time{}, false)
	began := at
	step(mesh.Degraded, 5)
	step(mesh.Healthy, 10)
	step(mesh.Unhealthy, 5)
	want("ill again within the calm", began, false)
	known.keep([]string{"other"})
	want("a mesh that is gone", time.Time{}, false)
}
