package graph

import "github.com/weirmesh/weir/server/mesh"

// View is a way of choosing what of a picture is shown.
type View string

// The views. Legibility gives out long before a renderer does: all but ViewWhole show a few dozen boxes at any mesh size.
const (
	ViewProblems View = "problems" // edges beyond their limits, and the heaviest path from an entry to each
	ViewFocus    View = "focus"    // callers ← one unit → callees
	ViewGroups   View = "groups"   // groups of services against each other, as a matrix
	ViewTable    View = "table"    // every edge, as rows
	ViewWhole    View = "whole"    // every unit and edge
)

// A unit is what is placed as one thing in a picture: a virtual service around its versions (its id is the service's), or a
// gateway, an external destination, a node without a service, the callers outside (their id is the node's).

// Wish is what somebody wants to see of a picture.
type Wish struct {
	View  View
	Focus string   // of ViewFocus: the graph id of a unit or of one of its versions, or the plain name of a service
	Hops  int      // of ViewFocus: 1 to 3; 0 is 1
	Hide  []string // graph ids of units that are not to be shown
	By    string   // of ViewGroups: how services are grouped; "" chooses
}

// Scene is what a view shows of a picture and how much it leaves out. Nodes and Edges are the picture's own, in its order.
type Scene struct {
	View  View   `json:"view"`
	Nodes []Node `json:"-"`
	Edges []Edge `json:"-"`

	Center    string `json:"center,omitempty"` // the unit in focus
	Units     int    `json:"units"`            // shown
	UnitTotal int    `json:"unitTotal"`        // in the picture
	EdgeTotal int    `json:"edgeTotal"`        // in the picture
	Problems  int    `json:"problems"`         // edges of the picture beyond their limits, and boxes that no such edge leads to
	Hid       int    `json:"hid,omitempty"`    // units that the hide list took away

	// HidProblems counts the problems that are not shown because one of their ends is on the hide list.
	HidProblems int `json:"hidProblems,omitempty"`
	// Lines is how many edges the view is about; more than Edges when not all of them fit.
	Lines int `json:"lines"`

	// Hidden counts the neighbours of a shown unit that are not shown, by unit.
	Hidden map[string]int `json:"hidden,omitempty"`
	// More are the neighbours of the unit in focus that do not fit, by side: "callers" and "callees".
	More map[string]More `json:"more,omitempty"`
	// Paths are the problems, worst first, each with the heaviest way from an entry to it. Not all of them need be shown.
	Paths []Path `json:"paths,omitempty"`
	// Shifts is what changed most lately; only when nothing is wrong.
	Shifts []Shift `json:"shifts,omitempty"`
	Groups *Groups `json:"groups,omitempty"`

	// Chosen are the units that are shown for what they are now, rather than for having been shown lately.
	Chosen []string `json:"-"`
}

// More are several neighbours together.
type More struct {
	Units       int         `json:"units"`
	RequestRate float64     `json:"requestRate"`
	ErrorRatio  float64     `json:"errorRatio"`
	P95         float64     `json:"p95"` // of the slowest
	Health      mesh.Health `json:"health"`
}

// Path leads from an entry of the mesh to an edge that is beyond its limits, the way that most of its calls come.
type Path struct {
	Units  []string    `json:"units"` // from the entry to the problem's destination; of a very long way the last 12
	From   string      `json:"from"`  // the edge's ends, as graph ids; empty when it is the box at To that is beyond its limits
	To     string      `json:"to"`
	Health mesh.Health `json:"health"`
	Shown  bool        `json:"shown"` // its units are in the scene
}

// Shift is an edge whose traffic changed.
type Shift struct {
	From   string  `json:"from"`
	To     string  `json:"to"`
	What   string  `json:"what"` // "rate", "errors" or "p95"
	Before float64 `json:"before"`
	After  float64 `json:"after"`
}

// Groups are the mesh's units by group, and the calls between groups added up. That group A calls B and B calls C does not
// mean that A's requests reach C.
type Groups struct {
	By    string   `json:"by"`
	Ways  []string `json:"ways"`  // that this mesh can be grouped in
	List  []Group  `json:"list"`  // sorted by name
	Cells []Cell   `json:"cells"` // of groups that call, by caller and callee
}

// Group is some of the mesh's units.
type Group struct {
	Name string `json:"name"`
	// Kind says what a group is that no service's name stands for: a kind of nodes, "none" (the names have no such part) or
	// "other" (those that the matrix has no row for). Empty: a group like any other.
	Kind        string      `json:"kind,omitempty"`
	Units       int         `json:"units"`
	Health      mesh.Health `json:"health"`      // the worst of its edges and units
	RequestRate float64     `json:"requestRate"` // received from other groups
}

// Cell is every call from one group to another, or within one.
type Cell struct {
	From        int         `json:"from"` // places in the list
	To          int         `json:"to"`
	Edges       int         `json:"edges"`
	Problems    int         `json:"problems"`
	RequestRate float64     `json:"requestRate"`
	ErrorRatio  float64     `json:"errorRatio"`
	Health      mesh.Health `json:"health"` // the worst
}
