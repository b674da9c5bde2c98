// Package desk is what people leave on their desks: edits they have begun and not applied, and ways of looking at a mesh
// that they gave a name. Nothing of it changes a mesh; the ledger does not know it.
package desk

import (
	"errors"
	"net/url"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Limits on what is kept, so that a desk cannot fill the disk.
const (
	MaxForm  = 64 << 10 // bytes of a draft's fields, encoded
	MaxQuery = 2 << 10  // bytes of a view's query
	MaxName  = 80       // characters of a view's name
	MaxViews = 100      // of a mesh
	// MaxDrafts is of a mesh: beyond it, the one that was not touched for the longest time goes. A browser without its
	// cookie is a new person, so their number has to end somewhere.
	MaxDrafts = 1000
	KeepFor   = 30 * 24 * time.Hour // drafts that nobody touched for so long are thrown away
)

// ErrOvertaken is in the chain of the conflict that saving a draft over another than the one its writer knew leads to.
var ErrOvertaken = errors.New("another draft was saved meanwhile")

// Place is where an edit belongs: an object of a mesh, and which of its forms.
type Place struct {
	Mesh   string
	Object mesh.Ref
	Form   string // "traffic", "pool", "timeout" …
}

// Draft is what somebody's form holds. There is at most one per person and place.
type Draft struct {
	Place
	Person  string     // tells people apart; never shown to others
	Author  string     // the name under which others see it
	Version int64      // the object's, when the edit began
	Fields  url.Values // of the form
	At      time.Time  // when it was saved last
	Begun   time.Time  // when it was saved first; zero when it is not known. Saving does not change it
	// Over is, for saving, At of the draft that this one is made from; zero: there was none; nil: whatever there is goes.
	// So two windows of one person do not destroy each other's work unseen.
	Over *time.Time
}

// View is a way of looking at a mesh's topology, saved for everybody.
type View struct {
	Mesh, Name string
	Query      string // of the topology's address, without "?": "view=focus&focus=service/reviews&hide=unknown"
	Author     string
	At         time.Time
}
