// Package simulate makes up rollouts whose truth is known and lets judges decide them, so that what a judge promises is
// counted and not believed: how many healthy canaries it aborts, and after how many minutes it sees a sick one. Every
// rollout is the same for the same seed. It is for tests and for `weir bench --judge`; nothing in a server uses it.
package simulate

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
)

// A rollout lasts half an hour and is measured every 15 seconds.
const (
	scrape  = 15 * time.Second
	scrapes = 120
)

// Scenario is the truth of a rollout.
type Scenario struct {
	Name   string
	Key    string     // name without spaces, for benchmarks
	Rate   float64    // requests per second of both arms
	Weight [2]float64 // canary's part of the traffic at the beginning and at the end, 0 to 1
	Errors [2]float64 // stable's ratio of errors at the beginning and at the end
	Times  float64    // canary's ratio over stable's; 1 is healthy
	Sick   int        // the scrape from which on canary is, 0 for the first
	Burst  float64    // coefficient of variation of the ratio, drawn per arm and scrape
	Apart  bool       // the halves of stable burst by themselves, not together
	Slow   float64    // canary's latency over stable's; 0: latency is not measured
}

// Healthy says that canary is no worse than stable.
func (s Scenario) Healthy() bool { return s.Times <= 1 && s.Slow <= 1 }

// Scenarios are the rows of the table.
func Scenarios() []Scenario {
	flat := func(v float64) [2]float64 { return [2]float64{v, v} }
	return []Scenario{
		{Name: "healthy, 200/s, weight 5 %, errors 0.5 %", Key: "healthy", Rate: 200, Weight: flat(0.05), Errors: flat(0.005), Times: 1},
		{Name: "healthy, 20/s", Key: "healthy-small", Rate: 20, Weight: flat(0.05), Errors: flat(0.005), Times: 1},
		{Name: "healthy, ramp 5 → 50 %, errors drift 0.3 → 1.5 %", Key: "healthy-ramp", Rate: 200, Weight: [2]float64{0.05, 0.5}, Errors: [2]float64{0.003, 0.015}, Times: 1},
		{Name: "healthy, bursts of either arm (CV 0.7)", Key: "healthy-bursts", Rate: 200, Weight: flat(0.05), Errors: flat(0.005), Times: 1, Burst: 0.7},
		{Name: "healthy, bursts of instances (CV 0.7)", Key: "healthy-bursts-apart", Rate: 200, Weight: flat(0.05), Errors: flat(0.005), Times: 1, Burst: 0.7, Apart: true},
		{Name: "healthy, ramp with bursts", Key: "healthy-ramp-bursts", Rate: 200, Weight: [2]float64{0.05, 0.5}, Errors: [2]float64{0.003, 0.015}, Times: 1, Burst: 0.7},
		{Name: "errors 2×, 200/s", Key: "twice", Rate: 200, Weight: flat(0.05), Errors: flat(0.005), Times: 2},
		{Name: "errors 10×, 0.05 → 0.5 %", Key: "tenfold", Rate: 200, Weight: flat(0.05), Errors: flat(0.0005), Times: 10},
		{Name: "errors 4×, 20/s", Key: "fourfold-small", Rate: 20, Weight: flat(0.05), Errors: flat(0.005), Times: 4},
		{Name: "errors 4× after 15 healthy minutes, ramp", Key: "fourfold-late", Rate: 200, Weight: [2]float64{0.05, 0.5}, Errors: flat(0.005), Times: 4, Sick: 60},
		{Name: "errors 4×, bursts of either arm", Key: "fourfold-bursts", Rate: 200, Weight: flat(0.05), Errors: flat(0.005), Times: 4, Burst: 0.7},
	}
}

// Rollout makes up the windows of one rollout, lazily and in order, until yield returns false.
func (s Scenario) Rollout(seed uint64, yield func(i int, w judge.Window) bool) {
	draw := source{rand.New(rand.NewPCG(seed, 0x57656972))}
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for i := range scrapes {
		part := float64(i) / (scrapes - 1)
		weight := s.Weight[0] + part*(s.Weight[1]-s.Weight[0])
		errors := s.Errors[0] + part*(s.Errors[1]-s.Errors[0])
		times, slow := s.Times, s.Slow
		if i < s.Sick {
			times, slow = 1, min(slow, 1)
		}
		requests := s.Rate * scrape.Seconds()
		half := requests * (1 - weight) / 2
		burst := draw.burst(s.Burst)
		other := burst
		if s.Apart {
			other = draw.burst(s.Burst)
		}
		halves := [2]judge.Arm{draw.arm(half, errors*burst, s.Slow/max(s.Slow, 1e-9)), draw.arm(half, errors*other, s.Slow/max(s.Slow, 1e-9))}
		w := judge.Window{
			From: at, To: at.Add(scrape), Stable: sum(halves[0], halves[1]), Halves: &halves,
			Canary: draw.arm(requests*weight, errors*times*draw.burst(s.Burst), slow),
		}
		at = w.To
		if !yield(i, w) {
			return
		}
	}
}

// source draws from distributions.
type source struct{ *rand.Rand }

// bounds are the latency boundaries that made-up arms have buckets for, in seconds.
func bounds() []float64 { return []float64{0.1, 0.25, 0.5, 1, 2.5, 5} }

// arm makes up an arm that serves a Poisson number of requests, of which each fails with the same chance. Latencies are
// log-normal with a median of 80 ms and a p99 of 0.5 s, times slow; none when slow is 0.
func (s source) arm(mean, errors, slow float64) judge.Arm {
	a := judge.Arm{Requests: s.poisson(mean)}
	a.Errors = s.binomial(a.Requests, min(errors, 1))
	if slow <= 0 {
		return a
	}
	a.Latency = judge.Histogram{Bounds: bounds(), Total: a.Requests}
	left, before := a.Requests, 0.0
	for _, bound := range a.Latency.Bounds {
		below := 0.5 * math.Erfc(-math.Log(bound/(0.08*slow))/0.7878/math.Sqrt2)
		within := s.binomial(left, min((below-before)/max(1-before, 1e-12), 1))
		left, before = left-within, below
		a.Latency.Counts = append(a.Latency.Counts, a.Requests-left)
	}
	return a
}

func sum(a, b judge.Arm) judge.Arm {
	a.Requests, a.Errors = a.Requests+b.Requests, a.Errors+b.Errors
	if len(a.Latency.Counts) == 0 {
		return a
	}
	total := judge.Histogram{Bounds: a.Latency.Bounds, Total: a.Latency.Total + b.Latency.Total}
	for i, n := range a.Latency.Counts {
		total.Counts = append(total.Counts, n+b.Latency.Counts[i])
	}
	a.Latency = total
	return a
}

// poisson draws a number of arrivals; above a mean of 50 it rounds a normal variable, since only how many requests
// there were hangs on it and not how many failed.
func (s source) poisson(mean float64) float64 {
	if mean > 50 {
		return max(math.Round(mean+math.Sqrt(mean)*s.NormFloat64()), 0)
	}
	n, sum := -1.0, 0.0
	for sum <= mean {
		sum += s.ExpFloat64()
		n++
	}
	return n
}

// binomial draws by the gaps between successes, which are geometric.
func (s source) binomial(n, p float64) float64 {
	switch {
	case n <= 0 || p <= 0:
		return 0
	case p >= 1:
		return n
	case p > 0.5:
		return n - s.binomial(n, 1-p)
	}
	hits, at, scale := -1.0, 0.0, math.Log1p(-p)
	for at <= n {
		at += math.Floor(-s.ExpFloat64()/scale) + 1
		hits++
	}
	return hits
}

// burst draws a factor of mean 1 from the gamma distribution (G. Marsaglia, W. W. Tsang, "A simple method for
// generating gamma variables", 2000) with a coefficient of variation below 1.
func (s source) burst(cv float64) float64 {
	if cv <= 0 {
		return 1
	}
	shape := 1 / (cv * cv)
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := s.NormFloat64()
		v := 1 + c*x
		if v <= 0 {
			continue
		}
		v = v * v * v
		if math.Log(1-s.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v / shape
		}
	}
}
