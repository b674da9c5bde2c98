// Package advice says how large a node's connection pool should be, from the load that was recorded, and shows why: the
// concurrency that rate and latency make (Little's law), its peak, what is in reserve, and what any limit would have
// refused in the recorded time. It is pure: whoever asks brings a Source of loads, and nothing here changes a mesh.
package advice

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Confidence is how far an advice can be relied on.
type Confidence string

// The confidences: with too little there is no advice at all.
const (
	TooLittle Confidence = "too-little" // nothing is advised
	Low       Confidence = "low"        // less than a quarter of an hour was seen
	Fair      Confidence = "fair"       // less than the time that was asked for was seen
	Good      Confidence = "good"
)

// Verdict is what is said of a limit that is in force.
type Verdict string

// The verdicts on a limit.
const (
	Fits     Verdict = "fits"     // between the least and the most that are sensible
	Roomy    Verdict = "roomy"    // above the most, but not far
	TooLow   Verdict = "too-low"  // it refuses, or would at the peak
	TooHigh  Verdict = "too-high" // it hardly protects the application
	Unset    Verdict = "unset"    // there is no limit
	Unjudged Verdict = "unknown"  // there are too little data
)

// Advice is what is advised for the pool of one listener, per instance, with the evidence.
type Advice struct {
	Mesh       string        `json:"mesh"`
	Node       string        `json:"node"`
	Port       int           `json:"port"`
	Protocol   mesh.Protocol `json:"protocol"`
	At         time.Time     `json:"at"`    // end of the time that was looked at
	Hours      float64       `json:"hours"` // that were asked for
	Seen       float64       `json:"seen"`  // hours of which there are data
	Confidence Confidence    `json:"confidence"`
	// Again is in how long there will be enough data, if traffic goes on; zero when there is enough, or nobody can say.
	Again   mesh.Duration `json:"again,omitempty"`
	Limits  []Limit       `json:"limits"`
	Load    Evidence      `json:"load"`
	Callers []Caller      `json:"callers"`
	Sides   Sides         `json:"sides"`
	Replays []Replay      `json:"replays"`
	Notes   []Note        `json:"notes"` // what else one should know
}

// Limit is one limit of the pool.
type Limit struct {
	Name    string  `json:"name"`    // as ConnectionPool writes it: "maxConnections"
	Now     *int    `json:"now"`     // null: unlimited
	Advised *int    `json:"advised"` // null: nothing is advised
	Least   int     `json:"least"`   // below it the limit is in the way at the peak
	Most    int     `json:"most"`    // above it the limit protects little
	Verdict Verdict `json:"verdict"`
	Why     []Note  `json:"why"`
}

// Evidence is what was seen of one instance, the busiest where instances can be told apart.
type Evidence struct {
	Requests   float64 `json:"requests"`   // to all instances in the time seen, without those sent again because they were refused
	Attempts   float64 `json:"attempts"`   // with them
	Refused    float64 `json:"refused"`    // of the attempts, by the node's pool, as it was counted
	Rate       float64 `json:"rate"`       // requests per second of one instance, mean
	Latency    float64 `json:"latency"`    // seconds within the application, mean
	Mean       float64 `json:"mean"`       // requests in flight: rate × latency
	Busy       float64 `json:"busy"`       // the same in the busiest minute or so
	Peak       int     `json:"peak"`       // 999 of 1,000 requests meet no more than these in flight
	SeenPeak   float64 `json:"seenPeak"`   // the most in flight whenever somebody looked
	Dispersion float64 `json:"dispersion"` // variance of what is in flight over that of independent requests, at least 1
	Instances  float64 `json:"instances"`  // at the newest moment
	Busiest    float64 `json:"busiest"`    // times its even share that the busiest instance gets; zero: not known
	Overflow   float64 `json:"refusedNow"` // requests refused per second at the newest moment
}

// Caller is who sends to the node: what it keeps under way there.
type Caller struct {
	From    string  `json:"from"`    // graph id
	Proxies float64 `json:"proxies"` // of its
	Rate    float64 `json:"rate"`    // requests per second
	Latency float64 `json:"latency"` // mean in seconds, as the caller waits for it
	Mean    float64 `json:"mean"`    // requests under way
	Peak    int     `json:"peak"`    // 99.9 % quantile of them
}

// Sides holds what callers want against what the node's pools let through, of all instances together.
type Sides struct {
	Wanted  float64 `json:"wanted"`  // requests under way, mean, summed over the callers
	Now     *int    `json:"now"`     // the limit in force times the instances; null: unlimited
	Advised *int    `json:"advised"` // the advised one likewise
}

// Replay is what a pool would have refused of the recorded load.
type Replay struct {
	What     string              `json:"what" enum:"now,advised,asked"`
	Pool     mesh.ConnectionPool `json:"pool"`
	Requests float64             `json:"requests"`
	Rejected float64             `json:"rejected"`
	Share    float64             `json:"share"`   // 0 to 1, of the requests
	Waiting  float64             `json:"waiting"` // requests that would have had to wait for others to end
	// Counted is how many attempts were really refused in that time; only of the pool in force, which may have been another
	// before.
	Counted *float64 `json:"counted,omitempty"`
}

// Note is a sentence in parts: what it says, and its numbers as people read them.
type Note struct {
	Code   string            `json:"code"`
	Values map[string]string `json:"values"`
}

// Of finds the replay of a pool; ok is false when there is none.
func (a Advice) Of(what string) (r Replay, ok bool) {
	for _, r := range a.Replays {
		if r.What == what {
			return r, true
		}
	}
	return Replay{}, false
}

// Changes says whether what is advised is anything else than what is in force.
func (a Advice) Changes() bool {
	for _, l := range a.Limits {
		if l.Advised != nil && (l.Now == nil || *l.Now != *l.Advised) {
			return true
		}
	}
	return false
}
