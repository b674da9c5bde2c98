package judge

import (
	"math"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Outcome is what the judge says of a rollout.
type Outcome string

// The outcomes.
const (
	Continue     Outcome = "Continue"     // go on looking
	Abort        Outcome = "Abort"        // canary is worse; stays for the rest of the rollout
	Advance      Outcome = "Advance"      // canary is sound on this step; stays until Step
	Inconclusive Outcome = "Inconclusive" // the step's time is over: a person decides, nothing is promoted by itself
)

// Result is an analysis' state in the words that rollout controllers use.
type Result string

// The results. Error is for a controller that could not measure; the judge never gives it.
const (
	Running            Result = "Running"
	Successful         Result = "Successful"
	Failed             Result = "Failed"
	ResultInconclusive Result = "Inconclusive"
	Error              Result = "Error"
)

// Result gives the outcome as the state of an analysis.
func (o Outcome) Result() Result {
	switch o {
	case Abort:
		return Failed
	case Advance:
		return Successful
	case Inconclusive:
		return ResultInconclusive
	default:
		return Running
	}
}

// Rule is what a reason rests on.
type Rule string

// The rules.
const (
	RuleEvidence Rule = "evidence" // Log against Bound, that canary is worse
	RuleFloor    Rule = "floor"    // canary's newest requests against Config.Floor
	RuleSound    Rule = "sound"    // Log against Bound, that canary is not worse by Delta
	RuleRequests Rule = "requests" // canary has served fewer than MinRequests on this step
	RuleHeld     Rule = "held"     // there is evidence for advancing, but too much for aborting beside it
	RuleDeadline Rule = "deadline" // the step's time is over
	RuleUnknown  Rule = "unknown"  // latency at this boundary was never known of both arms
)

// Metrics of reasons and evidence.
const (
	Errors  = "errors"
	Latency = "latency"
)

// Reason is one part of why: a rule, what it is about, and the numbers that it compared.
type Reason struct {
	Rule     Rule    `json:"rule"`
	Metric   string  `json:"metric,omitempty"`   // Errors or Latency; empty: all of them
	Boundary float64 `json:"boundary,omitempty"` // seconds, of Latency
	Log      float64 `json:"log"`                // natural logarithm of the e-value; of RuleRequests the count
	Bound    float64 `json:"bound"`              // what Log is compared with; of RuleFloor the ratio
	Stable   Rate    `json:"stable"`
	Canary   Rate    `json:"canary"`
}

// Rate is a ratio with its 95 % Wilson interval, 0 to 1.
type Rate struct {
	Requests float64 `json:"requests"`
	Bad      float64 `json:"bad"` // failed, or slower than the boundary
	Ratio    float64 `json:"ratio"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
}

func rate(t tally) Rate {
	low, high := mesh.Wilson(int64(math.Round(t.Bad)), int64(math.Round(t.N)), mesh.Z95)
	return Rate{Requests: t.N, Bad: t.Bad, Ratio: t.ratio(), Low: low, High: high}
}

// Verdict is the outcome with all that it rests on. Evidence is in natural logarithms of e-values.
type Verdict struct {
	Outcome Outcome   `json:"outcome"`
	Result  Result    `json:"result"`
	At      time.Time `json:"at"` // when it was reached; of Continue and Inconclusive when it was asked for
	// Why names, of Abort, the metrics with the most evidence first; of Continue and Inconclusive what is missing.
	Why      []Reason   `json:"why"`
	Bound    float64    `json:"bound"`    // ln(1/α): what Abort and Advance are compared with
	Abort    float64    `json:"abort"`    // of all metrics, over all steps
	Advance  float64    `json:"advance"`  // of the weakest metric, on this step
	Requests float64    `json:"requests"` // canary's on this step
	Windows  int        `json:"windows"`
	Began    time.Time  `json:"began"` // the step
	Until    time.Time  `json:"until"` // its deadline
	Metrics  []Evidence `json:"metrics"`
	History  []Point    `json:"history"`
}

// Evidence is what one metric says.
type Evidence struct {
	Metric   string  `json:"metric"`             // Errors or Latency
	Boundary float64 `json:"boundary,omitempty"` // seconds
	Weight   float64 `json:"weight"`             // in the average that aborts; weights sum to 1
	Abort    float64 `json:"abort"`              // before it is weighed
	Advance  float64 `json:"advance"`
	Windows  int     `json:"windows"` // in which both arms had it
	Stable   Rate    `json:"stable"`  // over all steps
	Canary   Rate    `json:"canary"`
	Noise    float64 `json:"noise"`  // φ: the variance between arms over that of independent requests, at least 1
	Temper   float64 `json:"temper"` // λ, the power the newest window was raised to; 0 before the first
	Meter    Meter   `json:"meter"`
}
