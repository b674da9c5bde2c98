package judge

import (
	"encoding/json"
	"math"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// lnChoose is the logarithm of n over k.
func lnChoose(n, k int) float64 {
	return logGamma(float64(n+1)) - logGamma(float64(k+1)) - logGamma(float64(n-k+1))
}

// expect is the mean of value(x) where x is canary's part of e bad events under Fisher's noncentral hypergeometric law.
func expect(nb, nc, e int, psi float64, value func(x float64) float64) float64 {
	var weights, values []float64
	for x := max(0, e-nb); x <= min(e, nc); x++ {
		weights = append(weights, lnChoose(nc, x)+lnChoose(nb, e-x)+float64(x)*math.Log(psi))
		values = append(values, value(float64(x)))
	}
	total, mean := logSum(weights...), 0.0
	for i, w := range weights {
		mean += math.Exp(w-total) * values[i]
	}
	return mean
}

// TestSupermartingale holds the increments against their exact laws: on average no window multiplies evidence by more
// than 1 while canary is no worse (no better, for advancing), at any sizes, tempered or not, late stakes included.
func TestSupermartingale(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		nb, nc := rapid.IntRange(0, 60).Draw(r, "nb"), rapid.IntRange(1, 60).Draw(r, "nc")
		e := rapid.IntRange(0, nb+nc).Draw(r, "e")
		lambda := rapid.Float64Range(0.05, 1).Draw(r, "λ")
		odds := rapid.Float64Range(0.2, 1).Draw(r, "odds") // no worse
		delta := rapid.Float64Range(0.05, 4).Draw(r, "δ")
		more := rapid.Float64Range(1, 5).Draw(r, "more")
		grid := []float64{1.3, 2, 5, 20}
		before := newWorse(grid)
		for i := range before.Stakes { // stakes as any past may have left them
			before.Stakes[i] += rapid.Float64Range(-5, 5).Draw(r, "past")
		}
		tallies := func(x float64) (tally, tally) {
			return tally{N: float64(nb), Bad: float64(e) - x}, tally{N: float64(nc), Bad: x}
		}
		grown := expect(nb, nc, e, odds, func(x float64) float64 {
			w := before
			w.Stakes = append([]float64(nil), before.Stakes...)
			stable, canary := tallies(x)
			w.add(grid, stable, canary, lambda)
			return math.Exp(w.log() - before.log())
		})
		if grown > 1+1e-9 {
			r.Fatalf("a canary that is no worse: evidence grows by %g", grown)
		}
		sounder := expect(nb, nc, e, (1+delta)*more, func(x float64) float64 {
			var s sound
			stable, canary := tallies(x)
			s.add(stable, canary, compared{psi: 1 + delta, tolerance: 0.5, lambda: lambda, alone: 1})
			return math.Exp(logSum(s.Odds[:]...) - math.Log(3))
		})
		if sounder > 1+1e-9 {
			r.Fatalf("a canary that is worse by more than δ: evidence for it grows by %g", sounder)
		}
	})
}

// TestToleratedSupermartingale does the same for the parts that look at one arm alone.
func TestToleratedSupermartingale(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		n, tolerance := rapid.IntRange(0, 200).Draw(r, "n"), rapid.Float64Range(1e-4, 0.4).Draw(r, "τ")
		ratio := rapid.Float64Range(tolerance, 1).Draw(r, "ratio")
		within := rapid.Float64Range(0, mostly).Draw(r, "within")
		mean := func(p float64, value func(s sound) []float64, at func(bad float64) (tally, tally)) float64 {
			sum := 0.0
			for k := range n + 1 {
				chance := math.Exp(lnChoose(n, k)) * math.Pow(p, float64(k)) * math.Pow(1-p, float64(n-k))
				var s sound
				stable, canary := at(float64(k))
				s.add(stable, canary, compared{psi: 2, tolerance: tolerance, lambda: 1, alone: 1})
				values := value(s)
				sum += chance * math.Exp(logSum(values...)) / float64(len(values))
			}
			return sum
		}
		got := mean(ratio, func(s sound) []float64 { return s.Tolerated[:] }, func(bad float64) (tally, tally) { return tally{}, tally{float64(n), bad} })
		if got > 1+1e-9 {
			r.Errorf("canary fails at %g, more than %g: evidence that it is tolerable grows by %g", ratio, tolerance, got)
		}
		got = mean(within, func(s sound) []float64 { return s.Beyond[:] }, func(bad float64) (tally, tally) { return tally{float64(n), bad}, tally{} })
		if got > 1+1e-9 {
			r.Errorf("%g of stable are beyond the boundary: evidence for more than 0.9 grows by %g", within, got)
		}
	})
}

// drawWindow draws any window that is valid.
func drawWindow(r *rapid.T, i int) Window {
	arm := func() Arm {
		a := Arm{Requests: rapid.Float64Range(0, maxCount).Draw(r, "requests")}
		if rapid.Bool().Draw(r, "small") {
			a.Requests = float64(rapid.IntRange(0, 300).Draw(r, "few"))
		}
		a.Errors = a.Requests * rapid.SampledFrom([]float64{0, 1e-3, 0.01, 0.3, 1}).Draw(r, "ratio")
		bounds := rapid.SampledFrom([][]float64{nil, {0.1, 0.5, 1}, {0.25, 1, 10}}).Draw(r, "bounds")
		a.Latency = Histogram{Bounds: bounds, Total: a.Requests}
		at := 0.0
		for range bounds {
			at += (a.Requests - at) * rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(r, "within")
			a.Latency.Counts = append(a.Latency.Counts, at)
		}
		return a
	}
	w := arms(i, 0, 0, 0, 0)
	w.Stable, w.Canary = arm(), arm()
	if rapid.Bool().Draw(r, "halves") {
		w.Halves = &[2]Arm{arm(), arm()}
	}
	return w
}

// finite walks through a value and complains about numbers that are none.
func finite(r *rapid.T, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Float64:
		if math.IsNaN(v.Float()) || math.IsInf(v.Float(), 0) {
			r.Fatalf("%s is %g", path, v.Float())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			finite(r, v.Field(i), path+"."+v.Type().Field(i).Name)
		}
	case reflect.Slice, reflect.Array:
		for i := range v.Len() {
			finite(r, v.Index(i), path)
		}
	case reflect.Pointer:
		if !v.IsNil() {
			finite(r, v.Elem(), path)
		}
	default:
	}
}

// TestResumes writes and reads the judge between any two windows: it must go on to the same verdict, and no number in
// it may stop being one, whatever is measured.
func TestResumes(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		c := Config{Boundaries: []float64{0.1, 0.25, 1}, Temper: rapid.SampledFrom([]float64{0, 0.5, 1}).Draw(r, "temper")}
		whole := begin(t, c)
		resumed := begin(t, c)
		for i := range rapid.IntRange(1, 5).Draw(r, "windows") {
			w := drawWindow(r, i)
			add(t, whole, w)
			add(t, resumed, w)
			if rapid.Bool().Draw(r, "step") {
				whole.Step(w.To)
				resumed.Step(w.To)
			}
			data, err := json.Marshal(resumed)
			if err != nil {
				r.Fatalf("write: %v", err)
			}
			resumed = new(Judge)
			if err := json.Unmarshal(data, resumed); err != nil {
				r.Fatalf("read: %v", err)
			}
		}
		now := start.Add(time.Minute)
		if a, b := whole.Verdict(now), resumed.Verdict(now); !reflect.DeepEqual(a, b) {
			r.Fatalf("before %+v\nafter  %+v", a, b)
		}
		finite(r, reflect.ValueOf(whole.Verdict(now)), "verdict")
		finite(r, reflect.ValueOf(whole.streams), "streams")
	})
}

func FuzzState(f *testing.F) {
	j := begin(f, Config{Boundaries: []float64{0.1}})
	data, _ := json.Marshal(j)
	f.Add(data)
	for i := range 40 {
		w := arms(i, 950, 5, 50, 2)
		w.Halves = &[2]Arm{{Requests: 475, Errors: 3}, {Requests: 475, Errors: 2}}
		add(f, j, w)
	}
	data, _ = json.Marshal(j)
	f.Add(data)
	f.Add([]byte(`{"version":1}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, data []byte) {
		j := new(Judge)
		if json.Unmarshal(data, j) != nil || len(j.streams) == 0 {
			return
		}
		w := arms(1000, 950, 5, 50, 2)
		w.From, w.To = j.Last().Add(time.Second), j.Last().Add(16*time.Second)
		if j.Add(w) == nil {
			v := j.Verdict(w.To)
			if math.IsNaN(v.Abort) || math.IsNaN(v.Advance) || len(v.History) > maxPoints+1 {
				t.Errorf("a state that was taken gave %+v", v)
			}
		}
		again, err := json.Marshal(j)
		if err != nil {
			t.Fatalf("a state that was taken cannot be written: %v", err)
		}
		if err := json.Unmarshal(again, new(Judge)); err != nil {
			t.Fatalf("a state that was taken and written is refused: %v\n%s", err, again)
		}
	})
}
