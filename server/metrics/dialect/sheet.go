package dialect

import (
	"cmp"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/prometheus/model/histogram"

	"github.com/weirmesh/weir/server/mesh"
)

// column is one number of an edge or of a node.
type column uint8

// The columns. Those up to the gauges are rates per second, then come gauges, then quantiles in seconds.
const (
	class0 column = iota // without an answer
	class1
	class2
	class3
	class4
	class5
	total   // requests of which the class is not known
	failed  // those of them that failed
	opened  // TCP connections
	refused // TCP connections that came to nothing
	octets  // bytes
	timedOut
	retried
	exhausted
	overflow
	connectFail
	noHost
	noRoute
	reset
	attempts // upstream requests: TCP connections where there are no classes
	overConn // connections over a limit: refused where there are no classes, and only a wait elsewhere

	active
	inFlight
	pending
	connections
	proxies
	known
	ejected
	age
	sampled
	healthy

	p50
	p95
	p99
	columns
)

// columnSet is a set of columns.
type columnSet uint64

func cols(list ...column) columnSet {
	var s columnSet
	for _, c := range list {
		s |= 1 << c
	}
	return s
}

func (s columnSet) has(c column) bool { return s&(1<<c) != 0 }

// tally is what was read of one edge or node at one moment.
type tally struct {
	v        [columns]float64
	has      columnSet
	hist     *histogram.FloatHistogram
	unit     float64
	protocol mesh.Protocol
	separate bool // requests and connections are never the same, as in Weir's own series
}

// add takes a value. Several proxies' values are summed, but of those that all see the same instances the darkest counts.
func (t *tally) add(c column, v float64) {
	switch {
	case !t.has.has(c):
		t.v[c] = v
	case c == healthy:
		t.v[c] = min(t.v[c], v)
	case c >= known && c != healthy:
		t.v[c] = max(t.v[c], v)
	default:
		t.v[c] += v
	}
	t.has |= 1 << c
}

// addHistogram takes the rate of a histogram with its unit in seconds.
func (t *tally) addHistogram(h *histogram.FloatHistogram, unit float64) {
	if t.hist == nil {
		t.hist, t.unit = h, unit
		return
	}
	if sum, _, _, err := t.hist.Copy().Add(h); err == nil && t.unit == unit {
		t.hist = sum
	}
}

const (
	requestColumns = columnSet(1<<class0 | 1<<class1 | 1<<class2 | 1<<class3 | 1<<class4 | 1<<class5 | 1<<total)
	poolColumns    = columnSet(1<<inFlight | 1<<pending | 1<<connections)
)

// counts says whether requests are counted, and not only connections.
func (t *tally) counts() bool { return t.has&requestColumns != 0 }

// sum gives the rate of requests and of those that failed. Connections count where there are no requests: a product that
// reports both of an edge counts the same bytes twice, once for each layer.
func (t *tally) sum() (rate, bad float64) {
	if !t.counts() {
		lost := t.refusals()
		return t.v[opened] + t.v[attempts] + lost, lost
	}
	for c := class0; c <= total; c++ {
		rate += t.v[c]
	}
	if t.separate {
		rate += t.v[opened]
	}
	return rate, t.v[class0] + t.v[class5] + min(t.v[failed], t.v[total])
}

// refusals is the rate of TCP connections that came to nothing. Envoy does not count them among its attempts.
func (t *tally) refusals() float64 {
	if !t.has.has(attempts) {
		return t.v[refused]
	}
	return t.v[refused] + t.v[overConn] + t.v[connectFail] + t.v[noHost]
}

// overflows is the rate of what a pool's limit turned away; NaN where nobody tells. Connections over a limit are lost
// where there are no requests that wait for another one.
func (t *tally) overflows() float64 {
	if t.counts() || !t.has.has(overConn) {
		return t.value(overflow)
	}
	return t.v[overflow] + t.v[overConn]
}

// traffic turns a tally into what the graph takes.
func (t *tally) traffic(window time.Duration) mesh.Traffic {
	rate, bad := t.sum()
	m := mesh.Traffic{
		RequestRate: rate, Requests: rate * window.Seconds(),
		BytesRate: t.v[octets], Active: t.v[active],
		Ejected: t.v[ejected], Healthy: t.v[healthy], Members: t.v[known],
		Retries: t.v[retried], Timeouts: t.v[timedOut], Exhausted: t.v[exhausted], NoHost: t.v[noHost], Resets: t.v[reset],
		PoolUse: mesh.PoolUse{
			Connections: t.v[connections], Pending: t.v[pending], InFlight: t.v[active],
			OverflowRate: t.v[overflow], FailRate: t.v[connectFail], Instances: int(t.v[proxies]),
		},
	}
	if rate > 0 {
		m.ErrorRatio = min(1, bad/rate)
	}
	copy(m.Classes[:], t.v[class0:class5+1])
	if t.counts() {
		lost := min(t.v[failed], t.v[total])
		m.Classes[5] += lost
		m.Classes[2] += t.v[total] - lost
	} else {
		m.Resets = 0 // every TCP connection ends in what Envoy calls a reset
		m.Classes[0] = t.refusals()
		m.OverflowRate += t.v[overConn]
	}
	q := t.quantiles()
	m.P50, m.P95, m.P99 = seconds(q[0]), seconds(q[1]), seconds(q[2])
	return m
}

// quantiles gives p50, p95 and p99 in seconds; NaN is not known.
func (t *tally) quantiles() [3]float64 {
	if t.hist != nil {
		q := quantiles(t.hist)
		for i := range q {
			q[i] *= t.unit
		}
		return q
	}
	q := [3]float64{math.NaN(), math.NaN(), math.NaN()}
	for i := range q {
		if c := p50 + column(i); t.has.has(c) {
			q[i] = t.v[c]
		}
	}
	return q
}

func seconds(v float64) time.Duration {
	if !number(v) || v > 1e9 {
		return 0
	}
	return time.Duration(v * float64(time.Second))
}

// ends are the two ends of an edge; from is empty for what arrives at to.
type ends struct{ from, to string }

// sheet is what was read of a mesh at one moment.
type sheet struct {
	tallies map[ends]*tally
	order   []ends
	limit   int
	over    map[ends]bool // left out because of the limit
	odd     int           // values that are no numbers
}

func newSheet(limit int) *sheet {
	return &sheet{tallies: make(map[ends]*tally), limit: limit, over: make(map[ends]bool)}
}

// at finds a tally, and makes it unless it only adds to what is known or there are too many.
func (s *sheet) at(e ends, knownOnly bool) *tally {
	if t := s.tallies[e]; t != nil || knownOnly {
		return t
	}
	if len(s.tallies) >= s.limit {
		if len(s.over) < s.limit {
			s.over[e] = true
		}
		return nil
	}
	t := &tally{}
	s.tallies[e] = t
	s.order = append(s.order, e)
	return t
}

// say notes what had to be left out.
func (s *sheet) say(n *notes) {
	if len(s.over) > 0 {
		n.add(strconv.Itoa(len(s.over)) + " edges or more were left out: the limit is " + strconv.Itoa(s.limit))
		n.partial = true
	}
	if s.odd > 0 {
		n.add(strconv.Itoa(s.odd) + " values were left out because they are no numbers")
	}
}

// sorted gives the ends by from and to.
func (s *sheet) sorted() []ends {
	slices.SortFunc(s.order, byEnds)
	return s.order
}

func byEnds(a, b ends) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(a.to, b.to)) }
