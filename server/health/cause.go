package health

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Cause is one reason for a verdict.
type Cause struct {
	Code   string            `json:"code"`             // one of the codes of this package
	Values map[string]string `json:"values,omitempty"` // what the sentence says: {"ratio":"5.2 %","limit":"5 %"}; nothing where it says none
	Knob   string            `json:"knob,omitempty"`   // what governs it, one of the knobs of this package
	// At is the object that has the knob, as mesh.Ref's Path writes it; empty when that is not known.
	At string `json:"object,omitempty"`
}

// The codes of causes, with the values that each has.
const (
	NoData            = "no-data"             // nobody reports
	Stale             = "stale"               // age
	NoInstances       = "no-instances"        // rate
	NoHealthyUpstream = "no-healthy-upstream" // members, rate
	ConnectFailures   = "connect-failures"    // rate
	Resets            = "resets"              // rate
	Ejected           = "ejected"             // ejected, members
	PoolOverflow      = "pool-overflow"       // rate
	PoolNearFull      = "pool-near-full"      // what (Connections, Pending or Requests), use, limit, share (where)
	Timeouts          = "timeouts"            // rate
	RetriesExhausted  = "retries-exhausted"   // rate
	NoRoute           = "no-route"            // rate
	NoTarget          = "no-target"           // of a service: nothing provides it
	Errors            = "errors"              // ratio, failed, requests, limit (where)
	Latency           = "latency"             // p95, limit (where)
	ErrorBudget       = "error-budget"        // objective, burn, limit, long, short (where)
	SlowBudget        = "slow-budget"         // objective, latency, burn, limit, long, short (where)
)

// The value "where" is the object that sets the limit, as Cause.At writes one; it is left out of Weir's own limits. A cause of a version that is shown at its service has the version's node in the value "node".

// The knobs: what a person turns to do something about a cause.
const (
	KnobPool      = "pool"
	KnobWeights   = "weights"
	KnobTimeout   = "timeout"
	KnobRetry     = "retry"
	KnobOutliers  = "outliers"
	KnobBackends  = "backends"
	KnobInstances = "instances"
)

// What a pool limits.
const (
	Connections = "connections"
	Pending     = "pending"
	Requests    = "requests"
)

// Codes lists every code, so that catalogues of other languages can be checked for completeness.
func Codes() []string {
	return []string{
		NoData, Stale, NoInstances, NoHealthyUpstream, ConnectFailures, Resets, Ejected, PoolOverflow, PoolNearFull, Timeouts,
		RetriesExhausted, NoRoute, NoTarget, Errors, Latency, ErrorBudget, SlowBudget,
	}
}

// Text writes a cause as an English sentence without a full stop.
func Text(c Cause) string {
	s := sentence(c)
	if node := c.Values["node"]; node != "" {
		return node + ": " + s
	}
	return s
}

func sentence(c Cause) string {
	v := c.Values
	switch c.Code {
	case NoData:
		return "no proxy reports about it"
	case Stale:
		return "its proxies last reported " + v["age"] + " ago"
	case NoInstances:
		return "it has no instances: " + v["rate"] + " requests a second are refused"
	case NoHealthyUpstream:
		if v["rate"] == "0" {
			return "none of its " + v["members"] + " instances is healthy"
		}
		return "no healthy instance (of " + v["members"] + ") for " + v["rate"] + " requests a second"
	case ConnectFailures:
		return v["rate"] + " connections a second cannot be opened"
	case Resets:
		return "the destination cuts off " + v["rate"] + " requests a second"
	case Ejected:
		return v["ejected"] + " of " + v["members"] + " instances are ejected by outlier detection"
	case PoolOverflow:
		return "the connection pool is full: " + v["rate"] + " requests a second are refused"
	case PoolNearFull:
		return "the connection pool is nearly full: " + v["use"] + " of " + v["limit"] + " " + pooled(v["what"]) + " (" + v["share"] + ")"
	case Timeouts:
		return v["rate"] + " attempts a second run into the timeout"
	case RetriesExhausted:
		return v["rate"] + " requests a second fail after every retry"
	case NoRoute:
		return "its proxies have no route for " + v["rate"] + " calls a second"
	case NoTarget:
		return "it leads nowhere: no node and no route provides it"
	case Errors:
		return v["ratio"] + " of requests fail (" + v["failed"] + " of " + v["requests"] + "); " + limit(v)
	case Latency:
		return "one request in twenty takes longer than " + v["p95"] + "; " + limit(v)
	case ErrorBudget:
		return "failed requests use up the error budget of " + v["objective"] + " " + v["burn"] + " times as fast as it lasts, over " +
			v["long"] + " and over " + v["short"] + "; " + limit(v)
	case SlowBudget:
		return "answers slower than " + v["latency"] + " use up the budget of " + v["objective"] + " " + v["burn"] + " times as fast as it lasts, over " +
			v["long"] + " and over " + v["short"] + "; " + limit(v)
	default:
		return c.Code
	}
}

// limit says a limit and who set it.
func limit(v map[string]string) string {
	if where := v["where"]; where != "" {
		return "the limit of " + strings.Replace(where, "/", " ", 1) + " is " + v["limit"]
	}
	return "the limit is " + v["limit"]
}

func pooled(what string) string {
	switch what {
	case Pending:
		return "pending requests"
	case Requests:
		return "requests in flight"
	default:
		return "connections"
	}
}

func values(pairs ...string) map[string]string {
	m := make(map[string]string, len(pairs)/2)
	for i := 0; i < len(pairs); i += 2 {
		m[pairs[i]] = pairs[i+1]
	}
	return m
}

// set adds who set the limit.
func set(v map[string]string, by mesh.Ref) map[string]string {
	if by != (mesh.Ref{}) {
		v["where"] = by.Path()
	}
	return v
}

func count(v float64) string { return strconv.FormatFloat(math.Round(v), 'f', 0, 64) }

// rate writes a rate with the precision that its size deserves.
func rate(v float64) string {
	switch {
	case v >= 9.95 || v == 0:
		return count(v)
	case v >= 0.095:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'g', 1, 64)
	}
}

func percent(ratio float64) string {
	p := ratio * 100
	digits := 1
	if p >= 9.95 || math.Abs(p-math.Round(p)) < 0.05 && p >= 0.95 {
		digits = 0
	}
	return strconv.FormatFloat(p, 'f', digits, 64) + " %"
}

func seconds(d time.Duration) string {
	switch {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Round(time.Millisecond)/time.Millisecond)
	case d < 10*time.Second:
		return strconv.FormatFloat(d.Seconds(), 'f', 1, 64) + " s"
	default:
		return fmt.Sprintf("%d s", d.Round(time.Second)/time.Second)
	}
}
