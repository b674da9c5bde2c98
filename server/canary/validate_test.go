package canary

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

func weight(percent int) Step { return Step{SetWeight: &percent} }

func analysed() Step { return Step{Analysis: &struct{}{}} }

func pausing(d time.Duration) Step { return Step{Pause: &Pause{Duration: mesh.Duration(d)}} }

var reviews = mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}

// shop is a mesh with a route of these weights to v1, v2 … and another one that takes its targets from a split.
func shop(weights ...int) mesh.Mesh {
	names := []string{"v1", "v2", "v3"}
	var targets []mesh.WeightedTarget
	for i, w := range weights {
		targets = append(targets, mesh.WeightedTarget{Node: names[i], Weight: w})
	}
	return mesh.Mesh{
		Name:   "shop",
		Splits: []mesh.Split{{Name: "even", Targets: targets}},
		Routes: []mesh.Route{
			{Router: "reviews", Name: "primary", Protocol: mesh.HTTP, Targets: targets},
			{Router: "reviews", Name: "shared", Protocol: mesh.HTTP, Split: "even", Targets: targets},
			{Router: "reviews", Name: "tcp", Protocol: mesh.TCP, Targets: targets},
		},
	}
}

func TestFilled(t *testing.T) {
	s := Spec{Target: reviews}.Filled(shop(75, 25))
	if s.Stable != "v1" || s.Canary != "v2" || len(s.Steps) != 2 || *s.Steps[0].SetWeight != 50 {
		t.Errorf("a canary with 25 %% begins as %+v", s)
	}
	s = Spec{Target: reviews}.Filled(shop(100, 0))
	if len(s.Steps) != 6 || *s.Steps[0].SetWeight != 5 || s.Analysis.Judge.Alpha != 0.01 || len(s.Analysis.Judge.Boundaries) != 6 ||
		s.Analysis.Judge.Deadline != 30*time.Minute || s.Analysis.Interval != mesh.Duration(10*time.Second) {
		t.Errorf("filled as %+v", s)
	}
	if tcp := (Spec{Target: mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/tcp"}}).Filled(shop(100, 0)); !tcp.Analysis.IgnoreLatency || tcp.Analysis.Judge.Boundaries != nil {
		t.Error("latency of TCP is judged")
	}
	for _, w := range [][]int{{100, 0}, {75, 25}, {50, 50}, {1, 0, 7}, {999983, 0}} {
		spec := Spec{Target: reviews, Canary: "v2"}.Filled(shop(w...))
		if err := spec.Validate(shop(w...), nil); err != nil {
			t.Errorf("%v: what is filled in is refused: %v", w, err)
		}
	}
	if err := (Spec{Target: mesh.Ref{Kind: mesh.KindSplit, Name: "even"}}).Filled(shop(1, 0)).Validate(shop(1, 0), nil); err != nil {
		t.Errorf("a split: %v", err)
	}
}

// Everything that is wrong is said at once, and where.
func TestRefusedSpecs(t *testing.T) {
	nan, one, two := math.NaN(), 1.0, 2.0
	parse := func(expr string) error {
		if strings.Contains(expr, "!!") {
			return errors.New("unexpected !")
		}
		return nil
	}
	for _, c := range []struct {
		name string
		mesh mesh.Mesh
		spec Spec
		want []string // fields
	}{
		{"back", shop(1, 0), Spec{Steps: []Step{weight(50), analysed(), weight(25)}}, []string{"steps[2].setWeight"}},
		{"nowhere", shop(1, 0), Spec{Steps: []Step{weight(25), weight(25)}}, []string{"steps[1].setWeight"}},
		{"below what it has", shop(75, 25), Spec{Steps: []Step{weight(5)}}, []string{"steps[0].setWeight"}},
		{"out of range", shop(1, 0), Spec{Steps: []Step{weight(0), weight(101), weight(-1)}}, []string{"steps[0].setWeight", "steps[1].setWeight", "steps[2].setWeight"}},
		{"no weight", shop(1, 0), Spec{Steps: []Step{pausing(0)}}, []string{"steps"}},
		{"pause of -1", shop(1, 0), Spec{Steps: []Step{weight(5), pausing(-time.Second)}}, []string{"steps[1].pause.duration"}},
		{"two in one", shop(1, 0), Spec{Steps: []Step{{SetWeight: weight(5).SetWeight, Analysis: &struct{}{}}}}, []string{"steps[0]"}},
		{"empty step", shop(1, 0), Spec{Steps: []Step{weight(5), {}}}, []string{"steps[1]"}},
		{"analysis of nothing", shop(1, 0), Spec{Steps: []Step{analysed(), weight(5)}}, []string{"steps[0].analysis"}},
		{"analysis twice", shop(1, 0), Spec{Steps: []Step{weight(5), analysed(), pausing(0), analysed()}}, []string{"steps[3].analysis"}},
		{"analysis of all", shop(1, 0), Spec{Steps: []Step{weight(100), analysed()}}, []string{"steps[1].analysis"}},
		{"one target", shop(1), Spec{}, []string{"target"}},
		{"stranger", shop(1, 0), Spec{Canary: "v9"}, []string{"canary"}},
		{"itself", shop(1, 0), Spec{Stable: "v1", Canary: "v1"}, []string{"canary"}},
		{"which of three", shop(1, 0, 0), Spec{}, []string{"canary"}},
		{"stable without traffic", shop(0, 1), Spec{Stable: "v1", Canary: "v2", Steps: []Step{weight(100)}}, []string{"stable", "steps[0].setWeight"}},
		{"judge", shop(1, 0), Spec{Analysis: withJudge(nan)}, []string{"analysis.judge.alpha"}},
		{"interval", shop(1, 0), Spec{Analysis: Analysis{Interval: -1}}, []string{"analysis.interval"}},
		{"deadline", shop(1, 0), Spec{Deadline: mesh.Duration(-time.Second)}, []string{"analysis.judge.deadline", "deadline"}},
		{"no bounds", shop(1, 0), Spec{Analysis: Analysis{Metrics: []Check{{Name: "m", Query: "up"}}}}, []string{"analysis.metrics[0].min"}},
		{"bounds crossed", shop(1, 0), Spec{Analysis: Analysis{Metrics: []Check{{Name: "m", Query: "up", Min: &two, Max: &one}}}}, []string{"analysis.metrics[0].min"}},
		{"no promql", shop(1, 0), Spec{Analysis: Analysis{Metrics: []Check{{Name: "m", Query: "up!!", Min: &one}}}}, []string{"analysis.metrics[0].query"}},
		{"blank", shop(1, 0), Spec{Analysis: Analysis{Metrics: []Check{{Name: "m", Query: "up{a=\"{{nonsense}}\"}", Min: &one}}}}, []string{"analysis.metrics[0].query"}},
		{
			"names", shop(1, 0),
			Spec{
				Analysis: Analysis{Metrics: []Check{{Name: "m", Query: "up", Min: &one}, {Name: "m", Query: "up", Min: &one}}},
				Webhooks: []Webhook{{Name: "", URL: "http://a"}, {Name: "w", URL: "http://a"}, {Name: "w", URL: "http://a"}},
			},
			[]string{"analysis.metrics[1].name", "webhooks[0].name", "webhooks[2].name"},
		},
		{
			"webhooks", shop(1, 0),
			Spec{Webhooks: []Webhook{
				{Name: "a", URL: "ftp://a"},
				{Name: "b", URL: "/path"},
				{Name: "c", URL: "http://u:p@a"},
				{Name: "d", URL: "http://a", Type: "gate"},
				{Name: "e", URL: "http://a", Timeout: -1},
				{Name: "f", URL: "http://a", Retries: 99},
			}},
			[]string{"webhooks[0].url", "webhooks[1].url", "webhooks[2].url", "webhooks[3].type", "webhooks[4].timeout", "webhooks[5].retries"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.spec.Target = reviews
			err := c.spec.Filled(c.mesh).Validate(c.mesh, parse)
			e, ok := errors.AsType[*mesh.Error](err)
			if !ok || e.Code != mesh.Invalid {
				t.Fatalf("%v, want it refused", err)
			}
			var got []string
			for _, v := range e.Violations {
				got = append(got, v.Field)
			}
			if strings.Join(got, " ") != strings.Join(c.want, " ") {
				t.Errorf("%v is about %v, want %v", err, got, c.want)
			}
		})
	}
}

func withJudge(alpha float64) Analysis {
	a := Analysis{}
	a.Judge.Alpha = alpha
	return a
}

func TestRefusedTargets(t *testing.T) {
	for _, c := range []struct {
		target mesh.Ref
		code   mesh.Code
		want   string
	}{
		{mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/none"}, mesh.NotFound, "no route reviews/none"},
		{mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/shared"}, mesh.Invalid, "roll out the split"},
		{mesh.Ref{Kind: mesh.KindNode, Name: "v1"}, mesh.Invalid, "a route or of a split"},
		{mesh.Ref{}, mesh.Invalid, "a route or of a split"},
	} {
		err := Spec{Target: c.target}.Filled(shop(1, 0)).Validate(shop(1, 0), nil)
		if mesh.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v (%s), want %q (%s)", c.target, err, mesh.CodeOf(err), c.want, c.code)
		}
	}
}

// Names cannot leave the label value that they are filled into.
func TestFill(t *testing.T) {
	got := fill(`sum(rate(x{mesh="{{mesh}}",to='{{canary}}',not="{{stable}}"}[{{window}}]))`, blanks{
		mesh: `a"} or vector(1) #`, canary: `b'\`, stable: "c\nd", window: 90 * time.Second,
	})
	want := `sum(rate(x{mesh="a\"} or vector(1) #",to='b\'\\',not="c\nd"}[90000ms]))`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestWeigh(t *testing.T) {
	low, high := 0.9, 1.0
	c := Check{Name: "ok", Min: &low, Max: &high, FailureLimit: 3}
	m := Measured{}
	for i, s := range []struct {
		values         []float64
		err            error
		ok             bool
		failed, errors int
		want           string
	}{
		{[]float64{0.95}, nil, true, 0, 0, ""},
		{[]float64{0.5}, nil, false, 1, 0, "0.5 is below 0.9"},
		{nil, nil, false, 1, 1, "no value"},
		{[]float64{1, 2}, nil, false, 1, 2, "2 values"},
		{[]float64{math.NaN()}, nil, false, 1, 3, "NaN"},
		{[]float64{math.Inf(1)}, nil, false, 1, 4, "infinite"},
		{nil, errors.New("no answer"), false, 1, 5, "no answer"},
		{[]float64{1.5}, nil, false, 2, 0, "1.5 is above 1"},
		{[]float64{0.9}, nil, true, 0, 0, ""},
	} {
		m = c.weigh(m, s.values, s.err, time.Now())
		if m.OK != s.ok || m.Failed != s.failed || m.Errors != s.errors || !strings.Contains(m.Message, s.want) || (m.Message == "") != s.ok {
			t.Errorf("measurement %d is %+v", i, m)
		}
	}
}
