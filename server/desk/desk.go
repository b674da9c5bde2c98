// Package desk is what people leave on their desks: edits they have begun and not applied, and ways of looking at a mesh
// that they gave a name. Nothing of it changes a mesh; the ledger does not know it.
package desk

import (
	"net/url"
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Limits on what is kept, so that a desk cannot fill the disk.
const (
	MaxForm  = 64 << 10            // bytes of a draft's fields, encoded
	MaxQuery = 2 << 10             // bytes of a view's query
	MaxName  = 80                  // characters of a view's name
	MaxViews = 100                 // of a mesh
	KeepFor  = 30 * 24 * time.Hour // drafts that nobody touched for so long are thrown away
)

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
}

// View is a way of looking at a mesh's topology, saved for everybody.
type View struct {
	Mesh, Name string
	Query      string // of the topology's address, without "?": "view=focus&focus=service/reviews&hide=unknown"
	Author     string
	At         time.Time
}
