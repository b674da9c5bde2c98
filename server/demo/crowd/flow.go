package crowd

import (
	"math"
	"time"
)

// flow is the traffic of an edge. Everything it counts is a function of the time since the beginning, so that any window,
// now or in the past, is the difference of two moments.
type flow struct {
	from, to string
	grpc     bool
	base     float64 // requests per second, about which it swings
	errors   float64 // share of requests that fail
	refusals float64 // share that are answered 4xx
	bytes    float64 // of a request and its answer
	latency  *latency
	members  float64
	swing    wave
	slow     wave // of the share of requests that are slow
	key      uint64
}

// wave swings about one.
type wave struct{ size, speed, phase float64 } // speed in radians per second

// reached is the integral of a wave since the beginning.
func (w *wave) reached(t float64) float64 {
	return t + w.size/w.speed*(math.Cos(w.phase)-math.Cos(w.speed*t+w.phase))
}

// at is a wave's height.
func (w *wave) at(t float64) float64 { return 1 + w.size*math.Sin(w.speed*t+w.phase) }

// slowShare is the share of requests that are slow, on average.
const slowShare = 0.12

// tally is what a flow counted by a moment. It never falls: the parts that swing are smaller than what they swing about.
type tally struct {
	requests, slow, failed, refused float64
}

// by counts up to a moment, in seconds since the beginning.
func (f *flow) by(t float64) tally {
	if t <= 0 || f.base == 0 {
		return tally{}
	}
	second := math.Floor(t)
	n := f.base*f.swing.reached(t) + f.jitter()*unit(f.key^uint64(second)*0x9e3779b97f4a7c15)
	slow := slowShare * f.base * f.slow.reached(t)
	n = max(n, slow)
	return tally{
		requests: n, slow: slow, failed: math.Floor(f.errors * n), refused: math.Floor(f.refusals * n),
	}
}

// jitter is how far a count may be from the smooth one: about as far as that of independent requests in half a minute
// would be, and less than what comes in a second.
func (f *flow) jitter() float64 { return min(0.25*f.base, 2*math.Sqrt(30*f.base)) }

// succeeded counts what was answered well.
func (f *flow) succeeded(n float64) float64 { return math.Floor((1 - f.errors - f.refusals) * n) }

// active is how many requests are within the flow at a moment: what arrives times how long it takes.
func (f *flow) active(t float64) float64 {
	slow := slowShare * f.slow.at(t)
	return math.Round(f.base * f.swing.at(t) * ((1-slow)*f.latency.mean + slow*f.latency.slowMean) / 1000)
}

// late is how long ago a proxy would have reported: half a second at most.
func late(key uint64, now time.Time) time.Time {
	return now.Add(-time.Duration(key%500) * time.Millisecond)
}

// oldest is the longest that late gives.
const oldest = 499 * time.Millisecond

// unit is a number from -1 to 1 that looks random and depends on the key alone (splitmix64).
func unit(key uint64) float64 { return float64(mix(key)>>11)/(1<<52) - 1 }

func mix(z uint64) uint64 {
	z += 0x9e3779b97f4a7c15
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
