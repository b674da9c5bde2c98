package change

import (
	"fmt"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Move is an earlier entry's step to another state.
type Move struct {
	ID       string
	State    State
	UndoneBy string    // empty: not taken back
	Note     string    // becomes the entry's, unless it is empty
	At       time.Time // when, for its timeline
	// Version is that of the entry that somebody looked at to decide this. Zero: whatever became of it since.
	Version int64
}

// Take takes the step with an entry as it is now; moved is false when there is nothing to do: that one which was taken back
// is superseded as well is no news. Error: mesh.Conflict when it was taken back already, or is not what was looked at
// (ErrMoved).
func (m Move) Take(c *Change) (moved bool, err error) {
	back := c.State == Undone || c.State == Reverted
	switch {
	case m.State == Superseded && (back || c.State == Superseded):
		return false, nil
	case back:
		return false, mesh.Errorf(mesh.Conflict, "change %s was already taken back%s: look at it before trying again", c.ID, byChange(*c))
	case m.Version != 0 && m.Version != c.Version:
		return false, movedOn(c.ID)
	}
	c.State, c.UndoneBy = m.State, m.UndoneBy
	if m.Note != "" {
		c.Note = m.Note
	}
	c.moved(m.At, string(m.State), m.UndoneBy)
	return true, nil
}

// movedOn is the conflict of who decided about what an entry is not any more.
func movedOn(id string) error {
	return &mesh.Error{
		Code: mesh.Conflict, Err: ErrMoved,
		Message: fmt.Sprintf("change %s moved on since it was read: look at it and try again", id),
	}
}
