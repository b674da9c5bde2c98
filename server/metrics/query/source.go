package query

import "time"

// Embedded is the name of the store in the data directory, which no other source may have.
const Embedded = "embedded"

// State is whether a source of metrics can be relied on.
type State string

// The states of a source.
const (
	OK       State = "ok"
	Degraded State = "degraded" // it answers: late, partly, or with something left out
	Down     State = "down"
	Idle     State = "idle" // nothing was asked of it yet
)

// Source is the state of one place that metrics are read from, for people and programs.
type Source struct {
	Name    string   `json:"name"`             // Embedded, or as configured
	Kind    string   `json:"kind"`             // embedded, prometheus, thanos, mimir, victoriametrics, amp
	URL     string   `json:"url,omitempty"`    // without credentials
	Meshes  []string `json:"meshes,omitempty"` // it is asked for; empty: all
	State   State    `json:"state"`
	Message string   `json:"message,omitempty"` // why it is not ok, and what to do
	// Since is when the state began; zero: not known.
	Since time.Time `json:"since,omitzero"`
	// LastSuccess is when it last answered; zero: never.
	LastSuccess time.Time `json:"lastSuccess,omitzero"`
	Latency     float64   `json:"latency,omitempty"` // seconds the newest answer took
	Partial     bool      `json:"partial,omitempty"` // the newest answer was not whole
	Dialects    []Found   `json:"dialects"`          // what speaks in it
	Store       *Store    `json:"store,omitempty"`   // of the embedded one
}

// Found is a dialect that was looked for in a source.
type Found struct {
	Dialect string `json:"dialect"` // weir, istio, linkerd …
	Used    bool   `json:"used"`
	Series  int    `json:"series,omitempty"` // metric names of the dialect that were found
	Why     string `json:"why"`              // "istio_requests_total is there", or why it is not used
}

// Store is the state of the embedded store.
type Store struct {
	Series      int       `json:"series"`      // in memory
	SeriesLimit int       `json:"seriesLimit"` // beyond which new series are dropped
	Dropped     uint64    `json:"dropped"`     // series or samples left out because of a limit, since the start
	Samples     uint64    `json:"samples"`     // appended since the start
	Refused     uint64    `json:"refused"`     // out of order, too old or doubled, since the start
	Bytes       int64     `json:"bytes"`       // on disk
	MaxBytes    int64     `json:"maxBytes"`    // retention by size; zero: none
	Retention   float64   `json:"retention"`   // seconds
	Oldest      time.Time `json:"oldest,omitzero"`
	Newest      time.Time `json:"newest,omitzero"`
	Step        float64   `json:"step"` // seconds between two samples of a series
}

// Target is one address that is scraped.
type Target struct {
	Job        string            `json:"job"`
	URL        string            `json:"url"`
	Mesh       string            `json:"mesh"`
	Node       string            `json:"node,omitempty"` // graph id of the node or gateway it stands for
	Proxy      string            `json:"proxy,omitempty"`
	Labels     map[string]string `json:"labels"`
	State      State             `json:"state"`
	Error      string            `json:"error,omitempty"` // what, and what to do
	LastScrape time.Time         `json:"lastScrape,omitzero"`
	Took       float64           `json:"took"`     // seconds the last scrape took
	Interval   float64           `json:"interval"` // seconds
	Samples    int               `json:"samples"`  // in the last page
	Dropped    int               `json:"dropped"`  // of them, left out because of a limit
	Bytes      int               `json:"bytes"`    // of the last page
	Format     string            `json:"format"`   // protobuf or text
}
