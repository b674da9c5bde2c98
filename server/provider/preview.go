package provider

import (
	"context"

	"github.com/weirmesh/weir/server/mesh"
)

// Previewer is a provider that can say what a mesh would change before it is applied.
type Previewer interface {
	// Preview compares what every connected proxy runs with what it would run, and applies nothing. It works out drafts for
	// at most so many kinds of proxies. Errors: mesh.Unavailable when ctx ends before it is done.
	Preview(ctx context.Context, m mesh.Mesh, drafts int) (Preview, error)
}

// Preview is what a mesh would change.
type Preview struct {
	Connected int      // proxies of the mesh
	Changed   []string // IDs of those that would get other configuration, sorted
	Drafts    []Draft  // of the kinds of proxies that would, one each, sorted by For
	More      int      // kinds without a draft, because there are too many
}

// Draft is what a proxy of one kind would run, as it can be checked without a control plane.
type Draft struct {
	For     string // "node reviews-v1", "gateway front"
	Config  []byte // complete, in the proxy's own format; nil when none can be made
	Refusal string // why none can be made, in words
}
