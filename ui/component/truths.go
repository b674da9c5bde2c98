package component

import "github.com/weirmesh/weir/server/provider"

// Stage is where one truth of a change stands, as icons and style sheets name it.
type Stage string

// The stages of a truth.
const (
	Done    Stage = "done" // it holds
	Waiting Stage = "wait" // it is on its way
	Bad     Stage = "bad"  // it does not hold: refused by a proxy, or contradicted by traffic
	None    Stage = "none" // there is nothing to say
)

// Truth is one of the three, in words.
type Truth struct {
	Key   string // "accepted", "programmed", "observed"
	Stage Stage
	Text  string
	Note  string
}

// MeasuredShare is one target's measured share in words and as numbers from 0 to 1.
type MeasuredShare struct {
	Name                 string
	Text, Range          string
	Want, Got, Low, High float64
}

// Truths is what is known of a change.
type Truths struct {
	ID       string
	Each     []Truth // accepted, programmed, observed
	Shares   []MeasuredShare
	Rejected []provider.Rejection
}
