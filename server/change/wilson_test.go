package change

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// Newcombe's values are those of method 3 in table I of R. G. Newcombe, "Two-sided confidence intervals for the single
// proportion", Statistics in Medicine 17 (1998). The others follow by hand: with k = 0 the upper bound is z²/(n+z²), with
// k = n/2 the bounds are 1/2 ± z/(2√(n+z²)), and n-k gives the complement of k.
func TestWilsonKnownValues(t *testing.T) {
	for _, c := range []struct {
		k, n      int64
		low, high float64
	}{
		{81, 263, 0.2553, 0.3662}, // Newcombe
		{15, 148, 0.0624, 0.1605}, // Newcombe
		{0, 20, 0, 0.1611},        // Newcombe
		{1, 29, 0.0061, 0.1718},   // Newcombe
		{28, 29, 0.8282, 0.9939},  // its complement
		{0, 10, 0, 0.2775},
		{10, 10, 0.7225, 1},
		{5, 10, 0.2366, 0.7634},
	} {
		low, high := Wilson(c.k, c.n)
		if math.Abs(low-c.low) > 0.00006 || math.Abs(high-c.high) > 0.00006 {
			t.Errorf("Wilson(%d, %d) = %.4f, %.4f; want %.4f, %.4f", c.k, c.n, low, high, c.low, c.high)
		}
	}
	if low, high := Wilson(0, 0); low != 0 || high != 1 {
		t.Errorf("nothing counted says %v to %v", low, high)
	}
}

// The bounds are the shares p at which the count lies exactly z standard errors off: (k/n - p)² = z² p (1-p) / n.
func TestWilsonSolvesItsEquation(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(1, 1_000_000).Draw(t, "n")
		k := rapid.Int64Range(0, n).Draw(t, "k")
		z := rapid.SampledFrom([]float64{z95, z9999}).Draw(t, "z")
		low, high := wilson(k, n, z)
		share := float64(k) / float64(n)
		if low < 0 || high > 1 || low > share || high < share {
			t.Fatalf("%v to %v does not hold %v", low, high, share)
		}
		for _, p := range []float64{low, high} {
			if off := (share-p)*(share-p) - z*z*p*(1-p)/float64(n); math.Abs(off) > 1e-9 {
				t.Fatalf("bound %v is off by %v", p, off)
			}
		}
		if wideLow, wideHigh := wilson(k, n, z9999); wideLow > low || wideHigh < high {
			t.Fatal("the wider interval does not hold the narrower one")
		}
	})
}
