package provider

import "time"

// Replica is one process of an installation.
type Replica struct {
	Name    string    `json:"name"`
	ID      string    `json:"id"` // new with every start
	Version string    `json:"version"`
	Started time.Time `json:"started"`
	Age     float64   `json:"age"`     // seconds since it was last heard; zero for the one that answers
	Proxies int       `json:"proxies"` // that are connected to it, or were when it was lost
	Here    bool      `json:"here"`    // it is the one that answers
	Steward bool      `json:"steward"` // it acts by itself: it follows changes, reverts at deadlines, carries rollouts out
	// Gone is when it was found to be gone; zero while it lives. Left says that it stopped in good order.
	Gone time.Time `json:"gone,omitzero"`
	Left bool      `json:"left,omitempty"`
	// Missing are the proxies that were connected to it when it went and are connected to none of the others since, sorted.
	Missing []string `json:"missing,omitempty"`
}

// Database says whether what replicas share can be reached.
type Database struct {
	Shared  bool      `json:"shared"`         // false: one process has it for itself
	Reached bool      `json:"reached"`        // it answered lately
	Heard   time.Time `json:"heard,omitzero"` // when it last answered; zero: it is not shared
	Others  int       `json:"-"`              // replicas that live besides, as far as is known
}

// Installation is every replica, and what they share.
type Installation struct {
	Database Database  `json:"database"`
	Items    []Replica `json:"items"` // the one that answers first, then the others that live, then those that went lately
}
