package remote

import (
	"fmt"
	"strings"
	"time"

	"github.com/weirmesh/weir/server/metrics/query"
)

// outcome is how one question went.
type outcome struct {
	at       time.Time
	took     time.Duration
	failed   *failure // nil: it was answered
	partial  bool
	warnings []string
}

// health is what the outcomes until now say about a server.
type health struct {
	state       query.State
	why         string
	since       time.Time // of the state
	lastSuccess time.Time
	latency     time.Duration // of the newest answer
	partial     bool
	late        int // questions in a row that took too long
}

// next gives the health after one more outcome. A server is slow when an answer takes more than half of the timeout: the
// next somewhat larger question would not be answered.
func (h health) next(o outcome, timeout time.Duration) health {
	n := h
	n.late = 0
	switch f := o.failed; {
	case f == nil:
		n.lastSuccess, n.latency, n.partial = o.at, o.took, o.partial
		n.state, n.why = query.OK, ""
		switch {
		case o.partial:
			n.state, n.why = query.Degraded, "answers without all that it should have: "+strings.Join(o.warnings, "; ")
		case o.took > timeout/2:
			n.state = query.Degraded
			n.why = fmt.Sprintf("is slow: the newest answer took %s, and %s is the limit; ask for less, look at the server's load, or raise the source's timeout",
				o.took.Round(10*time.Millisecond), timeout)
		}
	case f.refused:
		n.lastSuccess = o.at
		if h.state != query.Degraded {
			n.state, n.why = query.OK, ""
		}
	case f.busy:
		n.state, n.why = query.Degraded, f.what
	case f.late:
		n.late = h.late + 1
		n.state, n.why = query.Degraded, f.what
		if n.late > 1 || h.lastSuccess.IsZero() || h.state == query.Down {
			n.state = query.Down
		}
	default:
		n.state, n.why = query.Down, f.what
	}
	if n.state != h.state {
		n.since = o.at
	}
	return n
}

// source describes a server for people and programs.
func (h health) source(s Source) query.Source {
	described := query.Source{
		Name: s.Name, Kind: string(s.Kind), URL: s.URL, Meshes: s.Meshes, State: h.state, Since: h.since,
		LastSuccess: h.lastSuccess, Latency: h.latency.Seconds(), Partial: h.partial, Dialects: []query.Found{},
	}
	if h.why != "" {
		described.Message = fmt.Sprintf("metrics source %q (%s) %s", s.Name, s.URL, h.why)
	}
	return described
}
