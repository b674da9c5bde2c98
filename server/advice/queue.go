package advice

import "math"

// poissonBelow is P(N ≤ k) of a Poisson distribution of the given mean, summed term by term from the largest down: exact
// to rounding for any mean.
func poissonBelow(k int, mean float64) float64 {
	switch {
	case k < 0:
		return 0
	case mean <= 0:
		return 1
	}
	// The terms grow up to the mean; from there down each is smaller than the one above it.
	from := min(float64(k), math.Floor(mean))
	logOf := func(i float64) float64 {
		g, _ := math.Lgamma(i + 1)
		return i*math.Log(mean) - mean - g
	}
	top := math.Exp(logOf(from))
	sum := top
	for i, term := from, top; i > 0 && term > sum*1e-17; i-- {
		term *= i / mean
		sum += term
	}
	for i, term := from+1, top; i <= float64(k) && term > sum*1e-17; i++ {
		term *= mean / i
		sum += term
	}
	return min(sum, 1)
}

// PoissonQuantile is the smallest k with P(N ≤ k) ≥ q of a Poisson distribution of the given mean; 0 for a mean that is
// not above zero. q is below 1.
func PoissonQuantile(q, mean float64) int {
	if !(mean > 0) {
		return 0
	}
	return least(func(k int) bool { return poissonBelow(k, mean) >= q })
}

// blocking is the part of the arrivals that find all of limit places taken when offered is the mean number that would be
// under way without a limit: Erlang's loss formula. It holds for Poisson arrivals and any distribution of service times
// (Sevastyanov 1957). 1/B is the sum of limit!/(limit−j)!/offered^j over j = 0 … limit.
func blocking(limit int, offered float64) float64 {
	if offered <= 0 {
		return 0
	}
	sum, term := 1.0, 1.0
	for i := float64(limit); i > 0; i-- {
		term *= i / offered
		sum += term
		if math.IsInf(sum, 1) || i < offered && term < sum*1e-17 {
			break
		}
	}
	return 1 / sum
}

// queue is what becomes of the arrivals when waiting more may wait for one of limit places, M/M/c/K: the part that is
// refused, and the part that has to wait. Each state beyond limit is r = offered/limit times as likely as the one before,
// and blocking gives the likelihood of the state limit where none may wait. Service times that vary less than exponential
// ones lose less. A negative waiting is any number: then only what can never be served is lost.
func queue(limit, waiting int, offered float64) (refused, waits float64) {
	b, r := blocking(limit, offered), offered/float64(limit)
	switch {
	case waiting == 0:
		return b, 0
	case waiting < 0 && r >= 1:
		return 1 - 1/r, 1 / r
	case waiting < 0:
		return 0, b / (1 - r*(1-b)) // Erlang's C
	}
	// The states from limit on, relative to the likelier end, so that the sum cannot overflow: last is the fullest one.
	ratio, sum, term := min(r, 1/r), 0.0, 1.0
	for i := 0; i <= waiting && term > 1e-17; i++ {
		sum += term
		term *= ratio
	}
	last, first := 1.0, math.Pow(r, -float64(waiting))
	if r <= 1 {
		last, first = math.Pow(r, float64(waiting)), 1
	}
	all := first*(1-b)/b + sum // those below limit have (1−b)/b of its likelihood
	if b == 0 {
		return 0, 0
	}
	return last / all, (sum - last) / all
}

// least is the smallest k from 0 at which something holds that holds from some k on.
func least(holds func(int) bool) int {
	high := 1
	for !holds(high) {
		if high > math.MaxInt32/2 {
			return math.MaxInt32
		}
		high *= 2
	}
	low := -1
	for high-low > 1 {
		if middle := low + (high-low)/2; holds(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}
