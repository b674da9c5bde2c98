package web_test

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/definition"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/journal"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/plan"
	"github.com/weirmesh/weir/server/provider"
	"github.com/weirmesh/weir/server/web"
)

// world is what the console looks at in the tests: a door that keeps everything in memory, and pictures that stand still.
type world struct {
	recognised atomic.Int64 // how often it was asked who sends a request

	mu      sync.Mutex
	meshes  map[string]*change.Current
	changes []change.Change // newest first
	graphs  map[string]graph.Graph
	proxies map[string][]provider.Proxy
	fail    error             // what Changes answers, when set
	grants  string            // what the reader may do, as auth.ParseGrant reads it; "": everything; "nobody": not signed in
	past    *past             // nil: nothing is remembered
	drafts  web.Drafts        // nil: none are kept
	keys    map[string]string // idempotency keys, with the change that each made
	views   web.Views
	told    []journal.Event // what happened, newest first; nil: nobody writes that down

	replicas *ensemble    // what Weir consists of
	house    *house       // who may come in; nil: everybody
	provider web.Provider // through which people sign in, too
	rollouts *attic       // nil: none are carried out
}

func newWorld() *world {
	w := &world{meshes: map[string]*change.Current{}, graphs: map[string]graph.Graph{}, proxies: map[string][]provider.Proxy{}}
	w.add(sample())
	w.graphs["sample_app"] = picture()
	w.proxies["sample_app"] = proxies()
	w.changes, w.told = history(), happened()
	w.past = &past{w: w}
	w.replicas = alone()
	w.keepRollouts(rollouts()...)
	return w
}

func (w *world) add(m mesh.Mesh) {
	c := &change.Current{Mesh: m, Revision: 12, Versions: map[mesh.Ref]int64{}}
	for _, o := range objects(m) {
		c.Versions[o.Ref()] = 3
	}
	w.meshes[m.Name] = c
}

func objects(m mesh.Mesh) []mesh.Object {
	var list []mesh.Object
	for _, o := range m.Nodes {
		list = append(list, o)
	}
	for _, o := range m.Services {
		list = append(list, o)
	}
	for _, o := range m.Routers {
		list = append(list, o)
	}
	for _, o := range m.Splits {
		list = append(list, o)
	}
	for _, o := range m.Routes {
		list = append(list, o)
	}
	for _, o := range m.Gateways {
		list = append(list, o)
	}
	for _, o := range m.GatewayRoutes {
		list = append(list, o)
	}
	return append(list, m.Settings())
}

func (w *world) Meshes() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var names []string
	for name := range w.meshes {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (w *world) Mesh(name string) (change.Current, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.meshes[name]; c != nil {
		return *c, nil
	}
	return change.Current{}, mesh.Errorf(mesh.NotFound, "mesh %s: there is no such mesh", name)
}

func (w *world) Object(meshName string, ref mesh.Ref) (change.Stored, error) {
	current, err := w.Mesh(meshName)
	if err != nil {
		return change.Stored{}, err
	}
	for _, o := range objects(current.Mesh) {
		if o.Ref() == ref {
			return change.Stored{Object: o, Version: current.Versions[ref]}, nil
		}
	}
	return change.Stored{}, mesh.Errorf(mesh.NotFound, "%s: mesh %s has none", ref, meshName)
}

func (w *world) Propose(_ context.Context, p change.Proposal) (change.Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	current := w.meshes[p.Mesh]
	for _, c := range w.changes {
		if p.IdempotencyKey != "" && w.keys[p.IdempotencyKey] == c.ID {
			return c, nil
		}
	}
	for ref, base := range p.Base {
		version := current.Versions[ref]
		if _, exists := current.Mesh.Get(ref); !exists {
			version = 0
		}
		if base != version {
			return change.Change{}, &mesh.Error{Code: mesh.Conflict, Message: fmt.Sprintf("%s was changed by min 8 s ago: look at it again", ref), Err: change.ErrStale}
		}
	}
	c := change.Change{
		ID: "chg-" + strconv.Itoa(100+len(w.changes)), Mesh: p.Mesh, Kind: mesh.KindMesh, Name: p.Mesh, Summary: "changed",
		Author: p.Author, Reason: p.Reason, At: noon(), State: change.Kept, DryRun: p.DryRun,
	}
	next, err := current.Mesh.With(p.Patch)
	if err == nil {
		err = next.Validate()
	}
	if err != nil {
		return c, err
	}
	steps := mesh.Diff(current.Mesh, next)
	for _, o := range steps.Put {
		before, _ := current.Mesh.Get(o.Ref())
		c.Objects, c.Diff = append(c.Objects, o.Ref()), c.Diff+difference(p.Mesh, before, o)
	}
	for _, ref := range steps.Delete {
		before, _ := current.Mesh.Get(ref)
		c.Objects, c.Diff = append(c.Objects, ref), c.Diff+difference(p.Mesh, before, nil)
	}
	if len(c.Objects) == 1 {
		c.Kind, c.Name, c.Summary = c.Objects[0].Kind, c.Objects[0].Name, c.Objects[0].Name+": changed"
	}
	if len(c.Objects) == 0 {
		return change.Change{}, &mesh.Error{Code: mesh.Invalid, Message: "nothing would change", Err: change.ErrUnchanged}
	}
	c.Plan = w.plan(current.Mesh, next, p.DryRun)
	if p.DryRun {
		return c, nil
	}
	w.record(current, next, &c, p)
	if w.keys == nil {
		w.keys = make(map[string]string)
	}
	w.keys[p.IdempotencyKey] = c.ID
	return c, nil
}

// record makes a proposal the state that is read.
func (w *world) record(current *change.Current, next mesh.Mesh, c *change.Change, p change.Proposal) {
	current.Mesh = next
	current.Revision++
	for _, ref := range c.Objects {
		current.Versions[ref]++
	}
	c.Accepted = &change.Accepted{Revision: current.Revision, At: noon()}
	if p.ConfirmWithin > 0 {
		c.State, c.ConfirmBy = change.Pending, ptr(noon().Add(p.ConfirmWithin))
	}
	w.changes = slices.Insert(w.changes, 0, *c)
}

// difference lists the lines that differ between two objects' definitions, those in common around them.
func difference(meshName string, before, after mesh.Object) string {
	encode := func(o mesh.Object) (string, string) {
		if o == nil {
			return "", "/dev/null"
		}
		text, err := definition.EncodeObject(meshName, 0, o)
		if err != nil {
			panic(err)
		}
		return string(text), o.Ref().String()
	}
	a, from := encode(before)
	b, to := encode(after)
	if a == b {
		return ""
	}
	old, now := strings.Split(a, "\n"), strings.Split(b, "\n")
	head, tail := 0, 0
	for head < min(len(old), len(now)) && old[head] == now[head] {
		head++
	}
	for tail < min(len(old), len(now))-head && old[len(old)-1-tail] == now[len(now)-1-tail] {
		tail++
	}
	var s strings.Builder
	fmt.Fprintf(&s, "--- %s\n+++ %s\n@@ -%d +%d @@\n", from, to, head+1, head+1)
	for _, line := range old[head : len(old)-tail] {
		s.WriteString("-" + line + "\n")
	}
	for _, line := range now[head : len(now)-tail] {
		s.WriteString("+" + line + "\n")
	}
	return s.String()
}

func (w *world) Change(_ context.Context, id string) (change.Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.changes {
		if c.ID == id {
			return c, nil
		}
	}
	return change.Change{}, mesh.Errorf(mesh.NotFound, "change %s: there is no such change", id)
}

func (w *world) Changes(_ context.Context, q change.Query) ([]change.Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []change.Change
	for _, c := range w.changes {
		if q.Key != "" && w.keys[q.Key] != c.ID || q.Mesh != "" && c.Mesh != q.Mesh || q.Object != (mesh.Ref{}) && !slices.Contains(c.Objects, q.Object) || q.Before != "" && c.ID >= q.Before {
			continue
		}
		if q.State != "" && c.State != q.State || !q.After.IsZero() && !c.At.After(q.After) || !q.Until.IsZero() && c.At.After(q.Until) {
			continue
		}
		list = append(list, c)
	}
	return list[:min(len(list), cmp.Or(q.Limit, 100))], w.fail
}

func (w *world) Waiting(meshName string) []change.Change {
	w.mu.Lock()
	defer w.mu.Unlock()
	var list []change.Change
	for _, c := range w.changes {
		if c.Mesh == meshName && c.State == change.Pending {
			list = append(list, c)
		}
	}
	return list
}

func (w *world) Confirm(ctx context.Context, id string, _ change.By) (change.Change, error) {
	return w.settle(ctx, id, change.Kept)
}

func (w *world) Revert(ctx context.Context, id string, _ change.By) (change.Change, error) {
	return w.settle(ctx, id, change.Reverted)
}

func (w *world) Undo(ctx context.Context, id string, by change.By) (change.Change, error) {
	c, err := w.settle(ctx, id, change.Undone)
	if err != nil {
		return c, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	undo := c
	undo.ID, undo.Undoes, undo.State, undo.Author, undo.Summary = "chg-"+strconv.Itoa(100+len(w.changes)), id, change.Kept, by.Author, "undo: "+c.Summary
	w.changes = slices.Insert(w.changes, 0, undo)
	return undo, nil
}

func (w *world) settle(_ context.Context, id string, state change.State) (change.Change, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range w.changes {
		if w.changes[i].ID == id {
			w.changes[i].State, w.changes[i].ConfirmBy = state, nil
			return w.changes[i], nil
		}
	}
	return change.Change{}, mesh.Errorf(mesh.NotFound, "change %s: there is no such change", id)
}

func (w *world) Graph(name string) (graph.Graph, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	g, ok := w.graphs[name]
	return g, ok
}

func (w *world) Proxies(name string) []provider.Proxy {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.proxies[name]
}

// history is a ledger with every state in it.
func history() []change.Change {
	route := []mesh.Ref{{Kind: mesh.KindRoute, Name: "reviews/primary"}}
	pool := []mesh.Ref{{Kind: mesh.KindNode, Name: "ratings"}}
	entry := func(id string, ago time.Duration, objects []mesh.Ref, summary, author, reason string) change.Change {
		at := noon().Add(-ago)
		return change.Change{
			ID: id, Mesh: "sample_app", Kind: objects[0].Kind, Name: objects[0].Name, Objects: objects, Summary: summary, Author: author, Reason: reason, At: at,
			Diff:     "--- " + summary + "\n+++ now\n@@ -3,7 +3,7 @@\n targets:\n - node: reviews-v1\n-  weight: 95\n+  weight: 75\n - node: reviews-v2\n-  weight: 5\n+  weight: 25\n",
			Accepted: &change.Accepted{Revision: 12, At: at}, Programmed: &change.Programmed{Acked: 3, Total: 3, At: ptr(at.Add(4 * time.Millisecond))}, State: change.Kept,
		}
	}
	shares := func(got, low, high float64, agrees bool) *change.Observed {
		return &change.Observed{Window: "10s", Requests: 1480, Errors: 4, Agrees: &agrees, Shares: map[string]change.Share{
			"reviews-v1": {Want: 0.75, Got: 1 - got, Low: 1 - high, High: 1 - low}, "reviews-v2": {Want: 0.25, Got: got, Low: low, High: high},
		}}
	}
	pending := entry("chg-041", 12*time.Second, route, "reviews/primary: reviews-v2 5 % → 25 %", "jiyoung", "second step")
	pending.State, pending.ConfirmBy, pending.Observed = change.Pending, ptr(noon().Add(48*time.Second)), shares(0.248, 0.227, 0.27, true)
	pending.Plan = &plan.Plan{Shifts: []plan.Shift{
		{Route: "reviews/primary", Node: "reviews-v1", ShareBefore: 0.95, ShareAfter: 0.75, RateBefore: 70.9, RateAfter: 56, Measured: ptr(56.3)},
		{Route: "reviews/primary", Node: "reviews-v2", ShareBefore: 0.05, ShareAfter: 0.25, RateBefore: 3.7, RateAfter: 18.7, Measured: ptr(18.5)},
	}}
	refused := entry("chg-040", 9*time.Minute, route, "reviews/primary: match ~ )", "min", "")
	refused.Programmed = &change.Programmed{Acked: 2, Total: 3, At: ptr(noon()), Rejected: []provider.Rejection{{Proxy: "checkout-1", Message: "Invalid regex ')': missing )"}}}
	refused.State = change.Reverted
	wrong := entry("chg-039", 3*time.Hour, route, "reviews/primary: reviews-v2 1 % → 5 %", "jiyoung", "first step")
	wrong.Observed, wrong.State = shares(0.31, 0.28, 0.34, false), change.Superseded
	kept := entry("chg-038", 26*time.Hour, pool, "ratings: maxConnections 80 → 100", "console", "Friday's peak")
	kept.Observed = &change.Observed{Window: "30s", Requests: 2244, Errors: 47, Agrees: ptr(true)}
	undone := entry("chg-037", 27*time.Hour, pool, "ratings: maxConnections 100 → 80", "min", "")
	undone.State, undone.UndoneBy = change.Undone, "chg-038"
	waiting := entry("chg-036", 50*time.Hour, pool, "ratings: maxPendingRequests no limit → 50", "api", "")
	waiting.Programmed = &change.Programmed{Acked: 0, Total: 1}
	return []change.Change{pending, refused, wrong, kept, undone, waiting}
}
