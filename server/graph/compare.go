package graph

import (
	"cmp"
	"math"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// What two numbers have to differ by at least, to be more than noise. Counts and ratios besides have to differ by more
// than sigmas standard deviations of what counting as many requests would give by chance.
const (
	sigmas        = 3
	rateShare     = 0.1   // of the larger rate
	errorPoints   = 0.001 // 0.1 percentage points
	latencyShare  = 0.25  // of the larger p95
	latencyLeast  = 0.005 // seconds
	latencyEnough = 50    // requests on either side; fewer say nothing about a slow twentieth
)

// Compare says what is different between two pictures of one mesh, the earlier first. It is pure. Listed is what is used
// in only one of them, or has another health, or whose request rate, error ratio or p95 differ by more than noise: worst
// first, that is by how much the health got worse, then by the failures that were added, then by the latency that was
// added to requests, then by how much the rate changed.
func Compare(before, after Graph) Difference {
	d := Difference{Mesh: cmp.Or(after.Mesh, before.Mesh), From: before.At, To: after.At, Window: after.Window}
	was, is := before.Seconds(), after.Seconds()
	d.Nodes = compared(before.Nodes, after.Nodes, scale[Node, NodeDelta]{
		order: func(a, b *Node) int { return cmp.Compare(a.ID, b.ID) },
		read:  func(n *Node) (Reading, bool) { return readNode(n), true },
		delta: func(n *Node, p Presence, before, after Reading) NodeDelta {
			return NodeDelta{ID: n.ID, Kind: n.Kind, Presence: p, Before: before, After: after}
		},
		sides: func(d *NodeDelta) (Reading, Reading) { return d.Before, d.After },
		was:   was, is: is,
	})
	d.Edges = compared(before.Edges, after.Edges, scale[Edge, EdgeDelta]{
		order: func(a, b *Edge) int { return cmp.Or(cmp.Compare(a.From, b.From), cmp.Compare(a.To, b.To)) },
		read:  func(e *Edge) (Reading, bool) { return readEdge(e), e.Used },
		delta: func(e *Edge, p Presence, before, after Reading) EdgeDelta {
			return EdgeDelta{From: e.From, To: e.To, Protocol: e.Protocol, Presence: p, Before: before, After: after}
		},
		sides: func(d *EdgeDelta) (Reading, Reading) { return d.Before, d.After },
		was:   was, is: is,
	})
	return d
}

// scale says how to compare two sorted lists of nodes or of edges.
type scale[T, D any] struct {
	order   func(a, b *T) int
	read    func(*T) (reading Reading, used bool)
	delta   func(of *T, p Presence, before, after Reading) D
	sides   func(*D) (before, after Reading)
	was, is float64 // the windows, in seconds
}

// compared merges two lists and keeps what differs, worst first.
func compared[T, D any](before, after []T, s scale[T, D]) []D {
	list := []D{}
	note := func(a, b *T) { // either may be nil
		none := Reading{Health: mesh.Idle, Why: []string{}, Causes: []Cause{}}
		was, is := none, none
		usedBefore, usedAfter := false, false
		if a != nil {
			was, usedBefore = s.read(a)
		}
		if b != nil {
			is, usedAfter = s.read(b)
		}
		if presence, ok := s.presence(was, is, usedBefore, usedAfter); ok {
			list = append(list, s.delta(cmp.Or(b, a), presence, was, is))
		}
	}
	i := 0
	for j := range after {
		for ; i < len(before) && s.order(&before[i], &after[j]) < 0; i++ {
			note(&before[i], nil)
		}
		if i < len(before) && s.order(&before[i], &after[j]) == 0 {
			note(&before[i], &after[j])
			i++
			continue
		}
		note(nil, &after[j])
	}
	for ; i < len(before); i++ {
		note(&before[i], nil)
	}
	slices.SortStableFunc(list, func(a, b D) int { // stable: what is as bad stays in the order of names
		beforeA, afterA := s.sides(&a)
		beforeB, afterB := s.sides(&b)
		return compareChanges(beforeA, afterA, beforeB, afterB)
	})
	return list
}

// presence says in which picture something is used; ok is false when there is nothing to tell.
func (s scale[T, D]) presence(was, is Reading, usedBefore, usedAfter bool) (p Presence, ok bool) {
	switch {
	case usedBefore && !usedAfter:
		return Vanished, true
	case usedAfter && !usedBefore:
		return Appeared, true
	}
	return Both, was.Health != is.Health || usedAfter && beyondNoise(was, is, s.was, s.is)
}

// beyondNoise says whether two readings differ in more than chance explains. The number of requests in a window is taken
// to be Poisson's, and failures among them binomial.
func beyondNoise(was, is Reading, before, after float64) bool {
	n, m := was.RequestRate*before, is.RequestRate*after
	change := math.Abs(is.RequestRate - was.RequestRate)
	if before > 0 && after > 0 && change > rateShare*max(was.RequestRate, is.RequestRate) &&
		change > sigmas*math.Sqrt(was.RequestRate/before+is.RequestRate/after) {
		return true
	}
	if n <= 0 || m <= 0 {
		return false
	}
	p := (was.ErrorRatio*n + is.ErrorRatio*m) / (n + m)
	points := math.Abs(is.ErrorRatio - was.ErrorRatio)
	if points >= errorPoints && points > sigmas*math.Sqrt(p*(1-p)*(1/n+1/m)) {
		return true
	}
	slower := math.Abs(is.P95 - was.P95)
	return min(n, m) >= latencyEnough && slower >= latencyLeast && slower > latencyShare*max(was.P95, is.P95)
}

// compareChanges puts the worse of two changes first.
func compareChanges(beforeA, afterA, beforeB, afterB Reading) int {
	failing := func(r Reading) float64 { return r.ErrorRatio * r.RequestRate }
	waiting := func(before, after Reading) float64 {
		return (after.P95 - before.P95) * min(before.RequestRate, after.RequestRate)
	}
	return cmp.Or(
		cmp.Compare(trouble(afterB)-trouble(beforeB), trouble(afterA)-trouble(beforeA)),
		cmp.Compare(failing(afterB)-failing(beforeB), failing(afterA)-failing(beforeA)),
		cmp.Compare(waiting(beforeB, afterB), waiting(beforeA, afterA)),
		cmp.Compare(math.Abs(afterB.RequestRate-beforeB.RequestRate), math.Abs(afterA.RequestRate-beforeA.RequestRate)),
	)
}

// trouble is how bad a verdict is; what is idle, healthy or not known is none.
func trouble(r Reading) int {
	switch r.Health {
	case mesh.Degraded:
		return 1
	case mesh.Unhealthy:
		return 2
	default:
		return 0
	}
}

func readNode(n *Node) Reading {
	return Reading{RequestRate: n.RequestRate, ErrorRatio: n.ErrorRatio, P95: n.P95, Health: n.Health, Why: append([]string{}, n.Why...), Causes: append([]Cause{}, n.Causes...)}
}

func readEdge(e *Edge) Reading {
	return Reading{RequestRate: e.RequestRate, ErrorRatio: e.ErrorRatio, P95: e.P95, Health: e.Health, Why: append([]string{}, e.Why...), Causes: append([]Cause{}, e.Causes...)}
}
