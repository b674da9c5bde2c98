package advice

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// call is one simulated request: when it arrives and how long the application takes, in seconds.
type call struct{ at, takes float64 }

// grid is one simulated load on one instance.
type grid struct {
	name      string
	rate      float64 // per second, mean
	latency   float64 // seconds, mean
	sigma     float64 // of the log-normal latency
	intensity func(*rand.Rand) func(t float64) float64
}

// steady arrives as independent requests do.
func steady(*rand.Rand) func(float64) float64 { return func(float64) float64 { return 1 } }

// wave rises and falls by half over the time that is looked at.
func wave(*rand.Rand) func(float64) float64 {
	return func(t float64) float64 { return 1 + 0.5*math.Sin(t*2*math.Pi/1800) }
}

// bursts change between 2.5 times and a quarter of the mean, for some 20 and 40 seconds.
func bursts(random *rand.Rand) func(float64) float64 {
	until, high := 0.0, false
	return func(t float64) float64 {
		for t >= until {
			high = !high
			until += random.ExpFloat64() * map[bool]float64{true: 20, false: 40}[high]
		}
		if high {
			return 2.5
		}
		return 0.25
	}
}

// calls draws the arrivals of a Poisson process whose rate follows the intensity.
func (g grid) calls(length float64, seed uint64) []call {
	random := rand.New(rand.NewPCG(seed, uint64(g.rate*1000)))
	follow := g.intensity(random)
	const top = 3
	var list []call
	for t := 0.0; t < length; t += random.ExpFloat64() / (g.rate * top) {
		if random.Float64()*top < follow(t) {
			list = append(list, call{t, g.latency * math.Exp(g.sigma*random.NormFloat64()-g.sigma*g.sigma/2)})
		}
	}
	return list
}

// departures is a heap of moments.
type departures []float64

func (d *departures) push(t float64) {
	list := append(*d, t)
	for i := len(list) - 1; i > 0; {
		up := (i - 1) / 2
		if list[up] <= list[i] {
			break
		}
		list[up], list[i] = list[i], list[up]
		i = up
	}
	*d = list
}

// leave takes away what is over by a moment.
func (d *departures) leave(until float64) {
	list := *d
	for len(list) > 0 && list[0] <= until {
		last := len(list) - 1
		list[0], list = list[last], list[:last]
		for i := 0; ; {
			down := 2*i + 1
			if down+1 < len(list) && list[down+1] < list[down] {
				down++
			}
			if down >= len(list) || list[i] <= list[down] {
				break
			}
			list[i], list[down] = list[down], list[i]
			i = down
		}
	}
	*d = list
}

// refusedBy is how many calls a limit refuses without a place to wait.
func refusedBy(limit int, calls []call) (refused int) {
	var under departures
	for _, c := range calls {
		under.leave(c.at)
		if len(under) < limit {
			under.push(c.at + c.takes)
		} else {
			refused++
		}
	}
	return refused
}

// recorded is what a proxy would have recorded of calls that go through a limit without a place to wait.
func recorded(limit int, calls []call) mesh.Load {
	var under departures
	var arrived, turned, ended counts
	l := mesh.Load{Step: over().Step, Busiest: 1}
	next := over().Step.Seconds()
	for _, c := range calls {
		for ; c.at >= next; next += over().Step.Seconds() {
			under.leave(next)
			l.Moments = append(l.Moments, mesh.LoadMoment{
				At: time.Unix(int64(next), 0), Rate: arrived.rate(next), Refused: turned.rate(next), Within: ended.rate(next),
				InFlight: float64(len(under)), Instances: 1,
			})
		}
		under.leave(c.at)
		arrived.add(c.at, 1)
		if len(under) < limit {
			ended.add(c.at+c.takes, c.takes)
			under.push(c.at + c.takes)
		} else {
			turned.add(c.at, 1)
		}
	}
	return l
}

// counts is what was counted in each second.
type counts []float64

func (s *counts) add(t, v float64) {
	for int(t) >= len(*s) {
		*s = append(*s, 0)
	}
	(*s)[int(t)] += v
}

// rate is per second over the window that ends at a moment.
func (s counts) rate(end float64) (sum float64) {
	window := over().Window.Seconds()
	for i := max(int(end-window), 0); i < min(int(end), len(s)); i++ {
		sum += s[i]
	}
	return sum / min(window, end)
}

// optimum is the smallest limit that refuses at most one request in 1,000, found by trying.
func optimum(calls []call) int {
	return least(func(limit int) bool {
		if limit < 1 {
			return false
		}
		return float64(refusedBy(limit, calls)) <= refusedShare*float64(len(calls))
	})
}

func grids() []grid {
	var list []grid
	for _, kind := range []struct {
		name      string
		intensity func(*rand.Rand) func(float64) float64
	}{{"steady", steady}, {"wave", wave}, {"bursts", bursts}} {
		for _, of := range []struct{ rate, latency, sigma float64 }{
			{10, 0.02, 0.5}, {40, 0.05, 0.5}, {40, 0.25, 1}, {50, 0.6, 0.5}, {50, 2, 1},
		} {
			list = append(list, grid{
				fmt.Sprintf("%s/%.0f per s × %.0f ms", kind.name, of.rate, of.latency*1000), of.rate, of.latency, of.sigma, kind.intensity,
			})
		}
	}
	return list
}

// simulated is half an hour, as it is recorded.
const simulated = 1800

func over() mesh.Span {
	end := time.Unix(simulated, 0)
	return mesh.Span{Start: end.Add(-simulated * time.Second), End: end, Step: 15 * time.Second, Window: 30 * time.Second}
}

func adviceOn(l mesh.Load, limits mesh.ConnectionPool) Advice {
	return Give(Input{
		Mesh: "m", Node: "n", Listener: mesh.Listener{Port: 80, Protocol: mesh.HTTP2, ConnectionPool: &limits}, Listeners: 1, Load: l, Span: over(),
		Wait: DefaultWait,
	})
}

// closeTo says that an advice without its headroom is within a fifth, or one, of the optimum.
func closeTo(got, want int) bool {
	return math.Abs(float64(got-want)) <= max(1, 0.2*float64(want))
}

// TestOptimum holds the advice, before its headroom, against the limit that a search finds: recorded without a limit in
// the way, and recorded through one that is far too small. What limits would have refused is held against what they do
// refuse. The benchmark has larger loads.
func TestOptimum(t *testing.T) {
	for i, g := range grids() {
		if g.latency > 1 {
			continue
		}
		t.Run(g.name, func(t *testing.T) {
			t.Parallel()
			calls := g.calls(simulated, uint64(i))
			want := optimum(calls)
			free := recorded(math.MaxInt32, calls)
			got := adviceOn(free, mesh.ConnectionPool{})
			if least := got.Limits[0].Least; !closeTo(least, want) {
				t.Errorf("needs %d by trying, %d by advice: %+v", want, least, got.Load)
			}
			tight := max(want/3, 1)
			got = adviceOn(recorded(tight, calls), mesh.ConnectionPool{MaxRequests: &tight})
			if advised := *got.Limits[0].Advised; advised < want || advised > 2*want {
				t.Errorf("recorded through %d, which refused %d of %d: advised %d, and %d are needed", tight, refusedBy(tight, calls), len(calls), advised, want)
			}
			for _, part := range []float64{0.3, 0.6, 0.8} {
				limit := max(int(part*float64(want)), 1)
				replay, ok := adviceOn(free, mesh.ConnectionPool{MaxRequests: &limit}).Of("now")
				real := refusedBy(limit, calls)
				if !ok || math.Abs(replay.Rejected-float64(real)) > 0.2*float64(real)+0.02*float64(len(calls)) {
					t.Errorf("a limit of %d refuses %d of %d, and %.0f of %.0f by the replay", limit, real, len(calls), replay.Rejected, replay.Requests)
				}
			}
		})
	}
}

// BenchmarkAdvice prints how far the advice is from the optimum that a search finds.
func BenchmarkAdvice(b *testing.B) {
	for i, g := range grids() {
		b.Run(g.name, func(b *testing.B) {
			calls := g.calls(simulated, uint64(i))
			load, want := recorded(math.MaxInt32, calls), optimum(calls)
			var a Advice
			for b.Loop() {
				a = adviceOn(load, mesh.ConnectionPool{})
			}
			limit := a.Limits[0]
			b.ReportMetric(float64(want), "optimum")
			b.ReportMetric(float64(limit.Least), "least")
			b.ReportMetric(100*float64(limit.Least-want)/float64(want), "%off")
			b.ReportMetric(float64(*limit.Advised), "advised")
			b.ReportMetric(float64(refusedBy(*limit.Advised, calls)), "refused-by-advised")
		})
	}
}
