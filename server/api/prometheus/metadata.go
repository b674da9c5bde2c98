package prometheus

import (
	"strings"

	"github.com/weirmesh/weir/server/metrics"
)

// described is a series of Weir's own.
type described struct{ name, help string }

// catalogue describes the series that Weir keeps of every edge and node. What proxies send besides has no description.
func catalogue() []described {
	return []described{
		{metrics.EdgeRequests, "Requests from one end of an edge to the other, by status class."},
		{metrics.EdgeOpened, "TCP connections that were opened along an edge."},
		{metrics.EdgeDuration, "Time until requests along an edge were answered, in seconds."},
		{metrics.EdgeBytes, "Bytes along an edge, both directions."},
		{metrics.EdgeEvents, "What went wrong along an edge, by kind."},
		{metrics.EdgeActive, "Requests in flight along an edge."},
		{metrics.EdgePending, "Requests that wait for a connection."},
		{metrics.EdgeConnections, "Connections that are open along an edge."},
		{metrics.EdgeMembers, "Instances of an edge's destination, by state."},
		{metrics.EdgeProxies, "Proxies of the caller that report an edge."},
		{metrics.NodeRequests, "Requests that a node's own proxies received, by status class."},
		{metrics.NodeOpened, "TCP connections that a node's own proxies accepted."},
		{metrics.NodeDuration, "Time until a node answered requests, in seconds."},
		{metrics.NodeBytes, "Bytes that a node's own proxies passed on, both directions."},
		{metrics.NodeEvents, "What went wrong at a node, by kind."},
		{metrics.NodeActive, "Requests in flight at a node."},
		{metrics.NodeInFlight, "Requests in flight to a node's application."},
		{metrics.NodePending, "Requests that wait for a connection to a node's application."},
		{metrics.NodeConnections, "Connections that are open to a node's application."},
		{metrics.NodeProxies, "Proxies of a node that report."},
		{metrics.NodeReportAge, "Age of the oldest among the newest reports of a node's proxies, in seconds."},
	}
}

// kind gives a series' type in Prometheus' words.
func (d described) kind() string {
	switch {
	case strings.HasSuffix(d.name, "_total"):
		return "counter"
	case strings.HasSuffix(d.name, "_duration_seconds"):
		return "histogram"
	default:
		return "gauge"
	}
}

func (h *Handler) metadata(r *request) (data, error) {
	wanted := r.Form.Get("metric")
	var all []described
	for _, d := range catalogue() {
		if (wanted == "" || wanted == d.name) && (r.limit == 0 || len(all) < r.limit) {
			all = append(all, d)
		}
	}
	return data{write: func(w *writer) {
		w.raw("{")
		for i, d := range all {
			if i > 0 {
				w.raw(",")
			}
			w.text(d.name)
			w.raw(":[")
			w.object(field{"type", d.kind()}, field{"help", d.help}, field{"unit", ""})
			w.raw("]")
		}
		w.raw("}")
	}}, nil
}
