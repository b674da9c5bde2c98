// Package plan says what a change would do before anybody applies it: what differs in words, which proxies get new
// configuration, which requests move where, and whether the receiving side can take them. It is pure: what is known of
// the mesh comes in, a Plan comes out.
package plan

import (
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Plan is a forecast of one change. What could not be found out is nil or empty, and Notes say why.
type Plan struct {
	At          time.Time     `json:"at"`
	Steps       []Step        `json:"steps"`
	Proxies     *Proxies      `json:"proxies,omitempty"`
	Shifts      []Shift       `json:"shifts,omitempty"`
	Loads       []Load        `json:"loads,omitempty"`
	Pools       []Headroom    `json:"pools,omitempty"`
	Unreachable []Unreachable `json:"unreachable,omitempty"`
	DryRun      []DryRun      `json:"dryRun,omitempty"`
	Notes       []Note        `json:"notes,omitempty"` // what limits the forecast
}

// Step is one thing that would be different: the semantic difference, one line for one meaning.
type Step struct {
	Object mesh.Ref `json:"object"`
	Field  string   `json:"field"`            // "weight reviews-v2", "pool maxConnections"; empty: the whole object
	Before string   `json:"before,omitempty"` // as people write it: "25 %"; empty: was not there
	After  string   `json:"after,omitempty"`
}

// Proxies are those that would get new configuration.
type Proxies struct {
	Total     int      `json:"total"`
	Connected int      `json:"connected"` // proxies of the mesh that are there at all
	IDs       []string `json:"ids"`       // at most MaxProxies of Total, sorted
}

// MaxProxies is how many proxies a plan names.
const MaxProxies = 50

// Shift is what one target of a route would gain or lose. Rates are requests per second, shares 0 to 1.
type Shift struct {
	Route       string   `json:"route"` // "router/route", or "service NAME" for one that a node provides itself
	Node        string   `json:"node"`
	ShareBefore float64  `json:"shareBefore"`
	ShareAfter  float64  `json:"shareAfter"`
	RateBefore  float64  `json:"rateBefore"`
	RateAfter   float64  `json:"rateAfter"`
	Measured    *float64 `json:"measured,omitempty"` // the rate that came, once it was observed
}

// Load is what the instances of a node would carry, in requests per second.
type Load struct {
	Node        string     `json:"node"`
	Instances   int        `json:"instances"`
	PerInstance float64    `json:"perInstance"` // now
	After       float64    `json:"after"`
	Highest     *float64   `json:"highest,omitempty"` // per instance, the highest that was recorded; nil: not known
	HighestAt   *time.Time `json:"highestAt,omitempty"`
	Over        bool       `json:"over"` // After is more than was ever seen
}

// Headroom is what a connection pool on the way to a node would have left.
type Headroom struct {
	Node   string  `json:"node"`
	Caller string  `json:"caller,omitempty"` // whose proxies keep the pool; empty: the node's own
	Limit  string  `json:"limit"`            // "maxConnections", "maxRequests", "maxPendingRequests"
	Value  int     `json:"value"`            // the limit after the change, for one proxy
	Used   float64 `json:"used"`             // now, of one proxy on average
	After  float64 `json:"after"`            // forecast: by Little's law, in proportion to the requests
	Over   bool    `json:"over"`             // After is beyond Value
}

// Level says how much a pool would have left.
type Level string

// The levels, from best to worst.
const (
	Enough Level = "enough"
	Tight  Level = "tight"  // four fifths of the limit or more
	Beyond Level = "beyond" // requests would be refused
)

// tightFrom is the part of a limit from which on there is little left.
const tightFrom = 0.8

// Level says how much the pool would have left.
func (h Headroom) Level() Level {
	switch {
	case h.Over:
		return Beyond
	case h.After >= tightFrom*float64(h.Value):
		return Tight
	}
	return Enough
}

// Unreachable is an object that no request could reach any more.
type Unreachable struct {
	Object mesh.Ref `json:"object"`
	Why    Note     `json:"why"`
}

// DryRun is what Envoy itself says of the configuration that proxies of one kind would get.
type DryRun struct {
	For     string `json:"for"` // "node reviews-v1"
	OK      bool   `json:"ok"`
	Message string `json:"message,omitempty"` // Envoy's own words when it refuses
}

// Refused lists what Envoy refuses of the plan. A plan that is nil has nothing.
func (p *Plan) Refused() []DryRun {
	if p == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(p.DryRun), func(d DryRun) bool { return d.OK })
}
