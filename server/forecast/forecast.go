// Package forecast gathers what a plan is made from and is the door's planner: the newest picture of the mesh, the proxies
// that would get new configuration, the highest loads that were recorded, and what Envoy says of the configuration. It
// decides nothing; server/plan works the forecast out.
package forecast

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
	"github.com/weirmesh/weir/server/provider"
)

// Bounds of what a dry run may cost.
const (
	previewWithin  = 5 * time.Second // to find out who would get new configuration
	recallWithin   = 3 * time.Second // to read the highest loads
	validateWithin = 5 * time.Second // for Envoy's word on all kinds of proxies together
	maxDrafts      = 5               // kinds of proxies that Envoy is asked about
)

// Bounds of what is remembered of dry runs that Envoy refused.
const (
	rememberFor = 15 * time.Minute
	rememberMax = 64
	wordsMax    = 256 // configurations whose verdict is remembered: the same one gets the same
)

// Graphs gives the newest picture of a mesh.
type Graphs interface {
	Graph(name string) (graph.Graph, bool)
}

// Options say where a forecast's facts come from. Only Graphs is required.
type Options struct {
	Graphs  Graphs
	Preview provider.Previewer // none: it is not said who gets new configuration
	// Highest gives the highest recorded load per instance of nodes; those that are not known are left out. None: there is
	// no history.
	Highest func(ctx context.Context, mesh string, nodes []string) (map[string]plan.Peak, error)
	// Validate has the proxies' own software check a configuration and gives its words when it refuses. None: it is not
	// there, and Unchecked says why.
	Validate  func(ctx context.Context, config []byte) (refusal string, err error)
	Unchecked string
	Now       func() time.Time // time.Now when nil
}

// Gatherer is a change.Planner. Its methods may be called by many goroutines.
type Gatherer struct {
	o    Options
	busy chan struct{} // holds who has Envoy check something: one at a time

	mu      sync.Mutex
	refused map[[sha256.Size]byte]refusal
	words   map[[sha256.Size]byte]string // by configuration; empty: Envoy takes it
}

// refusal is what was found out about a change that was not made.
type refusal struct {
	at   time.Time
	said []plan.DryRun
}

var _ change.Planner = (*Gatherer)(nil)

// New makes a gatherer.
func New(o Options) *Gatherer {
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Gatherer{o: o, busy: make(chan struct{}, 1), refused: make(map[[sha256.Size]byte]refusal), words: make(map[[sha256.Size]byte]string)}
}

// Plan forecasts a change. A dry run is also compared with what proxies run, with history, and checked by Envoy, which takes
// up to some seconds; what cannot be found out in time is a note. Any other change is answered from memory.
func (g *Gatherer) Plan(ctx context.Context, i change.Intent) *plan.Plan {
	in := plan.Input{At: g.o.Now().UTC().Truncate(time.Millisecond), Before: i.Before, After: i.After}
	for _, e := range i.Edits {
		in.Edits = append(in.Edits, plan.Edit{Ref: e.Ref, Before: e.Before, After: e.After})
	}
	name := nameOf(i)
	picture, ok := g.o.Graphs.Graph(name)
	if ok && carries(picture) {
		in.Seen = seen{picture}
	}
	p := plan.Make(in)
	if !i.DryRun {
		p.DryRun = g.remembered(name, i.Edits)
		return p
	}
	drafts := g.preview(ctx, name, i.After, p)
	g.recall(ctx, name, p)
	g.check(ctx, drafts, p)
	g.remember(keyOf(name, i.Edits), p.Refused())
	return p
}

// nameOf is the mesh's name, also of one that would be deleted.
func nameOf(i change.Intent) string {
	if i.After.Name != "" {
		return i.After.Name
	}
	return i.Before.Name
}

// carries says whether anything was seen to flow.
func carries(g graph.Graph) bool {
	return slices.ContainsFunc(g.Edges, func(e graph.Edge) bool { return e.RequestRate > 0 })
}

// preview finds out who would get new configuration.
func (g *Gatherer) preview(ctx context.Context, name string, after mesh.Mesh, p *plan.Plan) []provider.Draft {
	if g.o.Preview == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, previewWithin)
	defer cancel()
	after.Name = name // a deleted mesh is an empty one
	found, err := g.o.Preview.Preview(ctx, after, maxDrafts)
	if err != nil {
		p.Notes = append(p.Notes, plan.Say("preview.failed", "detail", err.Error()))
		return nil
	}
	p.Proxies = &plan.Proxies{Total: len(found.Changed), Connected: found.Connected, IDs: found.Changed[:min(len(found.Changed), plan.MaxProxies)]}
	if p.Proxies.IDs == nil {
		p.Proxies.IDs = []string{}
	}
	if found.More > 0 && g.o.Validate != nil {
		p.Notes = append(p.Notes, plan.Say("envoy.more", "n", strconv.Itoa(found.More)))
	}
	return found.Drafts
}

// recall adds the highest loads.
func (g *Gatherer) recall(ctx context.Context, name string, p *plan.Plan) {
	if len(p.Loads) == 0 {
		return
	}
	if g.o.Highest == nil {
		p.Notes = append(p.Notes, plan.Say("history.none"))
		return
	}
	ctx, cancel := context.WithTimeout(ctx, recallWithin)
	defer cancel()
	nodes := make([]string, len(p.Loads))
	for i, l := range p.Loads {
		nodes[i] = l.Node
	}
	highest, err := g.o.Highest(ctx, name, nodes)
	if err != nil {
		p.Notes = append(p.Notes, plan.Say("history.failed", "detail", err.Error()))
		return
	}
	p.Recall(highest)
}

// check has Envoy look at the drafts, one after the other.
func (g *Gatherer) check(ctx context.Context, drafts []provider.Draft, p *plan.Plan) {
	var ready []provider.Draft
	for _, d := range drafts {
		if d.Refusal != "" {
			p.DryRun = append(p.DryRun, plan.DryRun{For: d.For, Message: d.Refusal})
		} else {
			ready = append(ready, d)
		}
	}
	if len(ready) == 0 {
		return
	}
	if g.o.Validate == nil {
		if g.o.Unchecked != "" {
			p.Notes = append(p.Notes, plan.Say("envoy.none", "detail", g.o.Unchecked))
		}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, validateWithin)
	defer cancel()
	select {
	case g.busy <- struct{}{}:
		defer func() { <-g.busy }()
	case <-ctx.Done():
		p.Notes = append(p.Notes, plan.Say("envoy.busy"))
		return
	}
	for _, d := range ready {
		said, err := g.validate(ctx, d.Config)
		if err != nil {
			p.Notes = append(p.Notes, plan.Say("envoy.failed", "for", d.For, "detail", err.Error()))
			continue
		}
		p.DryRun = append(p.DryRun, plan.DryRun{For: d.For, OK: said == "", Message: said})
	}
	slices.SortFunc(p.DryRun, func(a, b plan.DryRun) int { return strings.Compare(a.For, b.For) })
}

// validate asks Envoy about a configuration, unless it was asked before.
func (g *Gatherer) validate(ctx context.Context, config []byte) (string, error) {
	key := sha256.Sum256(config)
	g.mu.Lock()
	said, known := g.words[key]
	g.mu.Unlock()
	if known {
		return said, nil
	}
	said, err := g.o.Validate(ctx, config)
	if err != nil {
		return "", err
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.words) >= wordsMax {
		clear(g.words)
	}
	g.words[key] = said
	return said, nil
}

// keyOf tells changes apart: two with the same key would make the same of the same.
func keyOf(name string, edits []change.Edit) [sha256.Size]byte {
	data, err := json.Marshal([]any{name, edits})
	if err != nil {
		return [sha256.Size]byte{}
	}
	return sha256.Sum256(data)
}

// remember keeps what Envoy refused, so that the change itself can be refused without asking again.
func (g *Gatherer) remember(key [sha256.Size]byte, said []plan.DryRun) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.o.Now()
	for k, r := range g.refused {
		if now.Sub(r.at) > rememberFor || len(g.refused) > rememberMax {
			delete(g.refused, k)
		}
	}
	if len(said) == 0 {
		delete(g.refused, key)
		return
	}
	g.refused[key] = refusal{now, said}
}

// remembered gives what Envoy refused of a change lately. The door is held meanwhile and hardly any change was ever
// refused, so its key is only made when there is something to compare it with.
func (g *Gatherer) remembered(name string, edits []change.Edit) []plan.DryRun {
	g.mu.Lock()
	none := len(g.refused) == 0
	g.mu.Unlock()
	if none {
		return nil
	}
	key := keyOf(name, edits)
	g.mu.Lock()
	defer g.mu.Unlock()
	r, ok := g.refused[key]
	if !ok || g.o.Now().Sub(r.at) > rememberFor {
		return nil
	}
	return slices.Clone(r.said)
}

// seen is a picture, as a plan asks it.
type seen struct{ g graph.Graph }

// Sent lists what one end sends.
func (s seen) Sent(from string) []plan.Flow {
	at, _ := slices.BinarySearchFunc(s.g.Edges, from, func(e graph.Edge, from string) int { return strings.Compare(e.From, from) })
	var list []plan.Flow
	for _, e := range s.g.Edges[at:] {
		if e.From != from {
			break
		}
		if e.RequestRate > 0 {
			list = append(list, plan.Flow{To: e.To, Rate: e.RequestRate})
		}
	}
	return list
}

// Box gives what arrives at a node or gateway.
func (s seen) Box(id string) plan.Box {
	at, ok := slices.BinarySearchFunc(s.g.Nodes, id, func(n graph.Node, id string) int { return strings.Compare(n.ID, id) })
	if !ok {
		return plan.Box{}
	}
	n := s.g.Nodes[at]
	b := plan.Box{Rate: n.RequestRate, Instances: n.Proxies}
	if n.Pool != nil {
		b.Pooled, b.Instances = true, max(n.Pool.Instances, n.Proxies)
		b.Connections, b.Pending, b.InFlight, b.Overflow = n.Pool.Connections, n.Pool.Pending, n.Pool.Active, n.Pool.OverflowRate
	}
	return b
}
