package mesh

import (
	"slices"
	"strings"
	"time"
)

// Source is the proxy that reports numbers or acknowledges configuration.
type Source struct {
	Mesh    string
	Proxy   string // the proxy's own identity, unique within the mesh
	Node    string // the virtual node or virtual gateway it runs beside
	Gateway bool
}

// End names one end of an edge as the graph does: a virtual node by its plain name, others with a prefix.
func (s Source) End() string {
	if s.Gateway {
		return GatewayID(s.Node)
	}
	return s.Node
}

// UnknownID is the graph's node for callers outside the mesh.
const UnknownID = "unknown"

// GatewayID is a virtual gateway's id in the graph.
func GatewayID(name string) string { return "gateway/" + name }

// ServiceID is a virtual service's id in the graph.
func ServiceID(name string) string { return "service/" + name }

// ExternalID is the id in the graph of a destination outside the mesh.
func ExternalID(name string) string { return "external/" + name }

// Observation is what was seen of one mesh in a window that ends at At.
type Observation struct {
	Mesh   string
	At     time.Time
	Window time.Duration
	Edges  []Edge    // sorted by From, To
	Nodes  []Arrival // sorted by ID, at most one of each
	// Reporting counts the connected proxies, or other sources, that ever reported.
	Reporting int
	// Oldest is the oldest among the newest reports of those; zero: there is none.
	Oldest time.Time
	// Fresh is true when every connected proxy reported within three flush intervals.
	Fresh bool
	// Proxies counts, by graph id, the proxies of a moment in the past. Nil: whoever draws knows better.
	Proxies map[string]int
	// Partial is true when a source could not give everything; Notes say what is missing, in words.
	Partial bool
	Notes   []string
	// Silent is true when a source was read whole and has nothing about the mesh; Notes may say why.
	Silent bool
	// Burns is how fast services use up their error budgets, by the service's name.
	Burns map[string][]Burn
	// Release gives the memory of what was observed back to its maker, who uses it for another observation: of this one
	// and all its copies Edges and Nodes are then lost. Nobody has to; nil: there is nothing to give back.
	Release func() `json:"-"`
}

// Burn is how fast a service used up the error budget of an objective over two windows: 1 is exactly as fast as the
// objective's period allows. Both must be at the limit for an alarm: the long window proves that it matters, the short
// one that it goes on (Google, The Site Reliability Workbook, chapter 5).
type Burn struct {
	Objective   string // "availability" or "latency"
	Long, Short time.Duration
	LongRate    float64
	ShortRate   float64
	Limit       float64
	Severe      bool // fast enough to act at once
}

// Edge is the traffic from one end to another, as the caller's proxies saw it.
type Edge struct {
	From, To string // graph ids
	Protocol Protocol
	Traffic
	At time.Time // of the oldest newest report among the edge's proxies
}

// Arrival is what the own proxies of a node or gateway saw of it.
type Arrival struct {
	ID string // graph id
	// Traffic is what they received, without PoolUse; more than the node's edges sum to means callers outside.
	Traffic  Traffic
	Received bool    // Traffic is known: they report what they receive
	Pooled   bool    // Pool is known
	Pool     PoolUse // of the connection pool in front of its application
	// At is when each of those that are connected had reported: the oldest of their newest. Zero: nobody knows.
	At       time.Time
	Unrouted float64 // rate of calls for which they had no route
}

// Arrival gives what arrived at a node or gateway, by graph id; nil when nothing is known of it.
func (o *Observation) Arrival(id string) *Arrival {
	i, ok := slices.BinarySearchFunc(o.Nodes, id, func(a Arrival, id string) int { return strings.Compare(a.ID, id) })
	if !ok {
		return nil
	}
	return &o.Nodes[i]
}

// Traffic is what flowed in a window. Rates are per second of the window, or of the shorter time there was data.
//
// A request counts once, by the answer its caller got; the 503 and 504 that a proxy makes up itself (pool overflow, no
// healthy instance, refused, reset, timeout) are 5xx. A call that the caller gave up is not counted. Quantiles are of
// answered requests.
type Traffic struct {
	Requests    float64 // count in the window (TCP: connections)
	RequestRate float64
	Classes     [6]float64 // rate by status class: [2] is 2xx … [5] is 5xx; [0] without an answer (TCP: refused, failed)
	ErrorRatio  float64    // (5xx + without an answer) / requests, 0 to 1
	P50         time.Duration
	P95         time.Duration
	P99         time.Duration
	BytesRate   float64 // both directions
	Active      float64 // requests in flight now
	PoolUse             // the caller's side
	Ejected     float64 // instances taken out by outlier detection now, at the proxy that has taken out most
	Healthy     float64 // instances in load balancing now, at the proxy that has fewest
	Members     float64 // instances known now, at the proxy that knows most
	Retries     float64 // rate
	Timeouts    float64 // rate of attempts given up for time; the requests that failed by it are among 5xx
	Exhausted   float64 // rate of requests that failed after every retry; they are among 5xx
	NoHost      float64 // rate of requests refused because no instance was healthy; they are among 5xx (TCP: class 0)
	Resets      float64 // rate of attempts that the destination reset or cut off; the requests that failed by it are among 5xx
}

// PoolUse is the use of a connection pool, summed over the proxies that have it.
type PoolUse struct {
	Connections  float64 // open now
	Pending      float64 // requests waiting now
	InFlight     float64 // requests sent on and not answered now
	OverflowRate float64 // requests or connections refused per second because a limit was reached
	FailRate     float64 // connections that could not be opened per second
	Instances    int     // proxies summed over
}

// EdgeCount is an edge's counters since its proxies started, corrected for restarts.
type EdgeCount struct {
	From, To         string
	Requests, Errors float64
	At               time.Time // every proxy of the edge has reported at or after this time
}

// Health is a verdict on a node or an edge.
type Health string

// The verdicts, from "cannot say" to worst.
const (
	Unknown   Health = "unknown"
	Idle      Health = "idle"
	Healthy   Health = "healthy"
	Degraded  Health = "degraded"
	Unhealthy Health = "unhealthy"
)
