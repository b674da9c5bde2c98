package demo

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Step is one moment of a story. Exactly one of Behave, InFlight, Weights, Pool and Rollout is set.
type Step struct {
	After time.Duration // since the load began
	Say   string        // the line of progress, and the reason of a change

	Node   string     // whose application or pool changes
	Behave *Behaviour // its application answers like this from now on
	// InFlight slows its application down until about that many requests are within it at the usual rate.
	InFlight float64
	Pool     *mesh.ConnectionPool // its first listener gets this pool

	Route   mesh.Ref       // whose weights change
	Weights map[string]int // by node

	Rollout *Rollout // it begins
}

// Rollout is a new version that gets more traffic step by step, judged on each step.
type Rollout struct {
	Route          mesh.Ref
	Stable, Canary string // by node
	Weights        []int  // canary's, in percent, one step after the other
}

// changesMesh says whether the step goes through the mesh's door.
func (s Step) changesMesh() bool { return s.Pool != nil || s.Weights != nil }

// Stories lists the stories by name.
func Stories() []string { return []string{"none", "bad-canary", "pool-exhaustion"} }

// Story gives the steps of a story; ok is false when there is none of that name.
func Story(name string) (steps []Step, ok bool) {
	switch name {
	case "", "none":
		return nil, true
	case "bad-canary":
		return badCanary(), true
	case "pool-exhaustion":
		return poolExhaustion(), true
	default:
		return nil, false
	}
}

// badCanary rolls two new versions out at the same time: one turns out to be bad, its twin is healthy.
func badCanary() []Step {
	bad := mesh.Ref{Kind: mesh.KindRoute, Name: "reviews/primary"}
	healthy := mesh.Ref{Kind: mesh.KindRoute, Name: "b/primary"}
	return []Step{
		{
			After: 4 * time.Second, Say: "reviews-v2 is a new version: all requests go to reviews-v1",
			Route: bad, Weights: map[string]int{"reviews-v1": 100, "reviews-v2": 0},
		},
		{
			After: 5 * time.Second, Say: "b-prime is a new version: all requests go to b",
			Route: healthy, Weights: map[string]int{"b": 100, "b-prime": 0},
		},
		{
			After: 6 * time.Second, Say: "reviews-v2 fails 8 % of its requests and is slow, which nobody knows yet",
			Node: "reviews-v2", Behave: &Behaviour{Latency: mesh.Duration(60 * time.Millisecond), Spread: 0.8, ErrorRate: 0.08},
		},
		{
			After: 12 * time.Second, Say: "reviews-v2 is rolled out in steps, judged on the way",
			Rollout: &Rollout{Route: bad, Stable: "reviews-v1", Canary: "reviews-v2", Weights: []int{10, 50}},
		},
		{
			After: 13 * time.Second, Say: "b-prime is rolled out in steps, judged on the way",
			Rollout: &Rollout{Route: healthy, Stable: "b", Canary: "b-prime", Weights: []int{20, 50}},
		},
	}
}

// poolExhaustion tightens a connection pool, which is enough until the application behind it slows down.
func poolExhaustion() []Step {
	connections, pending := 10, 5
	return []Step{
		{
			After: 10 * time.Second, Say: "the pool of ratings is tightened to 10 connections and 5 waiting requests",
			Node: "ratings", Pool: &mesh.ConnectionPool{MaxConnections: &connections, MaxPendingRequests: &pending},
		},
		{
			After: 20 * time.Second, Say: "ratings slows down, and its pool is no longer enough",
			Node: "ratings", InFlight: 25,
		},
	}
}

// storyOf finds the story that is asked for and what it needs.
func storyOf(o Options) ([]Step, error) {
	steps, ok := Story(o.Story)
	if !ok {
		return nil, mesh.Errorf(mesh.Invalid, "story %q is not known: it is one of %s", o.Story, strings.Join(Stories(), ", "))
	}
	for _, s := range steps {
		if s.Rollout != nil && o.Roll == nil {
			return nil, mesh.Errorf(mesh.Internal, "story %s begins a rollout, and the demo was given no way to", o.Story)
		}
		if s.changesMesh() && o.Apply == nil {
			return nil, mesh.Errorf(mesh.Internal, "story %s changes the mesh, and the demo was given no way to", o.Story)
		}
	}
	return steps, nil
}

// tell plays the story's steps at their times. A step that cannot be played ends the story, not the demo: people may have
// changed what it is about.
func (d *Demo) tell(ctx context.Context) {
	begin := time.Now()
	for _, s := range d.story {
		if !pause(ctx, s.After-time.Since(begin)) {
			return
		}
		at := fmt.Sprintf("story %s, %.0f s", d.options.Story, s.After.Seconds())
		d.say("%s: %s", at, s.Say)
		if err := d.play(ctx, s); err != nil {
			if ctx.Err() == nil {
				d.say("%s: the story ends here: %v", at, err)
			}
			return
		}
	}
}

// play carries out one step.
func (d *Demo) play(ctx context.Context, s Step) error {
	if s.changesMesh() {
		return d.options.Apply(ctx, s.Say, s.edit)
	}
	if s.Rollout != nil {
		return d.options.Roll(ctx, s.Say, *s.Rollout)
	}
	knobs := d.Knobs(s.Node)
	if knobs == nil {
		return mesh.Errorf(mesh.Internal, "there is no node %s", s.Node)
	}
	if s.Behave != nil {
		return knobs.Set(*s.Behave)
	}
	b := knobs.Behaviour()
	b.Latency = mesh.Duration(d.latencyFor(s.Node, s.InFlight))
	return knobs.Set(b)
}

// latencyFor is how long a node has to take for so many requests to be within it at a time (Little's law), from 50 ms
// to 2 s.
func (d *Demo) latencyFor(node string, inFlight float64) time.Duration {
	const least, most = 50 * time.Millisecond, 2 * time.Second
	rate := d.arrivals(serviceOf(node))
	if rate <= 0 {
		return most
	}
	return max(least, min(most, time.Duration(inFlight/rate*float64(time.Second))))
}

// edit makes the step's change of the mesh as it is.
func (s Step) edit(m mesh.Mesh) (mesh.Patch, error) {
	if s.Weights != nil {
		return s.editWeights(m)
	}
	n, ok := m.Node(s.Node)
	if !ok || len(n.Listeners) == 0 {
		return mesh.Patch{}, mesh.Errorf(mesh.NotFound, "node %s with a listener is not there any more", s.Node)
	}
	listeners := append([]mesh.Listener(nil), n.Listeners...)
	listeners[0].ConnectionPool = s.Pool
	n.Listeners = listeners
	return mesh.Patch{Put: []mesh.Object{n}}, nil
}

func (s Step) editWeights(m mesh.Mesh) (mesh.Patch, error) {
	r, ok := m.Route(s.Route.Split())
	if !ok {
		return mesh.Patch{}, mesh.Errorf(mesh.NotFound, "%s is not there any more", s.Route)
	}
	r.Targets = append([]mesh.WeightedTarget(nil), r.Targets...)
	for i, t := range r.Targets {
		if w, ok := s.Weights[t.Node]; ok {
			r.Targets[i].Weight = w
		}
	}
	return mesh.Patch{Put: []mesh.Object{r}}, nil
}
