package judge

import (
	"bytes"
	"encoding/json"
	"math"
	"slices"

	"github.com/weirmesh/weir/server/mesh"
)

// version is that of the judge's JSON.
const version = 1

// document is a judge as JSON.
type document struct {
	Version int      `json:"version"`
	Config  Config   `json:"config"`
	State   state    `json:"state"`
	Streams []stream `json:"streams"`
}

// MarshalJSON writes all that the judge knows.
func (j *Judge) MarshalJSON() ([]byte, error) {
	return json.Marshal(document{Version: version, Config: j.config, State: j.state, Streams: j.streams})
}

// UnmarshalJSON reads what MarshalJSON wrote, exactly. Anything else is refused with a mesh.Error of code Invalid, so
// that no rollout goes on with evidence that nobody gathered.
func (j *Judge) UnmarshalJSON(data []byte) error {
	var d document
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d); err != nil {
		return mesh.Errorf(mesh.Invalid, "the stored state of a canary's judge cannot be read: %w", err)
	}
	if d.Version != version {
		return mesh.Errorf(mesh.Invalid, "the stored state of a canary's judge has version %d, this Weir reads %d: abort the rollout or run the Weir that wrote it", d.Version, version)
	}
	read := Judge{config: d.Config, state: d.State, streams: d.Streams}
	if err := d.Config.Validate(); err != nil {
		return err
	}
	if !read.whole() {
		return mesh.Errorf(mesh.Invalid, "the stored state of a canary's judge does not fit its configuration: it was changed or cut off; abort the rollout")
	}
	*j = read
	return nil
}

// whole says whether the state is one that a judge with its configuration can be in.
func (j *Judge) whole() bool {
	c := j.config
	filled := c.Filled()
	if !slices.Equal(c.Grid, filled.Grid) || !slices.Equal(c.Boundaries, filled.Boundaries) || len(j.streams) != 1+len(c.Boundaries) {
		return false
	}
	if c.Alpha != filled.Alpha || c.Delta != filled.Delta || c.Tolerance != filled.Tolerance || c.SlowTolerance != filled.SlowTolerance ||
		c.Deadline != filled.Deadline || c.MinRequests != filled.MinRequests || c.Floor != filled.Floor {
		return false
	}
	s := j.state
	if s.History.Every < 1 || len(s.History.Points) > maxPoints || len(s.Recent) > maxPoints || s.Allowed < 0 || s.Allowed > 2*maxDeadline ||
		s.History.Seen < 0 || s.Windows < 0 || !counts(s.Requests) {
		return false
	}
	for _, r := range s.Recent {
		if !r.Stable.whole() || !r.Canary.whole() {
			return false
		}
	}
	if d := s.Decided; d != nil && (d.Outcome != Abort && d.Outcome != Advance || len(d.Why) == 0) {
		return false
	}
	for i := range j.streams {
		want := 0.0
		if i > 0 {
			want = c.Boundaries[i-1]
		}
		if j.streams[i].Boundary != want || !j.streams[i].whole(len(c.Grid)) {
			return false
		}
	}
	return true
}

func (s *stream) whole(grid int) bool {
	for _, n := range []*noise{&s.Noise, &s.Within} {
		if !counts(n.Over, n.Under, n.Squares, n.Weight) || !n.Open.Stable.whole() || !n.Open.Canary.whole() || !n.Before.Stable.whole() || !n.Before.Canary.whole() {
			return false
		}
	}
	for _, w := range []*worse{&s.Worse, &s.Meter.Tempered[0], &s.Meter.Tempered[1], &s.Meter.Plain[0], &s.Meter.Plain[1]} {
		if len(w.Stakes) != grid || w.Kept > math.Log(late) {
			return false
		}
	}
	return s.Windows >= 0 && s.Meter.Windows >= 0 && s.Meter.Alarms >= 0 && s.Meter.Raw >= 0 && s.Stable.whole() && s.Canary.whole()
}

// counts says whether sums of counts can be what they are.
func counts(values ...float64) bool {
	return !slices.ContainsFunc(values, func(v float64) bool { return v < 0 || v > 1e300 })
}

func (t tally) whole() bool { return counts(t.N, t.Bad) && t.Bad <= above(t.N) }
