package judge

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

var start = time.Date(2026, 3, 1, 3, 0, 0, 0, time.UTC)

// arms makes a window of 15 s that begins i windows after start: requests and errors of stable and of canary.
func arms(i int, nb, eb, nc, ec float64) Window {
	from := start.Add(time.Duration(i) * 15 * time.Second)
	return Window{From: from, To: from.Add(15 * time.Second), Stable: Arm{Requests: nb, Errors: eb}, Canary: Arm{Requests: nc, Errors: ec}}
}

func begin(t testing.TB, c Config) *Judge {
	t.Helper()
	j, err := New(c, start)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func add(t testing.TB, j *Judge, windows ...Window) {
	t.Helper()
	for _, w := range windows {
		if err := j.Add(w); err != nil {
			t.Fatal(err)
		}
	}
}

func TestAbortsByEvidenceAndStays(t *testing.T) {
	j := begin(t, Config{})
	var i int
	for i = 0; j.Outcome() == Continue && i < 100; i++ {
		add(t, j, arms(i, 950, 5, 50, 3))
	}
	v := j.Verdict(start.Add(time.Hour))
	if v.Outcome != Abort || v.Result != Failed || v.Why[0].Rule != RuleEvidence || v.Why[0].Metric != Errors {
		t.Fatalf("after %d windows of a canary that fails ten times as often: %+v", i, v)
	}
	if v.Abort < math.Log(100) || v.Why[0].Canary.Low < v.Why[0].Stable.High || !v.At.Equal(j.Last()) {
		t.Errorf("the reason does not show it: %+v", v.Why[0])
	}
	for range 200 {
		add(t, j, arms(i, 950, 50, 50, 0))
		i++
	}
	j.Step(j.Last())
	if got := j.Verdict(start.Add(2 * time.Hour)); got.Outcome != Abort || got.Abort > 0 || !got.At.Equal(v.At) {
		t.Errorf("an abort was taken back when the evidence fell: %s, ln E %.1f, at %s", got.Outcome, got.Abort, got.At)
	}
}

func TestAdvancesPerStep(t *testing.T) {
	j := begin(t, Config{})
	i := 0
	advance := func(nb, nc float64) {
		t.Helper()
		began := i
		for ; j.Outcome() == Continue && i < began+120; i++ {
			add(t, j, arms(i, nb, math.Round(nb/200), nc, math.Round(nc/200)))
		}
		if v := j.Verdict(j.Last()); v.Outcome != Advance || v.Result != Successful || v.Why[0].Rule != RuleSound {
			t.Fatalf("a canary like stable after %d windows: %+v", i-began, v)
		}
	}
	advance(1600, 400)
	j.Step(j.Last())
	v := j.Verdict(j.Last())
	if v.Outcome != Continue || v.Advance != 0 || v.Requests != 0 || v.Abort == 0 {
		t.Fatalf("a step has to begin anew for advancing and go on for aborting: %+v", v)
	}
	advance(1000, 1000)
}

func TestAdvancesWhenNothingFails(t *testing.T) {
	j := begin(t, Config{})
	for i := 0; j.Outcome() == Continue && i < 120; i++ {
		add(t, j, arms(i, 2850, 0, 150, 0))
	}
	if v := j.Verdict(j.Last()); v.Outcome != Advance || v.Requests < 4000 {
		t.Fatalf("%s after %.0f requests without an error: some 6,000 rule out a ratio of 0.1 %%", v.Outcome, v.Requests)
	}
	// A tenth of a thousandth is within the tolerance; five thousandths are not, however bad stable is not.
	bad := begin(t, Config{})
	for i := range 120 {
		add(t, bad, arms(i, 2850, 0, 150, float64(i%2)))
	}
	if got := bad.Outcome(); got != Abort {
		t.Errorf("a canary that fails where stable never does: %s", got)
	}
}

func TestFloor(t *testing.T) {
	j := begin(t, Config{})
	for i := range 40 {
		add(t, j, arms(i, 950, 5, 50, 0))
	}
	add(t, j, arms(40, 950, 5, 50, 11))
	if v := j.Verdict(j.Last()); v.Outcome != Abort || v.Why[0].Rule != RuleFloor || v.Why[0].Canary.Bad != 11 {
		t.Errorf("22 %% of the newest 50 requests failed: %+v", v)
	}
	shared := begin(t, Config{})
	for i := range 20 {
		add(t, shared, arms(i, 950, 285, 50, 15))
	}
	if v := shared.Verdict(shared.Last()); v.Outcome == Abort {
		t.Errorf("both arms failed at 30 %%, which no canary explains: %+v", v.Why)
	}
	few := begin(t, Config{})
	add(t, few, arms(0, 60, 0, 30, 7))
	if few.Outcome() != Continue {
		t.Error("the floor fell on 30 requests, it asks for 50")
	}
	add(t, few, arms(1, 60, 0, 30, 7))
	if few.Outcome() != Abort {
		t.Error("the floor did not look at two windows together")
	}
}

func TestInconclusiveNeverAdvances(t *testing.T) {
	j := begin(t, Config{Deadline: time.Minute})
	v := j.Verdict(start.Add(61 * time.Second))
	if v.Outcome != Inconclusive || v.Result != ResultInconclusive || v.Why[0].Rule != RuleDeadline || len(v.Why) < 3 {
		t.Fatalf("nothing was measured before the deadline: %+v", v)
	}
	for i := range 500 {
		add(t, j, arms(i, 1000, 5, 1000, 5))
	}
	if got := j.Verdict(j.Last()).Outcome; got != Inconclusive {
		t.Errorf("after the deadline a person decides, but the judge says %s", got)
	}
	j.Extend(10 * time.Hour)
	add(t, j, arms(500, 1000, 5, 1000, 5))
	if got := j.Verdict(j.Last()).Outcome; got != Advance {
		t.Errorf("given more time, the evidence that is there counts; got %s", got)
	}
	if got := j.Verdict(start.Add(-time.Hour)).Outcome; got != Advance {
		t.Errorf("a clock that went back changed the verdict to %s", got)
	}
}

func TestLateRegression(t *testing.T) {
	j := begin(t, Config{Temper: 1})
	i := 0
	for ; i < 480; i++ { // two healthy hours at equal weights
		add(t, j, arms(i, 1500, 8, 1500, 8))
	}
	if j.abort() > 0 {
		t.Fatalf("healthy canary has evidence %.1f", j.abort())
	}
	j.Step(j.Last())
	for ; j.Outcome() != Abort && i < 600; i++ {
		add(t, j, arms(i, 1500, 8, 1500, 24))
	}
	if late := i - 480; late > 8 {
		t.Errorf("three times the errors after two healthy hours were seen after %d windows", late)
	}
}

func TestNothingToCompare(t *testing.T) {
	j := begin(t, Config{Temper: 1})
	for i, w := range []Window{arms(0, 0, 0, 0, 0), arms(1, 100, 7, 0, 0), arms(2, 0, 0, 30, 5), arms(3, 100, 0, 10, 0), arms(4, 100, 100, 10, 10)} {
		add(t, j, w)
		if got := j.abort(); got > 1e-9 || math.IsNaN(got) {
			t.Errorf("window %d says that canary is worse: ln E %g", i, got)
		}
	}
}

func TestRefuses(t *testing.T) {
	j := begin(t, Config{})
	add(t, j, arms(5, 100, 1, 10, 0))
	before, _ := json.Marshal(j)
	bad := func(change func(*Window)) Window {
		w := arms(6, 100, 1, 10, 0)
		change(&w)
		return w
	}
	hist := func(bounds, counts []float64, total float64) func(*Window) {
		return func(w *Window) { w.Canary.Latency = Histogram{Bounds: bounds, Counts: counts, Total: total} }
	}
	cases := map[string]struct {
		w     Window
		field string
	}{
		"negative":        {bad(func(w *Window) { w.Canary.Requests = -1 }), "canary.requests"},
		"not a number":    {bad(func(w *Window) { w.Stable.Errors = math.NaN() }), "stable.errors"},
		"infinite":        {bad(func(w *Window) { w.Stable.Requests = math.Inf(1) }), "stable.requests"},
		"more errors":     {bad(func(w *Window) { w.Canary.Errors = 11 }), "canary.errors"},
		"no time":         {bad(func(w *Window) { w.To = w.From }), "to"},
		"no beginning":    {bad(func(w *Window) { w.From = time.Time{} }), "to"},
		"bounds repeat":   {bad(hist([]float64{1, 1}, []float64{1, 1}, 2)), "canary.latency.bounds[1]"},
		"counts too few":  {bad(hist([]float64{1, 2}, []float64{1}, 2)), "canary.latency.counts"},
		"not cumulative":  {bad(hist([]float64{1, 2}, []float64{5, 3}, 9)), "canary.latency.counts[1]"},
		"more than total": {bad(hist([]float64{1}, []float64{5}, 3)), "canary.latency.counts[0]"},
		"a half":          {bad(func(w *Window) { w.Halves = &[2]Arm{{}, {Requests: -3}} }), "halves[1].requests"},
	}
	for name, c := range cases {
		err := j.Add(c.w)
		if mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), c.field) {
			t.Errorf("%s: %v, want one about %s", name, err, c.field)
		}
	}
	for _, again := range []Window{arms(5, 100, 1, 10, 0), arms(4, 100, 1, 10, 0)} {
		if err := j.Add(again); mesh.CodeOf(err) != mesh.Conflict {
			t.Errorf("a window that was counted: %v", err)
		}
	}
	if after, _ := json.Marshal(j); string(after) != string(before) {
		t.Error("a window that was refused changed the judge")
	}
	if err := new(Judge).Add(arms(0, 1, 0, 1, 0)); mesh.CodeOf(err) != mesh.Internal {
		t.Errorf("a judge that nobody made: %v", err)
	}
}

func TestConfigRefuses(t *testing.T) {
	for field, c := range map[string]Config{
		"alpha": {Alpha: 0.5}, "delta": {Delta: -1}, "tolerance": {Tolerance: math.NaN()}, "slowTolerance": {SlowTolerance: 1},
		"deadline": {Deadline: -1}, "temper": {Temper: 2}, "minRequests": {MinRequests: math.Inf(1)}, "floor.ratio": {Floor: Floor{Ratio: 1.5}},
		"floor.requests": {Floor: Floor{Requests: 0.5}}, "boundaries[1]": {Boundaries: []float64{1, 0}}, "grid[0]": {Grid: []float64{1}},
		"grid": {Grid: make([]float64, 100)},
	} {
		_, err := New(c, start)
		if mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), field+" ") {
			t.Errorf("%s: %v", field, err)
		}
	}
	if err := (Config{}).Validate(); err != nil {
		t.Error(err)
	}
	if c := Defaults(); !reflect.DeepEqual(c, c.Filled()) || c.Alpha != 0.01 || len(c.Boundaries) == 0 {
		t.Errorf("defaults that are not whole: %+v", c)
	}
}

func TestHistoryIsBounded(t *testing.T) {
	j := begin(t, Config{Temper: 1})
	for i := range 3001 {
		add(t, j, arms(i, 100, 1, 100, 1))
		points := j.Verdict(start).History
		if len(points) > maxPoints || !points[len(points)-1].At.Equal(j.Last()) || !points[0].At.Equal(start.Add(15*time.Second)) {
			t.Fatalf("after %d windows: %d points from %s to %s", i+1, len(points), points[0].At, points[len(points)-1].At)
		}
		if !slices.IsSortedFunc(points, func(a, b Point) int { return a.At.Compare(b.At) }) {
			t.Fatal("points are out of order")
		}
	}
}

func TestGridOrderDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		grid := []float64{1.3, 2, 5, 20}
		a := begin(t, Config{Grid: grid})
		b := begin(t, Config{Grid: rapid.Permutation(append(grid, 5)).Draw(r, "grid")})
		for i := range 10 {
			w := arms(i, 100, float64(rapid.IntRange(0, 20).Draw(r, "eb")), 100, float64(rapid.IntRange(0, 20).Draw(r, "ec")))
			add(t, a, w)
			add(t, b, w)
		}
		if !reflect.DeepEqual(a.Verdict(start), b.Verdict(start)) {
			r.Fatal("the same ratios in another order gave another verdict")
		}
	})
}
