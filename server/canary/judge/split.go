package judge

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// concentration is that of the Dirichlet prior, centred at the wanted shares: deviations of about five points are what
// the test looks for first.
const concentration = 100

// Split tests, however often it is asked, whether traffic is divided in other shares than wanted: M. Lindon and A.
// Malek, "Anytime-Valid Inference for Multinomial Count Data" (2011.03567). Under the wanted shares it gives an alarm
// with a chance of at most α, ever. Begin a new one whenever the wanted shares change. It is not safe for concurrent
// use; its JSON restores it.
type Split struct {
	state splitState
}

type splitState struct {
	Wanted []float64 `json:"wanted"`
	Alpha  float64   `json:"alpha"`
	Margin float64   `json:"margin"`
	Counts []float64 `json:"counts"`
	Most   float64   `json:"most"` // largest logarithm of the evidence so far
	Stray  bool      `json:"stray"`
}

// SplitConfig says what is wanted.
type SplitConfig struct {
	Wanted []float64 // weights or shares, two or more, not all zero; they are scaled to sum to 1
	Alpha  float64   // chance of a false alarm; 0: 0.01
	// Margin is how far each share may be from the wanted one without being wrong, 0 to 0.2. Without any, a thousandth
	// more than wanted is an alarm once enough requests have been counted. Envoy's weights are exact, its sessions are not.
	Margin float64
}

// SplitVerdict is what the counts say.
type SplitVerdict struct {
	Contradicted bool        `json:"contradicted"` // stays true
	Stray        bool        `json:"stray"`        // requests went where none should
	Log          float64     `json:"log"`          // natural logarithm of the evidence now
	Bound        float64     `json:"bound"`        // ln(1/α)
	Shares       []SplitPart `json:"shares"`
}

// SplitPart is one target's share.
type SplitPart struct {
	Wanted float64 `json:"wanted"` // 0 to 1
	Seen   Rate    `json:"seen"`   // Bad are its requests
}

// NewSplit begins a test. The error is a mesh.Error of code Invalid.
func NewSplit(c SplitConfig) (*Split, error) {
	var found violations
	sum := 0.0
	for _, v := range c.Wanted {
		if !(v >= 0 && v <= maxCount) {
			found.add("wanted", v, "is a weight of zero or more")
		}
		sum += v
	}
	if len(c.Wanted) < 2 || len(c.Wanted) > 1000 || !(sum > 0) {
		found.add("wanted", float64(len(c.Wanted)), "has 2 to 1000 weights, not all of them zero")
	}
	if c.Alpha == 0 {
		c.Alpha = 0.01
	}
	if !(c.Alpha >= 1e-9 && c.Alpha <= 0.2) {
		found.add("alpha", c.Alpha, "is from 1e-09 to 0.2")
	}
	if !(c.Margin >= 0 && c.Margin <= 0.2) {
		found.add("margin", c.Margin, "is from 0 to 0.2")
	}
	if err := found.err("a split cannot be tested"); err != nil {
		return nil, err
	}
	s := &Split{state: splitState{Alpha: c.Alpha, Margin: c.Margin, Counts: make([]float64, len(c.Wanted))}}
	for _, v := range c.Wanted {
		s.state.Wanted = append(s.state.Wanted, v/sum)
	}
	return s, nil
}

// Add counts requests by target, in the order of the wanted shares. It refuses counts that are negative or not numbers
// with a mesh.Error of code Invalid and then changes nothing.
func (s *Split) Add(counts []float64) error {
	var found violations
	if len(counts) != len(s.state.Wanted) {
		found.add("counts", float64(len(counts)), "has one number per target")
	}
	for i, v := range counts {
		if !(v >= 0 && v <= maxCount) {
			found.add("counts", v, "is a count of zero or more")
		} else if i < len(s.state.Counts) && s.state.Counts[i]+v > maxCount {
			found.add("counts", v, "makes a sum that can no longer be counted: begin a new test")
		}
	}
	if err := found.err("a count of a split is refused"); err != nil {
		return err
	}
	for i, v := range counts {
		s.state.Counts[i] += v
		s.state.Stray = s.state.Stray || v > 0 && s.state.Wanted[i] == 0 && s.state.Margin == 0
	}
	s.state.Most = max(s.state.Most, s.log())
	return nil
}

// Verdict says whether the counts contradict the wanted shares.
func (s *Split) Verdict() SplitVerdict {
	v := SplitVerdict{Bound: -math.Log(s.state.Alpha), Log: s.log(), Stray: s.state.Stray}
	v.Contradicted = s.state.Stray || s.state.Most >= v.Bound
	total := 0.0
	for _, n := range s.state.Counts {
		total += n
	}
	for i, wanted := range s.state.Wanted {
		v.Shares = append(v.Shares, SplitPart{Wanted: wanted, Seen: rate(tally{N: total, Bad: s.state.Counts[i]})})
	}
	return v
}

// log is the logarithm of the evidence: how likely the counts are under the prior, over how likely they are under the
// most favourable shares that are within the margin of the wanted. With no margin that is the paper's martingale; with
// one it is never more than the martingale against the true shares, if those are within the margin. Strays, which are
// impossible under the wanted shares, are left out of it and told by themselves.
func (s *Split) log() float64 {
	total, a, predicted := 0.0, 0.0, 0.0
	for i, n := range s.state.Counts {
		prior := concentration * s.state.Wanted[i]
		if s.state.Margin > 0 {
			prior = max(prior, 0.5) // a wanted share of zero is within the margin of some
		}
		if prior == 0 {
			continue
		}
		total, a = total+n, a+prior
		predicted += logGamma(prior+n) - logGamma(prior)
	}
	predicted += logGamma(a) - logGamma(a+total)
	for i, p := range s.favourable(total) {
		if n := s.state.Counts[i]; n > 0 && p > 0 {
			predicted -= n * math.Log(p)
		}
	}
	return predicted
}

// favourable gives the shares within the margin under which the counts are likeliest: counts over a common divisor,
// cut to the margin, where the divisor makes them sum to 1.
func (s *Split) favourable(total float64) []float64 {
	shares := slices.Clone(s.state.Wanted)
	if s.state.Margin == 0 || total <= 0 {
		return shares
	}
	fit := func(scale float64) (sum float64) {
		for i, wanted := range s.state.Wanted {
			shares[i] = min(max(s.state.Counts[i]/total*scale, wanted-s.state.Margin, 0), wanted+s.state.Margin, 1)
			sum += shares[i]
		}
		return sum
	}
	low, high := math.Log(1e-18), math.Log(1e18)
	for range 200 {
		if middle := (low + high) / 2; fit(math.Exp(middle)) < 1 {
			low = middle
		} else {
			high = middle
		}
	}
	fit(math.Exp(high))
	return shares
}

func logGamma(v float64) float64 {
	l, _ := math.Lgamma(v)
	return l
}

// MarshalJSON writes all that the test knows.
func (s *Split) MarshalJSON() ([]byte, error) { return json.Marshal(s.state) }

// UnmarshalJSON reads what MarshalJSON wrote; anything else is a mesh.Error of code Invalid.
func (s *Split) UnmarshalJSON(data []byte) error {
	var state splitState
	if err := json.Unmarshal(data, &state); err != nil {
		return mesh.Errorf(mesh.Invalid, "the stored test of a split cannot be read: %w", err)
	}
	fresh, err := NewSplit(SplitConfig{Wanted: state.Wanted, Alpha: state.Alpha, Margin: state.Margin})
	if err != nil {
		return err
	}
	if err := fresh.Add(state.Counts); err != nil {
		return err
	}
	s.state = state
	s.state.Most = max(state.Most, fresh.state.Most)
	return nil
}
