package crowd

import (
	"math"
	"time"
)

// The table of latencies: the usual ones from a median of a millisecond to a tenth of a second, then that of what is slow,
// and that of what is far away.
const (
	usualLatencies = 20
	slowLatency    = usualLatencies
	outsideLatency = slowLatency + 1

	slowness  = 2.5  // how much longer the slow requests of a flow take
	spreading = 0.55 // standard deviation of the logarithm
)

// latency is how long the requests of a flow take: most as usual, some slower. The shares of the buckets sum to one.
type latency struct {
	bounds      []float64 // of the buckets, in ms
	usual, slow []float64 // one more than bounds
	mean        float64   // in ms, of the usual ones
	slowMean    float64
}

// latencies makes the table.
func latencies() []latency {
	// Envoy's own buckets, up to half a minute.
	bounds := []float64{0.5, 1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000}
	list := make([]latency, 0, outsideLatency+1)
	add := func(median float64) {
		mean := median * math.Exp(spreading*spreading/2)
		list = append(list, latency{bounds, lognormal(median, bounds), lognormal(median*slowness, bounds), mean, mean * slowness})
	}
	for i := range usualLatencies {
		add(math.Pow(100, float64(i)/(usualLatencies-1)))
	}
	add(900)
	add(180)
	return list
}

// lognormal cuts a log-normal distribution into the buckets.
func lognormal(median float64, bounds []float64) []float64 {
	shares, below := make([]float64, 0, len(bounds)+1), 0.0
	for _, bound := range bounds {
		upto := 0.5 * math.Erfc(-math.Log(bound/median)/(spreading*math.Sqrt2))
		shares, below = append(shares, upto-below), upto
	}
	return append(shares, 1-below)
}

// quantiles interpolates the 50th, 95th and 99th percentile of so many usual and slow requests within the buckets that
// hold them, as Prometheus does.
func (l *latency) quantiles(usual, slow float64) (q [3]time.Duration) {
	n := usual + slow
	if n <= 0 {
		return q
	}
	ranks := [3]float64{0.50 * n, 0.95 * n, 0.99 * n}
	sum, low, next := 0.0, 0.0, 0
	for i, bound := range l.bounds {
		c := usual*l.usual[i] + slow*l.slow[i]
		for c > 0 && sum+c >= ranks[next] {
			q[next] = time.Duration((low + (bound-low)*(ranks[next]-sum)/c) * float64(time.Millisecond))
			if next++; next == len(q) {
				return q
			}
		}
		sum, low = sum+c, bound
	}
	for ; next < len(q); next++ {
		q[next] = time.Duration(low * float64(time.Millisecond))
	}
	return q
}
