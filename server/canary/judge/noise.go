package judge

import "math"

// Before anything is known of bursts they are taken to double the variance, with the weight of four measurements, and an
// estimate from n measurements is raised by 20/√(4+n) of what it is above 1: bursts have long tails, and too small a φ
// breaks the promise where too large a one costs minutes. Both were chosen by simulation (server/canary/simulate).
const (
	assumedNoise  = 2.0
	assumedWeight = 4.0
	caution       = 20.0
)

// noise estimates φ: how many times the variance of canary's part of the bad events is that of independent requests.
// Only windows that have passed go into it, so that the power λ = 1/φ of the next window is known before the window is.
//
// Between the arms, φ is the mean of half the squared differences of consecutive standardised residuals (J. von Neumann
// and others, "The mean square successive difference", 1941), after the Mantel–Haenszel odds ratio of all windows is
// taken out: a canary that is steadily worse is not noise. Between the halves of stable it is Pearson's statistic, in
// which a steady difference is noise, because no version explains it.
type noise struct {
	Open, Before struct { // what is gathered until its variance is at least 1, and what was gathered before that
		Stable tally `json:"stable"`
		Canary tally `json:"canary"`
	}
	Over, Under float64 // Mantel–Haenszel's sums: the odds ratio is Over/Under
	Squares     float64 // sum of the estimates
	Variance    float64 // sum of the variances at which they were made
	Weight      float64 // how many there were
}

// between takes in a window of both arms.
func (n *noise) between(stable, canary tally) {
	if stable.N <= 0 || canary.N <= 0 {
		return
	}
	total := stable.N + canary.N
	n.Over += canary.Bad * (stable.N - stable.Bad) / total
	n.Under += stable.Bad * (canary.N - canary.Bad) / total
	n.Open.Stable.add(stable)
	n.Open.Canary.add(canary)
	psi := min(max((n.Over+0.5)/(n.Under+0.5), 1e-3), 1e3)
	now, variance := residual(n.Open.Stable, n.Open.Canary, psi)
	if variance < 1 {
		return
	}
	if before, v := residual(n.Before.Stable, n.Before.Canary, psi); v > 0 {
		n.Squares += (now - before) * (now - before) / 2
		n.Variance += (variance + v) / 2
		n.Weight++
	}
	n.Before = n.Open
	n.turn()
}

// halves takes in a window of two groups of instances of one version.
func (n *noise) halves(a, b tally) {
	if a.N <= 0 || b.N <= 0 {
		return
	}
	n.Open.Stable.add(a)
	n.Open.Canary.add(b)
	r, variance := residual(n.Open.Stable, n.Open.Canary, 1)
	if variance < 1 {
		return
	}
	n.Squares += r * r
	n.Variance += variance
	n.Weight++
	n.turn()
}

// turn forgets what is gathered for the next estimate, as when weights move: a sum over two weights is of neither.
func (n *noise) turn() {
	n.Open.Stable, n.Open.Canary = tally{}, tally{}
}

// phi is the estimate for a window in which independent requests would have the variance v, at least 1. When an arm's
// ratio itself goes up and down by a factor, φ grows with v: at ten times the traffic a burst is ten times as far from
// chance. So the larger is taken of the mean so far and of what the mean says at v.
func (n *noise) phi(v float64) float64 {
	mean := (assumedNoise*assumedWeight + n.Squares) / (assumedWeight + n.Weight)
	if n.Weight == 0 {
		return mean
	}
	scaled := 1 + v*max(n.Squares-n.Weight, 0)/n.Variance*(1+caution/math.Sqrt(assumedWeight+n.Weight))
	return max(mean, (assumedNoise*assumedWeight+n.Weight*scaled)/(assumedWeight+n.Weight), 1)
}

// residual is how many standard deviations canary's bad events are above their mean when their odds are psi times
// stable's, and the variance that this was divided by.
func residual(stable, canary tally, psi float64) (r, variance float64) {
	e, total := stable.Bad+canary.Bad, stable.N+canary.N
	if e <= 0 || total <= 1 {
		return 0, 0
	}
	q := share(stable, canary, psi)
	variance = e * q * (1 - q) * (total - e) / (total - 1)
	if variance <= 0 {
		return 0, 0
	}
	return (canary.Bad - e*q) / math.Sqrt(variance), variance
}

// phiIfAny is the estimate, or 1 when there was nothing to measure.
func (n *noise) phiIfAny(v float64) float64 {
	if n.Weight == 0 {
		return 1
	}
	return n.phi(v)
}

// measured is the mean of the estimates without what was assumed, at least 1.
func (n *noise) measured() float64 {
	if n.Weight == 0 {
		return 1
	}
	return max(n.Squares/n.Weight, 1)
}
