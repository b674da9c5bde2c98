package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/timeline"
	"github.com/weirmesh/weir/ui/component"
	"github.com/weirmesh/weir/ui/i18n"
	"github.com/weirmesh/weir/ui/page"
)

// noonOfPlots is when these tests stand still.
var noonOfPlots = time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)

// plotter is a timeline of which only plots are asked for.
type plotter struct {
	Timeline
	plot func(ctx context.Context, of mesh.Subject, over mesh.Span) (timeline.Plot, error)
}

func (p plotter) Plot(ctx context.Context, _ string, of mesh.Subject, over mesh.Span) (timeline.Plot, error) {
	return p.plot(ctx, of, over)
}

func asking(t *testing.T, address string) (*gin.Context, view) {
	t.Helper()
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	c, _ := gin.CreateTestContext(httptest.NewRecorder())
	c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, address, nil)
	return c, view{Shell: page.Shell{L: texts.Locale(i18n.English), Now: noonOfPlots, Here: c.Request.URL, Mesh: "m", Meshes: []string{"m"}}}
}

func TestReach(t *testing.T) {
	at := func(clock string) time.Time {
		moment, err := time.Parse(time.RFC3339, "2026-11-22T"+clock+"Z")
		if err != nil {
			t.Fatal(err)
		}
		return moment
	}
	for address, want := range map[string]reach{
		"/":                                 {over: spanOf(at("11:45:05"), at("12:00:00"), 5*time.Second), name: "15m", live: true},
		"/?span=1h":                         {over: spanOf(at("11:00:30"), at("12:00:00"), 30*time.Second), name: "1h", live: true},
		"/?at=2026-11-22T03:00:00Z&span=1h": {over: spanOf(at("02:30:30"), at("03:30:00"), 30*time.Second), name: "1h"},
		"/?from=2026-11-22T11:50:01Z&to=2026-11-22T11:52:00Z": {over: spanOf(at("11:50:00"), at("11:52:00"), 5*time.Second), chosen: true},
		"/?from=2026-11-22T02:00:00Z":                         {over: spanOf(at("02:00:00"), at("12:00:00"), 300*time.Second), chosen: true},
	} {
		c, v := asking(t, address)
		if got, err := readReach(c, v.Now); err != nil || got != want {
			t.Errorf("%s: %+v, %v; want %+v", address, got, err, want)
		}
	}
	for _, address := range []string{"/?from=yesterday", "/?from=2026-11-22T11:50:00Z&to=2026-11-22T11:40:00Z", "/?from=2026-10-01T00:00:00Z", "/?at=2027-01-01T00:00:00Z", "/?from=2026-11-22T11:59:58Z"} {
		c, v := asking(t, address)
		if got, err := readReach(c, v.Now); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%s: %+v, %v", address, got, err)
		}
	}
}

func TestPlots(t *testing.T) {
	two := component.Plots{Figures: []component.Figure{{Unit: component.PlotRatio, Lines: []component.PlotLine{
		{Column: "share", Node: "v1"}, {Column: "share", Node: "v2"},
	}}}}
	number := func(v float64) *float64 { return &v }
	minute := noonOfPlots.Add(-time.Minute)
	w := &Web{patience: time.Minute, Options: Options{Timeline: plotter{plot: func(_ context.Context, of mesh.Subject, _ mesh.Span) (timeline.Plot, error) {
		marks := []timeline.Mark{{ID: "b", At: noonOfPlots}, {ID: "a", At: minute, Summary: "x: 1 → 2"}}
		if of.To == "v1" {
			return timeline.Plot{At: []time.Time{minute, noonOfPlots}, RequestRate: []*float64{number(3), nil}, Marks: marks}, nil
		}
		return timeline.Plot{At: []time.Time{noonOfPlots}, RequestRate: []*float64{number(1)}, Marks: marks, Partial: true, Notes: []string{"one is away"}}, nil
	}}}}
	c, v := asking(t, "/")
	got := w.plots(c, v, reach{over: spanOf(minute, noonOfPlots, time.Minute)}, two)
	lines := got.Figures[0].Lines
	if len(got.At) != 2 || *lines[0].Values[0] != 1 || *lines[1].Values[0] != 0 || *lines[0].Values[1] != 0 || *lines[1].Values[1] != 1 {
		t.Errorf("the shares are %+v over %v", lines, got.At)
	}
	if len(got.Marks) != 2 || got.Marks[0].Text != "x: 1 → 2" || len(got.Notes) != 1 {
		t.Errorf("marks %+v, notes %v", got.Marks, got.Notes)
	}
	if two.Figures[0].Lines[0].Values != nil {
		t.Error("what was given was changed")
	}
}

// TestPlotsThatAreNot looks at what a page says instead of plots.
func TestPlotsThatAreNot(t *testing.T) {
	figures := component.Plots{Figures: []component.Figure{{Lines: []component.PlotLine{{Column: "requestRate"}}}}}
	for what, test := range map[string]struct {
		address string
		ask     func(ctx context.Context, of mesh.Subject, over mesh.Span) (timeline.Plot, error)
		live    bool
		problem string
		waiting string
	}{
		"off": {address: "/", problem: "keeps no history"},
		"away": {address: "/", problem: "the disk is full", ask: func(context.Context, mesh.Subject, mesh.Span) (timeline.Plot, error) {
			return timeline.Plot{}, mesh.Errorf(mesh.Unavailable, "the disk is full")
		}},
		"slow": {address: "/?a=b", waiting: "/?a=b&plots=wait", ask: func(ctx context.Context, _ mesh.Subject, _ mesh.Span) (timeline.Plot, error) {
			<-ctx.Done()
			return timeline.Plot{}, ctx.Err()
		}},
		"nothing": {address: "/", problem: "Nothing was seen", ask: func(context.Context, mesh.Subject, mesh.Span) (timeline.Plot, error) {
			return timeline.Plot{At: []time.Time{noonOfPlots}, RequestRate: []*float64{nil}}, nil
		}},
		"nothing yet": {address: "/", live: true, ask: func(context.Context, mesh.Subject, mesh.Span) (timeline.Plot, error) {
			return timeline.Plot{}, nil
		}},
	} {
		t.Run(what, func(t *testing.T) {
			w := &Web{patience: time.Minute}
			if what == "slow" {
				w.patience = time.Millisecond
			}
			if test.ask != nil {
				w.Timeline = plotter{plot: test.ask}
			}
			c, v := asking(t, test.address)
			got := w.plots(c, v, reach{over: spanOf(noonOfPlots.Add(-time.Minute), noonOfPlots, time.Minute), live: test.live}, figures)
			if !strings.Contains(got.Problem, test.problem) || got.Waiting != test.waiting || (test.problem == "") != (got.Problem == "") {
				t.Errorf("problem %q, waiting %q", got.Problem, got.Waiting)
			}
		})
	}
}
