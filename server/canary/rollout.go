// Package canary rolls a version out in steps and judges it on the way: what is asked for (Spec), how far it is (Rollout),
// what to do next (Next, pure) and the controller that does it. It moves weights through the one door like everybody
// else, and promotes nothing that the evidence does not carry.
package canary

import (
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// Phase is where a rollout stands.
type Phase string

// The phases of a rollout; the last three are final, except that an aborted or inconclusive one can be retried.
const (
	Pending      Phase = "Pending"      // accepted, no weight moved yet
	Progressing  Phase = "Progressing"  // on its way through the steps
	Paused       Phase = "Paused"       // waits: for a duration, or for somebody to resume or promote
	Promoting    Phase = "Promoting"    // the last weight is on its way
	Succeeded    Phase = "Succeeded"    // canary has all the traffic
	Aborted      Phase = "Aborted"      // stable has all the traffic again
	Inconclusive Phase = "Inconclusive" // the evidence says neither; the weights stay and a person decides
)

// Over says whether nothing moves by itself any more and the route is free for another rollout.
func (p Phase) Over() bool { return p == Succeeded || p == Aborted }

// Spec is what somebody asks for.
type Spec struct {
	Target   mesh.Ref      `json:"target"` // the route, or the split, whose weights move
	Stable   string        `json:"stable"` // virtual node; empty: the target with the largest weight
	Canary   string        `json:"canary"` // virtual node; must be one of the targets, with the weight it begins with
	Steps    []Step        `json:"steps"`  // empty: 5, 25, 50 with an analysis each
	Analysis Analysis      `json:"analysis"`
	Webhooks []Webhook     `json:"webhooks,omitempty"`
	Deadline mesh.Duration `json:"deadline,omitempty"` // of a step's analysis; zero: 30 min
}

// Step is one step, in Argo Rollouts' words; exactly one field is set. A weight is not a free-for-all: it only grows
// from step to step.
type Step struct {
	SetWeight *int      `json:"setWeight,omitempty"` // canary's share in percent, 1 to 100
	Pause     *Pause    `json:"pause,omitempty"`
	Analysis  *struct{} `json:"analysis,omitempty"` // waits until the judge lets canary advance
}

// Pause waits. Without a duration it waits for a person.
type Pause struct {
	Duration mesh.Duration `json:"duration,omitempty"`
}

// Analysis says how canary is judged. The judge runs from the first weight to the last, not only in analysis steps:
// evidence against canary aborts at any time.
type Analysis struct {
	Judge   judge.Config  `json:"judge,omitzero"`
	Warmup  mesh.Duration `json:"warmup,omitempty"` // of what is not judged after a weight moved; zero: 5 s
	Metrics []Check       `json:"metrics,omitempty"`
}

// Check is a metric of one's own: a question in PromQL that answers with one number.
type Check struct {
	Name         string        `json:"name"`
	Query        string        `json:"query"` // {{mesh}}, {{stable}}, {{canary}} and {{window}} are filled in
	Min          *float64      `json:"min,omitempty"`
	Max          *float64      `json:"max,omitempty"`
	Interval     mesh.Duration `json:"interval,omitempty"`     // zero: 15 s
	FailureLimit int           `json:"failureLimit,omitempty"` // failed measurements in a row that abort; zero: 3
}

// Webhook is called when a rollout moves, in the shape that Flagger's receivers know.
type Webhook struct {
	Name     string            `json:"name"`
	URL      string            `json:"url"`
	Type     string            `json:"type"` // "event", or a gate: "confirm-rollout", "pre-rollout", "rollout", "confirm-promotion", "post-rollout", "rollback"
	Timeout  mesh.Duration     `json:"timeout,omitempty"`
	Retries  int               `json:"retries,omitempty"`
	Metadata map[string]string `json:"metadata,omitempty"`
}

// Outcome is an analysis's verdict, in Argo Rollouts' words.
type Outcome string

// The outcomes of an analysis.
const (
	Running       Outcome = "Running"
	Successful    Outcome = "Successful"
	Failed        Outcome = "Failed"
	Undecided     Outcome = "Inconclusive"
	AnalysisError Outcome = "Error"
)

// Rollout is one rollout as it is.
type Rollout struct {
	ID       string     `json:"id"` // sorts by time
	Mesh     string     `json:"mesh"`
	Spec     Spec       `json:"spec"` // with every default filled in
	Author   string     `json:"author"`
	Reason   string     `json:"reason,omitempty"`
	At       time.Time  `json:"at"`
	Phase    Phase      `json:"phase"`
	Step     int        `json:"step"`   // index of the step under way; len(Steps): all done
	Weight   int        `json:"weight"` // canary's share in percent, as last set
	Since    time.Time  `json:"since"`  // when this step began
	Until    *time.Time `json:"until,omitempty"`
	Gate     bool       `json:"gate,omitempty"` // waits for a person
	Why      string     `json:"why"`            // why it is where it is, in a sentence
	Change   string     `json:"change,omitempty"`
	Changes  []string   `json:"changes"` // entries of the ledger that it made, oldest first
	Analysis Finding    `json:"analysis"`
	Ended    *time.Time `json:"ended,omitempty"`
	Version  int64      `json:"version"`
}

// Finding is what the analysis says at the moment.
type Finding struct {
	Outcome Outcome       `json:"outcome"`
	Verdict judge.Verdict `json:"verdict"`
	Checks  []Measured    `json:"checks,omitempty"`
	// Detect is how long a canary with twice the errors would stay unseen, by the planner; zero: not known.
	Detect mesh.Duration `json:"detect,omitempty"`
}

// Measured is the last answer to a check.
type Measured struct {
	Name    string    `json:"name"`
	Value   *float64  `json:"value,omitempty"`
	At      time.Time `json:"at"`
	OK      bool      `json:"ok"`
	Failed  int       `json:"failed"`            // in a row
	Message string    `json:"message,omitempty"` // why there is no value, or what is wrong with it
}
