package mesh

import "math"

// Standard normal quantiles of two-sided intervals.
const (
	Z95   = 1.959963984540054 // 95 %
	Z9999 = 3.890591886413    // 99.99 %
)

// Wilson gives the score interval of a share when k of n were counted, 0 to 1; the whole of it when n is zero. z is the
// normal quantile of the wanted confidence.
//
// Source: E. B. Wilson, "Probable inference, the law of succession, and statistical inference", Journal of the American
// Statistical Association 22 (1927), as in the NIST/SEMATECH e-Handbook of Statistical Methods, section 7.2.4.1. Unlike
// the textbook interval it stays within 0 to 1 and holds for small n and for shares near 0 and 1 (L. D. Brown, T. T.
// Cai, A. DasGupta, "Interval estimation for a binomial proportion", Statistical Science 16 (2001)).
func Wilson(k, n int64, z float64) (low, high float64) {
	if n <= 0 {
		return 0, 1
	}
	k = min(max(k, 0), n)
	count, share := float64(n), float64(k)/float64(n)
	denominator := 1 + z*z/count
	centre := (share + z*z/(2*count)) / denominator
	half := z / denominator * math.Sqrt(share*(1-share)/count+z*z/(4*count*count))
	low, high = max(centre-half, 0), min(centre+half, 1)
	if k == 0 { // exactly so in the formula; rounding must not exclude a share of nothing or of everything
		low = 0
	}
	if k == n {
		high = 1
	}
	return low, high
}
