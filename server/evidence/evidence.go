// Package evidence gathers what guard rails ask for beside the change itself: how many requests a version has served
// since its share last moved, how healthy it is, and which rollout holds a route. It answers from memory.
package evidence

import (
	"context"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/guard"
	"github.com/weirmesh/weir/server/mesh"
)

// lookEvery is how often edges that are new are noted. What an edge counted before that is not evidence: it may be from
// before Weir started.
const lookEvery = 2 * time.Second

// Traffic gives the counters of every edge of a mesh; the live aggregator is one.
type Traffic interface {
	Counts(mesh string) []mesh.EdgeCount
}

// Rollouts says which rollout holds the weights of a route or a split.
type Rollouts interface {
	Holds(mesh string, ref mesh.Ref) (rollout string, ok bool)
}

// Options say where evidence comes from.
type Options struct {
	Traffic  Traffic                                  // none: nothing is counted
	Health   func(mesh string) map[string]mesh.Health // by node; none: nobody is judged
	Rollouts Rollouts                                 // none: nobody holds anything
	Meshes   func() []mesh.Mesh                       // as they are now
	Now      func() time.Time                         // time.Now when nil
}

// Gatherer is a change.Guard. Its methods may be called by many goroutines.
type Gatherer struct {
	o      Options
	mu     sync.Mutex
	meshes map[string]*counted
}

var _ change.Guard = (*Gatherer)(nil)

type edge struct{ from, to string }

// counted is what is remembered of a mesh that asks for evidence.
type counted struct {
	since time.Time
	first map[edge]float64 // the counter of each edge when it was first seen
	steps map[guard.Arm]step
}

// step is when an arm's share last moved, and the counters of its edges then.
type step struct {
	at   time.Time
	base map[edge]float64
}

// New makes a gatherer. Run has it note edges as they appear.
func New(o Options) *Gatherer {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Gatherer{o: o, meshes: make(map[string]*counted)}
}

// Run notes the edges of the meshes that ask for evidence until ctx ends.
func (g *Gatherer) Run(ctx context.Context) error {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		g.Look()
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// Look notes the edges that are new, and forgets the meshes that ask for no evidence any more.
func (g *Gatherer) Look() {
	if g.o.Traffic == nil || g.o.Meshes == nil {
		return
	}
	asking := make(map[string]bool)
	for _, m := range g.o.Meshes() {
		if asks(m, requests) {
			asking[m.Name] = true
			counts := g.o.Traffic.Counts(m.Name)
			g.mu.Lock()
			g.note(m.Name, counts)
			g.mu.Unlock()
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for name := range g.meshes {
		if !asking[name] {
			delete(g.meshes, name)
		}
	}
}

// requests says whether guard rails ask for requests.
func requests(g *mesh.Guard) bool { return g.MinRequests != nil && *g.MinRequests > 0 }

// health says whether guard rails ask how versions are.
func health(g *mesh.Guard) bool { return g.HealthyOnly != nil && *g.HealthyOnly }

// asks says whether the guard rails of any object of a mesh ask for something.
func asks(m mesh.Mesh, something func(*mesh.Guard) bool) bool {
	rail := func(o mesh.Object) bool {
		own := mesh.GuardOf(o)
		return own != nil && something(own)
	}
	if rail(m.Settings()) {
		return true
	}
	for _, s := range m.Services {
		if rail(s) {
			return true
		}
	}
	for _, r := range m.Routes {
		if rail(r) {
			return true
		}
	}
	return false
}

// note remembers edges that are new. g.mu is held.
func (g *Gatherer) note(name string, counts []mesh.EdgeCount) *counted {
	c := g.meshes[name]
	if c == nil {
		c = &counted{since: g.o.Now(), first: make(map[edge]float64), steps: make(map[guard.Arm]step)}
		g.meshes[name] = c
	}
	for _, n := range counts {
		key := edge{n.From, n.To}
		if _, known := c.first[key]; !known {
			c.first[key] = n.Requests
		}
	}
	return c
}

// Breaches lists the guard rails that a change runs into.
func (g *Gatherer) Breaches(_ context.Context, i change.Intent) []guard.Breach {
	in := guard.Input{Before: i.Before, Edits: editsOf(i), Rollout: i.Rollout, Now: g.o.Now(), Held: g.held(i)}
	if g.o.Health != nil && asks(i.Before, health) {
		in.Health = g.o.Health(nameOf(i))
	}
	if asks(i.Before, requests) {
		in.Served = g.served(i, in.Edits)
	}
	return guard.Breaches(in)
}

// Recorded notes from which counters on the arms that a change moved are counted.
func (g *Gatherer) Recorded(i change.Intent) {
	if g.o.Traffic == nil || !asks(i.After, requests) {
		return
	}
	var moved []guard.Arm
	for _, e := range editsOf(i) {
		for _, s := range e.Steps() {
			if s.Moves() {
				moved = append(moved, guard.Arm{Route: e.Ref, Node: s.Node})
			}
		}
	}
	if len(moved) == 0 {
		return
	}
	counts := g.o.Traffic.Counts(nameOf(i))
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.note(nameOf(i), counts)
	for _, arm := range moved {
		base := make(map[edge]float64)
		for _, n := range counts {
			if n.To == arm.Node {
				base[edge{n.From, n.To}] = n.Requests
			}
		}
		c.steps[arm] = step{g.o.Now(), base}
	}
}

// served counts for the arms that would grow.
func (g *Gatherer) served(i change.Intent, edits []guard.Edit) map[guard.Arm]guard.Served {
	if g.o.Traffic == nil {
		return nil
	}
	counts := g.o.Traffic.Counts(nameOf(i))
	g.mu.Lock()
	defer g.mu.Unlock()
	c := g.note(nameOf(i), counts)
	served := make(map[guard.Arm]guard.Served)
	for _, e := range edits {
		for _, s := range e.Steps() {
			if arm := (guard.Arm{Route: e.Ref, Node: s.Node}); s.Grows() {
				served[arm] = c.served(arm, counts)
			}
		}
	}
	return served
}

// served counts what reached an arm's node since its step, by whichever route.
func (c *counted) served(arm guard.Arm, counts []mesh.EdgeCount) guard.Served {
	out := guard.Served{Since: c.since}
	last, moved := c.steps[arm]
	if moved {
		out.Since = last.at
	}
	total := 0.0
	for _, n := range counts {
		if n.To != arm.Node {
			continue
		}
		key := edge{n.From, n.To}
		from := c.first[key]
		if base, was := last.base[key]; was {
			from = max(from, base)
		}
		total += max(n.Requests-from, 0)
	}
	out.Requests = int64(total)
	return out
}

// held asks who holds what a change touches.
func (g *Gatherer) held(i change.Intent) map[mesh.Ref]string {
	if g.o.Rollouts == nil {
		return nil
	}
	held := make(map[mesh.Ref]string)
	look := func(ref mesh.Ref) {
		if id, ok := g.o.Rollouts.Holds(nameOf(i), ref); ok {
			held[ref] = id
		}
	}
	for _, e := range i.Edits {
		if e.Ref.Kind == mesh.KindRoute || e.Ref.Kind == mesh.KindSplit {
			look(e.Ref)
		}
		if r, ok := e.Before.(mesh.Route); ok && r.Split != "" {
			look(mesh.Ref{Kind: mesh.KindSplit, Name: r.Split})
		}
	}
	return held
}

func editsOf(i change.Intent) []guard.Edit {
	list := make([]guard.Edit, len(i.Edits))
	for n, e := range i.Edits {
		list[n] = guard.Edit{Ref: e.Ref, Before: e.Before, After: e.After}
	}
	return list
}

// nameOf is the mesh's name, also when the change creates it.
func nameOf(i change.Intent) string {
	if i.Before.Name != "" {
		return i.Before.Name
	}
	return i.After.Name
}
