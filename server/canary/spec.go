package canary

import (
	"slices"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// Spec is what somebody asks for.
type Spec struct {
	Target   mesh.Ref      `json:"target"` // the route, or the split, whose weights move
	Stable   string        `json:"stable"` // virtual node; empty: the target with the largest weight
	Canary   string        `json:"canary"` // virtual node; empty: the other target of two
	Steps    []Step        `json:"steps"`  // empty: 5, 25, 50 with an analysis each, as far as they are above its weight
	Analysis Analysis      `json:"analysis"`
	Webhooks []Webhook     `json:"webhooks,omitempty"`
	Deadline mesh.Duration `json:"deadline,omitempty"` // of a step's analysis; zero: 30 min
}

// Step is one step, in Argo Rollouts' words; exactly one field is set. A weight is not a free-for-all: it only grows
// from step to step.
type Step struct {
	SetWeight *int      `json:"setWeight,omitempty"` // canary's share in percent of what stable and canary have, 1 to 100
	Pause     *Pause    `json:"pause,omitempty"`
	Analysis  *struct{} `json:"analysis,omitempty"` // waits until the judge lets canary advance
}

// Pause waits. Without a duration it waits for a person.
type Pause struct {
	Duration mesh.Duration `json:"duration,omitempty"`
}

// Analysis says how canary is judged. The judge runs from the first weight to the last, not only in analysis steps:
// evidence against canary aborts at any time.
type Analysis struct {
	Judge    judge.Config  `json:"judge,omitzero"`     // its deadline is the Spec's
	Interval mesh.Duration `json:"interval,omitempty"` // length of a window that is judged at a time; zero: 10 s
	Warmup   mesh.Duration `json:"warmup,omitempty"`   // of what is not judged after a weight moved; zero: 5 s
	// IgnoreLatency judges errors alone. Otherwise latency is judged at the judge's boundaries, six of Envoy's own by default.
	IgnoreLatency bool    `json:"ignoreLatency,omitempty"`
	Metrics       []Check `json:"metrics,omitempty"`
}

// Check is a metric of one's own: a question in PromQL that answers with one number.
type Check struct {
	Name         string        `json:"name"`
	Query        string        `json:"query"` // {{mesh}}, {{stable}}, {{canary}} and {{window}} are filled in
	Min          *float64      `json:"min,omitempty"`
	Max          *float64      `json:"max,omitempty"`
	Interval     mesh.Duration `json:"interval,omitempty"`     // zero: 15 s
	FailureLimit int           `json:"failureLimit,omitempty"` // failed measurements in a row that abort; zero: 3
}

// The types of webhooks, in Flagger's words. All but "event" are gates.
const (
	HookEvent            = "event"             // told of every turn; nobody waits for its answer
	HookConfirmRollout   = "confirm-rollout"   // holds the rollout before its first weight until it answers 2xx
	HookPreRollout       = "pre-rollout"       // asked once after that; three failures in a row abort
	HookRollout          = "rollout"           // asked on every step; holds while it fails, three failures in a row abort
	HookConfirmPromotion = "confirm-promotion" // holds the promotion until it answers 2xx
	HookPostRollout      = "post-rollout"      // told of the end
	HookRollback         = "rollback"          // asked all along: 2xx aborts
)

// Webhook is called when a rollout moves, in the shape that Flagger's receivers know.
type Webhook struct {
	Name     string            `json:"name"`
	URL      string            `json:"url"`
	Type     string            `json:"type"`               // one of the Hook types; empty: "event"
	Timeout  mesh.Duration     `json:"timeout,omitempty"`  // of one attempt; zero: 10 s
	Retries  int               `json:"retries,omitempty"`  // attempts after the first, up to 5
	Metadata map[string]string `json:"metadata,omitempty"` // passed on
}

// What is filled in where nothing is said.
const (
	defaultDeadline  = 30 * time.Minute
	defaultInterval  = 10 * time.Second
	defaultWarmup    = 5 * time.Second
	defaultCheck     = 15 * time.Second
	defaultHook      = 10 * time.Second
	defaultFailures  = 3
	maxErrorsInARow  = 3 // measurements without a value, after which a person is asked
	hookFailureLimit = 3
)

// Filled gives the spec with its defaults for a mesh. What cannot be filled in stays empty, and Validate says so.
func (s Spec) Filled(m mesh.Mesh) Spec {
	at := find(m, s.Target)
	if s.Stable == "" {
		for i, t := range at.targets {
			if t.Node != s.Canary && (s.Stable == "" || t.Weight > weightOf(at.targets, s.Stable)) {
				s.Stable = at.targets[i].Node
			}
		}
	}
	if s.Canary == "" && len(at.targets) == 2 {
		for _, t := range at.targets {
			if t.Node != s.Stable {
				s.Canary = t.Node
			}
		}
	}
	if len(s.Steps) == 0 {
		begin := exactShare(at.targets, s.Stable, s.Canary)
		for _, weight := range []int{5, 25, 50} {
			if float64(weight) > begin {
				s.Steps = append(s.Steps, Step{SetWeight: &weight}, Step{Analysis: &struct{}{}})
			}
		}
		if len(s.Steps) == 0 {
			all := 100
			s.Steps = []Step{{Analysis: &struct{}{}}, {SetWeight: &all}}
		}
	}
	if s.Deadline == 0 {
		s.Deadline = mesh.Duration(defaultDeadline)
	}
	s.Analysis = s.Analysis.filled(s.Deadline, at.protocol)
	s.Webhooks = slices.Clone(s.Webhooks)
	for i := range s.Webhooks {
		w := &s.Webhooks[i]
		if w.Type == "" {
			w.Type = HookEvent
		}
		if w.Timeout == 0 {
			w.Timeout = mesh.Duration(defaultHook)
		}
	}
	return s
}

func (a Analysis) filled(deadline mesh.Duration, protocol mesh.Protocol) Analysis {
	if a.Interval == 0 {
		a.Interval = mesh.Duration(defaultInterval)
	}
	if a.Warmup == 0 {
		a.Warmup = mesh.Duration(defaultWarmup)
	}
	a.Judge.Deadline = time.Duration(deadline)
	a.IgnoreLatency = a.IgnoreLatency || protocol == mesh.TCP // which has no requests to take time
	switch {
	case a.IgnoreLatency:
		a.Judge.Boundaries = nil
	case len(a.Judge.Boundaries) == 0:
		a.Judge.Boundaries = judge.Defaults().Boundaries
	}
	a.Judge = a.Judge.Filled()
	a.Metrics = slices.Clone(a.Metrics)
	for i := range a.Metrics {
		c := &a.Metrics[i]
		if c.Interval == 0 {
			c.Interval = mesh.Duration(defaultCheck)
		}
		if c.FailureLimit == 0 {
			c.FailureLimit = defaultFailures
		}
	}
	return a
}

// place is what a rollout's target is in a mesh.
type place struct {
	ok       bool
	targets  []mesh.WeightedTarget
	protocol mesh.Protocol
	split    string // that a route takes its targets from
}

// find looks a target up.
func find(m mesh.Mesh, ref mesh.Ref) place {
	switch ref.Kind {
	case mesh.KindRoute:
		r, ok := m.Route(ref.Split())
		return place{ok: ok, targets: r.Targets, protocol: r.Protocol, split: r.Split}
	case mesh.KindSplit:
		s, ok := m.Split(ref.Name)
		p := place{ok: ok, targets: s.Targets}
		for _, r := range m.RoutesBy(ref.Name) {
			p.protocol = r.Protocol
		}
		return p
	default:
		return place{}
	}
}
