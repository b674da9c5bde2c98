package page

import "github.com/weirmesh/weir/server/mesh"

// ProblemPath leads from an entry of the mesh to a call that is beyond its limits.
type ProblemPath struct {
	Key      string // of the call: both graph ids
	Steps    []PathStep
	Health   mesh.Health
	Rate     float64
	Errors   float64
	P95      float64
	Causes   []CauseLine
	Focus    string // the address of the picture around the call's destination
	Selected bool
}

// PathStep is a box on the way.
type PathStep struct{ ID, Name, Href string }

// ShiftRow is a call whose traffic changed.
type ShiftRow struct {
	From, To      PathStep
	What          string // "rate", "errors" or "p95"
	Before, After string
}

// Matrix is groups of services against each other: callers down, callees across.
type Matrix struct {
	By     string
	Ways   []Link
	Groups []GroupHead
	Rows   [][]*GroupCell // a row per group; nil where nothing calls
}

// GroupHead is the name of a group and how it is as a whole.
type GroupHead struct {
	Name   string
	Units  int
	Health mesh.Health
	Rate   float64
	Href   string // the table of what calls it from outside
}

// GroupCell is every call from one group to another.
type GroupCell struct {
	Key      string // both names
	Edges    int
	Problems int
	Rate     float64
	Errors   float64
	Health   mesh.Health
	Shade    int // 0 to 4, by rate
	Href     string
	Words    string // all of it, for those who do not see the cell
}

// Looks are the views that somebody saved for everybody.
type Looks struct {
	List   []Look
	Query  string // of the present view
	Broken bool   // they cannot be read at the moment
}

// Look is a saved view.
type Look struct{ Name, Href, Author, Ago string }

// Subject is the box or the call that is selected, for those without script; with it, the island's panel takes of it
// what only the server knows.
type Subject struct {
	ID     string
	Title  string
	Kind   string
	Edge   bool
	Health mesh.Health
	Rate   float64
	Errors float64
	P50    float64
	P95    float64
	P99    float64
	Causes []CauseLine
	// Governs is the service whose route and pool decide about the traffic; "" when none does.
	Governs string
	Split   bool // the service divides traffic among several versions
	Pools   bool // there are pools to size
	Change  *ChangeLine
	Links   []Link
	Close   string
}

// helpKey is a key of the topology, or several that do the same.
type helpKey struct {
	Name string
	Caps []string
}

func helpKeys() []helpKey {
	return []helpKey{
		{"walk", []string{"←", "↑", "→", "↓"}},
		{"select", []string{"Space"}},
		{"focus", []string{"Enter"}},
		{"back", []string{"Esc"}},
		{"search", []string{"/"}},
		{"table", []string{"t"}},
		{"hide", []string{"h", "Delete"}},
		{"zoom", []string{"+", "−", "0"}},
		{"help", []string{"?"}},
	}
}

// lastSteps are the two ends of the call that is beyond its limits.
func (p ProblemPath) lastSteps() []PathStep { return p.Steps[max(len(p.Steps)-2, 0):] }
