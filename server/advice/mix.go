package advice

import (
	"math"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// refusedShare is the part of the requests that a limit may refuse: 1 in 1,000.
const refusedShare = 0.001

// mix is a recorded load taken apart: at each moment, what one instance would have in flight without a limit, and how
// many of the requests arrived then.
type mix struct {
	parts      []part
	requests   float64 // of all instances, without those that are sent again because they were refused
	attempts   float64 // with them
	refused    float64 // of the attempts
	dispersion float64
	unfinished float64 // in flight beyond what finished requests explain, of all instances
	latencies  []float64
	mean, rate float64 // of one instance
	busy       float64
	fastest    float64 // most requests per second at one instance
}

// part is one moment of a mix.
type part struct {
	offered float64 // of one instance, mean
	weight  float64 // requests
}

// state is one moment while it is worked out: sums over the instances.
type state struct {
	mesh.LoadMoment
	rate    float64 // requests per second, without those that are sent again because they were refused
	latency float64 // seconds within the application; NaN when nothing was served
	offered float64
	free    bool // no limit was in the way
}

// mixed takes a load apart.
//
// What is offered at a moment is λ·W: λ with refused requests, W of those that were served, without the time that they
// waited for a connection (Little's law tells it from how many waited). Callers send again what is refused, and would not
// if it were not: such requests do not count in λ. Where what was in flight varies more than
// independent requests do, the moments keep as much of their distance from λ·W as makes up for the difference: requests
// in flight are then a mixture of Poisson distributions with the mean and the variance that were seen. A pool that was
// full hides its variance, so such moments do not count for that.
func mixed(l mesh.Load, share float64) mix {
	states := statesOf(l)
	m := mix{dispersion: 1}
	excess := m.spread(states)
	for i, s := range states {
		busiest := share / max(s.Instances, 1)
		seconds := l.Step.Seconds()
		m.requests += s.rate * seconds
		m.attempts += s.Rate * seconds
		m.refused += s.Refused * seconds
		m.rate += s.rate * busiest / float64(len(states))
		m.mean += s.offered * busiest / float64(len(states))
		m.busy = max(m.busy, s.offered*busiest)
		m.fastest = max(m.fastest, s.rate*busiest)
		if !math.IsNaN(s.latency) {
			m.latencies = append(m.latencies, s.latency)
		}
		offered := max(s.offered+excess[i], 0)
		weight := s.rate * seconds
		if s.offered > 0 {
			weight *= offered / s.offered // in a burst there are more of them
		}
		if offered > 0 && weight > 0 {
			m.parts = append(m.parts, part{offered * busiest, weight})
		}
	}
	slices.Sort(m.latencies)
	return m
}

// statesOf works out what was offered at each moment.
func statesOf(l mesh.Load) []state {
	states := make([]state, len(l.Moments))
	var known []float64
	for i, at := range l.Moments {
		s := state{LoadMoment: at, rate: at.Rate - min(at.Repeated, at.Refused), latency: math.NaN()}
		if served := at.Rate - at.Refused; served > at.Rate/100 && served > 0 {
			s.latency = max(at.Within-at.Waiting, 0) / served
			known = append(known, s.latency)
		}
		s.free = at.Refused == 0 && at.Waiting < 0.01*max(at.Within, 1)
		states[i] = s
	}
	usual := middle(known)
	for i := range states {
		s := &states[i]
		if latency := s.latency; math.IsNaN(latency) {
			s.offered = s.rate * usual
		} else {
			s.offered = s.rate * latency
		}
	}
	return states
}

// spread finds how much more varies than requests that know nothing of each other would let it, and gives for each moment
// what that adds to its load. What was in flight at a moment has the mean λ·W and, of a Poisson process, the same
// variance (M/G/∞).
func (m *mix) spread(states []state) []float64 {
	adds := make([]float64, len(states))
	n, off, offered := 0.0, 0.0, 0.0
	for _, s := range states {
		if s.free {
			n, off, offered = n+1, off+s.InFlight-s.offered, offered+s.offered
		}
	}
	if n < 20 || offered == 0 {
		return adds
	}
	off /= n
	// Requests that last, such as streams, are counted when they end: what is in flight beyond that counts as well.
	if off > 2*math.Sqrt(offered)/n {
		m.unfinished = off
	}
	variance := 0.0
	for _, s := range states {
		if s.free {
			variance += (s.InFlight - s.offered - off) * (s.InFlight - s.offered - off)
		}
	}
	ratio := variance / (offered + n*m.unfinished)
	// The estimate itself has the standard error √(2/n), a little more for small counts.
	if ratio > 1+3*math.Sqrt((2+n/max(offered, 1))/n) {
		m.dispersion = ratio
	}
	keep := math.Sqrt((m.dispersion - 1) / m.dispersion)
	for i, s := range states {
		adds[i] = m.unfinished
		if s.free {
			adds[i] += keep * (s.InFlight - s.offered - off)
		}
	}
	return adds
}

// through is how many of the requests a pool would have refused, and how many would have had to wait. waiting is negative
// when any number may wait.
func (m mix) through(limit, waiting int) (refused, waits float64) {
	weights := 0.0
	for _, p := range m.parts {
		lost, late := queue(limit, waiting, p.offered)
		refused += p.weight * lost
		waits += p.weight * late
		weights += p.weight
	}
	if weights == 0 {
		return 0, 0
	}
	return refused / weights * m.requests, waits / weights * m.requests
}

// need is the smallest limit that refuses no more than one request in 1,000 without letting any wait.
func (m mix) need() int {
	return max(1, least(func(k int) bool {
		if k < 1 {
			return false
		}
		refused, _ := m.through(k, 0)
		return refused <= refusedShare*m.requests
	}))
}

// peak is the smallest number that 999 of 1,000 requests find not exceeded, themselves not counted.
func (m mix) peak() int {
	weights := 0.0
	for _, p := range m.parts {
		weights += p.weight
	}
	return least(func(k int) bool {
		sum := 0.0
		for _, p := range m.parts {
			sum += p.weight * poissonBelow(k, p.offered)
		}
		return sum >= (1-refusedShare)*weights
	})
}

// latency is the mean within the application, in seconds.
func (m mix) latency() float64 {
	if m.rate <= 0 {
		return 0
	}
	return m.mean / m.rate
}

// queue is how many arrive at one instance at the busiest moment within the time that they may wait, as a peak.
func (m mix) queue(wait time.Duration) int {
	return max(1, PoissonQuantile(1-refusedShare, m.fastest*wait.Seconds()))
}

func middle(list []float64) float64 {
	if len(list) == 0 {
		return 0
	}
	list = slices.Sorted(slices.Values(list))
	return list[len(list)/2]
}
