package timeline

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

func TestAtIsWhatWasConfiguredAndSeenThen(t *testing.T) {
	r := newRig(t)
	r.reader.partial = true
	for _, c := range []struct {
		minutes    int
		rate       float64
		nodes      int // configured then, the service among them
		weight     float64
		health     mesh.Health
		errorRatio float64
	}{
		{5, 5, 4, 1, mesh.Healthy, 0},
		{15, 15, 5, 1, mesh.Healthy, 0},
		{40, 40, 5, 0.5, mesh.Unhealthy, 0.1},
	} {
		at := noon.Add(time.Duration(c.minutes) * time.Minute)
		g, err := r.At(t.Context(), "shop", at, time.Minute)
		if err != nil {
			t.Fatal(err)
		}
		if !g.At.Equal(at) || g.Window != "1m" || g.Mesh != "shop" || !g.Fresh {
			t.Errorf("%d: the picture is of %s at %v over %s, fresh %v", c.minutes, g.Mesh, g.At, g.Window, g.Fresh)
		}
		if !g.Partial || len(g.Notes) != 1 {
			t.Errorf("%d: what is missing is not said: %v", c.minutes, g.Notes)
		}
		if len(g.Nodes) != c.nodes {
			t.Errorf("%d: %d nodes, want %d", c.minutes, len(g.Nodes), c.nodes)
		}
		var e graph.Edge
		for _, one := range g.Edges {
			if one.To == "v1" {
				e = one
			}
		}
		if e.RequestRate != c.rate || e.ErrorRatio != c.errorRatio || e.Health != c.health || e.Weight == nil || *e.Weight != c.weight {
			t.Errorf("%d: %+v", c.minutes, e)
		}
	}
}

func TestWhatNobodyCanAnswer(t *testing.T) {
	r := newRig(t)
	half := noon.Add(30 * time.Minute)
	ask := func(at time.Time, window time.Duration) error {
		_, err := r.At(t.Context(), "shop", at, window)
		return err
	}
	film := func(start, end time.Time, step, window time.Duration) error {
		_, err := r.Frames(t.Context(), "shop", mesh.Span{Start: start, End: end, Step: step, Window: window})
		return err
	}
	compare := func(from, to time.Time) error {
		_, err := r.Compare(t.Context(), "shop", from, to, 0)
		return err
	}
	plot := func(of mesh.Subject) error {
		_, err := r.Plot(t.Context(), "shop", of, mesh.Span{Start: noon, End: half})
		return err
	}
	strange := func() error {
		_, err := r.At(t.Context(), "shoe", half, 0)
		return err
	}
	for _, c := range []struct {
		name string
		err  error
		code mesh.Code
		in   string
	}{
		{"future", ask(r.now.Add(time.Minute), 0), mesh.Invalid, "at 2026-03-01 13:01:00 UTC: this lies in the future (it is 2026-03-01 13:00:00 UTC now)"},
		{"before the retention", ask(noon.Add(-2*time.Hour), 0), mesh.NotFound, "numbers of mesh shop are kept since 2026-03-01 11:00:00 UTC"},
		{"before the mesh", ask(noon.Add(-time.Minute), 0), mesh.NotFound, "mesh shop was first recorded at 2026-03-01 12:00:00 UTC"},
		{"no such mesh", strange(), mesh.NotFound, "the meshes are shop"},
		{"narrow", ask(half, time.Second), mesh.Invalid, "window 1s: from 5s to 24h"},
		{"wide", ask(half, 25*time.Hour), mesh.Invalid, "window 25h0m0s: from 5s to 24h"},
		{"backwards film", film(half, noon, 0, 0), mesh.Invalid, "the span has to begin before it ends"},
		{"film of the future", film(half, r.now.Add(time.Hour), 0, 0), mesh.Invalid, "end 2026-03-01 14:00:00 UTC: this lies in the future"},
		{"long film", film(noon, half, time.Second, 0), mesh.Invalid, "1801 moments, at most 720 are answered: shorten the span, or take a step of at least 5s"},
		{"quick film", film(noon, half, time.Millisecond, 0), mesh.Invalid, "step 1ms: at least 1s"},
		{"film of one moment", film(noon, half, time.Hour, 0), mesh.Invalid, "take a shorter step"},
		{"film of a wide window", film(noon, half, 0, 48*time.Hour), mesh.Invalid, "from 5s to 24h"},
		{"film before the mesh", film(noon.Add(-30*time.Minute), noon.Add(-10*time.Minute), 0, 0), mesh.NotFound, "first recorded"},
		{"backwards comparison", compare(half, noon), mesh.Invalid, "give the earlier moment first"},
		{"comparison with the future", compare(half, r.now.Add(time.Hour)), mesh.Invalid, "to 2026-03-01 14:00:00 UTC: this lies in the future"},
		{"half an edge", plot(mesh.Subject{From: "front"}), mesh.Invalid, "an edge has two ends"},
	} {
		if c.err == nil || !strings.Contains(c.err.Error(), c.in) || mesh.CodeOf(c.err) != c.code {
			t.Errorf("%s: %v (%s), want %s (%s)", c.name, c.err, mesh.CodeOf(c.err), c.in, c.code)
		}
	}
	if n := r.reader.asked.Load(); n != 0 {
		t.Errorf("the reader was asked %d times for what is refused", n)
	}
	if err := ask(r.now.Add(time.Second), 0); err != nil {
		t.Errorf("a clock that is a second ahead: %v", err)
	}
}

func TestWithoutAReader(t *testing.T) {
	r := newRig(t)
	none := mesh.Errorf(mesh.Unavailable, "no metrics are stored: configure a store")
	r.o.Readers = func(string) (Reader, error) { return nil, none }
	over := mesh.Span{Start: noon, End: noon.Add(time.Minute)}
	_, atErr := r.At(t.Context(), "shop", noon, 0)
	_, filmErr := r.Frames(t.Context(), "shop", over)
	_, plotErr := r.Plot(t.Context(), "shop", mesh.Subject{}, over)
	for _, err := range []error{atErr, filmErr, plotErr} {
		if !errors.Is(err, none) {
			t.Errorf("%v, want %v", err, none)
		}
	}
}

func TestCompareJoinsTheLedger(t *testing.T) {
	r := newRig(t)
	c, err := r.Compare(t.Context(), "shop", noon.Add(5*time.Minute), noon.Add(40*time.Minute), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.Changes) != 2 || !c.Changes[0].At.Equal(noon.Add(10*time.Minute)) || c.Changes[1].Name != "reviews/primary" {
		t.Errorf("the changes between are %+v", c.Changes)
	}
	if len(c.Edges) == 0 || c.Edges[0].To != "v1" || c.Edges[0].Before.RequestRate != 5 || c.Edges[0].After.RequestRate != 40 {
		t.Errorf("the edges that differ are %+v", c.Edges)
	}
	quiet, err := r.Compare(t.Context(), "shop", noon.Add(21*time.Minute), noon.Add(22*time.Minute), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if data, err := json.Marshal(quiet); err != nil || !strings.Contains(string(data), `"changes":[]`) {
		t.Errorf("without changes: %s %v", data, err)
	}
}
