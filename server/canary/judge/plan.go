package judge

import (
	"math"
	"time"
)

// PlanInput is what is known before a rollout starts.
type PlanInput struct {
	Rate       float64 `json:"rate"`       // requests per second of both arms together
	ErrorRatio float64 `json:"errorRatio"` // of stable, 0 to 1; or the share slower than a boundary
	Weight     float64 `json:"weight"`     // canary's part of the traffic, above 0 and below 1
	Ratio      float64 `json:"ratio"`      // how many times stable's ratio canary's shall be detected at, above 1
	Config     Config  `json:"config"`
}

// Forecast is how long a step will take, on average.
type Forecast struct {
	// Detect is the time until a canary as bad as asked is aborted; Never when there is no traffic or nothing fails.
	Detect time.Duration `json:"detect"`
	// Advance is the time until a canary that is like stable may advance.
	Advance time.Duration `json:"advance"`
	// Days says that Detect is a day or longer; Late, that it is longer than the step's deadline.
	Days bool `json:"days"`
	Late bool `json:"late"`
	// Better is a larger weight to start with, when Late: the smallest usual one that detects within the deadline, or
	// the fastest when none does. Zero: there is none. BetterDetect is its time.
	Better       float64       `json:"better"`
	BetterDetect time.Duration `json:"betterDetect"`
}

// Never is the longest time a forecast gives: a hundred years.
const Never = 100 * 365 * 24 * time.Hour

// Plan says how long a canary of this weight will take. The error is a mesh.Error of code Invalid.
//
// The evidence against a canary grows with every bad event by KL(q₁‖w) on average, where q₁ = wρ/(1−w+wρ) is its part of
// the bad events, and has to reach ln(1/α) beside what the grid of K ratios and the average over metrics cost; one more
// is for the step over the bound: t ≈ (ln(1/α) + ln K + ln F + 1) / (λ·R·p·(1−w+wρ)·KL(q₁‖w)). A temper that the judge
// chooses itself is taken as 1, which is what it comes to without bursts.
func Plan(in PlanInput) (Forecast, error) {
	var found violations
	check := func(field string, v, low, high float64) {
		if !(v >= low && v <= high) {
			found.add(field, v, "is a number within its range")
		}
	}
	check("rate", in.Rate, 0, maxCount)
	check("errorRatio", in.ErrorRatio, 0, 1)
	check("weight", in.Weight, 1e-6, 1-1e-6)
	check("ratio", in.Ratio, 1.01, 1e6)
	if err := found.err("the length of a rollout cannot be planned"); err != nil {
		return Forecast{}, err
	}
	if err := in.Config.Validate(); err != nil {
		return Forecast{}, err
	}
	in.Config = in.Config.Filled()
	f := Forecast{Detect: in.detect(in.Weight), Advance: in.advance()}
	f.Days, f.Late = f.Detect >= 24*time.Hour, f.Detect > in.Config.Deadline
	if !f.Late || f.Detect >= Never {
		return f, nil
	}
	for _, weight := range []float64{0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.4, 0.5} {
		detect := in.detect(weight)
		if weight <= in.Weight || detect >= f.Detect || f.Better > 0 && detect >= f.BetterDetect {
			continue
		}
		f.Better, f.BetterDetect = weight, detect
		if detect <= in.Config.Deadline {
			break
		}
	}
	return f, nil
}

// detect is the time to abort at a weight.
func (in PlanInput) detect(w float64) time.Duration {
	c := in.Config
	cost := c.bound() + math.Log(float64(len(c.Grid))) + 1
	if len(c.Boundaries) > 0 {
		cost += math.Ln2
	}
	// A ratio of which canary's would be above 1 cannot be: then all of its requests fail.
	rho := min(in.Ratio, 1/max(in.ErrorRatio, 1e-300))
	bad := 1 - w + w*rho
	return in.after(cost, in.Rate*in.ErrorRatio*bad*divergence(w*rho/bad, w))
}

// advance is the time to advance a canary that is like stable: by the odds or, when hardly anything fails, by the
// ratio that is tolerated.
func (in PlanInput) advance() time.Duration {
	c, w := in.Config, in.Weight
	psi := 1 + c.Delta
	growth := in.Rate * in.ErrorRatio * divergence(w, w*psi/(1-w+w*psi))
	if in.ErrorRatio < c.Tolerance {
		growth = max(growth, in.Rate*w*divergence(in.ErrorRatio, c.Tolerance))
	}
	took := in.after(c.bound()+math.Log(6)+1, growth)
	if in.Rate*w <= 0 {
		return Never
	}
	return max(took, seconds(c.MinRequests/(in.Rate*w)))
}

// after is the time until evidence that grows by growth a second covers a cost.
func (in PlanInput) after(cost, growth float64) time.Duration {
	if in.Config.Temper > 0 {
		growth *= in.Config.Temper
	}
	if !(growth > 0) {
		return Never
	}
	return seconds(cost / growth)
}

func seconds(s float64) time.Duration {
	if s >= Never.Seconds() {
		return Never
	}
	return time.Duration(s * float64(time.Second))
}

// divergence is Kullback and Leibler's, of Bernoulli(a) from Bernoulli(b), 0 < b < 1.
func divergence(a, b float64) float64 {
	d := 0.0
	if a > 0 {
		d += a * math.Log(a/b)
	}
	if a < 1 {
		d += (1 - a) * math.Log((1-a)/(1-b))
	}
	return max(d, 0)
}
