// Package health judges what is seen of a node or an edge against limits, and says why in words: the same evidence always
// gives the same verdict, whatever the time and whatever came before. It finds out which limits hold where, and how fast
// objectives use up what may fail. It reads no metrics itself; Budgets keeps what others counted.
package health

import (
	"cmp"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Thresholds are the limits of a verdict. A limit of zero is off.
type Thresholds struct {
	DegradedErrors float64       // share of failed requests, 0 to 1
	FailingErrors  float64       // the same
	DegradedP95    time.Duration // of answered requests
	FailingP95     time.Duration
	Saturation     float64       // share of a pool's limit that is in use, 0 to 1
	MinFailures    float64       // fewer failed requests than this in the window prove nothing
	MinRequests    float64       // fewer requests than this in the window say nothing about latency
	StaleAfter     time.Duration // numbers older than this are not judged
	Objective      mesh.Objective
	Origin         Origins
}

// Origins names the objects that set limits; the zero reference is nobody: the limit is Weir's own.
type Origins struct {
	DegradedErrors, FailingErrors, DegradedP95, FailingP95, Saturation, Objective mesh.Ref
}

// Default gives the limits that a mesh begins with.
func Default() Thresholds {
	limits := mesh.DefaultLimits()
	return Resolve(Thresholds{StaleAfter: 5 * time.Second}, Level{Limits: &limits})
}

// Evidence is what is known of one node or edge.
type Evidence struct {
	Traffic  mesh.Traffic
	Protocol mesh.Protocol // of the destination, for what its pool limits
	Pool     Pool          // in front of the destination's application
	Unrouted float64       // calls per second that its own proxies could not route; of nodes and gateways
	Burns    []mesh.Burn   // of a service with an objective
	Missing  bool          // nobody reported anything although somebody should have
	Age      time.Duration // of the numbers
}

// Pool is the use of a connection pool beside its limits. A limit of zero is none.
type Pool struct {
	Connections, MaxConnections float64
	Pending, MaxPending         float64
	InFlight, MaxInFlight       float64
	OverflowRate                float64 // refused per second
}

// Judge gives the verdict and its causes, worst first. Idle, healthy and nothing to say have no cause.
func Judge(e *Evidence, limits *Thresholds) (mesh.Health, []Cause) {
	switch {
	case e.Missing:
		return mesh.Unknown, []Cause{{Code: NoData, Knob: KnobInstances}}
	case limits.StaleAfter > 0 && e.Age > limits.StaleAfter:
		return mesh.Unknown, []Cause{{Code: Stale, Values: values("age", seconds(e.Age)), Knob: KnobInstances}}
	}
	j := judge{e: e, limits: limits}
	j.instances()
	j.pool()
	j.attempts()
	j.errors()
	j.latency()
	j.burns()
	if len(j.found) > 0 {
		// Stable: of two that are as bad, the one nearer to the root is named first.
		slices.SortStableFunc(j.found, func(a, b finding) int { return cmp.Compare(Rank(b.health), Rank(a.health)) })
		causes := make([]Cause, len(j.found))
		for i, f := range j.found {
			causes[i] = f.cause
		}
		return j.found[0].health, causes
	}
	t := e.Traffic
	if t.Requests == 0 && t.Active == 0 && t.BytesRate == 0 && t.Connections == 0 {
		return mesh.Idle, nil
	}
	return mesh.Healthy, nil
}

// Rank orders the verdicts from "cannot say" (0) to worst.
func Rank(h mesh.Health) int {
	switch h {
	case mesh.Idle:
		return 1
	case mesh.Healthy:
		return 2
	case mesh.Degraded:
		return 3
	case mesh.Unhealthy:
		return 4
	default:
		return 0
	}
}

// finding is one rule's verdict.
type finding struct {
	health mesh.Health
	cause  Cause
}

// judge gathers findings, those nearer to the root before their consequences.
type judge struct {
	e      *Evidence
	limits *Thresholds
	found  []finding
}

func (j *judge) find(h mesh.Health, c Cause) { j.found = append(j.found, finding{h, c}) }

// share judges a rate of failures against the requests' rate: how bad it is, and whether it is enough to tell.
func (j *judge) share(rate float64) (mesh.Health, bool) {
	t := &j.e.Traffic
	if rate <= 0 || t.RequestRate <= 0 {
		return "", false
	}
	ratio := rate / t.RequestRate
	if ratio*t.Requests < j.limits.MinFailures-0.5 {
		return "", false
	}
	return j.ratio(ratio)
}

func (j *judge) ratio(ratio float64) (mesh.Health, bool) {
	switch {
	case over(ratio, j.limits.FailingErrors):
		return mesh.Unhealthy, true
	case over(ratio, j.limits.DegradedErrors):
		return mesh.Degraded, true
	}
	return "", false
}

// over compares with a limit that may be off. A hair below counts, since ratios are worked out from rates.
func over(v, limit float64) bool { return limit > 0 && v >= limit*(1-1e-9) }

// instances looks for a destination that cannot be reached.
func (j *judge) instances() {
	t := &j.e.Traffic
	level, bad := j.share(t.NoHost)
	switch {
	case t.Members > 0 && t.Healthy == 0:
		j.find(mesh.Unhealthy, Cause{Code: NoHealthyUpstream, Values: values("members", count(t.Members), "rate", rate(t.NoHost)), Knob: KnobOutliers})
	case bad && t.Members == 0:
		j.find(level, Cause{Code: NoInstances, Values: values("rate", rate(t.NoHost)), Knob: KnobInstances})
	case bad:
		j.find(level, Cause{Code: NoHealthyUpstream, Values: values("members", count(t.Members), "rate", rate(t.NoHost)), Knob: KnobOutliers})
	}
	if level, bad := j.share(t.FailRate); bad {
		j.find(level, Cause{Code: ConnectFailures, Values: values("rate", rate(t.FailRate)), Knob: KnobInstances})
	}
	if level, bad := j.share(t.Resets); bad {
		j.find(level, Cause{Code: Resets, Values: values("rate", rate(t.Resets)), Knob: KnobInstances})
	}
	if t.Ejected > 0 && t.Healthy > 0 {
		j.find(mesh.Degraded, Cause{Code: Ejected, Values: values("ejected", count(t.Ejected), "members", count(t.Members)), Knob: KnobOutliers})
	}
}

// pool looks for limits that were or are about to be reached.
func (j *judge) pool() {
	p := j.e.Pool
	if refused := max(p.OverflowRate, j.e.Traffic.OverflowRate); refused > 0 {
		level, bad := j.share(refused)
		if !bad {
			level = mesh.Degraded
		}
		j.find(level, Cause{Code: PoolOverflow, Values: values("rate", rate(refused)), Knob: KnobPool})
		return
	}
	what, use, limit := p.fullest(j.e.Protocol)
	if limit > 0 && over(use/limit, j.limits.Saturation) {
		j.find(mesh.Degraded, Cause{
			Code:   PoolNearFull,
			Values: set(values("what", what, "use", count(use), "limit", count(limit), "share", percent(use/limit)), j.limits.Origin.Saturation), Knob: KnobPool,
		})
	}
}

// fullest gives the limit that is nearest to being reached. HTTP/1.1 keeps idle connections open, so it is the requests
// in flight that tell how many it needs; HTTP/2 needs hardly any.
func (p Pool) fullest(protocol mesh.Protocol) (what string, use, limit float64) {
	take := func(w string, u, l float64) {
		if l > 0 && (limit == 0 || u/l > use/limit) {
			what, use, limit = w, u, l
		}
	}
	switch protocol {
	case mesh.TCP:
		take(Connections, p.Connections, p.MaxConnections)
	case mesh.HTTP, "":
		take(Connections, p.InFlight, p.MaxConnections)
	}
	take(Pending, p.Pending, p.MaxPending)
	take(Requests, p.InFlight, p.MaxInFlight)
	return what, use, limit
}

// attempts looks for what went wrong on the way to an answer.
func (j *judge) attempts() {
	t := &j.e.Traffic
	if level, bad := j.share(t.Timeouts); bad {
		j.find(level, Cause{Code: Timeouts, Values: values("rate", rate(t.Timeouts)), Knob: KnobTimeout})
	}
	if level, bad := j.share(t.Exhausted); bad {
		j.find(level, Cause{Code: RetriesExhausted, Values: values("rate", rate(t.Exhausted)), Knob: KnobRetry})
	}
	if j.e.Unrouted > 0 {
		j.find(mesh.Degraded, Cause{Code: NoRoute, Values: values("rate", rate(j.e.Unrouted)), Knob: KnobBackends})
	}
}

// errors looks at the answers as a whole.
func (j *judge) errors() {
	t := &j.e.Traffic
	failed := t.ErrorRatio * t.Requests
	if failed < j.limits.MinFailures-0.5 {
		return
	}
	if level, bad := j.ratio(t.ErrorRatio); bad {
		limit, by := j.limits.DegradedErrors, j.limits.Origin.DegradedErrors
		if level == mesh.Unhealthy {
			limit, by = j.limits.FailingErrors, j.limits.Origin.FailingErrors
		}
		j.find(level, Cause{
			Code:   Errors,
			Values: set(values("ratio", percent(t.ErrorRatio), "failed", count(failed), "requests", count(t.Requests), "limit", percent(limit)), by), Knob: KnobWeights,
		})
	}
}

// latency looks at the slow twentieth.
func (j *judge) latency() {
	t := &j.e.Traffic
	if t.Requests < j.limits.MinRequests {
		return
	}
	var level mesh.Health
	var limit time.Duration
	var by mesh.Ref
	switch {
	case j.limits.FailingP95 > 0 && t.P95 >= j.limits.FailingP95:
		level, limit, by = mesh.Unhealthy, j.limits.FailingP95, j.limits.Origin.FailingP95
	case j.limits.DegradedP95 > 0 && t.P95 >= j.limits.DegradedP95:
		level, limit, by = mesh.Degraded, j.limits.DegradedP95, j.limits.Origin.DegradedP95
	default:
		return
	}
	j.find(level, Cause{Code: Latency, Values: set(values("p95", seconds(t.P95), "limit", seconds(limit)), by), Knob: KnobWeights})
}
