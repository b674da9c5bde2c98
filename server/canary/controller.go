package canary

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/event"
	"github.com/weirmesh/weir/server/ident"
	"github.com/weirmesh/weir/server/mesh"
)

// Hands are how a controller reads and moves weights: the one door.
type Hands interface {
	// Mesh gives a mesh as last recorded. Error: mesh.NotFound.
	Mesh(name string) (mesh.Mesh, error)
	// Held gives a route or a split as last recorded. Error: mesh.NotFound.
	Held(meshName string, target mesh.Ref) (Held, error)
	// Move records a change of weights and gives its ID, or that of the change that set the same weights before; a
	// repetition under the same key is the same change. Errors: mesh.Denied when guard rails stand in the way,
	// mesh.Conflict when Base does not hold any more, mesh.Unavailable when it is not known whether it was recorded.
	Move(ctx context.Context, o Order) (change string, err error)
	// State says how far a change has come.
	State(ctx context.Context, change string) (Delivery, error)
	// Setter says in words who made a change: "ann, reviews/primary: reviews-v2 25 % → 50 % (change 0abc…)".
	Setter(ctx context.Context, change string) string
}

// Order is one change of weights.
type Order struct {
	Move
	Mesh    string
	Target  mesh.Ref
	Rollout string
	Author  string
}

// Evidence is what was counted of two versions.
type Evidence interface {
	// Counts gives the counters of both arms now. Error: mesh.Unavailable when nothing counts.
	Counts(a Arms) (Counts, error)
	// Traffic gives what both arms carried lately, in requests per second, and the ratio of stable's that failed, 0 to 1.
	Traffic(a Arms) (rate, errors float64)
}

// Store keeps rollouts. What a method returned without an error survives kill -9.
type Store interface {
	// CreateRollout records a new rollout. Error: mesh.Conflict when another one is active on its target.
	CreateRollout(ctx context.Context, r Rollout) error
	// UpdateRollout replaces a rollout if it is recorded in the version before r.Version. Errors: mesh.Conflict when it is
	// not, or when the rollout became active again and another one is; mesh.NotFound.
	UpdateRollout(ctx context.Context, r Rollout, evidence json.RawMessage) error
	// Rollout gives a rollout with its evidence. Error: mesh.NotFound.
	Rollout(ctx context.Context, id string) (Rollout, json.RawMessage, error)
	// Rollouts finds rollouts, newest first.
	Rollouts(ctx context.Context, q Query) ([]Rollout, error)
}

// Options are what a Controller needs.
type Options struct {
	Store    Store
	Hands    Hands
	Evidence Evidence
	// Look takes over what other replicas recorded, before a start is refused for what is known here; nil: there are none.
	Look func(ctx context.Context) error
	// Ask answers a question in PromQL about a mesh with the values of its series; nil: there is nothing to ask.
	Ask func(ctx context.Context, meshName, expr string) ([]float64, error)
	// Parse says what is wrong with a question in PromQL; nil: nothing ever is.
	Parse func(expr string) error
	// Call calls a webhook; an answer that is not 2xx is an error. Nil: webhooks cannot be called.
	Call   func(ctx context.Context, c Call) error
	Logger *slog.Logger
	Now    func() time.Time // time.Now when nil
}

// Controller carries rollouts out. Its methods may be called by many goroutines; they answer from memory or wait for the
// store, never for proxies, webhooks or PromQL. Of several replicas, one runs it (Run); the others are told what it records
// (Hear), and record what people ask of them.
type Controller struct {
	o      Options
	log    *slog.Logger
	now    func() time.Time
	events event.Bus[Rollout]
	wake   chan struct{}
	asking sync.WaitGroup
	// carrying is set while Run carries the rollouts out: on one replica at a time.
	carrying atomic.Bool
	slots    chan struct{} // bounds what is asked at the same time

	mu     sync.RWMutex
	active map[string]*run // by ID
}

// run is one rollout that is active, or that a verb is applied to.
type run struct {
	newest atomic.Pointer[Rollout] // what readers see

	mu      sync.Mutex // held while the rollout is moved on
	r       Rollout
	judge   *judge.Judge
	split   *judge.Split
	sample  sampler
	asks    map[string]*ask
	answers chan answer
	saved   time.Time
	fresh   bool // there is evidence that is not recorded
	events  outbox
}

// maxAsks is how many questions and webhooks are under way at the same time.
const maxAsks = 32

// New loads the rollouts that are active. Error: mesh.Unavailable when the store cannot be read.
func New(ctx context.Context, o Options) (*Controller, error) {
	c := &Controller{
		o: o, log: o.Logger, now: o.Now, wake: make(chan struct{}, 1), slots: make(chan struct{}, maxAsks),
		active: make(map[string]*run),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	if c.now == nil {
		c.now = time.Now
	}
	list, err := o.Store.Rollouts(ctx, Query{Active: true, Limit: 10_000})
	if err != nil {
		return nil, fmt.Errorf("load the rollouts: %w", err)
	}
	for _, r := range list {
		t, err := c.load(ctx, r.ID)
		if err != nil {
			return nil, fmt.Errorf("load rollout %s: %w", r.ID, err)
		}
		c.active[r.ID] = t
	}
	return c, nil
}

// Events carries a rollout whenever it turned: another phase, step, weight or cause.
func (c *Controller) Events() *event.Bus[Rollout] { return &c.events }

// Holds says which active rollout moves the weights of a route or of a split.
func (c *Controller) Holds(meshName string, ref mesh.Ref) (rollout string, ok bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	for id, t := range c.active {
		if r := t.newest.Load(); r.Mesh == meshName && r.Spec.Target == ref && r.Active() {
			return id, true
		}
	}
	return "", false
}

// Get gives a rollout with its newest evidence. The ID may be written in capitals. Error: mesh.NotFound.
func (c *Controller) Get(ctx context.Context, id string) (Rollout, error) {
	if t := c.running(ident.Canonical(id)); t != nil {
		return *t.newest.Load(), nil
	}
	r, _, err := c.o.Store.Rollout(ctx, ident.Canonical(id))
	if mesh.CodeOf(err) == mesh.NotFound {
		return Rollout{}, mesh.Errorf(mesh.NotFound, "there is no rollout %q", mesh.Shorten(id))
	}
	return r, err
}

// List finds rollouts, newest first, without the course of their evidence.
func (c *Controller) List(ctx context.Context, q Query) ([]Rollout, error) {
	q.Before = ident.Canonical(q.Before)
	list, err := c.o.Store.Rollouts(ctx, q)
	if err != nil {
		return nil, err
	}
	for i, r := range list {
		if t := c.running(r.ID); t != nil {
			list[i] = *t.newest.Load()
		}
		list[i].Analysis.Verdict.History = nil
	}
	return list, nil
}

func (c *Controller) running(id string) *run {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.active[id]
}

// Start begins a rollout. Errors: mesh.Invalid with a violation per field of the spec, mesh.NotFound when the mesh or the
// target is not there, mesh.Conflict when another rollout is active there or by.Key began another one, mesh.Unavailable.
func (c *Controller) Start(ctx context.Context, meshName string, s Spec, by By) (Rollout, error) {
	r, err := c.start(ctx, meshName, s, by)
	if err == nil || c.o.Look == nil || mesh.CodeOf(err) == mesh.Unavailable {
		return r, err
	}
	if lost := c.o.Look(ctx); lost != nil {
		return Rollout{}, lost
	}
	return c.start(ctx, meshName, s, by)
}

func (c *Controller) start(ctx context.Context, meshName string, s Spec, by By) (Rollout, error) {
	m, err := c.o.Hands.Mesh(meshName)
	if err != nil {
		return Rollout{}, err
	}
	asked := s.digest()
	if first, ok, err := c.again(ctx, meshName, asked, by); ok || err != nil {
		return first, err
	}
	if m.Approval.Required() {
		return Rollout{}, mesh.Errorf(mesh.Denied, "mesh %s asks for a second person for every change, and a rollout moves weights by itself: set the weights step by step, each with somebody's approval, or take the rule away first (approval: none)", meshName)
	}
	s = s.Filled(m)
	if err := s.Validate(m, c.o.Parse); err != nil {
		return Rollout{}, err
	}
	if len(s.Analysis.Metrics) > 0 && c.o.Ask == nil {
		return Rollout{}, mesh.Errorf(mesh.Invalid, "the rollout's analysis.metrics cannot be asked for: no metrics are stored; switch the embedded store on (history.off: false), or name a source with --metrics-url")
	}
	if id, held := c.Holds(meshName, s.Target); held {
		return Rollout{}, mesh.Errorf(mesh.Conflict, "rollout %s is active on %s: wait until it is over, or abort it", id, s.Target)
	}
	now := c.now().UTC().Truncate(time.Millisecond)
	r := begin(ident.New(now, "", rand.Uint64()), m, s, by, now) //nolint:gosec // an ID, not a secret
	r.Notes, r.Digest = notes(m, s), asked
	c.forecast(&r)
	if by.DryRun {
		r.ID = ""
		return r, nil
	}
	r.Version = 1
	t, err := c.newRun(r)
	if err != nil {
		return Rollout{}, err
	}
	if err := c.o.Store.CreateRollout(ctx, r); err != nil {
		if first, ok, wrong := c.again(ctx, meshName, asked, by); ok || wrong != nil { // both were under way at the same time
			return first, wrong
		}
		return Rollout{}, err
	}
	c.keep(t)
	c.log.Info("rollout started", "rollout", r.ID, "mesh", r.Mesh, "target", s.Target.String(), "author", by.Author)
	c.publish(t, r)
	c.poke()
	return r, nil
}

// newRun makes the run of a rollout that has no evidence yet.
func (c *Controller) newRun(r Rollout) (*run, error) {
	j, err := judge.New(r.Spec.Analysis.Judge, c.now())
	if err != nil {
		return nil, err
	}
	t := &run{r: r, judge: j, asks: make(map[string]*ask), answers: make(chan answer, 2*maxAsks)}
	t.r.Analysis.Verdict = j.Verdict(c.now())
	t.show()
	return t, nil
}

// load restores a recorded run.
func (c *Controller) load(ctx context.Context, id string) (*run, error) {
	r, evidence, err := c.o.Store.Rollout(ctx, id)
	if err != nil {
		return nil, err
	}
	t, err := c.newRun(r)
	if err != nil {
		return nil, err
	}
	if err := t.restore(evidence); err != nil {
		c.log.Error("the evidence of a rollout is lost", "rollout", id, "error", err)
		if r.Phase == Progressing || r.Phase == Paused {
			t.r = r.inconclusive(CauseStore, "its evidence cannot be read any more", c.now())
			t.fresh = true
		}
	}
	t.r.Analysis.Verdict = t.judge.Verdict(c.now())
	t.sample.restart(c.now().Add(time.Duration(r.Spec.Analysis.Warmup)))
	t.show()
	return t, nil
}

func (c *Controller) keep(t *run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.active[t.r.ID] = t
}

// drop forgets a run that is over.
func (c *Controller) drop(t *run) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.active[t.r.ID] == t {
		delete(c.active, t.r.ID)
	}
}

func (c *Controller) poke() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

// show lets readers see the rollout as it is.
func (t *run) show() {
	r := t.r
	t.newest.Store(&r)
}

// evidence is what is recorded beside a rollout.
type evidence struct {
	Judge  *judge.Judge   `json:"judge"`
	Split  *judge.Split   `json:"split,omitempty"`
	Halves map[string]int `json:"halves,omitempty"`
}

func (t *run) evidence() (json.RawMessage, error) {
	return json.Marshal(evidence{Judge: t.judge, Split: t.split, Halves: t.sample.halves})
}

func (t *run) restore(data json.RawMessage) error {
	if len(data) == 0 {
		return nil
	}
	e := evidence{}
	if err := json.Unmarshal(data, &e); err != nil {
		return mesh.Errorf(mesh.Internal, "the evidence of rollout %s cannot be read: %w", t.r.ID, err)
	}
	if e.Judge == nil {
		return errors.New("the evidence of rollout " + t.r.ID + " has no judge")
	}
	t.judge, t.split, t.sample.halves = e.Judge, e.Split, e.Halves
	return nil
}
