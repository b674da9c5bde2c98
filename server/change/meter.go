package change

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

const (
	// measureFor is how long the traffic after a change is measured. The interval tightens all the while.
	measureFor = time.Minute
	// settleFor is how long the measurement waits for the first report of every proxy and for a new target's first
	// request before it begins without them.
	settleFor = 5 * time.Second
	// quietFor is how long a deleted node must have got nothing.
	quietFor = 3 * time.Second
	// minRequests is how many requests it takes to say anything about a split.
	minRequests = 100
	// slack is how far a share may be off for reasons that are not the weights: requests under way when the change
	// landed, and retries.
	slack = 0.005
)

// meter measures one change's traffic from the moment every proxy has the change. It is used by one goroutine.
type meter struct {
	plan  expectation
	since time.Time // every report that counts is newer
	base  map[edgeKey]mesh.EdgeCount
	late  map[edgeKey]bool // edges that had not reported when the measurement began
	begun time.Time        // the time of the newest report in base; zero before there is one
}

type edgeKey struct{ from, to string }

// read takes the counters at now and says what was observed so far, nil when there is nothing to say yet. done is true
// when the measurement is over.
func (m *meter) read(now time.Time, counts []mesh.EdgeCount) (seen *Observed, done bool) {
	if m.plan.empty() {
		return nil, true
	}
	edges, late := make(map[edgeKey]mesh.EdgeCount), make(map[edgeKey]bool)
	for _, c := range counts {
		key := edgeKey{c.From, c.To}
		switch {
		case !m.plan.matters(c.From, c.To):
		case c.At.After(m.since):
			edges[key] = c
		default:
			late[key] = true // counted before the change landed
		}
	}
	if m.begun.IsZero() {
		patient := now.Sub(m.since) < settleFor
		if patient && (len(late) > 0 || !m.plan.started(edges)) {
			return nil, false
		}
		m.late = late
		m.begin(edges, now)
	}
	return m.measure(edges, now)
}

// started says whether every target that should get requests has had one, so that all counters can begin together.
func (p expectation) started(edges map[edgeKey]mesh.EdgeCount) bool {
	if len(p.splits) == 0 {
		return len(edges) > 0 || len(p.touched) == 0
	}
	to := make(map[string]bool, len(edges))
	for key := range edges {
		to[key.to] = true
	}
	for _, s := range p.splits {
		for node, want := range s.want {
			if want > 0 && !to[node] {
				return false
			}
		}
	}
	return true
}

// begin makes the counters of now the ones that later ones are compared with.
func (m *meter) begin(edges map[edgeKey]mesh.EdgeCount, now time.Time) {
	m.base = edges
	m.begun = newest(edges)
	if m.begun.IsZero() {
		m.begun = now
	}
}

func newest(edges map[edgeKey]mesh.EdgeCount) (at time.Time) {
	for _, c := range edges {
		if c.At.After(at) {
			at = c.At
		}
	}
	return at
}

// measure compares the counters with those of the beginning.
func (m *meter) measure(edges map[edgeKey]mesh.EdgeCount, now time.Time) (*Observed, bool) {
	if m.lost(edges) {
		m.begin(edges, now)
		return nil, false
	}
	grown := make(map[edgeKey]mesh.EdgeCount, len(edges))
	for key, c := range edges {
		from, known := m.base[key]
		if !known && (m.late[key] || !m.knows(key.from)) {
			// A caller that was not there at the beginning: what it counted before is not the change's. The first
			// request of a known caller to a new target, on the other hand, is.
			m.base[key], from = c, c
		}
		c.Requests, c.Errors = c.Requests-from.Requests, c.Errors-from.Errors
		grown[key] = c
	}
	// The window ends with the newest report, not now: it does not grow while nothing is reported.
	window := max(newest(edges).Sub(m.begun), 0).Round(time.Second)
	seen := &Observed{Window: strconv.Itoa(int(window/time.Second)) + "s"}
	switch {
	case len(m.plan.splits) > 0:
		m.plan.judgeSplits(seen, grown)
	case len(m.plan.touched) > 0:
		judgeFlow(seen, grown)
	default:
		judgeQuiet(seen, grown, now.Sub(m.begun))
	}
	return seen, now.Sub(m.since) >= measureFor+settleFor || window >= measureFor
}

// lost says whether counters went away with their proxy, so that they cannot be compared with the beginning's any more.
func (m *meter) lost(edges map[edgeKey]mesh.EdgeCount) bool {
	for key, from := range m.base {
		if c, ok := edges[key]; !ok || c.Requests < from.Requests || c.Errors < from.Errors {
			return true
		}
	}
	return false
}

// knows says whether any edge of a caller was counted at the beginning.
func (m *meter) knows(caller string) bool {
	for key := range m.base {
		if key.from == caller {
			return true
		}
	}
	return false
}

// judgeSplits fills in the shares and whether they are the wanted ones.
//
// The interval that is shown holds 95 % of the time per target, which is too narrow to decide by: with two targets, and
// looked at twice a second for a minute while it tightens, a healthy split would be called wrong in one change out of
// two or three. The decision uses 99.99 %, at which a healthy split is called wrong at any moment of that minute in
// about three changes of a thousand, and a split that is off by five points is found within some 1,500 requests.
func (p expectation) judgeSplits(seen *Observed, grown map[edgeKey]mesh.EdgeCount) {
	seen.Shares = make(map[string]Share)
	var notes []string
	agrees, enough := true, true
	sent := p.sent(seen, grown)
	for i, s := range p.splits {
		counts, total := sent[i], int64(0)
		for _, n := range counts {
			total += n
		}
		seen.Requests += total
		note := s.sharedNote()
		switch {
		case note != "":
			notes, enough = append(notes, note), false
			continue
		case total == 0:
			notes, enough = append(notes, "no proxy has sent anything by "+s.route+" yet"), false
			continue
		case total < minRequests:
			notes = append(notes, "too few requests by "+s.route+" to say yet: "+strconv.FormatInt(total, 10)+" of "+strconv.Itoa(minRequests))
			enough = false
		}
		for node, want := range s.want {
			share := Share{Want: want, Got: float64(counts[node]) / float64(total)}
			share.Low, share.High = Wilson(counts[node], total)
			seen.Shares[node] = share
			low, high := wilson(counts[node], total, z9999)
			if total >= minRequests && (want < low || want > high) && math.Abs(share.Got-want) > slack {
				agrees = false
			}
		}
	}
	if len(seen.Shares) == 0 {
		seen.Shares = nil
	}
	seen.Note = strings.Join(notes, "; ")
	if enough || !agrees {
		seen.Agrees = &agrees
	}
}

// sent counts the requests of each split by target, and adds up the errors among them.
func (p expectation) sent(seen *Observed, grown map[edgeKey]mesh.EdgeCount) []map[string]int64 {
	counts := make([]map[string]int64, len(p.splits))
	for i := range counts {
		counts[i] = make(map[string]int64)
	}
	for key, c := range grown {
		for _, i := range p.byNode[key.to] {
			if p.splits[i].has(key.from, key.to) {
				counts[i][key.to] += int64(math.Round(c.Requests))
				seen.Errors += int64(math.Round(c.Errors))
			}
		}
	}
	return counts
}

// judgeFlow is for changes that set no weights: they agree when traffic flows through what they touched.
func judgeFlow(seen *Observed, grown map[edgeKey]mesh.EdgeCount) {
	for _, c := range grown {
		seen.Requests += int64(math.Round(c.Requests))
		seen.Errors += int64(math.Round(c.Errors))
	}
	if seen.Requests == 0 {
		seen.Note = "no traffic to or from what was changed yet"
		return
	}
	agrees := true
	seen.Agrees = &agrees
}

// judgeQuiet is for deleted nodes: the change agrees when nobody calls them any more.
func judgeQuiet(seen *Observed, grown map[edgeKey]mesh.EdgeCount, elapsed time.Duration) {
	for _, c := range grown {
		seen.Requests += int64(math.Round(c.Requests))
		seen.Errors += int64(math.Round(c.Errors))
	}
	if elapsed < quietFor {
		return
	}
	agrees := seen.Requests == 0
	seen.Agrees = &agrees
}
