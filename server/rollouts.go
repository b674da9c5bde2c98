package server

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/canary"
	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/mesh"
	"github.com/weirmesh/weir/server/metrics"
	"github.com/weirmesh/weir/server/metrics/query"
	"github.com/weirmesh/weir/server/webhook"
)

// trafficOver is the time over which a rollout's traffic is looked at to forecast.
const trafficOver = time.Minute

// rollOut builds what carries rollouts out. It needs the door and what takes metrics in.
func (s *Server) rollOut(ctx context.Context) error {
	s.hooks = webhook.New(webhook.Options{Loopback: s.opts.RolloutHooks.Loopback, Secret: s.opts.RolloutHooks.Secret, Version: s.opts.Version})
	o := canary.Options{
		Store: s.store, Hands: hands{s}, Evidence: counted{s}, Parse: query.Parse, Call: s.callHook,
		Logger: s.opts.Logger.With("part", "canary"),
	}
	if len(s.seeing.sources) > 0 {
		o.Ask = s.askMetric
	}
	if s.opts.DatabaseURL != "" {
		o.Look = func(ctx context.Context) error { return s.door.Hear(ctx, "") }
	}
	var err error
	s.rollouts, err = canary.New(ctx, o)
	return err
}

// callHook calls a rollout's webhook in the shape of Flagger's.
func (s *Server) callHook(ctx context.Context, c canary.Call) error {
	w := c.Hook
	return s.hooks.Send(ctx, webhook.Hook{Name: w.Name, URL: w.URL, Timeout: time.Duration(w.Timeout), Retries: w.Retries}, webhook.Payload{
		Name: c.Name, Namespace: c.Namespace, Phase: c.Phase, Checksum: c.Checksum, Metadata: c.Metadata,
	})
}

// askMetric asks the first source of metrics a question about a mesh: the embedded store, or else other people's.
func (s *Server) askMetric(ctx context.Context, _, expr string) ([]float64, error) {
	from, err := s.querier("")
	if err != nil {
		return nil, err
	}
	answer, err := from.Query(ctx, expr, time.Now())
	switch {
	case err != nil:
		return nil, err
	case answer.Partial:
		return nil, mesh.Errorf(mesh.Unavailable, "the source could not read everything, so its answer says little")
	case answer.Kind == query.Scalar:
		return []float64{answer.Scalar.V}, nil
	}
	values := make([]float64, len(answer.Vector))
	for i, v := range answer.Vector {
		if v.H != nil {
			return nil, mesh.Errorf(mesh.Invalid, "the query gave a histogram: ask for histogram_quantile() or histogram_fraction() of it")
		}
		values[i] = v.V
	}
	return values, nil
}

// hands are the one door, as rollouts use it.
type hands struct{ s *Server }

var _ canary.Hands = hands{}

// Mesh gives a mesh as last recorded.
func (h hands) Mesh(name string) (mesh.Mesh, error) {
	current, err := h.s.door.Mesh(name)
	return current.Mesh, err
}

// Held gives a route or a split as last recorded.
func (h hands) Held(meshName string, target mesh.Ref) (canary.Held, error) {
	current, err := h.s.door.Mesh(meshName)
	if err != nil {
		return canary.Held{}, err
	}
	held := canary.Held{Version: current.Versions[target], Change: current.Changed[target]}
	object, ok := current.Mesh.Get(target)
	if ok {
		held.Targets, ok = targetsOf(object)
	}
	if !ok {
		return canary.Held{}, mesh.Errorf(mesh.NotFound, "%s is not there any more in mesh %s", target, meshName)
	}
	return held, nil
}

func targetsOf(o mesh.Object) ([]mesh.WeightedTarget, bool) {
	switch o := o.(type) {
	case mesh.Route:
		return o.Targets, true
	case mesh.Split:
		return o.Targets, true
	default:
		return nil, false
	}
}

// Move records a change of weights, once for each key: whether it was recorded before is looked up, since what else is in
// the route may have changed after that.
func (h hands) Move(ctx context.Context, o canary.Order) (string, error) {
	done, err := h.s.door.Changes(ctx, change.Query{Key: o.Key, Limit: 1})
	if err != nil {
		return "", err
	}
	if len(done) > 0 {
		return done[0].ID, nil
	}
	current, err := h.s.door.Object(o.Mesh, o.Target)
	if err != nil {
		return "", err
	}
	object := current.Object
	switch was := object.(type) {
	case mesh.Route:
		was.Targets = o.Targets
		object = was
	case mesh.Split:
		was.Targets = o.Targets
		object = was
	default:
		return "", mesh.Errorf(mesh.Invalid, "%s has no weights", o.Target)
	}
	c, err := h.s.door.Propose(ctx, change.Proposal{
		Mesh: o.Mesh, Author: o.Author, Reason: o.Reason, Patch: mesh.Patch{Put: []mesh.Object{object}},
		Base: map[mesh.Ref]int64{o.Target: o.Base}, IdempotencyKey: o.Key, Override: o.Override, Rollout: o.Rollout, Back: o.Back,
	})
	if errors.Is(err, change.ErrUnchanged) {
		held, err := h.Held(o.Mesh, o.Target)
		return held.Change, err
	}
	return c.ID, err
}

// State says how far a change has come. One that later changes were recorded after is as far as the newest of them, when
// this process has not seen it land itself.
func (h hands) State(ctx context.Context, id string) (canary.Delivery, error) {
	c, err := h.s.door.Change(ctx, id)
	if err != nil {
		return canary.Delivery{}, err
	}
	var d canary.Delivery
	if p := c.Programmed; p != nil {
		d.Acked, d.Total = p.Acked, p.Total
		if p.At != nil {
			d.At = *p.At
		}
		for _, r := range p.Rejected {
			if r.Proxy != h.s.fleet.Name() { // the provider itself is asked again by the door
				d.Rejected = append(d.Rejected, r.Proxy+": "+r.Message)
			}
		}
	}
	if !d.At.IsZero() || c.Accepted == nil {
		return d, nil
	}
	current, err := h.s.door.Mesh(c.Mesh)
	if err != nil || current.Revision <= c.Accepted.Revision {
		return d, err
	}
	if newest, ok := h.s.fleet.Delivery(c.Mesh, current.Revision); ok && newest.Done() && newest.Total > 0 {
		d.At = newest.At
	}
	return d, nil
}

// Setter says in words who made a change.
func (h hands) Setter(ctx context.Context, id string) string {
	c, err := h.s.door.Change(ctx, id)
	if err != nil {
		return ""
	}
	return c.Author + ", " + c.Summary + " (change " + c.ID + ")"
}

// counted is what callers' proxies push.
type counted struct{ s *Server }

var _ canary.Evidence = counted{}

// callers are the ends whose calls take a route, or a split's routes, by what is declared: virtual nodes by name, gateways
// by graph id.
func callers(m mesh.Mesh, target mesh.Ref) map[string]bool {
	routers := make(map[string]bool)
	for _, r := range m.Routes {
		if r.Ref() == target || target.Kind == mesh.KindSplit && r.Split == target.Name {
			routers[r.Router] = true
		}
	}
	ends := make(map[string]bool)
	note := func(end string) {
		for _, name := range m.Backends(end) {
			if s, ok := m.Service(name); ok && routers[s.Router] {
				ends[end] = true
			}
		}
	}
	for _, n := range m.Nodes {
		note(n.Name)
	}
	for _, g := range m.Gateways {
		note(mesh.GatewayID(g.Name))
	}
	return ends
}

// Counts gives the counters of both arms: of all edges from the route's callers, read at one moment.
func (e counted) Counts(a canary.Arms) (canary.Counts, error) {
	m, err := hands(e).Mesh(a.Mesh)
	if err != nil {
		return canary.Counts{}, err
	}
	from := callers(m, a.Target)
	var c canary.Counts
	e.s.seeing.told.Rollups(a.Mesh, func(r *metrics.Rollup) {
		if !from[r.From] || r.To != a.Stable && r.To != a.Canary {
			return
		}
		counter := counterOf(r)
		if r.To == a.Stable {
			c.Stable = append(c.Stable, counter)
		} else {
			c.Canary = append(c.Canary, counter)
		}
	})
	c.At = time.Now()
	c.Parts = e.parts(a, from)
	for _, p := range e.s.fleet.Proxies(a.Mesh) {
		if p.Connected() && (p.Node == a.Stable || p.Node == a.Canary) {
			c.Instances = append(c.Instances, p.ID)
		}
	}
	return c, nil
}

// counterOf gives an edge's counters, with latencies in seconds. A TCP connection that was refused has no class.
func counterOf(r *metrics.Rollup) canary.Counter {
	c := canary.Counter{Key: r.From + " " + r.To, Requests: r.Opened, Errors: r.Classes[0] + r.Classes[5]}
	for _, n := range r.Classes {
		c.Requests += n
	}
	if r.Bounds != nil {
		for _, ms := range r.Bounds {
			c.Bounds = append(c.Bounds, ms/1000)
		}
		c.Buckets = slices.Clone(r.Buckets)
	}
	return c
}

// parts gives stable's own proxies one by one or, when there are not two, the callers' proxies.
func (e counted) parts(a canary.Arms, from map[string]bool) []canary.Counter {
	var own, theirs []canary.Counter
	e.s.seeing.live.Parts(a.Mesh, func(p metrics.Part) {
		c := canary.Counter{Key: cmp.Or(p.From, "own") + " " + p.Proxy, Requests: p.Requests, Errors: p.Errors}
		switch {
		case p.To != a.Stable:
		case p.From == "":
			own = append(own, c)
		case from[p.From]:
			theirs = append(theirs, c)
		}
	})
	if len(own) >= 2 {
		return own
	}
	return theirs
}

// Traffic gives what both arms carried in the last minute, and the ratio of stable's that failed.
func (e counted) Traffic(a canary.Arms) (rate, failed float64) {
	m, err := hands(e).Mesh(a.Mesh)
	if err != nil {
		return 0, 0
	}
	from := callers(m, a.Target)
	o := e.s.seeing.told.Observe(a.Mesh, trafficOver, time.Now())
	stable := 0.0
	for i := range o.Edges {
		t := &o.Edges[i]
		if !from[t.From] || t.To != a.Stable && t.To != a.Canary {
			continue
		}
		rate += t.RequestRate
		if t.To == a.Stable {
			stable += t.RequestRate
			failed += t.RequestRate * t.ErrorRatio
		}
	}
	if o.Release != nil {
		o.Release()
	}
	if stable > 0 {
		failed /= stable
	}
	return rate, failed
}
