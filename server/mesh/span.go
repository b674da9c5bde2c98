package mesh

import "time"

// Span is the moments Start, Start+Step … up to and including End. Window is what each moment's numbers are taken over;
// it ends at the moment.
type Span struct {
	Start, End   time.Time
	Step, Window time.Duration
}

// Subject is an edge (From and To), a node with all that arrives at it (To alone), or the whole mesh (neither). They are
// graph ids.
type Subject struct{ From, To string }

// Plot is a subject's numbers at every moment of a span, column by column, each as long as At. NaN is "no data". Units
// are those of Traffic: rates per second, latencies in seconds, ratios 0 to 1.
type Plot struct {
	At                             []time.Time
	RequestRate, ErrorRatio        []float64
	P50, P95, P99                  []float64
	BytesRate                      []float64
	Connections, Pending, Overflow []float64 // of the destination's pool; of a mesh all NaN
	Partial                        bool
	Notes                          []string // what is missing, in words
}

// Film is every edge's numbers at every moment of a span: [moment][edge], NaN where there is no data.
type Film struct {
	At                           []time.Time
	Window                       time.Duration // what each moment's numbers are over; zero: as long as was asked for
	Edges                        []FilmEdge    // sorted by From, To
	RequestRate, ErrorRatio, P95 [][]float64
	// Refused is what was turned away per second because a pool's limit was reached: as the caller's proxies count it, or
	// the caller's part of what the destination's own pool refused, whichever is more. Nil: of no edge is it known.
	Refused [][]float64
	Partial bool
	Notes   []string
	Silent  bool // a source was read whole and has nothing about the mesh
}

// FilmEdge names an edge of a film.
type FilmEdge struct {
	From     string   `json:"from"`
	To       string   `json:"to"`
	Protocol Protocol `json:"protocol"`
}
