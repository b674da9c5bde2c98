package graph

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// Difference is what is different between two pictures of one mesh.
type Difference struct {
	Mesh   string      `json:"mesh"`
	From   time.Time   `json:"from"`
	To     time.Time   `json:"to"`
	Window string      `json:"window"`
	Nodes  []NodeDelta `json:"nodes"` // those that differ, worst first
	Edges  []EdgeDelta `json:"edges"`
}

// Presence says in which of two pictures something is used.
type Presence string

// The presences.
const (
	Appeared Presence = "new"      // only in the later one
	Vanished Presence = "vanished" // only in the earlier one
	Both     Presence = "both"
)

// NodeDelta is a node in two pictures.
type NodeDelta struct {
	ID       string   `json:"id"`
	Kind     NodeKind `json:"kind"`
	Presence Presence `json:"presence"`
	Before   Reading  `json:"before"`
	After    Reading  `json:"after"`
}

// EdgeDelta is an edge in two pictures.
type EdgeDelta struct {
	From     string        `json:"from"`
	To       string        `json:"to"`
	Protocol mesh.Protocol `json:"protocol"`
	Presence Presence      `json:"presence"`
	Before   Reading       `json:"before"`
	After    Reading       `json:"after"`
}

// Reading is the numbers of one side of a difference.
type Reading struct {
	RequestRate float64     `json:"requestRate"`
	ErrorRatio  float64     `json:"errorRatio"`
	P95         float64     `json:"p95"` // seconds
	Health      mesh.Health `json:"health"`
	Why         []string    `json:"why"`
	Causes      []Cause     `json:"causes"` // the same for programs and other languages
}
