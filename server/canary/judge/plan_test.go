package judge

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/weirmesh/weir/server/mesh"
)

func TestPlanFollowsItsFormula(t *testing.T) {
	f, err := Plan(PlanInput{Rate: 200, ErrorRatio: 0.005, Weight: 0.05, Ratio: 2})
	if err != nil {
		t.Fatal(err)
	}
	// By hand: q₁ = 0.1/1.05, KL(q₁‖0.05) = 0.01723, growth 200·0.005·1.05·0.01723 = 0.01809 a second, and
	// ln 100 + ln 7 + 1 = 7.551.
	if want := 7.551 / 0.01809; math.Abs(f.Detect.Seconds()-want) > 3 {
		t.Errorf("detects after %s, want %.0f s", f.Detect, want)
	}
	if f.Days || f.Late || f.Better != 0 {
		t.Errorf("seven minutes are neither late nor days: %+v", f)
	}
}

func TestPlanSuggestsMoreTraffic(t *testing.T) {
	f, err := Plan(PlanInput{Rate: 1, ErrorRatio: 0.001, Weight: 0.01, Ratio: 2})
	if err != nil {
		t.Fatal(err)
	}
	if !f.Days || !f.Late || f.Better != 0.4 && f.Better != 0.5 || f.BetterDetect >= f.Detect {
		t.Errorf("a request a second with a thousandth of errors: %+v", f)
	}
	f, err = Plan(PlanInput{Rate: 100, ErrorRatio: 0.002, Weight: 0.01, Ratio: 3, Config: Config{Deadline: 30 * time.Minute}})
	if err != nil {
		t.Fatal(err)
	}
	if !f.Late || f.Days || f.Better <= 0.01 || f.Better > 0.1 || f.BetterDetect > 30*time.Minute {
		t.Errorf("the smallest weight that meets the deadline is asked for: %+v", f)
	}
	for _, in := range []PlanInput{{Weight: 0.1, Ratio: 2}, {Rate: 10, Weight: 0.1, Ratio: 2}} {
		if f, err := Plan(in); err != nil || f.Detect != Never || !f.Days || f.Better != 0 {
			t.Errorf("%+v: %+v, %v; what never fails is never seen to fail twice as often", in, f, err)
		}
	}
	for _, in := range []PlanInput{{Rate: -1, Weight: 0.1, Ratio: 2}, {Rate: 1, Weight: 1, Ratio: 2}, {Rate: 1, Weight: 0.1, Ratio: 1}, {Rate: math.NaN(), Weight: 0.1, Ratio: 2}, {Rate: 1, Weight: 0.1, Ratio: 2, Config: Config{Alpha: 3}}} {
		if _, err := Plan(in); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%+v: %v", in, err)
		}
	}
}

// multinomial draws n requests.
func multinomial(r *rand.Rand, shares []float64, n int) []float64 {
	counts := make([]float64, len(shares))
	for range n {
		u := r.Float64()
		i := 0
		for ; i < len(shares)-1 && u >= shares[i]; i++ {
			u -= shares[i]
		}
		counts[i]++
	}
	return counts
}

func TestSplitAlarms(t *testing.T) {
	try := func(truth []float64, margin float64, seed uint64) (looks int) {
		s, err := NewSplit(SplitConfig{Wanted: []float64{90, 10}, Margin: margin})
		if err != nil {
			t.Fatal(err)
		}
		r := rand.New(rand.NewPCG(seed, 1))
		for looks = range 100 {
			if err := s.Add(multinomial(r, truth, 100)); err != nil {
				t.Fatal(err)
			}
			if s.Verdict().Contradicted {
				return looks + 1
			}
		}
		return 0
	}
	wrong, missed, near := 0, 0, 0
	for seed := range uint64(100) {
		if try([]float64{0.9, 0.1}, 0, seed) > 0 {
			wrong++
		}
		if looks := try([]float64{0.85, 0.15}, 0.005, seed); looks == 0 || looks > 60 {
			missed++
		}
		if try([]float64{0.895, 0.105}, 0.005, seed) > 0 {
			near++
		}
	}
	if wrong > 1 || missed > 0 || near > 1 {
		t.Errorf("of 100: %d right splits alarmed, %d splits five points off missed, %d splits within the margin alarmed", wrong, missed, near)
	}
}

// TestSplitIsAMartingale: one more request multiplies the evidence by 1 on average when the shares are as wanted, and
// with a margin by no more than that over all that can happen from the beginning.
func TestSplitIsAMartingale(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		wanted := []float64{rapid.Float64Range(0.1, 5).Draw(r, "a"), rapid.Float64Range(0.1, 5).Draw(r, "b"), 1}
		margin := rapid.SampledFrom([]float64{0, 0.01, 0.1}).Draw(r, "margin")
		s, err := NewSplit(SplitConfig{Wanted: wanted, Margin: margin})
		if err != nil {
			r.Fatal(err)
		}
		const n = 12
		mean := 0.0
		for i := range n + 1 {
			for k := range n + 1 - i {
				s.state.Counts = []float64{float64(i), float64(k), float64(n - i - k)}
				chance := lnChoose(n, i) + lnChoose(n-i, k)
				for at, v := range s.state.Counts {
					chance += v * math.Log(s.state.Wanted[at])
				}
				mean += math.Exp(chance + s.log())
			}
		}
		if mean > 1+1e-9 || margin == 0 && mean < 1-1e-9 {
			r.Fatalf("wanted %v, margin %g: evidence is %g on average", wanted, margin, mean)
		}
	})
}

func TestSplitStateAndInput(t *testing.T) {
	s, err := NewSplit(SplitConfig{Wanted: []float64{1, 0, 3}})
	if err != nil {
		t.Fatal(err)
	}
	if v := s.Verdict(); v.Log != 0 || v.Contradicted || v.Shares[2].Wanted != 0.75 || v.Shares[0].Seen.High != 1 {
		t.Errorf("nothing was counted: %+v", v)
	}
	for _, counts := range [][]float64{{1, 2}, {-1, 0, 0}, {math.NaN(), 0, 0}, {0, math.Inf(1), 0}} {
		if err := s.Add(counts); mesh.CodeOf(err) != mesh.Invalid || !strings.Contains(err.Error(), "counts") {
			t.Errorf("%v: %v", counts, err)
		}
	}
	if err := s.Add([]float64{25, 1, 75}); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var again Split
	if err := json.Unmarshal(data, &again); err != nil {
		t.Fatal(err)
	}
	if a, b := s.Verdict(), again.Verdict(); !b.Contradicted || !b.Stray || a.Log != b.Log {
		t.Errorf("a request where none should go: %+v, read again %+v", a, b)
	}
	for _, c := range []SplitConfig{{}, {Wanted: []float64{1}}, {Wanted: []float64{0, 0}}, {Wanted: []float64{1, -1}}, {Wanted: []float64{1, 1}, Alpha: 2}, {Wanted: []float64{1, 1}, Margin: 1}} {
		if _, err := NewSplit(c); mesh.CodeOf(err) != mesh.Invalid {
			t.Errorf("%+v: %v", c, err)
		}
	}
	if err := json.Unmarshal([]byte(`{"wanted":[1,1],"alpha":0.01,"counts":[-4,1]}`), &again); err == nil {
		t.Error("a state that cannot be was taken")
	}
}
