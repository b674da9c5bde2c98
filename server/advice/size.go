package advice

import (
	"cmp"
	"math"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// What it takes to advise.
const (
	leastTime     = 2 * time.Minute
	leastRequests = 300
	fairTime      = 15 * time.Minute
)

// The reserve over the peak: Advised is in the middle of what is sensible, Least has none.
const (
	headroom     = 1.5
	mostHeadroom = 2
)

// DefaultWait is how long a request may wait for a connection when nobody says otherwise.
const DefaultWait = 100 * time.Millisecond

// Input is what an advice is worked out from.
type Input struct {
	Mesh, Node string
	Listener   mesh.Listener
	Listeners  int // of the node, which share their numbers
	Load       mesh.Load
	Span       mesh.Span           // that was asked for
	Wait       time.Duration       // that a request may wait for a connection
	Try        mesh.ConnectionPool // a pool to be replayed as well; without a limit: none
}

// Give works an advice out.
//
// The limit for what is under way is the smallest that refuses at most one request in 1,000 of the recorded load, or the
// most ever seen at one instance while none was refused, times a headroom of 1.5. By the loss formula the smallest limit is a little below the
// 99.9 % quantile of what would be in flight, as what is refused leaves room. What may wait is what arrives in the time that one is willing to wait: a pool
// without open connections counts every request as waiting.
func Give(in Input) Advice {
	now := pool(in.Listener)
	a := Advice{
		Mesh: in.Mesh, Node: in.Node, Port: in.Listener.Port, Protocol: in.Listener.Protocol, At: in.Span.End.UTC(),
		Hours: in.Span.End.Sub(in.Span.Start).Hours(), Callers: []Caller{}, Replays: []Replay{}, Notes: []Note{},
	}
	seen := time.Duration(len(in.Load.Moments)) * in.Load.Step
	a.Seen = min(seen.Hours(), a.Hours)
	share := max(in.Load.Busiest, 1)
	m := mixed(in.Load, share)
	a.Load = evidence(in.Load, m)
	a.callers(in.Load)
	a.Confidence = confidence(seen, m.requests, in.Span)
	if a.Confidence == TooLittle || len(m.parts) == 0 {
		a.Confidence = TooLittle
		a.Again = again(seen, m)
		a.Limits = unjudged(in.Listener.Protocol, now)
		a.Notes = append(a.Notes, tooLittle(a, m))
		return a
	}
	base := m.need()
	if m.refused < 0.5 { // a pool that was full shows its limit as the peak: advice from that would only ever grow
		base = max(base, int(math.Ceil(in.Load.Peak)))
	}
	a.Load.Peak = m.peak()
	main := limitFor(place(in.Listener.Protocol), base, now)
	main.Why = whyPlaces(a, base, main)
	a.Limits = append(a.Limits, main)
	advised := mesh.ConnectionPool{MaxRetries: now.MaxRetries, MaxRequests: now.MaxRequests, MaxConnections: now.MaxConnections}
	*field(&advised, main.Name) = main.Advised
	if in.Listener.Protocol == mesh.HTTP && now.MaxRequests != nil {
		// It counts the same requests once more, so the smaller of both is the one in force.
		second := limitFor("maxRequests", base, now)
		second.Why = []Note{note("same")}
		a.Limits, advised.MaxRequests = append(a.Limits, second), second.Advised
	}
	if in.Listener.Protocol == mesh.HTTP || in.Listener.Protocol == mesh.TCP {
		queue := limitFor("maxPendingRequests", m.queue(in.Wait), now)
		queue.Advised = number(queue.Least) // the time that one waits is the reserve
		queue.Why = []Note{note("wait", "rate", rate(m.fastest), "wait", seconds(in.Wait.Seconds()), "least", count(queue.Least)), note("cold")}
		a.Limits, advised.MaxPendingRequests = append(a.Limits, queue), queue.Advised
	} else {
		advised.MaxPendingRequests = now.MaxPendingRequests
	}
	a.sides(main)
	a.replay(m, "now", now)
	a.replay(m, "advised", advised)
	if in.Try != (mesh.ConnectionPool{}) {
		a.replay(m, "asked", in.Try)
	}
	a.remark(in, m)
	return a
}

// pool is a listener's, without limits when it has none.
func pool(l mesh.Listener) mesh.ConnectionPool {
	if l.ConnectionPool == nil {
		return mesh.ConnectionPool{}
	}
	return *l.ConnectionPool
}

// place names the limit that counts what is under way: of HTTP/1.1 and TCP each has a connection of its own.
func place(p mesh.Protocol) string {
	if p == mesh.HTTP2 || p == mesh.GRPC {
		return "maxRequests"
	}
	return "maxConnections"
}

// field is a limit of a pool by its name.
func field(p *mesh.ConnectionPool, name string) **int {
	switch name {
	case "maxRequests":
		return &p.MaxRequests
	case "maxPendingRequests":
		return &p.MaxPendingRequests
	default:
		return &p.MaxConnections
	}
}

func number(n int) *int { return &n }

// limitFor sizes a limit for a peak and judges the one in force.
func limitFor(name string, peak int, now mesh.ConnectionPool) Limit {
	times := func(by float64) int { return int(min(math.Ceil(float64(peak)*by), math.MaxInt32)) }
	l := Limit{Name: name, Now: *field(&now, name), Advised: number(times(headroom)), Least: peak, Most: times(mostHeadroom), Verdict: Fits}
	switch {
	case l.Now == nil:
		l.Verdict = Unset
	case *l.Now < l.Least:
		l.Verdict = TooLow
	case *l.Now > 2*l.Most:
		l.Verdict = TooHigh
	case *l.Now > l.Most: // a round number that somebody chose is no mistake
		l.Verdict = Roomy
	}
	return l
}

// unjudged lists the limits that there would be advice on.
func unjudged(p mesh.Protocol, now mesh.ConnectionPool) []Limit {
	list := []Limit{{Name: place(p), Now: *field(&now, place(p)), Verdict: Unjudged, Why: []Note{}}}
	if p == mesh.HTTP || p == mesh.TCP {
		list = append(list, Limit{Name: "maxPendingRequests", Now: now.MaxPendingRequests, Verdict: Unjudged, Why: []Note{}})
	}
	return list
}

func confidence(seen time.Duration, requests float64, over mesh.Span) Confidence {
	switch {
	case seen < leastTime || requests < leastRequests:
		return TooLittle
	case seen < fairTime:
		return Low
	case seen < over.End.Sub(over.Start)*9/10:
		return Fair
	default:
		return Good
	}
}

// again is in how long there will be enough to go by, rounded up to what people wait for; zero when nothing arrives.
func again(seen time.Duration, m mix) mesh.Duration {
	left := leastTime - seen
	if missing := leastRequests - m.requests; missing > 0 && seen > 0 {
		if m.requests <= 0 {
			return 0
		}
		left = max(left, time.Duration(missing/m.requests*float64(seen)))
	}
	unit := 10 * time.Second
	if left > time.Hour {
		unit = time.Hour
	} else if left > 10*time.Minute {
		unit = time.Minute
	}
	return mesh.Duration((max(left, time.Second) + unit - 1).Truncate(unit))
}

func evidence(l mesh.Load, m mix) Evidence {
	e := Evidence{
		Requests: m.requests, Attempts: m.attempts, Refused: m.refused, Rate: m.rate, Latency: m.latency(), Mean: m.mean, Busy: m.busy,
		SeenPeak: l.Peak, Dispersion: m.dispersion, Busiest: l.Busiest,
	}
	if n := len(l.Moments); n > 0 {
		e.Instances, e.Overflow = l.Moments[n-1].Instances, l.Moments[n-1].Refused
	}
	return e
}

// callers adds who sends to the node, those first that keep most under way.
func (a *Advice) callers(l mesh.Load) {
	for _, c := range l.Callers {
		one := Caller{From: c.From, Proxies: c.Proxies, Rate: c.Rate, Mean: c.Within, Peak: PoissonQuantile(1-refusedShare, c.Within)}
		if c.Rate > 0 {
			one.Latency = c.Within / c.Rate
		}
		a.Callers = append(a.Callers, one)
		a.Sides.Wanted += c.Within
	}
	slices.SortStableFunc(a.Callers, func(x, y Caller) int { return cmp.Compare(y.Mean, x.Mean) })
}

// sides multiplies the limits, which are each instance's, by the instances.
func (a *Advice) sides(main Limit) {
	n := max(a.Load.Instances, 1)
	total := func(limit *int) *int {
		if limit == nil {
			return nil
		}
		return number(int(min(float64(*limit)*n, math.MaxInt32)))
	}
	a.Sides.Now, a.Sides.Advised = total(main.Now), total(main.Advised)
}

// replay sends the recorded load through a pool.
func (a *Advice) replay(m mix, what string, p mesh.ConnectionPool) {
	r := Replay{What: what, Pool: p, Requests: m.requests}
	limit, waiting := places(a.Protocol, p)
	if limit > 0 {
		r.Rejected, r.Waiting = m.through(limit, waiting)
		if r.Rejected < 0.5 { // there are only whole requests
			r.Rejected = 0
		}
		if r.Waiting < 0.5 {
			r.Waiting = 0
		}
	}
	if r.Requests > 0 {
		r.Share = r.Rejected / r.Requests
	}
	if what == "now" {
		counted := m.refused
		r.Counted = &counted
	}
	a.Replays = append(a.Replays, r)
}

// places is how many requests a pool lets be under way, zero for any number, and how many wait besides, negative for any
// number. With HTTP/2 and gRPC none waits once there is a connection.
func places(p mesh.Protocol, pool mesh.ConnectionPool) (limit, waiting int) {
	waiting = -1
	if pool.MaxPendingRequests != nil {
		waiting = *pool.MaxPendingRequests
	}
	if pool.MaxConnections != nil {
		limit = *pool.MaxConnections
	}
	if place(p) == "maxRequests" {
		limit, waiting = 0, 0
	}
	if p != mesh.TCP && pool.MaxRequests != nil && (limit == 0 || *pool.MaxRequests <= limit) {
		limit, waiting = *pool.MaxRequests, 0
	}
	return limit, waiting
}
