// Package timeline answers about moments that have passed: the picture of a mesh as it was, what changed between two
// moments, and how numbers went in between. It joins the ledger (what was configured then) with a reader of stored
// metrics (what was seen then); it stores nothing and judges only through server/graph.
package timeline

import (
	"context"
	"time"

	"github.com/weirmesh/weir/server/change"
	"github.com/weirmesh/weir/server/graph"
	"github.com/weirmesh/weir/server/mesh"
)

// Reader reads what was seen of a mesh from stored metrics; the embedded store's and each remote backend's is one.
type Reader interface {
	// Observe gives what was seen in the window that ends at that moment.
	Observe(ctx context.Context, name string, at time.Time, window time.Duration) (mesh.Observation, error)
	// Plot gives a subject's numbers over a span.
	Plot(ctx context.Context, name string, of mesh.Subject, over mesh.Span) (mesh.Plot, error)
	// Film gives every edge's numbers over a span.
	Film(ctx context.Context, name string, over mesh.Span) (mesh.Film, error)
}

// Plot is numbers over time, column by column; each column is as long as At. A moment without data is nil.
type Plot struct {
	At          []time.Time `json:"at"`
	RequestRate []*float64  `json:"requestRate"` // per second
	ErrorRatio  []*float64  `json:"errorRatio"`  // 0 to 1
	P50         []*float64  `json:"p50"`         // seconds
	P95         []*float64  `json:"p95"`
	P99         []*float64  `json:"p99"`
	BytesRate   []*float64  `json:"bytesRate"`
	Connections []*float64  `json:"connections"` // of the destination's pool; all nil for the whole mesh
	Pending     []*float64  `json:"pending"`
	Overflow    []*float64  `json:"overflowRate"`
	Partial     bool        `json:"partial"`
	Notes       []string    `json:"notes"`
	Marks       []Mark      `json:"marks"` // changes in the meantime that concern the subject, oldest first
}

// Mark is a change of the configuration on a plot or on a scrubber.
type Mark struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Author  string    `json:"author"`
	Summary string    `json:"summary"`
	State   string    `json:"state"`
}

// Frames is a film of a mesh: what a scrubber moves over. The edges are named once; their numbers are by moment, then by
// edge.
type Frames struct {
	Mesh   string          `json:"mesh"`
	Step   string          `json:"step"`
	Window string          `json:"window"`
	At     []time.Time     `json:"at"`
	Edges  []mesh.FilmEdge `json:"edges"`
	// RequestRate, ErrorRatio and P95 are [moment][edge]; nil where the edge was not there.
	RequestRate [][]*float64 `json:"requestRate"`
	ErrorRatio  [][]*float64 `json:"errorRatio"`
	P95         [][]*float64 `json:"p95"`
	// Health is the mesh's worst verdict of each moment by the limits of now, for the scrubber's strip; Total what it
	// carried.
	Health  []mesh.Health `json:"health"`
	Total   []Total       `json:"total"`
	Marks   []Mark        `json:"marks"`
	Partial bool          `json:"partial"`
	Notes   []string      `json:"notes"`
	// Turns are when edges became ill, worse or well again by the same limits, oldest first; of all edges of the mesh, also
	// of those that the film has no room for.
	Turns []Turn `json:"-"`
}

// Turn is an edge that became another verdict: mesh.Healthy stands for all that is not ill.
type Turn struct {
	At       time.Time
	From, To string // graph ids
	Was, Is  mesh.Health
}

// Total is what a whole mesh carried at a moment.
type Total struct {
	RequestRate float64 `json:"requestRate"`
	ErrorRatio  float64 `json:"errorRatio"`
}

// Comparison is what is different between two moments, and what was changed between them.
type Comparison struct {
	graph.Difference
	Changes []change.Change `json:"changes"` // recorded after From and up to To, oldest first
	Partial bool            `json:"partial"` // one of the two pictures is not whole
	Notes   []string        `json:"notes"`
}
