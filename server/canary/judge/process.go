package judge

import "math"

// late is the part of the stake that is not laid at the beginning but bit by bit, a hundred-and-twentieth of what is
// left with every window that has bad events. A canary that was healthy for an hour has made the stake of the beginning
// worthless; this part sees it turn bad. It costs ln(1/0.99) of evidence, where α = 0.01 asks for ln(100), and nothing of
// the promise: the average over stakes laid at any times is a supermartingale too.
const (
	late   = 0.01
	hazard = 1.0 / 120
)

// share gives the part of bad events that is canary's on average when the odds of a bad event are psi times stable's:
// the root of μ(N_b − e + μ) = ψ(N_c − μ)(e − μ), over e.
//
// Under Fisher's noncentral hypergeometric law E[X(N_b−e+X)] = ψ·E[(N_c−X)(e−X)], hence with the mean μ and variance v
// μ(N_b−e+μ) = ψ(N_c−μ)(e−μ) + (ψ−1)v: for ψ ≥ 1 the root is not more than the mean, and for ψ = 1 it is the mean, e·q
// with q = N_c/(N_b+N_c). (The root is J. Cornfield's approximation, Proc. Third Berkeley Symposium, 1956.)
func share(stable, canary tally, psi float64) float64 {
	e, q := stable.Bad+canary.Bad, canary.N/(stable.N+canary.N)
	if psi == 1 || e <= 0 {
		return q * psi / (1 - q + q*psi)
	}
	// (1−ψ)μ² + (N_b − e + ψ(N_c + e))μ − ψ·N_c·e = 0, solved without subtracting nearly equal numbers.
	b, c := stable.N-e+psi*(canary.N+e), psi*canary.N*e
	root := 2 * c / (b + math.Sqrt(max(b*b-4*(psi-1)*c, 0)))
	return min(max(root/e, 0), 1)
}

// factor is the logarithm of what a window multiplies a stake on θ by, when e of its events were bad, x of them
// canary's, and canary's part is q on average: exp(θx)/(1−q+q·e^θ)^e.
//
// Given e, x is a sum of independent Bernoulli variables (hypergeometric, central or not), which binomial(e, q)
// dominates in convex order (W. Hoeffding, "On the distribution of the number of successes in independent trials",
// 1956; "Probability inequalities for sums of bounded random variables", 1963): the factor is at most 1 on average
// whatever the ratio of bad events is in the window and however traffic is divided in it.
func factor(theta, x, e, q float64) float64 {
	return theta*x - e*math.Log1p(q*math.Expm1(theta))
}

// logSum is the logarithm of the sum of exponentials; the values may be very large or very small.
func logSum(values ...float64) float64 {
	largest := math.Inf(-1)
	for _, v := range values {
		largest = max(largest, v)
	}
	if math.IsInf(largest, 0) {
		return largest
	}
	sum := 0.0
	for _, v := range values {
		sum += math.Exp(v - largest)
	}
	return largest + math.Log(sum)
}

// worse is the e-process against "canary is no worse than stable": a stake on every ratio of the grid, each tempered by
// itself. To temper what all stakes are multiplied by together is as valid (Jensen) and a tenth faster, but the stake that
// a burst made largest then carries the next ones: it aborted six times as many healthy canaries that have bursts.
type worse struct {
	Stakes []float64 `json:"stakes"` // logarithms, one per ratio
	Kept   float64   `json:"kept"`   // logarithm of what is not laid yet
}

func newWorse(grid []float64) worse {
	w := worse{Stakes: make([]float64, len(grid)), Kept: math.Log(late)}
	sum := 0.0
	for _, ratio := range grid {
		sum += prior(ratio)
	}
	for i, ratio := range grid {
		w.Stakes[i] = math.Log((1 - late) * prior(ratio) / sum)
	}
	return w
}

// prior is the stake laid on a ratio beside the others'. Canaries that are less than twice as bad take so much traffic to
// see that a fifth of the stake makes little difference to them, and the rest are seen sooner for it.
func prior(ratio float64) float64 {
	if ratio >= 2 {
		return 5
	}
	return 1
}

// add takes in a window, tempered by λ.
func (w *worse) add(grid []float64, stable, canary tally, lambda float64) {
	e := stable.Bad + canary.Bad
	if stable.N+canary.N <= 0 || e <= 0 {
		return
	}
	q := share(stable, canary, 1)
	laid := w.Kept + math.Log(hazard/float64(len(grid)))
	w.Kept += math.Log1p(-hazard)
	for i, ratio := range grid {
		w.Stakes[i] = logSum(w.Stakes[i], laid) + lambda*factor(math.Log(ratio), canary.Bad, e, q)
	}
}

// log is the logarithm of the evidence.
func (w *worse) log() float64 { return logSum(logSum(w.Stakes...), w.Kept) }

// sound is the e-process against "the odds are 1+δ times stable's or more, and canary's ratio is above what is
// tolerated", and of a latency boundary "and at least a tenth of stable's requests keep to it". To refute one part is
// to refute the whole, so the three are averaged. It begins anew on each step.
type sound struct {
	Odds      [3]float64 `json:"odds"`
	Tolerated [3]float64 `json:"tolerated"`
	Beyond    [2]float64 `json:"beyond"`
}

// compared says how a window goes into the evidence that canary is sound.
type compared struct {
	psi       float64 // odds ratio that is to be ruled out, 1+δ
	tolerance float64 // ratio of bad requests
	lambda    float64 // power for what compares the arms
	alone     float64 // power for what looks at one arm
}

// add multiplies the stakes by a window's factors, tempered by λ; those that look at one arm alone by the power alone.
func (s *sound) add(stable, canary tally, c compared) {
	e := stable.Bad + canary.Bad
	if stable.N+canary.N > 0 && e > 0 {
		q := share(stable, canary, c.psi)
		for i, power := range [...]float64{0.5, 1, 2} { // odds of 1, where 1 is the power, and better and worse than that
			s.Odds[i] += c.lambda * factor(-power*math.Log(c.psi), canary.Bad, e, q)
		}
	}
	for i, times := range [...]float64{2, 5, 100} {
		s.Tolerated[i] += c.alone * factor(-math.Log(times), canary.Bad, canary.N, c.tolerance)
	}
	for i, times := range [...]float64{3, 100} { // odds of a stable request beyond the boundary, above nine to one
		s.Beyond[i] += c.alone * factor(math.Log(times), stable.Bad, stable.N, mostly)
	}
}

// mostly is the share of stable's own requests beyond a latency boundary from which on it says nothing about a canary.
const mostly = 0.9

// log is the logarithm of the evidence; slow says that bad means beyond a latency boundary.
func (s *sound) log(slow bool) float64 {
	odds := logSum(s.Odds[:]...) - math.Log(3)
	tolerated := logSum(s.Tolerated[:]...) - math.Log(3)
	if !slow {
		return logSum(odds, tolerated) - math.Ln2
	}
	return logSum(odds-math.Ln2, tolerated-2*math.Ln2, logSum(s.Beyond[:]...)-3*math.Ln2)
}
