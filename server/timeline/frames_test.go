package timeline

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/health"
	"github.com/weirmesh/weir/server/mesh"
)

func TestFrames(t *testing.T) {
	r := newRig(t)
	f, err := r.Frames(t.Context(), "shop", mesh.Span{Start: noon, End: noon.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	if f.Step != "15s" || f.Window != "30s" || len(f.At) != 241 || len(f.Edges) != 2 || f.Partial {
		t.Fatalf("%s over %s: %d moments, %d edges, partial %v", f.Step, f.Window, len(f.At), len(f.Edges), f.Partial)
	}
	if f.Health[0] != mesh.Idle || f.Health[40] != mesh.Healthy || f.Health[180] != mesh.Unhealthy {
		t.Errorf("health at 12:00, 12:10 and 12:45: %s, %s, %s", f.Health[0], f.Health[40], f.Health[180])
	}
	if got := f.Total[180]; got.RequestRate != 45 || math.Abs(got.ErrorRatio-0.1) > 1e-9 {
		t.Errorf("at 12:45 the mesh carried %+v", got)
	}
	if *f.RequestRate[180][0] != 45 || f.RequestRate[180][1] != nil || *f.P95[3][0] != 0.01235 {
		t.Errorf("cells: %v %v %v", *f.RequestRate[180][0], f.RequestRate[180][1], *f.P95[3][0])
	}
	if n := len(f.Turns); n == 0 || f.Turns[0].Was != mesh.Healthy || f.Turns[0].Is == mesh.Healthy || f.Turns[n-1].To != f.Edges[0].To {
		t.Errorf("turns: %+v", f.Turns)
	}
	for i := 1; i < len(f.Turns); i++ {
		if f.Turns[i].Was != f.Turns[i-1].Is {
			t.Errorf("%+v follows %+v", f.Turns[i], f.Turns[i-1])
		}
	}
	var marks []string
	for _, m := range f.Marks {
		marks = append(marks, m.At.Format("15:04"))
	}
	if !slices.Equal(marks, []string{"12:00", "12:10", "12:20"}) {
		t.Errorf("marks at %v", marks)
	}
	data, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	if text := string(data); !strings.Contains(text, `"requestRate":[[0,null],[0.25,null]`) || !strings.Contains(text, `"notes":[]`) {
		t.Errorf("as JSON: %.300s", text)
	}
}

func TestFramesOfAYear(t *testing.T) {
	r := newRig(t)
	f, err := r.Frames(t.Context(), "shop", mesh.Span{Start: r.now.AddDate(-1, 0, 0), End: r.now})
	if err != nil {
		t.Fatal(err)
	}
	if f.Step != "48h" || f.Window != "24h" || len(f.At) != 183 {
		t.Errorf("%d moments, %s apart, over %s", len(f.At), f.Step, f.Window)
	}
	if _, err = r.Frames(t.Context(), "shop", mesh.Span{End: r.now}); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), "no span is as long as that") {
		t.Errorf("since the beginning of time: %v", err)
	}
}

func TestWhatIsShownIsOverTheReadersWindow(t *testing.T) {
	r := newRig(t)
	r.reader.least = time.Minute
	g, err := r.At(t.Context(), "shop", noon.Add(5*time.Minute), 0)
	if err != nil || g.Window != "1m" {
		t.Errorf("a picture over %s: %v", g.Window, err)
	}
	f, err := r.Frames(t.Context(), "shop", mesh.Span{Start: noon, End: noon.Add(time.Hour)})
	if err != nil || f.Window != "1m" || f.Step != "1m" || len(f.At) != 61 {
		t.Errorf("%d moments, %s apart, over %s: %v", len(f.At), f.Step, f.Window, err)
	}
}

func TestFramesByTheMeshsOwnLimits(t *testing.T) {
	r := newRig(t)
	half, most := 0.5, 0.9
	r.propose(t, mesh.VirtualService{Name: "reviews", Router: "reviews", Health: &mesh.HealthLimits{DegradedErrors: &half, UnhealthyErrors: &most}})
	r.now = r.now.Add(time.Minute)
	f, err := r.Frames(t.Context(), "shop", mesh.Span{Start: noon.Add(40 * time.Minute), End: r.now})
	if err != nil {
		t.Fatal(err)
	}
	if slices.ContainsFunc(f.Health, func(h mesh.Health) bool { return h != mesh.Healthy }) {
		t.Errorf("a tenth may fail, and the health is %v", f.Health)
	}
}

// TestRefusalsThatRetriesHide judges what a full pool refused as a picture of the same moment does.
func TestRefusalsThatRetriesHide(t *testing.T) {
	nan := math.NaN()
	at := noon.Add(30 * time.Minute)
	limits := health.Default()
	for _, c := range []struct {
		rate, refused float64
		want          mesh.Health
	}{
		{60, nan, mesh.Healthy},
		{60, 0, mesh.Healthy},
		{60, 0.1, mesh.Degraded},
		{60, 9.6, mesh.Unhealthy},
		{0.1, 0.02, mesh.Degraded},
		{0, 2, mesh.Degraded},
		{0, nan, mesh.Idle},
		{nan, 2, mesh.Unknown},
	} {
		f := mesh.Film{
			At: []time.Time{at}, Edges: []mesh.FilmEdge{{From: "front", To: "v1", Protocol: mesh.HTTP}},
			RequestRate: [][]float64{{c.rate}}, ErrorRatio: [][]float64{{0.007}}, P95: [][]float64{{0.02}}, Refused: [][]float64{{c.refused}},
		}
		if err := whole(f); err != nil {
			t.Fatal(err)
		}
		got, _ := newJudge(mesh.Mesh{}, f.Edges, time.Minute, limits).moment(&f, 0)
		if got != c.want {
			t.Errorf("%v of %v requests a second are refused: %s, not %s", c.refused, c.rate, got, c.want)
		}
		if c.rate > 0 && c.refused > 0 {
			seen := health.Evidence{
				Protocol: mesh.HTTP, Pool: health.Pool{OverflowRate: c.refused},
				Traffic: mesh.Traffic{Requests: c.rate * 60, RequestRate: c.rate, ErrorRatio: 0.007, P95: 20 * time.Millisecond},
			}
			if want, _ := health.Judge(&seen, &limits); got != want {
				t.Errorf("%v of %v refused: %s, and %s in a picture", c.refused, c.rate, got, want)
			}
		}
	}
	r := newRig(t)
	r.reader.refused = 9.6
	f, err := r.Frames(t.Context(), "shop", mesh.Span{Start: noon.Add(time.Minute), End: noon.Add(20 * time.Minute)})
	if err != nil || slices.ContainsFunc(f.Health, func(h mesh.Health) bool { return h != mesh.Unhealthy }) {
		t.Errorf("no errors, and half of the requests are refused once: %v, %v", f.Health, err)
	}
	if err := whole(mesh.Film{Refused: [][]float64{{1}}}); mesh.CodeOf(err) != mesh.Internal {
		t.Errorf("a column too many: %v", err)
	}
}

func TestFramesOfMoreThanThereIs(t *testing.T) {
	r := newRig(t)
	f, err := r.Frames(t.Context(), "shop", mesh.Span{Start: noon.Add(-3 * time.Hour), End: noon.Add(time.Hour), Step: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	if len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "are kept since 2026-03-01 11:00:00 UTC") {
		t.Errorf("notes: %q", f.Notes)
	}
	r.reader.edges = 1000
	f, err = r.Frames(t.Context(), "shop", mesh.Span{Start: noon, End: noon.Add(719 * 5 * time.Second), Step: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(f.Edges); got != maxCells/3/720 || f.Edges[0].To != "v1" || len(f.P95[719]) != got {
		t.Errorf("%d edges, the first to %s", got, f.Edges[0].To)
	}
	if !f.Partial || len(f.Notes) != 1 || !strings.Contains(f.Notes[0], "only the 925 busiest of 1000 edges") {
		t.Errorf("partial %v, notes %q", f.Partial, f.Notes)
	}
}

func TestPlotMarksWhatConcernsItsSubject(t *testing.T) {
	r := newRig(t)
	over := mesh.Span{Start: noon.Add(time.Minute), End: noon.Add(time.Hour)}
	for _, c := range []struct {
		of   mesh.Subject
		want []string
	}{
		{mesh.Subject{}, []string{"12:10", "12:20"}},
		{mesh.Subject{To: "aside"}, []string{"12:10"}},
		{mesh.Subject{To: "v2"}, []string{"12:20"}},
		{mesh.Subject{From: "front", To: "v1"}, []string{"12:20"}},
		{mesh.Subject{From: "aside", To: "v1"}, []string{"12:10", "12:20"}},
		{mesh.Subject{To: mesh.ServiceID("reviews")}, []string{"12:20"}},
		{mesh.Subject{To: mesh.ExternalID("elsewhere")}, nil},
	} {
		p, err := r.Plot(t.Context(), "shop", c.of, over)
		if err != nil {
			t.Fatal(err)
		}
		var marks []string
		for _, m := range p.Marks {
			marks = append(marks, m.At.Format("15:04"))
		}
		if !slices.Equal(marks, c.want) {
			t.Errorf("%+v: marks at %v, want %v", c.of, marks, c.want)
		}
		if len(p.At) != 237 || *p.RequestRate[4] != 2 || p.BytesRate[4] != nil || p.P99[4] != nil || *p.Connections[4] != 1 {
			t.Errorf("%+v: %d moments", c.of, len(p.At))
		}
		if data, err := json.Marshal(p); err != nil || !strings.Contains(string(data), `"bytesRate":[null,`) {
			t.Errorf("as JSON: %.300s, %v", data, err)
		}
	}
}

func TestFourDigits(t *testing.T) {
	for in, want := range map[float64]float64{
		0: 0, 1: 1, 123456: 123500, 0.00123456: 0.001235, -98765: -98770, 5e-324: 5e-324, 99999: 100000,
	} {
		if got := fourDigits(in); got != want {
			t.Errorf("%v becomes %v, want %v", in, got, want)
		}
	}
}

// TestFourDigitsOfTheLargest says that rounding never leaves the range of numbers.
func TestFourDigitsOfTheLargest(t *testing.T) {
	if got := fourDigits(math.MaxFloat64); math.IsInf(got, 0) {
		t.Errorf("%v", got)
	}
}

func BenchmarkFrames(b *testing.B) {
	over := mesh.Span{Start: noon, End: noon.Add(719 * 5 * time.Second), Step: 5 * time.Second}
	film, err := (&recorder{edges: 900}).Film(b.Context(), "shop", over)
	if err != nil {
		b.Fatal(err)
	}
	for _, rows := range [][][]float64{film.RequestRate, film.ErrorRatio, film.P95} {
		for _, row := range rows {
			for i := range row {
				row[i] = 0.0123456789 * float64(i)
			}
		}
	}
	judge := newJudge(mesh.Mesh{}, film.Edges, over.Step, health.Default())
	for b.Loop() {
		for i := range film.At {
			judge.moment(&film, i)
		}
		f := Frames{RequestRate: cells(film.RequestRate, nil), ErrorRatio: cells(film.ErrorRatio, nil), P95: cells(film.P95, nil)}
		data, err := json.Marshal(f)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(len(data)), "bytes")
	}
}
