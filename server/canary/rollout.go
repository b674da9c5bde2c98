// Package canary rolls a version out in steps and judges it on the way: what is asked for (Spec), how far it is (Rollout),
// what to do next (Next, pure) and the controller that does it. It moves weights through the one door like everybody
// else, and promotes nothing that the evidence does not carry. It asks Envoy, PromQL and webhooks through interfaces.
package canary

import (
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// Phase is where a rollout stands.
type Phase string

// The phases of a rollout. An aborted and an inconclusive one can be retried.
const (
	Pending      Phase = "Pending"      // accepted, no weight moved yet
	Progressing  Phase = "Progressing"  // on its way through the steps
	Paused       Phase = "Paused"       // waits: for a duration, or for somebody to resume or promote
	Promoting    Phase = "Promoting"    // the last weight is on its way
	Succeeded    Phase = "Succeeded"    // canary has all the traffic
	Aborted      Phase = "Aborted"      // stable has all the traffic again
	Inconclusive Phase = "Inconclusive" // the evidence says neither; the weights stay and a person decides
)

// Phases lists every phase in the order of a rollout's life.
func Phases() []Phase {
	return []Phase{Pending, Progressing, Paused, Promoting, Succeeded, Aborted, Inconclusive}
}

// Over says whether nothing moves by itself any more and the route is free for another rollout.
func (p Phase) Over() bool { return p == Succeeded || p == Aborted }

// Cause is why a rollout is where it is, for programs; Rollout.Why says the same in words.
type Cause string

// The causes.
const (
	CauseStep     Cause = "step"     // the plan says so
	CauseEvidence Cause = "evidence" // the judge: Analysis.Verdict.Why has the reasons
	CauseCheck    Cause = "check"    // a metric of one's own is out of its bounds, or cannot be read
	CauseDeadline Cause = "deadline" // the evidence did not suffice in time, or proxies did not answer in time
	CauseRejected Cause = "rejected" // proxies refused the change
	CauseHook     Cause = "hook"     // a webhook holds or stops it
	CausePerson   Cause = "person"   // somebody said so
	CauseOutside  Cause = "outside"  // somebody else moved the weights
	CauseGuard    Cause = "guard"    // guard rails stand in the way
	CauseGone     Cause = "gone"     // what it is about is not there any more
	CauseStore    Cause = "store"    // the change could not be recorded; it is tried again
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
	Weight   int        `json:"weight"` // canary's share in percent of what stable and canary have, as last set
	Since    time.Time  `json:"since"`  // when this step began
	Until    *time.Time `json:"until,omitempty"`
	Gate     bool       `json:"gate,omitempty"` // waits for a person
	Cause    Cause      `json:"cause,omitempty"`
	Why      string     `json:"why"`             // why it is where it is, in a sentence
	Notes    []string   `json:"notes,omitempty"` // what whoever reads the evidence should know, in sentences
	Change   string     `json:"change,omitempty"`
	Changes  []string   `json:"changes"` // entries of the ledger that it made, oldest first
	Analysis Finding    `json:"analysis"`
	Hooks    []Called   `json:"hooks,omitempty"` // the newest answer of each webhook but "event"
	Ended    *time.Time `json:"ended,omitempty"`
	Attempt  int        `json:"attempt"`          // 1, and one more with each retry
	Key      string     `json:"key,omitempty"`    // By.Key of whoever started it
	Digest   string     `json:"digest,omitempty"` // of what was asked for under Key, as it was written
	Version  int64      `json:"version"`          // grows with everything that is recorded

	// Programmed is when every proxy had answered the newest change; nil: not yet, and nothing is judged.
	Programmed *time.Time `json:"programmed,omitempty"`
	// Before are the targets as they were when the rollout began, Targets as it last set or took them over.
	Before  []mesh.WeightedTarget `json:"before"`
	Targets []mesh.WeightedTarget `json:"targets"`
	// Move is a change that is on its way through the door: recorded here first, so that it is made once whatever happens.
	Move *Move `json:"move,omitempty"`
	// Restoring says that the weights have yet to go back to stable.
	Restoring bool `json:"restoring,omitempty"`
	// Outside says that somebody else moved the weights; nothing is judged or moved until a person decides.
	Outside bool `json:"outside,omitempty"`
	// From is the phase that a person paused; RetryAt when what failed is tried again.
	From     Phase      `json:"from,omitempty"`
	PausedAt *time.Time `json:"pausedAt,omitempty"`
	RetryAt  *time.Time `json:"retryAt,omitempty"`
	Override string     `json:"override,omitempty"` // reason for going over guard rails with the next move
}

// Active says whether the rollout holds its route or split: another one cannot begin there.
func (r Rollout) Active() bool { return !r.Phase.Over() || r.Restoring }

// Move is one change of weights.
type Move struct {
	Key      string                `json:"key"`  // idempotency key
	Base     int64                 `json:"base"` // version of the target that it was made from
	Weight   int                   `json:"weight"`
	Targets  []mesh.WeightedTarget `json:"targets"`
	Reason   string                `json:"reason"`
	Override string                `json:"override,omitempty"`
	// Back says that it takes back what the rollout did: guard rails do not stop that.
	Back bool `json:"back,omitempty"`
}

// Finding is what the analysis says at the moment.
type Finding struct {
	Outcome judge.Result  `json:"outcome"` // Inconclusive: a person decides; Error: it could not be measured
	Verdict judge.Verdict `json:"verdict"`
	Checks  []Measured    `json:"checks,omitempty"`
	// Detect is how long a canary with twice the errors would stay unseen at this weight, by the planner; zero: not known.
	Detect   mesh.Duration   `json:"detect,omitempty"`
	Forecast *judge.Forecast `json:"forecast,omitempty"` // Detect's source, with a better weight if it takes too long
	// Split says whether the traffic contradicts the weights; nil: not measured yet.
	Split *judge.SplitVerdict `json:"split,omitempty"`
	// Windows were judged, Dropped were not: too soon after a change or after new instances.
	Windows int `json:"windows"`
	Dropped int `json:"dropped"`
}

// Measured is the last answer to a check.
type Measured struct {
	Name    string    `json:"name"`
	Value   *float64  `json:"value,omitempty"`
	At      time.Time `json:"at"`
	OK      bool      `json:"ok"`
	Failed  int       `json:"failed"`            // measurements out of bounds in a row
	Errors  int       `json:"errors"`            // measurements without a value in a row
	Message string    `json:"message,omitempty"` // why there is no value, or what is wrong with it
}

// Called is the newest answer of a webhook.
type Called struct {
	Name    string    `json:"name"`
	Type    string    `json:"type"`
	At      time.Time `json:"at"`
	OK      bool      `json:"ok"`
	Failed  int       `json:"failed"`            // in a row
	Message string    `json:"message,omitempty"` // what it answered, in words
}

// By is who wants something of a rollout.
type By struct {
	Author string
	Reason string
	// Override is the reason for going over guard rails with the next move; empty: they hold.
	Override string
	// DryRun answers with the rollout as it would be, and does nothing.
	DryRun bool
	// Key makes a start that is repeated under it the same start; empty: each is one of its own.
	Key string
}

// Query selects rollouts. Zero fields do not restrict.
type Query struct {
	Mesh   string
	Target mesh.Ref
	Phase  Phase
	Active bool   // only those that hold their route
	Before string // older than this ID
	Limit  int    // 100 when zero
}
