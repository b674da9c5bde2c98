package timeline

import (
	"cmp"
	"math"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// The bounds of what can be asked for.
const (
	minWindow  = 5 * time.Second
	maxWindow  = 24 * time.Hour
	minStep    = time.Second
	maxMoments = 720       // of a film and of a plot
	maxCells   = 2_000_000 // of a film: moments × edges × 3 numbers
	// usualMoments is how many moments a span has about when nobody says how far apart they are.
	usualMoments = 240
	// skew is how far ahead of ours the clock of whoever asks about now may be.
	skew = 2 * time.Second
)

// steps are the distances between moments that people can reckon with.
func steps() []time.Duration {
	const day = 24 * time.Hour
	return []time.Duration{
		time.Second, 2 * time.Second, 5 * time.Second, 10 * time.Second, 15 * time.Second, 30 * time.Second,
		time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute, 15 * time.Minute, 30 * time.Minute,
		time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour, 12 * time.Hour, day,
	}
}

// stamp writes a moment for a message.
func stamp(at time.Time) string { return at.UTC().Format("2006-01-02 15:04:05 UTC") }

// moment checks a moment that is asked about. What names it in messages.
func (t *Timeline) moment(name, what string, at time.Time) (time.Time, error) {
	now := t.o.Now()
	if at.After(now.Add(skew)) {
		return at, mesh.Errorf(mesh.Invalid, "%s %s: this lies in the future (it is %s now): ask for a moment that has passed", what, stamp(at), stamp(now))
	}
	if at.After(now) {
		at = now
	}
	if oldest := t.o.Oldest(name); at.Before(oldest) {
		return at, mesh.Errorf(mesh.NotFound, "%s %s: numbers of mesh %s are kept since %s: ask for a later moment", what, stamp(at), name, stamp(oldest))
	}
	return at.UTC(), nil
}

func checkWindow(window time.Duration) error {
	if window < minWindow || window > maxWindow {
		return mesh.Errorf(mesh.Invalid, "window %v: from 5s to 24h", window)
	}
	return nil
}

// span checks a span, and fills in what it leaves open: a step that makes for some 240 moments, and a window that is as
// long as the step, or DefaultWindow when that is longer, but no longer than windows may be.
func (t *Timeline) span(name string, s mesh.Span) (mesh.Span, error) {
	var err error
	if s.End, err = t.moment(name, "end", s.End); err != nil {
		return s, err
	}
	s.Start = s.Start.UTC()
	length := s.End.Sub(s.Start)
	if length <= 0 {
		return s, mesh.Errorf(mesh.Invalid, "start %s, end %s: the span has to begin before it ends", stamp(s.Start), stamp(s.End))
	}
	if length == math.MaxInt64 {
		return s, mesh.Errorf(mesh.Invalid, "start %s: no span is as long as that: ask for a later one", stamp(s.Start))
	}
	if s.Step == 0 {
		s.Step = stepFor(length)
	}
	if s.Step < minStep {
		return s, mesh.Errorf(mesh.Invalid, "step %v: at least %v", s.Step, minStep)
	}
	if s.Step > length {
		return s, mesh.Errorf(mesh.Invalid, "step %v: the span is only %v long: take a shorter step", s.Step, length)
	}
	if n := length/s.Step + 1; n > maxMoments {
		return s, mesh.Errorf(mesh.Invalid, "%v in steps of %v are %d moments, at most %d are answered: shorten the span, or take a step of at least %v",
			length, s.Step, n, maxMoments, atLeast(length/(maxMoments-1)))
	}
	s.Window = cmp.Or(s.Window, min(max(s.Step, DefaultWindow), maxWindow))
	return s, checkWindow(s.Window)
}

// stepFor gives a step that cuts a length into about as many moments as are usual.
func stepFor(length time.Duration) time.Duration {
	return atLeast((length + usualMoments - 1) / usualMoments)
}

// atLeast gives the shortest step to reckon with that is not shorter.
func atLeast(d time.Duration) time.Duration {
	all := steps()
	for _, step := range all {
		if step >= d {
			return step
		}
	}
	day := all[len(all)-1]
	return (d + day - 1) / day * day
}

// lasting says how long an answer that ends at a moment may be given to others: numbers of moments just past may still
// come in.
func (t *Timeline) lasting(end time.Time) time.Duration {
	switch age := t.o.Now().Sub(end); {
	case age < time.Minute:
		return time.Second
	case age < 10*time.Minute:
		return 10 * time.Second
	default:
		return 5 * time.Minute
	}
}
