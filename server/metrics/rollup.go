package metrics

import (
	"time"

	"github.com/weirmesh/weir/server/mesh"
)

// The series that are kept of every edge and node, whatever told of them: history in one dialect. Edges have the labels
// mesh, source, destination (graph ids) and protocol; nodes mesh, node (graph id) and protocol. Counters begin at zero
// when Weir starts to see them; durations are native histograms with custom buckets, in seconds.
const (
	EdgeRequests    = "weir_edge_requests_total"           // + code_class: 1 to 5, none
	EdgeOpened      = "weir_edge_connections_opened_total" // TCP
	EdgeDuration    = "weir_edge_duration_seconds"         // of answered requests
	EdgeBytes       = "weir_edge_bytes_total"              // both directions
	EdgeEvents      = "weir_edge_events_total"             // + event, one of the events below
	EdgeActive      = "weir_edge_active_requests"          // in flight now
	EdgePending     = "weir_edge_pending_requests"         // waiting for a connection now
	EdgeConnections = "weir_edge_connections"              // open now
	EdgeMembers     = "weir_edge_members"                  // + state: known, healthy, ejected
	EdgeProxies     = "weir_edge_proxies"                  // of the caller that report it

	NodeRequests    = "weir_node_requests_total" // what its own proxies received; + code_class
	NodeOpened      = "weir_node_connections_opened_total"
	NodeDuration    = "weir_node_duration_seconds"
	NodeBytes       = "weir_node_bytes_total"
	NodeEvents      = "weir_node_events_total"
	NodeActive      = "weir_node_active_requests"
	NodeInFlight    = "weir_node_pool_requests" // in flight to its application: use of its pool
	NodePending     = "weir_node_pool_pending_requests"
	NodeConnections = "weir_node_pool_connections"
	NodeProxies     = "weir_node_proxies"            // that report now
	NodeReportAge   = "weir_node_report_age_seconds" // of the oldest among its proxies' newest reports
)

// The events that a rollup counts, as values of the label event.
const (
	EventTimeout    = "timeout"
	EventRetry      = "retry"
	EventExhausted  = "retries_exhausted"
	EventOverflow   = "overflow"
	EventFail       = "connect_failure"
	EventNoHost     = "no_healthy_host"
	EventNoRoute    = "no_route"
	EventReset      = "reset"
	MemberKnown     = "known"
	MemberHealthy   = "healthy"
	MemberEjected   = "ejected"
	ClassNoAnswer   = "none"
	LabelMesh       = "mesh"
	LabelSource     = "source"
	LabelDest       = "destination"
	LabelNode       = "node"
	LabelProtocol   = "protocol"
	LabelClass      = "code_class"
	LabelEvent      = "event"
	LabelState      = "state"
	LabelProxy      = "proxy"       // of series as the proxies sent them: the proxy's identity
	LabelSourceNode = "source_node" // of the same: graph id of the node or gateway it runs beside
)

// Rollup is what one edge, or what arrives at one node, has counted so far and shows now.
type Rollup struct {
	From, To string // graph ids; From is empty for what arrives at To
	Protocol mesh.Protocol
	Classes  [6]float64 // requests by status class, [0] without an answer
	Opened   float64    // TCP connections
	Bytes    float64
	Timeouts, Retries, Exhausted, Overflow,
	Fails, NoHost, NoRoute, Resets float64
	Bounds  []float64 // upper bounds of the latency buckets in ms, ascending; nil: no latency known. Not to be changed.
	Buckets []float64 // requests per bucket, not cumulative; one more than Bounds
	Active, InFlight, Pending, Connections,
	Healthy, Members, Ejected float64
	Proxies   int       // that report it
	At        time.Time // of the oldest among their newest reports
	Abandoned bool      // no connected proxy reports it any more: the series end
}
