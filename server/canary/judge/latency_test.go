package judge

import (
	"testing"
)

// timed makes a window in which stable and canary served requests of which the given parts are slower than the bounds.
func timed(i int, bounds, stable, canary []float64) Window {
	w := arms(i, 1900, 4, 100, 0)
	histogram := func(total float64, slower []float64) Histogram {
		h := Histogram{Bounds: bounds, Total: total}
		for _, part := range slower {
			h.Counts = append(h.Counts, total*(1-part))
		}
		return h
	}
	w.Stable.Latency, w.Canary.Latency = histogram(1900, stable), histogram(100, canary)
	return w
}

func TestLatencyAborts(t *testing.T) {
	j := begin(t, Config{Boundaries: []float64{0.1, 0.5, 2}})
	bounds := []float64{0.1, 0.25, 0.5, 2}
	for i := 0; i < 120 && j.Outcome() == Continue; i++ {
		add(t, j, timed(i, bounds, []float64{0.3, 0.1, 0.02, 0}, []float64{0.3, 0.1, 0.08, 0}))
	}
	v := j.Verdict(j.Last())
	if v.Outcome != Abort || v.Why[0].Metric != Latency || v.Why[0].Boundary != 0.5 || v.Windows > 40 {
		t.Fatalf("a p98 that became a p92 after %d windows: %s %+v", v.Windows, v.Outcome, v.Why)
	}
}

func TestLatencyAdvances(t *testing.T) {
	// A tenth of a second is beyond nearly every request of either arm, ten seconds is beyond none: neither says anything,
	// and neither may keep a canary that is like stable from advancing.
	j := begin(t, Config{Boundaries: []float64{0.1, 1, 10}})
	for i := 0; i < 120 && j.Outcome() == Continue; i++ {
		w := timed(i, []float64{0.1, 1, 10}, []float64{0.99, 0.05, 0}, []float64{0.99, 0.05, 0})
		w.Stable.Errors = 0
		add(t, j, w)
	}
	if v := j.Verdict(j.Last()); v.Outcome != Advance {
		t.Fatalf("%s: %+v", v.Outcome, v.Why)
	}
}

func TestLatencyUnknown(t *testing.T) {
	j := begin(t, Config{Boundaries: []float64{0.3, 7}})
	for i := range 60 {
		add(t, j, timed(i, []float64{0.5, 20}, []float64{0.1, 0}, []float64{0.1, 0}))
	}
	v := j.Verdict(j.Last())
	if v.Metrics[1].Windows != 60 || v.Metrics[2].Windows != 0 {
		t.Fatalf("0.3 s is compared at 0.5 s, 7 s has no bound up to twice it: %+v", v.Metrics)
	}
	if last := v.Why[len(v.Why)-1]; v.Outcome != Continue || last.Rule != RuleUnknown || last.Boundary != 7 {
		t.Errorf("what is not known must not pass for sound: %s %+v", v.Outcome, v.Why)
	}
	// Bounds that one arm alone has, or that change between windows, are no comparison, and no error.
	w := timed(60, []float64{0.3, 7}, []float64{0.1, 0}, []float64{0.1, 0})
	w.Canary.Latency = Histogram{Bounds: []float64{0.4}, Counts: []float64{50}, Total: 100}
	add(t, j, w, timed(61, []float64{0.3, 7}, []float64{0.1, 0}, []float64{0.1, 0}))
	if v := j.Verdict(j.Last()); v.Metrics[1].Windows != 61 || v.Metrics[2].Windows != 1 {
		t.Errorf("%+v", v.Metrics)
	}
}

func TestMeterShowsFalseAlarms(t *testing.T) {
	calm, torn := begin(t, Config{}), begin(t, Config{})
	for i := range 240 {
		w := arms(i, 2000, 20, 100, 1)
		w.Halves = &[2]Arm{{Requests: 1000, Errors: 10}, {Requests: 1000, Errors: 10}}
		add(t, calm, w)
		w.Halves = &[2]Arm{{Requests: 1000, Errors: 2}, {Requests: 1000, Errors: 18}} // one instance of stable is ill
		add(t, torn, w)
	}
	if m := calm.Verdict(start).Metrics[0].Meter; m.Windows != 240 || m.Alarms+m.Raw != 0 || m.Noise > 1.1 {
		t.Errorf("halves that do the same: %+v", m)
	}
	m := torn.Verdict(start).Metrics[0]
	if m.Meter.Raw < 10 || m.Meter.Alarms >= m.Meter.Raw/5 || m.Meter.Noise < 3 || m.Temper > 0.3 {
		t.Errorf("halves that differ by nine times: %+v, temper %g", m.Meter, m.Temper)
	}
}
