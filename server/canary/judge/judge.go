// Package judge decides whether a canary is worse than stable: it weighs what both did in windows that follow each
// other and says whether to abort, to advance, to go on looking, or that it cannot be told. It is arithmetic: it reads
// no clock, asks nobody and starts nothing; a controller measures, moves weights and keeps the judge's state.
// It holds its promise however often it is asked and however weights and error rates move meanwhile.
package judge

import (
	"math"
	"slices"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Judge weighs the evidence of one rollout. It is not safe for concurrent use. Its JSON is all that it knows: a judge
// that was written and read goes on as if nothing had happened. Make one with New; the zero value judges nothing.
type Judge struct {
	config  Config
	state   state
	streams []stream // Errors first, then a boundary each, ascending
}

// stream is what is known of one way of being bad.
type stream struct {
	Boundary float64 `json:"boundary"` // seconds; 0: errors
	Worse    worse   `json:"worse"`
	Sound    sound   `json:"sound"`
	Noise    noise   `json:"noise"`  // between the arms
	Within   noise   `json:"within"` // between the halves of stable
	Meter    meter   `json:"meter"`
	Stable   tally   `json:"stable"` // of all steps
	Canary   tally   `json:"canary"`
	Windows  int     `json:"windows"` // in which both arms had what is compared
	Lambda   float64 `json:"lambda"`  // that the newest of them was raised to
}

// state is what a judge knows beside its streams.
type state struct {
	Began    time.Time     `json:"began"`   // the step
	Allowed  time.Duration `json:"allowed"` // for the step
	Last     time.Time     `json:"last"`    // end of the newest window
	Windows  int           `json:"windows"`
	Requests float64       `json:"requests"` // canary's on this step
	Recent   []recent      `json:"recent"`   // newest windows, for the floor
	Decided  *decision     `json:"decided,omitempty"`
	History  history       `json:"history"`
}

// decision is an outcome that stays, with what it rested on.
type decision struct {
	Outcome Outcome   `json:"outcome"`
	At      time.Time `json:"at"`
	Why     []Reason  `json:"why"`
}

// recent is a window as the floor sees it.
type recent struct {
	Stable tally `json:"stable"`
	Canary tally `json:"canary"`
}

// New gives a judge of a rollout whose first step begins at now. The error is Config.Validate's.
func New(c Config, now time.Time) (*Judge, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	c = c.Filled()
	j := &Judge{config: c, state: state{Began: now, Allowed: c.Deadline, History: history{Every: 1}}}
	for _, boundary := range append([]float64{0}, c.Boundaries...) {
		j.streams = append(j.streams, stream{Boundary: boundary, Worse: newWorse(c.Grid), Meter: newMeter(c.Grid)})
	}
	return j, nil
}

// Config gives the configuration with its defaults filled in.
func (j *Judge) Config() Config {
	c := j.config
	c.Grid, c.Boundaries = slices.Clone(c.Grid), slices.Clone(c.Boundaries)
	return c
}

// Last is the end of the newest window; zero before the first.
func (j *Judge) Last() time.Time { return j.state.Last }

// Step begins the next step, after the weight was moved: the evidence for advancing and the deadline begin anew, since
// soundness at one weight says little of another, and the evidence for aborting goes on, since it is valid however
// weights move. An abort stays.
func (j *Judge) Step(now time.Time) {
	j.state.Began, j.state.Allowed, j.state.Requests = now, j.config.Deadline, 0
	if j.state.Decided != nil && j.state.Decided.Outcome != Abort {
		j.state.Decided = nil
	}
	for i := range j.streams {
		s := &j.streams[i]
		s.Sound = sound{}
		s.Noise.turn()
		s.Within.turn()
	}
}

// Extend gives the step more time and keeps all evidence: whoever looked may go on looking.
func (j *Judge) Extend(by time.Duration) {
	j.state.Allowed = min(j.state.Allowed+max(by, 0), 2*maxDeadline)
}

// Add weighs a window. It refuses with a mesh.Error, and then changes nothing: Invalid for numbers that cannot be,
// Conflict for a window that begins before the end of the newest one. A window without canary requests, or in which
// nothing was bad, is counted and says little.
func (j *Judge) Add(w Window) error {
	if len(j.streams) == 0 {
		return mesh.Errorf(mesh.Internal, "the judge was not made by judge.New: it has no configuration")
	}
	if err := w.Validate(); err != nil {
		return err
	}
	if w.From.Before(j.state.Last) {
		return mesh.Errorf(mesh.Conflict, "the window from %s overlaps one that ended %s: a request must not count twice; send windows in order, each once",
			w.From.UTC().Format(time.RFC3339Nano), j.state.Last.UTC().Format(time.RFC3339Nano))
	}
	j.state.Last = w.To
	j.state.Windows++
	j.state.Requests += w.Canary.Requests
	for i := range j.streams {
		j.weigh(&j.streams[i], w)
	}
	j.keepRecent(w)
	j.decide(w.To)
	j.state.History.add(Point{At: w.To, Abort: j.abort(), Advance: j.advance()})
	return nil
}

// weigh adds a window to a stream.
func (j *Judge) weigh(s *stream, w Window) {
	stable, canary, ok := s.tallies(w.Stable, w.Canary)
	if !ok {
		return
	}
	lambda, tolerance := j.lambda(s, stable, canary), j.config.Tolerance
	if s.Boundary > 0 {
		tolerance = j.config.SlowTolerance
	}
	s.Windows++
	s.Lambda = lambda
	s.Stable.add(stable)
	s.Canary.add(canary)
	s.Worse.add(j.config.Grid, stable, canary, lambda)
	s.Sound.add(stable, canary, compared{psi: 1 + j.config.Delta, tolerance: tolerance, lambda: lambda, alone: j.alone(s)})
	s.Noise.between(stable, canary)
	if w.Halves == nil {
		return
	}
	if a, b, ok := s.tallies(w.Halves[0], w.Halves[1]); ok {
		s.Meter.add(j.config, a, b, lambda)
		s.Within.halves(a, b)
	}
}

// tallies gives what two arms did wrong in the stream's way; not ok when that is not known of both.
func (s *stream) tallies(a, b Arm) (first, second tally, ok bool) {
	if s.Boundary == 0 {
		return a.errors(), b.errors(), true
	}
	at, ok := a.Latency.bound(b.Latency, s.Boundary)
	if !ok {
		return tally{}, tally{}, false
	}
	return a.Latency.slower(at), b.Latency.slower(at), true
}

// lambda is the power that a window of the stream is raised to, from the windows before it and from how many of its
// events are bad, on which everything is conditioned, but not from whose they are.
func (j *Judge) lambda(s *stream, stable, canary tally) float64 {
	if j.config.Temper > 0 {
		return j.config.Temper
	}
	_, v := residual(stable, canary, 1)
	return 1 / max(s.Noise.phi(v), s.Within.phiIfAny(v))
}

// alone is the power for what looks at one arm alone. Bursts are not assumed here before any were measured: where hardly
// anything fails none ever are, and a canary that never fails would wait for nothing.
func (j *Judge) alone(s *stream) float64 {
	if j.config.Temper > 0 {
		return j.config.Temper
	}
	return 1 / max(s.Noise.measured(), s.Within.measured())
}

// families is how many kinds of metric are judged: errors, and latency if it has boundaries.
func (j *Judge) families() float64 { return float64(min(len(j.streams), 2)) }

// weight is a stream's part in the average that aborts: half for errors, half for all boundaries, or all for errors.
func (j *Judge) weight(s *stream) float64 {
	if s.Boundary == 0 {
		return 1 / j.families()
	}
	return 1 / j.families() / float64(len(j.streams)-1)
}

// abort is the logarithm of the evidence that canary is worse: the weighted average of all e-values, which is an
// e-value however they depend on each other, and never less than what Bonferroni's correction leaves of the largest.
func (j *Judge) abort() float64 {
	values := make([]float64, len(j.streams))
	for i := range j.streams {
		values[i] = math.Log(j.weight(&j.streams[i])) + j.streams[i].Worse.log()
	}
	return logSum(values...)
}

// advance is the logarithm of the evidence that canary is sound on this step: that of its weakest metric, since it is
// not sound unless all are.
func (j *Judge) advance() float64 {
	least := math.Inf(1)
	for i := range j.streams {
		least = min(least, j.streams[i].Sound.log(j.streams[i].Boundary > 0))
	}
	return least
}
