package dialect

import (
	"slices"
	"strings"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/weirmesh/weir/server/mesh"
)

// Cilium's Hubble: the metrics of its flows. Sources: Cilium's documentation, Monitoring & Metrics › Hubble Exported
// Metrics (Documentation/observability/metrics.rst: http, httpV2, tcp, drop, and the context options that alone tell
// source and destination) and pkg/hubble/metrics/http/handler.go. Durations are in seconds.
//
// The newer httpV2 counts a request with its status, once per side that sees it: the client's report counts, else the
// server's. The older http counts responses, whose source is the server: their ends are read the other way round. Without
// visibility of requests there are connections, counted by their SYN at either end (pkg/hubble/metrics/tcp/handler.go),
// which only the label traffic_direction of labelsContext tells apart, and packets that were dropped, shown as connections
// that cannot be opened. Where a mesh's own dialect is spoken it counts the same requests and this one steps back.

func hubble() dialect {
	return dialect{
		name: "hubble",
		names: []string{
			"hubble_http_requests_total", "hubble_http_responses_total",
			"hubble_http_request_duration_seconds", "hubble_http_request_duration_seconds_bucket",
			"hubble_tcp_flags_total", "hubble_drop_total",
		},
		anchors: []string{"hubble_http_requests_total", "hubble_http_responses_total", "hubble_tcp_flags_total"},
		guards:  []string{`source!=""`, `source_workload!=""`, `source_app!=""`, `destination!=""`, `destination_workload!=""`, `destination_app!=""`},
		told:    "with labels of source and destination (see Hubble's sourceContext, destinationContext and labelsContext)",
		yields:  []string{"consul", "kuma", "appmesh", "weir", "istio", "linkerd", "envoy"},
		caveat:  "; it sees what Cilium makes visible",
		asks:    hubbleAsks,
	}
}

func hubbleAsks(s *scope) []ask {
	ends := hubbleEnds("source")
	ends = append(ends, hubbleEnds("destination")...)
	of := func(about string, k kind, names ...string) ask {
		return ask{
			about: about, kind: k, names: names, by: ends, ends: ends, unit: 1, film: names, read: readHubble,
			views: []string{`reporter="client"`, `reporter="server"`, `reporter!~"client|server"`},
		}
	}
	requests := of("requests", counter, "hubble_http_requests_total")
	if s.has("hubble_http_responses_total") {
		requests = of("responses", counter, "hubble_http_responses_total")
	}
	requests.by, requests.vital = append([]string{"status"}, ends...), true
	times := of("latencies", duration, "hubble_http_request_duration_seconds", "hubble_http_request_duration_seconds_bucket")
	cx := of("connections", counter, "hubble_tcp_flags_total")
	cx.match, cx.vital = `flag="SYN"`, true
	cx.views = []string{`traffic_direction="egress"`, `traffic_direction="ingress"`, `traffic_direction!~"egress|ingress"`}
	drops := of("drops", counter, "hubble_drop_total")
	drops.views, drops.busy, drops.film = nil, true, nil
	return []ask{requests, times, cx, drops}
}

// hubbleEnds are the labels of one end: of labelsContext, then of sourceContext and destinationContext.
func hubbleEnds(side string) []string {
	return []string{side + "_workload", side + "_app", side + "_namespace", side}
}

func readHubble(s *scope, l labels.Labels, name string, into *reading) bool {
	from, to := "source", "destination"
	old := s.has("hubble_http_responses_total")
	if old && (name == "hubble_http_responses_total" || strings.HasPrefix(name, "hubble_http_request_duration")) {
		from, to = to, from
	}
	var strange bool
	if into.from, strange = hubbleEnd(s, l, from); strange {
		into.from = mesh.UnknownID
	}
	if into.to, strange = hubbleEnd(s, l, to); into.to == mesh.UnknownID {
		return false
	} else if strange {
		into.to = s.outside(into.to)
	}
	switch name {
	case "hubble_http_requests_total", "hubble_http_responses_total":
		into.protocol = string(mesh.HTTP)
		into.cols = cols(classOf(l.Get("status")))
	case "hubble_tcp_flags_total":
		into.cols, into.protocol = cols(opened), string(mesh.TCP)
	case "hubble_drop_total":
		into.cols = cols(connectFail)
	}
	return true
}

// hubbleEnd reads one end: workload, app, or what the context says, which is namespace/name or one of Cilium's reserved
// identities; those are strange: no workloads.
func hubbleEnd(s *scope, l labels.Labels, side string) (id string, strange bool) {
	space := l.Get(side + "_namespace")
	for _, label := range []string{side + "_workload", side + "_app"} {
		if v := l.Get(label); !unnamed(v) {
			return s.id(v, space), false
		}
	}
	v, reserved := strings.CutPrefix(l.Get(side), "reserved:")
	if ns, name, ok := strings.Cut(v, "/"); ok && !strings.Contains(name, "/") {
		return s.id(name, ns), false
	}
	return s.end(v), reserved || slices.Contains([]string{"world", "world-ipv4", "world-ipv6", "host", "remote-node", "kube-apiserver", "health", "init", "ingress", "unmanaged"}, v)
}
