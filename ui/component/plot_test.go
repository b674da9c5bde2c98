package component

import (
	"bytes"
	"context"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/ui/i18n"
)

// TestPlotTop has the same cases as plot-data.test.ts: the island draws over what the server drew.
func TestPlotTop(t *testing.T) {
	for _, test := range []struct {
		most float64
		unit PlotUnit
		top  float64
	}{
		{0, PlotRate, 1},
		{96.2, PlotRate, 100},
		{74.8, PlotRate, 100},
		{0.004, PlotRatio, 0.01},
		{0.064, PlotRatio, 0.075},
		{1, PlotRatio, 1},
		{0.083, PlotTime, 0.1},
		{1.42, PlotTime, 1.5},
		{100, PlotAmount, 150},
		{math.NaN(), PlotAmount, 4},
	} {
		f := Figure{Unit: test.unit, Lines: []PlotLine{{Values: []*float64{&test.most}}}}
		levels := f.levels()
		if got := levels[len(levels)-1]; math.Abs(got-test.top) > 1e-9 || levels[0] != 0 || len(levels) < 3 || len(levels) > 6 {
			t.Errorf("%v of unit %s: levels %v, want them up to %v", test.most, test.unit, levels, test.top)
		}
	}
}

func TestPlotTicks(t *testing.T) {
	noon := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	for long, want := range map[time.Duration]string{
		15 * time.Minute: "11:45 11:50 11:55 12:00", time.Hour: "11:00 11:10 11:20 11:30 11:40 11:50 12:00",
		24 * time.Hour: "12:00 16:00 20:00 00:00 04:00 08:00 12:00",
	} {
		var got []string
		for _, at := range PlotTicks(noon.Add(-long), noon) {
			got = append(got, at.Format("15:04"))
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", long, got, want)
		}
	}
	if PlotTicks(noon, noon) != nil {
		t.Error("no time at all has labels")
	}
}

func numbers(values ...float64) []*float64 {
	list := make([]*float64, len(values))
	for i := range values {
		if !math.IsNaN(values[i]) {
			list[i] = &values[i]
		}
	}
	return list
}

func TestPlotPath(t *testing.T) {
	noon := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	p := Plots{Start: noon, End: noon.Add(4 * time.Second)}
	for i := range 5 {
		p.At = append(p.At, noon.Add(time.Duration(i)*time.Second))
	}
	line := PlotLine{Values: numbers(0, 50, math.NaN(), 100, math.NaN())}
	f := Figure{Unit: PlotRate, Lines: []PlotLine{line}}
	if got, want := p.path(f, line), "M0.0 132.0h.1L250.0 92.7M750.0 53.3h.1"; got != want {
		t.Errorf("the path is %s, want a gap and a dot: %s", got, want)
	}
}

// TestPlotSet looks at what stands for the island and for those without it.
func TestPlotSet(t *testing.T) {
	texts, err := i18n.Load()
	if err != nil {
		t.Fatal(err)
	}
	noon := time.Date(2026, time.November, 22, 12, 0, 0, 0, time.UTC)
	p := Plots{
		Mesh: "m", Start: noon.Add(-time.Minute), End: noon, Step: time.Minute, At: []time.Time{noon.Add(-time.Minute), noon}, List: true,
		Figures: []Figure{{Title: "Errors", Unit: PlotRatio, Lines: []PlotLine{{Name: `<img src=x>`, Column: "errorRatio", Node: "a", Values: numbers(0.25, 0.5), Goal: 0.1}}}},
		Marks:   []PlotMark{{At: noon.Add(-30 * time.Second), Kind: "change", Href: "/history/x", Text: "x: 5 % → 25 %", Time: "11:59:30 UTC"}, {At: noon.Add(time.Hour), Text: "later"}},
	}
	var b bytes.Buffer
	if err := PlotSet(texts.Locale(i18n.English), p).Render(context.Background(), &b); err != nil {
		t.Fatal(err)
	}
	html := b.String()
	for _, want := range []string{`data-goal="0.1"`, `data-text-range="{low} to {high}"`, `aria-label="Errors: &lt;img src=x&gt; 50.0 %`, "25.0 % to 50.0 %", `href="/history/x"`, `<svg class="plot-mark" data-kind="change" x="50.00%"`, "11:59:00"} {
		if !strings.Contains(strings.ReplaceAll(html, "\u00a0", " "), want) {
			t.Errorf("%s is not in it:\n%s", want, html)
		}
	}
	if strings.Contains(html, "later") || strings.Contains(html, "style=") || strings.Contains(html, "<img") {
		t.Errorf("what does not belong is in it:\n%s", html)
	}
}
