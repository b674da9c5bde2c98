package canary

import (
	"slices"
	"time"

	"github.com/weirmesh/weir/server/canary/judge"
	"github.com/weirmesh/weir/server/mesh"
)

// Arms say whose traffic is compared.
type Arms struct {
	Mesh           string
	Target         mesh.Ref
	Stable, Canary string
}

// Counts are the counters of both arms at a moment, as the proxies of the route's callers counted them.
type Counts struct {
	At     time.Time
	Stable []Counter
	Canary []Counter
	// Parts are stable's instances, or callers of stable, one by one: two halves of them show how much versions differ
	// that do not.
	Parts []Counter
	// Instances are those of both arms that are connected, by any name that stays the same.
	Instances []string
}

// Counter is one set of counters that only grow, unless what counts begins anew.
type Counter struct {
	Key              string // stays the same as long as the counter does
	Requests, Errors float64
	// Bounds are the upper bounds of the latency buckets in seconds, ascending; nil: latency is not known. Buckets are
	// not cumulative and one more.
	Bounds, Buckets []float64
}

// maxSkipped is how many windows in a row are not judged because of new instances: an instance that starts again and
// again does not escape the judge.
const maxSkipped = 3

// sampler makes windows of counts.
type sampler struct {
	prev    *Counts         // where the open window begins; nil: it has not begun
	after   time.Time       // nothing before is judged
	known   map[string]bool // instances
	skipped int             // windows in a row
	halves  map[string]int  // of the parts
}

// restart ends the open window unjudged and begins another one at that time.
func (s *sampler) restart(after time.Time) {
	s.prev, s.after, s.skipped = nil, after, 0
}

// due says whether it is time to look.
func (s *sampler) due(now time.Time, interval time.Duration) bool {
	if s.prev == nil {
		return !now.Before(s.after)
	}
	return now.Sub(s.prev.At) >= interval
}

// add gives the window that ends with these counts; ok is false while there is none to judge. What new instances do in
// their first moments is not judged.
func (s *sampler) add(c Counts, warmup time.Duration) (w judge.Window, ok bool) {
	newcomers := s.newcomers(c)
	prev := s.prev
	switch {
	case c.At.Before(s.after):
		return w, false
	case newcomers && s.skipped < maxSkipped:
		s.prev, s.after = nil, c.At.Add(warmup)
		s.skipped++
		return w, false
	}
	s.prev = &c
	if prev == nil || !c.At.After(prev.At) {
		return w, false
	}
	if !newcomers {
		s.skipped = 0
	}
	w = judge.Window{From: prev.At, To: c.At, Stable: grown(prev.Stable, c.Stable, true), Canary: grown(prev.Canary, c.Canary, true)}
	w.Halves = s.halved(prev.Parts, c.Parts)
	return w, true
}

// newcomers notes the instances and says whether one is there for the first time.
func (s *sampler) newcomers(c Counts) bool {
	first := s.known == nil
	if first {
		s.known = make(map[string]bool)
	}
	found := false
	for _, id := range c.Instances {
		found = found || !s.known[id]
		s.known[id] = true
	}
	return found && !first
}

// halved puts the parts into two halves that stay the same; nil while there are fewer than two parts.
func (s *sampler) halved(prev, now []Counter) *[2]judge.Arm {
	if s.halves == nil {
		s.halves = make(map[string]int)
	}
	sizes := [2]int{}
	for _, p := range now {
		if half, ok := s.halves[p.Key]; ok {
			sizes[half]++
		}
	}
	var parts [2][]Counter
	for _, p := range now {
		half, ok := s.halves[p.Key]
		if !ok {
			if sizes[1] < sizes[0] {
				half = 1
			}
			sizes[half]++
			s.halves[p.Key] = half
		}
		parts[half] = append(parts[half], p)
	}
	if len(parts[0]) == 0 || len(parts[1]) == 0 {
		return nil
	}
	return &[2]judge.Arm{grown(prev, parts[0], false), grown(prev, parts[1], false)}
}

// grown sums up by how much counters grew. One that fell began anew at zero; one that is new began at zero too if they
// say so, and else counts from now on.
func grown(prev, now []Counter, fromZero bool) judge.Arm {
	before := make(map[string]*Counter, len(prev))
	for i := range prev {
		before[prev[i].Key] = &prev[i]
	}
	var arm judge.Arm
	for i := range now {
		c := &now[i]
		was, ok := before[c.Key]
		if !ok && !fromZero {
			continue
		}
		if !ok || c.Requests < was.Requests || c.Errors < was.Errors {
			was = &Counter{}
		}
		arm.Requests += c.Requests - was.Requests
		arm.Errors += c.Errors - was.Errors
		addLatency(&arm.Latency, c, was)
	}
	arm.Errors = min(arm.Errors, arm.Requests)
	return arm
}

// addLatency adds what a counter's buckets grew by, if they have the bounds that the others have.
func addLatency(h *judge.Histogram, c, was *Counter) {
	if c.Bounds == nil || len(c.Buckets) != len(c.Bounds)+1 {
		return
	}
	if h.Bounds == nil {
		h.Bounds, h.Counts = c.Bounds, make([]float64, len(c.Bounds))
	}
	if !slices.Equal(h.Bounds, c.Bounds) {
		return
	}
	anew := !slices.Equal(was.Bounds, c.Bounds) || len(was.Buckets) != len(c.Buckets)
	below := 0.0
	for i, n := range c.Buckets {
		if !anew {
			n = max(n-was.Buckets[i], 0)
		}
		below += n
		if i < len(h.Counts) {
			h.Counts[i] += below
		}
	}
	h.Total += below
}
