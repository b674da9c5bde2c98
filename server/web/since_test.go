package web

import (
	"testing"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
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

// TestTroubleOlderThanTheProcess takes since when something is ill from what was recorded, through the gap of a restart.
func TestTroubleOlderThanTheProcess(t *testing.T) {
	noon := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	const (
		w = mesh.Healthy
		i = mesh.Unhealthy
		u = mesh.Unknown // nothing was recorded
	)
	minutes := func(n int) time.Time { return noon.Add(time.Duration(n-10) * time.Minute) }
	for name, each := range map[string]struct {
		seen    []mesh.Health // a minute each, up to noon
		since   time.Time
		atLeast bool
	}{
		"it is known":             {[]mesh.Health{w, w, w, i, i, i, i, i, i, i}, minutes(3), false},
		"through a restart":       {[]mesh.Health{w, w, w, i, i, u, u, w, i, i}, minutes(3), false},
		"well before the restart": {[]mesh.Health{i, i, w, w, w, u, u, i, i, i}, minutes(7), true},
		"ill, well and ill again": {[]mesh.Health{w, i, i, w, w, w, w, i, i, i}, minutes(7), false},
		"all the time":            {[]mesh.Health{i, i, i, i, i, i, i, i, i, i}, noon, true},
		"no history":              {nil, noon, true},
	} {
		f := timeline.Frames{Mesh: "m"}
		before := mesh.Healthy
		for k, h := range each.seen {
			f.At, f.Health = append(f.At, minutes(k)), append(f.Health, h)
			is := h
			if is == mesh.Unknown {
				is = mesh.Healthy
			}
			if k > 0 && is != before {
				f.Turns = append(f.Turns, timeline.Turn{At: minutes(k), From: "a", To: "b", Was: before, Is: is})
			}
			before = is
		}
		known := newTroubles()
		known.add(graph.Graph{Mesh: "m", Edges: []graph.Edge{{From: "a", To: "b", Health: mesh.Unhealthy}}, Nodes: []graph.Node{{ID: "b", Health: mesh.Unhealthy}}}, noon)
		if !known.unsure("m") {
			t.Fatal("what was ill from the beginning is said to have begun then")
		}
		known.recall("m", f)
		if known.unsure("m") {
			t.Errorf("%s: the history would be asked for ever", name)
		}
		for _, key := range []string{edgeKey("a", "b"), "b"} {
			if since, atLeast := known.of("m", key); !since.Equal(each.since) || atLeast != each.atLeast {
				t.Errorf("%s: %s is ill since %s (at least: %t), want %s (%t)", name, key, since, atLeast, each.since, each.atLeast)
			}
		}
	}
}
