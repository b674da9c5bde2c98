package guard

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Breaches lists the guard rails that a change runs into: those of what it touches as they were before it, so that nobody
// takes a rail away and goes over it in one change. A route that only follows its split is spoken of once for each rail.
func Breaches(in Input) []Breach {
	j := judge{Input: in, said: make(map[said]bool), splits: make(map[string]bool)}
	for _, e := range in.Edits {
		if e.Ref.Kind == mesh.KindSplit {
			j.splits[e.Ref.Name] = true
		}
	}
	for _, e := range in.Edits {
		j.held(e)
		for _, r := range over(in.Before, e) {
			j.closed(e, r)
			j.weights(e, r)
		}
	}
	return j.list
}

type judge struct {
	Input
	splits map[string]bool // those that the change moves
	said   map[said]bool
	list   []Breach
}

// said is what need not be said twice.
type said struct {
	rule         Rule
	object, from mesh.Ref
	what         string
}

func (j *judge) add(b Breach, what string) {
	key := said{b.Rule, b.Object, b.From, what}
	if !j.said[key] {
		j.said[key] = true
		j.list = append(j.list, b)
	}
}

// subject is what is spoken of: a route that follows its split moves with that.
func (j *judge) subject(e Edit) mesh.Ref {
	if r, ok := e.After.(mesh.Route); ok && r.Split != "" && j.splits[r.Split] {
		return mesh.Ref{Kind: mesh.KindSplit, Name: r.Split}
	}
	return e.Ref
}

// closed judges what forbids any change.
func (j *judge) closed(e Edit, r rails) {
	object := j.subject(e)
	if r.Protected != nil && *r.Protected {
		from := r.from(func(g *mesh.Guard) bool { return g.Protected != nil })
		j.add(Breach{Rule: Protected, Object: object, From: from, Message: fmt.Sprintf("%s is protected%s", object, by(object, from))}, "")
	}
	if r.Freeze == nil {
		return
	}
	for _, w := range r.Freeze.Windows {
		until, ok := w.Covers(j.Now)
		if !ok {
			continue
		}
		from := r.from(func(g *mesh.Guard) bool { return g.Freeze != nil })
		until = until.UTC()
		j.add(Breach{
			Rule: Freeze, Object: object, From: from, Until: &until,
			Message: fmt.Sprintf("%s is frozen%s until %s (%s)", object, by(object, from), until.Format("2006-01-02 15:04 UTC"), w.Reason),
		}, "")
		return
	}
}

// by names the object that set a rail, unless it is the one that is spoken of.
func by(object, from mesh.Ref) string {
	if object == from {
		return ""
	}
	return " by " + from.String()
}

// held refuses whoever moves weights that a rollout holds, and is not that rollout.
func (j *judge) held(e Edit) {
	moved := e.After == nil
	for _, s := range e.Steps() {
		moved = moved || s.Moves()
	}
	object := j.subject(e)
	holder, isHeld := j.Held[e.Ref]
	if before, ok := e.Before.(mesh.Route); ok {
		after, still := e.After.(mesh.Route)
		moved = moved || still && before.Split != after.Split
		if !isHeld && before.Split != "" {
			holder, isHeld = j.Held[mesh.Ref{Kind: mesh.KindSplit, Name: before.Split}]
		}
	}
	if !moved || !isHeld || holder == j.Rollout {
		return
	}
	j.add(Breach{
		Rule: OneRollout, Object: object, From: object,
		Message: fmt.Sprintf("rollout %s holds the weights of %s: abort it first, or let it finish", holder, object),
	}, holder)
}

// weights judges how a route's weights move.
func (j *judge) weights(e Edit, r rails) {
	steps := e.Steps()
	for _, s := range steps {
		if s.Grows() {
			j.evidence(e, r, s)
			j.healthy(e, r, s)
		}
	}
	j.step(e, r, steps)
	j.floor(e, r, steps)
}

// step adds up what all targets gain: several small gains may be one large step of what loses.
func (j *judge) step(e Edit, r rails, steps []Step) {
	var moved float64
	var most Step
	for _, s := range steps {
		if s.Grows() {
			moved += (s.To - s.From) * 100
			if s.To-s.From > most.To-most.From {
				most = s
			}
		}
	}
	if r.LargestStep == nil || *r.LargestStep == 0 || moved <= *r.LargestStep+1e-6 {
		return
	}
	object, from := j.subject(e), r.from(func(g *mesh.Guard) bool { return g.LargestStep != nil })
	j.add(Breach{
		Rule: LargestStep, Object: object, From: from,
		Message: fmt.Sprintf("%s: %s points would move, %s %s %% → %s %%; %s allows %s in one change: take smaller steps",
			object, number(moved), most.Node, number(most.From*100), number(most.To*100), from, number(*r.LargestStep)),
	}, "")
}

func (j *judge) evidence(e Edit, r rails, s Step) {
	if r.MinRequests == nil || *r.MinRequests == 0 || s.From < tiny {
		return // who gets nothing yet has nothing to show
	}
	got := j.Served[Arm{e.Ref, s.Node}]
	if got.Requests >= int64(*r.MinRequests) {
		return
	}
	since := "nothing is counted here"
	if !got.Since.IsZero() {
		since = "counted for " + j.Now.Sub(got.Since).Round(time.Second).String()
	}
	object, from := j.subject(e), r.from(func(g *mesh.Guard) bool { return g.MinRequests != nil })
	j.add(Breach{
		Rule: MinRequests, Object: object, From: from,
		Message: fmt.Sprintf("%s: %s has served %d of the %d requests that %s asks for before it gets more (%s): wait for them",
			object, s.Node, got.Requests, *r.MinRequests, from, since),
	}, s.Node)
}

func (j *judge) healthy(e Edit, r rails, s Step) {
	verdict := j.Health[s.Node]
	if r.HealthyOnly == nil || !*r.HealthyOnly || verdict != mesh.Degraded && verdict != mesh.Unhealthy {
		return
	}
	object, from := j.subject(e), r.from(func(g *mesh.Guard) bool { return g.HealthyOnly != nil })
	j.add(Breach{
		Rule: HealthyOnly, Object: object, From: from,
		Message: fmt.Sprintf("%s: %s is %s, and %s lets only healthy versions get more: find out why first", object, s.Node, verdict, from),
	}, s.Node)
}

// floor holds the largest target above its floor, unless it is a rollout that promotes.
func (j *judge) floor(e Edit, r rails, steps []Step) {
	if r.StableFloor == nil || *r.StableFloor == 0 || len(steps) == 0 || j.Rollout != "" {
		return
	}
	stable := slices.MaxFunc(steps, func(a, b Step) int { return cmp.Compare(a.From, b.From) }) // of equals the first
	if stable.To >= stable.From-tiny || stable.To*100 >= *r.StableFloor-1e-6 {
		return
	}
	object, from := j.subject(e), r.from(func(g *mesh.Guard) bool { return g.StableFloor != nil })
	j.add(Breach{
		Rule: StableFloor, Object: object, From: from,
		Message: fmt.Sprintf("%s: %s would keep %s %%; %s has the largest target keep %s %% unless a rollout promotes: start one, or move less",
			object, stable.Node, number(stable.To*100), from, number(*r.StableFloor)),
	}, stable.Node)
}

// number writes a percentage with at most two decimals.
func number(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }
